"""What a condition means, and everything that is wrong with it, before it is ever evaluated.

Others call `check_condition` (all problems, and what the condition is about) and `plan_of` (the tree to evaluate).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache

from aishell_core.state.condense import KEPT_SECONDS
from alerts.language.calls import resolve_call
from alerts.language.condition import Condition
from alerts.language.names import labels_of
from alerts.language.parser import parse_condition
from alerts.language.plan import RAW_REACH_SECONDS, Absent, Comparison, Figure, Plan, every_plan
from alerts.language.problems import ConditionError, Problem
from alerts.language.resolver import Resolver, Shape, reach_seconds


@dataclass(frozen=True, slots=True)
class Kept:
    """For how long figures are known, in seconds: each reading in memory, and figures of longer spans in the state database."""

    raw_seconds: float = RAW_REACH_SECONDS
    stored_seconds: float = KEPT_SECONDS


KEPT = Kept()


@dataclass(frozen=True, slots=True)
class Checked:
    """What a condition is: a condition or a value, the unit of what it compares, and what it looks at.

    `metrics` are names of the catalogue; `labels` those that the help of its figures names (a figure may have others);
    `longest_seconds` is how far back it looks. `problems` are in the order of the text; with any, `plan` is not to be used.
    """

    unit: str
    shape: Shape
    metrics: tuple[str, ...]
    labels: frozenset[str]
    longest_seconds: float
    problems: tuple[Problem, ...]
    plan: Plan
    engines: frozenset[str] | None = None
    """The engines whose targets can have all of it; None for any."""


def check_condition(condition: Condition, engines: Collection[str] = (), kept: Kept = KEPT, *, may_be_value: bool = False) -> Checked:
    """All that is wrong with a condition for targets of these engines (empty: of any), and what it is about; it raises nothing.

    With `may_be_value` a value without a comparison is taken, as a rule's `warn:` and `crit:` complete it.
    """
    resolver = Resolver(frozenset(engines), kept.raw_seconds, kept.stored_seconds, resolve_call)
    typed = resolver.resolve(condition.tree)
    problems = list(resolver.problems)
    if typed.shape is Shape.VALUE and not may_be_value and not problems:
        problems.append(Problem(condition.tree.span, "this is a value, not a condition", f"compare it, as in {condition.text} > 5"))
    figures = [node for node in every_plan(typed.plan) if isinstance(node, Figure | Absent)]
    if not figures and not problems:
        problems.append(Problem(condition.tree.span, "the condition looks at no figure", "name a metric, as in pool.usage > 90%"))
    metrics = tuple(dict.fromkeys(figure.metric for figure in figures))
    return Checked(
        unit=str(typed.quantity)
        if typed.shape is Shape.VALUE
        else next((each.unit for each in every_plan(typed.plan) if isinstance(each, Comparison)), ""),
        shape=typed.shape,
        metrics=metrics,
        labels=frozenset().union(*(labels_of(name) for name in metrics)),
        longest_seconds=max((reach_seconds(figure) for figure in figures), default=0.0),
        problems=tuple(sorted(problems, key=lambda problem: (problem.span.start, problem.span.length))),
        plan=typed.plan,
        engines=typed.engines,
    )


def plan_of(condition: Condition) -> Plan:
    """The tree that is evaluated; raises ConditionError with all problems (history that is too short is none here)."""
    return understood(condition).plan


def understood(condition: Condition) -> Checked:
    """The same with what else is known of the condition; conditions of the same text share one answer."""
    return _understood(condition.text)


_FOR_EVER = Kept(float("inf"), float("inf"))


@lru_cache(maxsize=20_000)
def _understood(text: str) -> Checked:
    checked = check_condition(parse_condition(text), (), _FOR_EVER)
    if checked.problems:
        raise ConditionError(checked.problems)
    return checked
