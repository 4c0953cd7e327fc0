"""What the local processes of a target use, and what this one keeps."""

from __future__ import annotations

import os
from contextlib import suppress

from aishell_core.catalogue import PROCESS_CPU, PROCESS_MEMORY, PROCESS_READ, PROCESS_WRITE
from aishell_core.engines.host import ProcessLook, look_at_process
from aishell_core.values import Metric, Sample

_ARENA_MAX = -8
"""glibc's M_ARENA_MAX."""


def process_samples(pids: tuple[int, ...]) -> tuple[Sample, ...]:
    """CPU (milliseconds), disk traffic (bytes) and resident memory of processes, by the label `pid`.

    A process that is gone, and a figure that its owner alone may know, is left out. Reads a few small files per
    process and never blocks.
    """
    return tuple(sample for pid in pids if (look := look_at_process(pid)) is not None for sample in _samples(pid, look))


def _samples(pid: int, look: ProcessLook) -> list[Sample]:
    labels = (("pid", str(pid)),)
    figures: tuple[tuple[Metric, float | None], ...] = (
        (PROCESS_CPU, None if look.cpu_seconds is None else look.cpu_seconds * 1000),
        (PROCESS_READ, look.read_bytes),
        (PROCESS_WRITE, look.write_bytes),
        (PROCESS_MEMORY, look.resident_bytes),
    )
    return [Sample(metric, float(value), labels) for metric, value in figures if value is not None]


def own_memory_bytes() -> int:
    """Resident memory of this process in bytes; 0 where the platform does not tell, which no running process has."""
    look = look_at_process(os.getpid())
    return (look.resident_bytes if look is not None else None) or 0


def share_one_heap() -> None:
    """Let all threads take memory from one heap; call it before there are any. Does nothing where the C library has no such setting.

    glibc gives each thread a heap of its own, which never gives back: a megabyte for ten threads of which one runs at a time.
    """
    with suppress(ImportError, OSError, AttributeError):
        import ctypes  # a dashboard alone needs it

        ctypes.CDLL(None).mallopt(_ARENA_MAX, 1)
