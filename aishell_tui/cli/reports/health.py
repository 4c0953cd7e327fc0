"""What `aishell health-check` prints."""

from __future__ import annotations

from collections.abc import Mapping

from aishell_core.series.keys import SeriesKey
from aishell_core.units import format_duration, format_limit, format_value
from aishell_core.values import Ability, Failure, FailureCode, Severity, Thresholds, Unit
from aishell_tui.assess import judged_metrics, sustained
from aishell_tui.cli.encode import utc_text
from aishell_tui.cli.reports.looked import Looked, failure_lines, failure_rows, glyph, series_name, told_once
from aishell_tui.cli.shapes import CheckResult, HealthReport, TargetHealth
from aishell_tui.cli.terminal import printable, table
from aishell_tui.frame import TargetView
from aishell_tui.oneshot import INTEGRITY

_FOUND = {"ok": "nothing wrong was found", "damaged": "damaged", "unknown": "it was not checked"}


def health_report(looked: Looked, *, integrity: bool = False) -> HealthReport:
    """The report as scripts get it; `integrity` says that it was to be checked."""
    targets = tuple(_target_health(view, looked, integrity) for view in looked.views)
    return HealthReport(utc_text(looked.at), looked.state.value, targets)


def _integrity(view: TargetView) -> str:
    found = [failure.code for failure in view.failures if failure.part == INTEGRITY]
    if FailureCode.DAMAGED in found:
        return "damaged"
    return "ok" if view.target_failure is None and not found and Ability.INTEGRITY in view.abilities else "unknown"


def _target_health(view: TargetView, looked: Looked, integrity: bool) -> TargetHealth:
    return TargetHealth(
        name=view.name,
        engine=view.target.engine,
        state=view.assessment.severity.value,
        reasons=tuple(reason.text for reason in view.assessment.reasons),
        checks=checks(view, looked.at, looked.thresholds),
        failures=failure_rows(view.failures),
        integrity=_integrity(view) if integrity else None,
    )


def checks(view: TargetView, now: float, thresholds: Mapping[str, Thresholds]) -> tuple[CheckResult, ...]:
    """Every figure of a target against its thresholds, the worst first; a figure that no reading brought is left out."""
    found = [
        _check(view, key, limits, now)
        for metric, limits in judged_metrics(view.target.engine, thresholds)
        for key in view.snapshot.find(metric.name)
    ]
    return tuple(sorted(found, key=lambda check: -Severity(check.state).rank))


def _check(view: TargetView, key: SeriesKey, limits: Thresholds, now: float) -> CheckResult:
    value, metric = view.snapshot.value(key), key.metric
    state = Severity.UNKNOWN if value is None else sustained(view, key, value, limits, now)
    alone = Severity.UNKNOWN if value is None else limits.judge(value)
    return CheckResult(
        metric=series_name(metric.name, key.labels),
        state=state.value,
        value=value,
        unit=metric.unit.value,
        warning=limits.warning,
        critical=limits.critical,
        falling=limits.falling,
        sustained_seconds=limits.sustained_seconds,
        passed_now=alone.value,
    )


def health_text(looked: Looked, report: HealthReport, *, unicode: bool) -> str:
    """The report as people get it."""
    lines = []
    for view, target in zip(looked.views, report.targets, strict=True):
        state = view.assessment.severity
        lines.append(f"{glyph(state, unicode)} {printable(target.name)}  {target.engine}  {target.state}")
        failures = dict(zip(map(_sentence, told), failure_lines(told), strict=True)) if (told := _failures(view)) else {}
        lines.extend(printable(failures.pop(reason, f"  {reason}")) for reason in target.reasons)
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
        lines.extend(f"  {printable(check.metric)} {_not_yet(check)}" for check in target.checks if check.passed_now != check.state)
        if target.integrity is not None:
            lines.append(f"  integrity: {_FOUND[target.integrity]}")
        lines.extend(printable(line) for line in failures.values())
        lines.append("")
    return "\n".join(lines).rstrip()


def _failures(view: TargetView) -> tuple[Failure, ...]:
    """What could not be read of a target that answers, each once."""
    return tuple(told_once(view.failures)) if view.target_failure is None else ()


def _sentence(failure: Failure) -> str:
    """A failure as it stands among the reasons of a state, where it is one: there it is told with its hint, and not again below."""
    return f"{failure.part}: {failure.message}"


def _not_yet(check: CheckResult) -> str:
    """What the value alone would be, where that has not been seen for long enough."""
    return f"counts as {check.passed_now} after {format_duration(check.sustained_seconds)}, which has not been measured here"


def _limit(value: float | None, unit: str) -> str:
    return "-" if value is None else format_limit(value, Unit(unit))
