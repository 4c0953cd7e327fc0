"""One value of several instances that agree in some labels."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from aishell_core.series.rates import NAN
from aishell_core.values import TargetId
from alerts.board.board import Board
from alerts.board.index import ACROSS, EVERYTHING, label
from alerts.board.nodes import Tick, Values
from alerts.board.selection import EVERY_TARGET, selected_targets
from alerts.models import InstanceKey
from alerts.rule import Selector


def _sum(values: Sequence[float]) -> float:
    return math.fsum(values)


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def _count(values: Sequence[float]) -> float:
    return float(len(values))


_FUNCTIONS: Mapping[str, Callable[[Sequence[float]], float]] = {"sum": _sum, "avg": _mean, "min": min, "max": max, "count": _count}


class Grouped(Values):
    """A value for each group of instances of the targets that the rule is for; NaN for a group in which none has a value.

    A group by labels without `target` goes across targets. Of a condition, `sum` counts how often it holds.
    """

    __slots__ = ("_board", "_by", "_function", "_groups", "_of", "_operand", "_selector")

    def __init__(self, function: str, operand: Values, by: tuple[str, ...], board: Board, selector: Selector) -> None:
        super().__init__()
        self._function = _FUNCTIONS[function]
        self._operand = operand
        self._by = by
        self._board = board
        self._selector = selector
        self._of: tuple[object, int] | None = None
        self._groups: list[list[int]] = []

    def _look(self, tick: Tick) -> tuple[int, ...]:
        self._operand.refresh(tick)
        return self._operand.version, self._board.traits_version

    def _change(self) -> None:
        super()._change()
        of = (self._operand.index, self._board.traits_version)
        if self._of is None or self._of[0] is not of[0] or self._of[1] != of[1]:
            self._of = of
            self._group()

    def _group(self) -> None:
        traits = self._board.traits
        chosen = None if self._selector == EVERY_TARGET else selected_targets(self._selector, traits)
        groups: dict[InstanceKey, list[int]] = {}
        for place, key in enumerate(self._operand.index.keys):
            if chosen is None or not key.target or key.target in chosen:
                groups.setdefault(self._key(key), []).append(place)
        is_one = not self._by or tuple(groups) == EVERYTHING.keys
        self.index = EVERYTHING if is_one else self._board.indexes.of(groups)
        self._groups = list(groups.values())

    def _key(self, key: InstanceKey) -> InstanceKey:
        labels = tuple((name, label(key, name, self._board.traits)) for name in self._by if name != "target")
        target = key.target if "target" in self._by else ACROSS
        return self._board.indexes.key(TargetId(target), tuple(pair for pair in labels if pair[1]))

    def _compute(self) -> list[float]:
        values, found = self._operand.values, []
        for group in self._groups:
            known = [value for place in group if (value := values[place]) == value]
            found.append(self._function(known) if known else NAN)
        if not self._by and not found:
            return [NAN]
        return [value if abs(value) < math.inf else NAN for value in found]
