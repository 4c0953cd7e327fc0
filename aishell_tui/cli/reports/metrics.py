"""What `aishell metrics` prints."""

from __future__ import annotations

from aishell_core.units import format_value
from aishell_core.values import Unit
from aishell_tui.cli.encode import utc_text
from aishell_tui.cli.reports.looked import Looked, failure_lines, failure_rows, metric_values
from aishell_tui.cli.shapes import MetricsReport, TargetMetrics
from aishell_tui.cli.terminal import printable, table


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
