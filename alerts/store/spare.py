"""A state database in memory for while the disk takes nothing: a full disk is what people most need to be told of.

What has to be known to go on (alerts, what people said, what is told and queued) is copied there and back again. Of what
only grows (the history, evidence, the ledger of deliveries) the part that came to be there is added to the disk's.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator

from aishell_core.state.upgrade import Steps
from alerts.holding import Holding

_FAMILIES = ("alert", "notice")
_GROWING = {"alert_change": "id", "notice_attempt": "id", "alert_evidence": ""}
"""By table, the column that numbers its rows, if any."""
_SILENCES = "alert_silence"
_LEASES = frozenset({"alert_judge", "alert_ward", "alert_share", "alert_variant"})
_PARTED = frozenset({"alert", "alert_link"})
"""The tables of which each program that evaluates has rows of its own: those of its targets."""
_BY_RULE = frozenset({"alert"})
"""Those of them in which a rule on one of its targets may be another one's."""


def in_memory(steps: Steps) -> sqlite3.Connection:
    """An empty state database that no other program sees."""
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    for script in steps:
        connection.executescript(script)
    return connection


def carry_over(source: sqlite3.Connection, target: sqlite3.Connection) -> None:
    """Make the target's alerts, notices and leases what the source's are, but for what only grows."""
    for table in _tables(source):
        if table not in _GROWING:
            target.execute(f"DELETE FROM {table}")  # noqa: S608 - names of tables come from our own schema
            _insert(source, target, table, _columns(source, table))


def carry_back(source: sqlite3.Connection, target: sqlite3.Connection, holding: Holding | None = None) -> None:
    """The same but for the leases, and add to what only grows; with `holding`, of the alerts only what is in it."""
    for table in _tables(source):
        if table not in _GROWING and table not in _LEASES:
            for where, bound in [("", ())] if holding is None else _parts(table, holding):
                target.execute(f"DELETE FROM {table}{where}", bound)  # noqa: S608
                _insert(source, target, table, _columns(source, table), where, bound)
    for table, number in _GROWING.items():
        _insert(source, target, table, [name for name in _columns(source, table) if name != number])


def add_members(source: sqlite3.Connection, target: sqlite3.Connection, now: float, is_wanted: Callable[[str], bool]) -> None:
    """Who was told of which alerts, where the target knows nothing of it; `is_wanted` says of an alert as it is written whether it counts.

    Whoever tells of these alerts by now finds out how they stand, and tells their end where they have one.
    """
    rows = source.execute(
        "SELECT own.id, own.channel, own.name, own.labels, own.opened_at, own.sent_at, member.fingerprint, member.told,"
        " member.heard, member.alert"
        " FROM notice_member AS member JOIN notice_group AS own ON own.id = member.notice_group"
    ).fetchall()
    for id_, channel, name, labels, opened_at, sent_at, fingerprint, told, heard, alert in rows:
        if is_wanted(alert):
            group = "INSERT OR IGNORE INTO notice_group (channel, name, labels, opened_at, sent_at, due_at) VALUES (?, ?, ?, ?, ?, ?)"
            target.execute(group, (channel, name, labels, opened_at, sent_at, now))
            member = (
                "INSERT OR IGNORE INTO notice_member (fingerprint, notice_group, told, heard, alert)"
                " SELECT ?, id, ?, ?, ? FROM notice_group WHERE channel = ? AND name = ?"
            )
            if target.execute(member, (fingerprint, told, heard, alert, channel, name)).rowcount:
                target.execute("UPDATE notice_group SET due_at = ? WHERE channel = ? AND name = ?", (now, channel, name))
                sql = "SELECT fingerprint, alert FROM notice_past WHERE fingerprint = ? AND notice_group = ? ORDER BY id"
                past = (
                    "INSERT INTO notice_past (fingerprint, notice_group, alert)"
                    " SELECT ?, id, ? FROM notice_group WHERE channel = ? AND name = ?"
                )
                target.executemany(past, [(*row, channel, name) for row in source.execute(sql, (fingerprint, id_))])


def add_grown(source: sqlite3.Connection, target: sqlite3.Connection) -> None:
    """What came to be there of what only grows, and the silences that the target does not have."""
    for table, number in _GROWING.items():
        _insert(source, target, table, [name for name in _columns(source, table) if name != number])
    for row in source.execute(f"SELECT {', '.join(names := _columns(source, _SILENCES))} FROM {_SILENCES}").fetchall():  # noqa: S608
        target.execute(f"INSERT OR IGNORE INTO {_SILENCES} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})", row)  # noqa: S608


def _parts(table: str, holding: Holding) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The conditions for those rows of a table that are of a holding, each with its values."""
    if table not in _PARTED:
        yield "", ()
        return
    by_rule = table in _BY_RULE
    for target in sorted(holding.targets):
        apart = sorted(rule for whose, rule in holding.apart if whose == target) if by_rule else []
        yield " WHERE target = ?" + (f" AND rule NOT IN ({', '.join('?' * len(apart))})" if apart else ""), (target, *apart)
    if by_rule:
        yield from ((" WHERE target = ? AND rule = ?", share) for share in sorted(holding.shares))


def _tables(connection: sqlite3.Connection) -> list[str]:
    names = [str(name) for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY rowid")]
    return [name for name in names if name.startswith(_FAMILIES)]


def _columns(connection: sqlite3.Connection, table: str) -> list[str]:
    return [str(row[1]) for row in connection.execute(f"PRAGMA table_info({table})")]


def _insert(
    source: sqlite3.Connection, target: sqlite3.Connection, table: str, columns: list[str], where: str = "", bound: tuple[str, ...] = ()
) -> None:
    names = ", ".join(columns)
    rows = source.execute(f"SELECT {names} FROM {table}{where}", bound)  # noqa: S608
    target.executemany(f"INSERT OR REPLACE INTO {table} ({names}) VALUES ({', '.join('?' * len(columns))})", rows)  # noqa: S608
