"""Reducing a series to as many buckets as a chart has columns, on a time grid that does not move with the clock."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from math import ceil, floor

from aishell_core.series.rates import GAP_INTERVALS, NAN
from aishell_core.series.rollup import Rollups, together, windows

_INFINITE = float("inf")


def _doubles() -> array[float]:
    return array("d")


@dataclass(frozen=True, slots=True)
class Points:
    """Values at times (epoch seconds, never falling); NaN is a gap, and the values of a counter are rates per second.

    A value stands until the next point, but for `hold_seconds` at most: after that nothing is known. Where the cadence
    changed, `holds` says it for each point.
    """

    times: array[float] = field(default_factory=_doubles)
    values: array[float] = field(default_factory=_doubles)
    hold_seconds: float = 0.0
    holds: array[float] | None = None

    def between(self, since: float, until: float) -> Points:
        """The points from `since` to `until`, both included."""
        first, end = bisect_left(self.times, since), bisect_right(self.times, until)
        if first == 0 and end == len(self.times):
            return self
        holds = None if self.holds is None else self.holds[first:end]
        return Points(self.times[first:end], self.values[first:end], self.hold_seconds, holds)


@dataclass(frozen=True, slots=True)
class Buckets:
    """A series cut into spans of `step_seconds`, the first of which begins at `start`; NaN is an empty bucket."""

    start: float
    step_seconds: float
    low: array[float]
    high: array[float]
    mean: array[float]
    last: array[float]


@dataclass(frozen=True, slots=True)
class Grid:
    """Bucket borders in whole milliseconds since the epoch, all multiples of the step.

    Milliseconds are counted as integers because a step computed anew from floating epoch seconds differs in its
    last bits, which a billion steps later is a second: the chart would shimmer.
    """

    start_milliseconds: int
    step_milliseconds: int
    count: int

    @classmethod
    def over(cls, since: float, until: float, count: int) -> Grid:
        """`count` buckets of which the last one holds `until`; the oldest one may begin up to a step after `since`.

        Raises ValueError for no buckets or a window that ends before it begins.
        """
        if count < 1 or until < since:
            raise ValueError(f"no grid of {count} buckets from {since} to {until}")
        step = max(1, ceil(round((until - since) * 1000) / count))
        last = floor(until * 1000) // step
        return cls((last - count + 1) * step, step, count)

    def border(self, index: int) -> float:
        """Where a bucket begins, in epoch seconds."""
        return (self.start_milliseconds + index * self.step_milliseconds) / 1000

    @property
    def first(self) -> int:
        """The number of the first bucket, counted from the epoch."""
        return self.start_milliseconds // self.step_milliseconds

    def behind(self, count: int) -> Grid:
        """The grid without its first buckets."""
        return Grid(self.start_milliseconds + count * self.step_milliseconds, self.step_milliseconds, self.count - count)

    def borders(self) -> list[float]:
        """Where each bucket begins, and where the last one ends, in epoch seconds."""
        step = self.step_milliseconds
        return [at / 1000 for at in range(self.start_milliseconds, self.start_milliseconds + (self.count + 1) * step, step)]

    @property
    def step_seconds(self) -> float:
        """The width of a bucket."""
        return self.step_milliseconds / 1000


def _mean(values: array[float], low: float, high: float) -> float:
    # The rounding of a sum can carry the mean past its own extremes.
    return min(max(sum(values) / len(values), low), high)


def _known(values: array[float]) -> array[float]:
    return array("d", (value for value in values if value == value))


def _fill(rows: Rollups, grid: Grid, hold_seconds: float, holds: array[float] | None = None) -> Buckets:
    times, borders, plain = rows.times, grid.borders(), rows.low is rows.mean
    low, high, mean, last = (array("d", (NAN,)) * grid.count for _ in range(4))
    first = bisect_left(times, borders[0])
    for index in range(grid.count):
        end = bisect_left(times, borders[index + 1], first)
        if end == first:
            if first and borders[index] - times[first - 1] < (holds[first - 1] if holds else hold_seconds):
                low[index] = high[index] = mean[index] = last[index] = rows.last[first - 1]
            continue
        means = rows.mean[first:end]
        lows, highs, lasts = (means, means, means) if plain else (rows.low[first:end], rows.high[first:end], rows.last[first:end])
        first, total = end, sum(means)
        if total != total:  # a NaN is among them
            lows, highs, means, lasts = (_known(values) for values in (lows, highs, means, lasts))
            if not means:
                continue
        low[index], high[index], last[index] = min(lows), max(highs), lasts[-1]
        mean[index] = _mean(means, low[index], high[index])
    return Buckets(grid.border(0), grid.step_seconds, low, high, mean, last)


def fill_buckets(points: Points, since: float, until: float, count: int) -> Buckets:
    """Lowest, highest, mean and last value of each of `count` buckets of which the last one holds `until`.

    A bucket without a point shows the value that still stands from before (see `Points`), or NaN.
    Raises ValueError for no buckets or a window that ends before it begins.
    """
    grid = Grid.over(since, until, count)
    return fill_grid(points.between(-_INFINITE, until), grid)


def fill_grid(points: Points, grid: Grid) -> Buckets:
    """Lowest, highest, mean and last value of each bucket of a grid."""
    values = points.values
    return _fill(Rollups(0.0, points.times, values, values, values, values), grid, points.hold_seconds, points.holds)


def roll_up(points: Points, step_seconds: float) -> Rollups:
    """The points as windows on the grid of `step_seconds`; windows without a value are left out."""
    times, low, high, mean, last = (array("d") for _ in range(5))
    begin, total = 0, len(points.times)
    while begin < total:
        window = floor(points.times[begin] / step_seconds)
        end = bisect_left(points.times, (window + 1) * step_seconds, begin + 1)
        known = _known(points.values[begin:end])
        begin = end
        if known:
            lowest, highest = min(known), max(known)
            for column, value in zip((times, low, high, last), (window * step_seconds, lowest, highest, known[-1]), strict=True):
                column.append(value)
            mean.append(_mean(known, lowest, highest))
    return Rollups(step_seconds, times, low, high, mean, last)


def merge_history(history: Rollups, tail: Points, since: float, until: float, count: int, window_seconds: float = 10.0) -> Buckets:
    """Buckets over what the state database keeps and the fine points in memory; no window counts twice.

    Where both know a window of `window_seconds` the memory's is taken. Both are brought to windows first, so that a
    bucket's mean weighs them alike. Raises ValueError for no buckets or a window that ends before it begins.
    """
    grid = Grid.over(since, until, count)
    hold_seconds = max(GAP_INTERVALS * history.step_seconds, tail.hold_seconds)
    from_seconds = grid.border(0) - hold_seconds
    old = history.between(from_seconds, until)
    fine = tail.between(from_seconds, until)
    return _fill(_join(old, roll_up(fine, window_seconds), whole=_begins_whole(fine, window_seconds)), grid, hold_seconds)


def _begins_whole(points: Points, window_seconds: float) -> bool:
    """Whether the first window has all its points: memory may have let the first ones of it go."""
    times = points.times
    return len(times) > 1 and times[0] % window_seconds < times[1] - times[0]


def _join(old: Rollups, new: Rollups, *, whole: bool) -> Rollups:
    """Both in order of time; a window of `new` replaces that of `old` of the same time, the first one only where it is whole."""
    if not new.times:
        return old
    apart = bisect_left(old.times, new.times[0])
    joined = [array("d", column[:apart]) for column in (old.times, old.low, old.high, old.mean, old.last)]
    rows = {window[0]: window for window in windows(old.between(new.times[0], _INFINITE))}
    first = None if whole else rows.get(new.times[0])
    rows.update((window[0], window) for window in windows(new))
    if first is not None:
        rows[first[0]] = together(first, rows[first[0]])
    for at in sorted(rows):
        for column, value in zip(joined, rows[at], strict=True):
            column.append(value)
    return Rollups(old.step_seconds, *joined)
