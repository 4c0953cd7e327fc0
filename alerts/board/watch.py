"""In which stretches somebody looked at all: what was missing while nobody did is not known to have been missing."""

from __future__ import annotations

from collections import deque

_NEVER = -float("inf")
_MOST_GAPS = 256


class Watch:
    """The gaps of a board's time, oldest first, and when the last one ended. All times are those of its readings."""

    __slots__ = ("_gaps", "woke_at")

    def __init__(self) -> None:
        self._gaps: deque[tuple[float, float]] = deque(maxlen=_MOST_GAPS)
        self.woke_at = _NEVER
        """After this moment everything has to be read once before it can be missed."""

    def miss(self, begin: float, end: float) -> None:
        """Nobody looked from `begin` to `end`; the gaps come in order."""
        self._gaps.append((begin, end))
        self.wake(end)

    def wake(self, at: float) -> None:
        """What was read before may not be what is read from now on."""
        self.woke_at = max(self.woke_at, at)

    def seconds(self, since: float, until: float) -> float:
        """How much of a span somebody looked."""
        missed = sum(max(0.0, min(end, until) - max(begin, since)) for begin, end in self._gaps) if self._gaps else 0.0
        return until - since - missed

    def back(self, now: float, seconds: float) -> float:
        """The moment from which on somebody has looked for so many seconds until `now`."""
        moment = now - seconds
        for begin, end in reversed(self._gaps):
            if end <= moment:
                break
            moment -= max(0.0, min(end, now) - begin)
        return moment
