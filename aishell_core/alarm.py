"""A moment to wait for that can be moved while somebody waits."""

from __future__ import annotations

import asyncio
import math
from typing import TypeVar

from aishell_core.clock import Clock

_T = TypeVar("_T")

NEVER = math.inf
_LONGEST_NAP_SECONDS = 3600.0


class Alarm:
    """One waiter's next moment, in steady seconds; never until it is set."""

    __slots__ = ("_clock", "_nap", "at")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._nap: asyncio.Task[None] | None = None
        self.at = NEVER

    def set(self, at: float) -> None:
        """Move the moment, forward or back, also for the one who waits now."""
        self.at = at
        if self._nap is not None:
            self._nap.cancel()

    async def wait(self) -> None:
        """Return when the moment has come."""
        while (left := self.at - self._clock.steady()) > 0:
            self._nap = asyncio.create_task(self._clock.sleep(min(left, _LONGEST_NAP_SECONDS)))
            try:
                # `wait` and not `await`: a nap that `set` cut short is no cancellation of the waiter.
                await asyncio.wait((self._nap,))
            finally:
                self._nap.cancel()
                self._nap = None


async def ends_within(task: asyncio.Task[_T], seconds: float, clock: Clock) -> bool:
    """Whether a task ends in time; a task that does not is left running."""
    timer = asyncio.create_task(clock.sleep(seconds))
    try:
        await asyncio.wait((task, timer), return_when=asyncio.FIRST_COMPLETED)
    finally:
        timer.cancel()
    return task.done()
