"""Rolling up the rows of one track, window by window, as they come."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import deque
from collections.abc import Sequence
from math import floor

from aishell_core.series.keys import EMPTY_LAYOUT, Layout
from aishell_core.series.rates import NAN, gap_seconds, quick_rates, rates, steady_spans
from aishell_core.series.rollup import RollupRow

KEPT_WINDOWS = 12
"""Finished windows that wait for the state database; when nobody takes them the oldest give way."""

_INFINITE = float("inf")
_NOTHING = (NAN, NAN, NAN, NAN)


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

    Windows begin at multiples of `window_seconds`; where readings are rarer each one gives a window at once.
    """

    __slots__ = ("_breaks", "_finished", "_layout", "_lead", "_longest_seconds", "_rows", "_window", "_window_seconds")

    def __init__(self, window_seconds: float) -> None:
        self._window_seconds = window_seconds
        self._window: int | None = None
        self._layout = EMPTY_LAYOUT
        self._rows = array("d")
        self._lead = 0
        self._breaks: set[int] = set()
        self._longest_seconds = 0.0
        self._finished: deque[tuple[Layout, RollupRow]] = deque(maxlen=KEPT_WINDOWS)

    def add(self, layout: Layout, row: array[float], interval_seconds: float, *, after_gap: bool) -> None:
        """One more row, later than all before it."""
        window = floor(row[0] / self._window_seconds)
        if window != self._window:
            self._finish()
            self._longest_seconds = gap_seconds(interval_seconds)
            self._forget_before(row[0] - self._longest_seconds)
            self._window = window
        if layout is not self._layout:
            self._change_columns(layout)
        if after_gap:
            self._breaks.add(self._count)
        self._rows += row
        if interval_seconds >= self._window_seconds:
            self._finish()

    def discard(self, from_seconds: float) -> None:
        """Forget the rows from this time on: the clock went back to it, or the row comes anew."""
        if self._window is not None and from_seconds < self._window * self._window_seconds:
            self._finish()
        count = bisect_left(self._rows[0 :: self._layout.stride], from_seconds)
        del self._rows[count * self._layout.stride :]
        self._lead = min(self._lead, count)
        self._breaks = {index for index in self._breaks if index < count}

    def take(self, *, include_open: bool) -> list[tuple[Layout, RollupRow]]:
        """The windows finished since the last call; with `include_open` the unfinished one as it is now."""
        taken = list(self._finished)
        self._finished.clear()
        if include_open and self._count > self._lead:
            taken.append((self._layout, self._rolled_up()))
        return taken

    @property
    def _count(self) -> int:
        return len(self._rows) // self._layout.stride

    def _finish(self) -> None:
        if self._count > self._lead:
            self._finished.append((self._layout, self._rolled_up()))
            self._lead = self._count

    def _rolled_up(self) -> RollupRow:
        stride, lead, rows = self._layout.stride, self._lead, self._rows
        times = rows[0::stride]
        spans = steady_spans(times, self._longest_seconds, self._breaks)
        found: list[float] = []
        for column, is_counter in enumerate(self._layout.counters, start=1):
            if not is_counter:
                found += _figures(rows[lead * stride + column :: stride].tolist())
                continue
            values = rows[column::stride].tolist()
            quick = quick_rates(values, spans) if lead and spans is not None else None
            found += _figures(rates(times, values, self._longest_seconds, self._breaks)[lead:] if quick is None else quick[lead - 1 :])
        return RollupRow(floor(times[-1] / self._window_seconds) * self._window_seconds, array("f", found))

    def _forget_before(self, seconds: float) -> None:
        stride = self._layout.stride
        count = bisect_left(self._rows[0::stride], seconds)
        newest = self._rows[-stride:]
        if self._count and sum(newest) < _INFINITE:  # it knows all, so no rate reaches back behind it
            count = max(count, self._count - 1)
        del self._rows[: count * self._layout.stride]
        self._lead = max(self._lead - count, 0)
        self._breaks = {index - count for index in self._breaks if index >= count}

    def _change_columns(self, layout: Layout) -> None:
        stride, old_stride, count = layout.stride, self._layout.stride, self._count
        rows = array("d", (NAN,)) * (stride * count)
        if count:
            rows[0::stride] = self._rows[0::old_stride]
            for name, column in layout.columns.items():
                old_column = self._layout.columns.get(name)
                if old_column is not None:
                    rows[column::stride] = self._rows[old_column::old_stride]
        self._layout, self._rows = layout, rows
