"""Reading something slow beside the hot tier, so that however long it takes no reading of the moment waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from aishell_core.clock import Clock
from collectors.budget import Budget

T = TypeVar("T")

_REST = 20.0
"""A thing is read again no sooner than so many times as long as that took."""

_DEADLINE_SECONDS = 4.0
_PATIENCE_SECONDS = 0.3
_FIRST_PATIENCE_SECONDS = 1.2


class Beside(Generic[T]):
    """Starts a reading when one is due and none is under way, and hands over what has ended."""

    def __init__(self, clock: Clock, read: Callable[[Budget], Awaitable[T]], name: str, every_seconds: float) -> None:
        """`name` is that of the task; `every_seconds` is the cadence where the reading is quick."""
        self._clock = clock
        self._read = read
        self._name = name
        self._every_seconds = every_seconds
        self._call: asyncio.Task[T] | None = None
        self._due = 0.0
        self._waited = False
        self._unwanted: asyncio.Task[T] | None = None

    def begin(self, *, at_once: bool = False) -> None:
        """Start a reading if one is due, or `at_once`, and none is under way."""
        now = self._clock.steady()
        if self._call is not None and self._call is self._unwanted and self._call.done():
            self._call = self._unwanted = None
        if self._call is None and (at_once or now >= self._due):
            self._due = now + self._every_seconds
            self._call = asyncio.create_task(self._timed(now), name=self._name)

    async def _timed(self, began: float) -> T:
        found = await self._read(Budget(self._clock, began + _DEADLINE_SECONDS, _DEADLINE_SECONDS))
        self._due = max(self._due, began + _REST * (self._clock.steady() - began))
        return found

    async def take(self, seconds_left: float) -> T | None:
        """What has ended since the last call, waited for a moment, the first time for longer; None where nothing has.

        Raises what the reading raised.
        """
        call = self._call
        if call is None:
            return None
        patience = min(_PATIENCE_SECONDS if self._waited else _FIRST_PATIENCE_SECONDS, max(0.0, seconds_left))
        await asyncio.wait({call}, timeout=patience)
        self._waited = True
        if not call.done():
            return None
        if self._call is call:
            self._call = None
        if call.cancelled() or call is self._unwanted:
            self._unwanted = None
            return None
        return call.result()

    def leave(self) -> None:
        """Nobody waits for what is under way: it may end, and is then too old to be handed over."""
        if self._call is not None and self._unwanted is not self._call:
            self._unwanted = self._call
            self._call.add_done_callback(_look_at)

    def close(self) -> None:
        """Give up what is under way."""
        if self._call is not None:
            self._call.cancel()
            self._call = None


def _look_at(ended: asyncio.Task[T]) -> None:
    """Take note of an exception that nobody can use any more, so that asyncio does not print it."""
    if not ended.cancelled():
        ended.exception()
