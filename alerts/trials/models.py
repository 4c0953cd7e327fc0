"""Tests of rules as they are run, and what came of them. Frozen values, no services."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from aishell_core.documents.document import Document, KeyPath
from aishell_core.documents.problems import Problem
from aishell_core.values import Labels, Metric
from alerts.models import Health, Level, Phase, Traits
from alerts.trials.notation import Series

STARTS_AT = 1_800_000_000.0
"""When a test begins that does not say so: a Friday morning, 2027-01-15T08:00:00Z."""


@dataclass(frozen=True, slots=True)
class InventedSeries:
    """One figure of one target: its values by reading. Those of a counter are what it stands at, not its rate."""

    target: str
    metric: Metric
    labels: Labels
    values: Series


@dataclass(frozen=True, slots=True)
class ExpectedAlert:
    """An alert that must be there; what is None or empty is not looked at. `path` is where it stands in its file."""

    path: KeyPath
    rule: str = ""
    target: str = ""
    phase: Phase | None = None
    level: Level | None = None
    health: Health | None = None
    value: str = ""
    is_muted: bool | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Check:
    """A look at a moment: the alerts of a rule ("" for all rules) that there must be, and no others."""

    path: KeyPath
    at_seconds: float
    rule: str
    alerts: tuple[ExpectedAlert, ...]


@dataclass(frozen=True, slots=True)
class Trial:
    """One test. The document is that of its places; the first reading is at `starts_at` (epoch seconds)."""

    name: str
    document: Document
    path: KeyPath
    interval_seconds: float
    starts_at: float
    targets: tuple[Traits, ...]
    series: tuple[InventedSeries, ...]
    checks: tuple[Check, ...]


@dataclass(frozen=True, slots=True)
class TrialResult:
    """What came of one test: nothing differs, or each difference at the place of what was expected."""

    trial: Trial
    differences: tuple[Problem, ...] = ()

    @property
    def has_passed(self) -> bool:
        """Whether everything was as expected."""
        return not self.differences
