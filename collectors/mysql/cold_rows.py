"""Sizes of schemas and of all that the server keeps on disk, as samples: no reading here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aishell_core import catalogue
from aishell_core.values import Sample

LARGEST_SCHEMAS = 20


def schema_samples(rows: Sequence[Mapping[str, Any]]) -> tuple[Sample, ...]:
    """The largest schemas by the label `schema`; files that belong to none are left out."""
    known = sorted((row for row in rows if row["name"] is not None), key=lambda row: (-float(row["bytes"] or 0), str(row["name"])))
    return tuple(
        Sample(catalogue.MYSQL_SCHEMA_SIZE, float(row["bytes"] or 0), (("schema", str(row["name"])),)) for row in known[:LARGEST_SCHEMAS]
    )


def disk_samples(
    schemas: Sequence[Mapping[str, Any]] | None,
    others: Sequence[Mapping[str, Any]] | None,
    binlog_bytes: float | None,
    redo_bytes: float | None,
) -> tuple[Sample, ...]:
    """All bytes on disk, logs included; a part that is not known makes the whole unknown.

    InnoDB's files, tables of other engines as far as the account may know of them, binary logs and redo log.
    """
    if schemas is None or others is None or binlog_bytes is None or redo_bytes is None:
        return ()
    files = sum(float(row["bytes"] or 0) for row in schemas)
    rest = sum(float(row["data_bytes"] or 0) + float(row["index_bytes"] or 0) for row in others)
    return (Sample(catalogue.DISK_USED, files + rest + binlog_bytes + redo_bytes),)


def redo_bytes(variables: Mapping[str, str]) -> float | None:
    """The size of the redo log: its capacity on newer MySQL, else its files; None where that is not told."""
    capacity = _number(variables.get("innodb_redo_log_capacity"))
    if capacity:
        return capacity
    size = _number(variables.get("innodb_log_file_size"))
    return None if size is None else size * (_number(variables.get("innodb_log_files_in_group")) or 1.0)


def _number(value: str | None) -> float | None:
    try:
        return float(value) if value else None
    except ValueError:
        return None
