"""Long operations as values: what is counted in which stage. No reading here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from aishell_core.units import format_duration
from aishell_core.values import Progress

_MOST_OBJECT = 64
# A name without quotes is said by what cannot stand in it: to compile the range of what can takes 0.1 CPU seconds.
_NAME = r"(?:`(?:[^`]|``)+`|[^\x00-#%-/:-@\[-^`{-\x7f]+)"
_FULL_NAME = rf"({_NAME}(?:\s*\.\s*{_NAME})?)"
_SKIPPED = (
    r"(?:\s+(?:ONLINE|OFFLINE|IGNORE|OR\s+REPLACE|UNIQUE|FULLTEXT|SPATIAL|TEMPORARY|LOCAL|NO_WRITE_TO_BINLOG|IF\s+(?:NOT\s+)?EXISTS))*"
)
_COMMENTS = re.compile(r"/\*.*?\*/|--[^\n]*|#[^\n]*", re.DOTALL)
_OPERATIONS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (name, re.compile(rf"\s*{pattern}", re.IGNORECASE | re.DOTALL))
    for name, pattern in (
        ("alter table", rf"ALTER{_SKIPPED}\s+TABLE{_SKIPPED}\s+{_FULL_NAME}"),
        ("create index", rf"CREATE{_SKIPPED}\s+INDEX\b.*?\bON\s+{_FULL_NAME}"),
        ("drop index", rf"DROP\s+INDEX\b.*?\bON\s+{_FULL_NAME}"),
        ("create table", rf"CREATE{_SKIPPED}\s+TABLE{_SKIPPED}\s+{_FULL_NAME}"),
        ("optimize table", rf"OPTIMIZE{_SKIPPED}\s+TABLES?\s+{_FULL_NAME}"),
        ("check table", rf"CHECK\s+TABLES?\s+{_FULL_NAME}"),
        ("repair table", rf"REPAIR{_SKIPPED}\s+TABLES?\s+{_FULL_NAME}"),
        ("analyze table", rf"ANALYZE{_SKIPPED}\s+TABLES?\s+{_FULL_NAME}"),
        ("load data", rf"LOAD\s+DATA\b.*?\bINTO\s+TABLE\s+{_FULL_NAME}"),
        ("insert", rf"(?:INSERT|REPLACE)\b.*?\bINTO\s+{_FULL_NAME}"),
    )
)
_IN_PLACE = "altering table"
_STAGE_PREFIX = re.compile(r"^stage/[^/]+/")


def from_process_list(rows: Iterable[Mapping[str, Any]]) -> tuple[Progress, ...]:
    """Operations of MariaDB's process list, which counts a stage in per cent.

    A change in place is counted by InnoDB alone, in one figure for the whole server: it is that of the only one that runs.
    """
    rows = tuple(rows)
    alone = sum(1 for row in rows if row["state"] == _IN_PLACE) == 1
    return tuple(_of_process(row, alone=alone) for row in rows)


def _of_process(row: Mapping[str, Any], *, alone: bool) -> Progress:
    operation, name = operation_of(str(row["text"] or ""))
    stage, stages = int(row["stage"] or 0), int(row["stages"] or 0)
    # A stage that the server does not count stands at 0 until it ends.
    done = float(row["percent"]) if stages and row["percent"] else None
    if done is None and alone and row["state"] == _IN_PLACE and row["in_place"]:
        done = float(row["in_place"]) / 100
    seconds = row["seconds"]
    return Progress(
        str(row["id"]),
        operation or str(row["command"] or "operation").lower(),
        str(row["state"] or "running"),
        done=done,
        total=None if done is None else 100.0,
        object=name,
        database=str(row["database"] or ""),
        unit="" if done is None else "%",
        details=(
            *((("stage", f"{stage} of {stages}"),) if stages > 1 else ()),
            *((("for", format_duration(round(float(seconds)))),) if seconds is not None else ()),
        ),
    )


def from_stages(rows: Iterable[Mapping[str, Any]]) -> tuple[Progress, ...]:
    """Operations of MySQL's performance_schema.events_stages_current, whose stages count in units of their own."""
    found = []
    for row in rows:
        operation, name = operation_of(str(row["text"] or ""))
        total = float(row["total"]) if row["total"] else None
        found.append(
            Progress(
                str(row["id"]),
                operation or str(row["command"] or "operation").lower(),
                _STAGE_PREFIX.sub("", str(row["stage"] or "running")),
                done=None if row["done"] is None else float(row["done"]),
                total=total,
                object=name,
                database=str(row["database"] or ""),
                unit="" if row["done"] is None else "units",
                details=(("for", format_duration(float(row["seconds"]))),) if row["seconds"] is not None else (),
            )
        )
    return tuple(found)


def operation_of(text: str) -> tuple[str, str]:
    """What a statement does in the engine's words, and the table that it names; both "" for any other statement."""
    plain = _COMMENTS.sub(" ", text)
    for name, pattern in _OPERATIONS:
        found = pattern.match(plain)
        if found is not None:
            return name, found[1].replace("`", "")[:_MOST_OBJECT]
    return "", ""
