"""Further channels for an alert that nobody has acknowledged in time: rows that wait in the state database."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable

from aishell_core.state.codec import storable
from alerts.models import Alert, AlertChange, ChangeKind
from alerts.notify.custody import Custody
from alerts.notify.group_rows import LONGEST_WAIT_SECONDS, is_without_rule, join
from alerts.notify.models import Routes

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
            _wait(connection, alert, routes, now, is_heard_again=change.kind in _HEARD_AGAIN)


def begin(connection: sqlite3.Connection, alerts: Iterable[Alert], routes: Routes, now: float) -> None:
    """Begin to wait for somebody with alerts that people are told of now, because their rule is right again."""
    for alert in alerts:
        if alert.acknowledgement is None:
            _wait(connection, alert, routes, now, is_heard_again=True)


def raise_due(connection: sqlite3.Connection, custody: Custody, routes: Routes, now: float) -> None:
    """Tell the further channels of what nobody has taken on; an alert that is muted, or has no rule just now, waits until that ends."""
    sql = "SELECT fingerprint, after_seconds, channels FROM notice_escalation WHERE due_at <= ? OR due_at > ?"
    for fingerprint, after_seconds, channels in connection.execute(sql, (now, now + LONGEST_WAIT_SECONDS)).fetchall():
        alert = custody.alert(connection, fingerprint)
        if alert is not None and not custody.is_ours(alert.key.target):
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


def _wait(connection: sqlite3.Connection, alert: Alert, routes: Routes, now: float, *, is_heard_again: bool) -> None:
    """The time counts from when people are told: not while telling is put off because it flaps, and anew after a mute."""
    rule = routes.rules.get(alert.rule)
    begin = min(alert.fired_at, now) if alert.fired_at is not None and not is_heard_again else now
    begin = max(begin, alert.held_until) if alert.held_until is not None else begin
    for escalation in rule.escalations if rule is not None else ():
        due_at = max(now, begin + escalation.after_seconds)
        row = (storable(alert.fingerprint), escalation.after_seconds, due_at, json.dumps(escalation.channels))
        connection.execute(
            "INSERT OR REPLACE INTO notice_escalation (fingerprint, after_seconds, due_at, channels) VALUES (?, ?, ?, ?)", row
        )
