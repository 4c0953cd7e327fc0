"""What `aishell metrics --catalogue` prints."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from aishell_core.catalogue import CATALOGUE
from aishell_core.targets import find_engine
from aishell_core.units import format_limit
from aishell_core.values import Metric, Thresholds, Unit
from aishell_tui.cli.shapes import CatalogueReport, CatalogueRow, EngineLimits
from aishell_tui.cli.terminal import table


def metrics_of(engine: str | None) -> tuple[Metric, ...]:
    """The metrics of an engine, with the thresholds that it has; all of them for None. Raises UsageError for no engine."""
    if engine is None:
        return tuple(CATALOGUE.values())
    name = find_engine(engine).name
    own = (metric for metric in CATALOGUE.values() if name in metric.engines)
    return tuple(replace(metric, thresholds=metric.limits_of(name), by_engine=()) if metric.by_engine else metric for metric in own)


def _catalogue_row(metric: Metric) -> CatalogueRow:
    limits = metric.thresholds
    return CatalogueRow(
        metric.name,
        metric.unit.value,
        metric.kind.value,
        metric.help,
        metric.engines,
        limits.warning,
        limits.critical,
        limits.falling,
        tuple(EngineLimits(engine, own.warning, own.critical, own.falling) for engine, own in metric.by_engine),
    )


def threshold_text(value: float | None, unit: Unit) -> str:
    """A threshold for people."""
    return "-" if value is None else format_limit(value, unit)


def thresholds_texts(metric: Metric) -> tuple[str, str]:
    """Both default thresholds of a metric for people, with those of engines for which it means another thing behind them."""
    whole = metric.thresholds
    warning = [threshold_text(whole.warning, metric.unit)]
    critical = [threshold_text(whole.critical, metric.unit)]
    for engine, own in metric.by_engine:
        warning.append(f"{engine} {threshold_text(own.warning, metric.unit)}")
        critical.append(f"{engine} {threshold_text(own.critical, metric.unit)}")
    return ", ".join(warning), ", ".join(critical)


def catalogue_report(found: tuple[Metric, ...]) -> CatalogueReport:
    """The catalogue as scripts get it."""
    return CatalogueReport(tuple(_catalogue_row(metric) for metric in found))


def catalogue_text(found: tuple[Metric, ...]) -> str:
    """The catalogue as people get it; an engine with thresholds of its own has a line of its own for them."""
    rows = (row for metric in found for row in _lines(metric))
    return table(("METRIC", "UNIT", "KIND", "WARNING", "CRITICAL", "MEANING"), rows, numeric=(3, 4))


def _lines(metric: Metric) -> Iterator[tuple[str, ...]]:
    yield (metric.name, metric.unit.value, metric.kind.value, *_limits(metric.thresholds, metric.unit), metric.help)
    for engine, own in metric.by_engine:
        yield (f"  for {engine}", "", "", *_limits(own, metric.unit), "")


def _limits(limits: Thresholds, unit: Unit) -> tuple[str, str]:
    return threshold_text(limits.warning, unit), threshold_text(limits.critical, unit)
