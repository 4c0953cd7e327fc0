"""How much of the numbers of AUTO_INCREMENT columns is used: pure; no reading here."""

from __future__ import annotations

from collections.abc import Iterable

from aishell_core import catalogue
from aishell_core.units import format_count
from aishell_core.values import Sample
from collectors.mysql.relations_dictionary import Table

FULLEST = 20
"""So many tables become figures of their own, those with the largest used share."""

_LEAST_SHARE = 0.01
"""Less of it is no figure worth keeping."""

_MUCH = 0.85


def counting_column(table: Table) -> str | None:
    """The column that AUTO_INCREMENT counts; None where it cannot be told.

    The dictionary does not name it. It begins an index and holds whole numbers; a primary key of one such column is it, and
    among several others that can hold the next number the widest is taken, so that nothing is told too soon.
    """
    primary = next((index for index in table.indexes if index.primary), None)
    if primary is not None and len(primary.columns) == 1 and primary.columns[0] in table.number_columns:
        return primary.columns[0]
    leading = {index.columns[0] for index in table.indexes if index.columns and index.columns[0] in table.number_columns}
    able = [name for name in leading if (table.next_number or 0) - 1 <= largest(*table.number_columns[name])]
    return max(able, key=lambda name: largest(*table.number_columns[name]), default=None)


def largest(size_bytes: int, no_sign: bool) -> int:
    """The largest number of a column of so many bytes; whole, because the last ones of eight bytes are all the same as a float."""
    return int(2 ** (8 * size_bytes - (0 if no_sign else 1)) - 1)


def usage(table: Table) -> float | None:
    """The used share of the numbers, 0 to 1; None where there is no such column or it is not known."""
    if table.next_number is None or table.next_number <= 1:
        return None
    column = counting_column(table)
    if column is None:
        return None
    return min(1.0, (table.next_number - 1) / largest(*table.number_columns[column]))


def auto_increment_samples(tables: Iterable[Table]) -> tuple[Sample, ...]:
    """The fullest ones by the label `table`."""
    found = [(share, f"{table.schema}.{table.name}") for table in tables if (share := usage(table)) is not None and share >= _LEAST_SHARE]
    found.sort(key=lambda each: (-each[0], each[1]))
    return tuple(Sample(catalogue.MYSQL_AUTO_INCREMENT, share, (("table", name),)) for share, name in found[:FULLEST])


def auto_increment_remarks(table: Table) -> tuple[str, ...]:
    """A finding where the numbers will run out."""
    share = usage(table)
    if share is None or share < _MUCH or table.next_number is None:
        return ()
    column = counting_column(table) or ""
    last = largest(*table.number_columns[column])
    left = last - (table.next_number - 1)
    # Rounded down: what is left is left, however little. At the very end MySQL has the last number as the next one, given or not.
    used = f"{100 * min(table.next_number - 1, last) // last}% of the numbers of {column} are used"
    return (f"{used}, {format_count(left)} are left" if left > 1 else f"{used}, one is left at most",)
