"""Rules, judgements and alerts that differ from the plain ones in what a test names."""

from __future__ import annotations

from typing import Any

from aishell_core.values import NO_LABELS, Labels, TargetId
from alerts.judgement import Judgement
from alerts.language.condition import Condition
from alerts.language.syntax import Expression, Span
from alerts.lifecycle import fingerprint_of, labels_of
from alerts.models import Alert, Health, InstanceKey, Level, Matcher, MatchOperator, Phase, Traits
from alerts.rule import Rule, Trigger

NOW = 1_800_000_000.0
ORDERS = TargetId("orders")
CONDITION = Condition("x > 1", Expression(Span(0, 5)))
KEY = InstanceKey(ORDERS)
TRAITS = Traits(ORDERS, engine="postgres", role="primary", environment="production")
OF_ORDERS = Matcher("target", MatchOperator.EQUAL, "orders")


def a_rule(name: str = "high", levels: tuple[Level, ...] = (Level.WARNING,), **fields: Any) -> Rule:
    """A rule with a trigger for each level, worst first."""
    return Rule(name, tuple(Trigger(level, CONDITION) for level in levels), **fields)


def breach(level: Level = Level.WARNING, value: float = 2.0, rule: str = "high", key: InstanceKey = KEY) -> Judgement:
    return Judgement(rule, key, level, is_clear=False, value=value, threshold=1.0)


def clear(value: float = 0.0, rule: str = "high", key: InstanceKey = KEY) -> Judgement:
    return Judgement(rule, key, None, is_clear=True, value=value, threshold=1.0)


def between(value: float = 0.9, rule: str = "high", key: InstanceKey = KEY) -> Judgement:
    """Below every trigger, and the clear condition does not hold either."""
    return Judgement(rule, key, None, is_clear=False, value=value, threshold=1.0)


def missing(health: Health = Health.NO_DATA, rule: str = "high", key: InstanceKey = KEY) -> Judgement:
    return Judgement(rule, key, None, is_clear=False, health=health, reason="the server does not answer")


def key_of(target: str = "orders", labels: Labels = NO_LABELS) -> InstanceKey:
    return InstanceKey(TargetId(target), labels)


def an_alert(
    rule: Rule | None = None, key: InstanceKey = KEY, traits: Traits = TRAITS, level: Level = Level.WARNING, **fields: Any
) -> Alert:
    """A firing alert."""
    made = rule if rule is not None else a_rule()
    known: dict[str, Any] = {"phase": Phase.FIRING, "since": NOW, "fired_at": NOW, "evaluated_at": NOW} | fields
    return Alert(fingerprint_of(made.name, key), made.name, key, labels_of(made, key, traits, level), level=level, **known)
