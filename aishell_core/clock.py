"""Time as an argument, so that tests need no patching."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol

# Linux stops its monotonic clock while the machine sleeps, and has another one for this; others do not stop theirs.
_SLEEPLESS = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class Clock(Protocol):
    """Wall time, steady time and sleep."""

    def now(self) -> float:
        """Epoch seconds."""

    def steady(self) -> float:
        """Seconds that never jump back, and go on while the machine sleeps."""

    async def sleep(self, seconds: float) -> None:
        """Wait on the event loop."""


class SystemClock:
    """The machine's own clock."""

    def now(self) -> float:
        """Epoch seconds."""
        return time.time()

    def steady(self) -> float:
        """Seconds that never jump back, and go on while the machine sleeps where the system counts them."""
        return time.clock_gettime(_SLEEPLESS)

    async def sleep(self, seconds: float) -> None:
        """Wait on the event loop."""
        await asyncio.sleep(seconds)
