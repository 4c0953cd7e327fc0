"""The state database: a day of rollups, a month of events.

Blocking; all calls come from one thread. One process writes (see `WriterLease`), any other reads beside it: the
database is in WAL mode, so readers do not disturb the writer.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from aishell_core.errors import StateError
from aishell_core.series.keys import SeriesKey
from aishell_core.series.rollup import RollupBatch, Rollups
from aishell_core.state.codec import Columns, decode_keys, encode_keys, encode_rows
from aishell_core.state.history import History
from aishell_core.state.lease import WriterLease
from aishell_core.state.upgrade import Steps, refuse_newer, schema_version, shipped_steps, upgrade
from aishell_core.values import Event, EventKind, Severity, TargetId

T = TypeVar("T")

NAME = "state.db"
ROLLUPS_KEPT_SECONDS = 86_400.0
EVENTS_KEPT_SECONDS = 30 * 86_400.0
EVENTS_KEPT = 100_000
_BUSY_SECONDS = 1.0
_SLACK_SECONDS = 600.0
_PRUNE_SECONDS = 300.0


@contextmanager
def _said(path: Path, doing: str) -> Iterator[None]:
    """Turn what the driver and the system say into one sentence with something to do."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        text = str(error)
        if "malformed" in text or "not a database" in text:
            raise StateError(f"{path} is damaged ({text})", f"move it away, then a new one is made: mv {path} {path}.damaged") from error
        if "full" in text:
            raise StateError(f"the disk is full, cannot {doing} {path}", "make room; writing is tried again by itself") from error
        if "readonly" in text or "unable to open" in text:
            raise StateError(f"cannot {doing} {path}: {text}", "make the folder writable, or set AISHELL_HOME to one that is") from error
        raise StateError(f"cannot {doing} {path}: {text}", "it is tried again by itself") from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise StateError(f"cannot {doing} {path}: {reason}", "make the folder writable, or set AISHELL_HOME to one that is") from error


class StateDatabase:
    """One open state database; `is_writer` says whether this process writes it."""

    def __init__(self, path: Path, lease: WriterLease, steps: Steps, now: Callable[[], float]) -> None:
        self._path = path
        self._lease = lease
        self._steps = steps
        self._now = now
        self._connection: sqlite3.Connection | None = None
        self._layouts: dict[tuple[str, str, str], int] = {}
        self._pruned_at = 0.0

    @classmethod
    def open(
        cls, folder: Path, *, writable: bool = True, steps: Steps | None = None, now: Callable[[], float] = time.time
    ) -> StateDatabase:
        """Open the database in a folder, made (0700) where it is missing; read-only beside another writer.

        Raises StateError where it cannot be made, read or upgraded, or is newer than this program.
        """
        path = folder / NAME
        with _said(path, "open"):
            if writable:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            database = cls(path, WriterLease(folder / "state.lock"), shipped_steps() if steps is None else steps, now)
            try:
                if not (writable and database._begin_writing()):
                    database._begin_reading()
            except BaseException:
                database.close()
                raise
            return database

    @property
    def is_writer(self) -> bool:
        """Whether this process writes; another one does otherwise."""
        return self._lease.is_held

    def try_become_writer(self) -> bool:
        """Take over writing when the process that did is gone; raises StateError where the database cannot be written."""
        if self.is_writer:
            return True
        with _said(self._path, "open"):
            return self._begin_writing()

    def _begin_writing(self) -> bool:
        if not self._lease.acquire():
            return False
        try:
            self._path.touch(mode=0o600, exist_ok=True)
            connection = self._connect("rwc")
            self._replace(connection)
            refuse_newer(connection, self._path, self._steps)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            upgrade(connection, self._path, self._steps, self._now())
        except BaseException:
            self._lease.release()
            raise
        return True

    def _begin_reading(self) -> None:
        connection = self._connect("ro")
        self._replace(connection)
        connection.execute("PRAGMA query_only = 1")
        version = refuse_newer(connection, self._path, self._steps)
        if version < len(self._steps):
            raise StateError(
                f"{self._path} has the older schema version {schema_version(connection)} and another aishell is using it",
                "end the older dashboard; this one then upgrades the file after copying it",
            )

    def _connect(self, mode: str) -> sqlite3.Connection:
        uri = f"{self._path.absolute().as_uri()}?mode={mode}"
        return sqlite3.connect(uri, uri=True, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)

    def _replace(self, connection: sqlite3.Connection) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = connection

    def _ready(self) -> sqlite3.Connection:
        if self._connection is None:
            raise StateError(f"{self._path} is closed", "")
        return self._connection

    def _write(self, doing: str, work: Callable[[sqlite3.Connection], None]) -> None:
        """One short transaction; what fails leaves the database as it was."""
        with _said(self._path, doing):
            connection = self._ready()
            connection.execute("BEGIN IMMEDIATE")
            try:
                work(connection)
                connection.execute("COMMIT")
            except BaseException:
                self._layouts.clear()
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def write_rollups(self, batches: Sequence[RollupBatch]) -> None:
        """Keep finished windows; raises StateError, and then nothing of them is kept."""
        if batches:
            self._write("write", lambda connection: self._insert_rollups(connection, batches))

    def _insert_rollups(self, connection: sqlite3.Connection, batches: Sequence[RollupBatch]) -> None:
        for batch in batches:
            if batch.rows:
                row = (
                    self._layout(connection, batch),
                    batch.rows[0].at,
                    batch.rows[-1].at,
                    batch.step_seconds,
                    len(batch.rows),
                    encode_rows(batch),
                )
                connection.execute("INSERT INTO rollup (layout, since, until, step_seconds, windows, body) VALUES (?, ?, ?, ?, ?, ?)", row)

    def _layout(self, connection: sqlite3.Connection, batch: RollupBatch) -> int:
        named = (str(batch.target), str(batch.tier), encode_keys(batch.keys))
        found = self._layouts.get(named)
        if found is None:
            connection.execute("INSERT OR IGNORE INTO layout (target, tier, keys) VALUES (?, ?, ?)", named)
            (found,) = connection.execute("SELECT id FROM layout WHERE target = ? AND tier = ? AND keys = ?", named).fetchone()
            self._layouts[named] = found
        return int(found)

    def append_events(self, events: Sequence[Event]) -> None:
        """Keep events; raises StateError, and then none of them is kept."""
        rows = [(event.at, event.target, event.kind, event.severity, event.text) for event in events]
        if rows:
            sql = "INSERT INTO event (at, target, kind, severity, text) VALUES (?, ?, ?, ?, ?)"
            self._write("write", lambda connection: _insert_many(connection, sql, rows))

    def events(self, since: float, until: float, limit: int = 1000) -> tuple[Event, ...]:
        """The events of a span, the newest first; a kind that this version does not know is told as an action."""
        sql = "SELECT at, target, kind, severity, text FROM event WHERE at BETWEEN ? AND ? ORDER BY at DESC, id DESC LIMIT ?"
        with _said(self._path, "read"):
            rows = self._ready().execute(sql, (since, until, limit)).fetchall()
        return tuple(
            Event(at, TargetId(target), _member(EventKind, kind, EventKind.ACTION), _member(Severity, severity, Severity.UNKNOWN), text)
            for at, target, kind, severity, text in rows
        )

    def history(self, target: TargetId, since: float, until: float) -> History:
        """All kept series of a target over a span."""
        series: dict[SeriesKey, Rollups] = {}
        with _said(self._path, "read"):
            connection = self._ready()
            layouts = connection.execute("SELECT id, keys FROM layout WHERE target = ? ORDER BY id", (target,)).fetchall()
            for layout, text in layouts:
                keys = decode_keys(text)
                sql = "SELECT windows, body, step_seconds FROM rollup WHERE layout = ? AND until >= ? AND since <= ? ORDER BY until, id"
                rows = connection.execute(sql, (layout, since, until)).fetchall()
                if rows:
                    columns = Columns(len(keys))
                    columns.extend((windows, body) for windows, body, _ in rows)
                    _gather(series, keys, columns, rows[-1][2])
        return History(target, MappingProxyType(series))

    def prune(self, now: float) -> None:
        """Drop what is older than is kept; does nothing when it was done a few minutes ago."""
        if now - self._pruned_at < _PRUNE_SECONDS:
            return
        self._pruned_at = now
        self._write("write", lambda connection: _delete_old(connection, now))
        self._layouts.clear()

    def close(self) -> None:
        """Let go of the file and of the right to write; may be called twice."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
        self._lease.release()


def _insert_many(connection: sqlite3.Connection, sql: str, rows: list[tuple[float, TargetId, EventKind, Severity, str]]) -> None:
    connection.executemany(sql, rows)


def _delete_old(connection: sqlite3.Connection, now: float) -> None:
    connection.execute("DELETE FROM rollup WHERE until < ?", (now - ROLLUPS_KEPT_SECONDS - _SLACK_SECONDS,))
    connection.execute("DELETE FROM layout WHERE id NOT IN (SELECT layout FROM rollup)")
    connection.execute("DELETE FROM event WHERE at < ?", (now - EVENTS_KEPT_SECONDS,))
    connection.execute("DELETE FROM event WHERE id <= (SELECT max(id) FROM event) - ?", (EVENTS_KEPT,))


def _gather(series: dict[SeriesKey, Rollups], keys: tuple[SeriesKey | None, ...], columns: Columns, step_seconds: float) -> None:
    """Add the windows of one layout; a series that was in another layout before goes on, in order of time."""
    for column, key in enumerate(keys):
        if key is None:
            continue
        found = Rollups(step_seconds, columns.times, *(columns.figure(column, figure) for figure in range(4)))
        known = series.get(key)
        series[key] = found if known is None else _merged(known, found)


def _merged(one: Rollups, other: Rollups) -> Rollups:
    first, second = (one, other) if not one.times or not other.times or one.times[0] <= other.times[0] else (other, one)
    if not first.times or not second.times or first.times[-1] < second.times[0]:
        pairs = zip(
            (first.times, first.low, first.high, first.mean, first.last),
            (second.times, second.low, second.high, second.mean, second.last),
            strict=True,
        )
        return Rollups(other.step_seconds, *(a + b for a, b in pairs))
    rows = {row[0]: row for part in (first, second) for row in zip(part.times, part.low, part.high, part.mean, part.last, strict=True)}
    merged = Rollups(other.step_seconds)
    for at in sorted(rows):
        for column, value in zip((merged.times, merged.low, merged.high, merged.mean, merged.last), rows[at], strict=True):
            column.append(value)
    return merged


def _member(kind: Callable[[str], T], text: str, unknown: T) -> T:
    try:
        return kind(text)
    except ValueError:
        return unknown
