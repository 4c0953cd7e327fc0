"""How a client of the demo opens the database; standard library only."""

from __future__ import annotations

from pathlib import Path

from aishell_core.engines.logged_connection import LoggedConnection
from aishell_core.engines.statement_log import logged_connect


def open_client(database: Path, busy_seconds: float) -> LoggedConnection:
    """A connection that counts its statements in the statement log, as any application may have it."""
    connection = logged_connect(database, timeout=busy_seconds, isolation_level=None)
    connection.execute("PRAGMA synchronous = NORMAL")
    # A fifth of the default keeps the write-ahead log small, so that one sees it grow when somebody holds it back.
    connection.execute("PRAGMA wal_autocheckpoint = 200").fetchall()
    return connection
