"""Tables and indexes as values: no reading here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from aishell_core.units import format_bytes, format_count
from aishell_core.values import Relation
from collectors.mysql.auto_increment_rows import auto_increment_remarks, counting_column, usage
from collectors.mysql.relations_dictionary import Index, Rows, Table
from collectors.mysql.relations_indexes import index_remarks

_OVERHEAD_PAGES = 4
"""Pages of a table's file that keep account of the others."""

_LEAST_FREE_BYTES = 2.0**20
"""A file grows by extents of this size, so that less is always there."""


def relations_of(tables: Iterable[Table], others: Rows, counted_since: float | None) -> tuple[Relation, ...]:
    """Tables with what their indexes add to them, then the indexes; then tables of other engines. Sizes are in bytes."""
    found: list[Relation] = []
    for table in tables:
        remarks = index_remarks(table, counted_since)
        found.append(_table(table))
        found += [_index(table, index, remarks.get(index.name, ())) for index in table.indexes]
    return (*found, *(_other(row) for row in others))


def _table(table: Table) -> Relation:
    index_bytes = None if table.index_pages is None else table.index_pages * table.page_bytes
    uses = [index.uses for index in table.indexes if index.uses is not None]
    return Relation(
        table.name,
        "table",
        size_bytes=_size(table, index_bytes),
        rows=table.rows,
        free_bytes=_free(table),
        schema=table.schema,
        index_bytes=index_bytes,
        index_scans=sum(uses) if uses else None,
        last_analyze_at=table.analyzed_at,
        remarks=auto_increment_remarks(table),
        details=_table_details(table),
    )


def _size(table: Table, index_bytes: float | None) -> float | None:
    """All of its files but the secondary indexes; the rows themselves lie in the primary key."""
    if table.file_bytes is not None:
        return max(0.0, table.file_bytes - (index_bytes or 0.0))
    return table.data_pages * table.page_bytes if table.data_pages else None


def _free(table: Table) -> float | None:
    if table.file_bytes is None or table.data_pages is None or table.index_pages is None:
        return None
    used = (table.data_pages + table.index_pages + _OVERHEAD_PAGES * max(1, table.partitions)) * table.page_bytes
    free = table.file_bytes - used
    return free if free >= _LEAST_FREE_BYTES else 0.0


def _table_details(table: Table) -> tuple[tuple[str, str], ...]:
    share, column = usage(table), counting_column(table)
    found: list[tuple[str, str]] = [("engine", "InnoDB")]
    if table.partitions:
        found.append(("partitions", str(table.partitions)))
    if table.row_format and table.row_format != "dynamic":
        found.append(("row format", table.row_format))
    if table.fetched_without_index is not None:
        found.append(("rows read without an index", format_count(table.fetched_without_index)))
    if share is not None and column is not None and table.next_number is not None:
        found.append((f"next {column}", f"{format_count(table.next_number)} ({share:.0%} used)"))
    if table.foreign_keys:
        found.append(("foreign keys", str(len(table.foreign_keys))))
    return tuple(found)


def _index(table: Table, index: Index, remarks: tuple[str, ...]) -> Relation:
    return Relation(
        index.name,
        "index",
        table=table.name,
        # The primary key is the table itself, whose size is told there.
        size_bytes=None if index.primary or index.pages is None else index.pages * table.page_bytes,
        schema=table.schema,
        scans=index.uses,
        remarks=remarks,
        details=_index_details(index),
    )


def _index_details(index: Index) -> tuple[tuple[str, str], ...]:
    parts = index.parts
    columns = [_part(each.name, each.prefix, each.direction) for each in parts] if parts else list(index.columns)
    found = [("method", index.method)]
    if columns:
        found.append(("columns", ", ".join(columns)))
    if index.primary:
        found.append(("holds", "the rows themselves, by the primary key"))
    elif index.unique:
        found.append(("holds", "unique values"))
    return tuple(found)


def _part(name: str, prefix: str, direction: str) -> str:
    return f"{name}{f'({prefix})' if prefix else ''}{' desc' if direction == 'D' else ''}"


def _other(row: Mapping[str, Any]) -> Relation:
    """A table of another engine, whose figures the server tells at once; an engine that keeps no rows has none."""
    free = float(row["free_bytes"] or 0.0)
    return Relation(
        str(row["name"]),
        "table",
        size_bytes=_number(row["data_bytes"]),
        rows=_number(row["row_count"]),
        free_bytes=free if free >= _LEAST_FREE_BYTES else 0.0,
        schema=str(row["schema_name"]),
        index_bytes=_number(row["index_bytes"]),
        details=(("engine", str(row["engine"] or "unknown")), *((("free", format_bytes(free)),) if free else ())),
    )


def _number(value: object) -> float | None:
    return None if value is None else float(str(value))
