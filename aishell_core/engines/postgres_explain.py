"""From PostgreSQL's plan as JSON to a tree of steps with the costly ones marked and explained: pure.

What the fields mean: https://www.postgresql.org/docs/current/using-explain.html.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from aishell_core.engines.postgres_plan_remarks import reasons, whole_remarks
from aishell_core.engines.postgres_plan_step import Step, step_of
from aishell_core.values import PlanNode

_KEPT = {"Materialize", "Memoize"}
"""Steps that keep the rows of those below, so that a second run of them costs next to nothing."""
_MOST = 1e100
"""No figure of a real plan is larger, and two of them can be multiplied."""


def plans_of(plans: Sequence[Mapping[str, Any]]) -> tuple[PlanNode, ...]:
    """One tree per plan: a rule may make several out of one statement.

    `share` is the part of the whole that a step takes by itself, of the time where it was measured, else of the cost;
    all shares of a tree add up to 1. Fields that are missing or odd are passed over.
    """
    return tuple(_plan(plan) for plan in plans)


def _plan(plan: Mapping[str, Any]) -> PlanNode:
    top = plan.get("Plan")
    root = step_of(top if isinstance(top, Mapping) else {})
    measured = root.milliseconds is not None
    shares: dict[int, float] = {}
    _share_out(root, 1.0, shares, measured=measured)
    node = _node(root, None, shares)
    return replace(node, note="; ".join(filter(None, (node.note, *whole_remarks(plan)))))


def _share_out(step: Step, share: float, shares: dict[int, float], *, measured: bool) -> None:
    """Give each step its own part of its parent's part, by the figure of each.

    The steps below never get more than there is: below a LIMIT, a semi-join or a merge join they are not run to
    their end, and their own estimate is for all of it.
    """
    whole = _figure(step, measured=measured)
    wants = [_figure(child, measured=measured) * (1.0 if measured else _runs(step, child)) for child in step.children]
    wanted = math.fsum(wants)
    most = max(whole, wanted)
    parts = [share * want / most if most > 0 else 0.0 for want in wants]
    shares[id(step)] = max(0.0, share - sum(parts)) if whole > 0 or wanted > 0 or not parts else share
    for child, part in zip(step.children, parts, strict=True):
        _share_out(child, part, shares, measured=measured)


def _figure(step: Step, *, measured: bool) -> float:
    return min(_MOST, max(0.0, (step.milliseconds if measured else step.cost) or 0.0))


def _runs(parent: Step, child: Step) -> float:
    """How often a step is run, as far as the estimate tells: its own cost is for one run, its parent's for all of them."""
    if child.relationship == "Inner" and parent.kind == "Nested Loop" and child.kind not in _KEPT:
        outer = next((each for each in parent.children if each.relationship == "Outer"), None)
        return min(_MOST, max(1.0, (outer.rows if outer is not None else None) or 1.0))
    if child.repeated:
        return min(_MOST, max(1.0, parent.rows or 1.0))
    return 1.0


def _node(step: Step, parent: Step | None, shares: Mapping[int, float]) -> PlanNode:
    share = min(1.0, shares.get(id(step), 0.0))
    runs = _runs(parent, step) if parent is not None else 1.0
    why = reasons(step, share, runs)
    return PlanNode(
        text=step.text,
        costly=bool(why),
        note="; ".join(filter(None, (*why, step.condition, *step.remarks))),
        cost=step.cost,
        rows=step.rows,
        children=tuple(_node(child, step, shares) for child in step.children),
        share=share,
        actual_rows=step.actual_rows,
        actual_milliseconds=step.milliseconds,
        loops=step.loops,
    )
