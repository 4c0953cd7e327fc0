"""The time that one reading may take."""

from __future__ import annotations

from dataclasses import dataclass

from aishell_core.clock import Clock


@dataclass(frozen=True, slots=True)
class Budget:
    """The time that one reading may take: `until` in steady seconds."""

    clock: Clock
    until: float

    @property
    def left(self) -> float:
        """Seconds that are left."""
        return self.until - self.clock.steady()
