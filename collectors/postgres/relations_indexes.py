"""What may be said against an index: unused, the same as another, not valid. Pure; no reading here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby

from aishell_core.engines.postgres import Row


def index_remarks(rows: Iterable[Row], counted_since: float | None) -> Mapping[int, tuple[str, ...]]:
    """Findings in words by the index' id; `counted_since` (epoch seconds) is when the server began to count uses."""
    rows = sorted(rows, key=lambda row: (row["table_id"], row["id"]))
    found: dict[int, list[str]] = {row["id"]: [] for row in rows}
    for row in rows:
        found[row["id"]] += [*state_remarks(row), *_use(row, counted_since)]
    for _, of_table in groupby(rows, key=lambda row: row["table_id"]):
        indexes = [row for row in of_table if row["is_valid"] and not row["partition"]]
        for row, remark in _repetitions(indexes):
            found[row["id"]].append(remark)
    return {key: tuple(remarks) for key, remarks in found.items()}


def state_remarks(row: Row) -> tuple[str, ...]:
    """Why no query may use an index; nothing against one that is valid."""
    if row["is_valid"]:
        return ()
    if row["building"]:
        return ("being built",)
    # Writes keep up what is ready; a build that fails in its first pass leaves an index that is not.
    kept = "it is kept up but not used" if row["is_ready"] else "it is neither kept up nor used"
    return (f"invalid: building it failed, {kept}; drop or rebuild it",)


def _use(row: Row, counted_since: float | None) -> tuple[str, ...]:
    """Whether nothing has used it: an index that holds a rule up is needed though no query reads it.

    The server does not keep when an index was made, so that it may be younger than the counting.
    """
    needed = row["is_unique"] or row["is_exclusion"] or row["is_identity"] or row["in_constraint"]
    if needed or not row["is_valid"] or row["scans"] != 0:
        return ()
    since = "" if counted_since is None else f" since {datetime.fromtimestamp(counted_since, UTC):%Y-%m-%d %H:%M}Z, or since it was made"
    return (f"unused here{since}",)


def _repetitions(indexes: Sequence[Row]) -> Iterable[tuple[Row, str]]:
    """Each index that does what another of its table does too; of two that are alike the one that can go."""
    ordered = sorted(indexes, key=_worth)
    for place, row in enumerate(ordered):
        same = next((other for other in ordered[:place] if _does_all(row) == _does_all(other)), None)
        if same is not None:
            yield row, f"duplicate of {same['name']}"
            continue
        wider = None if _holds_a_rule(row) else next((other for other in ordered if _leads(row, other)), None)
        if wider is not None:
            yield row, f"redundant: {wider['name']} begins with the same columns"


def _holds_a_rule(row: Row) -> bool:
    return bool(row["is_unique"] or row["is_exclusion"] or row["is_identity"] or row["in_constraint"])


def _worth(row: Row) -> tuple[bool, bool, bool, bool, float, int]:
    """The order in which indexes that are alike are kept: those that hold a rule up first, then those that are used."""
    return (
        not row["is_primary"],
        not row["in_constraint"],
        not row["is_identity"],
        not row["is_unique"],
        -float(row["scans"] or 0.0),
        row["id"],
    )


def _does_all(row: Row) -> tuple[object, ...]:
    """What two indexes have in common when one of them can go; uniqueness is not part: the unique one is kept."""
    keys = (row["columns"], row["classes"], row["collations"], row["orders"], row["key_count"])
    return (row["method"], *keys, row["expressions"], row["predicate"], row["is_exclusion"])


def _leads(row: Row, other: Row) -> bool:
    """Whether all that `row` sorts by stands in the same way at the beginning of a longer B-tree."""
    if row["id"] == other["id"] or row["method"] != "btree" or other["method"] != "btree":
        return False
    if row["expressions"] is not None or other["expressions"] is not None or row["predicate"] != other["predicate"]:
        return False
    mine, others = _keys(row), _keys(other)
    includes_more = len(str(row["columns"]).split()) > row["key_count"]
    return not includes_more and len(mine) < len(others) and others[: len(mine)] == mine


def _keys(row: Row) -> list[tuple[str, ...]]:
    """Column, operator class, collation and order of each key; a column that is only carried along is none."""
    lists = (str(row[name]).split() for name in ("columns", "classes", "collations", "orders"))
    return list(zip(*lists, strict=False))[: row["key_count"]]
