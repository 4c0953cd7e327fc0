"""How long a standby has been behind, from where the log stood at what time: pure arithmetic with a short memory."""

from __future__ import annotations

from collections import deque

_KEPT = 1800
"""Readings that are remembered: an hour of those of a pane that is watched. A standby further behind is behind for at least that long."""


class LogTimes:
    """Where the log of a server ended at which time.

    The server's own `replay_lag` stays at its last value while a standby's replay is paused or held up by a query, because it
    is measured when something is replayed. What this server had written at a time and a standby has not replayed now
    is late by that time at least.
    """

    def __init__(self) -> None:
        self._ends: deque[tuple[float, float]] = deque(maxlen=_KEPT)

    def note(self, at: float, position: float) -> None:
        """The log ended at `position` (bytes) at a time (seconds); one that goes back is another server's and begins anew."""
        if self._ends and position < self._ends[-1][1]:
            self._ends.clear()
        self._ends.append((at, position))

    def seconds_behind(self, at: float, position: float) -> float:
        """For how long at least there has been log after `position`, in seconds; 0 where it is not known to be late."""
        return next((at - then for then, end in self._ends if end > position), 0.0)


def lag_seconds(measured: float | None, behind_bytes: float | None, at_least: float) -> float | None:
    """The lag in seconds: 0 with nothing left to replay, else what the server measured, but no less than is known."""
    if behind_bytes is not None and behind_bytes <= 0:
        return 0.0
    known = max(measured if measured is not None else 0.0, at_least)
    return known if measured is not None or known > 0 else None
