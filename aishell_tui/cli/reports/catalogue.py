"""What `aishell metrics --catalogue` prints."""

from __future__ import annotations

from aishell_core.catalogue import CATALOGUE
from aishell_core.errors import UsageError
from aishell_core.units import format_value
from aishell_core.values import Metric, Unit
from aishell_tui.cli.shapes import CatalogueReport, CatalogueRow
from aishell_tui.cli.terminal import table


def metrics_of(engine: str | None) -> tuple[Metric, ...]:
    """The metrics of an engine, all of them for None; raises UsageError for an engine that there is not."""
    engines = tuple(dict.fromkeys(name for metric in CATALOGUE.values() for name in metric.engines))
    if engine is not None and engine not in engines:
        raise UsageError(f"there is no engine {engine!r}", f"valid: {', '.join(engines)}")
    return tuple(metric for metric in CATALOGUE.values() if engine is None or engine in metric.engines)


def _catalogue_row(metric: Metric) -> CatalogueRow:
    limits = metric.thresholds
    return CatalogueRow(
        metric.name, metric.unit.value, metric.kind.value, metric.help, metric.engines, limits.warning, limits.critical, limits.falling
    )


def threshold_text(value: float | None, unit: Unit) -> str:
    """A threshold for people."""
    return "-" if value is None else format_value(value, unit)


def catalogue_report(found: tuple[Metric, ...]) -> CatalogueReport:
    """The catalogue as scripts get it."""
    return CatalogueReport(tuple(_catalogue_row(metric) for metric in found))


def catalogue_text(found: tuple[Metric, ...]) -> str:
    """The catalogue as people get it."""
    rows = (
        (
            metric.name,
            metric.unit.value,
            metric.kind.value,
            threshold_text(metric.thresholds.warning, metric.unit),
            threshold_text(metric.thresholds.critical, metric.unit),
            metric.help,
        )
        for metric in found
    )
    return table(("METRIC", "UNIT", "KIND", "WARNING", "CRITICAL", "MEANING"), rows, numeric=(3, 4))
