"""Silences, those to come and those that are over for some days included."""

from __future__ import annotations

import sqlite3

from aishell_core.state.codec import storable
from alerts.models import Silence
from alerts.store.codec import decode_matchers, encode_matchers

KEPT_SECONDS = 30 * 86_400.0
ENDED_SECONDS = 600.0
_COLUMNS = "id, matchers, starts_at, ends_at, author, comment, created_at, ended_by"


def save(connection: sqlite3.Connection, silence: Silence) -> None:
    """Write a silence, new or changed."""
    row = (
        silence.id,
        encode_matchers(silence.matchers),
        silence.starts_at,
        silence.ends_at,
        storable(silence.author),
        storable(silence.comment),
        silence.created_at,
        storable(silence.ended_by),
    )
    connection.execute(f"INSERT OR REPLACE INTO alert_silence ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)  # noqa: S608


def load(connection: sqlite3.Connection, after: float) -> tuple[Silence, ...]:
    """The silences that end after a moment, the first to end first; one that is damaged silences nothing and is left out."""
    sql = f"SELECT {_COLUMNS} FROM alert_silence WHERE ends_at > ? ORDER BY ends_at, id"  # noqa: S608
    found: list[Silence] = []
    for identity, matchers, starts_at, ends_at, author, comment, created_at, ended_by in connection.execute(sql, (after,)).fetchall():
        read = decode_matchers(matchers)
        if read:
            found.append(Silence(identity, read, starts_at, ends_at, author, comment, created_at, ended_by))
    return tuple(found)


def ended_early(connection: sqlite3.Connection, now: float) -> tuple[Silence, ...]:
    """Those that somebody has ended within the last minutes: who it was is told when their alerts go on."""
    return tuple(each for each in load(connection, now - ENDED_SECONDS) if each.ended_by and each.ends_at <= now)


def prune(connection: sqlite3.Connection, now: float) -> None:
    """Forget those that have long been over."""
    connection.execute("DELETE FROM alert_silence WHERE ends_at < ?", (now - KEPT_SECONDS,))
