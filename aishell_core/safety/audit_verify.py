"""Whether the audit log is as it was written: every line, its order, its beginning and its end."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from aishell_core.errors import StateError
from aishell_core.safety.audit_folder import AuditFolder, Segment
from aishell_core.safety.audit_head import FoundHead, Head, read_head
from aishell_core.safety.audit_record import Field, Keys, Link, Record, decode, moment_of, torn_note

_OTHERS = 0o077
_OTHERS_WRITE = 0o022
_STEP = timedelta(minutes=1)
"""Clocks are set by so much without anything to remark on."""
_MOST_STEPS = 10
_RESULT_OF = re.compile(rb'"event":"result","attempt":(\d+),')
NO_LOG = "there is no audit log yet"
NEVER_RECORDED = "nothing was ever recorded here: a log was begun, and its first record could not be written"
"""As after a start that failed half-way on a full disk."""
LOG_GONE = "records were written here, as the lock tells, and all of them are gone, with their head and key"


@dataclass(frozen=True, slots=True)
class Damage:
    """Something that is not as it was written: the file, the line (0 for the file as a whole), and what is wrong."""

    file: Path
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.what}" if self.line else f"{self.file}: {self.what}"


@dataclass(frozen=True, slots=True)
class Verification:
    """What was found: damage, and remarks on what is no damage, such as a line that a crash cut off.

    `last` is the end of the chain; kept elsewhere, it proves later that nothing up to it was taken back. `expired` is how many
    records were taken away because of their age.
    """

    records: int = 0
    segments: int = 0
    first_sequence: int = 0
    last: Link = field(default_factory=Link)
    expired: int = 0
    damage: tuple[Damage, ...] = ()
    remarks: tuple[str, ...] = ()
    unfinished: tuple[int, ...] = ()


def verify(state: Path, expected: Link | None = None, *, now: float | None = None) -> Verification:
    """Check the whole log of a state folder; `expected` is an end that was noted earlier, which must still be in it.

    `now` (epoch seconds) is the time beyond which no record can be.

    Raises StateError where the log cannot be read. Writers wait only while the ends of the files are looked up.
    """
    folder = AuditFolder(state)
    try:
        with folder.locked(shared=True) if folder.lock_path.exists() else nullcontext():
            keys, head = folder.keys(), None
            if keys is not None and folder.head_path.exists():
                head = read_head(folder.head_path, keys)
            segments = folder.segments()
            sizes = {segment.number: segment.path.stat().st_size for segment in segments}
        if not any(sizes.values()) and not folder.held_records() and not _told_of_records(folder, head):
            return Verification(segments=len(segments), remarks=(NEVER_RECORDED if folder.lock_path.exists() else NO_LOG,))
        if keys is None:
            return _without_key(folder, segments)
        latest = None if now is None else datetime.fromtimestamp(now, UTC)
        return _Checker(folder, keys, head, expected, latest).check(segments, sizes)
    except OSError as error:
        raise StateError(
            f"the audit log in {folder.segments_folder} cannot be read: {error.strerror or error}", "run it as its owner"
        ) from error


def _told_of_records(folder: AuditFolder, found: FoundHead | None) -> bool:
    """Whether the head tells of records or cannot be trusted, or was lost: a key is made after it."""
    if found is not None:
        return found.head is None or found.head.sequence > 0
    if not folder.head_path.exists():
        return folder.key_path.exists()
    content = folder.head_path.read_bytes()
    return bool(content) and b'"sequence":0,' not in content


def _without_key(folder: AuditFolder, segments: tuple[Segment, ...]) -> Verification:
    if not segments and not folder.head_path.exists():
        return Verification(damage=(Damage(folder.segments_folder, 0, LOG_GONE),))
    return Verification(segments=len(segments), damage=(Damage(folder.key_path, 0, "the key is gone, so that nothing can be checked"),))


class _Checker:
    """Walks along the chain; what does not fit is damage, and after each fault it goes on from the next genuine record."""

    def __init__(self, folder: AuditFolder, keys: Keys, head: FoundHead | None, expected: Link | None, latest: datetime | None) -> None:
        self._folder = folder
        self._keys = keys
        self._found = head
        self._head = head.head if head is not None and head.head is not None else Head()
        self._expected = expected
        self._met_expected = expected is None
        self._damage: list[Damage] = []
        self._remarks: list[str] = []
        self._latest = latest
        self._before: datetime | None = None
        self._steps: list[str] = []
        self._open: set[int] = set()
        self._records = 0
        self._end: Link = self._head.first_link
        self._strange: list[tuple[Path, int, bytes]] = []

    def check(self, segments: tuple[Segment, ...], sizes: dict[int, int]) -> Verification:
        """Look at the head, then at every line of every segment, then at the end."""
        self._check_head()
        kept = tuple(segment for segment in segments if segment.number >= self._head.first_segment)
        self._check_files(kept)
        for segment in kept:
            self._check_segment(segment, sizes[segment.number])
        self._check_end()
        remarks = (*self._remarks, *_first_of(self._steps))
        first = self._head.first_sequence
        return Verification(self._records, len(kept), first, self._end, first - 1, tuple(self._damage), remarks, tuple(sorted(self._open)))

    def _add(self, file: Path, line: int, what: str) -> None:
        self._damage.append(Damage(file, line, what))

    def _check_head(self) -> None:
        if self._found is None:
            self._add(self._folder.head_path, 0, "the head is gone: nothing says where the log ended")
        elif self._found.head is None:
            self._add(self._folder.head_path, 0, "the head was changed: nothing says where the log ended")
        elif not self._found.whole:
            self._add(self._folder.head_path, 0, "one of the two slots of the head was changed")

    def _check_files(self, segments: tuple[Segment, ...]) -> None:
        for path in self._folder.strangers():
            self._add(path, 0, "this is no file of the log")
        known = self._found is not None and self._found.head is not None
        first = self._head.first_segment if known else segments[0].number if segments else 0
        for segment in segments:
            if segment.path.is_symlink() or not segment.path.is_file():
                self._add(segment.path, 0, "this is no file of the log, but a link to one or something else")
        for number, segment in enumerate(segments, first):
            if segment.number != number:
                self._add(segment.path, 0, "the file before this one is missing, or its number is taken twice")
                break
        for folder, forbidden in ((self._folder.segments_folder, _OTHERS), (self._folder.state, _OTHERS_WRITE)):
            if folder.exists() and folder.stat().st_mode & forbidden:
                self._remarks.append(f"others may look into {folder} or put files there: chmod 700 {folder}")
        for path in (self._folder.key_path, self._folder.head_path, *(segment.path for segment in segments)):
            if path.exists() and path.stat().st_mode & _OTHERS:
                self._remarks.append(f"others may read or write {path}: chmod 600 {path}")

    def _check_segment(self, segment: Segment, size: int) -> None:
        is_first = True
        for number, line, ended in _lines(segment.path, size):
            record = decode(line, self._keys) if ended else None
            if record is None:
                self._strange.append((segment.path, number, line))
                continue
            if is_first and not str(record.fields.get("time", "")).startswith(segment.day):
                self._add(segment.path, 0, "the file was given another name: its first record is of another day")
            is_first = False
            self._known(segment.path, number, record)

    def _known(self, file: Path, number: int, record: Record) -> None:
        explained = self._settle_strange(record)
        if record.sequence != self._end.sequence + 1:
            if explained or record.sequence <= self._end.sequence:
                self._add(file, number, _gap(self._end.sequence + 1, record.sequence))
        elif record.previous != self._end.mac and explained:
            self._add(file, number, f"record {record.sequence} does not follow the one before it")
        found = record.fields.get("found")
        if isinstance(found, str):
            self._add(file, number, f"when record {record.sequence} was written, {found}")
        self._records += 1
        self._end = Link(record.sequence, record.mac)
        self._met_expected = self._met_expected or self._end == self._expected
        self._follow(record)
        self._look_at_clock(record)

    def _look_at_clock(self, record: Record) -> None:
        """Remark on a time that lies before that of the record before it, or that has not come yet: one of the two clocks was wrong."""
        moment, before = moment_of(record), self._before
        self._before = moment
        if before is not None and moment < before - _STEP:
            told = f"record {record.sequence} was written at {moment:%Y-%m-%d %H:%M} and the one before it at {before:%Y-%m-%d %H:%M}"
            self._steps.append(f"{told}: the clock was ahead then, or is behind since")
        elif self._latest is not None and moment > self._latest + _STEP and (before is None or before <= self._latest + _STEP):
            self._steps.append(f"record {record.sequence} is of {moment:%Y-%m-%d %H:%M}, which has not come yet: the clock was ahead")

    def _settle_strange(self, record: Record) -> bool:
        """Whether the lines before a record that are none are explained by it, as what a crash had left; else they are damage."""
        strange, self._strange = self._strange, []
        torn = record.fields.get("torn")
        if isinstance(torn, dict) and _digest(strange) == torn:
            where = ", ".join(f"{file}:{number}" for file, number, _ in strange)
            self._remarks.append(f"{where}: a record that a crash cut off; {_cut_off(strange[0][2])}")
            return True
        for file, number, _ in strange:
            self._add(file, number, "the line was changed")
        if isinstance(torn, dict):
            file, number = (strange[-1][0], strange[-1][1]) if strange else (self._folder.segments_folder, 0)
            self._add(file, number, f"the cut-off line that record {record.sequence} tells of is gone or was changed")
        return not strange

    def _follow(self, record: Record) -> None:
        """Keep the attempts that were allowed and have no result."""
        attempt = record.fields.get("attempt")
        if record.fields.get("event") == "result" and isinstance(attempt, int):
            self._open.discard(attempt)
        elif record.fields.get("decision") == "allowed":
            self._open.add(record.sequence)

    def _check_end(self) -> None:
        last = self._head.sequence
        folder = self._folder.segments_folder
        if self._strange:
            file, number, line = self._strange[-1]
            ended = len(self._strange) > 1 or _ends_with_newline(file, number)
            if self._end.sequence >= last and not ended:
                self._remarks.append(f"{file}:{number}: {len(line)} bytes of a record that a crash cut off; {_cut_off(line)}")
            else:
                for strange_file, strange_number, _ in self._strange:
                    self._add(strange_file, strange_number, "the line was changed or cut off")
        if self._end.sequence < last:
            self._add(folder, 0, f"the log ends with record {self._end.sequence}, and {last} were written: the last ones are missing")
        elif self._end.sequence == last and self._end.mac != self._head.mac and self._found is not None:
            self._add(folder, 0, f"record {last} is not the one that was written last")
        elif self._end.sequence > last and self._found is not None and self._found.head is not None:
            self._remarks.append(f"record {self._end.sequence} was written and a crash came before the head knew of it")
        if not self._met_expected and self._expected is not None:
            self._add(folder, 0, f"record {self._expected.sequence} with the signature that was expected is not in the log")


def _first_of(steps: list[str]) -> list[str]:
    more = len(steps) - _MOST_STEPS
    return steps if more <= 0 else [*steps[:_MOST_STEPS], f"{more} more times that go back or have not come"]


def _gap(wanted: int, found: int) -> str:
    if found < wanted:
        return f"record {found} stands behind record {wanted - 1}"
    missing = f"record {wanted} is" if found == wanted + 1 else f"records {wanted} to {found - 1} are"
    return f"{missing} missing before record {found}"


def _cut_off(line: bytes) -> str:
    """What the rest of a record means: an attempt is on the disk before its act begins, a result is written after it.

    No text in a record can look like these fields, because its quotes are escaped.
    """
    attempt = _RESULT_OF.search(line)
    if attempt is not None:
        return f"it is the result of attempt {attempt[1].decode()}, so that was begun, and how it ended is not known"
    if b'"event":"result"' in line:
        return "it is the result of an attempt that was begun, and how that ended is not known"
    if b'"event":"attempt"' in line:
        return "it is an attempt, and what it tells of was not done"
    return "it is an attempt that was not begun, or the result of one that was: see those without a result"


def _digest(strange: list[tuple[Path, int, bytes]]) -> dict[str, Field]:
    return torn_note(b"\n".join(line for _, _, line in strange))


def _lines(path: Path, size: int) -> Iterator[tuple[int, bytes, bool]]:
    """The lines of a file up to a size, numbered from 1, each with whether a line end follows."""
    left = size
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            part = line[:left]
            left -= len(part)
            if part:
                yield number, part.removesuffix(b"\n"), part.endswith(b"\n")
            if left <= 0:
                return


def _ends_with_newline(path: Path, number: int) -> bool:
    return any(place == number and ended for place, _, ended in _lines(path, path.stat().st_size))
