"""Many rows in few statements: each statement lets other threads run, and may wait for them as long as the program is busy."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from itertools import chain

_MOST_PARAMETERS = 900
"""What every SQLite takes in one statement."""


def insert(connection: sqlite3.Connection, into: str, rows: Sequence[tuple[object, ...]], otherwise: str = "") -> None:
    """Insert rows of one width. `into` is the statement up to `VALUES`, `otherwise` what follows it; both are constants."""
    if not rows:
        return
    places = f"({', '.join('?' * len(rows[0]))})"
    at_once = max(1, _MOST_PARAMETERS // len(rows[0]))
    for begin in range(0, len(rows), at_once):
        some = rows[begin : begin + at_once]
        sql = f"{into} VALUES {', '.join([places] * len(some))} {otherwise}"
        connection.execute(sql, tuple(chain.from_iterable(some)))
