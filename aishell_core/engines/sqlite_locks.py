"""Who holds which lock of a database file, found out without taking one.

SQLite locks single bytes of the files (https://sqlite.org/lockingv3.html and https://sqlite.org/walformat.html):
F_GETLK asks the kernel who stands in the way of a lock without setting it, and names one holder; where the machine has
/proc/locks, that names all of them. Neither shows locks of our own process, on purpose.
"""

from __future__ import annotations

import fcntl
import os
import platform
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from aishell_core.engines.descriptors import OpenFile
from aishell_core.engines.sqlite_file import FileLook

_FLOCK = struct.Struct("hhqqi4x")  # struct flock of Linux on 64-bit machines: type, whence, start, length, pid
_PROC_LOCKS = Path("/proc/locks")


class Lock(Enum):
    """A lock of the file format; the names are SQLite's."""

    PENDING = "pending"
    RESERVED = "reserved"
    EXCLUSIVE = "exclusive"
    SHARED = "shared"
    WRITE = "write"
    CHECKPOINT = "checkpoint"
    RECOVER = "recover"
    READ = "read"
    OPEN = "open"


WRITING = frozenset({Lock.RESERVED, Lock.PENDING, Lock.EXCLUSIVE, Lock.WRITE})
"""The locks of which one process at most holds each, and that a writer needs."""


def active_locks(in_wal_mode: bool) -> frozenset[Lock]:
    """The locks of a process that does something just now; with a write-ahead log, an idle one holds SHARED all the time."""
    return WRITING | {Lock.CHECKPOINT, Lock.RECOVER, Lock.READ if in_wal_mode else Lock.SHARED}


@dataclass(frozen=True, slots=True)
class HeldLock:
    """A lock and the process that holds it; None where the process is outside our view (another container or machine)."""

    lock: Lock
    pid: int | None


@dataclass(frozen=True, slots=True)
class _Range:
    first: int
    last: int
    written: Lock | None
    read: Lock | None

    def meaning(self, write: bool) -> Lock | None:
        return self.written if write else self.read


_FILE_RANGES: tuple[_Range, ...] = (
    _Range(0x40000000, 0x40000000, Lock.PENDING, None),
    _Range(0x40000001, 0x40000001, Lock.RESERVED, None),
    _Range(0x40000002, 0x40000002 + 509, Lock.EXCLUSIVE, Lock.SHARED),
)
_INDEX_RANGES: tuple[_Range, ...] = (
    _Range(120, 120, Lock.WRITE, None),
    _Range(121, 121, Lock.CHECKPOINT, None),
    _Range(122, 122, Lock.RECOVER, None),
    *(_Range(byte, byte, None, Lock.READ) for byte in range(123, 128)),
    _Range(128, 128, Lock.OPEN, Lock.OPEN),
)


def locks_can_be_seen() -> bool:
    """Whether this platform's lock structure is known; elsewhere who holds a lock stays unknown."""
    return platform.system() == "Linux" and struct.calcsize("P") == 8


def held_locks(look: FileLook) -> frozenset[HeldLock]:
    """All locks that other processes hold on a database at this moment; empty where they cannot be seen."""
    if not locks_can_be_seen():
        return frozenset()
    files: list[tuple[OpenFile, tuple[_Range, ...]]] = [(look.file, _FILE_RANGES)]
    if look.index_file is not None:
        files.append((look.index_file, _INDEX_RANGES))
    found = frozenset(held for file, ranges in files for held in _ask(file, ranges))
    # F_GETLK names one holder of a shared lock; the list names the others.
    return found | frozenset(_listed(files)) if found else found


def holders(locks: frozenset[HeldLock], *kinds: Lock) -> frozenset[int]:
    """The known processes that hold one of these locks."""
    return frozenset(held.pid for held in locks if held.lock in kinds and held.pid is not None)


def is_held(locks: frozenset[HeldLock], *kinds: Lock) -> bool:
    """Whether anybody, known or not, holds one of these locks."""
    return any(held.lock in kinds for held in locks)


def _ask(file: OpenFile, ranges: tuple[_Range, ...]) -> Iterator[HeldLock]:
    for part in ranges:
        # Asking for a write lock is in the way of every other lock, so any holder is named.
        question = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, part.first, part.last - part.first + 1, 0)
        kind, _, _, _, pid = _FLOCK.unpack(fcntl.fcntl(file.descriptor, fcntl.F_GETLK, question))
        meaning = part.meaning(kind == fcntl.F_WRLCK) if kind != fcntl.F_UNLCK else None
        if meaning is not None:
            yield HeldLock(meaning, pid if pid > 0 else None)


def _listed(files: list[tuple[OpenFile, tuple[_Range, ...]]]) -> Iterator[HeldLock]:
    ranges = {f"{os.major(file.device):02x}:{os.minor(file.device):02x}:{file.inode}": parts for file, parts in files}
    try:
        lines = _PROC_LOCKS.read_text("ascii", "replace").splitlines()
    except OSError:
        return
    for line in lines:
        fields = line.split()
        # "7: POSIX  ADVISORY  WRITE 4121 fe:00:10012982 120 120"; a waiting request has "->" in the second field.
        if len(fields) != 8 or fields[1] != "POSIX" or fields[5] not in ranges:
            continue
        pid = int(fields[4])
        if pid <= 0 or pid == os.getpid() or not fields[6].isdigit():
            continue
        for part in ranges[fields[5]]:
            meaning = part.meaning(fields[3] == "WRITE")
            if meaning is not None and part.first <= int(fields[6]) <= part.last:
                yield HeldLock(meaning, pid)
