"""Who this process is to others, and whether somebody else's still lives."""

from __future__ import annotations

import getpass
import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import cache
from pathlib import Path

import psutil

from aishell_ops.backups.models import Holder

_SAME_START_SECONDS = 1.0
"""How far two readings of one process' start may lie apart: it is told in ticks since the boot, and the boot's time is rounded."""
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_PID_SPACE = Path("/proc/self/ns/pid")
_at_work: set[str] = set()
"""What this process is at: a dashboard lives for weeks, and what one of its works could not take back must not seem to live with it."""


def own_holder(what: str = "") -> Holder:
    """This process as a holder; `what` says in a few words what it does."""
    return replace(_own(os.getpid()), what=what)


@contextmanager
def holding(what: str) -> Iterator[Holder]:
    """This process as the holder of a piece of work, which is over when the block ends, whatever could not be taken back."""
    work = secrets.token_hex(8)
    _at_work.add(work)
    try:
        yield replace(own_holder(what), work=work)
    finally:
        _at_work.discard(work)


def lives(holder: Holder) -> bool | None:
    """Whether a holder is still at it; None where it runs on another machine, so that its signs of life have to be watched."""
    if holder.machine != _machine():
        return None
    if holder.pid == os.getpid() and holder.work and holder.work not in _at_work:
        return False
    try:
        process = psutil.Process(holder.pid)
        same = abs(process.create_time() - holder.process_started_at) < _SAME_START_SECONDS
        return same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True


@cache
def _own(pid: int) -> Holder:
    user = ""
    with suppress(OSError, KeyError, ImportError):
        user = getpass.getuser()
    return Holder(socket.gethostname(), _machine(), pid, psutil.Process(pid).create_time(), user)


@cache
def _machine() -> str:
    """This start of this machine, and the space of process ids in it; the host's name where the system tells no more."""
    with suppress(OSError):
        return f"{_BOOT_ID.read_text(encoding='ascii').strip()} {_PID_SPACE.readlink()}"
    return f"{socket.gethostname()} {psutil.boot_time():.0f}"
