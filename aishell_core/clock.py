"""Time as an argument, so that tests need no patching."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """Wall time, steady time and sleep."""

    def now(self) -> float:
        """Epoch seconds."""

    def steady(self) -> float:
        """Seconds that never jump back."""

    async def sleep(self, seconds: float) -> None:
        """Wait on the event loop."""


class SystemClock:
    """The machine's own clock."""

    def now(self) -> float:
        """Epoch seconds."""
        return time.time()

    def steady(self) -> float:
        """Seconds that never jump back."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait on the event loop."""
        await asyncio.sleep(seconds)
