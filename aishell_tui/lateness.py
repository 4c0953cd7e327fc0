"""How late this program itself is: what a busy machine takes from it is no fault of a server that seems slow."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

_NAP_SECONDS = 0.05


class Lateness:
    """Counts by how much the event loop comes later than it was to, from when it is watched."""

    def __init__(self) -> None:
        self._seconds = 0.0
        self._due = math.inf

    @property
    def seconds(self) -> float:
        """All of it so far, with what has not been counted yet."""
        return self._seconds + max(0.0, asyncio.get_running_loop().time() - self._due)

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Count until the block ends."""
        counting = asyncio.create_task(self._count())
        try:
            yield
        finally:
            counting.cancel()

    async def _count(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            self._due = loop.time() + _NAP_SECONDS
            await asyncio.sleep(_NAP_SECONDS)
            self._seconds = self.seconds
