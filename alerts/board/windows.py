"""Windows that move over a ring: each point is added once and dropped once, so that a tick costs what has changed.

A window holds the points in (now - offset - span, now - offset]. Sums are compensated and made anew now and then.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right, insort
from collections import deque
from collections.abc import Callable, Sequence

from aishell_core.series.rates import NAN
from alerts.board.ring import Ring

_INFINITE = float("inf")


class Window:
    """The points of a span, counted; what is made of them is up to those below."""

    __slots__ = ("_dropped", "_epoch", "_now", "head", "offset_seconds", "ring", "span_seconds", "tail")

    def __init__(self, ring: Ring, span_seconds: float, offset_seconds: float) -> None:
        self.ring = ring
        self.span_seconds = span_seconds
        self.offset_seconds = offset_seconds
        self.head = self.tail = ring.first
        self._epoch = ring.epoch
        self._now = -_INFINITE
        self._dropped = 0

    @property
    def size(self) -> int:
        """How many points are inside."""
        return self.tail - self.head

    def seen_seconds(self, now: float) -> float:
        """How long before the window's end its oldest point is; 0 when it is empty."""
        return now - self.offset_seconds - self.ring.times[self.head - self.ring.first] if self.size else 0.0

    def led_seconds(self, now: float, stood_seconds: Callable[[float], float]) -> float:
        """How much of the span before its oldest point is known too, from the point before it; `stood_seconds` of its time says how."""
        place = self.head - self.ring.first
        if not self.size or not place:
            return 0.0
        before, oldest = self.ring.times[place - 1], self.ring.times[place]
        return max(0.0, min(before + stood_seconds(before), oldest) - (now - self.offset_seconds - self.span_seconds))

    def advance(self, now: float) -> bool:
        """Move to a moment; whether any point came or went."""
        ring = self.ring
        if now < self._now or self._epoch != ring.epoch or self.head < ring.first:
            self._begin_anew()
        self._now = now
        times, first, until = ring.times, ring.first, now - self.offset_seconds
        end = first + len(times)
        if end > self.tail and (self.offset_seconds or times[-1] > until):
            end = first + bisect_right(times, until, self.tail - first)
        edge, head = until - self.span_seconds, self.head
        if end == self.tail and (head == end or times[head - first] > edge):
            return False
        if end > self.tail:
            begin, self.tail = self.tail, end
            self._add(begin - first, end - first)
        if head < end and times[head - first] <= edge:
            self.head = first + bisect_right(times, edge, head - first, end - first)
            self._dropped += self.head - head
            self._drop(head - first, self.head - first)
            if self._dropped > self.size:
                self._dropped = 0
                self._make_anew(self.head - first, end - first)
        return True

    def _begin_anew(self) -> None:
        self.head = self.tail = self.ring.first
        self._epoch = self.ring.epoch
        self._dropped = 0
        self._make_anew(0, 0)

    def _add(self, begin: int, end: int) -> None:
        """Points of the ring came in, by their places."""

    def _drop(self, begin: int, end: int) -> None:
        """The oldest points went; they are still in the ring."""

    def _make_anew(self, begin: int, end: int) -> None:
        """Compute from nothing for these places."""

    def result(self, parameter: float, now: float) -> float:
        """What the function makes of the points at a moment, with its parameter; NaN where that is nothing."""
        return float(self.size) if self.size else NAN


class Newest(Window):
    """The newest value."""

    __slots__ = ()

    def result(self, parameter: float, now: float) -> float:
        """NaN when the window is empty."""
        return self.ring.values[self.tail - 1 - self.ring.first] if self.size else NAN


class Difference(Window):
    """The newest value less the oldest."""

    __slots__ = ()

    def result(self, parameter: float, now: float) -> float:
        """NaN with less than two values."""
        if self.size < 2:
            return NAN
        values, first = self.ring.values, self.ring.first
        return values[self.tail - 1 - first] - values[self.head - first]


class Total(Window):
    """The sum, with what rounding would lose kept beside it."""

    __slots__ = ("_lost", "_sum")

    def __init__(self, ring: Ring, span_seconds: float, offset_seconds: float) -> None:
        super().__init__(ring, span_seconds, offset_seconds)
        self._sum = self._lost = 0.0

    def result(self, parameter: float, now: float) -> float:
        """NaN when the window is empty."""
        return self._sum + self._lost if self.size else NAN

    def _take(self, value: float) -> None:
        # Knuth's two-sum: the rounding error of an addition is a float itself.
        old = self._sum
        new = self._sum = old + value
        part = new - old
        self._lost += (old - (new - part)) + (value - part)

    def _add(self, begin: int, end: int) -> None:
        for value in self.ring.values[begin:end]:
            self._take(value)

    def _drop(self, begin: int, end: int) -> None:
        for value in self.ring.values[begin:end]:
            self._take(-value)

    def _make_anew(self, begin: int, end: int) -> None:
        values = self.ring.values[begin:end]
        self._sum = exact_sum(values)
        self._lost = exact_sum((*values, -self._sum))


class Mean(Total):
    """The mean."""

    __slots__ = ()

    def result(self, parameter: float, now: float) -> float:
        """NaN when the window is empty."""
        return (self._sum + self._lost) / self.size if self.size else NAN


class PerSecond(Total):
    """What a counter rose by, divided by the time in which it did: `seconds` is the window of that."""

    __slots__ = ("seconds",)

    seconds: Total

    def advance(self, now: float) -> bool:
        """Move both."""
        has_moved = self.seconds.advance(now)
        return super().advance(now) or has_moved

    def seen_seconds(self, now: float) -> float:
        """As of any window, and the time in which the counter rose to its oldest point: that was seen too."""
        seconds = self.seconds
        return seconds.seen_seconds(now) + seconds.ring.values[seconds.head - seconds.ring.first] if seconds.size else 0.0

    def led_seconds(self, now: float, stood_seconds: Callable[[float], float]) -> float:
        """None: what a counter was says nothing of how it went on."""
        return 0.0

    def result(self, parameter: float, now: float) -> float:
        """NaN when the window is empty."""
        seconds = self.seconds.result(parameter, now)
        return super().result(parameter, now) / seconds if seconds > 0.0 else NAN


class Lowest(Window):
    """The lowest value: of the points that could still become it, each lower than all that came later."""

    __slots__ = ("_candidates",)

    def __init__(self, ring: Ring, span_seconds: float, offset_seconds: float) -> None:
        super().__init__(ring, span_seconds, offset_seconds)
        self._candidates: deque[tuple[int, float]] = deque()

    def result(self, parameter: float, now: float) -> float:
        """NaN when the window is empty."""
        return self._candidates[0][1] if self._candidates else NAN

    def _beats(self, value: float, other: float) -> bool:
        return value <= other

    def _add(self, begin: int, end: int) -> None:
        candidates, number = self._candidates, self.ring.first + begin
        for value in self.ring.values[begin:end]:
            while candidates and self._beats(value, candidates[-1][1]):
                candidates.pop()
            candidates.append((number, value))
            number += 1

    def _drop(self, begin: int, end: int) -> None:
        candidates = self._candidates
        while candidates and candidates[0][0] < self.head:
            candidates.popleft()

    def _make_anew(self, begin: int, end: int) -> None:
        if begin == end:
            self._candidates.clear()


class Highest(Lowest):
    """The highest value likewise."""

    __slots__ = ()

    def _beats(self, value: float, other: float) -> bool:
        return value >= other


class Ordered(Window):
    """The values in order; the result is the one at a share of it, between two neighbours by how far it is."""

    __slots__ = ("_ordered",)

    def __init__(self, ring: Ring, span_seconds: float, offset_seconds: float) -> None:
        super().__init__(ring, span_seconds, offset_seconds)
        self._ordered: list[float] = []

    def result(self, parameter: float, now: float) -> float:
        """NaN when the window is empty."""
        ordered = self._ordered
        if not ordered:
            return NAN
        place = parameter * (len(ordered) - 1)
        below = int(place)
        low, high = ordered[below], ordered[min(below + 1, len(ordered) - 1)]
        part = place - below
        return low * (1.0 - part) + high * part

    def _add(self, begin: int, end: int) -> None:
        if end - begin > len(self._ordered):
            self._ordered += self.ring.values[begin:end]
            self._ordered.sort()
            return
        for value in self.ring.values[begin:end]:
            insort(self._ordered, value)

    def _drop(self, begin: int, end: int) -> None:
        ordered = self._ordered
        for value in self.ring.values[begin:end]:
            del ordered[bisect_left(ordered, value)]

    def _make_anew(self, begin: int, end: int) -> None:
        if begin == end:
            self._ordered.clear()


def exact_sum(values: Sequence[float]) -> float:
    """The sum without rounding on the way; NaN beyond the largest number."""
    try:
        return math.fsum(values)
    except (OverflowError, ValueError):  # beyond the largest float, or an infinite part
        return NAN
