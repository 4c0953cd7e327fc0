"""aishell metrics: every figure of a target, or the catalogue of all that there are."""

from __future__ import annotations

from typing import Annotated

import typer

from aishell_core.catalogue import CATALOGUE
from aishell_core.errors import UsageError
from aishell_core.units import format_value
from aishell_core.values import Metric, Tier, Unit
from aishell_tui.cli.arguments import (
    AllOption,
    ConfigOption,
    DatabaseOption,
    JsonOption,
    TargetOption,
    WindowOption,
    choice,
    examples,
)
from aishell_tui.cli.encode import to_json, utc_text
from aishell_tui.cli.looking import Looked, exit_code, failure_lines, failure_rows, look, metric_values
from aishell_tui.cli.shapes import CatalogueReport, CatalogueRow, MetricsReport, TargetMetrics
from aishell_tui.cli.terminal import printable, say, table


def register(app: typer.Typer) -> None:
    """Add the command to the tree."""
    app.command(
        "metrics",
        epilog=examples(
            "aishell metrics --database app",
            "aishell metrics --all --json",
            "aishell metrics --catalogue",
            "aishell metrics --catalogue --engine sqlite --json",
        ),
    )(metrics)


def metrics(
    context: typer.Context,
    database: DatabaseOption = None,
    everything: AllOption = False,
    target: TargetOption = None,
    config: ConfigOption = None,
    catalogue: Annotated[bool, typer.Option("--catalogue", help="Print what every metric means; reads no database.")] = False,
    engine: Annotated[
        str | None, typer.Option("--engine", metavar="ENGINE", help="With --catalogue: only this engine's.", show_default=False)
    ] = None,
    window: WindowOption = "1s",
    json: JsonOption = False,
) -> int:
    """Every figure of a target, or what they mean.

    Each with its unit and its age; with --catalogue the meaning of every metric there is.

    The exit code is the worst state of the targets: 0 ok, 1 warning, 2 critical, 3 unknown.
    """
    if catalogue:
        found = _of_engine(engine)
        say(to_json(CatalogueReport(tuple(catalogue_row(metric) for metric in found))) if json else _catalogue_text(found))
        return 0
    if engine is not None:
        raise UsageError("--engine goes with --catalogue", "aishell metrics --catalogue --engine sqlite")
    looked = look(choice(context, config, target, database, everything), window, tiers=(Tier.WARM, Tier.COLD))
    say(to_json(metrics_report(looked)) if json else _text(looked))
    return exit_code(looked.state)


def _of_engine(engine: str | None) -> tuple[Metric, ...]:
    engines = tuple(dict.fromkeys(name for metric in CATALOGUE.values() for name in metric.engines))
    if engine is not None and engine not in engines:
        raise UsageError(f"there is no engine {engine!r}", f"valid: {', '.join(engines)}")
    return tuple(metric for metric in CATALOGUE.values() if engine is None or engine in metric.engines)


def catalogue_row(metric: Metric) -> CatalogueRow:
    """A metric of the catalogue as scripts get it."""
    limits = metric.thresholds
    return CatalogueRow(
        metric.name, metric.unit.value, metric.kind.value, metric.help, metric.engines, limits.warning, limits.critical, limits.falling
    )


def threshold_text(value: float | None, unit: Unit) -> str:
    """A threshold for people."""
    return "-" if value is None else format_value(value, unit)


def _catalogue_text(found: tuple[Metric, ...]) -> str:
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


def _text(looked: Looked) -> str:
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
