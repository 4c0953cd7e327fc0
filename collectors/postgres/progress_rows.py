"""Long operations as values: what is counted in which phase. No reading here."""

from __future__ import annotations

from collections.abc import Iterable

from aishell_core.engines.postgres import Row
from aishell_core.units import format_bytes
from aishell_core.values import Progress

_Counted = tuple[str, str]
"""Which pair of columns counts in a phase (`NAME_done` of `NAME_total`), and the unit in words."""

_BLOCKS, _ROWS, _BYTES = ("blocks", "blocks"), ("rows", "rows"), ("bytes", "bytes")

_PHASES: dict[tuple[str, str], _Counted] = {
    ("vacuum", "scanning heap"): _BLOCKS,
    ("vacuum", "vacuuming heap"): _BLOCKS,
    ("vacuum", "vacuuming indexes"): ("parts", "indexes"),
    ("vacuum", "cleaning up indexes"): ("parts", "indexes"),
    ("analyze", "acquiring sample rows"): _BLOCKS,
    ("analyze", "acquiring inherited sample rows"): _BLOCKS,
    ("analyze", "computing extended statistics"): ("parts", "statistics"),
    ("cluster", "seq scanning heap"): _BLOCKS,
    ("cluster", "index scanning heap"): ("blocks", "blocks"),
    ("cluster", "writing new heap"): _ROWS,
    ("cluster", "rebuilding index"): ("parts", "indexes"),
    ("base backup", "streaming database files"): _BYTES,
    ("base backup", "estimating backup size"): _BYTES,
}
_ALWAYS: dict[str, _Counted] = {"copy": _BYTES}


def progress_of(rows: Iterable[Row]) -> tuple[Progress, ...]:
    """Each operation with how far its phase is; what the server does not count is unknown.

    A row without a phase belongs to another role and tells nothing; `hidden` counts those.
    """
    return tuple(_progress(row) for row in rows if row["phase"] is not None)


def hidden(rows: Iterable[Row]) -> int:
    """How many operations the role may not look at."""
    return sum(1 for row in rows if row["phase"] is None)


def _progress(row: Row) -> Progress:
    column, unit = _counted(row)
    done, total = (row[f"{column}_done"], row[f"{column}_total"]) if column else (None, None)
    if total is not None and total <= 0:
        done, total = (done, None) if column == "bytes" else (None, None)
    if row["operation"] == "copy" and total is None and not done:
        done, unit = row["rows_done"], "rows"
    return Progress(
        str(row["pid"]),
        _operation(row),
        str(row["phase"]),
        done=done,
        total=total,
        object=row["object"] or "",
        database=row["database"] or "",
        unit=unit if done is not None else "",
        details=_details(row),
    )


def _operation(row: Row) -> str:
    """What the statement was: `cluster` is also the view of VACUUM FULL, `create index` that of REINDEX; a worker has none."""
    command = row["command"]
    return f"copy {command.removeprefix('copy ')}" if row["operation"] == "copy" and command else command or str(row["operation"])


def _counted(row: Row) -> _Counted:
    operation, phase = str(row["operation"]), str(row["phase"])
    if operation == "create index":
        return _index_counted(row, phase)
    return _PHASES.get((operation, phase), _ALWAYS.get(operation, ("", "")))


def _index_counted(row: Row, phase: str) -> _Counted:
    """Building an index names its access method's own steps in the phase, and counts blocks, rows or sessions by turns."""
    if phase.startswith("waiting"):
        return "parts", "sessions"
    if "scanning" in phase:
        return _BLOCKS
    if row["rows_total"]:
        return _ROWS
    return _BLOCKS if row["blocks_total"] else ("", "")


def _details(row: Row) -> tuple[tuple[str, str], ...]:
    operation = row["operation"]
    found: list[tuple[str, str]] = []
    if row["part"]:
        found.append(("index" if operation != "analyze" else "child table", str(row["part"])))
    if row["waits_for"]:
        found.append(("waits for session", str(row["waits_for"])))
    if operation == "vacuum":
        found += _vacuum_details(row)
    parts = {"create index": "partitions", "base backup": "tablespaces"}.get(operation, "")
    if parts and row["parts_total"] and row["parts_done"] is not None and not str(row["phase"]).startswith("waiting"):
        found.append((parts, f"{row['parts_done']:.0f} of {row['parts_total']:.0f}"))
    if operation in {"copy", "cluster"} and row["rows_done"]:
        found.append(("rows", f"{row['rows_done']:.0f}"))
    return tuple(found)


def _vacuum_details(row: Row) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    if row["passes"]:
        found.append(("passes over the indexes", f"{row['passes']:.0f}"))
    if row["rows_done"] is not None:
        room = f" of {row['rows_total']:.0f} that fit in memory" if row["rows_total"] else ""
        found.append(("dead rows found", f"{row['rows_done']:.0f}{room}"))
    if row["bytes_done"] is not None and row["bytes_total"]:
        found.append(("memory for dead rows", f"{format_bytes(row['bytes_done'])} of {format_bytes(row['bytes_total'])}"))
    return found
