"""What `aishell metrics` prints."""

from __future__ import annotations

from aishell_core.catalogue import CATALOGUE
from aishell_core.errors import UsageError
from aishell_core.units import format_value
from aishell_core.values import Metric, Unit
from aishell_tui.cli.encode import utc_text
from aishell_tui.cli.looking import Looked, failure_lines, failure_rows, metric_values
from aishell_tui.cli.shapes import CatalogueReport, CatalogueRow, MetricsReport, TargetMetrics
from aishell_tui.cli.terminal import printable, table


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


def metrics_report(looked: Looked) -> MetricsReport:
    """The report as scripts get it."""
    targets = tuple(
        TargetMetrics(
            name=view.name,
            engine=view.target.engine,
            state=view.assessment.severity.value,
            metrics=metric_values(view, looked.at),
            failures=failure_rows(view.failures),
        )
        for view in looked.views
    )
    return MetricsReport(utc_text(looked.at), targets)


def metrics_text(looked: Looked) -> str:
    """The report as people get it."""
    lines = []
    for view in looked.views:
        lines.append(f"{printable(view.name)}  {view.target.engine}")
        rows = [
            (f"  {name}", format_value(value.value, Unit(value.unit)), format_value(value.age_seconds, Unit.SECONDS))
            for name, value in metric_values(view, looked.at).items()
        ]
        if rows:
            lines.append(table(("  METRIC", "VALUE", "AGE"), rows, numeric=(1, 2)))
        lines.extend(printable(line) for line in failure_lines(view.failures))
        lines.append("")
    return "\n".join(lines).rstrip()
