"""The machine's own figures; the one module that knows psutil.

What the machine does not tell, in a container say, is None and never zero.
"""

from __future__ import annotations

import os
import platform
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import psutil

from aishell_core.engines.host_kernel import NO_EVENTS, ClockState, MemoryEvents, clock_state, memory_events, raid_text

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class CpuTimes:
    """Seconds that all cores together spent since the machine started."""

    busy_seconds: float
    total_seconds: float
    iowait_seconds: float | None = None
    steal_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """How much there is of something and how much of it is not free to be used, in bytes."""

    total_bytes: int
    used_bytes: int
    free_bytes: int


@dataclass(frozen=True, slots=True)
class Space(Usage):
    """The space of a file system; with how many files it may have and how many more, 0 where it sets no limit."""

    most_files: int = 0
    free_files: int = 0


@dataclass(frozen=True, slots=True)
class DiskCounters:
    """What a block device did since the machine started; times are sums over all operations, None where nobody counts them."""

    name: str
    reads: int
    writes: int
    read_bytes: int
    write_bytes: int
    read_milliseconds: float | None = None
    write_milliseconds: float | None = None
    busy_milliseconds: float | None = None


@dataclass(frozen=True, slots=True)
class InterfaceCounters:
    """What a network interface did since it came up."""

    name: str
    received_bytes: int
    sent_bytes: int


@dataclass(frozen=True, slots=True)
class Mount:
    """A mounted file system, of any kind."""

    path: str
    device: str
    kind: str
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class HostLook:
    """All that changes all the time, at one moment."""

    cpu: CpuTimes | None = None
    cores: int | None = None
    load_1m: float | None = None
    memory: Usage | None = None
    swap: Usage | None = None
    events: MemoryEvents = NO_EVENTS
    disks: tuple[DiskCounters, ...] = ()
    interfaces: tuple[InterfaceCounters, ...] = ()


@dataclass(frozen=True, slots=True)
class HostState:
    """What changes seldom: the text of /proc/mdstat and what the kernel knows of its clock."""

    raids: str | None = None
    clock: ClockState | None = None


@dataclass(frozen=True, slots=True)
class HostIdentity:
    """What stays the same until the machine is started anew."""

    name: str
    system: str
    kernel: str
    architecture: str
    cores: int | None
    memory_bytes: int | None
    started_at: float | None


@dataclass(frozen=True, slots=True)
class ProcessLook:
    """What one process has used so far; None where it may not be known."""

    cpu_seconds: float | None
    resident_bytes: int | None
    read_bytes: int | None
    write_bytes: int | None


def _known(call: Callable[[], _T]) -> _T | None:
    """The answer, or None where this machine, its kernel or its container has none."""
    try:
        return call()
    except (OSError, RuntimeError, NotImplementedError, AttributeError, psutil.Error):
        # AttributeError: psutil leaves out a function that the platform has no means for.
        return None


class LocalHost:
    """The machine that aishell runs on; every method blocks."""

    def __init__(self) -> None:
        # Where /proc says less than psutil expects it warns on standard error, which is the dashboard's screen.
        warnings.filterwarnings("ignore", message=".*stats couldn't be determined", category=RuntimeWarning)

    def look(self) -> HostLook:
        """The figures of this moment."""
        return HostLook(
            cpu=_known(_cpu_times),
            cores=_known(psutil.cpu_count),
            load_1m=_known(lambda: psutil.getloadavg()[0]),
            memory=_known(_memory),
            swap=_known(_swap),
            events=_known(memory_events) or NO_EVENTS,
            disks=_known(_disks) or (),
            interfaces=_known(_interfaces) or (),
        )

    def mounts(self) -> tuple[Mount, ...]:
        """Everything that is mounted, without touching any of it."""
        found = _known(lambda: psutil.disk_partitions(all=True)) or []
        return tuple(Mount(item.mountpoint, item.device, item.fstype, "ro" in item.opts.split(",")) for item in found)

    def space(self, path: str) -> Space:
        """The space of the file system at a path; raises OSError, and never comes back while its server is dead."""
        usage = psutil.disk_usage(path)
        files = _known(lambda: os.statvfs(path))
        return Space(usage.total, usage.used, usage.free, files.f_files if files else 0, files.f_favail if files else 0)

    def state(self) -> HostState:
        """What changes seldom."""
        return HostState(raids=_known(raid_text), clock=_known(clock_state))

    def identity(self) -> HostIdentity:
        """What the machine says of itself."""
        memory = _known(_memory)
        return HostIdentity(
            name=platform.node(),
            system=_system_name(),
            kernel=f"{platform.system()} {platform.release()}",
            architecture=platform.machine(),
            cores=_known(psutil.cpu_count),
            memory_bytes=memory.total_bytes if memory else None,
            started_at=_known(psutil.boot_time),
        )


def look_at_process(pid: int) -> ProcessLook | None:
    """What a process has used so far; None when it is gone."""
    try:
        process = psutil.Process(pid)
    except (psutil.Error, OSError, ValueError):
        return None
    with process.oneshot():
        cpu = _known(process.cpu_times)
        memory = _known(process.memory_info)
        # macOS has no such method, and Linux tells it only to the process's owner.
        traffic = _known(lambda: process.io_counters())
    return ProcessLook(
        cpu_seconds=cpu.user + cpu.system if cpu else None,
        resident_bytes=memory.rss if memory else None,
        read_bytes=traffic.read_bytes if traffic else None,
        write_bytes=traffic.write_bytes if traffic else None,
    )


def _cpu_times() -> CpuTimes:
    times = psutil.cpu_times()
    # Linux counts a guest's time as its host's user time too.
    total = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
    iowait: float | None = getattr(times, "iowait", None)
    steal: float | None = getattr(times, "steal", None)
    return CpuTimes(total - times.idle - (iowait or 0.0), total, iowait, steal)


def _memory() -> Usage:
    memory = psutil.virtual_memory()
    return Usage(memory.total, memory.total - memory.available, memory.available)


def _swap() -> Usage:
    swap = psutil.swap_memory()
    return Usage(swap.total, swap.used, swap.free)


def _disks() -> tuple[DiskCounters, ...]:
    # nowrap keeps a table of every counter to hide an overflow; a counter that falls is a gap here anyway.
    found = psutil.disk_io_counters(perdisk=True, nowrap=False) or {}
    return tuple(
        DiskCounters(
            *(name, item.read_count, item.write_count, item.read_bytes, item.write_bytes),
            # macOS tells no busy time, some systems no times at all.
            *(getattr(item, part, None) for part in ("read_time", "write_time", "busy_time")),
        )
        for name, item in found.items()
    )


def _interfaces() -> tuple[InterfaceCounters, ...]:
    found = psutil.net_io_counters(pernic=True, nowrap=False) or {}
    return tuple(InterfaceCounters(name, item.bytes_recv, item.bytes_sent) for name, item in found.items())


def _system_name() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return f"{platform.system()} {platform.release()}"


def is_this_host(name: str) -> bool:
    """Whether a host name in a URL means the machine that aishell runs on."""
    return name.lower() in {"", "localhost", "127.0.0.1", "::1", platform.node().lower()}


def process_name(pid: int) -> str:
    """The program's name of a process of this machine, "" when there is none or it may not be known."""
    try:
        return str(psutil.Process(pid).name())
    except (psutil.Error, OSError, ValueError):
        return ""
