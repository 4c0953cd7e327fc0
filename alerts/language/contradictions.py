"""Conditions that no figure can make true, or that any figure does: comparisons of one value with several numbers. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from alerts.language.plan import Comparison, Constant, Logic, Negation, Plan

_NEGATED = {">": "<=", ">=": "<", "<": ">=", "<=": ">", "==": "!=", "!=": "=="}
_MIRRORED = {">": "<", ">=": "<=", "<": ">", "<=": ">=", "==": "==", "!=": "!="}


@dataclass(frozen=True, slots=True)
class Bound:
    """A value compared with a number."""

    value: Plan
    operator: str
    number: float

    @property
    def is_above(self) -> bool:
        """Whether it holds of what is larger."""
        return self.operator in {">", ">="}

    @property
    def is_below(self) -> bool:
        """Whether it holds of what is smaller."""
        return self.operator in {"<", "<="}


def bound_of(plan: Plan, *, is_positive: bool = True) -> Bound | None:
    """The comparison that a condition is, or whose negation it is; None for one that is no comparison of a value with a number."""
    match plan:
        case Negation(operand):
            return bound_of(operand, is_positive=not is_positive)
        case Comparison(operator, Constant(), Constant()):
            return None
        case Comparison(operator, value, Constant(number)):
            found = Bound(value, operator, number)
        case Comparison(operator, Constant(number), value):
            found = Bound(value, _MIRRORED[operator], number)
        case _:
            return None
    return found if is_positive else Bound(found.value, _NEGATED[found.operator], found.number)


def decided_logic(plan: Logic) -> bool | None:
    """Whether `and` or `or` of comparisons never (False) or always (True) holds; None when it depends, or is not simple to say."""
    if plan.operator == "and":
        return False if _exclude_each_other(_bounds(plan, "and", is_positive=True)) else None
    return True if _exclude_each_other(_bounds(plan, "or", is_positive=True), are_negated=True) else None


def overlap(one: Bound, other: Bound) -> bool:
    """Whether two comparisons of the same value can hold at once; False for those of different ones."""
    return one.value == other.value and not _exclude_each_other(iter((one, other)))


def _bounds(plan: Plan, word: str, *, is_positive: bool) -> Iterator[Bound]:
    """The comparisons that a chain of the same word is made of."""
    match plan:
        case Negation(operand):
            yield from _bounds(operand, word, is_positive=not is_positive)
        case Logic(operator, left, right):
            if (operator == word) is is_positive:
                yield from _bounds(left, word, is_positive=is_positive)
                yield from _bounds(right, word, is_positive=is_positive)
        case _:
            if (bound := bound_of(plan, is_positive=is_positive)) is not None:
                yield bound


def _exclude_each_other(bounds: Iterator[Bound], *, are_negated: bool = False) -> bool:
    """Whether no value can be within all of these bounds, or within the negations of all."""
    # For each value the lowest and the highest that it may be; the second number says whether that one itself is left out.
    lows: dict[Plan, tuple[float, bool]] = {}
    highs: dict[Plan, tuple[float, bool]] = {}
    for bound in bounds:
        operator = _NEGATED[bound.operator] if are_negated else bound.operator
        if operator in {">", ">=", "=="}:
            lows[bound.value] = max(lows.get(bound.value, (-math.inf, False)), (bound.number, operator == ">"))
        if operator in {"<", "<=", "=="}:
            high, is_open = highs.get(bound.value, (math.inf, False))
            if (bound.number, operator != "<") < (high, not is_open):
                highs[bound.value] = bound.number, operator == "<"
    for value, (low, is_above) in lows.items():
        high, is_below = highs.get(value, (math.inf, False))
        if low > high or (low == high and (is_above or is_below)):
            return True
    return False
