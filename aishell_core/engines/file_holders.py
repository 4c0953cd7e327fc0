"""Which processes hold a file open, from the descriptors that the kernel lists under /proc."""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from aishell_core.engines.own_program import is_aishell

Identity = tuple[int, int]
"""A file's device and inode."""

_PROC = Path("/proc")
_SHOWN_COMMAND = 200
_REST_AFTER_SCAN = 100.0
_INTERPRETER = re.compile(r"(?:python|pypy|ruby|perl|php|node|java)[\d.]*$")


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


class FileHolders:
    """One scan of all processes serves all files that are watched, however many there are."""

    def __init__(self, steady: Callable[[], float] = time.monotonic) -> None:
        self._steady = steady
        self._lock = threading.Lock()
        self._found: dict[Identity, set[int]] = {}
        self._hidden = 0
        self._scanned_at = -float("inf")
        self._took_seconds = 0.0

    def of(self, identity: Identity, oldest_seconds: float) -> Scan | None:
        """All processes but aishell's, ours and others, that hold this file open; None where /proc lists no descriptors.

        As seen at most so long ago; on a machine with very many processes longer, so that scans take 1 % of a core at most.
        """
        if not (_PROC / "self" / "fd").is_dir():
            return None
        with self._lock:
            new = identity not in self._found
            if new or self._steady() - self._scanned_at > max(oldest_seconds, _REST_AFTER_SCAN * self._took_seconds):
                self._found[identity] = set()
                self._scan()
            return Scan(frozenset(self._found[identity]), self._hidden)

    def forget(self, identity: Identity) -> None:
        """Stop looking for this file."""
        with self._lock:
            self._found.pop(identity, None)

    def _scan(self) -> None:
        begun = self._steady()
        for pids in self._found.values():
            pids.clear()
        self._hidden = 0
        own = os.getpid()
        for pid in psutil.pids():
            if pid != own and not self._look_into(pid):
                self._hidden += 1
        self._scanned_at = self._steady()
        self._took_seconds = self._scanned_at - begun

    def _look_into(self, pid: int) -> bool:
        files = open_files(pid)
        if files is None:
            return False
        for identity in files:
            pids = self._found.get(identity)
            if pids is not None and not is_aishell(pid):
                pids.add(pid)
        return True


FILE_HOLDERS = FileHolders()
"""The scan that all targets of this process share."""


def still_holding(pids: Iterable[int], identity: Identity) -> frozenset[int]:
    """Those of the given processes that hold the file open now; one that lets nobody look counts as holding it."""
    return frozenset(pid for pid in pids if (files := open_files(pid)) is None or identity in files)


def describe(pids: Iterable[int]) -> Iterator[Holder]:
    """Who these processes are; one that ended in the meantime is left out."""
    for pid in pids:
        try:
            process = psutil.Process(pid)
            with process.oneshot():
                command = _command(process)
                yield Holder(
                    pid,
                    process.create_time(),
                    _user(process),
                    program_name(process.name(), command),
                    " ".join(" ".join(command).split())[:_SHOWN_COMMAND],
                )
        except psutil.Error:
            continue


# A scan looks at thousands of descriptors: plain strings cost half of what paths do (hence the noqa marks).
def open_files(pid: int) -> set[Identity] | None:
    """The files that a process holds open; empty when it has ended, None when it does not let us look."""
    folder = f"/proc/{pid}/fd"
    try:
        names = os.listdir(folder)  # noqa: PTH208
    except PermissionError:
        return None
    except OSError:
        return set()
    return {identity for name in names if (identity := _identity(f"{folder}/{name}")) is not None}


def _identity(link: str) -> Identity | None:
    try:
        # Only what has a path can be a file; sockets and pipes need no further look.
        if not os.readlink(link).startswith("/"):  # noqa: PTH115
            return None
        found = os.stat(link)  # noqa: PTH116
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _user(process: psutil.Process) -> str:
    try:
        return process.username()
    except (psutil.Error, KeyError):
        return ""


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def program_name(name: str, command: list[str]) -> str:
    """What people call a program: for an interpreter the script or module that it runs."""
    if not _INTERPRETER.match(name):
        return name
    for place, argument in enumerate(command[1:], start=1):
        if argument == "-m" and place + 1 < len(command):
            return command[place + 1]
        if argument in {"-c", "-e"}:
            break
        if not argument.startswith("-"):
            return Path(argument).name
    return name
