"""What Linux tells of one process, by as few reads as possible: for those who look at hundreds each second."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_TICKS = os.sysconf("SC_CLK_TCK")
_BYTES = 4096


@dataclass(frozen=True, slots=True)
class ProcessTimes:
    """The name of a process, when it started (epoch seconds) and what CPU time it has used so far."""

    name: str
    started_at: float
    cpu_seconds: float


@dataclass(frozen=True, slots=True)
class ProcessTraffic:
    """What a process caused to be read from and written to disks so far."""

    read_bytes: int
    write_bytes: int


def process_times(pid: int) -> ProcessTimes | None:
    """Name, start and CPU time (proc_pid_stat(5)); None when it is gone or the system has no such file."""
    try:
        return times_of(_read(f"/proc/{pid}/stat"), time.time() - time.clock_gettime(time.CLOCK_BOOTTIME), _TICKS)
    except (OSError, AttributeError):
        return None


def private_bytes(pid: int) -> int | None:
    """Resident memory that is not shared with others (proc_pid_statm(5)), so that a cache of all counts for none of them."""
    try:
        fields = _read(f"/proc/{pid}/statm").split()
        return max(0, int(fields[1]) - int(fields[2])) * _PAGE_BYTES
    except (OSError, IndexError, ValueError):
        return None


def process_traffic(pid: int) -> ProcessTraffic | None:
    """Disk traffic (proc_pid_io(5)); None when it is gone. Raises PermissionError where its owner alone may know."""
    try:
        return traffic_of(_read(f"/proc/{pid}/io"))
    except PermissionError:
        raise
    except OSError:
        return None


def times_of(stat: bytes, booted_at: float, ticks_per_second: int) -> ProcessTimes | None:
    """The figures of a `stat` file; None for what is no such file. The name stands in parentheses and may hold any sign."""
    head, _, tail = stat.rpartition(b")")
    fields = tail.split()
    if len(fields) < 20 or b"(" not in head:
        return None
    name = head.partition(b"(")[2].decode("utf-8", "replace")
    used = (int(fields[11]) + int(fields[12])) / ticks_per_second
    return ProcessTimes(name, booted_at + int(fields[19]) / ticks_per_second, used)


def traffic_of(io: bytes) -> ProcessTraffic | None:
    """The figures of an `io` file; None for what is no such file."""
    figures = dict(line.split(b": ", 1) for line in io.splitlines() if b": " in line)
    if b"read_bytes" not in figures or b"write_bytes" not in figures:
        return None
    return ProcessTraffic(int(figures[b"read_bytes"]), int(figures[b"write_bytes"]))


def _read(path: str) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(descriptor, _BYTES)
    finally:
        os.close(descriptor)
