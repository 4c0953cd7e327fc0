"""Remembering buckets that cannot change any more, so that a chart that is drawn each second computes only its newest ones."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from math import floor

from aishell_core.series.buckets import Buckets, Grid

KEPT_CHARTS = 1024
"""Charts that are remembered, the latest used: 5 MiB at 140 buckets each."""


class FinishedBuckets:
    """The finished buckets of the charts that were asked for lately; for one thread.

    A bucket is finished when a row behind its end is known. The buckets of one series lie on one grid for each step,
    so that those of the chart of a second ago are those of now, moved.
    """

    def __init__(self, charts: int = KEPT_CHARTS) -> None:
        self._charts = charts
        self._kept: OrderedDict[Hashable, Buckets] = OrderedDict()

    def fill(self, series: Hashable, grid: Grid, sure_until: float, compute: Callable[[Grid], Buckets]) -> Buckets:
        """What `compute` gives for the grid; it is called for the buckets that are not remembered only.

        `series` names what the buckets are of; before `sure_until` (epoch seconds) nothing of it changes any more.
        """
        name = (series, grid.step_milliseconds)
        kept = self._kept.get(name)
        # A millisecond less: the product may have been rounded up to the border.
        sure = max(0, min(grid.count, (floor(sure_until * 1000) - 1) // grid.step_milliseconds - grid.first))
        known, skipped = (0, 0) if kept is None else _overlap(kept, grid, sure)
        if kept is None or known == 0:
            found = compute(grid)
        else:
            new = compute(grid.behind(known)) if known < grid.count else None
            found = _joined(grid, kept, slice(skipped, skipped + known), new)
        if sure:
            self._kept[name] = _joined(grid, found, slice(0, sure), None)
            self._kept.move_to_end(name)
            if len(self._kept) > self._charts:
                self._kept.popitem(last=False)
        return found


def _overlap(kept: Buckets, grid: Grid, sure: int) -> tuple[int, int]:
    """How many buckets at the beginning of the grid are kept, and how many kept ones lie before it."""
    skipped = grid.first - round(kept.start * 1000) // grid.step_milliseconds
    if not 0 <= skipped < len(kept.mean):
        return 0, 0
    return min(len(kept.mean) - skipped, sure), skipped


def _joined(grid: Grid, kept: Buckets, some: slice, new: Buckets | None) -> Buckets:
    """Some of the kept buckets and the new ones behind them, in memory of their own."""
    low, high, mean, last = kept.low[some], kept.high[some], kept.mean[some], kept.last[some]
    if new is not None:
        low += new.low
        high += new.high
        mean += new.mean
        last += new.last
    return Buckets(grid.border(0), grid.step_seconds, low, high, mean, last)
