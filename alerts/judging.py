"""The board and the rules over it, as the service of alerts drives them: readings in, judgements out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from aishell_core.state.history import History
from aishell_core.values import Labels, Reading, TargetId
from alerts.board.board import Board
from alerts.board.past import PastRequest
from alerts.board.program import Program
from alerts.evaluation import watched
from alerts.judgement import Judgement
from alerts.models import Alert, InstanceKey, Traits
from alerts.rule import Rule


class Judging:
    """What rules say of the newest readings. A change of the rules keeps all windows of those that stay.

    Rules for engines of which there is no target are not judged, and take neither time nor memory: most that ship are such.
    """

    def __init__(self) -> None:
        self._board = Board()
        self._program = Program((), self._board)
        self._rules: tuple[Rule, ...] = ()
        self._engines: set[str] = set()
        self._told: frozenset[str] = frozenset()

    def use(self, rules: tuple[Rule, ...]) -> None:
        """Judge by these rules from now on."""
        if rules != self._rules:
            self._rules = rules
            self._choose()

    def _choose(self) -> None:
        """Take up the rules that can say something: of a target that is there, or of an alert that is."""
        rules = tuple(
            rule
            for rule in self._rules
            if not rule.targets.engines or rule.name in self._told or not self._engines.isdisjoint(rule.targets.engines)
        )
        if rules != self._program.rules:
            self._program = Program(rules, self._board)

    def add(self, reading: Reading, interval_seconds: float, traits: Traits) -> None:
        """Take in a reading of a target that is read so often."""
        self._notice((traits,))
        self._board.add(reading, interval_seconds, traits)

    def _notice(self, traits: Iterable[Traits], living: Iterable[Alert] = ()) -> None:
        """Another engine, or an alert of a rule that is not judged, brings further rules."""
        engines = {own.engine for own in traits} - self._engines
        told = {alert.rule for alert in living} - self._told
        if engines or told:
            self._engines |= engines
            self._told |= told
            self._choose()

    def gap(self, target: TargetId) -> None:
        """A target began anew or was away."""
        self._board.gap(target)

    def end(self, target: TargetId, metric: str, labels: Labels) -> None:
        """A target has no such figure any more."""
        self._board.end(target, metric, labels)

    def judge(self, now: float, alerts: Iterable[Alert], traits: Mapping[TargetId, Traits]) -> list[Judgement]:
        """How everything stands at `now`, by the clock of the readings: what breaches, what has an alert, what lacks figures."""
        for target in [known for known in self._board.traits if known not in traits]:
            self._board.forget(target)
        for own in traits.values():
            self._board.know(own, now)
        living = tuple(alerts)
        self._notice(traits.values(), living)
        return self._program.judge(now, watched(living), _statuses(living))

    def silent(self) -> Mapping[TargetId, float]:
        """The targets that did not answer at the last judging, and since when that is known."""
        return dict(self._board.silent)

    def lacking(self) -> tuple[PastRequest, ...]:
        """What long windows need to know of the time before the first readings."""
        return self._board.lacking()

    def remember(self, request: PastRequest, history: History, ahead_seconds: float = 0.0) -> None:
        """What is kept of that time, by a clock that is ahead of the readings by so much."""
        self._board.remember(request, history, ahead_seconds)

    def miss(self, begin: float, end: float) -> None:
        """Nobody looked in this stretch: what was not read then is not missing for that."""
        self._board.miss(begin, end)

    def wake(self, at: float) -> None:
        """The clocks were set: nothing is missing before it was tried to be read again."""
        self._board.wake(at)


def _statuses(alerts: Iterable[Alert]) -> dict[str, dict[InstanceKey, int]]:
    found: dict[str, dict[InstanceKey, int]] = {}
    for alert in alerts:
        if alert.phase.is_active:
            found.setdefault(alert.rule, {})[alert.key] = alert.level.rank
    return found
