"""The events in the state database."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import TypeVar

from aishell_core.state.codec import storable
from aishell_core.values import Event, EventKind, Severity, TargetId

T = TypeVar("T")

KEPT_SECONDS = 30 * 86_400.0
KEPT = 100_000
_PRUNED_AT_ONCE = 5_000


def insert(connection: sqlite3.Connection, events: Sequence[Event]) -> None:
    """Add events."""
    rows = [(event.at, storable(event.target), str(event.kind), str(event.severity), storable(event.text)) for event in events]
    connection.executemany("INSERT INTO event (at, target, kind, severity, text) VALUES (?, ?, ?, ?, ?)", rows)


def read(connection: sqlite3.Connection, since: float, until: float, limit: int) -> tuple[Event, ...]:
    """The events of a span, the newest first; a kind that this version does not know is told as an action."""
    sql = "SELECT at, target, kind, severity, text FROM event WHERE at BETWEEN ? AND ? ORDER BY at DESC, id DESC LIMIT ?"
    return tuple(
        Event(at, TargetId(target), _member(EventKind, kind, EventKind.ACTION), _member(Severity, severity, Severity.UNKNOWN), text)
        for at, target, kind, severity, text in connection.execute(sql, (since, until, limit)).fetchall()
    )


def prune(connection: sqlite3.Connection, before: float, kept: int = KEPT) -> None:
    """Drop some thousand events that are older than a moment, and of the oldest those that are too many."""
    older = "DELETE FROM event WHERE id IN (SELECT id FROM event WHERE at < ? ORDER BY at LIMIT ?)"
    connection.execute(older, (before, _PRUNED_AT_ONCE))
    surplus = "DELETE FROM event WHERE id IN (SELECT id FROM event ORDER BY at DESC, id DESC LIMIT ? OFFSET ?)"
    connection.execute(surplus, (_PRUNED_AT_ONCE, kept))


def _member(kind: Callable[[str], T], text: str, unknown: T) -> T:
    try:
        return kind(text)
    except ValueError:
        return unknown
