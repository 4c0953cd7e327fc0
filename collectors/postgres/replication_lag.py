"""How long a standby has been behind: what a server measures itself, within what is known from looks before."""

from __future__ import annotations

from collectors.log_times import LogTimes

__all__ = ["LagMemory", "LogTimes", "StandbyLag", "lag_seconds"]


def lag_seconds(measured: float | None, behind_bytes: float | None, at_least: float) -> float | None:
    """The lag in seconds: 0 with nothing left to replay, else what the server measured, but no less than is known.

    `measured` is the server's `replay_lag`, which stays at its last value while replay is paused or held up by a query.
    """
    if behind_bytes is not None and behind_bytes <= 0:
        return 0.0
    known = max(measured if measured is not None else 0.0, at_least)
    return known if measured is not None or known > 0 else None


class StandbyLag:
    """How far a standby is behind, bounded by the time since it was seen to have applied all that it had been sent.

    The age of the last transaction that was applied says nothing on a primary that is idle: each record that comes
    then, and is not applied for a moment, would show as a lag of hours.
    """

    def __init__(self) -> None:
        self._caught_up_at: float | None = None

    def at(self, now: float | None, lag_seconds: float | None) -> float | None:
        """Seconds behind at this look, by the server's clock (epoch seconds); None where it is not known.

        `lag_seconds` is the age of the last transaction that was applied, 0 when all is applied that was sent.
        """
        if now is None:
            self.forget()
            return None
        if lag_seconds == 0:
            self._caught_up_at = now
        bounds = [lag_seconds] if lag_seconds is not None else []
        if self._caught_up_at is not None:
            bounds.append(now - self._caught_up_at)
        return max(0.0, min(bounds)) if bounds else None

    def forget(self) -> None:
        """The server began anew, or is no standby (any more)."""
        self._caught_up_at = None


class LagMemory:
    """What is known of one server from looks before, for all who read how late anybody is: they must not contradict each other.

    `log` is where the end of the server's log was at what time, `own` how late the server itself is as a standby.
    """

    __slots__ = ("log", "own")

    def __init__(self) -> None:
        self.log = LogTimes()
        self.own = StandbyLag()
