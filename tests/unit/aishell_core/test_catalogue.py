"""The metric catalogue keeps its own rules."""

import pytest

from aishell_core.catalogue import CATALOGUE, find_metric
from aishell_core.errors import UsageError
from aishell_core.targets import ENGINES
from aishell_core.values import Kind, Metric, Severity, Thresholds, Unit

PROMISED = (
    "connections.used",
    "connections.max",
    "pool.usage",
    "query.duration",
    "queries.rate",
    "transactions.rate",
    "cache.hit_ratio",
    "locks.waiting",
    "replication.lag",
    "disk.used",
    "sqlite.wal.size",
)


@pytest.mark.parametrize("name", PROMISED)
def test_the_common_vocabulary_is_there(name: str) -> None:
    assert find_metric(name).name == name


@pytest.mark.parametrize("metric", CATALOGUE.values(), ids=lambda metric: metric.name)
def test_each_metric_is_described_and_named_by_the_rules(metric: Metric) -> None:
    assert metric.help.endswith(".")
    assert set(metric.engines) <= {engine.name for engine in ENGINES}
    assert metric.engines
    assert metric.name.endswith(".rate") is (metric.kind is Kind.COUNTER)
    assert (metric.unit is Unit.RATIO) is (metric.kind is Kind.RATIO)
    limits = metric.thresholds
    if limits.warning is not None and limits.critical is not None:
        assert (limits.critical < limits.warning) is limits.falling


def test_an_unknown_metric_is_answered_with_the_nearest() -> None:
    with pytest.raises(UsageError) as caught:
        find_metric("conections.used")
    assert "connections.used" in caught.value.hint


@pytest.mark.parametrize(
    ("limits", "value", "severity"),
    [
        (Thresholds(), 1e9, Severity.OK),
        (Thresholds(1, 10), 0.9, Severity.OK),
        (Thresholds(1, 10), 1, Severity.WARNING),
        (Thresholds(1, 10), 10, Severity.CRITICAL),
        (Thresholds(0.95, 0.9, falling=True), 0.96, Severity.OK),
        (Thresholds(0.95, 0.9, falling=True), 0.95, Severity.WARNING),
        (Thresholds(0.95, 0.9, falling=True), 0.2, Severity.CRITICAL),
        (Thresholds(None, 5), 6, Severity.CRITICAL),
        (Thresholds(5, None), 600, Severity.WARNING),
    ],
)
def test_thresholds_judge_at_the_limit_itself(limits: Thresholds, value: float, severity: Severity) -> None:
    assert limits.judge(value) is severity
