"""Reading a database without ever standing in a writer's way.

A live write-ahead log lets readers and a writer work side by side: there a read-only connection is opened for the
reading and closed after it. A rollback journal does not: a reader's shared lock makes a commit fail with SQLITE_BUSY.
Measured with a writer without busy timeout in DELETE, TRUNCATE and PERSIST mode: 12 to 26 failed commits in 3 s beside
50 locking readings per second, none beside this way. So such a file, and one with a log that nobody has open, is read
without any lock (`immutable`) and the answer is kept only if the file is provably the same before and after it.
"""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from aishell_core.engines.base import Cell
from aishell_core.engines.descriptors import DESCRIPTORS, Descriptors
from aishell_core.engines.sqlite_file import FileLook, look_at
from aishell_core.engines.sqlite_locks import HeldLock, Lock, held_locks, is_held, locks_can_be_seen
from aishell_core.engines.sqlite_states import fatal, obstacle_to_reading, shown, unreachable
from aishell_core.errors import TargetError
from aishell_core.values import Cost, FailureCode

T = TypeVar("T")
Row = tuple[Cell, ...]

MARK = "/* aishell */ "
"""Begins every statement that aishell sends, so that others can tell them apart."""

_TRIES = 20
_MOST_TRIES = 80
_MAY_PASS = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_READONLY})
_PAUSE_SECONDS = 0.003
_OPCODES_BETWEEN_LOOKS_AT_THE_CLOCK = 2000


class Way(Enum):
    """How a database is read; the value is the URI's query."""

    LIVE = "mode=ro"
    STILL = "mode=ro&immutable=1"
    LEFT_BEHIND = "mode=ro&readonly_shm=1"


@dataclass(frozen=True, slots=True)
class Look:
    """A database file and the locks on it, seen at one moment, and what keeps its content from being read then."""

    file: FileLook
    locks: frozenset[HeldLock]
    obstacle: TargetError | None = None


def look_with_locks(path: Path, descriptors: Descriptors = DESCRIPTORS) -> Look:
    """The state of a database without a query; raises TargetError when it cannot be read at all."""
    look, trouble = _look_once(path, descriptors)
    if trouble is not None:
        # Size, header and locks are read one after the other: a commit in between makes a file look truncated, once.
        look, trouble = _look_once(path, descriptors)
    if trouble is not None:
        raise trouble
    return look


def _look_once(path: Path, descriptors: Descriptors) -> tuple[Look, TargetError | None]:
    try:
        file = look_at(path, descriptors)
        locks = held_locks(file)
    except OSError as error:
        raise unreachable(path, error) from error
    return Look(file, locks, obstacle_to_reading(file, locks)), fatal(file, locks)


def way_to_read(look: Look) -> Way:
    """The way that creates nothing, changes nothing and delays nobody."""
    file = look.file
    if not file.in_wal_mode or file.wal is None or (file.wal.size_bytes == 0 and not is_held(look.locks, Lock.OPEN)):
        return Way.STILL
    if not locks_can_be_seen():
        return Way.LIVE
    # An index that nobody holds was left by a crash: it must not be rebuilt by us, SQLite then makes one in memory.
    return Way.LIVE if is_held(look.locks, Lock.OPEN) else Way.LEFT_BEHIND


class Queries:
    """Statements on one open connection, counted and with a deadline."""

    def __init__(self, connection: sqlite3.Connection, until_steady_seconds: float) -> None:
        self.connection = connection
        self._until = until_steady_seconds
        self.count = 0
        connection.set_progress_handler(lambda: time.monotonic() > self._until, _OPCODES_BETWEEN_LOOKS_AT_THE_CLOCK)

    def cursor(self, sql: str, parameters: tuple[Cell, ...] = ()) -> sqlite3.Cursor:
        """The rows of one statement, to be fetched piece by piece; raises sqlite3.Error."""
        self.count += 1
        return self.connection.execute(MARK + sql, parameters)

    def rows(self, sql: str, parameters: tuple[Cell, ...] = ()) -> list[Row]:
        """The rows of one read-only statement; raises sqlite3.Error."""
        return self.cursor(sql, parameters).fetchall()

    def rows_if_quick(self, sql: str, parameters: tuple[Cell, ...], seconds: float) -> list[Row] | None:
        """The rows of one read-only statement, None when it takes longer than this; raises sqlite3.Error."""
        until, self._until = self._until, min(self._until, time.monotonic() + seconds)
        try:
            return self.rows(sql, parameters)
        except sqlite3.OperationalError as error:
            if _code(error) == sqlite3.SQLITE_INTERRUPT:
                return None
            raise
        finally:
            self._until = until


@dataclass(frozen=True, slots=True)
class Stamp:
    """What tells whether a file was written between two moments."""

    identity: tuple[int, int]
    size_bytes: int
    modified_nanoseconds: int
    change_counter: int
    wal: tuple[int, int, int] | None
    commits: int | None


def stamp_of(look: FileLook) -> Stamp:
    """What tells this state of a file from a later one."""
    wal = look.wal
    return Stamp(
        identity=look.file.identity,
        size_bytes=look.file.size_bytes,
        modified_nanoseconds=look.file.modified_nanoseconds,
        change_counter=look.header.change_counter if look.header is not None else 0,
        wal=(wal.inode, wal.size_bytes, wal.modified_nanoseconds) if wal is not None else None,
        commits=look.index.commits if look.index is not None else None,
    )


class SqliteReader:
    """Answers questions about one database file; every call opens, reads and closes."""

    def __init__(self, path: Path, descriptors: Descriptors = DESCRIPTORS) -> None:
        self.path = path
        self._descriptors = descriptors
        self._cost = Cost()

    def look(self) -> Look:
        """The state of the file without a query; raises TargetError."""
        return look_with_locks(self.path, self._descriptors)

    def settled_look(self) -> Look:
        """A look at the state that lasts; raises TargetError.

        A commit to a rollback journal locks the file for some milliseconds, and a look that falls on one shows a lock
        that says nothing. Where there is an obstacle, the look is taken again until it is gone, or until enough time has
        passed to call it a state; but a lock under which commits go on is none.
        """
        first = look = self.look()
        for _ in range(_TRIES):
            if look.obstacle is None:
                return look
            time.sleep(_PAUSE_SECONDS)
            look = self.look()
        return look if look.file.header == first.file.header else replace(look, obstacle=None)

    def stamp(self) -> Stamp:
        """What tells this state of the file from a later one; raises TargetError. Cheaper than a whole look."""
        try:
            return stamp_of(look_at(self.path, self._descriptors))
        except OSError as error:
            raise unreachable(self.path, error) from error

    def take_cost(self) -> Cost:
        """What reading cost since the last call."""
        cost, self._cost = self._cost, Cost()
        return cost

    def read(self, work: Callable[[Queries], T], deadline_seconds: float) -> T:
        """What `work` finds, from one consistent state of the database; raises TargetError."""
        until = time.monotonic() + deadline_seconds
        first: Look | None = None
        for tries in range(_MOST_TRIES):
            look = self.look()
            first = first or look
            if look.obstacle is None:
                found = self._try(work, look, until)
                if isinstance(found, tuple):
                    return found[0]
                if found is not None and tries >= _TRIES:
                    raise found
            elif tries >= _TRIES and look.file.header == first.file.header:
                raise look.obstacle
            if time.monotonic() > until:
                break
            # Of no fixed length, or it might keep step with the writer.
            time.sleep(random.uniform(0.2, 1.4) * _PAUSE_SECONDS)  # noqa: S311 - nothing secret
        raise TargetError(
            FailureCode.LOCKED,
            f"{shown(self.path)} was written during each try to read it",
            "the next try follows by itself; a write-ahead log (PRAGMA journal_mode = WAL) lets readers and a writer work side by side",
        )

    def _try(self, work: Callable[[Queries], T], look: Look, until: float) -> tuple[T] | TargetError | None:
        """The answer; None when the file changed under it; an error that may pass, as while an application opens or closes it."""
        way = way_to_read(look)
        try:
            result = self._ask(work, look.file.path, way, until)
        except sqlite3.Error as error:
            if way is Way.STILL and not self._is_still(look.file):
                return None
            told = mapped(error, self.path, until)
            if _code(error) in _MAY_PASS:
                return told
            raise told from error
        return (result,) if way is not Way.STILL or self._is_still(look.file) else None

    def _ask(self, work: Callable[[Queries], T], path: Path, way: Way, until: float) -> T:
        begun = time.monotonic()
        uri = f"file:{quote(bytes(path))}?{way.value}"
        with closing(sqlite3.connect(uri, uri=True, timeout=0, isolation_level=None)) as connection:
            connection.text_factory = read_text
            connection.execute("PRAGMA query_only = 1")
            queries = Queries(connection, until)
            try:
                return work(queries)
            finally:
                self._cost += Cost(queries.count, time.monotonic() - begun)

    def _is_still(self, before: FileLook) -> bool:
        try:
            now = look_at(self.path, self._descriptors)
            return stamp_of(now) == stamp_of(before) and not is_held(held_locks(now), Lock.EXCLUSIVE, Lock.PENDING)
        except OSError:
            return False


def read_text(data: bytes) -> str:
    """A text of the database; bytes that are no UTF-8 become replacement characters."""
    return data.decode("utf-8", "replace")


def _code(error: sqlite3.Error) -> int:
    """SQLite's primary result code; 0 for an error that Python's module raised by itself."""
    code: int = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF


def mapped(error: sqlite3.Error, path: Path, until: float) -> TargetError:
    """An error of the driver in words."""
    name = shown(path)
    code = _code(error)
    if code == sqlite3.SQLITE_INTERRUPT or time.monotonic() > until:
        return TargetError(FailureCode.TIMEOUT, f"{name} gave no answer within the deadline", "the next try follows by itself")
    match code:
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED | sqlite3.SQLITE_PROTOCOL:
            return TargetError(FailureCode.LOCKED, f"{name} is locked by a writer", "the next try follows by itself")
        case sqlite3.SQLITE_NOTADB:
            return TargetError(FailureCode.ENCRYPTED, f"{name} looks encrypted or is no SQLite database", "aishell cannot read it")
        case sqlite3.SQLITE_CONSTRAINT:
            return TargetError(FailureCode.CONFLICT, f"a constraint of the data does not allow it: {error}")
        case sqlite3.SQLITE_CORRUPT:
            return TargetError(
                FailureCode.DAMAGED, f"{name} is damaged: {error}", "check it with PRAGMA integrity_check and restore a backup"
            )
        case sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM | sqlite3.SQLITE_AUTH:
            return TargetError(
                FailureCode.PRIVILEGE,
                f"{name} cannot be opened for reading: {error}",
                "with a write-ahead log, aishell needs to read the -wal and -shm files as well",
            )
        case sqlite3.SQLITE_IOERR:
            return TargetError(FailureCode.MISSING, f"{name} cannot be read: {error}", "look at the disk and the kernel's log")
    return TargetError(FailureCode.UNSUPPORTED, f"{name} does not answer: {error}", "")
