"""Which processes hold a file open, from the descriptors that the kernel lists under /proc."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

_PROC = Path("/proc")
_SHOWN_COMMAND = 200


@dataclass(frozen=True, slots=True)
class Holder:
    """A process that holds a file open; `started_at` (epoch seconds) tells it from a later one with the same pid."""

    pid: int
    started_at: float
    user: str
    program: str
    command: str


@dataclass(frozen=True, slots=True)
class Scan:
    """The pids found, and how many processes did not let us look."""

    pids: frozenset[int]
    hidden: int = 0


def scan(identity: tuple[int, int]) -> Scan | None:
    """All processes but our own that hold the file with this (device, inode) open; None where /proc does not list descriptors."""
    if not (_PROC / "self" / "fd").is_dir():
        return None
    found: set[int] = set()
    hidden = 0
    own = os.getpid()
    for name in os.listdir(_PROC):
        if not name.isdigit() or int(name) == own:
            continue
        holds = _holds(int(name), identity)
        if holds is None:
            hidden += 1
        elif holds:
            found.add(int(name))
    return Scan(frozenset(found), hidden)


def still_holding(pids: Iterable[int], identity: tuple[int, int]) -> frozenset[int]:
    """Those of the given processes that hold the file open now."""
    return frozenset(pid for pid in pids if _holds(pid, identity))


def describe(pids: Iterable[int]) -> Iterator[Holder]:
    """Who these processes are; one that ended in the meantime is left out."""
    for pid in pids:
        try:
            process = psutil.Process(pid)
            with process.oneshot():
                yield Holder(pid, process.create_time(), _user(process), process.name(), _command(process))
        except psutil.Error:
            continue


def _holds(pid: int, identity: tuple[int, int]) -> bool | None:
    folder = f"/proc/{pid}/fd"
    try:
        names = os.listdir(folder)
    except PermissionError:
        return None
    except OSError:  # the process has ended
        return False
    return any(_is_same(f"{folder}/{name}", identity) for name in names)


def _is_same(link: str, identity: tuple[int, int]) -> bool:
    try:
        # Only what has a path can be a file; sockets and pipes need no further look.
        if not os.readlink(link).startswith("/"):
            return False
        found = os.stat(link)
    except OSError:
        return False
    return (found.st_dev, found.st_ino) == identity


def _user(process: psutil.Process) -> str:
    try:
        return process.username()
    except (psutil.Error, KeyError):
        return ""


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())[:_SHOWN_COMMAND]
    except psutil.Error:
        return ""
