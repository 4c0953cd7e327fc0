"""How much an alert matters; apart from the other values, because the configuration knows it without the room of alerts."""

from __future__ import annotations

from enum import StrEnum


class Level(StrEnum):
    """How much an alert matters; the value is also the word in rules and messages."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """1 for info up to 3 for critical; an alert that is clear has 0."""
        return _RANKS[self]


_RANKS = {Level.INFO: 1, Level.WARNING: 2, Level.CRITICAL: 3}
