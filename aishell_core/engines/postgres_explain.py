"""The plan that PostgreSQL tells as JSON, as a tree of steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aishell_core.values import PlanNode


def plan_of(plan: Mapping[str, Any]) -> PlanNode:
    """The step and all below it, from the object under "Plan"."""
    children = tuple(plan_of(child) for child in plan.get("Plans", ()))
    name = str(plan.get("Node Type", "?"))
    if "Relation Name" in plan:
        name += f" on {plan['Relation Name']}"
    condition = next((str(plan[key]) for key in ("Filter", "Index Cond", "Hash Cond", "Merge Cond", "Recheck Cond") if key in plan), "")
    return PlanNode(name, False, condition, plan.get("Total Cost"), plan.get("Plan Rows"), children)
