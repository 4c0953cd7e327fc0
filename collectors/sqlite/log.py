"""Fetching what an application's statement log knows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from aishell_core.engines.sqlite_reading import Queries, Row, SqliteReader, Stamp
from aishell_core.engines.sqlite_states import shown, unreachable
from aishell_core.engines.statement_store import APPLICATION_ID, VERSION
from aishell_core.errors import TargetError
from aishell_core.values import Cost, FailureCode, Statement
from collectors.sqlite.clients import Running
from collectors.sqlite.queries import query
from collectors.sqlite.rows import Totals, number, statements_of

T = TypeVar("T")

MOST_STATEMENTS = 200
_FRESH_SECONDS = 3.0
_HOW_TO = (
    "in the application: from aishell_core.engines.statement_log import logged_connect; "
    "then connection = logged_connect({database!r}) instead of sqlite3.connect(...)"
)


@dataclass(frozen=True, slots=True)
class LogLook:
    """The totals of a log, and what runs now."""

    totals: Totals
    running: tuple[Running, ...]


class StatementLogReader:
    """Reads the side database of one application; every call opens, reads and closes."""

    def __init__(self, path: Path, database: Path) -> None:
        self._path = path
        self._database = database
        self._reader = SqliteReader(path)
        self._known: tuple[Stamp, LogLook] | None = None

    def take_cost(self) -> Cost:
        """What reading the log cost since the last call."""
        return self._reader.take_cost()

    def look(self, now: float, deadline_seconds: float) -> LogLook:
        """Totals and running statements; raises TargetError, also when there is no log."""
        self._require()
        stamp = self._reader.stamp()
        known = self._known
        if known is not None and known[0] == stamp and not known[1].running:
            return known[1]
        found = self._read(lambda queries: LogLook(_totals(queries), _running(queries, now)), deadline_seconds)
        self._known = stamp, found
        return found

    def statements(self, deadline_seconds: float) -> tuple[Statement, ...]:
        """The statements that took the most time, the heaviest first; raises TargetError."""
        return self._read(_statements, deadline_seconds)

    def _require(self) -> None:
        try:
            self._path.stat()
        except (FileNotFoundError, NotADirectoryError, ValueError) as error:
            raise TargetError(
                FailureCode.UNSUPPORTED,
                f"SQLite keeps no statistics of statements, and there is no statement log {shown(self._path)}",
                _HOW_TO.format(database=shown(self._database)),
            ) from error
        except OSError as error:
            raise unreachable(self._path, error) from error

    def _read(self, work: Callable[[Queries], T], deadline_seconds: float) -> T:
        self._require()
        return self._reader.read(partial(self._checked, work), deadline_seconds)

    def _checked(self, work: Callable[[Queries], T], queries: Queries) -> T:
        found = queries.rows(query("log_kind"))[0]
        if found != (APPLICATION_ID, VERSION):
            raise TargetError(
                FailureCode.UNSUPPORTED,
                f"{shown(self._path)} is no statement log that this version of aishell can read",
                "name another one with ?log=path in the URL",
            )
        return work(queries)


def _totals(queries: Queries) -> Totals:
    rows = queries.rows(query("log_totals"))
    return Totals(*(number(cell) or 0.0 for cell in rows[0])) if rows else Totals()


def _running(queries: Queries, now: float) -> tuple[Running, ...]:
    return tuple(_running_of(row) for row in queries.rows(query("log_active"), (now - _FRESH_SECONDS,)))


def _running_of(row: Row) -> Running:
    pid, connection, started_at, state, text, writes, holds_lock = row
    return Running(
        pid=int(number(pid) or 0),
        connection=int(number(connection) or 0),
        started_at=number(started_at) or 0.0,
        state=str(state),
        text=str(text),
        writes=bool(writes),
        holds_lock=bool(holds_lock),
    )


def _statements(queries: Queries) -> tuple[Statement, ...]:
    return statements_of(queries.rows(query("log_statements"), (MOST_STATEMENTS,)), queries.rows(query("log_latency"), (MOST_STATEMENTS,)))
