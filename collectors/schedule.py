"""When to read: the cadence of the tiers and the arithmetic of due moments and back-off, all pure."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, fields

from aishell_core.values import Failure, FailureCode, Tier

START_SPREAD_SECONDS = 1.0
"""Over how long the first readings of a fleet are spread, so that it is on screen soon whatever its cadence is."""

BACK_OFF_SPREAD = 0.25
"""The share by which a back-off may be shorter, so that targets that fell together do not come back in one burst."""


RECOVERY_SECONDS = 2.0
_RECOVERY_SHARE = 0.05
_COMES_BACK = frozenset({FailureCode.TIMEOUT, FailureCode.REFUSED, FailureCode.LOCKED})
"""A target that was stopped, frozen or full comes back by itself; asking costs it a connection, or nothing at all."""

_PASSING = frozenset({FailureCode.LOCKED, FailureCode.TIMEOUT, FailureCode.INTERNAL})
_REST_AFTER_READING = 4.0


@dataclass(frozen=True, slots=True)
class Schedule:
    """The cadence and the deadline of each tier, and the longest pause between tries of a target that fails.

    `retry_seconds` is the pause after a warm or cold reading that carries a failure which may pass.

    Raises ValueError for a figure that is not above zero.
    """

    hot_seconds: float = 1.0
    warm_seconds: float = 15.0
    cold_seconds: float = 600.0
    deadline_seconds: float = 2.0
    warm_deadline_seconds: float = 5.0
    cold_deadline_seconds: float = 20.0
    backoff_cap_seconds: float = 60.0
    retry_seconds: float = 5.0

    def __post_init__(self) -> None:
        for item in fields(self):
            value: float = getattr(self, item.name)
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"{item.name} is {value}, not a time above zero")

    def interval(self, tier: Tier) -> float:
        """The seconds between two readings of a tier."""
        match tier:
            case Tier.HOT:
                return self.hot_seconds
            case Tier.WARM:
                return self.warm_seconds
            case Tier.COLD:
                return self.cold_seconds

    def deadline(self, tier: Tier) -> float:
        """The seconds after which a reading of a tier is given up."""
        match tier:
            case Tier.HOT:
                return self.deadline_seconds
            case Tier.WARM:
                return self.warm_deadline_seconds
            case Tier.COLD:
                return self.cold_deadline_seconds


def first_due(now: float, interval_seconds: float, phase: float) -> float:
    """When a target is read for the first time; `phase` (0 to 1) is its share of the spread."""
    return now + phase * min(interval_seconds, START_SPREAD_SECONDS)


def next_due(anchor: float, interval_seconds: float, started: float, now: float) -> float:
    """The next moment of the grid anchor + n x interval that is to come and not hard upon the last reading.

    A grid does not drift with the time that readings take; a reading that overran it skips what it missed, and one
    taken off the grid (the first, or a refresh by hand) is followed after a quarter of an interval at the soonest.
    """
    after = max(now, started + interval_seconds / 4)
    due = anchor + (math.floor((after - anchor) / interval_seconds) + 1) * interval_seconds
    return due if due > after else due + interval_seconds


def may_pass(failures: Iterable[Failure]) -> bool:
    """Whether one of these failures can be over soon without anybody's doing, so that it must not be shown for long."""
    return any(failure.code in _PASSING for failure in failures)


def retry_due(retry_seconds: float, started: float, now: float) -> float:
    """When a reading with a passing failure is taken again: one that took long costs a fifth of the time at most."""
    return now + max(retry_seconds, _REST_AFTER_READING * (now - started))


def recovery_cap_seconds(code: FailureCode, failing_seconds: float, cap_seconds: float) -> float:
    """The longest pause between tries of a target that has failed for so long.

    One that comes back by itself is seen again within two seconds, or within a twentieth of the time for which it was
    away; one that refuses the credentials is not, because each try is counted against the role.
    """
    if code not in _COMES_BACK:
        return cap_seconds
    return min(cap_seconds, max(RECOVERY_SECONDS, _RECOVERY_SHARE * failing_seconds))


def back_off_seconds(failures_in_row: int, interval_seconds: float, cap_seconds: float, spread: float) -> float:
    """The pause after the n-th failure in a row: the cadence, then twice as long each time up to the cap.

    `spread` (0 to 1) shortens it by up to a quarter. It is never capped below the cadence itself.
    """
    doublings = min(max(failures_in_row - 1, 0), 32)
    pause = max(interval_seconds, min(cap_seconds, interval_seconds * 2.0**doublings))
    return pause * (1.0 - BACK_OFF_SPREAD * spread)
