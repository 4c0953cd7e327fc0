"""Rolling up the rows of one track, window by window, as they come."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import deque
from collections.abc import Iterator, Sequence
from math import floor

from aishell_core.series.keys import EMPTY_LAYOUT, Layout, SeriesKey
from aishell_core.series.rates import NAN, gap_seconds, quick_rates, rates, steady_spans
from aishell_core.series.rollup import RollupRow

KEPT_WINDOWS = 12
"""Finished windows that wait for the state database, two minutes; when nobody takes them the oldest give way."""

_INFINITE = float("inf")
_NOTHING = (NAN, NAN, NAN, NAN)

Finished = tuple[tuple[SeriesKey, ...], RollupRow]
"""A finished window and the series that it has figures of."""


def _figures(values: Sequence[float]) -> tuple[float, ...]:
    """Low, high, mean and last of the values that are known."""
    if len(values) == 1:
        return (values[0],) * 4
    total = sum(values)
    if total != total:  # a NaN is among them
        values = [value for value in values if value == value]
        total = sum(values)
    if not values:
        return _NOTHING
    low, high = min(values), max(values)
    # The rounding of a sum can carry the mean past its own extremes.
    return low, high, min(max(total / len(values), low), high), values[-1]


class Roller:
    """Keeps the rows of the open window, and before them those that its first rates need.

    Windows begin at multiples of `window_seconds`; where readings are rarer each one gives a window at once. A series
    that the columns lose while its window is open stays in columns of its own (`_left`) until the window is finished.
    """

    __slots__ = ("_breaks", "_finished", "_layout", "_lead", "_left", "_longest_seconds", "_rows", "_stride", "_window", "_window_seconds")

    def __init__(self, window_seconds: float) -> None:
        self._window_seconds = window_seconds
        self._window: int | None = None
        self._layout = EMPTY_LAYOUT
        self._left: tuple[SeriesKey, ...] = ()
        self._stride = 1
        self._rows = array("d")
        self._lead = 0
        self._breaks: set[int] = set()
        self._longest_seconds = 0.0
        self._finished: deque[Finished] = deque(maxlen=KEPT_WINDOWS)

    def advance(self, at: float, interval_seconds: float) -> None:
        """A row of this time comes next, read at this cadence: the window before it is finished."""
        window = floor(at / self._window_seconds)
        if window != self._window:
            self._finish()
            self._longest_seconds = gap_seconds(interval_seconds)
            self._forget_before(at - self._longest_seconds)
            self._window = window

    def add(self, row: array[float], interval_seconds: float, *, after_gap: bool) -> None:
        """One more row of the columns in use, later than all before it."""
        if after_gap:
            self._breaks.add(self._count)
        self._rows += row
        if self._left:
            self._rows += array("d", (NAN,)) * len(self._left)
        if interval_seconds >= self._window_seconds:
            self._finish()

    def grow(self, layout: Layout) -> None:
        """Columns that were empty have a series from now on."""
        if self._left:
            self.use(layout, self._stride)
        self._layout = layout

    def use(self, layout: Layout, stride: int) -> None:
        """Rows have these columns from now on."""
        if layout is self._layout and stride == self._stride and not self._left:
            return
        old = {key.name_and_labels: (key, column) for key, column in self._columns()}
        left = tuple(key for name, (key, column) in old.items() if name not in layout.columns and self._knows(column))
        count, width, old_width = self._count, stride + len(left), self._width
        rows = array("d", (NAN,)) * (width * count)
        if count:
            rows[0::width] = self._rows[0::old_width]
            places = {**layout.columns, **{key.name_and_labels: column for column, key in enumerate(left, start=stride)}}
            for name, column in places.items():
                if name in old:
                    rows[column::width] = self._rows[old[name][1] :: old_width]
        self._layout, self._stride, self._left, self._rows = layout, stride, left, rows

    def discard(self, from_seconds: float) -> None:
        """Forget the rows from this time on: the clock went back to it, or the row comes anew."""
        if self._window is not None and from_seconds < self._window * self._window_seconds:
            self._finish()
        count = bisect_left(self._rows[0 :: self._width], from_seconds)
        del self._rows[count * self._width :]
        self._lead = min(self._lead, count)
        self._breaks = {index for index in self._breaks if index < count}

    def take(self, *, include_open: bool) -> list[Finished]:
        """The windows finished since the last call; with `include_open` the unfinished one is finished, its rest is one more."""
        if include_open:
            self._finish()
        taken = list(self._finished)
        self._finished.clear()
        return taken

    @property
    def _width(self) -> int:
        return self._stride + len(self._left)

    @property
    def _count(self) -> int:
        return len(self._rows) // self._width

    def _columns(self) -> Iterator[tuple[SeriesKey, int]]:
        yield from zip(self._layout.keys, range(1, len(self._layout.keys) + 1), strict=True)
        yield from zip(self._left, range(self._stride, self._width), strict=True)

    def _knows(self, column: int) -> bool:
        """Whether the open window has a value of a column."""
        width = self._width
        return any(value == value for value in self._rows[self._lead * width + column :: width])

    def _finish(self) -> None:
        if self._count > self._lead:
            self._finished.append(((*self._layout.keys, *self._left) if self._left else self._layout.keys, self._rolled_up()))
            self._lead = self._count

    def _rolled_up(self) -> RollupRow:
        width, lead, rows = self._width, self._lead, self._rows
        times = rows[0::width]
        spans = steady_spans(times, self._longest_seconds, self._breaks)
        found: list[float] = []
        for key, column in self._columns():
            if not key.is_counter:
                found += _figures(rows[lead * width + column :: width].tolist())
                continue
            values = rows[column::width].tolist()
            quick = quick_rates(values, spans) if lead and spans is not None else None
            found += _figures(rates(times, values, self._longest_seconds, self._breaks)[lead:] if quick is None else quick[lead - 1 :])
        return RollupRow(floor(times[-1] / self._window_seconds) * self._window_seconds, array("f", found))

    def _forget_before(self, seconds: float) -> None:
        """Let the rows go that no rate reaches back to, and the series that were left over."""
        width = self._width
        count = bisect_left(self._rows[0::width], seconds)
        newest = self._rows[-width : len(self._rows) - width + len(self._layout.keys) + 1]
        if newest and sum(newest) < _INFINITE:  # it knows all, so no rate reaches back behind it
            count = max(count, self._count - 1)
        del self._rows[: count * width]
        self._lead = max(self._lead - count, 0)
        self._breaks = {index - count for index in self._breaks if index >= count}
        if self._left:
            self.use(self._layout, self._stride)
