"""Which schedules are due, and when each is due next; pure.

Of several times that were missed while nobody looked only the newest counts: after a long weekend one backup is made and
not sixty. What has been dealt with is not due again, also when the clock goes back.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import tzinfo

from aishell_ops.backups.schedule import last_before, next_after

LATE_SECONDS = 120.0
"""From here on a run is told to be late: the program was not running, or another backup took so long."""


@dataclass(frozen=True, slots=True)
class Timing:
    """When a schedule is due: its expression in a time zone, from `since` on, each time up to `jitter_seconds` later,
    but no more than half of the time to the next one.

    `dealt_with` is the newest due time that a run was begun for, or that was given up.
    """

    name: str
    expression: str
    zone: tzinfo
    since: float
    jitter_seconds: float = 0.0
    dealt_with: float | None = None


@dataclass(frozen=True, slots=True)
class Due:
    """A schedule whose time has come."""

    name: str
    due_at: float
    is_late: bool = False


def due_now(timing: Timing, now: float) -> Due | None:
    """The time that is to be dealt with now; None when there is none."""
    newest = last_before(timing.expression, timing.zone, now)
    if newest is None or newest <= max(timing.since, timing.dealt_with or timing.since):
        return None
    starts_at = newest + _jitter(timing, newest)
    return Due(timing.name, newest, now - starts_at > LATE_SECONDS) if starts_at <= now else None


def next_start(timing: Timing, now: float) -> float:
    """When it begins next, in epoch seconds: `now` when it is due already. Raises ConfigError for a wrong expression."""
    newest = last_before(timing.expression, timing.zone, now)
    if newest is not None and newest > max(timing.since, timing.dealt_with or timing.since):
        return max(now, newest + _jitter(timing, newest))
    following = next_after(timing.expression, timing.zone, max(now, timing.dealt_with or now))
    return following + _jitter(timing, following)


def _jitter(timing: Timing, due_at: float) -> float:
    """The same for one schedule and one time, whoever computes it, so that waiting for it survives a restart."""
    if not timing.jitter_seconds:
        return 0.0
    digest = hashlib.sha256(f"{timing.name}\0{due_at:.0f}".encode()).digest()
    # What waited past the next time would never be begun: that one would be the newest, and wait as well.
    most = min(timing.jitter_seconds, (next_after(timing.expression, timing.zone, due_at) - due_at) / 2)
    return most * int.from_bytes(digest[:6], "big") / 2**48
