"""Counters to rates: the one place where it is decided what a reset, a restart and a missed reading mean."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Sequence
from operator import sub, truediv

NAN = float("nan")
GAP_INTERVALS = 2.5
"""So many intervals without a value and the series is torn: one missed reading is bridged, two in a row are not."""

GAP_FLOOR_SECONDS = 5.0
"""Never torn sooner than this: a reading each second with a deadline of 2 s may well be 4 s late,
and the mean rate of a few seconds is still true, while a hole in each chart on a busy machine helps nobody."""

_INFINITE = float("inf")

# Within these no division below can overflow.
_SHORTEST_SECONDS = 1e-6
_HUGE = 1e300


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


def rates(
    times: Sequence[float], values: Sequence[float], longest_seconds: float | Sequence[float], breaks: Collection[int] = ()
) -> array[float]:
    """The rate per second at each point since the last known point before it; never negative.

    NaN stands where there is no rate: at the first point, at a point without a value, after a fall (the counter
    began again), after more than `longest_seconds` (one for each point where the cadence changed: then the longer of
    both ends' goes), and at the indices in `breaks` (a restart or an outage lies before).
    """
    if not isinstance(longest_seconds, float | int):
        return _rates_of_changing_cadence(times, values, longest_seconds, breaks)
    spans = steady_spans(times, longest_seconds, breaks)
    quick = quick_rates(values, spans) if spans is not None else None
    if quick is not None:
        return array("d", (NAN, *quick))
    found = array("d", (NAN,)) * len(times)
    borders = [index for index in sorted(breaks) if 0 < index < len(times)]
    for first, end in zip((0, *borders), (*borders, len(times)), strict=True):
        _segment(times, values, longest_seconds, found, range(first, end))
    return found


def steady_spans(times: Sequence[float], longest_seconds: float, breaks: Collection[int] = ()) -> list[float] | None:
    """The seconds from each time to the next; None where there are none, or where a gap lies among them."""
    spans = list(map(sub, times[1:], times))
    if not spans or min(spans) < _SHORTEST_SECONDS or max(spans) > longest_seconds or any(0 < index < len(times) for index in breaks):
        return None
    return spans


def quick_rates(values: Sequence[float], spans: list[float]) -> list[float] | None:
    """The rates of all values but the first over steady spans; None where one is unknown or falls: `rates` must look then."""
    increases = list(map(sub, values[1:], values))
    if min(increases) < 0.0 or not sum(increases) < _HUGE:
        return None
    return list(map(truediv, increases, spans))


def _segment(times: Sequence[float], values: Sequence[float], longest_seconds: float, found: array[float], span: range) -> None:
    """The rates inside of a span of indices, into `found`; `rate` written out because this runs for each point."""
    earlier = before = NAN
    for index in span:
        after = values[index]
        if after >= before:  # false for a fall, and when either is NaN
            later = times[index]
            seconds = later - earlier
            if 0.0 < seconds <= longest_seconds:
                increase = (after - before) / seconds
                if increase < _INFINITE:
                    found[index] = increase
            earlier, before = later, after
        elif after == after:  # not NaN
            earlier, before = times[index], after


def _rates_of_changing_cadence(
    times: Sequence[float], values: Sequence[float], longest_seconds: Sequence[float], breaks: Collection[int]
) -> array[float]:
    found = array("d", (NAN,)) * len(times)
    known: int | None = None
    for index, after in enumerate(values):
        if index in breaks:
            known = None
        if after == after:  # not NaN
            if known is not None:
                longest = max(longest_seconds[known], longest_seconds[index])
                found[index] = rate(times[known], values[known], times[index], after, longest)
            known = index
    return found
