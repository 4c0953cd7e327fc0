"""Each rule that ships fires at figures at which it should, at the level that it should, and ends when they are well again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from aishell_core.catalogue import CATALOGUE
from aishell_core.values import Facts, Kind, Labels, Reading, Sample, TargetId, Tier
from alerts.board.board import Board
from alerts.board.program import Program, conditions_of
from alerts.language.checker import understood
from alerts.lifecycle import step
from alerts.models import Alert, Level, Phase, Traits
from alerts.rule import Rule
from alerts.rules.builtin import BUILTIN_SETS
from alerts.rules.load import load_book

NOW = 1_800_000_000.0
TARGET = TargetId("orders")
RULES = {rule.name: rule for rule in load_book([], builtin=BUILTIN_SETS).rules}
LINE = re.compile(r"(?P<rule>[a-z-]+): (?P<level>\w+); (?P<figures>.+)")
FIGURE = re.compile(r"(?P<metric>[\w.]+)(?:\{(?P<label>\w+)=(?P<value>[^}]*)\})?=(?P<quiet>[^/]+)/(?P<bad>.+)")
HOUR_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure as it is while all is well, and while it is not."""

    metric: str
    labels: Labels
    quiet: str
    bad: str


@dataclass(frozen=True, slots=True)
class Case:
    """One rule with its figures, and the level at which it fires."""

    rule: str
    level: Level
    figures: tuple[Figure, ...]


def _cases() -> list[Case]:
    lines = (Path(__file__).parent / "builtin_series.txt").read_text(encoding="utf-8").splitlines()
    found = [match for line in lines if (match := LINE.fullmatch(line))]
    return [Case(match["rule"], Level(match["level"]), tuple(_figures(match["figures"]))) for match in found]


def _figures(text: str) -> Iterator[Figure]:
    for part in text.split(", "):
        match = FIGURE.fullmatch(part)
        assert match is not None, part
        labels = ((match["label"], match["value"]),) if match["label"] else ()
        yield Figure(match["metric"], labels, match["quiet"], match["bad"])


CASES = _cases()


class Course:
    """A target whose figures are read at equal times, and the alert that a rule makes of them."""

    def __init__(self, rule: Rule, figures: tuple[Figure, ...], interval_seconds: float) -> None:
        self.rule, self.figures, self.interval_seconds = rule, figures, interval_seconds
        self.board, self.now = Board(), NOW
        self.program = Program([rule], self.board)
        role = rule.targets.roles[0] if rule.targets.roles else "primary"
        self.traits = Traits(TARGET, engine=rule.builtin, role=role, environment="production")
        self.counts: dict[int, float] = {}
        self.alert: Alert | None = None

    def tick(self, *, is_bad: bool) -> None:
        """One reading, and one evaluation of it."""
        self.now += self.interval_seconds
        samples = tuple(sample for number, figure in enumerate(self.figures) for sample in self._samples(number, figure, is_bad))
        reading = Reading(TARGET, Tier.HOT, self.now, samples=samples, facts=Facts(self.rule.builtin))
        self.board.add(reading, self.interval_seconds, self.traits)
        living = self.alert is not None and self.alert.phase in {Phase.PENDING, Phase.FIRING, Phase.RECOVERING}
        watched = {self.rule.name: [self.alert.key]} if living and self.alert is not None else {}
        statuses = {self.rule.name: {self.alert.key: self.alert.level.rank}} if self.is_active and self.alert is not None else {}
        for judgement in self.program.judge(self.now, watched, statuses):
            self.alert, _changes = step(self.rule, self.alert, judgement, self.now, self.traits)

    def _samples(self, number: int, figure: Figure, is_bad: bool) -> Iterator[Sample]:
        metric, written = CATALOGUE[figure.metric], figure.bad if is_bad else figure.quiet
        before = self.counts.get(number, 0.0)
        if written == "-":
            return
        if written == "falls":
            # A disk that is full after twelve hours.
            value = before - float(figure.quiet) * self.interval_seconds / (12 * HOUR_SECONDS)
        elif written == "flaps":
            value = 1.0 if before == 2.0 else 2.0
        elif metric.kind is Kind.COUNTER:
            value = before + float(written) * self.interval_seconds
        else:
            # What fell stays where it fell to.
            value = before if not is_bad and figure.bad == "falls" and before else float(written)
        self.counts[number] = value
        yield Sample(metric, value, figure.labels)

    @property
    def is_active(self) -> bool:
        return self.alert is not None and self.alert.phase.is_active


def _course(case: Case) -> tuple[Course, int]:
    """The course of a case, and the number of readings in the longest time that the rule looks at or waits for."""
    rule = RULES[case.rule]
    longest = max(understood(condition).longest_seconds for condition in conditions_of(rule))
    longest += rule.for_seconds + rule.keep_firing_seconds
    interval = 10.0 if longest < 2 * HOUR_SECONDS else 60.0
    return Course(rule, case.figures, interval), int(longest / interval) + 30


def test_every_rule_has_a_case() -> None:
    assert [case.rule for case in CASES] == list(RULES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.rule)
def test_it_is_quiet_fires_and_ends(case: Case) -> None:
    course, most = _course(case)
    for _ in range(most):
        course.tick(is_bad=False)
        assert not course.is_active
    for _ in range(3 * most):
        course.tick(is_bad=True)
        if course.is_active and course.alert is not None and course.alert.level is case.level:
            break
    assert course.alert is not None
    assert (course.alert.phase, course.alert.level) == (Phase.FIRING, case.level)
    for _ in range(3 * most):
        course.tick(is_bad=False)
        if not course.is_active:
            break
    assert course.alert is None or course.alert.phase is Phase.RESOLVED
