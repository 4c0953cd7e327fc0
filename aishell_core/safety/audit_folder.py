"""The files of the audit log: its segments, its key, its head and its lock, all of them for their owner alone."""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from aishell_core.errors import StateError
from aishell_core.folders import make_private_folders
from aishell_core.safety.audit_head import Head, write_head
from aishell_core.safety.audit_record import Keys, derive_keys

_SECRET_BYTES = 32
_NAME = re.compile(r"audit-(\d{6,})-(\d{4}-\d{2}-\d{2})\.jsonl")
_LOCK_SECONDS = 10.0
_LOCK_PAUSE_SECONDS = 0.01


@dataclass(frozen=True, slots=True)
class Segment:
    """One file of the log, by its number; `day` is the day (UTC) on which it was begun."""

    number: int
    day: str
    path: Path


@dataclass(frozen=True, slots=True)
class AuditFolder:
    """Where the log lies: segments in `audit/`, beside it `audit.head`, `audit.key` and `audit.lock`."""

    state: Path

    @property
    def segments_folder(self) -> Path:
        """The folder of the segments."""
        return self.state / "audit"

    @property
    def head_path(self) -> Path:
        """The file that says where the log ends."""
        return self.state / "audit.head"

    @property
    def key_path(self) -> Path:
        """The file of the secret."""
        return self.state / "audit.key"

    @property
    def lock_path(self) -> Path:
        """The file whose lock lets one process write at a time."""
        return self.state / "audit.lock"

    def segments(self) -> tuple[Segment, ...]:
        """All segments in the order of their numbers; raises OSError."""
        if not self.segments_folder.exists():
            return ()
        found = []
        for path in self.segments_folder.iterdir():
            match = _NAME.fullmatch(path.name)
            if match is not None:
                found.append(Segment(int(match[1]), match[2], path))
        return tuple(sorted(found, key=lambda segment: (segment.number, segment.day)))

    def strangers(self) -> tuple[Path, ...]:
        """What lies among the segments and is none; raises OSError."""
        if not self.segments_folder.exists():
            return ()
        return tuple(sorted(path for path in self.segments_folder.iterdir() if _NAME.fullmatch(path.name) is None))

    def segment(self, number: int, day: str) -> Segment:
        """The segment of a number that is begun on a day."""
        return Segment(number, day, self.segments_folder / f"audit-{number:06d}-{day}.jsonl")

    def keys(self) -> Keys | None:
        """The keys, None where there is no log yet; raises OSError, and StateError for a key that cannot be one."""
        try:
            descriptor = os.open(self.key_path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            return None
        try:
            text = os.read(descriptor, 4 * _SECRET_BYTES)
        finally:
            os.close(descriptor)
        try:
            secret = bytes.fromhex(text.decode("ascii"))
        except ValueError:
            secret = b""
        if len(secret) != _SECRET_BYTES:
            raise StateError(f"{self.key_path} holds no key of an audit log", self.move_away())
        return derive_keys(secret)

    def note_record(self) -> None:
        """Keep for good that a record was written: in the lock, which outlives the other files, as a size that needs no room."""
        if not self.lock_path.lstat().st_size:
            os.truncate(self.lock_path, 1)

    def held_records(self) -> bool:
        """Whether a record was ever written here; raises OSError."""
        return self.lock_path.exists() and self.lock_path.lstat().st_size > 0

    def begin(self) -> Keys:
        """Make the key and an empty head; the key comes last, so that a key without a head means that a head was lost.

        Raises OSError, and then no head is left behind that would look like one that was lost.
        """
        make_private_folders(self.segments_folder)
        try:
            return self._begin()
        except OSError:
            for path in (self.head_path, self._fresh_key_path):
                with suppress(OSError):
                    path.unlink()
            raise

    @property
    def _fresh_key_path(self) -> Path:
        return self.key_path.with_suffix(".key.new")

    def _begin(self) -> Keys:
        secret = secrets.token_bytes(_SECRET_BYTES)
        keys = derive_keys(secret)
        with suppress(FileNotFoundError):
            self.head_path.unlink()
        write_head(self.head_path, Head(), keys)
        fresh = self._fresh_key_path
        with suppress(FileNotFoundError):
            fresh.unlink()
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            write_all(descriptor, secret.hex().encode("ascii") + b"\n")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        fresh.rename(self.key_path)
        sync_folder(self.state)
        return keys

    def disk_seconds(self) -> float:
        """What time it is by the clock that writes the times of files (epoch seconds); raises OSError. The lock must be there."""
        os.utime(self.lock_path, follow_symlinks=False)
        return self.lock_path.lstat().st_mtime

    def move_away(self) -> str:
        """The command that puts a damaged log aside, after which a new one is begun."""
        away = f"cd {quote(str(self.state))} && mkdir damaged-audit && mv audit audit.* damaged-audit"
        return f"look with aishell audit verify; to begin a new log: {away}"

    @contextmanager
    def locked(self, *, shared: bool = False) -> Iterator[None]:
        """Hold the lock of the log; raises OSError, and StateError when another process keeps it for too long."""
        flags = os.O_RDONLY if shared else os.O_RDWR | os.O_CREAT
        descriptor = os.open(self.lock_path, flags | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            self._wait(descriptor, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _wait(self, descriptor: int, kind: int) -> None:
        # Asked again and again rather than waited for: a stopped process that holds the lock must not stop everybody.
        end = time.monotonic() + _LOCK_SECONDS
        while True:
            try:
                fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > end:
                    raise StateError(
                        f"another process has held the audit log for {_LOCK_SECONDS:.0f} s", f"find it with: fuser -v {self.lock_path}"
                    ) from None
                time.sleep(_LOCK_PAUSE_SECONDS)
            else:
                return


def write_all(descriptor: int, text: bytes) -> None:
    """Write every byte; raises OSError, as for a full disk, of which the first call tells nothing when it found some room."""
    rest = memoryview(text)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder onto the disk; raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
