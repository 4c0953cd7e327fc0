"""A statement log for applications that use SQLite, so that slow queries exist for SQLite too.

Two lines are enough, and nothing but the standard library is needed::

    from aishell_core.engines.statement_log import logged_connect
    connection = logged_connect("app.db")

The connection behaves like one of `sqlite3.connect`; each statement is counted by its shape (text without literals) with
its duration, rows and errors. About twice a second a daemon thread adds the counts to the side database
`app.db-statements.db`. Nothing is ever raised into the application, and the side database may be deleted at any time.
What is measured is the time inside SQLite: execute and fetching, without the application's own time between rows.
"""

from __future__ import annotations

import sqlite3
from os import PathLike, fsdecode
from os.path import realpath
from pathlib import Path
from typing import TYPE_CHECKING

from aishell_core.engines.logged_connection import LoggedConnection
from aishell_core.engines.statement_recorder import recorder_of

if TYPE_CHECKING:
    from sqlite3 import _IsolationLevel

SUFFIX = "-statements.db"
AnyPath = str | bytes | PathLike[str] | PathLike[bytes]


def default_log(database: AnyPath) -> Path:
    """Where the statement log of a database file lies unless it is told otherwise: beside it."""
    # Unlike Path.resolve, this is no error for links that lead round in circles: whoever opens the file will say so.
    path = Path(realpath(fsdecode(database)))
    return path.parent / (path.name + SUFFIX)


def logged_connect(
    database: AnyPath,
    log: AnyPath | None = None,
    *,
    timeout: float = 5.0,
    detect_types: int = 0,
    isolation_level: _IsolationLevel = "DEFERRED",
    check_same_thread: bool = True,
    cached_statements: int = 128,
    uri: bool = False,
) -> LoggedConnection:
    """Connect as `sqlite3.connect` does, with every statement counted in the side database `log`.

    Raises ValueError when the log is the database itself, or is not named where the database has no file of its own.
    """
    connection = sqlite3.connect(
        database,
        timeout=timeout,
        detect_types=detect_types,
        isolation_level=isolation_level,
        check_same_thread=check_same_thread,
        factory=LoggedConnection,
        cached_statements=cached_statements,
        uri=uri,
    )
    try:
        path = _log_path(connection, log)
    except BaseException:
        connection.close()
        raise
    connection.count_into(recorder_of(path))
    return connection


def record_statement(log: AnyPath, sql: str, duration_seconds: float, rows: int | None = None, error: BaseException | None = None) -> None:
    """Count one statement that was run by other means, such as an ORM's events; never raises and never waits.

    A duration that is negative or no number counts as 0.
    """
    recorder = recorder_of(Path(fsdecode(log)).resolve())
    seconds = duration_seconds if duration_seconds > 0 else 0.0
    recorder.record(recorder.shape(sql), seconds, rows or 0, error)


def flush_statements(log: AnyPath) -> bool:
    """Write what this process has counted for this log now instead of within half a second; False when that failed."""
    return recorder_of(Path(fsdecode(log)).resolve()).flush()


def _log_path(connection: sqlite3.Connection, log: AnyPath | None) -> Path:
    file = next((row[2] for row in connection.execute("PRAGMA database_list") if row[1] == "main"), "")
    if log is not None:
        path = Path(fsdecode(log)).resolve()
        if file and path == Path(file).resolve():
            raise ValueError("the statement log cannot be the database itself")
        return path
    if not file:
        raise ValueError("a database without a file needs the name of its statement log: log=...")
    return default_log(file)
