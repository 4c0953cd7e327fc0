"""Tables and indexes as values: no reading here."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from aishell_core import catalogue
from aishell_core.engines.postgres import Row
from aishell_core.units import format_bytes, format_count
from aishell_core.values import Relation, Sample
from collectors.postgres.relations_bloat import Column, bloat_bytes, btree_pages, is_name, is_of_varying_length, table_pages
from collectors.postgres.relations_indexes import index_remarks

LEAST_PAGES = 8
"""A smaller table or index is not judged: what a rewrite would give back is less than what its last page wastes."""

_FROM_STATISTICS = "as of the last vacuum or analyze: a session holds it exclusively"
_UNLOGGED, _TEMPORARY = "u", "t"
_LARGE_TABLE_BYTES, _LARGE_INDEX_BYTES = 200 * 2**20, 100 * 2**20
_BLOATED_SHARE = 0.8
"""As the bloat rules of awesome-prometheus-alerts have it."""
_PAGES_PER_TOAST_PAGE = 4
"""A leaf has room for two of the longest keys beside its bound, a page above for no more of them; TOAST is packed closely."""
_FILL = {"table": 100.0, "btree": 90.0}


@dataclass(frozen=True, slots=True)
class _Layout:
    """The columns of one table by their number."""

    columns: Mapping[int, Column]
    names: Mapping[int, str]

    def of(self, numbers: Iterable[int]) -> tuple[Column, ...] | None:
        """The columns of these numbers; None where the statistics lack one of them."""
        found = tuple(self.columns.get(number) for number in numbers)
        known = tuple(column for column in found if column is not None)
        return known if found and len(known) == len(found) else None


def relations_of(tables: Sequence[Row], indexes: Sequence[Row], columns: Sequence[Row]) -> tuple[Relation, ...]:
    """Tables with what their indexes add to them, then the indexes; sizes are in bytes.

    A table's size is what pg_table_size counts: its rows, the free space and visibility maps, TOAST and its index.
    """
    layouts = {row["table_id"]: _layout(row) for row in columns}
    by_table: dict[int, list[Row]] = defaultdict(list)
    for row in indexes:
        by_table[row["table_id"]].append(row)
    if not tables:
        return ()
    since, page_bytes = tables[0]["counted_since"], tables[0]["page_bytes"]
    remarks = index_remarks(indexes, since)
    found = [_table(row, by_table[row["id"]], layouts.get(row["id"]), page_bytes) for row in tables]
    for table in tables:
        layout = layouts.get(table["id"])
        found += [_index(row, table, layout, remarks[row["id"]], page_bytes) for row in by_table[table["id"]]]
    return tuple(found)


def _layout(row: Row) -> _Layout:
    """The columns of a table in their order; one that has no statistics is there by its name alone."""
    known = {
        name: (null_share, width, distinct)
        for name, null_share, width, distinct in zip(
            row["known_names"] or (), row["null_shares"] or (), row["widths"] or (), row["distincts"] or (), strict=True
        )
    }
    columns: dict[int, Column] = {}
    names: dict[int, str] = {}
    for number, length, alignment, name in zip(
        row["numbers"] or (), row["lengths"] or (), row["alignments"] or (), row["names"] or (), strict=True
    ):
        names[number] = name
        if name in known:
            columns[number] = Column(length, alignment, *known[name])
    return _Layout(columns, names)


def _table(row: Row, indexes: Sequence[Row], layout: _Layout | None, page_bytes: int) -> Relation:
    size, estimated = _size(row["table_bytes"], row["pages"] + row["toast_pages"], page_bytes)
    index_sizes = [_size(each["bytes"], each["pages"], page_bytes)[0] for each in indexes]
    uses = [each["scans"] for each in indexes]
    return Relation(
        row["name"],
        row["kind"],
        size_bytes=size,
        rows=_rows(row, size),
        schema=row["schema"],
        index_bytes=sum(index_sizes),
        dead_rows=row["dead_rows"],
        scans=row["scans"],
        index_scans=sum(uses) if uses else None,
        bloat_bytes=_table_bloat(row, layout, page_bytes),
        last_vacuum_at=row["vacuumed_at"],
        last_analyze_at=row["analyzed_at"],
        remarks=_table_remarks(row),
        details=_table_details(row, size, page_bytes, estimated=estimated),
    )


def _size(measured: float | None, pages: float, page_bytes: int) -> tuple[float, bool]:
    """The size in bytes and whether it is an old one, because measuring would have meant to wait for a lock."""
    return (measured, False) if measured is not None else (max(0.0, pages) * page_bytes, True)


def _rows(row: Row, size: float) -> float | None:
    """Live rows as counted, else as of the last vacuum or analyze: counts are lost in a crash, so 0 alone proves nothing."""
    if row["live_rows"] or row["changes"]:
        return float(row["live_rows"])
    if row["tuples"] >= 0:
        return float(row["tuples"])
    return 0.0 if size == 0 else None


def bloat_samples(relations: Iterable[Relation]) -> tuple[Sample, ...]:
    """How many large tables and indexes are mostly empty; unknown where there are large ones and nothing is known of any."""
    found: list[Sample] = []
    known_of = tuple(relations)
    for metric, is_index, least in (
        (catalogue.PG_TABLES_BLOATED, False, _LARGE_TABLE_BYTES),
        (catalogue.PG_INDEXES_BLOATED, True, _LARGE_INDEX_BYTES),
    ):
        large = [each for each in known_of if (each.kind == "index") is is_index and (each.size_bytes or 0.0) >= least]
        known = [each for each in large if each.bloat_bytes is not None]
        if known or not large:
            mostly = [each for each in known if (each.bloat_bytes or 0.0) > _BLOATED_SHARE * (each.size_bytes or 0.0)]
            found.append(Sample(metric, float(len(mostly))))
    return tuple(found)


def _table_bloat(row: Row, layout: _Layout | None, page_bytes: int) -> float | None:
    if layout is None or row["tuples"] < 0 or row["pages"] < LEAST_PAGES:
        return None
    columns = layout.of(layout.names)
    if columns is None:
        return None
    needed = table_pages(row["tuples"], columns, page_bytes, _fill_percent(row["options"], "table"))
    main = row["main_bytes"] if row["main_bytes"] is not None else row["pages"] * page_bytes
    return bloat_bytes(main, row["pages"], needed)


def _table_remarks(row: Row) -> tuple[str, ...]:
    options = str(row["options"] or "").split()
    return ("autovacuum is switched off for it",) if {"autovacuum_enabled=false", "autovacuum_enabled=off"} & set(options) else ()


def _table_details(row: Row, size: float, page_bytes: int, *, estimated: bool) -> tuple[tuple[str, str], ...]:
    toast = size - row["main_bytes"] if row["main_bytes"] is not None else row["toast_pages"] * page_bytes
    found = [("size", _FROM_STATISTICS)] if estimated else []
    if row["toast_pages"] > 0 and toast > 0:
        found.append(("TOAST and maps", format_bytes(toast)))
    if row["partition"]:
        found.append(("partition", "yes"))
    if row["persistence"] != "p":
        found.append(("kept", {_UNLOGGED: "unlogged", _TEMPORARY: "temporary"}.get(str(row["persistence"]), "otherwise")))
    if row["frozen_age"] is not None:
        found.append(("oldest row", f"{format_count(row['frozen_age'])} transactions"))
    return tuple(found)


def _index(row: Row, table: Row, layout: _Layout | None, remarks: tuple[str, ...], page_bytes: int) -> Relation:
    size, estimated = _size(row["bytes"], row["pages"], page_bytes)
    return Relation(
        row["name"],
        "index",
        table=table["name"],
        size_bytes=size,
        rows=row["tuples"] if row["tuples"] >= 0 else None,
        schema=table["schema"],
        scans=row["scans"],
        bloat_bytes=_index_bloat(row, table, layout, size, page_bytes),
        remarks=remarks,
        details=_index_details(row, _numbers(row), layout, estimated=estimated),
    )


def _index_bloat(row: Row, table: Row, layout: _Layout | None, size: float, page_bytes: int) -> float | None:
    """Unknown for other kinds than B-trees, for expressions, names, and where only a part of the rows is in it, which may be wider.

    Values out of line stand in the index, but their width is not in the statistics: all of TOAST is taken for the index's.
    That it is mostly empty is said only where it would be so if no two of its keys shared an entry.
    """
    columns = layout.of(_numbers(row)) if layout is not None else None
    if columns is None or row["method"] != "btree" or row["predicate"] is not None or row["tuples"] < 0 or row["pages"] < LEAST_PAGES:
        return None
    if any(is_name(column) for column in columns):
        return None
    varies = any(is_of_varying_length(column) for column in columns)
    beside = _toast_pages(table, page_bytes) * _PAGES_PER_TOAST_PAGE if varies else 0.0
    fill = _fill_percent(row["options"], "btree")

    def bloat(*, shares: bool) -> float:
        needed = btree_pages(row["tuples"], columns, page_bytes, unique=not shares, fill_percent=fill)
        return bloat_bytes(size, row["pages"], needed + beside)

    # Whether equal keys share entries depends on types and options, and how many are equal is the weakest of the server's guesses.
    guessed, least = bloat(shares=not row["is_unique"]), bloat(shares=False)
    found = guessed if guessed <= _BLOATED_SHARE * size else least
    return None if found == 0 and (beside > 0 or guessed > 0) else found


def _toast_pages(table: Row, page_bytes: int) -> float:
    """Infinite where nobody could measure it."""
    measured = table["toast_bytes"]
    return math.inf if measured is None else measured / page_bytes


def _numbers(row: Row) -> list[int]:
    return [int(number) for number in str(row["columns"]).split()]


def _index_details(row: Row, numbers: list[int], layout: _Layout | None, *, estimated: bool) -> tuple[tuple[str, str], ...]:
    names = layout.names if layout is not None else {}
    columns = [names.get(number, f"column {number}") if number else "(expression)" for number in numbers]
    keys, carried = columns[: row["key_count"]], columns[row["key_count"] :]
    found = [("size", _FROM_STATISTICS)] if estimated else []
    found += [("method", row["method"]), ("columns", ", ".join(keys))]
    if carried:
        found.append(("carries", ", ".join(carried)))
    if row["is_primary"]:
        found.append(("holds", "the primary key"))
    elif row["is_unique"]:
        found.append(("holds", "unique values"))
    if row["predicate"] is not None:
        found.append(("covers", "a part of the rows"))
    return tuple(found)


def _fill_percent(options: object, kind: str) -> float:
    for option in str(options or "").split():
        name, _, value = option.partition("=")
        if name == "fillfactor" and value.isdigit():
            return float(value)
    return _FILL[kind]
