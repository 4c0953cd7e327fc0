"""Raw descriptors of database files, opened once per file and process.

POSIX drops *all* locks that a process holds on a file when the process closes *any* descriptor of that file. SQLite
locks that way, so a monitor that opens, reads and closes a database file would silently unlock every SQLite connection
of its own process on that file: its own, and those of an application that embeds it. Therefore a descriptor that was
opened here stays open until the file itself is gone (no name leads to it any more), and all readers of this process
share it. SQLite's own library keeps the same rule for the descriptors that it opens.
"""

from __future__ import annotations

import os
import stat
import threading
from dataclasses import dataclass
from pathlib import Path

from aishell_core.engines.kernel_files import kernel_file_system


@dataclass(frozen=True, slots=True)
class OpenFile:
    """A descriptor and what the file was when it was asked for; the descriptor is not the caller's to close."""

    descriptor: int
    device: int
    inode: int
    size_bytes: int
    modified_nanoseconds: int
    owner: int

    @property
    def identity(self) -> tuple[int, int]:
        """What tells this file from every other one that exists at the same time."""
        return self.device, self.inode


class NotRegularFileError(OSError):
    """The path leads to something that must not be opened; `kind` says what."""

    def __init__(self, path: Path, kind: str) -> None:
        super().__init__(f"{path} is a {kind}")
        self.kind = kind


_KINDS = (
    (stat.S_ISDIR, "directory"),
    (stat.S_ISFIFO, "named pipe"),
    (stat.S_ISSOCK, "socket"),
    (stat.S_ISCHR, "character device"),
    (stat.S_ISBLK, "block device"),
)


def _require_regular(path: Path, mode: int) -> None:
    if not stat.S_ISREG(mode):
        raise NotRegularFileError(path, next((name for test, name in _KINDS if test(mode)), "special file"))


class Descriptors:
    """The descriptors of one process; `DESCRIPTORS` is the only one it should have."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[tuple[int, int], int] = {}

    def open(self, path: Path) -> OpenFile:
        """The file at this path, read-only; raises OSError, and NotRegularFileError before a special file is opened."""
        named = path.stat()
        _require_regular(path, named.st_mode)
        with self._lock:
            descriptor = self._open.get((named.st_dev, named.st_ino))
        if descriptor is None:
            return self._open_new(path)
        return OpenFile(descriptor, named.st_dev, named.st_ino, named.st_size, named.st_mtime_ns, named.st_uid)

    def sweep(self) -> None:
        """Close the descriptors of files that no name leads to any more: nobody can come to lock those."""
        with self._lock:
            for identity, descriptor in tuple(self._open.items()):
                if os.fstat(descriptor).st_nlink == 0:
                    del self._open[identity]
                    os.close(descriptor)

    def count(self) -> int:
        """How many descriptors are open."""
        with self._lock:
            return len(self._open)

    def _open_new(self, path: Path) -> OpenFile:
        kind = kernel_file_system(path)
        if kind:
            raise NotRegularFileError(path, f"file of the kernel ({kind})")
        # Non-blocking, in case the file was replaced by a named pipe since it was looked at.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            os.close(descriptor)
            _require_regular(path, found.st_mode)
        with self._lock:
            # Where two threads opened the file at once, the second descriptor must stay open as well; it is kept until the end.
            kept = self._open.setdefault((found.st_dev, found.st_ino), descriptor)
        return OpenFile(kept, found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_uid)


DESCRIPTORS = Descriptors()
"""The descriptors of this process."""
