"""The state database: a day of fine rollups, a month of coarse ones and of events.

Blocking; all calls come from one thread. One process writes (see `WriterLease`), any other reads beside it: the
database is in WAL mode, so readers do not disturb the writer. Measured: a day of 50 series, half of which stand
still, takes 6 MB on disk and is read in a twentieth of a second (`python -m benchmarks.series`).
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from aishell_core.errors import StateError
from aishell_core.folders import make_private_folders
from aishell_core.series.rollup import RollupBatch
from aishell_core.state import events as event_rows
from aishell_core.state import rollups as rollup_rows
from aishell_core.state.condense import KEPT_SECONDS, condense
from aishell_core.state.faults import told
from aishell_core.state.history import History
from aishell_core.state.lease import WriterLease
from aishell_core.state.opening import NAME, connect, open_to_write
from aishell_core.state.upgrade import Steps, checked_version, shipped_steps
from aishell_core.values import Event, TargetId

T = TypeVar("T")

LOCK_NAME = "state.lock"
_PRUNE_SECONDS = 60.0


class StateDatabase:
    """One open state database; `is_writer` says whether this process writes it."""

    def __init__(self, path: Path, *, writable: bool, steps: Steps, now: Callable[[], float]) -> None:
        self._path = path
        self._writable = writable
        self._lease = WriterLease(path.with_name(LOCK_NAME))
        self._steps = steps
        self._now = now
        self._connection: sqlite3.Connection | None = None
        self._layouts: dict[tuple[object, ...], int] = {}
        self._pruned_at: float | None = None
        self._closed = False

    @classmethod
    def open(
        cls, folder: Path, *, writable: bool = True, steps: Steps | None = None, now: Callable[[], float] = time.time
    ) -> StateDatabase:
        """Open the database in a folder, made (0700) where it is missing; only reading beside another writer.

        With `writable` false nothing is made or changed, and a database that is not there has nothing in it.
        Raises StateError where it cannot be made, read or upgraded, is no state database, or is newer than this program.
        """
        path = folder / NAME
        database = cls(path, writable=writable, steps=shipped_steps() if steps is None else steps, now=now)
        try:
            with told(path, "open"):
                if writable:
                    make_private_folders(folder)
                if not database.try_become_writer():
                    database._reading()
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
        if self.is_writer or not self._writable or self._closed:
            return self.is_writer
        with told(self._path, "open"):
            if not self._lease.acquire():
                return False
            try:
                connection = open_to_write(self._path, self._steps, self._now())
            except BaseException:
                self._lease.release()
                raise
        self._replace(connection)
        return True

    def _reading(self) -> sqlite3.Connection | None:
        """A connection to read with; None while there is nothing to read: the writer has not made or upgraded it yet."""
        if self._closed:
            raise StateError(f"{self._path} is closed")
        if self._connection is None and self._path.exists():
            connection = connect(self._path, "ro")
            try:
                is_current = checked_version(connection, self._path, self._steps) == len(self._steps)
            except BaseException:
                connection.close()
                raise
            if is_current:
                self._connection = connection
            else:
                connection.close()
        return self._connection

    def _replace(self, connection: sqlite3.Connection | None) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = connection

    def _read(self, work: Callable[[sqlite3.Connection], T], nothing: T) -> T:
        with told(self._path, "read"):
            connection = self._reading()
            return nothing if connection is None else work(connection)

    def _write(self, work: Callable[[sqlite3.Connection], None]) -> None:
        """One short transaction; what fails leaves the database as it was."""
        connection = self._connection
        if not self.is_writer or connection is None:
            raise StateError(f"cannot write {self._path}: another aishell writes it", "its history is shown here too")
        with told(self._path, "write"):
            try:
                connection.execute("BEGIN IMMEDIATE")
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
            self._write(lambda connection: self._insert_rollups(connection, batches))

    def _insert_rollups(self, connection: sqlite3.Connection, batches: Sequence[RollupBatch]) -> None:
        for batch in batches:
            named = (batch.target, batch.tier, batch.keys)
            layout = self._layouts.get(named)
            if layout is None:
                layout = self._layouts[named] = rollup_rows.layout_id(connection, batch)
            rollup_rows.insert(connection, layout, batch)

    def append_events(self, events: Sequence[Event]) -> None:
        """Keep events; raises StateError, and then none of them is kept."""
        if events:
            self._write(lambda connection: event_rows.insert(connection, events))

    def events(self, since: float, until: float, limit: int = 1000) -> tuple[Event, ...]:
        """The events of a span, the newest first; raises StateError."""
        return self._read(lambda connection: event_rows.read(connection, since, until, limit), ())

    def targets(self) -> tuple[TargetId, ...]:
        """The targets of which series are kept; raises StateError."""
        return self._read(rollup_rows.targets, ())

    def history(self, target: TargetId, since: float, until: float) -> History:
        """All kept series of a target over a span; raises StateError."""
        return self._read(lambda connection: rollup_rows.read(connection, target, since, until), History(target))

    def prune(self, now: float) -> None:
        """Condense what is older than a day and drop what is older than a month, some thousand rows a minute; raises StateError."""
        if self._pruned_at is not None and abs(now - self._pruned_at) < _PRUNE_SECONDS:
            return
        self._write(lambda connection: _drop_old(connection, now))
        self._pruned_at = now
        self._layouts.clear()

    def close(self) -> None:
        """Let go of the file and of the right to write; never raises, and may be called twice."""
        self._closed = True
        try:
            self._replace(None)
        except sqlite3.Error:
            self._connection = None  # the system takes back what the driver cannot
        self._lease.release()


def _drop_old(connection: sqlite3.Connection, now: float) -> None:
    condense(connection, now - rollup_rows.KEPT_SECONDS)
    rollup_rows.prune(connection, now - KEPT_SECONDS)
    event_rows.prune(connection, now - event_rows.KEPT_SECONDS)
