"""The side database of a statement log: its tables, and adding what one process has counted in one short transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from aishell_core.engines.histogram import bucket_of

APPLICATION_ID = 0x61697368
VERSION = 1
MOST_DIGESTS = 5000
"""Statement digests that a log keeps; beyond it those that ran longest ago go, the totals stay."""

_FORGET_ACTIVE_SECONDS = 60.0

_SCHEMA = """
CREATE TABLE IF NOT EXISTS totals (
    id INTEGER PRIMARY KEY CHECK (id = 1), calls REAL NOT NULL, errors REAL NOT NULL, busy REAL NOT NULL,
    rows REAL NOT NULL, total_ms REAL NOT NULL, since REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS statement (
    digest TEXT PRIMARY KEY, text TEXT NOT NULL, calls REAL NOT NULL, errors REAL NOT NULL, busy REAL NOT NULL,
    rows REAL NOT NULL, total_ms REAL NOT NULL, max_ms REAL NOT NULL, first_at REAL NOT NULL, last_at REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS latency (
    digest TEXT NOT NULL, bucket INTEGER NOT NULL, calls REAL NOT NULL, PRIMARY KEY (digest, bucket)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS active (
    pid INTEGER NOT NULL, connection INTEGER NOT NULL, thread INTEGER NOT NULL, state TEXT NOT NULL, started_at REAL NOT NULL,
    seen_at REAL NOT NULL, text TEXT NOT NULL, writes INTEGER NOT NULL, holds_lock INTEGER NOT NULL, PRIMARY KEY (pid, connection)
) WITHOUT ROWID;
"""
_ADD_TOTALS = """
INSERT INTO totals VALUES (1, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET
    calls = calls + excluded.calls, errors = errors + excluded.errors, busy = busy + excluded.busy,
    rows = rows + excluded.rows, total_ms = total_ms + excluded.total_ms
"""
_ADD_STATEMENT = """
INSERT INTO statement VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (digest) DO UPDATE SET
    calls = calls + excluded.calls, errors = errors + excluded.errors, busy = busy + excluded.busy,
    rows = rows + excluded.rows, total_ms = total_ms + excluded.total_ms, max_ms = max(max_ms, excluded.max_ms),
    last_at = max(last_at, excluded.last_at)
"""
_ADD_LATENCY = "INSERT INTO latency VALUES (?, ?, ?) ON CONFLICT (digest, bucket) DO UPDATE SET calls = calls + excluded.calls"
_PRUNE_STATEMENTS = "DELETE FROM statement WHERE digest IN (SELECT digest FROM statement ORDER BY last_at DESC LIMIT -1 OFFSET ?)"
_PRUNE_LATENCY = "DELETE FROM latency WHERE digest NOT IN (SELECT digest FROM statement)"


@dataclass(slots=True)
class Tally:
    """What one process has counted of one digest since its last flush; durations in milliseconds, moments in epoch seconds."""

    text: str
    calls: float = 0.0
    errors: float = 0.0
    busy: float = 0.0
    rows: float = 0.0
    total_milliseconds: float = 0.0
    max_milliseconds: float = 0.0
    first_at: float = 0.0
    last_at: float = 0.0
    buckets: dict[int, float] = field(default_factory=dict)

    def add(self, milliseconds: float, rows: int, *, failed: bool, busy: bool, at: float) -> None:
        """Count one call."""
        self.calls += 1
        self.errors += failed
        self.busy += busy
        self.rows += rows
        self.total_milliseconds += milliseconds
        self.max_milliseconds = max(self.max_milliseconds, milliseconds)
        self.first_at = self.first_at or at
        self.last_at = at
        bucket = bucket_of(milliseconds)
        self.buckets[bucket] = self.buckets.get(bucket, 0.0) + 1

    def merge(self, later: Tally) -> None:
        """Add what was counted while this one could not be written."""
        self.calls += later.calls
        self.errors += later.errors
        self.busy += later.busy
        self.rows += later.rows
        self.total_milliseconds += later.total_milliseconds
        self.max_milliseconds = max(self.max_milliseconds, later.max_milliseconds)
        self.last_at = max(self.last_at, later.last_at)
        for bucket, calls in later.buckets.items():
            self.buckets[bucket] = self.buckets.get(bucket, 0.0) + calls


@dataclass(frozen=True, slots=True)
class ActiveRow:
    """A statement that runs, or a write transaction that stays open, on one connection of this process."""

    connection: int
    thread: int
    state: str
    started_at: float
    text: str
    writes: bool
    holds_lock: bool


class ForeignFileError(Exception):
    """The file at the log's path is another program's database."""


class StatementStore:
    """The side database, opened for writing by one thread."""

    def __init__(self, path: Path, pid: int) -> None:
        self._path = path
        self._pid = pid
        self.shows_something = False
        self._flushes = 0
        self._connection = sqlite3.connect(path, timeout=0.2, isolation_level=None, check_same_thread=False)
        try:
            self._prepare()
            self._inode = path.stat().st_ino
        except BaseException:
            self._connection.close()
            raise

    def is_in_place(self) -> bool:
        """Whether the file that is open is still the one at the path; the log may be deleted at any time."""
        try:
            return self._path.stat().st_ino == self._inode
        except OSError:
            return False

    def add(self, tallies: dict[str, Tally], active: Iterable[ActiveRow], now: float) -> None:
        """Write everything in one transaction; raises sqlite3.Error and then has written nothing."""
        rows = tuple(active)
        if not tallies and not rows and not self.shows_something:
            return
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            self._add_counts(tallies, now)
            self._set_active(rows, now)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        self.shows_something = bool(rows)

    def close(self) -> None:
        """Close the database."""
        self._connection.close()

    def _prepare(self) -> None:
        connection = self._connection
        (found,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        (objects,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        if objects and (found, version) != (APPLICATION_ID, VERSION):
            raise ForeignFileError("not a statement log of this version")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        if not objects:
            connection.executescript(
                f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {VERSION}; COMMIT;"
            )

    def _add_counts(self, tallies: dict[str, Tally], now: float) -> None:
        if not tallies:
            return
        connection, all_of = self._connection, tallies.values()
        sums = (sum(one.calls for one in all_of), sum(one.errors for one in all_of), sum(one.busy for one in all_of))
        connection.execute(_ADD_TOTALS, (*sums, sum(one.rows for one in all_of), sum(one.total_milliseconds for one in all_of), now))
        connection.executemany(
            _ADD_STATEMENT,
            [
                (key, t.text, t.calls, t.errors, t.busy, t.rows, t.total_milliseconds, t.max_milliseconds, t.first_at, t.last_at)
                for key, t in tallies.items()
            ],
        )
        connection.executemany(
            _ADD_LATENCY, [(key, bucket, calls) for key, one in tallies.items() for bucket, calls in one.buckets.items()]
        )
        self._flushes += 1
        if self._flushes % 100 == 0:
            connection.execute(_PRUNE_STATEMENTS, (MOST_DIGESTS,))
            connection.execute(_PRUNE_LATENCY)

    def _set_active(self, rows: tuple[ActiveRow, ...], now: float) -> None:
        self._connection.execute("DELETE FROM active WHERE pid = ? OR seen_at < ?", (self._pid, now - _FORGET_ACTIVE_SECONDS))
        self._connection.executemany(
            "INSERT INTO active VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [(self._pid, a.connection, a.thread, a.state, a.started_at, now, a.text, a.writes, a.holds_lock) for a in rows],
        )
