"""What holds and what does not, over whole columns: comparisons, `and`, `or`, and a truth as a number.

Truth is kept as two columns, what holds and what is known not to: an instance in neither is not known.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from itertools import compress

from aishell_core.series.rates import NAN
from alerts.board.matching import MISSING
from alerts.board.nodes import Fixed, Matched, Node, Tick, Values


class Truth(Node):
    """A column of what holds; what is not known does not."""

    __slots__ = ("_holds", "_where")

    def __init__(self) -> None:
        super().__init__()
        self._holds: list[bool] | None = None
        self._where: list[int] | None = None

    @property
    def holds(self) -> list[bool]:
        """Whether it holds, in the order of the instances."""
        if self._holds is None:
            self._holds = self._compute()
        return self._holds

    @property
    def where(self) -> list[int]:
        """The places at which it holds."""
        if self._where is None:
            self._where = self._find()
        return self._where

    def _change(self) -> None:
        self._holds = self._where = None

    def _compute(self) -> list[bool]:
        raise NotImplementedError

    def _find(self) -> list[int]:
        holds = self.holds
        return list(compress(range(len(holds)), holds))


def _differ(left: float, right: float) -> bool:
    return left < right or left > right


COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": _differ,
}
OPPOSITES = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "=="}


class Compared(Truth):
    """Two columns compared, in a unit; None where the numbers stand for something and mean nothing to people."""

    __slots__ = ("_compare", "_matched", "_operator", "left", "right", "unit")

    def __init__(self, comparison: str, left: Values, right: Values, matched: Matched, unit: str | None = None) -> None:
        super().__init__()
        self.unit = unit
        self._operator = comparison
        self._compare = COMPARISONS[comparison]
        self._matched = matched
        self.left = left
        self.right = right

    def _look(self, tick: Tick) -> tuple[int, ...]:
        return self._matched.versions(tick)

    def _change(self) -> None:
        super()._change()
        self.index = self._matched.match()

    def _compute(self) -> list[bool]:
        left, right = self._matched.columns()
        return list(map(self._compare, left, right))

    def _find(self) -> list[int]:
        if isinstance(self.right, Fixed) and self.left.index is self.index:
            low, high = self.left.extremes
            limit = self.right.number
            # Most rules hold nowhere, and the extremes of a column are known to all that compare it.
            if (self._operator in {">", ">="} and not self._compare(high, limit)) or (
                self._operator in {"<", "<="} and not self._compare(low, limit)
            ):
                return []
        return super()._find()

    def sides(self, place: int) -> tuple[float | None, float | None]:
        """What was compared with what at a place; a number that stands on the left is the limit all the same."""
        left, right = (places.at(place) for places in self._matched.places)
        found = _known(self.left.values, left), _known(self.right.values, right)
        return (found[1], found[0]) if isinstance(self.left, Fixed) else found


def _known(values: Sequence[float], place: int) -> float | None:
    value = values[place] if place != MISSING else NAN
    return value if value == value else None


class Joined(Truth):
    """`and` or `or` of two truths: what is missing on one side is not known there, so it does not hold."""

    __slots__ = ("_matched", "_with")

    def __init__(self, word: str, matched: Matched) -> None:
        super().__init__()
        self._with: Callable[[bool, bool], bool] = operator.and_ if word == "and" else operator.or_
        self._matched = matched

    def _look(self, tick: Tick) -> tuple[int, ...]:
        return self._matched.versions(tick)

    def _change(self) -> None:
        super()._change()
        self.index = self._matched.match()

    def _compute(self) -> list[bool]:
        columns = []
        for operand, places in zip(self._matched.operands, self._matched.places, strict=True):
            assert isinstance(operand, Truth)  # noqa: S101 - made so by the compiler
            columns.append(places.gather(operand.holds, False))
        return list(map(self._with, *columns))


class Number(Values):
    """A truth as a number: 1 where it holds, 0 where its opposite does, NaN where it is not known."""

    __slots__ = ("_opposite", "_truth")

    def __init__(self, truth: Truth, opposite: Truth) -> None:
        super().__init__()
        self._truth = truth
        self._opposite = opposite

    def _look(self, tick: Tick) -> tuple[int, ...]:
        self._truth.refresh(tick)
        self._opposite.refresh(tick)
        return self._truth.version, self._opposite.version

    def _change(self) -> None:
        super()._change()
        self.index = self._truth.index

    def _compute(self) -> list[float]:
        pairs = zip(self._truth.holds, self._opposite.holds, strict=True)
        return [1.0 if holds else 0.0 if opposite else NAN for holds, opposite in pairs]
