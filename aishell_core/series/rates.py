"""Counters to rates: the one place where it is decided what a reset, a restart and a missed reading mean."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Sequence

NAN = float("nan")
GAP_INTERVALS = 2.5
"""So many intervals without a value and the series is torn: one missed reading is bridged, two in a row are not."""

GAP_FLOOR_SECONDS = 5.0
"""Never torn sooner than this: a reading each second with a deadline of 2 s may well be 4 s late,
and the mean rate of a few seconds is still true, while a hole in each chart on a busy machine helps nobody."""

_INFINITE = float("inf")


def gap_seconds(interval_seconds: float) -> float:
    """The longest time between two values of a series read at this interval that may be connected, in seconds."""
    return max(GAP_INTERVALS * interval_seconds, GAP_FLOOR_SECONDS)


def rate(earlier: float, before: float, later: float, after: float, longest_seconds: float) -> float:
    """Increase per second from the value `before` at `earlier` to `after` at `later`; NaN for a reset or a gap."""
    span = later - earlier
    if after >= before and 0.0 < span <= longest_seconds:
        increase = (after - before) / span
        return increase if increase < _INFINITE else NAN
    return NAN


def rates(times: Sequence[float], values: Sequence[float], longest_seconds: float, breaks: Collection[int] = ()) -> array[float]:
    """The rate per second at each point since the last known point before it; never negative.

    NaN stands where there is no rate: at the first point, at a point without a value, after a fall (the counter
    began again), after more than `longest_seconds`, and at the indices in `breaks` (a restart or an outage lies before).
    """
    found = array("d", (NAN,)) * len(times)
    earlier = before = NAN
    for index, later in enumerate(times):
        if index in breaks:
            before = NAN
        after = values[index]
        if after == after:  # not NaN
            if after >= before:
                found[index] = rate(earlier, before, later, after, longest_seconds)
            earlier, before = later, after
    return found
