"""What changed between two looks at a target: pure functions from views to events."""

from __future__ import annotations

from collections.abc import Mapping

from aishell_core.series.keys import SeriesKey
from aishell_core.units import format_counted
from aishell_core.values import Event, EventKind, Facts, Part, Reading, Setting, Severity, TargetId
from aishell_tui.digests import counting_limits
from aishell_tui.digests_anew import anew_since, began_anew
from aishell_tui.frame import TargetView

_QUIET_SECONDS = 60.0
_QUERIES = ("query", "queries")
_DEADLOCKS = "deadlocks.rate"
_TOLD_WHEN_GROWN: Mapping[str, str] = {
    _DEADLOCKS: "{broken} broken; more within a minute are counted on Health alone",
    "postgres.conflicts.kind.rate": "replaying the log cancelled {counted}: {kind} conflict",
    "postgres.subscription.errors.rate": "the subscription {subscription} cannot apply what it is sent; the server's log says why",
    "postgres.subscription.conflicts.rate": "rows of the subscription {subscription} conflict with those that are here: {kind}",
    "postgres.subscription.down": "no worker applies what the subscription {subscription} brings",
}
"""Metrics whose growth is an event, with the words; a label's value stands for its name."""

_NEWS: Mapping[str, tuple[EventKind, str]] = {"deadlock": (EventKind.DEADLOCK, "a deadlock was broken at {value}")}
"""Details that tell of something that happened: a new value is an event of its own, also the first one."""

_WATCHED_DETAILS = {"journal mode": EventKind.SETTING, "schema version": EventKind.SCHEMA, "address": EventKind.SETTING}


def state_event(before: TargetView, after: TargetView, at: float) -> Event | None:
    """An event when the target's severity changed; the first look is one only when something is wrong."""
    old, new = before.assessment.severity, after.assessment.severity
    newly_unreadable = before.target_failure is None and after.target_failure is not None
    if (old is new and not newly_unreadable) or (new is Severity.UNKNOWN and after.last_ok_at is None and after.target_failure is None):
        return None
    first = before.last_ok_at is None and before.target_failure is None
    if first and new is Severity.OK:
        return None
    if new is Severity.OK:
        return Event(at, after.name, EventKind.STATE, Severity.OK, f"ok again, was {old}")
    reason = after.assessment.reasons[0].text if after.assessment.reasons else str(new)
    return Event(at, after.name, EventKind.STATE, new, reason)


def facts_events(name: TargetId, before: Facts | None, after: Facts | None, at: float) -> list[Event]:
    """Events for a restart, a new version, a new role, and changed details that matter."""
    if before is None or after is None or before == after:
        return []
    events = []
    if before.started_at is not None and after.started_at is not None and abs(after.started_at - before.started_at) > 1.5:
        events.append(Event(at, name, EventKind.RESTART, Severity.WARNING, "restarted, or was replaced by another one"))
    if before.version != after.version:
        events.append(Event(at, name, EventKind.SETTING, Severity.OK, f"version changed from {before.version} to {after.version}"))
    if before.role != after.role:
        events.append(Event(at, name, EventKind.SETTING, Severity.WARNING, f"role changed from {before.role} to {after.role}"))
    old = dict(before.details)
    for key, value in after.details:
        if key in _WATCHED_DETAILS and key in old and old[key] != value:
            events.append(Event(at, name, _WATCHED_DETAILS[key], Severity.OK, f"{key} changed from {old[key]} to {value}"))
    events += [
        Event(at, name, _NEWS[key][0], Severity.WARNING, _NEWS[key][1].format(value=value))
        for key, value in after.details
        if key in _NEWS and old.get(key) != value
    ]
    return events


def setting_events(name: TargetId, before: tuple[Setting, ...] | None, after: tuple[Setting, ...] | None, at: float) -> list[Event]:
    """One event for each setting whose value changed; what follows from other settings, or that nobody sets, is no news."""
    if before is None or after is None or before is after:
        return []
    old = {setting.name: setting.value for setting in before}
    return [
        Event(at, name, EventKind.SETTING, Severity.OK, _change_text(setting, old[setting.name]))
        for setting in after
        if not setting.derived and setting.name in old and old[setting.name] != setting.value
    ]


def _change_text(setting: Setting, old: str) -> str:
    return f"setting {setting.name} changed from {old or '(empty)'} to {setting.value or '(empty)'}"


def counted_events(before: TargetView, reading: Reading) -> list[Event]:
    """Events for what has gone wrong since the reading before, told once for as long as it goes on without a minute's rest."""
    events = []
    for sample in reading.samples:
        phrase = _TOLD_WHEN_GROWN.get(sample.metric.name)
        if phrase is None:
            continue
        key = SeriesKey(sample.metric, sample.labels)
        known = before.snapshot.raw(key)
        if known is None or sample.value <= known:
            continue
        if any(value > 0 for value in before.snapshot.points(key, reading.at - _QUIET_SECONDS, reading.at).values):
            continue
        grown = sample.value - known
        is_deadlock = sample.metric.name == _DEADLOCKS
        if is_deadlock and _is_dated(before.facts, reading.facts):
            continue
        counted, broken = format_counted(grown, *_QUERIES), format_counted(grown, "deadlock was", "deadlocks were")
        text = phrase.format(counted=counted, broken=broken, **dict(sample.labels))
        kind = EventKind.DEADLOCK if is_deadlock else EventKind.REPLICATION
        events.append(Event(reading.at, reading.target, kind, Severity.WARNING, text))
    return events


def _is_dated(*known: Facts | None) -> bool:
    """Whether a server itself says when its last deadlock was, which is an event of its own."""
    return any("deadlock" in dict(facts.details) for facts in known if facts is not None)


def statement_events(before: TargetView, reading: Reading) -> list[Event]:
    """An event when the server has forgotten what it had counted of statements; not when other ones are seen than before."""
    if before.statements is None or reading.statements is None or not before.statements:
        return []
    failure = next((each for each in reading.failures if each.part == Part.STATEMENTS), None)
    same = counting_limits(before.failure_of(Part.STATEMENTS)) == counting_limits(failure)
    if not same or not began_anew(before.statements, reading.statements):
        return []
    text = "the statistics of statements were reset, or are lost: counting begins anew"
    since = anew_since(before.part_at.get(Part.STATEMENTS, reading.at), reading.statements, reading.at)
    return [Event(reading.at if since is None else since, reading.target, EventKind.RESTART, Severity.OK, text)]


def view_events(before: TargetView, after: TargetView, at: float) -> list[Event]:
    """All events between two consecutive views of one target, in the order in which they are told."""
    events = facts_events(after.name, before.facts, after.facts, at)
    events += setting_events(after.name, before.settings, after.settings, at)
    state = state_event(before, after, at)
    return [*events, state] if state is not None else events
