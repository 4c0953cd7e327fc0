"""A clock that stands still until a test moves it."""

from __future__ import annotations

import asyncio
import heapq
from itertools import count

_SETTLE_STEPS = 25


class FakeClock:
    """Wall time, steady time and sleep, all driven by `advance`."""

    def __init__(self, now: float = 1_800_000_000.0, steady: float = 1000.0) -> None:
        self._wall_ahead = now - steady
        self._steady = steady
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = count()

    def now(self) -> float:
        """Epoch seconds."""
        return self._steady + self._wall_ahead

    def steady(self) -> float:
        """Seconds that never jump back."""
        return self._steady

    async def sleep(self, seconds: float) -> None:
        """Wait until `advance` has gone that far."""
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._steady + max(seconds, 0.0), next(self._order), waiting))
        await waiting

    def jump(self, seconds: float) -> None:
        """Set the wall clock forward or back; steady time does not notice."""
        self._wall_ahead += seconds

    async def advance(self, seconds: float) -> None:
        """Let time pass, waking each sleeper at its own moment and letting it act before the next one wakes."""
        until = self._steady + seconds
        await settle()
        while self._sleepers and self._sleepers[0][0] <= until:
            at, _, waiting = heapq.heappop(self._sleepers)
            if waiting.done():
                continue
            self._steady = max(self._steady, at)
            waiting.set_result(None)
            await settle()
        self._steady = until
        await settle()


async def settle() -> None:
    """Let everything that can run now run, as far as chains of a sane length go."""
    for _ in range(_SETTLE_STEPS):
        await asyncio.sleep(0)
