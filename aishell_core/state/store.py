"""The state database as rooms use it: short transactions, from whichever program.

Blocking; all calls of one store come from one thread. The lease of the rollups' writer says nothing here: a command line
writes while a dashboard runs, and each write waits for the other's, which are short. Every function that reads or writes
rows takes the connection; they stand in their rooms.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self, TypeVar

from aishell_core.errors import StateError
from aishell_core.folders import make_private_folders
from aishell_core.state.faults import told
from aishell_core.state.opening import NAME, connect, open_to_write
from aishell_core.state.upgrade import Steps, checked_version, shipped_steps

T = TypeVar("T")
Fault = Callable[[str], None]
"""Called between every two steps with the name of the one that comes next; tests end the process there."""

_BUSY_SECONDS = 5.0


def no_fault(_step: str) -> None:
    """Nothing happens between two steps."""


class Store:
    """One open state database, to read and write the rows of a room."""

    def __init__(self, path: Path, connection: sqlite3.Connection | None, fault: Fault = no_fault) -> None:
        self._path = path
        self._connection = connection
        self._fault = fault

    @classmethod
    def open(cls, folder: Path, *, steps: Steps | None = None, now: Callable[[], float] = time.time, fault: Fault = no_fault) -> Self:
        """Open the database in a folder, made (0700), made new or upgraded after a copy as needed; raises StateError."""
        path = folder / NAME
        with told(path, "open"):
            make_private_folders(folder)
            return cls(path, open_to_write(path, shipped_steps() if steps is None else steps, now(), _BUSY_SECONDS), fault)

    @classmethod
    def open_to_read(cls, folder: Path, *, steps: Steps | None = None) -> Self:
        """Open what is there, changing nothing; one that is missing or older has no rows. Raises StateError."""
        path = folder / NAME
        known = shipped_steps() if steps is None else steps
        with told(path, "read"):
            if not path.exists():
                return cls(path, None)
            connection = connect(path, "ro", _BUSY_SECONDS)
            try:
                if checked_version(connection, path, known) == len(known):
                    return cls(path, connection)
            except BaseException:
                connection.close()
                raise
            connection.close()
            return cls(path, None)

    def read(self, work: Callable[[sqlite3.Connection], T], nothing: T) -> T:
        """What `work` reads, all of one moment; `nothing` where there is no database. Raises StateError."""
        connection = self._connection
        if connection is None:
            return nothing
        with told(self._path, "read"):
            connection.execute("BEGIN")
            try:
                return work(connection)
            finally:
                connection.execute("COMMIT")

    def version(self) -> int:
        """A number that is another one after any other connection has written; raises StateError."""
        connection = self._connection
        if connection is None:
            return 0
        with told(self._path, "read"):
            return int(connection.execute("PRAGMA data_version").fetchone()[0])

    def transact(self, work: Callable[[sqlite3.Connection], T], *, is_durable: bool = True) -> T:
        """The result of `work`, in one transaction: what raises leaves the database as it was. Raises StateError.

        What is durable has reached the disk when this returns, and survives a machine that loses its power.
        """
        connection = self._connection
        if connection is None:
            raise StateError(f"cannot write {self._path}: it was opened to read, or is closed")
        with told(self._path, "write"):
            connection.execute(f"PRAGMA synchronous = {'FULL' if is_durable else 'NORMAL'}")
            self._fault("begin")
            connection.execute("BEGIN IMMEDIATE")
            try:
                result = work(connection)
                self._fault("commit")
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            self._fault("committed")
            return result

    def close(self) -> None:
        """Let go of the file; never raises, and may be called twice."""
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.close()
            except sqlite3.Error:
                return  # the system takes back what the driver cannot
