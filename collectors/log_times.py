"""How long a replica has been behind, from where a log stood at what time: pure arithmetic with a short memory."""

from __future__ import annotations

from collections import deque

_KEPT = 240
"""Moments that are remembered: an hour of them. A replica that is further behind is behind for at least that long."""

_APART_SECONDS = 14.0
"""Moments that are remembered for long are so far apart, however often the log's end is read."""


class LogTimes:
    """Where a log ended at which time.

    The figure that a server gives for a lag stands still, or is missing, while a replica's replay is paused, stopped or held
    up. What had been written at a time and is not replayed now is late by that time at least.
    """

    def __init__(self) -> None:
        self._ends: deque[tuple[float, float]] = deque(maxlen=_KEPT)

    def note(self, at: float, position: float) -> None:
        """The log ended at `position` (bytes) at a time (seconds); one that goes back is another server's and begins anew."""
        if self._ends and position < self._ends[-1][1]:
            self._ends.clear()
        if len(self._ends) > 1 and self._ends[-1][0] - self._ends[-2][0] < _APART_SECONDS:
            self._ends.pop()
        self._ends.append((at, position))

    def seconds_behind(self, at: float, position: float) -> float:
        """For how long at least there has been log after `position`, in seconds; 0 where it is not known to be late."""
        return next((at - then for then, end in self._ends if end > position), 0.0)
