"""Rollups: what is left of a series when its single values are forgotten."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field

from aishell_core.series.keys import SeriesKey
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
