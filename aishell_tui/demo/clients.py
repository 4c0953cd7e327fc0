"""How a client of the demo opens the database; standard library only."""

from __future__ import annotations

import sqlite3
from pathlib import Path


def open_client(database: Path, busy_seconds: float) -> sqlite3.Connection:
    """A connection as every client of the demo has it."""
    connection = sqlite3.connect(database, timeout=busy_seconds, isolation_level=None)
    connection.execute("PRAGMA synchronous = NORMAL")
    return connection
