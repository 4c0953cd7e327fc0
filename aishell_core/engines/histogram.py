"""Counts of durations in buckets of a log scale: cheap to add to, to merge and to take quantiles from."""

from __future__ import annotations

import math
from collections.abc import Mapping

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


def quantile(counts: Mapping[int, float], share: float) -> float | None:
    """The duration in milliseconds below which this share (0 to 1) of the calls stayed; None without calls.

    The upper limit of the bucket in which the share is reached: never too low, at most 19 % too high.
    """
    total = sum(counts.values())
    if total <= 0:
        return None
    reached = 0.0
    for bucket in sorted(counts):
        reached += counts[bucket]
        if reached >= share * total:
            return bucket_limits(bucket)[1]
    return bucket_limits(max(counts))[1]
