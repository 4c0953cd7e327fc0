"""Further channels for an alert that nobody has acknowledged in time: rows that wait in the state database."""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterable

from aishell_core.state.codec import storable
from alerts.models import Alert, AlertChange, ChangeKind
from alerts.notify.custody import Custody
from alerts.notify.group_rows import LONGEST_WAIT_SECONDS, is_without_rule, join
from alerts.notify.grouping import is_wanted
from alerts.notify.models import Routes
from alerts.rule import Escalation

_LOOK_AGAIN_SECONDS = 30.0
_HEARD_AGAIN = frozenset({ChangeKind.UNSILENCED, ChangeKind.UNINHIBITED})
_BEGINS = {ChangeKind.FIRED, ChangeKind.UNACKNOWLEDGED, *_HEARD_AGAIN}
_ENDS = {ChangeKind.ACKNOWLEDGED, ChangeKind.RESOLVED}


def note_changes(connection: sqlite3.Connection, changes: Iterable[AlertChange], routes: Routes, now: float) -> None:
    """Begin to wait for somebody when people are told of an alert, and stop when somebody has it or it is over."""
    for change in changes:
        alert = change.after
        if change.kind in _ENDS:
            connection.execute("DELETE FROM notice_escalation WHERE fingerprint = ?", (storable(alert.fingerprint),))
        elif change.kind in _BEGINS and alert.phase.is_active and alert.acknowledgement is None:
            # The time counts anew after a mute.
            _wait(connection, alert, _escalations(alert, routes), now if change.kind in _HEARD_AGAIN else _fired_at(alert, now), now)


def begin(connection: sqlite3.Connection, alerts: Iterable[Alert], routes: Routes, now: float) -> None:
    """Begin to wait for somebody with alerts that people are told of now, because their rule is right again."""
    for alert in alerts:
        if alert.acknowledgement is None:
            _wait(connection, alert, _escalations(alert, routes), now, now)


def follow_rules(connection: sqlite3.Connection, alerts: Iterable[Alert], routes: Routes, now: float) -> None:
    """Wait for what the rules of these living alerts say as they are now, in the time that goes by already, and for nothing else.

    Whom an escalation has called in, it calls in no second time.
    """
    waiting: defaultdict[str, list[tuple[float, str, float]]] = defaultdict(list)
    for fingerprint, *row in connection.execute("SELECT fingerprint, after_seconds, channels, due_at FROM notice_escalation"):
        waiting[fingerprint].append((row[0], row[1], row[2]))
    for alert in alerts:
        rows = waiting.get(storable(alert.fingerprint), [])
        wanted = {(each.after_seconds, json.dumps(each.channels)): each for each in _escalations(alert, routes)}
        gone = [row for row in rows if row[:2] not in wanted]
        sql = "DELETE FROM notice_escalation WHERE fingerprint = ? AND after_seconds = ? AND channels = ?"
        connection.executemany(sql, [(storable(alert.fingerprint), *row[:2]) for row in gone])
        further = [each for key, each in wanted.items() if key not in {row[:2] for row in rows}]
        if further and alert.acknowledgement is None:
            begin = max([_fired_at(alert, now), *(min(due_at, now + after) - after for after, _channels, due_at in rows)])
            told = _told_on(connection, alert)
            instead = {channel for _after, channels, _due_at in gone for channel in json.loads(channels)}
            # Where all of them know of it, they were called in; but for those whose time begins anew and was changed meanwhile.
            new = [
                each for each in further if _wanted(alert, each, routes) - (told - instead if begin + each.after_seconds > now else told)
            ]
            _wait(connection, alert, new, begin, now)


def raise_due(connection: sqlite3.Connection, custody: Custody, routes: Routes, now: float) -> None:
    """Tell the further channels of what nobody has taken on; an alert that is muted, or has no rule just now, waits until that ends."""
    sql = "SELECT fingerprint, after_seconds, channels FROM notice_escalation WHERE due_at <= ? OR due_at > ?"
    for fingerprint, after_seconds, channels in connection.execute(sql, (now, now + LONGEST_WAIT_SECONDS)).fetchall():
        alert = custody.alert(connection, fingerprint)
        if alert is not None and not custody.is_ours(alert):
            continue
        row = (fingerprint, after_seconds, channels)
        again = "UPDATE notice_escalation SET due_at = ? WHERE fingerprint = ? AND after_seconds = ? AND channels = ?"
        is_quiet = alert is not None and (alert.is_muted or is_without_rule(alert, custody, routes))
        if alert is not None and alert.phase.is_active and alert.acknowledgement is None and is_quiet:
            connection.execute(again, (now + _LOOK_AGAIN_SECONDS, *row))
            continue
        if alert is not None and alert.phase.is_active and alert.held_until is not None and alert.is_held(now):
            # Nobody was told yet, because it flaps: the time for somebody to take it on begins when people are.
            connection.execute(again, (alert.held_until + after_seconds, *row))
            continue
        connection.execute("DELETE FROM notice_escalation WHERE fingerprint = ? AND after_seconds = ? AND channels = ?", row)
        if alert is not None and alert.phase.is_active and alert.acknowledgement is None:
            join(connection, alert, json.loads(channels), routes, now)


def next_due(connection: sqlite3.Connection, now: float) -> float | None:
    """When the first escalation will be due, None when none will; what is due already and was left is another program's."""
    found = connection.execute("SELECT min(due_at) FROM notice_escalation WHERE due_at > ?", (now,)).fetchone()[0]
    return None if found is None else float(found)


def shift(connection: sqlite3.Connection, seconds: float) -> None:
    """Move all times, because the wall clock was set by so much."""
    connection.execute("UPDATE notice_escalation SET due_at = due_at + ?", (seconds,))


def _wait(connection: sqlite3.Connection, alert: Alert, escalations: Iterable[Escalation], begin: float, now: float) -> None:
    """The time counts from when people are told: not while telling is put off because it flaps."""
    begin = max(begin, alert.held_until) if alert.held_until is not None else begin
    for escalation in escalations:
        due_at = max(now, begin + escalation.after_seconds)
        row = (storable(alert.fingerprint), escalation.after_seconds, due_at, json.dumps(escalation.channels))
        connection.execute(
            "INSERT OR REPLACE INTO notice_escalation (fingerprint, after_seconds, due_at, channels) VALUES (?, ?, ?, ?)", row
        )


def _escalations(alert: Alert, routes: Routes) -> tuple[Escalation, ...]:
    rule = routes.rules.get(alert.rule)
    return rule.escalations if rule is not None else ()


def _fired_at(alert: Alert, now: float) -> float:
    return min(alert.fired_at, now) if alert.fired_at is not None else now


def _wanted(alert: Alert, escalation: Escalation, routes: Routes) -> set[str]:
    """The channels that an escalation would call in."""
    return {name for name in escalation.channels if name in routes.channels and is_wanted(alert, routes.channels[name])}


def _told_on(connection: sqlite3.Connection, alert: Alert) -> set[str]:
    """The channels that an alert has a group of."""
    sql = "SELECT channel FROM notice_group WHERE id IN (SELECT notice_group FROM notice_member WHERE fingerprint = ?)"
    return {channel for (channel,) in connection.execute(sql, (storable(alert.fingerprint),))}
