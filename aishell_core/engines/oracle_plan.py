"""Rows of a PLAN_TABLE as steps of a plan; pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from aishell_core.values import PlanNode

_COSTLY_SHARE = 0.3
_MANY_ROWS = 10_000
_MOST_STEPS = 1000


def plan_of(rows: Sequence[Mapping[str, Any]]) -> tuple[PlanNode, ...]:
    """The root steps; a cost is the optimizer's own and counts all below a step (Reference, PLAN_TABLE)."""
    below: dict[int | None, list[Mapping[str, Any]]] = defaultdict(list)
    known = {row["id"] for row in rows[:_MOST_STEPS]}
    for row in rows[:_MOST_STEPS]:
        parent = row["parent_id"]
        below[parent if parent in known and parent != row["id"] else None].append(row)
    whole = sum(float(row["cost"] or 0.0) for row in below[None])
    return tuple(_node(row, below, whole) for row in below[None])


def _node(row: Mapping[str, Any], below: Mapping[int | None, list[Mapping[str, Any]]], whole: float) -> PlanNode:
    children = tuple(_node(each, below, whole) for each in below.get(row["id"], ()))
    cost, rows = _number(row["cost"]), _number(row["cardinality"])
    own = None if cost is None else max(0.0, cost - sum(child.cost or 0.0 for child in children))
    share = own / whole if own is not None and whole > 0 else None
    note = _note(row, rows)
    costly = bool(note) or (share is not None and share >= _COSTLY_SHARE and len(below) > 1 and row["parent_id"] is not None)
    return PlanNode(_text(row), costly, note, cost, rows, children, share)


def _text(row: Mapping[str, Any]) -> str:
    words = [str(row["operation"] or ""), str(row["options"] or "")]
    if row["object_name"]:
        words.append(f"{row['object_owner']}.{row['object_name']}" if row["object_owner"] else str(row["object_name"]))
    predicate = row["access_predicates"] or row["filter_predicates"]
    if predicate:
        words.append(f" {' '.join(str(predicate).split())}")
    return " ".join(word for word in words if word)


def _note(row: Mapping[str, Any], rows: float | None) -> str:
    operation, options = str(row["operation"] or ""), str(row["options"] or "")
    if "CARTESIAN" in options:
        return "joins every row with every row: is a condition missing?"
    if operation == "TABLE ACCESS" and options.endswith("FULL") and rows is not None and rows >= _MANY_ROWS:
        return "reads the whole table"
    return ""


def _number(value: float | None) -> float | None:
    return None if value is None else float(value)
