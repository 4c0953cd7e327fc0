"""The rules and readings that aishell and Prometheus are measured with: the same figures of the same targets."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence

from aishell_core.catalogue import CATALOGUE
from aishell_core.values import Kind, Metric, Reading, Sample, TargetId, Tier
from alerts.language.parser import parse_condition
from alerts.language.ranges import range_of_metric
from alerts.models import Level, Traits
from alerts.rule import Rule, Trigger

TARGETS = 500
METRICS = 50
RULES = 1_000
WINDOW_RULES = METRICS
WINDOW_SECONDS = 60
_HIGHEST = 100.0
_LEAST_LIMIT = 99.5


def metrics() -> tuple[Metric, ...]:
    """Gauges that may pass any limit; what they stand for makes no difference here."""
    found = (metric for metric in CATALOGUE.values() if metric.kind is Kind.GAUGE and math.isinf(range_of_metric(metric).high))
    return tuple(found)[:METRICS]


def limits() -> Iterator[tuple[str, Metric, float]]:
    """The name, metric and limit of each simple rule; about one instance in four hundred breaches."""
    gauges = metrics()
    for number in range(RULES):
        yield f"rule{number}", gauges[number % len(gauges)], _LEAST_LIMIT + number // len(gauges) * 0.025


def simple_rules() -> list[Rule]:
    """`metric > limit` a thousand times."""
    return [_rule(name, f"{metric.name} > {limit:.3f}") for name, metric, limit in limits()]


def window_rules() -> list[Rule]:
    """The mean of each metric over a minute."""
    return [_rule(f"mean{number}", f"avg({metric.name}, {WINDOW_SECONDS}s) > 80") for number, metric in enumerate(metrics())]


def _rule(name: str, condition: str) -> Rule:
    return Rule(name, (Trigger(Level.WARNING, parse_condition(condition)),))


def traits() -> list[Traits]:
    """All targets."""
    return [Traits(TargetId(f"target{number}"), "postgres", "primary", "production") for number in range(TARGETS)]


def figures(chance: random.Random) -> list[list[float]]:
    """New values of all metrics of all targets."""
    return [[chance.random() * _HIGHEST for _ in range(METRICS)] for _ in range(TARGETS)]


def readings(values: Sequence[Sequence[float]], at: float) -> list[Reading]:
    """The same as aishell's collectors bring it."""
    gauges = metrics()
    return [
        Reading(own.target, Tier.HOT, at, tuple(Sample(metric, value) for metric, value in zip(gauges, row, strict=True)))
        for own, row in zip(traits(), values, strict=True)
    ]


def exposition(values: Sequence[Sequence[float]]) -> str:
    """The same as Prometheus scrapes it."""
    names = [metric.name.replace(".", "_") for metric in metrics()]
    lines = []
    for place, name in enumerate(names):
        lines.append(f"# TYPE {name} gauge")
        lines += [f'{name}{{target="target{number}"}} {row[place]!r}' for number, row in enumerate(values)]
    return "\n".join(lines) + "\n"


def prometheus_rules(*, of_windows: bool) -> str:
    """The same rules in Prometheus' own file."""
    lines = ["groups:", "  - name: measured", "    interval: 1s", "    rules:"]
    if of_windows:
        expressions = [f"avg_over_time({metric.name.replace('.', '_')}[{WINDOW_SECONDS}s]) > 80" for metric in metrics()]
    else:
        expressions = [f"{metric.name.replace('.', '_')} > {limit:.3f}" for _, metric, limit in limits()]
    for number, expression in enumerate(expressions):
        lines += [f"      - alert: rule{number}", f"        expr: {expression}"]
    return "\n".join(lines) + "\n"
