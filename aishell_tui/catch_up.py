"""Whether a replica catches up or falls back, from the series of its lag. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from aishell_core.units import format_bytes, format_duration

TREND_SECONDS = 120.0
_LEAST_SECONDS = 5.0
_LEAST_BYTES = 2.0**20
"""Less than this is not behind: it is what is on its way."""

_NOTICED = 0.02
"""A change of less than this share of the lag within the window is none: lag trembles with every write."""


@dataclass(frozen=True, slots=True)
class Trend:
    """How a lag in bytes changes: `bytes_per_second` above zero grows; `eta_seconds` until it is gone where it shrinks."""

    bytes_per_second: float | None = None
    eta_seconds: float | None = None


UNKNOWN_TREND = Trend()


def trend(times: Sequence[float], lags: Sequence[float]) -> Trend:
    """The straight line through the points of (epoch seconds, bytes behind) by least squares, and where it meets zero."""
    points = [(at, lag) for at, lag in zip(times, lags, strict=True) if math.isfinite(lag)]
    if len(points) < 3 or points[-1][0] - points[0][0] < _LEAST_SECONDS:
        return UNKNOWN_TREND
    middle_at = math.fsum(at for at, _ in points) / len(points)
    middle_lag = math.fsum(lag for _, lag in points) / len(points)
    spread = math.fsum((at - middle_at) ** 2 for at, _ in points)
    slope = math.fsum((at - middle_at) * (lag - middle_lag) for at, lag in points) / spread
    lag, span = points[-1][1], points[-1][0] - points[0][0]
    if max(lag, points[0][1]) < _LEAST_BYTES:
        return Trend(0.0)
    if abs(slope) * span <= _NOTICED * max(middle_lag, lag):
        return Trend(0.0)
    return Trend(slope, lag / -slope if slope < 0 and lag > 0 else None)


def trend_words(found: Trend) -> str:
    """The trend in a few words; empty where there is none or it is not known."""
    if not found.bytes_per_second:
        return ""
    pace = f"{format_bytes(abs(found.bytes_per_second))}/s"
    if found.bytes_per_second > 0:
        return f"falls back by {pace}"
    return f"catches up by {pace}" + (f", there in {format_duration(found.eta_seconds)}" if found.eta_seconds is not None else "")
