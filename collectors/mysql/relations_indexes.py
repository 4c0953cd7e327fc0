"""What may be said against an index: unused, the same as another, the beginning of another. Pure; no reading here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from collectors.mysql.relations_dictionary import Index, Table

_ORDERED = "B-tree"


def may_repeat(table: Table) -> bool:
    """Whether one of its indexes has, by its columns' names, all that another one begins with."""
    return any(_begins(one.columns, other.columns) for one in table.indexes for other in table.indexes if _comparable(one, other))


def index_remarks(table: Table, counted_since: float | None) -> Mapping[str, tuple[str, ...]]:
    """Findings in words by the index' name; `counted_since` (epoch seconds) is when the server began to count uses."""
    found: dict[str, list[str]] = {index.name: _unused(table, index, counted_since) for index in table.indexes}
    ordered = sorted(table.indexes, key=_worth)
    for place, index in enumerate(ordered):
        repeats = _repetition(index, ordered, place)
        if repeats:
            found[index.name].append(repeats)
    return {name: tuple(remarks) for name, remarks in found.items()}


def _unused(table: Table, index: Index, counted_since: float | None) -> list[str]:
    """An index that holds a rule up, or a foreign key, is needed though no statement reads it; searches for words are not counted."""
    if index.unique or index.method != _ORDERED or index.uses is None or index.uses > 0 or _holds_foreign_key(table, index):
        return []
    since = "" if counted_since is None else f" since {datetime.fromtimestamp(counted_since, UTC):%Y-%m-%d %H:%M}Z, or since it was made"
    return [f"unused here{since}"]


def _holds_foreign_key(table: Table, index: Index) -> bool:
    """Whether it is the only index that a foreign key of this table can use."""
    for columns in table.foreign_keys:
        fitting = [each for each in table.indexes if each.method == _ORDERED and each.columns[: len(columns)] == columns]
        if [each.name for each in fitting] == [index.name]:
            return True
    return False


def _repetition(index: Index, ordered: Sequence[Index], place: int) -> str:
    if index.primary or index.parts is None:
        return ""
    for other in ordered[:place]:
        if _comparable(index, other) and other.parts == index.parts:
            return f"duplicate of {other.name}"
    if index.unique:
        return ""
    longer = (other for other in ordered if _comparable(index, other) and len(other.parts or ()) > len(index.parts))
    wider = next((other for other in longer if (other.parts or ())[: len(index.parts)] == index.parts), None)
    return "" if wider is None else f"redundant: {wider.name} begins with the same columns"


def _comparable(one: Index, other: Index) -> bool:
    return one.id != other.id and one.method == other.method == _ORDERED


def _begins(short: Sequence[str], long: Sequence[str]) -> bool:
    return 0 < len(short) <= len(long) and tuple(long[: len(short)]) == tuple(short)


def _worth(index: Index) -> tuple[bool, bool, float, int]:
    """The order in which indexes that are alike are kept: those that hold a rule up first, then those that are used."""
    return not index.primary, not index.unique, -(index.uses or 0.0), index.id
