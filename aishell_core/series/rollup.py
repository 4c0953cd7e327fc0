"""Rollups: what is left of a series when its single values are forgotten."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from operator import sub

from aishell_core.series.keys import SeriesKey
from aishell_core.series.rates import GAP_INTERVALS, NAN
from aishell_core.values import TargetId, Tier

FIGURES = 4
"""Low, high, mean and last: the floats that a window keeps of one series."""


@dataclass(frozen=True, slots=True)
class RollupRow:
    """One finished window of all series of a track: when it began (epoch seconds) and low, high, mean, last of each in turn.

    32 bit floats; NaN where a series had no value. Counters are rates per second.
    """

    at: float
    values: array[float]


@dataclass(frozen=True, slots=True)
class RollupBatch:
    """Finished windows of one track (the series of a target that are read together), on their way to the state database.

    `step_seconds` is how far apart the windows usually are: their length, or the cadence where readings are rarer.
    """

    target: TargetId
    tier: Tier
    step_seconds: float
    keys: tuple[SeriesKey, ...]
    rows: tuple[RollupRow, ...]


def _doubles() -> array[float]:
    return array("d")


def _floats() -> array[float]:
    return array("f")


@dataclass(frozen=True, slots=True)
class Rollups:
    """Finished windows of one series: their beginnings (epoch seconds, rising) and what was in them; NaN is a gap.

    `step_seconds` is how far apart the windows usually are.
    """

    step_seconds: float = 10.0
    times: array[float] = field(default_factory=_doubles)
    low: array[float] = field(default_factory=_floats)
    high: array[float] = field(default_factory=_floats)
    mean: array[float] = field(default_factory=_floats)
    last: array[float] = field(default_factory=_floats)

    def between(self, since: float, until: float) -> Rollups:
        """The windows that begin from `since` to `until`, both included."""
        cut = slice(bisect_left(self.times, since), bisect_right(self.times, until))
        return Rollups(self.step_seconds, self.times[cut], self.low[cut], self.high[cut], self.mean[cut], self.last[cut])


NO_ROLLUPS = Rollups()

Window = tuple[float, float, float, float, float]
"""When a window began, and its low, high, mean and last."""


def windows(rollups: Rollups) -> Iterable[Window]:
    """The windows one by one."""
    return zip(rollups.times, rollups.low, rollups.high, rollups.mean, rollups.last, strict=True)


def together(one: Window, other: Window) -> Window:
    """Two parts of the same window as one, the later one second; how many values each stands for is not known any more."""
    if one[3] != one[3]:  # NaN
        return other
    if other[3] != other[3]:
        return one
    return one[0], min(one[1], other[1]), max(one[2], other[2]), (one[3] + other[3]) / 2, other[4]


def merged(parts: Sequence[Rollups]) -> Rollups:
    """Parts of one series, in the order in which they were written, as one in order of time with each window once."""
    parts = [part for part in parts if part.times]
    if len(parts) < 2:
        return parts[0] if parts else NO_ROLLUPS
    ordered = sorted(parts, key=lambda part: part.times[0])
    if any(after.times[0] <= before.times[-1] for before, after in pairwise(ordered)):
        ordered = [_woven(parts)]
    step_seconds = max(part.step_seconds for part in ordered)
    whole, begins = Rollups(step_seconds), [part.times[0] for part in ordered]
    for part, next_at in zip(ordered, (*begins[1:], None), strict=True):
        _extend(whole, part if part.step_seconds == step_seconds else _with_gaps(part, next_at))
    return whole


def _extend(whole: Rollups, part: Rollups) -> None:
    whole.times.extend(part.times)
    whole.low.extend(part.low)
    whole.high.extend(part.high)
    whole.mean.extend(part.mean)
    whole.last.extend(part.last)


def _append(whole: Rollups, window: Window) -> None:
    for column, value in zip((whole.times, whole.low, whole.high, whole.mean, whole.last), window, strict=True):
        column.append(value)


def _with_gaps(part: Rollups, next_at: float | None) -> Rollups:
    """The same with a window of no value wherever its last one stands no longer: what follows may have a longer step."""
    holds, times = GAP_INTERVALS * part.step_seconds, part.times
    until = times[-1] if next_at is None else next_at
    if until - times[-1] <= holds and max(map(sub, times[1:], times), default=0.0) <= holds:
        return part
    whole = Rollups(part.step_seconds)
    for window, after in zip(windows(part), (*times[1:], until), strict=True):
        _append(whole, window)
        if after - window[0] > holds:
            _append(whole, (window[0] + holds, NAN, NAN, NAN, NAN))
    return whole


def _woven(parts: Sequence[Rollups]) -> Rollups:
    """Window by window, where the clock went back or a window was written in two parts."""
    found: dict[float, Window] = {}
    for part in parts:
        for window in windows(part):
            known = found.get(window[0])
            found[window[0]] = together(known, window) if known else window
    whole = Rollups(max(part.step_seconds for part in parts))
    for at in sorted(found):
        _append(whole, found[at])
    return whole
