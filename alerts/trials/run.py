"""Running tests of rules: readings are made of the invented series, and at each check the alerts are held against those expected.

Others call `run_trial`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from aishell_core.catalogue.common import UP
from aishell_core.documents.problems import Problem
from aishell_core.values import Facts, Labels, Reading, Sample, TargetId, Tier
from alerts.models import Alert, Phase, Traits
from alerts.rule import Maintenance, Rule
from alerts.trials.compare import differences
from alerts.trials.course import Course
from alerts.trials.models import InventedSeries, Trial, TrialResult
from alerts.trials.notation import Gap

_Named = tuple[str, str, Labels]
"""What a series is of: its target, metric and labels."""


def run_trial(trial: Trial, rules: Iterable[Rule], maintenance: tuple[Maintenance, ...] = ()) -> TrialResult:
    """What came of one test of rules; pure, however long the time is that it plays through."""
    course = Course(_needed(trial, rules), trial.targets, maintenance)
    gone: set[_Named] = set()
    problems: list[Problem] = []
    step, seen = 0, trial.starts_at
    for check in trial.checks:
        while step * trial.interval_seconds <= check.at_seconds:
            seen = _step(course, trial, step, gone)
            step += 1
        problems += differences(trial, check, shown(course.alerts.values()), seen)
    return TrialResult(trial, tuple(problems))


def _needed(trial: Trial, rules: Iterable[Rule]) -> tuple[Rule, ...]:
    """The rules that have a say in what is checked: all, unless each check names its rule and none asks who is muted."""
    if any(not check.rule or any(alert.is_muted is not None for alert in check.alerts) for check in trial.checks):
        return tuple(rules)
    named = {check.rule for check in trial.checks}
    return tuple(rule for rule in rules if rule.name in named)


def shown(alerts: Iterable[Alert]) -> list[Alert]:
    """The alerts that a test is about, in a steady order."""
    return sorted(
        (alert for alert in alerts if alert.phase is not Phase.INACTIVE), key=lambda alert: (alert.rule, alert.key.target, alert.key.labels)
    )


def _step(course: Course, trial: Trial, step: int, gone: set[_Named]) -> float:
    """One reading of each target that answers, and an evaluation behind it; its moment. `gone` are the figures that have ended."""
    now = trial.starts_at + step * trial.interval_seconds
    for traits in trial.targets:
        own = [series for series in trial.series if series.target == traits.target]
        for series in own:
            value = _value(series, step)
            if value is Gap.STALE:
                gone.add(_named(series))
                course.end(TargetId(series.target), series.metric.name, series.labels)
            elif value is not Gap.MISSING:
                gone.discard(_named(series))
        if _answers(own, step, gone):
            course.read(_reading(traits, own, step, now), trial.interval_seconds)
    course.evaluate(now)
    return now


def _named(series: InventedSeries) -> _Named:
    return series.target, series.metric.name, series.labels


def _answers(own: list[InventedSeries], step: int, gone: set[_Named]) -> bool:
    """Whether a target answers: by its `up` where a test has that, else unless nothing at all is read of figures that it still has."""
    up = [_value(series, step) for series in own if series.metric is UP]
    if up:
        return any(not isinstance(value, Gap) and value > 0 for value in up)
    return not own or any(_named(series) in gone or not isinstance(_value(series, step), Gap) for series in own)


def _reading(traits: Traits, own: list[InventedSeries], step: int, now: float) -> Reading:
    samples = tuple(_samples(own, step))
    if own and all(series.metric is not UP for series in own):
        # As a collector does for a target that it has read, so that no rule takes it for one that is down.
        samples = (Sample(UP, 1.0), *samples)
    return Reading(traits.target, Tier.HOT, now, samples=samples, facts=Facts(traits.engine, role=traits.role))


def _samples(own: list[InventedSeries], step: int) -> Iterator[Sample]:
    for series in own:
        value = _value(series, step)
        if not isinstance(value, Gap):
            yield Sample(series.metric, value, series.labels)


def _value(series: InventedSeries, step: int) -> float | Gap:
    """The value of a reading; behind its last one a series has none."""
    return series.values[step] if step < len(series.values) else Gap.MISSING
