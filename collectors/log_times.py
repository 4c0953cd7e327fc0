"""Where a log ended at which time, to know how long a replica has been behind: pure arithmetic with a short memory."""

from __future__ import annotations

from collections import deque

_KEPT = 1800
"""Readings that are remembered: an hour of those of a pane that is watched. A replica further behind is behind for at least that long."""


class LogTimes:
    """Where the log of a server ended at which time.

    What a server itself says of a lag stays at its last value, or is missing, while replay is paused, stopped or held up. What had
    been written at a time and is not replayed now is late by that time at least.
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
