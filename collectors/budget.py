"""The time that one reading may take."""

from __future__ import annotations

from dataclasses import dataclass

from aishell_core.clock import Clock
from aishell_core.deadline import Left


@dataclass(frozen=True, slots=True)
class Budget:
    """The time that one reading may take: `until` in steady seconds, `whole_seconds` from its beginning."""

    clock: Clock
    until: float
    whole_seconds: float

    @classmethod
    def lasting(cls, clock: Clock, seconds: float) -> Budget:
        """A budget that begins now."""
        return cls(clock, clock.steady() + seconds, seconds)

    @property
    def left(self) -> Left:
        """Seconds that are left."""
        return Left(self.until - self.clock.steady(), self.whole_seconds)

    def at_least(self, seconds: float) -> Left:
        """Seconds that are left, but so many where they are fewer."""
        return Left(max(seconds, self.left), self.whole_seconds)
