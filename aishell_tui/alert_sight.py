"""From the view of a target to what an alert's evidence is made of. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from aishell_core.series.keys import SeriesKey
from aishell_core.values import Event, Part
from aishell_tui.backup_age import last_backup_text
from aishell_tui.frame import TargetView
from alerts.evidence import NO_BACKUP, NOTICED_SECONDS, SETTINGS_SECONDS, Sight
from alerts.language.checker import understood
from alerts.models import Alert
from alerts.rule import Rule

WINDOW_SECONDS = 900.0
FRESH_SECONDS = 15.0
WANTED: Mapping[Part, float] = {Part.SESSIONS: 1.0, Part.LOCKS: 1.0, Part.STATEMENTS: 1.0, Part.SETTINGS: 15.0}
"""The parts that evidence shows, which are read for it when nobody looks at them; and how many seconds before they may have been.

Of settings it shows what has changed, which is seen when they are read: once for all alerts of some seconds.
"""

_POINTS = 120
_OF_SESSIONS = frozenset({"connections", "sessions", "clients", "pool"})
_REMARKS = 3


def sight_of(view: TargetView, alert: Alert, rule: Rule | None, events: tuple[Event, ...], at: float) -> Sight:
    """What is known at a moment; parts that were read too long ago to say anything of it are left out."""
    key = figure_of(view, alert, rule)
    # What the alert says itself is no cause of it.
    of_itself = {*_names(rule), *((key.metric.name,) if key is not None else ())}
    fresh = {part: read_at for part, read_at in view.part_at.items() if abs(at - read_at) <= FRESH_SECONDS}
    told_by_locks = "sessions" if Part.LOCKS in fresh and view.lock_waits else None
    others = (reason for reason in view.assessment.reasons if reason.metric not in of_itself and reason.leads_to != told_by_locks)
    return Sight(
        at,
        window_of(view, key, at),
        counts_sessions=_counts_sessions(rule),
        sessions=view.sessions if Part.SESSIONS in fresh else None,
        lock_waits=view.lock_waits if Part.LOCKS in fresh else None,
        statements=view.statements if Part.STATEMENTS in fresh else None,
        statement_rates=_statement_rates(view) if Part.STATEMENTS in fresh else {},
        events=tuple(
            event for event in events if event.target in {view.name, ""} and -NOTICED_SECONDS <= at - event.at <= SETTINGS_SECONDS
        ),
        remarks=tuple(reason.text for reason in others)[:_REMARKS],
        last_backup=last_backup_text(view) or NO_BACKUP,
        sessions_at=fresh.get(Part.SESSIONS),
        locks_at=fresh.get(Part.LOCKS),
        statements_at=fresh.get(Part.STATEMENTS),
    )


def _counts_sessions(rule: Rule | None) -> bool:
    """Whether a rule looks at how many connections or sessions there are."""
    return any(_OF_SESSIONS & set(name.split(".")) for name in _names(rule))


def _names(rule: Rule | None) -> list[str]:
    """The metrics that a rule looks at, in the order of its conditions."""
    return [name for trigger in rule.triggers for name in understood(trigger.condition).metrics] if rule is not None else []


def figure_of(view: TargetView, alert: Alert, rule: Rule | None) -> SeriesKey | None:
    """The series that an alert is about: that of its rule's first figure with the labels of its instance."""
    for name in dict.fromkeys(_names(rule)):
        keys = view.snapshot.find(name)
        of_instance = [key for key in keys if set(alert.key.labels) <= set(key.labels)]
        if of_instance or keys:
            return (of_instance or list(keys))[0]
    return None


def window_of(view: TargetView, key: SeriesKey | None, at: float) -> tuple[tuple[float, float], ...]:
    """The figure of the last minutes in at most so many points; empty where the rule looks at none that is kept."""
    if key is None:
        return ()
    buckets = view.snapshot.buckets(key, at - WINDOW_SECONDS, at, _POINTS)
    points = ((buckets.start + (place + 0.5) * buckets.step_seconds, mean) for place, mean in enumerate(buckets.mean))
    return tuple((moment, mean) for moment, mean in points if not math.isnan(mean))


def kept_buckets(window: Sequence[tuple[float, float]], count: int) -> tuple[float, float, tuple[float, ...]]:
    """The kept figure for a chart of so many places: its start in epoch seconds, the seconds of a place, the means, NaN where none is."""
    start, end = window[0][0], window[-1][0]
    step = max((end - start) / max(1, count - 1), 1e-3)
    places: list[list[float]] = [[] for _ in range(max(1, count))]
    for at, value in window:
        places[min(round((at - start) / step), len(places) - 1)].append(value)
    return start, step, tuple(sum(values) / len(values) if values else math.nan for values in places)


def _statement_rates(view: TargetView) -> dict[str, float]:
    found: dict[str, float] = {}
    for key in view.snapshot.find("statement.time.rate"):
        value = view.snapshot.value(key)
        digest = dict(key.labels).get("digest")
        if value is not None and digest:
            found[digest] = value
    return found
