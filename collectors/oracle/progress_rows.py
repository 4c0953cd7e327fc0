"""Long operations as values. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from aishell_core.engines.oracle import Row, ServerFacts
from aishell_core.units import format_duration
from aishell_core.values import Progress
from collectors.oracle.activity_rows import id_of


def progress_of(rows: Iterable[Row], containers: Mapping[int, str], server: ServerFacts) -> tuple[Progress, ...]:
    """Rows of v$session_longops of our instance; the server's own estimate of what is left is a detail."""
    return tuple(
        Progress(
            session=id_of(row, server),
            operation=str(row["opname"] or "operation").lower(),
            phase="running",
            done=_number(row["sofar"]),
            total=_number(row["totalwork"]),
            object=str(row["target"] or row["target_desc"] or ""),
            database=containers.get(int(row["con_id"] or 0), ""),
            unit=str(row["units"] or "").lower(),
            details=tuple(
                (word, format_duration(float(row[column])))
                for word, column in (("for", "elapsed_seconds"), ("left", "time_remaining"))
                if row[column] is not None
            ),
        )
        for row in rows
    )


def _number(value: float | None) -> float | None:
    return None if value is None else float(value)
