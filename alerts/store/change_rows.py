"""The history of alerts, and the evidence of those that fired: a month of both."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from aishell_core.state.codec import storable
from alerts.models import Alert, AlertChange, ChangeKind, Evidence, Fingerprint
from alerts.store.codec import decode_alert, decode_evidence, encode_alert, encode_evidence
from alerts.store.many import insert

KEPT_SECONDS = 30 * 86_400.0
KEPT = 100_000
_PRUNED_AT_ONCE = 5_000


def append(connection: sqlite3.Connection, changes: Iterable[AlertChange]) -> None:
    """Add changes, in the order in which they happened."""
    rows = [
        (
            change.at,
            change.after.fingerprint,
            storable(change.after.rule),
            storable(change.after.key.target),
            str(change.kind),
            storable(change.reason),
            encode_alert(change.after),
        )
        for change in changes
    ]
    insert(connection, "INSERT INTO alert_change (at, fingerprint, rule, target, kind, reason, body)", rows)


def load(
    connection: sqlite3.Connection, since: float, until: float, limit: int = 1000, fingerprint: Fingerprint | None = None
) -> tuple[AlertChange, ...]:
    """The changes of a span (epoch seconds), the last that happened first, of all alerts or of one.

    What was written under a clock that was ahead lies after now: with an endless span it is there.

    The history keeps what an alert became, so `before` is None; what this version cannot read is left out.
    """
    where = "at BETWEEN ? AND ?" + (" AND fingerprint = ?" if fingerprint is not None else "")
    sql = f"SELECT at, kind, reason, body FROM alert_change WHERE {where} ORDER BY id DESC LIMIT ?"  # noqa: S608
    bound = (since, until, limit) if fingerprint is None else (since, until, fingerprint, limit)
    found: list[AlertChange] = []
    for at, kind, reason, body in connection.execute(sql, bound).fetchall():
        alert = decode_alert(body)
        if alert is not None and kind in ChangeKind.__members__.values():
            found.append(AlertChange(at, ChangeKind(kind), None, alert, reason))
    return tuple(found)


def targets(connection: sqlite3.Connection) -> frozenset[str]:
    """The targets of which any change is kept, as they are stored."""
    return frozenset(target for (target,) in connection.execute("SELECT DISTINCT target FROM alert_change"))


def keep_evidence(connection: sqlite3.Connection, found: Iterable[Evidence]) -> None:
    """Keep what was seen when alerts fired, instead of what is kept of that moment."""
    rows = [(evidence.fingerprint, evidence.at, encode_evidence(evidence)) for evidence in found]
    connection.executemany("INSERT OR REPLACE INTO alert_evidence (fingerprint, at, body) VALUES (?, ?, ?)", rows)


def begin_evidence(connection: sqlite3.Connection, found: Iterable[Evidence]) -> None:
    """Keep what was seen at first; where more of that moment is kept already, that stands."""
    rows = [(evidence.fingerprint, evidence.at, encode_evidence(evidence)) for evidence in found]
    connection.executemany("INSERT OR IGNORE INTO alert_evidence (fingerprint, at, body) VALUES (?, ?, ?)", rows)


def evidence(connection: sqlite3.Connection, fingerprint: Fingerprint, at: float | None) -> Evidence | None:
    """What was seen when an alert fired at this moment (`Alert.evidence_at`), and at no other; None when nothing is kept."""
    row = connection.execute("SELECT body FROM alert_evidence WHERE fingerprint = ? AND at = ?", (fingerprint, at)).fetchone()
    return None if row is None else decode_evidence(row[0])


def evidence_of(connection: sqlite3.Connection, alert: Alert) -> Evidence | None:
    """What was seen when an alert fired, or rose, the last time; None when nothing is kept."""
    return evidence(connection, alert.fingerprint, alert.evidence_at)


def prune(connection: sqlite3.Connection, now: float, kept: int = KEPT) -> None:
    """Drop some thousand changes that are too old or too many, and evidence that is too old."""
    before = now - KEPT_SECONDS
    older = "DELETE FROM alert_change WHERE id IN (SELECT id FROM alert_change WHERE at < ? ORDER BY at LIMIT ?)"
    connection.execute(older, (before, _PRUNED_AT_ONCE))
    surplus = "DELETE FROM alert_change WHERE id IN (SELECT id FROM alert_change ORDER BY id DESC LIMIT ? OFFSET ?)"
    connection.execute(surplus, (_PRUNED_AT_ONCE, kept))
    connection.execute("DELETE FROM alert_evidence WHERE at < ?", (before,))
