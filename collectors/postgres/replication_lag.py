"""How long a standby has been behind: what it measures itself, but no less than is known from where the log stood."""

from __future__ import annotations

from collectors.log_times import LogTimes

__all__ = ["LogTimes", "lag_seconds"]


def lag_seconds(measured: float | None, behind_bytes: float | None, at_least: float) -> float | None:
    """The lag in seconds: 0 with nothing left to replay, else what the server measured, but no less than is known.

    `measured` is the server's `replay_lag`, which stays at its last value while replay is paused or held up by a query.
    """
    if behind_bytes is not None and behind_bytes <= 0:
        return 0.0
    known = max(measured if measured is not None else 0.0, at_least)
    return known if measured is not None or known > 0 else None
