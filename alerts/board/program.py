"""Rules over a board: what breaches, what has become of the instances that are watched, and what has no data.

Others make a `Program` of rules and call `judge` once per evaluation. A new program over the same board keeps all windows,
so rules can be reloaded. It runs as well over recorded or invented readings: `now` is an argument.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from aishell_core.values import TargetId
from alerts.board.board import Board
from alerts.board.compiler import Compiler
from alerts.board.judge import RuleJudge
from alerts.board.nodes import Tick
from alerts.board.selection import EVERY_TARGET, selected_targets
from alerts.judgement import Judgement
from alerts.language.condition import Condition
from alerts.models import InstanceKey
from alerts.rule import Rule, Selector

Watched = Mapping[str, Collection[InstanceKey]]
"""By the name of a rule: the instances that have a living alert."""

Statuses = Mapping[str, Mapping[InstanceKey, int]]
"""By the name of a rule: the level that an alert has been told at, 1 info to 3 critical; what is missing is clear (0)."""

_NOTHING: Mapping[InstanceKey, int] = {}


class Program:
    """Some rules, ready to be judged."""

    def __init__(self, rules: Iterable[Rule], board: Board) -> None:
        """Raises ConditionError for a rule whose condition has problems: those are not to get here."""
        self.rules = tuple(rules)
        self._board = board
        board.want(condition for rule in self.rules for condition in conditions_of(rule))
        compiler = Compiler(board)
        self._judges = [RuleJudge(rule, compiler, board) for rule in self.rules]
        self._selected: dict[Selector, frozenset[TargetId] | None] = {}
        self._traits_version = -1
        self._ticks = 0

    def judge(self, now: float, watched: Watched, statuses: Statuses) -> list[Judgement]:
        """How instances stand at a moment, in the order of the rules.

        Those that breach, those that are watched (each once, whatever has become of it), and, where a rule does not keep
        its state then, those without data.
        """
        self._board.advance(now)
        self._ticks += 1
        tick = Tick(self._ticks, now)
        if self._board.traits_version != self._traits_version:
            self._traits_version = self._board.traits_version
            self._select()
        found: list[Judgement] = []
        for judge in self._judges:
            name = judge.rule.name
            own, levels = watched.get(name, ()), statuses.get(name, _NOTHING)
            try:
                found += judge.judge(tick, own, levels)
            except Exception as error:  # noqa: BLE001 - one rule that fails must not keep the others from being judged
                found += judge.failed(own, f"{type(error).__name__}: {error}")
        return found

    def _select(self) -> None:
        """Which targets each rule is for; rules mostly share a few selectors."""
        self._selected = {EVERY_TARGET: None}
        for judge in self._judges:
            selector = judge.rule.targets
            if selector not in self._selected:
                self._selected[selector] = selected_targets(selector, self._board.traits)
            judge.selected = self._selected[selector]


def conditions_of(rule: Rule) -> tuple[Condition, ...]:
    """All conditions of a rule: its triggers', worst first, and the one that clears it."""
    clear = (rule.clear,) if rule.clear is not None else ()
    return (*(trigger.condition for trigger in rule.triggers), *clear)
