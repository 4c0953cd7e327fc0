"""From plans to nodes: what means the same is one node, whatever rules ask for it."""

from __future__ import annotations

from dataclasses import replace

from alerts.board.aggregates import Grouped
from alerts.board.board import Board
from alerts.board.nodes import FUNCTIONS, Computed, Fixed, Leaf, Matched, Values
from alerts.board.selection import EVERY_TARGET
from alerts.board.truths import OPPOSITES, Compared, Joined, Number, Truth
from alerts.language import plan
from alerts.language.plan import Plan, every_plan
from alerts.rule import Selector

_Key = tuple[Plan, bool | None, int, Selector]


class Compiler:
    """Makes nodes over one board. `min_samples` and `selector` are those of the rule that a condition belongs to."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._made: dict[_Key, Values | Truth] = {}

    def truth(self, node: Plan, min_samples: int, selector: Selector, *, is_positive: bool = True) -> Truth:
        """What holds of a condition, or with `is_positive` False what does not; both leave out what is not known.

        The negation is taken down to the comparisons, so that an unknown value never becomes a true one.
        """
        key = (node, is_positive, *self._of_rule(node, min_samples, selector))
        found = self._made.get(key)
        if found is None:
            found = self._made[key] = self._new_truth(node, min_samples, selector, is_positive)
        assert isinstance(found, Truth)  # noqa: S101 - keyed by what it is
        return found

    def values(self, node: Plan, min_samples: int, selector: Selector) -> Values:
        """The numbers of an expression."""
        key = (node, None, *self._of_rule(node, min_samples, selector))
        found = self._made.get(key)
        if found is None:
            found = self._made[key] = self._new_values(node, min_samples, selector)
        assert isinstance(found, Values)  # noqa: S101 - keyed by what it is
        return found

    @staticmethod
    def _of_rule(node: Plan, min_samples: int, selector: Selector) -> tuple[int, Selector]:
        """What of a rule makes a difference to an expression: its targets do only where several are put together."""
        goes_across = any(isinstance(each, plan.Aggregate) for each in every_plan(node))
        return max(1, min_samples), selector if goes_across else EVERY_TARGET

    def _new_truth(self, node: Plan, min_samples: int, selector: Selector, is_positive: bool) -> Truth:
        match node:
            case plan.Negation(operand):
                return self.truth(operand, min_samples, selector, is_positive=not is_positive)
            case plan.Logic(word, left, right):
                word = word if is_positive else {"and": "or", "or": "and"}[word]
                sides = [self.truth(side, min_samples, selector, is_positive=is_positive) for side in (left, right)]
                return Joined(word, Matched(self._board, sides))
            case plan.Comparison():
                return self._compared(node, min_samples, selector, is_positive)
            case plan.Absent():
                column = Leaf(self._board.column(node), 1)
                limit = Fixed(1.0 if is_positive else 0.0)
                return Compared("==", column, limit, Matched(self._board, (column, limit)))
            case _:
                raise TypeError(f"{node} is no condition")

    def _compared(self, node: plan.Comparison, min_samples: int, selector: Selector, is_positive: bool) -> Compared:
        one, other = self.values(node.left, min_samples, selector), self.values(node.right, min_samples, selector)
        operator = node.operator if is_positive else OPPOSITES[node.operator]
        return Compared(operator, one, other, Matched(self._board, (one, other)), node.unit)

    def _new_values(self, node: Plan, min_samples: int, selector: Selector) -> Values:
        match node:
            case plan.Constant(value):
                return Fixed(value)
            case plan.Figure():
                return Leaf(self._board.column(node), min_samples if node.window else 1)
            case plan.Arithmetic(operator, left, right):
                return self._computed(operator, (left, right), min_samples, selector)
            case plan.Apply(function, operands):
                return self._computed(function, operands, min_samples, selector)
            case plan.Choice(condition, then, otherwise):
                sides = [self.values(side, min_samples, selector) for side in (then, otherwise)]
                return Computed(FUNCTIONS["if"], Matched(self._board, (self._number(condition, min_samples, selector), *sides)))
            case plan.Aggregate(function, operand, by, of_truth):
                inner = self._number(operand, min_samples, selector) if of_truth else self.values(operand, min_samples, selector)
                return Grouped("sum" if of_truth else function, inner, by, self._board, selector)
            case _:
                raise TypeError(f"{node} is no value")

    def _computed(self, function: str, operands: tuple[Plan, ...], min_samples: int, selector: Selector) -> Computed:
        inner = [self.values(operand, min_samples, selector) for operand in operands]
        return Computed(FUNCTIONS[function], Matched(self._board, inner))

    def _number(self, condition: Plan, min_samples: int, selector: Selector) -> Number:
        holds = self.truth(condition, min_samples, selector)
        return Number(holds, self.truth(condition, min_samples, selector, is_positive=False))


def with_status(node: Plan, status: int) -> Plan:
    """The same condition for an instance whose alert stands at a level."""
    match node:
        case plan.Status():
            return plan.Constant(float(status))
        case plan.Arithmetic(_, left, right) | plan.Comparison(_, left, right, _) | plan.Logic(_, left, right):
            return replace(node, left=with_status(left, status), right=with_status(right, status))
        case plan.Apply(_, operands):
            return replace(node, operands=tuple(with_status(operand, status) for operand in operands))
        case plan.Choice(condition, then, otherwise):
            return plan.Choice(with_status(condition, status), with_status(then, status), with_status(otherwise, status))
        case plan.Aggregate(_, operand, _, _) | plan.Negation(operand):
            return replace(node, operand=with_status(operand, status))
        case _:
            return node


def asks_status(node: Plan) -> bool:
    """Whether `$status` is in it."""
    return any(isinstance(each, plan.Status) for each in every_plan(node))
