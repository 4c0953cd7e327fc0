"""The plan of a statement: EXPLAIN FORMAT=JSON of MySQL and MariaDB to steps. Pure.

The documents: https://mariadb.com/kb/en/explain-format-json/ and 10.8.2 of MySQL's manual.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from aishell_core.values import PlanNode

_MANY_ROWS = 1000
_DEEPEST = 60
_WORDS: Mapping[str, str] = {
    "filesort": "sort",
    "read_sorted_file": "read the sorted rows",
    "temporary_table": "temporary table",
    "buffer_result": "buffer the result",
    "block-nl-join": "join by blocks",
    "ordering_operation": "sort",
    "grouping_operation": "group",
    "duplicates_removal": "remove duplicates",
    "materialized": "keep a subquery's rows",
    "materialized_from_subquery": "keep a subquery's rows",
    "materialization": "keep a subquery's rows",
    "union_result": "union",
    "windowing": "window functions",
    "window_functions_computation": "window functions",
    "expression_cache": "cache of a subquery's results",
    "recursive_union": "recursive union",
    "rowid_filter": "filter of row ids",
    "insert_from": "rows to insert",
    "subqueries": "subquery",
    "attached_subqueries": "subquery of a condition",
    "select_list_subqueries": "subquery of the result",
    "having_subqueries": "subquery of HAVING",
    "order_by_subqueries": "subquery of ORDER BY",
    "group_by_subqueries": "subquery of GROUP BY",
    "optimized_away_subqueries": "subquery that need not run",
    "query_specifications": "part of a union",
    "query_block": "",
}
_TRANSPARENT = frozenset({"nested_loop", "query_block", "query_specifications", "duplicates_removal_list"})
_APART = frozenset(
    {
        *("query_block", "query_specifications", "union_result", "recursive_union", "expression_cache", "insert_from"),
        *("materialized", "materialized_from_subquery", "materialization", "subqueries", "attached_subqueries"),
        *("select_list_subqueries", "having_subqueries", "order_by_subqueries", "group_by_subqueries", "optimized_away_subqueries"),
    }
)
"""Parts with tables of their own, which are not joined with those around them."""
_ACCESS: Mapping[str, str] = {
    "ALL": "full scan of {table}",
    "index": "full scan of {table} by index {key}",
    "range": "range of {table} by index {key}",
    "ref": "look-up in {table} by index {key}",
    "ref_or_null": "look-up in {table} by index {key}, or NULL",
    "eq_ref": "one row of {table} by index {key}",
    "const": "one row of {table} by index {key}, read once",
    "system": "the only row of {table}",
    "fulltext": "full-text search in {table} by index {key}",
    "index_merge": "merged indexes of {table}: {key}",
    "unique_subquery": "one row of {table} by index {key}",
    "index_subquery": "look-up in {table} by index {key}",
    "hash_ALL": "full scan of {table}, hashed",
}


@dataclass(slots=True)
class _Join:
    """How many rows come from the tables of a join that were named so far: the next one is read for each of them."""

    rows: float = 1.0


def plan_of(document: Mapping[str, Any]) -> tuple[PlanNode, ...]:
    """The steps of a plan; empty for a document that holds none."""
    block = document.get("query_block")
    if not isinstance(block, Mapping):
        return ()
    total = _number(_cost_info(block).get("query_cost")) or _number(block.get("cost"))
    children = tuple(_steps(block, total, 0, _Join()))
    message = str(block.get("message") or _table(block).get("message") or "")
    if not children:
        return (PlanNode(message or "no table is read"),)
    return (PlanNode("statement", cost=total, children=children),) if total is not None or len(children) > 1 else children


def _steps(holder: Mapping[str, Any], total: float | None, depth: int, join: _Join) -> Iterator[PlanNode]:
    """The steps right below a part of the document, in its order."""
    if depth > _DEEPEST:
        return
    for name, value in holder.items():
        if name == "table" and isinstance(value, Mapping):
            yield _table_step(value, total, depth, join)
            continue
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, Mapping) and (name in _TRANSPARENT or name in _WORDS):
                within = _Join() if name in _APART else join
                if name in _TRANSPARENT:
                    yield from _steps(part, total, depth + 1, within)
                else:
                    yield _operation(name, part, total, depth, within)


def _operation(name: str, part: Mapping[str, Any], total: float | None, depth: int, join: _Join) -> PlanNode:
    sorts = name == "filesort" or part.get("using_filesort") is True
    keeps = name == "temporary_table" or part.get("using_temporary_table") is True
    children = tuple(_steps(part, total, depth + 1, join))
    rows = max((child.rows or 0.0 for child in children), default=0.0)
    notes = ["sorts without an index" if sorts else "", "needs a temporary table" if keeps else ""]
    text = _WORDS[name]
    key = part.get("sort_key")
    if key:
        text += f" by {key}"
    if name == "ordering_operation" and not sorts:
        text = "order by an index"
    if name == "block-nl-join" and part.get("attached_condition"):
        text += f" on {part['attached_condition']}"
    cost = _number(_cost_info(part).get("sort_cost"))
    costly = (sorts or keeps) and rows >= _MANY_ROWS
    return PlanNode(text, costly=costly, note=", ".join(note for note in notes if note), cost=cost, children=children)


def _table_step(table: Mapping[str, Any], total: float | None, depth: int, join: _Join) -> PlanNode:
    if "message" in table and "table_name" not in table:
        return PlanNode(str(table["message"]))
    access = str(table.get("access_type") or "")
    name, key = str(table.get("table_name") or ""), str(table.get("key") or "")
    text = _ACCESS.get(access, f"{access} of {{table}}" if access else "{table}").format(table=name, key=key).strip()
    if table.get("using_index") is True and access != "const":
        text += ", index alone"
    condition = table.get("attached_condition")
    if condition:
        text += f" where {condition}"
    costs = _cost_info(table)
    read = _rows_per_scan(table)
    examined, rows = _joined(table, read, join)
    own = _sum(costs.get("read_cost"), costs.get("eval_cost"))
    cost = _number(costs.get("prefix_cost")) if costs else _number(table.get("cost"))
    mine = own if own is not None else _number(table.get("cost"))
    note = _note(table, access, read)
    share = min(1.0, mine / total) if mine is not None and total else None
    children = tuple(_steps(table, total, depth + 1, _Join()))
    return PlanNode(text, bool(note), note, cost, rows, children, share, examined_rows=examined)


def _rows_per_scan(table: Mapping[str, Any]) -> float | None:
    examined = _number(table.get("rows_examined_per_scan"))
    return examined if examined is not None else _number(table.get("rows"))


def _joined(table: Mapping[str, Any], read: float | None, join: _Join) -> tuple[float | None, float | None]:
    """The rows that a table is read for in all loops of its join, and those that are left to hand on; the join goes on with these.

    MySQL tells the second (`rows_produced_per_join`, which it leaves out for a change of one table). MariaDB tells both for
    one loop alone, and from 11.0 on the number of loops (`loops`).
    """
    if read is None:
        return None, None
    loops, filtered = _number(table.get("loops")), _number(table.get("filtered"))
    examined = (join.rows if loops is None else loops) * read
    produced = _number(table.get("rows_produced_per_join"))
    if produced is None:
        produced = examined * (1.0 if filtered is None else filtered / 100)
    # A planner rounds a rare row down to none; the tables behind it are read all the same.
    join.rows = max(1.0, produced)
    return examined, produced


def _note(table: Mapping[str, Any], access: str, read: float | None) -> str:
    """Why a step is one to look at first, "" for one that is not."""
    if read is None or read < _MANY_ROWS:
        return ""
    filtered, possible = _number(table.get("filtered")), table.get("possible_keys")
    kept = f", keeps {filtered:.0f} %" if filtered is not None and filtered < 99.5 else ""
    if access in {"ALL", "hash_ALL"}:
        why = "no index is chosen" if possible else "no index fits"
        return f"reads about {read:,.0f} rows{kept}: {why}"
    if access == "index":
        return f"reads the whole index, about {read:,.0f} entries{kept}"
    if filtered is not None and filtered <= 10:
        return f"reads about {read:,.0f} rows{kept}: the index does not tell them apart"
    return ""


def _table(block: Mapping[str, Any]) -> Mapping[str, Any]:
    found = block.get("table")
    return found if isinstance(found, Mapping) else {}


def _cost_info(part: Mapping[str, Any]) -> Mapping[str, Any]:
    found = part.get("cost_info")
    return found if isinstance(found, Mapping) else {}


def _number(value: object) -> float | None:
    """A figure, which MySQL writes as a text in some places."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except ValueError:
        return None


def _sum(*values: object) -> float | None:
    known = [_number(value) for value in values]
    return None if any(each is None for each in known) else sum(each for each in known if each is not None)
