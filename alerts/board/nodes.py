"""A condition ready to be evaluated: nodes over whole columns, each computed once per change of what it is made of.

A node's `version` is another one whenever its values or instances may be. `refresh` makes it that of a tick and costs next
to nothing when nothing below has changed; values are computed when they are asked for. NaN is no value.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from aishell_core.series.rates import NAN
from alerts.board.board import Board
from alerts.board.index import EVERYTHING, Index
from alerts.board.matching import SAME, Places, matched
from alerts.board.newest import Column

_INFINITE = float("inf")


@dataclass(slots=True)
class Tick:
    """One evaluation: its number and its moment."""

    number: int
    now: float


class Node:
    """Anything with values by instance."""

    __slots__ = ("_seen", "_tick", "index", "version")

    def __init__(self) -> None:
        self.index: Index = EVERYTHING
        self.version = 0
        self._tick = -1
        self._seen: tuple[int, ...] | None = None

    def refresh(self, tick: Tick) -> None:
        """Make it that of a tick."""
        if self._tick == tick.number:
            return
        self._tick = tick.number
        seen = self._look(tick)
        if seen != self._seen:
            self._seen = seen
            self.version += 1
            self._change()

    def _look(self, tick: Tick) -> tuple[int, ...]:
        """The versions of all that it is made of, refreshed."""
        raise NotImplementedError

    def _change(self) -> None:
        """Something below has changed: match the instances anew and forget what was computed."""


class Values(Node):
    """A column of numbers."""

    __slots__ = ("_extremes", "_values")

    def __init__(self) -> None:
        super().__init__()
        self._values: list[float] | None = None
        self._extremes: tuple[float, float] | None = None

    @property
    def values(self) -> list[float]:
        """The numbers, NaN for none."""
        if self._values is None:
            self._values = self._compute()
        return self._values

    @property
    def extremes(self) -> tuple[float, float]:
        """The lowest and the highest number; an empty range where there is none."""
        if self._extremes is None:
            known = [value for value in self.values if value == value]
            self._extremes = (min(known), max(known)) if known else (_INFINITE, -_INFINITE)
        return self._extremes

    def _change(self) -> None:
        self._values = self._extremes = None

    def _compute(self) -> list[float]:
        raise NotImplementedError


class Fixed(Values):
    """One number for all."""

    __slots__ = ("number",)

    def __init__(self, number: float) -> None:
        super().__init__()
        self.number = number
        self._values = [number]
        self._seen = ()

    def refresh(self, tick: Tick) -> None:
        """Nothing."""


class Leaf(Values):
    """A column of the board, without the values of fewer readings than the rule wants."""

    __slots__ = ("_column", "_min_samples")

    def __init__(self, column: Column, min_samples: int) -> None:
        super().__init__()
        self._column = column
        self._min_samples = min_samples

    def _look(self, tick: Tick) -> tuple[int, ...]:
        self._column.refresh(tick.now)
        if self._min_samples <= 1:
            return (self._column.version,)
        # A value of enough readings may be the one that a value of too few was.
        return (self._column.version, hash(tuple(count >= self._min_samples for count in self._column.counts())))

    def _change(self) -> None:
        super()._change()
        self.index = self._column.index

    def _compute(self) -> list[float]:
        if self._min_samples <= 1:
            return self._column.values
        counted = zip(self._column.values, self._column.counts(), strict=True)
        return [value if count >= self._min_samples else NAN for value, count in counted]


class Matched:
    """The operands of a node beside each other; matched anew only when instances or targets changed."""

    __slots__ = ("_board", "_of", "index", "operands", "places")

    def __init__(self, board: Board, operands: Sequence[Node]) -> None:
        self._board = board
        self.operands = tuple(operands)
        self._of: tuple[object, ...] = ()
        self.index: Index = EVERYTHING
        self.places: tuple[Places, ...] = ()

    def versions(self, tick: Tick) -> tuple[int, ...]:
        """The versions of all operands, refreshed."""
        for operand in self.operands:
            operand.refresh(tick)
        return (self._board.traits_version, *(operand.version for operand in self.operands))

    def match(self) -> Index:
        """The instances of all operands together."""
        of = (self._board.traits_version, *(operand.index for operand in self.operands))
        if len(of) != len(self._of) or any(one is not other and one != other for one, other in zip(of, self._of, strict=True)):
            self._of = of
            index, places = self.operands[0].index, [SAME]
            for operand in self.operands[1:]:
                index, before, own = matched(index, operand.index, self._board.traits, self._board.indexes)
                places = [place.through(before) if before is not SAME else place for place in places]
                if before.is_one:
                    places = [before] * len(places)
                places.append(own)
            self.index, self.places = index, tuple(places)
        return self.index

    def columns(self) -> list[Iterable[float]]:
        """The values of all operands in the order of the result, NaN where one has none."""
        found: list[Iterable[float]] = []
        for operand, places in zip(self.operands, self.places, strict=True):
            assert isinstance(operand, Values)  # noqa: S101 - made so by the compiler
            found.append(places.gather(operand.values, NAN))
        return found


class Computed(Values):
    """A function of several columns, instance by instance; an infinite result is none."""

    __slots__ = ("_function", "_matched")

    def __init__(self, function: Callable[..., float], matched: Matched) -> None:
        super().__init__()
        self._function = function
        self._matched = matched

    def _look(self, tick: Tick) -> tuple[int, ...]:
        return self._matched.versions(tick)

    def _change(self) -> None:
        super()._change()
        self.index = self._matched.match()

    def _compute(self) -> list[float]:
        columns = self._matched.columns()
        try:
            found = list(map(self._function, *columns))
        except (ZeroDivisionError, OverflowError, ValueError):
            found = [_guarded(self._function, *row) for row in zip(*self._matched.columns(), strict=False)]
        if _INFINITE in found or -_INFINITE in found:
            return [value if abs(value) < _INFINITE else NAN for value in found]
        return found


def _guarded(function: Callable[..., float], *operands: float) -> float:
    """A division by zero, the root of a negative number and the like have no value."""
    try:
        return function(*operands)
    except (ZeroDivisionError, OverflowError, ValueError):
        return NAN


def choose(condition: float, then: float, otherwise: float) -> float:
    """`if`: neither where the condition is not known."""
    return then if condition == 1.0 else otherwise if condition == 0.0 else NAN


def clamp(value: float, low: float, high: float) -> float:
    """No lower and no higher; nothing where anything is not known, or where the limits cross."""
    if not low <= high or value != value:
        return NAN
    return min(max(value, low), high)


def whole(rounding: Callable[[float], int]) -> Callable[[float], float]:
    """A rounding that leaves NaN alone."""
    return lambda value: float(rounding(value)) if value == value else NAN


FUNCTIONS: Mapping[str, Callable[..., float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "%": operator.mod,
    "abs": abs,
    "ceil": whole(math.ceil),
    "floor": whole(math.floor),
    "round": whole(round),
    "sqrt": math.sqrt,
    "clamp": clamp,
    "if": choose,
}
