"""Counts of durations in buckets of a log scale: cheap to add to, to merge and to take quantiles from."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from itertools import pairwise

STEPS_PER_OCTAVE = 4
LAST_BUCKET = 160
"""The bucket that also takes everything longer, about 12 days."""


def bucket_of(milliseconds: float) -> int:
    """The bucket of a duration: bucket 0 holds up to one microsecond, each next one reaches 2**(1/4) times farther."""
    microseconds = milliseconds * 1000.0
    if not microseconds > 1.0:
        return 0
    if microseconds == math.inf:
        return LAST_BUCKET
    return min(LAST_BUCKET, math.ceil(STEPS_PER_OCTAVE * math.log2(microseconds)))


def bucket_limits(bucket: int) -> tuple[float, float]:
    """The durations in milliseconds between which a bucket lies, the upper one included."""
    low = 0.0 if bucket <= 0 else 2.0 ** ((bucket - 1) / STEPS_PER_OCTAVE) / 1000.0
    return low, 2.0 ** (max(bucket, 0) / STEPS_PER_OCTAVE) / 1000.0


def cumulative(counts: Mapping[int, float]) -> tuple[int, ...]:
    """How many calls lie in each bucket or below it, up to the last bucket that has some; empty without calls."""
    reached, found = 0, list[int]()
    for bucket in range(min(max(counts, default=-1), LAST_BUCKET) + 1):
        added = int(counts.get(bucket, 0.0))
        # Most buckets are empty: these share one number, of which a dashboard keeps many.
        reached = reached + added if added else reached
        found.append(reached)
    return tuple(found) if reached else ()


def cumulative_minus(now: Sequence[int], before: Sequence[int]) -> tuple[int, ...]:
    """The cumulative counts of what was added between two readings; empty when counting began anew in between."""
    if not before:
        return tuple(now)
    added = tuple(calls - before[min(bucket, len(before) - 1)] for bucket, calls in enumerate(now))
    anew = len(now) < len(before) or any(later < sooner for sooner, later in pairwise((0, *added)))
    return () if anew else added


def quantile(calls_up_to: Sequence[int], share: float, longest_milliseconds: float | None = None) -> float | None:
    """The duration in milliseconds below which this share (0 to 1) of the calls stayed, from cumulative counts.

    The upper limit of the bucket in which the share is reached: never too low, at most 19 % too high, and never above
    the longest call where that is known. None without calls.
    """
    if not calls_up_to or calls_up_to[-1] <= 0:
        return None
    limit = bucket_limits(bisect_left(calls_up_to, share * calls_up_to[-1]))[1]
    return limit if longest_milliseconds is None else min(limit, longest_milliseconds)
