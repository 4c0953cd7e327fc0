"""Adding one record to the log: after what a crash has left, into a new segment when it is time, and the head behind it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from aishell_core.errors import StateError
from aishell_core.safety.audit_age import borne_out_ages
from aishell_core.safety.audit_folder import AuditFolder, Segment, sync_folder, write_all
from aishell_core.safety.audit_head import Head, read_head, write_head
from aishell_core.safety.audit_look import Look, read_look, stats_of, write_look
from aishell_core.safety.audit_record import TIME_FORMAT, Field, Keys, Link, Record, decode, encode, moment_of, torn_note

LONGEST_STATEMENT = 16_384
_LONGEST_TEXT = 1_024


@dataclass(frozen=True, slots=True)
class AuditLimits:
    """When a new segment is begun (size in bytes; each day begins one too) and how many days segments are kept."""

    segment_bytes: int = 8 * 2**20
    keep_days: int = 365


class AuditWriter:
    """Adds records while the lock is held; raises OSError, and StateError where the key of a log is gone."""

    def __init__(self, folder: AuditFolder, now: float, limits: AuditLimits) -> None:
        self._folder = folder
        self._limits = limits
        self._moment = datetime.fromtimestamp(now, UTC)
        self._segments = folder.segments()
        self._notes: dict[str, Field] = {}
        self.keys = folder.keys() or self._begun()
        self._head = self._found_head()

    def add(self, fields: Mapping[str, Field]) -> Link:
        """Add one record, first catching up with what a crash has left."""
        seen = self._look()
        segment, before = self._catch_up()
        whole = {"time": self._moment.strftime(TIME_FORMAT), **_short(fields), **self._notes}
        line, link = encode(self._head.link, whole, self.keys)
        head = self._head
        if before > 0 and (before + len(line) > self._limits.segment_bytes or segment.day != self._day):
            segment = self._folder.segment(segment.number + 1, self._day)
            kept = self._first_kept()
            if kept is not None:
                number, first = kept
                head = replace(head, first_segment=number, first_sequence=first.sequence, first_previous=first.previous)
                line, link = encode(head.link, {**whole, "expired_before": first.sequence}, self.keys)
        size = self._append(segment, line)
        self._head = head.moved(link, segment.number, size)
        write_head(self._folder.head_path, self._head, self.keys)
        self._folder.note_record()
        self._remove_expired()
        if seen is not None:
            write_look(self._folder, self.keys, replace(seen, stats=stats_of(self._folder)))
        return link

    def _look(self) -> Look | None:
        """The last look at every line, where nobody but we has changed the files since: our own line changes nothing of it."""
        seen = read_look(self._folder, self.keys)
        return seen if seen is not None and seen.stats == stats_of(self._folder) else None

    @property
    def _day(self) -> str:
        return self._moment.strftime("%Y-%m-%d")

    def _begun(self) -> Keys:
        if self._segments:
            what = f"the key of the audit log is gone: {self._folder.key_path}"
            raise StateError(f"the action is not carried out: {what}", self._folder.move_away())
        if self._folder.held_records():
            self._notes["found"] = "all that was recorded before was gone, with its key"
        return self._folder.begin()

    def _found_head(self) -> Head:
        """The head; where it was lost, one that continues what is there, and the loss is written down for good."""
        with suppress(FileNotFoundError):
            found = read_head(self._folder.head_path, self.keys)
            if found.head is not None:
                if not found.whole:
                    self._notes["found"] = "one of the two slots of the head was damaged"
                return found.head
        self._notes["found"] = "the head was missing or damaged"
        last, segment = self._last_record()
        begun = segment.number if segment is not None else 1
        size = segment.path.stat().st_size if segment is not None else 0
        link = Link(last.sequence, last.mac) if last is not None else Link()
        return Head(sequence=link.sequence, mac=link.mac, segment=begun, size=size)

    def _last_record(self) -> tuple[Record | None, Segment | None]:
        for segment in reversed(self._segments):
            for line in reversed(segment.path.read_bytes().split(b"\n")):
                record = decode(line, self.keys)
                if record is not None:
                    return record, segment
        return None, self._segments[-1] if self._segments else None

    def _catch_up(self) -> tuple[Segment, int]:
        """The segment to write to and its size, after taking in records that a crash kept the head from knowing."""
        by_number = {segment.number: segment for segment in self._segments}
        number, known = self._head.segment, self._head.size
        segment = by_number.get(number) or self._folder.segment(number, self._day)
        size = self._take_in(segment, known)
        while (later := by_number.get(number + 1)) is not None:
            number, segment = number + 1, later
            size = self._take_in(segment, 0)
        return segment, size

    def _take_in(self, segment: Segment, known: int) -> int:
        """Take in genuine records beyond the known size of a segment, end a torn line, and return the size."""
        try:
            size = segment.path.stat().st_size
        except FileNotFoundError:
            return 0
        if size <= known:
            return size
        with segment.path.open("rb") as file:
            file.seek(known)
            rest = file.read()
        strange: list[bytes] = []
        *lines, torn = rest.split(b"\n")
        for line in lines:
            record = decode(line, self.keys)
            if record is None:
                strange.append(line)
            elif self._follows(record):
                self._head = replace(self._head, sequence=record.sequence, mac=record.mac)
                strange = []
        if torn:
            strange.append(torn)
        if strange:
            self._notes["torn"] = torn_note(b"\n".join(strange))
        return size

    def _follows(self, record: Record) -> bool:
        return record.sequence == self._head.sequence + 1 and record.previous == self._head.mac

    def _append(self, segment: Segment, line: bytes) -> int:
        """Add a line to a segment and onto the disk, and return its new size; on a fault the segment is as it was before."""
        path = segment.path
        is_new = not path.exists()
        self._folder.segments_folder.mkdir(mode=0o700, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(path, flags, 0o600)
        try:
            size = os.fstat(descriptor).st_size
            text = line if size == 0 or os.pread(descriptor, 1, size - 1) == b"\n" else b"\n" + line
            try:
                write_all(descriptor, text)
                os.fsync(descriptor)
            except OSError:
                with suppress(OSError):
                    os.ftruncate(descriptor, size)
                raise
        finally:
            os.close(descriptor)
        if is_new:
            sync_folder(self._folder.segments_folder)
        return size + len(text)

    # Segments that are too old

    def _first_kept(self) -> tuple[int, Record] | None:
        """The first segment that is not too old, with its first record; None when all of them stay.

        Told from the signed times of the segments' first records, because anybody could give a file another name, and from
        when each file was written last by the clock of the disk. Both have to say that it is too old, so that a clock that is
        ahead takes nothing away, however often: neither that of a process nor, as far as records can tell, that of the machine.
        """
        firsts = [self._first_record(segment) for segment in self._segments]
        newest, _ = self._last_record()
        known = [record for record in firsts if record is not None]
        ends = [self._moment, *(() if newest is None else (moment_of(newest),))]
        ages = dict(zip((record.sequence for record in known), borne_out_ages([*map(moment_of, known)], ends), strict=True))
        keep, disk_now = timedelta(days=self._limits.keep_days), self._folder.disk_seconds()
        kept = None
        for segment, following, first in zip(self._segments, self._segments[1:], firsts[1:], strict=False):
            if first is None or ages[first.sequence] <= keep:
                break
            if disk_now - segment.path.stat().st_mtime <= keep.total_seconds():
                break
            kept = following.number, first
        return kept

    def _first_record(self, segment: Segment) -> Record | None:
        with segment.path.open("rb") as file:
            return decode(file.readline().rstrip(b"\n"), self.keys)

    def _remove_expired(self) -> None:
        for segment in self._segments:
            if segment.number < self._head.first_segment:
                with suppress(OSError):
                    segment.path.unlink()


def shortened(text: str, longest: int) -> str:
    """The text, or its beginning with the number of characters that are left out."""
    return text if len(text) <= longest else f"{text[:longest]} … {len(text) - longest} more characters"


def _short(fields: Mapping[str, Field]) -> dict[str, Field]:
    """The fields with texts of a length that no person writes by hand cut off; a statement has a limit of its own."""
    return {
        name: shortened(value, LONGEST_STATEMENT + 64 if name == "statement" else _LONGEST_TEXT) if isinstance(value, str) else value
        for name, value in fields.items()
    }
