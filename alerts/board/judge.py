"""One rule judged: the states of its conditions at each instance that matters, in words and figures."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from aishell_core.values import TargetId
from alerts.board.board import Board
from alerts.board.compiler import Compiler, asks_status, with_status
from alerts.board.index import Index, all_words
from alerts.board.nodes import Tick, Values
from alerts.board.truths import Compared, Truth
from alerts.judgement import Judgement
from alerts.language.checker import understood
from alerts.language.condition import Condition
from alerts.language.plan import Comparison, Figure, Logic, Negation, Plan, every_plan
from alerts.models import Absence, Health, InstanceKey
from alerts.rule import Rule

_NOT_SELECTED = "the rule is not for this target any more"
_GONE = "the target is not watched any more"
_OVER = "it is no longer reported"


def find(index: Index, key: InstanceKey, board: Board) -> int | None:
    """Where an instance is in a column, or else the more general one that stands for it."""
    place = index.places.get(key)
    return place if place is not None else index.general(key, all_words(key, board.traits))


class _State:
    """One condition at one status: what holds, and when it is asked for, what does not."""

    def __init__(self, plan: Plan, rule: Rule, compiler: Compiler, board: Board) -> None:
        self._plan = plan
        self._rule = rule
        self._compiler = compiler
        self._board = board
        self.truth = compiler.truth(plan, rule.min_samples, rule.targets)
        self._opposite: Truth | None = None
        self._comparisons: tuple[Compared, ...] | None = None
        self._tick: Tick | None = None

    def refresh(self, tick: Tick) -> int:
        """Make it that of a tick; its version."""
        self._tick = tick
        self.truth.refresh(tick)
        return self.truth.version

    def _fresh(self, node: Truth | Values) -> None:
        if self._tick is not None:
            node.refresh(self._tick)

    @property
    def opposite(self) -> Truth:
        """What is known not to hold."""
        if self._opposite is None:
            self._opposite = self._compiler.truth(self._plan, self._rule.min_samples, self._rule.targets, is_positive=False)
        self._fresh(self._opposite)
        return self._opposite

    def holds(self, key: InstanceKey) -> bool | None:
        """Whether it holds at an instance; None when that is not known."""
        place = find(self.truth.index, key, self._board)
        if place is not None and self.truth.holds[place]:
            return True
        place = find(self.opposite.index, key, self._board)
        return False if place is not None and self.opposite.holds[place] else None

    def unknown(self) -> Iterator[InstanceKey]:
        """The instances at which it is not known whether it holds."""
        # Both have the same instances in the same order: they are matched over the same columns.
        for key, holds, fails in zip(self.truth.index.keys, self.truth.holds, self.opposite.holds, strict=True):
            if not holds and not fails:
                yield key

    def sides(self, key: InstanceKey, place: int | None) -> tuple[float | None, float | None, str]:
        """The value of the first comparison that holds, or has a value at all, its threshold, and their unit."""
        if isinstance(self.truth, Compared) and place is not None:
            return (*self.truth.sides(place), self.truth.unit) if self.truth.unit is not None else (None, None, "")
        found: tuple[float | None, float | None, str] = (None, None, "")
        for comparison in self.comparisons:
            at = find(comparison.index, key, self._board)
            if at is not None:
                sides = (*comparison.sides(at), comparison.unit or "")
                if comparison.holds[at]:
                    return sides
                found = found if found[0] is not None else sides
        return found

    @property
    def comparisons(self) -> tuple[Compared, ...]:
        """The comparisons that the condition is made of, from the left, as they have to be for it to hold."""
        if self._comparisons is None:
            made = (
                self._compiler.truth(node, self._rule.min_samples, self._rule.targets, is_positive=is_positive)
                for node, is_positive in _comparisons(self._plan, True)
            )
            self._comparisons = tuple(truth for truth in made if isinstance(truth, Compared))
        for comparison in self._comparisons:
            self._fresh(comparison)
        return self._comparisons

    def why_unknown(self, key: InstanceKey) -> str:
        """The figure that is missing at an instance."""
        missing = next(self._missing(key), None)
        return f"there is no value of {missing.metric}" if missing else "the figures give no number, as in a division by zero"

    def _missing(self, key: InstanceKey) -> Iterator[Figure]:
        for leaf in every_plan(self._plan):
            if isinstance(leaf, Figure):
                column = self._compiler.values(leaf, self._rule.min_samples, self._rule.targets)
                self._fresh(column)
                place = find(column.index, key, self._board)
                if place is None or column.values[place] != column.values[place]:
                    yield leaf

    def is_over(self, key: InstanceKey) -> bool:
        """Whether all that is missing at an instance is not reported any more."""
        missing = tuple(self._missing(key))
        return bool(missing) and all(self._board.is_over(figure, key) for figure in missing)


def _comparisons(plan: Plan, is_positive: bool) -> Iterator[tuple[Plan, bool]]:
    match plan:
        case Comparison():
            yield plan, is_positive
        case Negation(operand):
            yield from _comparisons(operand, not is_positive)
        case Logic(_, left, right):
            yield from _comparisons(left, is_positive)
            yield from _comparisons(right, is_positive)


class RuleJudge:
    """One rule over a board. `selected` are the targets that it is for, None for all."""

    def __init__(self, rule: Rule, compiler: Compiler, board: Board) -> None:
        self.rule = rule
        self.selected: frozenset[TargetId] | None = None
        self._compiler = compiler
        self._board = board
        self._asks_status = any(asks_status(understood(trigger.condition).plan) for trigger in rule.triggers)
        self._states: dict[int, tuple[_State, ...]] = {}
        self._clear: dict[int, _State] = {}
        self._clear_asks_status = rule.clear is not None and asks_status(understood(rule.clear).plan)
        self._engines = understood(rule.triggers[0].condition).engines
        self._of: object = None
        self._found: list[Judgement] = []

    def _triggers(self, status: int) -> tuple[_State, ...]:
        found = self._states.get(status)
        if found is None:
            found = self._states[status] = tuple(self._state(trigger.condition, status) for trigger in self.rule.triggers)
        return found

    def _state(self, condition: Condition, status: int) -> _State:
        plan = with_status(understood(condition).plan, status)
        return _State(plan, self.rule, self._compiler, self._board)

    def judge(self, tick: Tick, watched: Collection[InstanceKey], statuses: Mapping[InstanceKey, int]) -> Sequence[Judgement]:
        """How the instances stand that breach, that are watched, or that lack data where that matters."""
        levels = (0, *sorted(set(statuses.values()) - {0})) if self._asks_status and statuses else (0,)
        versions = [state.refresh(tick) for level in levels for state in self._triggers(level)]
        of = (versions, self._board.traits_version)
        if not watched and len(levels) == 1 and of == self._of:
            return self._found
        breaching = self._breaching(levels, statuses)
        found = [self._breach(key, *where) for key, where in breaching.items()]
        found += [self._watched(key, tick, statuses) for key in watched if key not in breaching]
        if self.rule.no_data.policy is not Absence.KEEP:
            known = breaching.keys() | set(watched)
            found += [self._no_data(key, tick, statuses) for key in self._lacking(tick, statuses, watched) if key not in known]
        self._of = of if not watched and len(levels) == 1 else None
        self._found = found
        return found

    def _is_for(self, key: InstanceKey) -> bool:
        return self.selected is None or not key.target or key.target in self.selected

    def _breaching(self, levels: Sequence[int], statuses: Mapping[InstanceKey, int]) -> dict[InstanceKey, tuple[int, int, int]]:
        """The instances at which a trigger holds, each with its status, the number of the worst such trigger and its place there."""
        found: dict[InstanceKey, tuple[int, int, int]] = {}
        for level in levels:
            for number, state in enumerate(self._triggers(level)):
                keys = state.truth.index.keys
                for place in state.truth.where:
                    key = keys[place]
                    if key not in found and self._is_for(key) and (not self._asks_status or statuses.get(key, 0) == level):
                        found[key] = level, number, place
        return found

    def _breach(self, key: InstanceKey, level: int, number: int, place: int) -> Judgement:
        value, threshold, unit = self._triggers(level)[number].sides(key, place)
        return Judgement(self.rule.name, key, self.rule.triggers[number].level, False, value, threshold, unit)

    def _watched(self, key: InstanceKey, tick: Tick, statuses: Mapping[InstanceKey, int]) -> Judgement:
        """An instance that has an alert and does not breach."""
        if key.target and self._board.is_gone(key.target):
            return Judgement(self.rule.name, key, None, True, reason=_GONE)
        if not self._is_for(key) and key.target in self._board.traits:
            return Judgement(self.rule.name, key, None, True, reason=_NOT_SELECTED)
        states = self._at(key, tick, statuses)
        if any(state.holds(key) is None for state in states):
            return self._no_data(key, tick, statuses)
        value, threshold, unit = states[-1].sides(key, None)
        if self.rule.clear is None:
            return Judgement(self.rule.name, key, None, True, value, threshold, unit)
        clear = self._clear_state(statuses.get(key, 0))
        clear.refresh(tick)
        is_clear = clear.holds(key)
        if is_clear is None:
            is_over = clear.is_over(key)
            why = _OVER if is_over else clear.why_unknown(key)
            return Judgement(self.rule.name, key, None, False, value, threshold, unit, Health.NO_DATA, why, is_over)
        return Judgement(self.rule.name, key, None, is_clear, value, threshold, unit)

    def _at(self, key: InstanceKey, tick: Tick, statuses: Mapping[InstanceKey, int]) -> tuple[_State, ...]:
        states = self._triggers(statuses.get(key, 0) if self._asks_status else 0)
        for state in states:
            state.refresh(tick)
        return states

    def _clear_state(self, status: int) -> _State:
        status = status if self._clear_asks_status else 0
        if status not in self._clear:
            assert self.rule.clear is not None  # noqa: S101 - asked by the caller
            self._clear[status] = self._state(self.rule.clear, status)
        return self._clear[status]

    def _no_data(self, key: InstanceKey, tick: Tick, statuses: Mapping[InstanceKey, int]) -> Judgement:
        states = self._at(key, tick, statuses)
        unknown = [state for state in states if state.holds(key) is None]
        is_over = bool(unknown) and all(state.is_over(key) for state in unknown)
        reason = _OVER if is_over else next((state.why_unknown(key) for state in unknown), "")
        return Judgement(self.rule.name, key, None, False, health=Health.NO_DATA, reason=reason, is_over=is_over)

    def _lacking(self, tick: Tick, statuses: Mapping[InstanceKey, int], watched: Collection[InstanceKey]) -> Iterator[InstanceKey]:
        """The instances of which it is not known whether they breach, and the targets that have no instance at all.

        A figure that is gone, and that an alert goes on to tell of, is the target's: it lacks no other one.
        """
        seen: set[InstanceKey] = set()
        for state in self._triggers(0):
            state.refresh(tick)
            for key in state.unknown():
                if key not in seen and self._is_for(key) and self._can_have(key.target):
                    seen.add(key)
                    yield key
        there = {key.target for state in self._triggers(0) for key in state.truth.index.keys} | {key.target for key in watched}
        if TargetId("") not in there and self._engines is not None:
            for target in self._board.traits:
                key = self._board.indexes.key(target)
                if target not in there and self._is_for(key) and self._can_have(target):
                    yield key

    def _can_have(self, target: TargetId) -> bool:
        """Whether the target's engine has all figures of the rule; one without a target goes across all."""
        traits = self._board.traits.get(target)
        return self._engines is None or traits is None or traits.engine in self._engines

    def failed(self, watched: Collection[InstanceKey], reason: str) -> list[Judgement]:
        """What is said when the evaluation itself failed: of each alert, and where the policy asks for it of each target."""
        keys = dict.fromkeys(watched)
        if not keys and self.rule.on_error.policy is not Absence.KEEP:
            keys = dict.fromkeys(key for target in self._board.traits if self._is_for(key := self._board.indexes.key(target)))
        self._of = None
        return [Judgement(self.rule.name, key, None, False, health=Health.ERROR, reason=reason) for key in keys]
