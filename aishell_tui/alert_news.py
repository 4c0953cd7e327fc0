"""What changed between two looks at the alerts, in words for the timeline. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from aishell_core.values import Event, EventKind, Severity, TargetId
from alerts.level import Level

if TYPE_CHECKING:
    from alerts.models import Alert  # loaded with the alerts themselves, after the first frame

SEVERITIES = {Level.INFO: Severity.OK, Level.WARNING: Severity.WARNING, Level.CRITICAL: Severity.CRITICAL}
LEVEL_WORDS = {Level.INFO: "info", Level.WARNING: "warn", Level.CRITICAL: "crit"}
_NAMED = 20


def firing(alerts: Iterable[Alert]) -> tuple[Alert, ...]:
    """Those that fire and of which people are told."""
    return tuple(alert for alert in alerts if alert.phase.is_active and not alert.is_muted)


def level_counts(alerts: Iterable[Alert]) -> dict[Level, int]:
    """How many there are of each level, the worst first; levels without any are left out."""
    counts = dict.fromkeys(sorted(Level, key=lambda level: -level.rank), 0)
    for alert in alerts:
        counts[alert.level] += 1
    return {level: count for level, count in counts.items() if count}


def alert_words(alert: Alert) -> str:
    """What an alert says: its summary, else the name of its rule."""
    return dict(alert.annotations).get("summary") or alert.rule


def newly_firing(before: Iterable[Alert], after: Iterable[Alert], since: float) -> tuple[Alert, ...]:
    """The alerts that have begun to fire between two looks, as far as people are told; what fired before `since` is no news."""
    known = {alert.fingerprint for alert in before if alert.phase.is_active}
    return tuple(alert for alert in firing(after) if alert.fingerprint not in known and (alert.fired_at or 0.0) >= since)


def alert_events(before: Iterable[Alert], after: Iterable[Alert], at: float, since: float) -> list[Event]:
    """Events for alerts that fired, rose, fell, ended, were taken on or given back; of very many one for the rest.

    What fired before `since` (epoch seconds) and was not known at the look before is no news.
    """
    if before is after:
        return []
    old = {alert.fingerprint: alert for alert in before}
    changed = [alert for alert in after if (was := old.get(alert.fingerprint)) is not alert and _is_told(was, alert, at, since)]
    found = [event for alert in changed[:_NAMED] if (event := _event(old.get(alert.fingerprint), alert, at, since)) is not None]
    if len(changed) <= _NAMED:
        return found
    more = Event(at, TargetId(""), EventKind.ALERT, Severity.WARNING, f"{len(changed) - _NAMED} more alerts changed; 7 lists all of them")
    return [*found, more]


def _is_told(before: Alert | None, after: Alert, at: float, since: float) -> bool:
    """Whether there is an event between two looks; asked of every alert, and its words are made for those alone that are shown."""
    if before is None:
        return after.phase.is_active and (after.fired_at or at) >= since
    if after.phase.is_active != before.phase.is_active:
        return after.phase.is_active or after.phase.is_over
    return after.phase.is_active and (before.level is not after.level or before.acknowledgement != after.acknowledgement)


def _event(before: Alert | None, after: Alert, at: float, since: float) -> Event | None:
    was_active = before is not None and before.phase.is_active
    words, target = dict(after.annotations).get("summary", ""), after.key.target
    words = f": {words}" if words else ""
    if before is None and (after.fired_at or at) < since:
        return None
    if after.phase.is_active and not was_active:
        return Event(after.fired_at or at, target, EventKind.ALERT, SEVERITIES[after.level], f"{after.rule} fires{words}")
    if before is None:
        return None
    if was_active and after.phase.is_over:
        return Event(after.resolved_at or at, target, EventKind.ALERT, Severity.OK, f"{after.rule} is over{words}")
    if not after.phase.is_active:
        return None
    if before.level is not after.level:
        return Event(at, target, EventKind.ALERT, SEVERITIES[after.level], f"{after.rule} is {after.level} now, was {before.level}{words}")
    said = after.acknowledgement
    if said is not None and said != before.acknowledgement:
        note = f": {said.note}" if said.note else ""
        return Event(said.at, target, EventKind.ALERT, Severity.OK, f"{said.owner} took on {after.rule}{note}")
    if said is None and before.acknowledgement is not None:
        return Event(at, target, EventKind.ALERT, SEVERITIES[after.level], f"{before.acknowledgement.owner} gave back {after.rule}")
    return None
