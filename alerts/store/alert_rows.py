"""Alerts as they stand, one row each; those of a version or damage that cannot be read are left out."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import replace

from aishell_core.state.codec import storable
from alerts.models import Acknowledgement, Alert, Fingerprint
from alerts.store.codec import decode_alert, encode_alert
from alerts.store.many import insert


def save(connection: sqlite3.Connection, alerts: Iterable[Alert]) -> None:
    """Write alerts as they are now; what people said of them is not theirs to write."""
    rows = [
        (alert.fingerprint, storable(alert.rule), storable(alert.key.target), str(alert.phase), encode_alert(_own(alert)))
        for alert in alerts
    ]
    insert(connection, "INSERT OR REPLACE INTO alert (fingerprint, rule, target, phase, body)", rows)


def drop(connection: sqlite3.Connection, fingerprints: Iterable[Fingerprint]) -> None:
    """Forget alerts of which there is nothing to be known any more."""
    connection.executemany("DELETE FROM alert WHERE fingerprint = ?", [(fingerprint,) for fingerprint in fingerprints])


def load(connection: sqlite3.Connection) -> dict[Fingerprint, Alert]:
    """All alerts with their acknowledgements, by fingerprint."""
    taken_on = acknowledgements(connection)
    found = (decode_alert(body) for (body,) in connection.execute("SELECT body FROM alert ORDER BY fingerprint").fetchall())
    return {alert.fingerprint: with_acknowledgement(alert, taken_on) for alert in found if alert is not None}


def others(connection: sqlite3.Connection, fence: int) -> dict[Fingerprint, Alert]:
    """The alerts that one who evaluates does not judge, with their acknowledgements."""
    taken_on = acknowledgements(connection)
    sql = (
        "SELECT body FROM alert LEFT JOIN alert_share AS share ON share.target = alert.target AND share.rule = alert.rule"
        " WHERE CASE WHEN share.fence IS NULL THEN alert.target NOT IN (SELECT target FROM alert_ward WHERE fence = ?1)"
        " ELSE share.fence <> ?1 END ORDER BY fingerprint"
    )
    found = (decode_alert(body) for (body,) in connection.execute(sql, (fence,)).fetchall())
    return {alert.fingerprint: with_acknowledgement(alert, taken_on) for alert in found if alert is not None}


def one(connection: sqlite3.Connection, fingerprint: Fingerprint) -> Alert | None:
    """One alert as it was written last, with its acknowledgement; None where there is none."""
    row = connection.execute("SELECT body FROM alert WHERE fingerprint = ?", (storable(fingerprint),)).fetchone()
    alert = decode_alert(row[0]) if row is not None else None
    return with_acknowledgement(alert, acknowledgements(connection)) if alert is not None else None


def active_targets(connection: sqlite3.Connection) -> frozenset[str]:
    """The targets of which an alert fires, as they are stored."""
    rows = connection.execute("SELECT DISTINCT target FROM alert WHERE phase IN ('firing', 'recovering')").fetchall()
    return frozenset(target for (target,) in rows)


def targets(connection: sqlite3.Connection) -> frozenset[str]:
    """The targets of which there is any alert, as they are stored."""
    return frozenset(target for (target,) in connection.execute("SELECT DISTINCT target FROM alert"))


def with_acknowledgement(alert: Alert, taken_on: Mapping[Fingerprint, Acknowledgement]) -> Alert:
    """The alert with what was said of it, which counts for one that is active."""
    said = taken_on.get(alert.fingerprint) if alert.phase.is_active else None
    return alert if said == alert.acknowledgement else replace(alert, acknowledgement=said)


def acknowledge(connection: sqlite3.Connection, fingerprint: Fingerprint, said: Acknowledgement) -> None:
    """Note who has taken an alert on, in place of whoever had before."""
    row = (fingerprint, storable(said.owner), storable(said.note), said.at)
    connection.execute("INSERT OR REPLACE INTO alert_acknowledgement (fingerprint, owner, note, at) VALUES (?, ?, ?, ?)", row)


def unacknowledge(connection: sqlite3.Connection, fingerprints: Iterable[Fingerprint]) -> None:
    """Forget who has taken alerts on."""
    connection.executemany("DELETE FROM alert_acknowledgement WHERE fingerprint = ?", [(fingerprint,) for fingerprint in fingerprints])


def acknowledgements(connection: sqlite3.Connection) -> dict[Fingerprint, Acknowledgement]:
    """Who has taken on which alert."""
    rows = connection.execute("SELECT fingerprint, owner, note, at FROM alert_acknowledgement").fetchall()
    return {fingerprint: Acknowledgement(owner, note, at) for fingerprint, owner, note, at in rows}


def _own(alert: Alert) -> Alert:
    return alert if alert.acknowledgement is None else replace(alert, acknowledgement=None)
