"""How the telling of an alert that goes up and down is put off, pure."""

from __future__ import annotations

from dataclasses import replace

from alerts.models import Alert
from alerts.rule import Damping

_FLIPS_KEPT = 64


def recent(flips: tuple[float, ...], now: float, damping: Damping) -> tuple[float, ...]:
    """The flips that still count, of which no more than is of use are kept."""
    since = now - damping.window_seconds
    return tuple(at for at in flips if at > since)[-_FLIPS_KEPT:]


def delay_seconds(flips: int, damping: Damping) -> float:
    """How long the newest of so many flips within the window is not told; 0 for the free ones, and never more than the cap."""
    beyond = min(flips, _FLIPS_KEPT) - damping.free_flips
    if beyond <= 0:
        return 0.0
    try:
        return min(damping.first_seconds * damping.factor ** (beyond - 1), damping.most_seconds)
    except OverflowError:
        return damping.most_seconds


def flipped(alert: Alert, now: float, damping: Damping) -> Alert:
    """The alert after one more flip, with the moment before which nobody is told of it.

    Each flip puts the telling off anew, but never longer than the cap from the first that was put off: an alert that
    flaps without end is told of every `most_seconds`, as it stands then.
    """
    flips = (*recent(alert.flips, now, damping), now)[-_FLIPS_KEPT:]
    delay = delay_seconds(len(flips), damping)
    if not delay:
        return replace(alert, flips=flips, held_since=None, held_until=None)
    is_held = alert.held_since is not None and alert.held_until is not None and alert.held_until > now
    begun = alert.held_since if is_held and alert.held_since is not None else now
    return replace(alert, flips=flips, held_since=begun, held_until=min(now + delay, begun + damping.most_seconds))


def risen(alert: Alert, now: float, damping: Damping) -> Alert:
    """The alert after it fired or changed its level: worse than it has been since it began to flap, it is told at once."""
    if alert.peak is None or not set(recent(alert.flips, now, damping)) - {now}:
        return replace(alert, peak=alert.level)
    if alert.level.rank <= alert.peak.rank:
        return alert
    return replace(alert, peak=alert.level, held_since=None, held_until=None)
