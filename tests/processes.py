"""The processes that hang below this one: what a test started and has to end."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

# Python's own bookkeeper of shared memory lives as long as the interpreter that started it.
_PYTHON_BOOKKEEPER = "multiprocessing.resource_tracker"


@dataclass(frozen=True, slots=True)
class ProcessMark:
    """A process that cannot be mistaken for a later one with the same number."""

    pid: int
    started_at: float
    # A server's process writes there what it does at the moment.
    command: str = field(compare=False)


def marked(pid: int) -> ProcessMark | None:
    """The mark of a process that still runs, None when it is gone or only waits to be reaped."""
    with suppress(psutil.Error, OSError):  # it may be reaped while we look
        process = psutil.Process(pid)
        if not _is_over(process):
            return ProcessMark(pid, process.create_time(), " ".join(process.cmdline()) or process.name())
    return None


def _is_over(process: psutil.Process) -> bool:
    """Whether it only waits to be reaped: its first thread may have ended while another one still holds its files and locks."""
    return process.status() == psutil.STATUS_ZOMBIE and len([*Path(f"/proc/{process.pid}/task").glob("*")]) <= 1


def suspend(pid: int) -> None:
    """Stop a process, and return when all its threads stand still: the signal reaches one after the other."""
    os.kill(pid, signal.SIGSTOP)
    until = time.monotonic() + 60
    while any(state not in "TtZ" for state in _thread_states(pid)):
        assert time.monotonic() < until, f"process {pid} does not stand still"
        time.sleep(0.001)


def _thread_states(pid: int) -> list[str]:
    states = []
    for task in Path(f"/proc/{pid}/task").glob("*/stat"):
        with suppress(OSError):  # it ends while we look
            states.append(task.read_text(errors="replace").rpartition(")")[2].split()[0])
    return states


def children(pid: int | None = None) -> frozenset[ProcessMark]:
    """All running descendants of a process, of this one by default."""
    found: set[ProcessMark] = set()
    for child in _child_ids(os.getpid() if pid is None else pid):
        mark = marked(child)
        if mark is not None and _PYTHON_BOOKKEEPER not in mark.command:
            found.add(mark)
        found |= children(child)
    return frozenset(found)


def _child_ids(pid: int) -> tuple[int, ...]:
    tasks = Path(f"/proc/{pid}/task")
    if not tasks.exists():
        with suppress(psutil.Error):
            return tuple(child.pid for child in psutil.Process(pid).children())
        return ()
    ids: list[int] = []
    with suppress(OSError):  # it ends while we look
        for listing in tasks.glob("*/children"):
            with suppress(OSError):
                ids += map(int, listing.read_text().split())
    return tuple(ids)


def survivors(marks: frozenset[ProcessMark], deadline_seconds: float = 30.0) -> frozenset[ProcessMark]:
    """Those that still run when the deadline is over; returns as soon as none is left."""
    end = time.monotonic() + deadline_seconds
    while True:
        alive = frozenset(mark for mark in marks if marked(mark.pid) == mark)
        if not alive or time.monotonic() > end:
            return alive
        time.sleep(0.02)


def end_all(marks: frozenset[ProcessMark]) -> None:
    """Kill what still runs."""
    for mark in survivors(marks, 0.0):
        with suppress(ProcessLookupError):
            os.kill(mark.pid, signal.SIGKILL)
