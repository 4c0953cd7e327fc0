"""Readings, rules and boards for tests of what is judged."""

from __future__ import annotations

from typing import Any

from aishell_core.catalogue import CATALOGUE
from aishell_core.values import NO_LABELS, Labels, Reading, Sample, TargetId, Tier
from alerts.board.board import Board
from alerts.board.program import Program
from alerts.judgement import Judgement
from alerts.language.parser import parse_condition
from alerts.models import InstanceKey, Level, Traits
from alerts.rule import Rule, Trigger

BEGIN = 1_800_000_000.0
LEVELS = (Level.CRITICAL, Level.WARNING, Level.INFO)


def rule_of(*conditions: str, name: str = "rule", clear: str = "", levels: tuple[Level, ...] = LEVELS, **fields: Any) -> Rule:
    """A rule whose conditions are for critical, warning and info in turn."""
    triggers = tuple(Trigger(level, parse_condition(text)) for level, text in zip(levels, conditions, strict=False))
    return Rule(name, triggers, clear=parse_condition(clear) if clear else None, **fields)


def traits_of(target: str = "orders", engine: str = "postgres", **fields: Any) -> Traits:
    return Traits(TargetId(target), engine, **fields)


def key_of(target: str = "orders", labels: Labels = NO_LABELS) -> InstanceKey:
    return InstanceKey(TargetId(target), labels)


def sample(name: str, value: float, labels: Labels = NO_LABELS) -> Sample:
    return Sample(CATALOGUE[name], value, labels)


class Bench:
    """A board with rules, fed and judged by hand; times count from the beginning."""

    def __init__(self, *rules: Rule, interval_seconds: float = 1.0) -> None:
        self.board = Board()
        self.program = Program(rules, self.board)
        self._interval_seconds = interval_seconds

    def reload(self, *rules: Rule) -> None:
        """Other rules over the same board."""
        self.program = Program(rules, self.board)

    def read(self, at: float, *samples: Sample, tier: Tier = Tier.HOT, interval: float | None = None, traits: Traits | None = None) -> None:
        own = traits if traits is not None else traits_of()
        reading = Reading(own.target, tier, BEGIN + at, samples)
        self.board.add(reading, self._interval_seconds if interval is None else interval, own)

    def judge(self, at: float, *watched: InstanceKey, statuses: dict[InstanceKey, int] | None = None) -> list[Judgement]:
        """All judgements of rules, with these instances watched in each."""
        names = [rule.name for rule in self.program.rules]
        return self.program.judge(BEGIN + at, dict.fromkeys(names, watched), {name: statuses or {} for name in names})

    def one(self, at: float, key: InstanceKey | None = None, statuses: dict[InstanceKey, int] | None = None) -> Judgement:
        """The judgement of one watched instance by the only rule."""
        wanted = key if key is not None else key_of()
        (found,) = [judgement for judgement in self.judge(at, wanted, statuses=statuses) if judgement.key == wanted]
        return found
