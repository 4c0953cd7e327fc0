"""Open transactions, whose undo has to be kept, as values. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from aishell_core.engines.oracle import Row, ServerFacts
from aishell_core.values import HorizonHolder
from collectors.oracle.activity_rows import id_of


def holders_of(rows: Iterable[Row], containers: Mapping[int, str], server: ServerFacts) -> tuple[HorizonHolder, ...]:
    """The holders, the oldest first; the system change number grows by about one with each commit, and stands for transactions."""
    return tuple(
        HorizonHolder(
            kind="idle session" if row["status"] == "INACTIVE" else "session",
            name=f"{id_of(row, server)} {row['username'] or row['program'] or ''}".strip(),
            transactions=max(0.0, float(row["changes"] or 0.0)),
            seconds=None if row["seconds"] is None else max(0.0, float(row["seconds"])),
            text=str(row["sql_text"] or ""),
            database=containers.get(int(row["con_id"] or 0), ""),
        )
        for row in rows
    )
