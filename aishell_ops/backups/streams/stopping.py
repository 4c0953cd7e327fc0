"""Ending work that somebody does not want any more; called from threads and from the event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from aishell_ops.backups.errors import BackupError
from aishell_ops.backups.streams.contract import Stop

T = TypeVar("T")


def expect_wanted(stop: Stop) -> None:
    """Raise BackupError when somebody wants the work to end."""
    if stop.is_set():
        raise BackupError("it was stopped before its end", "nothing of it is kept")


async def in_thread(stop: threading.Event, work: Callable[[], T]) -> T:
    """Do work in a thread; when this is cancelled, the thread is told to stop and waited for."""
    running = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        stop.set()
        with suppress(BackupError):
            await running
        raise
