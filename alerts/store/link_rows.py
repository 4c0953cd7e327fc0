"""Whom targets replicate from, as it was known last."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

from aishell_core.state.codec import storable


def load(connection: sqlite3.Connection) -> dict[str, str]:
    """By the name of a target, as it is stored, the name of the target that it replicates from."""
    return dict(connection.execute("SELECT target, upstream FROM alert_link").fetchall())


def save(connection: sqlite3.Connection, links: Mapping[str, str | None]) -> None:
    """Note whom targets replicate from by now, None for nobody who is watched."""
    for target, upstream in links.items():
        if upstream is None:
            connection.execute("DELETE FROM alert_link WHERE target = ?", (storable(target),))
        else:
            row = (storable(target), storable(upstream))
            connection.execute("INSERT OR REPLACE INTO alert_link (target, upstream) VALUES (?, ?)", row)
