"""What the Linux kernel tells of memory, RAID and its clock in files and by one call.

On another system, or where a container hides it, there is nothing: None, never zero.
"""

from __future__ import annotations

import ctypes
import errno
import os
from dataclasses import dataclass
from pathlib import Path

_VMSTAT = Path("/proc/vmstat")
_MDSTAT = Path("/proc/mdstat")
# From the kernel's uapi/linux/timex.h.
_STA_UNSYNC = 0x0040
_STA_NANO = 0x2000


@dataclass(frozen=True, slots=True)
class MemoryEvents:
    """What happened for want of memory since the machine started."""

    major_faults: int | None = None
    kills: int | None = None


NO_EVENTS = MemoryEvents()
"""Where nothing is told."""


@dataclass(frozen=True, slots=True)
class ClockState:
    """What the kernel knows of its clock: how far it is off, in seconds, and whether anybody sets it right."""

    offset_seconds: float
    synchronised: bool


class _Timex(ctypes.Structure):
    """The head of the kernel's struct timex; what comes after the status is not looked at."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 256),
    )


def memory_events() -> MemoryEvents:
    """The counters pgmajfault and oom_kill of /proc/vmstat; raises OSError where there is no such file."""
    return parse_vmstat(_VMSTAT.read_text(encoding="ascii", errors="replace"))


def parse_vmstat(text: str) -> MemoryEvents:
    """The two counters from the text of /proc/vmstat; oom_kill is there since Linux 4.13. Pure."""
    found = {}
    for line in text.splitlines():
        name, _, value = line.partition(" ")
        if name in {"pgmajfault", "oom_kill"} and value.isdecimal():
            found[name] = int(value)
    return MemoryEvents(found.get("pgmajfault"), found.get("oom_kill"))


def raid_text() -> str:
    """The text of /proc/mdstat; raises OSError where the kernel has no software RAID."""
    return _MDSTAT.read_text(encoding="utf-8", errors="replace")


def clock_state() -> ClockState:
    """The answer of adjtimex(2), which changes nothing when `modes` is 0.

    Raises OSError where it is refused, AttributeError on a system that has no such call.
    """
    asked = _Timex()
    library = ctypes.CDLL(None, use_errno=True)
    if library.adjtimex(ctypes.byref(asked)) < 0:
        code = ctypes.get_errno() or errno.EPERM
        raise OSError(code, os.strerror(code))
    fraction = 1e-9 if asked.status & _STA_NANO else 1e-6
    return ClockState(asked.offset * fraction, not asked.status & _STA_UNSYNC)
