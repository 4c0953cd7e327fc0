"""The machine's own figures; the one module that knows psutil.

What the machine does not tell, in a container say, is None and never zero.
"""

from __future__ import annotations

import platform
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import psutil

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class CpuTimes:
    """Seconds that all cores together spent since the machine started."""

    busy_seconds: float
    total_seconds: float
    iowait_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """How much there is of something and how much of it is not free to be used, in bytes."""

    total_bytes: int
    used_bytes: int
    free_bytes: int


@dataclass(frozen=True, slots=True)
class DiskCounters:
    """What a block device did since the machine started."""

    name: str
    reads: int
    writes: int
    read_bytes: int
    write_bytes: int


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
    disks: tuple[DiskCounters, ...] = ()
    interfaces: tuple[InterfaceCounters, ...] = ()


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
            disks=_known(_disks) or (),
            interfaces=_known(_interfaces) or (),
        )

    def mounts(self) -> tuple[Mount, ...]:
        """Everything that is mounted, without touching any of it."""
        found = _known(lambda: psutil.disk_partitions(all=True)) or []
        return tuple(Mount(item.mountpoint, item.device, item.fstype, "ro" in item.opts.split(",")) for item in found)

    def space(self, path: str) -> Usage:
        """The space of the file system at a path; raises OSError, and never comes back while its server is dead."""
        usage = psutil.disk_usage(path)
        return Usage(usage.total, usage.used, usage.free)

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
    return CpuTimes(total - times.idle - (iowait or 0.0), total, iowait)


def _memory() -> Usage:
    memory = psutil.virtual_memory()
    return Usage(memory.total, memory.total - memory.available, memory.available)


def _swap() -> Usage:
    swap = psutil.swap_memory()
    return Usage(swap.total, swap.used, swap.free)


def _disks() -> tuple[DiskCounters, ...]:
    # nowrap keeps a table of every counter to hide an overflow; a counter that falls is a gap here anyway.
    found = psutil.disk_io_counters(perdisk=True, nowrap=False) or {}
    return tuple(DiskCounters(name, item.read_count, item.write_count, item.read_bytes, item.write_bytes) for name, item in found.items())


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
