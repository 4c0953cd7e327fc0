"""Incidents that are over, that a channel has not heard the end of, and that were followed by another one of the same alert.

A receiver that is down for an hour is told of each of them when it comes back, in their order, before it is told how the alert is now.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable

from aishell_core.state.codec import storable
from alerts.lifecycle import shifted
from alerts.models import Alert, Fingerprint
from alerts.notify.codec import decode_tells
from alerts.notify.grouping import Past
from alerts.store.codec import decode_alert, encode_alert

Place = tuple[str, int]
"""The fingerprint of a member as it is stored, and its group."""


def keep(connection: sqlite3.Connection, alert: Alert, waiting: str, now: float) -> None:
    """Before an alert that fires is written to its groups: keep what it was in those that have not told the end of its last incident.

    Where that end is being told just now, the message under way is noted with it. In the group of the channel `waiting` nobody is told.
    An end that is put off because the alert flaps is none: people go on to know that it fires.
    """
    sql = (
        "SELECT member.notice_group, member.alert, own.message FROM notice_member AS member"
        " JOIN notice_group AS own ON own.id = member.notice_group WHERE member.fingerprint = ? AND own.channel <> ?"
    )
    name = storable(alert.fingerprint)
    for group, written, message in connection.execute(sql, (name, waiting)).fetchall():
        before = decode_alert(written)
        if before is not None and before.phase.is_over and not before.is_held(now):
            ends = message if message is not None and _is_ended_by(connection, message, alert.fingerprint, group) else None
            row = (name, group, encode_alert(before), ends)
            connection.execute("INSERT INTO notice_past (fingerprint, notice_group, alert, message) VALUES (?, ?, ?, ?)", row)


def load(connection: sqlite3.Connection) -> dict[Place, tuple[Past, ...]]:
    """All that wait, oldest first."""
    found: defaultdict[Place, list[Past]] = defaultdict(list)
    for id_, fingerprint, group, written in connection.execute(
        "SELECT id, fingerprint, notice_group, alert FROM notice_past ORDER BY id"
    ).fetchall():
        alert = decode_alert(written)
        if alert is not None:
            found[fingerprint, group].append(Past(id_, alert))
    return {place: tuple(incidents) for place, incidents in found.items()}


def first(connection: sqlite3.Connection, fingerprint: Fingerprint, group: int) -> Alert | None:
    """The oldest incident of a member that waits; None where none does."""
    sql = "SELECT alert FROM notice_past WHERE fingerprint = ? AND notice_group = ? ORDER BY id LIMIT 1"
    row = connection.execute(sql, (storable(fingerprint), group)).fetchone()
    return None if row is None else decode_alert(row[0])


def bind(connection: sqlite3.Connection, ids: Iterable[int], message: str) -> None:
    """A message is under way that tells the end of these."""
    connection.executemany("UPDATE notice_past SET message = ? WHERE id = ?", [(message, id_) for id_ in ids])


def end(connection: sqlite3.Connection, message: str) -> set[Place]:
    """Drop those whose end a message has told, or would have: their receiver knows nothing of their alerts then. Whose they were."""
    rows = connection.execute("SELECT fingerprint, notice_group FROM notice_past WHERE message = ?", (message,)).fetchall()
    connection.execute("DELETE FROM notice_past WHERE message = ?", (message,))
    _forget_told(connection, rows)
    return {(fingerprint, group) for fingerprint, group in rows}


def lapse(connection: sqlite3.Connection, ids: Iterable[int]) -> None:
    """Drop those that nobody has to be told of."""
    for id_ in ids:
        rows = connection.execute("SELECT fingerprint, notice_group FROM notice_past WHERE id = ?", (id_,)).fetchall()
        connection.execute("DELETE FROM notice_past WHERE id = ?", (id_,))
        _forget_told(connection, rows)


def release(connection: sqlite3.Connection, message: str) -> None:
    """A message that would have told the end of some is under way no more."""
    connection.execute("UPDATE notice_past SET message = NULL WHERE message = ?", (message,))


def move(connection: sqlite3.Connection, fingerprint: str, group: int, into: int) -> None:
    """An alert has left a group for another one of the same channel."""
    sql = "UPDATE notice_past SET notice_group = ? WHERE fingerprint = ? AND notice_group = ?"
    connection.execute(sql, (into, fingerprint, group))


def shift(connection: sqlite3.Connection, seconds: float) -> None:
    """Move the times of all incidents, because the wall clock was set by so much: they stay in their order with what came after it."""
    rows = connection.execute("SELECT id, alert FROM notice_past").fetchall()
    connection.executemany("UPDATE notice_past SET alert = ? WHERE id = ?", [(moved(written, seconds), id_) for id_, written in rows])


def moved(written: str, seconds: float) -> str:
    """An alert as it is written, with its times moved; what cannot be read stays as it is."""
    alert = decode_alert(written)
    return written if alert is None else encode_alert(shifted(alert, seconds))


def _is_ended_by(connection: sqlite3.Connection, message: str, fingerprint: Fingerprint, group: int) -> bool:
    """Whether a message under way tells the end of an alert as it stands, and not that of an incident before."""
    row = connection.execute("SELECT tells FROM notice_message WHERE id = ?", (message,)).fetchone()
    levels = {} if row is None else decode_tells(row[0]).groups.get(group, {})
    if fingerprint not in levels or levels[fingerprint] is not None:
        return False
    sql = "SELECT 1 FROM notice_past WHERE fingerprint = ? AND notice_group = ? AND message = ?"
    return connection.execute(sql, (storable(fingerprint), group, message)).fetchone() is None


def _forget_told(connection: sqlite3.Connection, places: Iterable[Place]) -> None:
    connection.executemany("UPDATE notice_member SET told = '', heard = 0 WHERE fingerprint = ? AND notice_group = ?", places)
