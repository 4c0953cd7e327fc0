"""What a plan says: how much of the whole each step is, which one to look at first, and why a statement cannot be measured. Pure."""

from __future__ import annotations

import math
from dataclasses import replace

from aishell_core.engines.statement_text import TokenKind, tokens
from aishell_core.units import format_count, format_counted
from aishell_core.values import PlanNode, Statement

_LOOK_AT_SHARE = 0.25
_MISJUDGED = 10.0
_FEW_ROWS = 100.0

Plan = tuple[PlanNode, ...]


def judged_plan(plan: Plan) -> Plan:
    """The plan with the share of each step, and, where no step is marked yet, the one that takes the most of it.

    A measured plan is judged by time, another by the engine's cost; a step's own part is its figure without those of
    the steps right below it, never below zero, as a share of all own parts.
    """
    measured = all(node.actual_milliseconds is not None for node in plan)
    whole = math.fsum(_own(node, measured=measured) for root in plan for node in all_steps(root))
    shared = tuple(_with_shares(node, whole, measured=measured) for node in plan)
    if any(node.costly for root in shared for node in all_steps(root)):
        return shared
    top = max((node.share or 0.0 for root in shared for node in all_steps(root)), default=0.0)
    return tuple(_marked(node, top, measured=measured) for node in shared) if top >= _LOOK_AT_SHARE else shared


def all_steps(node: PlanNode) -> tuple[PlanNode, ...]:
    """A step and all below it, in the order of the screen."""
    return (node, *(below for child in node.children for below in all_steps(child)))


def _figure(node: PlanNode, *, measured: bool) -> float | None:
    return node.actual_milliseconds if measured else node.cost


def _own(node: PlanNode, *, measured: bool) -> float:
    mine = _figure(node, measured=measured)
    if mine is None:
        return 0.0
    return max(0.0, mine - math.fsum(_figure(child, measured=measured) or 0.0 for child in node.children))


def _with_shares(node: PlanNode, whole: float, *, measured: bool) -> PlanNode:
    known = _figure(node, measured=measured) is not None and whole > 0
    share = _own(node, measured=measured) / whole if known else None
    note = "; ".join(filter(None, (node.note, _misjudged(node))))
    children = tuple(_with_shares(child, whole, measured=measured) for child in node.children)
    return replace(node, share=node.share if node.share is not None else share, note=note, children=children)


def _misjudged(node: PlanNode) -> str:
    """That the planner was far off with a step's rows; empty where it was not, or where nothing was measured."""
    expected, found = node.rows, node.actual_rows
    if expected is None or found is None or max(expected, found) < _FEW_ROWS:
        return ""
    expected *= node.loops or 1.0
    if max(expected, found) < _MISJUDGED * max(1.0, min(expected, found)):
        return ""
    return f"{format_counted(found, 'row')} came where {format_count(expected)} were expected"


def _marked(node: PlanNode, top: float, *, measured: bool) -> PlanNode:
    children = tuple(_marked(child, top, measured=measured) for child in node.children)
    if node.share is None or node.share < top:
        return replace(node, children=children)
    words = f"most of the {'time' if measured else 'cost'}"
    return replace(node, costly=True, note=f"{words}; {node.note}" if node.note else words, children=children)


def plan_words(plan: Plan) -> tuple[str, bool]:
    """What a plan's title says of it, and whether there is something to look at."""
    steps = [node for root in plan for node in all_steps(root)]
    costly = [node for node in steps if node.costly]
    if not costly:
        return "no full scan and no sort to mark", False
    number = f"{format_counted(len(costly), 'costly step')} marked"
    first = max(costly, key=lambda node: node.share or 0.0)
    return (f"{number}: {first.text} {first.share * 100:.0f}%" if first.share is not None else number), True


def measured_seconds(plan: Plan) -> float | None:
    """How long a measured plan took in all; None where it was not measured."""
    times = [node.actual_milliseconds for node in plan]
    known = [each for each in times if each is not None]
    return math.fsum(known) / 1000 if len(known) == len(times) and known else None


def lacks_values(statement: Statement) -> bool:
    """Whether a statement's text has places for values instead of values, so that it cannot be run as it stands.

    A question mark is such a place only in a text that aishell has normalised itself: PostgreSQL has operators of that name.
    """
    places = (piece.text for piece in tokens(statement.text) if piece.kind is TokenKind.PLACEHOLDER)
    return any((place[0] == "$" and place[1:].isdigit()) or (place == "?" and statement.sampled) for place in places)
