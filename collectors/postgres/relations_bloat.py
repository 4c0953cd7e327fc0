"""How much smaller a table or a B-tree would be if it were written anew, estimated of the server's statistics: pure arithmetic.

The sizes of page header, item pointer, row header and alignment are those of PostgreSQL's documentation, chapters
"Database Page Layout" and "B-Tree Indexes". What a rewrite would need is computed of the average width of each column
and its share of NULLs (pg_stats), as the known estimates of the PostgreSQL wiki ("Show database bloat") and of
check_postgres do, but each column stands at its own alignment, and equal keys of an index share one entry.
TOAST is not estimated: of a value out of line the statistics know the pointer's width.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

_PAGE_HEADER = 24
_ITEM_POINTER = 4
_ROW_HEADER = 23
_INDEX_HEADER = 8
_INDEX_SPECIAL = 16
_ROW_POINTER = 6
_WORD = 8
_NULL_BITS_IN_INDEX = 8
_LARGEST_LIST_SHARE = 1 / 6
_ALIGNMENTS = {"c": 1, "s": 2, "i": 4, "d": 8}
_SHORT_HEADER_LIMIT = 126
_NAME_BYTES = 64


@dataclass(frozen=True, slots=True)
class Column:
    """One column as the statistics know it: bytes, the share of NULLs (0 to 1), different values (as in pg_stats)."""

    length: int
    alignment: str
    null_share: float
    width: float
    distinct: float = 0.0


def is_of_varying_length(column: Column) -> bool:
    """Whether its values may be kept out of line."""
    return column.length < 0


def is_name(column: Column) -> bool:
    """Whether it is of the type `name`, which takes 64 bytes in a row and in an index only as many as it has characters."""
    return column.length == _NAME_BYTES and column.alignment == "c"


def row_bytes(columns: Sequence[Column]) -> float:
    """Bytes of one row of a table in a page with its item pointer."""
    nullable = any(column.null_share > 0 for column in columns)
    header = _aligned(_ROW_HEADER + (math.ceil(len(columns) / 8) if nullable else 0), _WORD)
    return _ITEM_POINTER + _aligned(header + _data_bytes(columns), _WORD)


def entry_bytes(columns: Sequence[Column]) -> float:
    """Bytes of one entry of a B-tree's leaf with its item pointer."""
    nulls = _NULL_BITS_IN_INDEX if any(column.null_share > 0 for column in columns) else 0
    return _ITEM_POINTER + _aligned(_INDEX_HEADER + nulls + _data_bytes(columns), _WORD)


def table_pages(rows: float, columns: Sequence[Column], page_bytes: int, fill_percent: float = 100.0) -> float:
    """Pages that a freshly written table takes."""
    usable = (page_bytes - _PAGE_HEADER) * fill_percent / 100
    fitting = max(1.0, math.floor(usable / row_bytes(columns)))
    return math.ceil(rows / fitting)


def btree_pages(rows: float, columns: Sequence[Column], page_bytes: int, *, unique: bool, fill_percent: float = 90.0) -> float:
    """Pages that a freshly built B-tree takes: leaves, the levels above, and the first page."""
    usable = (page_bytes - _PAGE_HEADER - _INDEX_SPECIAL) * fill_percent / 100
    entry = entry_bytes(columns)
    equal = 1.0 if unique else _rows_per_key(rows, columns)
    longest = max(1.0, math.floor((page_bytes * _LARGEST_LIST_SHARE - entry) / _ROW_POINTER))
    shared = min(equal, longest)
    per_row = entry if shared <= 1 else (entry + shared * _ROW_POINTER) / shared
    leaves = math.ceil(rows * per_row / max(usable - entry, entry))
    above, level = 0, leaves
    while level > 1:
        level = math.ceil(level * (entry + _ROW_POINTER) / usable)
        above += level
    return leaves + above + 1


def bloat_bytes(size_bytes: float, pages: float, needed_pages: float) -> float:
    """What a rewrite would give back of a size now, by the pages that there were when rows were counted; never below zero."""
    if pages <= 0:
        return 0.0
    return size_bytes * min(1.0, max(0.0, 1 - needed_pages / pages))


def _rows_per_key(rows: float, columns: Sequence[Column]) -> float:
    """How many rows have the same key on average, at least: there are no more keys than combinations of values.

    n_distinct below zero is a share of the rows, 0 is unknown.
    """
    keys = 1.0
    for column in columns:
        if column.distinct == 0:
            return 1.0
        keys *= column.distinct if column.distinct > 0 else -column.distinct * rows
        keys = min(keys + (1 if column.null_share > 0 else 0), max(rows, 1.0))
    return max(1.0, rows / max(1.0, keys))


def _data_bytes(columns: Sequence[Column]) -> float:
    """Bytes of the columns in their order, each at its alignment; one that is NULL takes none."""
    at = 0.0
    for column in columns:
        short = column.length < 0 and column.width <= _SHORT_HEADER_LIMIT
        unit = 1 if short else _ALIGNMENTS.get(column.alignment, _WORD)
        there = 1 - column.null_share
        # A value of a varying length ends anywhere, so that on average half the alignment is lost before the next one.
        start = _aligned(at, unit) if float(at).is_integer() else at + (unit - 1) / 2
        at += there * (start - at + column.width)
    return at


def _aligned(value: float, unit: int) -> float:
    return math.ceil(value / unit) * unit
