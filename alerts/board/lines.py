"""Windows over the spread of values and the straight line through them.

Means and moments move with each point. Where most of a sum of squares goes away at once it is made anew, because what is
left would be rounding.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from aishell_core.series.rates import NAN
from alerts.board.ring import Ring
from alerts.board.windows import Window, exact_sum

_CANCELLED = 1e-6
"""The share of a sum of squares that has to be left for it to be trusted."""


class Line(Window):
    """Means of times and values and their moments around them: the spread of the values, and the straight line through them."""

    __slots__ = ("_across", "_mean_time", "_mean_value", "_origin", "_times", "_values")

    def __init__(self, ring: Ring, span_seconds: float, offset_seconds: float) -> None:
        super().__init__(ring, span_seconds, offset_seconds)
        self._clear(0.0)

    def _clear(self, origin: float) -> None:
        # Times count from an origin inside the window: squares of epoch seconds would leave no digits.
        self._origin = origin
        self._mean_time = self._mean_value = self._times = self._values = self._across = 0.0

    def slope(self) -> float:
        """The rise per second of the line of least squares; NaN with less than two moments."""
        return self._across / self._times if self.size > 1 and self._times > 0.0 else NAN

    def _count(self, count: int, time: float, value: float, sign: int) -> None:
        """Move the means and moments by one point that came (1) or went (-1), of which `count` are there then."""
        from_time, from_value = time - self._mean_time, value - self._mean_value
        self._mean_time += sign * from_time / count
        self._mean_value += sign * from_value / count
        self._times += sign * from_time * (time - self._mean_time)
        self._values += sign * from_value * (value - self._mean_value)
        self._across += sign * from_time * (value - self._mean_value)

    def _add(self, begin: int, end: int) -> None:
        times, values, count = self.ring.times, self.ring.values, self.tail - self.head - (end - begin)
        if not count:
            self._clear(times[begin])
        for place in range(begin, end):
            count += 1
            self._count(count, times[place] - self._origin, values[place], 1)

    def _drop(self, begin: int, end: int) -> None:
        times, values, count = self.ring.times, self.ring.values, self.size + (end - begin)
        before = self._values
        for place in range(begin, end):
            count -= 1
            if count:
                self._count(count, times[place] - self._origin, values[place], -1)
        if count and self._values <= before * _CANCELLED:
            self._make_anew(end, end + count)

    def _make_anew(self, begin: int, end: int) -> None:
        times, values, count = self.ring.times[begin:end], self.ring.values[begin:end], end - begin
        self._clear(times[0] if count else 0.0)
        if count:
            from_origin = [time - self._origin for time in times]
            self._mean_time, self._mean_value = exact_sum(from_origin) / count, exact_sum(values) / count
            apart = [time - self._mean_time for time in from_origin]
            off = [value - self._mean_value for value in values]
            self._times = _products(apart, apart)
            self._values = _products(off, off)
            self._across = _products(apart, off)


class Spread(Line):
    """The standard deviation of all the values."""

    __slots__ = ()

    def result(self, parameter: float, now: float) -> float:
        """NaN when the window is empty."""
        return math.sqrt(max(self._values, 0.0) / self.size) if self.size else NAN


class Slope(Line):
    """The rise of the line per second."""

    __slots__ = ()

    def result(self, parameter: float, now: float) -> float:
        """NaN with less than two moments."""
        return self.slope()


class Ahead(Line):
    """Where the line is going to be `parameter` seconds later."""

    __slots__ = ()

    def advance(self, now: float) -> bool:
        """Always true: the result moves with time alone."""
        super().advance(now)
        return True

    def result(self, parameter: float, now: float) -> float:
        """NaN with less than two moments."""
        return self._mean_value + self.slope() * (now - self.offset_seconds + parameter - self._origin - self._mean_time)


def _products(left: Sequence[float], right: Sequence[float]) -> float:
    return exact_sum([one * other for one, other in zip(left, right, strict=True)])
