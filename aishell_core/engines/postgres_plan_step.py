"""One step of PostgreSQL's plan, read from its JSON: how it is called, its condition, its figures. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

_CONDITIONS: tuple[tuple[str, str], ...] = (
    ("One-Time Filter", "only if"),
    ("Index Cond", "index condition"),
    ("TID Cond", "row address"),
    ("Hash Cond", "joined on"),
    ("Merge Cond", "joined on"),
    ("Join Filter", "join filter"),
    ("Filter", "filter"),
    ("Sort Key", "by"),
    ("Group Key", "by"),
    ("Cache Key", "kept by"),
    ("Order By", "in the order of"),
    ("Run Condition", "until not"),
    ("Remote SQL", "remote"),
)
_AGGREGATES = {"Plain": "Aggregate", "Sorted": "GroupAggregate", "Hashed": "HashAggregate", "Mixed": "MixedAggregate"}


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """A step with those below it.

    `cost` (the planner's unit) and `rows` are estimates for one run; `milliseconds` and `actual_rows` are of all runs,
    with parallel processes side by side counted once; `loops` is how often it was run in all. None is unknown.
    `repeated` is a subplan that is run again for each row; `fields` is what the server said.
    """

    kind: str
    text: str
    condition: str
    relationship: str
    cost: float | None
    rows: float | None
    milliseconds: float | None
    actual_rows: float | None
    loops: float | None
    repeated: bool
    children: tuple[Step, ...]
    remarks: tuple[str, ...] = ()
    fields: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def number(self, name: str) -> float | None:
        """A figure of the step, None where the server did not tell it."""
        return number(self.fields, name)


def number(fields: Mapping[str, Any], name: str) -> float | None:
    """A finite number of a JSON object, None for anything else."""
    value = fields.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None


def step_of(fields: Mapping[str, Any], parent: Mapping[str, Any] | None = None, processes: float = 1.0) -> Step:
    """The step and all below it; `processes` is how many run it side by side."""
    loops, time, rows = number(fields, "Actual Loops"), number(fields, "Actual Total Time"), number(fields, "Actual Rows")
    side_by_side = max(1.0, min(processes, loops or 1.0))
    below = processes
    launched = number(fields, "Workers Launched")
    if launched is not None:
        below = max(1.0, launched + 1.0)
    nested = fields.get("Plans")
    children = [child for child in nested if isinstance(child, Mapping)] if isinstance(nested, list) else []
    name = _text(fields, "Subplan Name")
    return Step(
        kind=_text(fields, "Node Type") or "?",
        text=_title(fields),
        condition=_condition(fields),
        relationship=_text(fields, "Parent Relationship"),
        cost=number(fields, "Total Cost"),
        rows=number(fields, "Plan Rows"),
        milliseconds=None if time is None else max(0.0, time * (1.0 if loops is None else loops) / side_by_side),
        actual_rows=None if rows is None else rows * (1.0 if loops is None else loops),
        loops=loops,
        repeated=_text(fields, "Parent Relationship") == "SubPlan" and not _is_hashed(name, parent or {}),
        children=tuple(step_of(child, fields, below) for child in children),
        remarks=tuple(_remarks(fields, loops)),
        fields=fields,
    )


def _remarks(fields: Mapping[str, Any], loops: float | None) -> Iterator[str]:
    if loops == 0:
        yield "never run"
    removed = number(fields, "Subplans Removed")
    if removed:
        yield f"{removed:.0f} {'part is' if removed == 1 else 'parts are'} ruled out by the values"
    if fields.get("Disabled") is True:
        yield "switched off by a setting, and still the only way"


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    return value if isinstance(value, str) else ""


def _is_hashed(name: str, parent: Mapping[str, Any]) -> bool:
    """Whether a subplan's rows are kept in a hash table; its parent says so where it uses them."""
    return bool(name) and any(isinstance(value, str) and f"hashed {name}" in value for value in parent.values())


def _title(fields: Mapping[str, Any]) -> str:
    """The step as PostgreSQL's own text form calls it."""
    kind = _text(fields, "Node Type") or "?"
    strategy, join = _text(fields, "Strategy"), _text(fields, "Join Type")
    if kind == "Aggregate":
        kind = _AGGREGATES.get(strategy, kind)
    elif kind == "SetOp":
        kind = f"{'Hash' if strategy == 'Hashed' else ''}SetOp {_text(fields, 'Command')}".rstrip()
    elif kind == "ModifyTable":
        kind = _text(fields, "Operation") or kind
    elif kind in {"Hash Join", "Merge Join", "Nested Loop"} and join not in {"", "Inner"}:
        kind = f"{kind.removesuffix(' Join')} {join} Join"
    mode = _text(fields, "Partial Mode")
    before = "Parallel " if fields.get("Parallel Aware") is True else ""
    before += f"{mode} " if mode in {"Partial", "Finalize"} else ""
    after = " Backward" if _text(fields, "Scan Direction") == "Backward" else ""
    index = _text(fields, "Index Name")
    relation = _relation(fields)
    if index:
        after += f" using {index}" if relation else f" on {index}"
    name = _text(fields, "Subplan Name")
    return f"{f'{name}: ' if name else ''}{before}{kind}{after}{f' on {relation}' if relation else ''}"


def _relation(fields: Mapping[str, Any]) -> str:
    """What a step reads or writes, with the name that the statement gives it where that is another."""
    name = next(
        (
            text
            for key in ("Relation Name", "Function Name", "CTE Name", "Table Function Name", "Tuplestore Name")
            if (text := _text(fields, key))
        ),
        "",
    )
    alias = _text(fields, "Alias")
    return f"{name} {alias}" if name and alias and alias != name else name or alias


def _condition(fields: Mapping[str, Any]) -> str:
    found: list[str] = []
    for name, word in _CONDITIONS:
        value = fields.get(name)
        if isinstance(value, list):
            value = ", ".join(each for each in value if isinstance(each, str))
        if isinstance(value, str) and value:
            found.append(f"{word} {value}")
    return "; ".join(found)
