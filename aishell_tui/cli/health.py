"""aishell health-check: every figure that has a threshold, and whether it is within it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from aishell_core.units import format_value
from aishell_core.values import Metric, Severity, Thresholds, Tier, Unit
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
from aishell_tui.cli.looking import Looked, exit_code, failure_lines, failure_rows, glyph, look, series_name
from aishell_tui.cli.shapes import CheckResult, HealthReport, TargetHealth
from aishell_tui.cli.terminal import printable, say, speaks_unicode, table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aishell_tui.frame import TargetView


def register(app: typer.Typer) -> None:
    """Add the command to the tree."""
    app.command(
        "health-check",
        epilog=examples(
            "aishell health-check",
            "aishell health-check --database app --json",
            "aishell health-check --all && echo all is well",
        ),
    )(health_check)


def health_check(
    context: typer.Context,
    database: DatabaseOption = None,
    everything: AllOption = False,
    target: TargetOption = None,
    config: ConfigOption = None,
    window: WindowOption = "1s",
    json: JsonOption = False,
) -> int:
    """Every figure that has a threshold.

    Each with its value and its limits, the worst first, and whatever could not be read.

    The exit code is the worst state: 0 ok, 1 warning, 2 critical, 3 unknown.
    """
    looked = look(choice(context, config, target, database, everything), window, tiers=(Tier.WARM,))
    report = health_report(looked)
    say(to_json(report) if json else health_text(looked, report, unicode=speaks_unicode()))
    return exit_code(looked.state)


def health_report(looked: Looked) -> HealthReport:
    """The report as scripts get it."""
    targets = tuple(_target_health(view, looked.thresholds) for view in looked.views)
    return HealthReport(utc_text(looked.at), looked.state.value, targets)


def _target_health(view: TargetView, thresholds: Mapping[str, Thresholds]) -> TargetHealth:
    return TargetHealth(
        name=view.name,
        engine=view.target.engine,
        state=view.assessment.severity.value,
        reasons=tuple(reason.text for reason in view.assessment.reasons),
        checks=checks(view, thresholds),
        failures=failure_rows(view.failures),
    )


def checks(view: TargetView, thresholds: Mapping[str, Thresholds]) -> tuple[CheckResult, ...]:
    """Every figure of a target against its thresholds, the worst first; a figure that no reading brought is left out."""
    from aishell_tui.assess import judged_metrics

    found = [
        _check(series_name(metric.name, key.labels), metric, limits, view.snapshot.value(key))
        for metric, limits in judged_metrics(view.target.engine, thresholds)
        for key in view.snapshot.find(metric.name)
    ]
    return tuple(sorted(found, key=lambda check: -Severity(check.state).rank))


def _check(name: str, metric: Metric, limits: Thresholds, value: float | None) -> CheckResult:
    state = Severity.UNKNOWN if value is None else limits.judge(value)
    return CheckResult(name, state.value, value, metric.unit.value, limits.warning, limits.critical, limits.falling)


def health_text(looked: Looked, report: HealthReport, *, unicode: bool) -> str:
    """The report as people get it."""
    lines = []
    for view, target in zip(looked.views, report.targets, strict=True):
        state = view.assessment.severity
        lines.append(f"{glyph(state, unicode)} {printable(target.name)}  {target.engine}  {target.state}")
        lines.extend(f"  {printable(reason)}" for reason in target.reasons)
        rows = (
            (
                f"  {glyph(Severity(check.state), unicode)} {check.metric}",
                format_value(check.value, Unit(check.unit)),
                _limit(check.warning, check.unit),
                _limit(check.critical, check.unit),
            )
            for check in target.checks
        )
        if target.checks:
            lines.append(table(("    CHECK", "VALUE", "WARNING", "CRITICAL"), rows, numeric=(1, 2, 3)))
        lines.extend(printable(line) for line in failure_lines(view.failures) if view.target_failure is None)
        lines.append("")
    return "\n".join(lines).rstrip()


def _limit(value: float | None, unit: str) -> str:
    return "-" if value is None else format_value(value, Unit(unit))
