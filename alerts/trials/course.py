"""Rules over readings that do not happen now: the board, the program and the life cycle of production, with time as an argument.

`Course` is what tests of rules and the look back over kept history share; there is no second evaluator.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from aishell_core.values import Labels, Reading, TargetId
from alerts.evaluation import Evaluated, Surroundings, evaluated
from alerts.judging import Judging
from alerts.lifecycle import paused
from alerts.models import Alert, Fingerprint, Traits
from alerts.rule import Maintenance, Rule


class Course:
    """Some rules over some targets, read and evaluated when the caller says so."""

    def __init__(self, rules: Iterable[Rule], targets: Iterable[Traits], maintenance: tuple[Maintenance, ...] = ()) -> None:
        self.alerts: Mapping[Fingerprint, Alert] = {}
        self._traits = {traits.target: traits for traits in targets}
        self._around = Surroundings({rule.name: rule for rule in rules}, self._traits, windows=maintenance)
        self._judging = Judging()
        self._judging.use(tuple(self._around.rules.values()))

    def join(self, traits: Traits) -> None:
        """Watch one more target from the next evaluation on."""
        self._traits[traits.target] = traits

    def read(self, reading: Reading, interval_seconds: float) -> None:
        """Take in a reading of one of the targets."""
        self._judging.add(reading, interval_seconds, self._traits[reading.target])

    def end(self, target: TargetId, metric: str, labels: Labels) -> None:
        """From now on a target has no such figure; what it had stands no longer."""
        self._judging.end(target, metric, labels)

    def skip(self, seconds: float) -> None:
        """Nobody has watched for so long: it counts towards nothing."""
        for target in self._traits:
            self._judging.gap(target)
        self.alerts = {fingerprint: paused(alert, seconds) for fingerprint, alert in self.alerts.items()}

    def evaluate(self, now: float) -> Evaluated:
        """Evaluate everything once, at `now` in epoch seconds."""
        judgements = self._judging.judge(now, self.alerts.values(), self._traits)
        found = evaluated(self.alerts, judgements, self._around, now)
        self.alerts = found.alerts
        return found
