"""Metrics, their units and samples, and how bad a value is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NewType

TargetId = NewType("TargetId", str)
"""The configured name of a target, unique in one configuration."""


Labels = tuple[tuple[str, str], ...]
"""Sorted name and value pairs that tell apart the instances of one metric."""


NO_LABELS: Labels = ()


class Severity(StrEnum):
    """How bad something is; the value is also the word shown to people and scripts."""

    OK = "ok"
    UNKNOWN = "unknown"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """The place in the order of badness, 0 for ok up to 3 for critical."""
        return _RANKS[self]


_RANKS = {Severity.OK: 0, Severity.UNKNOWN: 1, Severity.WARNING: 2, Severity.CRITICAL: 3}


def worst(severities: list[Severity]) -> Severity:
    """The worst of the given severities; ok when there are none."""
    return max(severities, key=lambda severity: severity.rank, default=Severity.OK)


class Unit(StrEnum):
    """What a metric's value counts; the value is the unit's printed name."""

    COUNT = "count"
    RATIO = "ratio"
    SECONDS = "s"
    MILLISECONDS = "ms"
    BYTES = "bytes"
    PER_SECOND = "1/s"
    BYTES_PER_SECOND = "bytes/s"
    MILLISECONDS_PER_SECOND = "ms/s"


class Kind(StrEnum):
    """How a metric's raw value behaves over time."""

    GAUGE = "gauge"
    COUNTER = "counter"
    RATIO = "ratio"


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Where a value starts to be a warning and critical; `falling` means that low values are the bad ones.

    A limit counts as passed when all values of the last `sustained_seconds` are beyond it, so that a short peak is none.
    """

    warning: float | None = None
    critical: float | None = None
    falling: bool = False
    sustained_seconds: float = 0.0

    def judge(self, value: float) -> Severity:
        """The severity of a value, in the metric's own unit."""
        for severity, limit in ((Severity.CRITICAL, self.critical), (Severity.WARNING, self.warning)):
            if limit is not None and (value <= limit if self.falling else value >= limit):
                return severity
        return Severity.OK


@dataclass(frozen=True, slots=True)
class Metric:
    """One measurable figure, declared once in the catalogue.

    A counter is sampled raw and kept raw; what is shown, alerted on and exported is its rate,
    so its name ends in `.rate` and its unit is the unit of the rate.
    """

    name: str
    unit: Unit
    kind: Kind
    help: str
    engines: tuple[str, ...]
    thresholds: Thresholds = Thresholds()
    by_engine: tuple[tuple[str, Thresholds], ...] = ()
    """Default thresholds of the engines for which the figure means another thing."""
    highest: float = 1.0
    """The largest value that a ratio is known to have; above 1 where a limit can be passed, as when it was lowered."""

    def limits_of(self, engine: str) -> Thresholds:
        """The default thresholds for a target of this engine."""
        return dict(self.by_engine).get(engine, self.thresholds) if self.by_engine else self.thresholds

    def __hash__(self) -> int:
        return hash(self.name)


@dataclass(frozen=True, slots=True)
class Sample:
    """One raw value of one instance of a metric; NaN is never sampled, an unknown value is left out."""

    metric: Metric
    value: float
    labels: Labels = NO_LABELS
