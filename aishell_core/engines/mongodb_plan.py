"""The steps of a plan, from the answers of explain in the forms of MongoDB 5 to 8 and of FerretDB. Pure.

https://www.mongodb.com/docs/manual/reference/explain-results/
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from aishell_core.engines.mongodb_documents import json_text
from aishell_core.values import PlanNode

_INPUTS = ("inputStage", "outerStage", "innerStage", "thenStage", "elseStage")
_MOST_DEEP = 50
_WHOLE = "reads the whole collection: no index is used"


def plan_of(reply: Mapping[str, Any]) -> tuple[PlanNode, ...]:
    """The plan's root steps; empty where the answer holds none. Reading a whole collection is marked as costly."""
    stages = reply.get("stages")
    if isinstance(stages, list):
        return _pipeline(stages)
    shards = reply.get("shards")
    if isinstance(shards, Mapping):
        return tuple(PlanNode(f"shard {name}", children=plan_of(each)) for name, each in shards.items() if isinstance(each, Mapping))
    planner = reply.get("queryPlanner")
    return _planned(planner) if isinstance(planner, Mapping) else ()


def _pipeline(stages: list[Any]) -> tuple[PlanNode, ...]:
    """Stages of an aggregation, the last one on top because it takes from the one before."""
    below: tuple[PlanNode, ...] = ()
    for stage in stages:
        if not isinstance(stage, Mapping) or not stage:
            continue
        name = next(iter(stage))
        if name == "$cursor" and isinstance(stage[name], Mapping):
            below = plan_of(stage[name])
        else:
            below = (PlanNode(f"{name} {json_text(stage[name])}"[:500], children=below),)
    return below


def _planned(planner: Mapping[str, Any]) -> tuple[PlanNode, ...]:
    lines = planner.get("Plan")
    if isinstance(lines, list):
        return tuple(_line(str(each)) for each in lines)
    winning = planner.get("winningPlan")
    if not isinstance(winning, Mapping):
        return ()
    return (_step(winning, str(planner.get("namespace") or "")),)


def _line(text: str) -> PlanNode:
    """A step of SQLite's plan, as FerretDB hands it on."""
    detail = text.partition("detail=")[2] or text
    scans = detail.startswith("SCAN ") and " USING " not in detail
    return PlanNode(detail, costly=scans, note=_WHOLE if scans else "")


def _step(stage: Mapping[str, Any], namespace: str, depth: int = 0) -> PlanNode:
    inner = stage.get("queryPlan")
    if isinstance(inner, Mapping):
        return _step(inner, namespace, depth)
    name = str(stage.get("stage") or "")
    costly = name == "COLLSCAN"
    children = tuple(_step(each, namespace, depth + 1) for each in _inputs(stage)) if depth < _MOST_DEEP else ()
    return PlanNode(" ".join(_words(name, stage, namespace)), costly=costly, note="; ".join(_notes(name, stage)), children=children)


def _inputs(stage: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for name in _INPUTS:
        if isinstance(stage.get(name), Mapping):
            yield stage[name]
    for name in ("inputStages", "shards"):
        several = stage.get(name)
        for each in several if isinstance(several, list) else ():
            if isinstance(each, Mapping):
                winning = each.get("winningPlan")
                yield winning if isinstance(winning, Mapping) else each


def _words(name: str, stage: Mapping[str, Any], namespace: str) -> Iterator[str]:
    yield name or "step"
    if name in {"COLLSCAN", "FETCH"} and namespace:
        yield namespace
    if stage.get("indexName"):
        yield str(stage["indexName"])
    for field in ("keyPattern", "sortPattern"):
        if isinstance(stage.get(field), Mapping):
            yield json_text(stage[field])
    if isinstance(stage.get("limitAmount"), int):
        yield f"limit {stage['limitAmount']}"


def _notes(name: str, stage: Mapping[str, Any]) -> Iterator[str]:
    if name == "COLLSCAN":
        yield _WHOLE
    if name == "SORT":
        yield "sorts in memory: no index has this order"
    if stage.get("filter"):
        yield f"filter {json_text(stage['filter'])}"[:300]
    if isinstance(stage.get("indexBounds"), Mapping):
        yield f"bounds {json_text(stage['indexBounds'])}"[:300]
