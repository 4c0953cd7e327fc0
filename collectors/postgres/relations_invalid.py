"""Indexes that no query may use and whose tables are not listed, as values: pure, no reading here."""

from __future__ import annotations

from collections.abc import Iterable

from aishell_core.engines.postgres import Row
from aishell_core.values import Relation
from collectors.postgres.relations_indexes import state_remarks

_MOST_NAMES = 3


def invalid_indexes_of(rows: Iterable[Row]) -> tuple[Relation, ...]:
    """An index for each row, with what is wrong with it; one of a partitioned table holds nothing itself."""
    return tuple(_index(row) for row in rows)


def _index(row: Row) -> Relation:
    details = [("method", str(row["method"])), ("columns", ", ".join(row["columns"] or ("(expression)",)))]
    if row["of_partitions"]:
        details.append(("partitioned", "it consists of its partitions' indexes"))
    return Relation(
        row["name"],
        "index",
        table=row["table_name"],
        size_bytes=max(0.0, row["pages"]) * row["page_bytes"],
        schema=row["schema"],
        remarks=(_partition_remark(row),) if row["of_partitions"] else state_remarks(row),
        details=tuple(details),
    )


def _partition_remark(row: Row) -> str:
    """What a partitioned index lacks to be valid: each partition's part, attached and valid (ALTER INDEX in the manual)."""
    lacking, broken = row["lacking"] or (), row["broken"] or ()
    if lacking:
        whose = "the partition" if len(lacking) == 1 else f"{len(lacking)} partitions"
        verb = "has" if len(lacking) == 1 else "have"
        return f"invalid: {whose} {_names(lacking)} {verb} no part of it; create it there, then ALTER INDEX … ATTACH PARTITION"
    if broken:
        what = "its part" if len(broken) == 1 else f"{len(broken)} of its parts"
        verb = "is" if len(broken) == 1 else "are"
        return f"invalid: {what} {_names(broken)} {verb} invalid; rebuild, then ALTER INDEX … ATTACH PARTITION again"
    return "invalid though it has all its parts; ALTER INDEX … ATTACH PARTITION again with one of them"


def _names(names: Iterable[str]) -> str:
    known = tuple(names)
    more = len(known) - _MOST_NAMES
    return ", ".join(known[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
