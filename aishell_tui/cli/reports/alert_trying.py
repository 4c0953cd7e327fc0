"""What the commands that try rules print."""

from __future__ import annotations

from collections.abc import Sequence

from aishell_core.units import format_counted
from aishell_tui.alert_files import Looked
from aishell_tui.cli.alert_trying_shapes import AlertCheckReport, AlertTestReport, AlertTestRow
from aishell_tui.cli.reports.configuration import problem_rows
from aishell_tui.cli.terminal import printable
from alerts.trials.models import Trial, TrialResult


def check_report(looked: Looked) -> AlertCheckReport:
    """The findings as scripts get them."""
    builtin = sum(bool(rule.builtin) for rule in looked.rules)
    return AlertCheckReport(
        not looked.errors,
        looked.files,
        len(looked.rules) - builtin,
        builtin,
        looked.disabled,
        looked.channels,
        looked.tests,
        problem_rows(looked.errors),
        problem_rows(looked.warnings),
    )


def check_text(looked: Looked) -> str:
    """The findings as people get them: each error with its line and a caret, and what is good."""
    report = check_report(looked)
    lines = [str(problem) for problem in looked.errors]
    lines += [f"warning: {problem}" for problem in looked.warnings]
    off = f" ({format_counted(report.disabled_rules, 'rule')} switched off)" if report.disabled_rules else ""
    good = ", ".join(
        (
            format_counted(report.rules, "rule") + " of your own",
            format_counted(report.builtin_rules, "built-in rule"),
            format_counted(report.channels, "channel"),
            format_counted(report.tests, "test"),
        )
    )
    lines.append(f"{format_counted(len(looked.errors), 'error')}; good: {good}{off}" if looked.errors else f"ok: {good}{off}")
    return harmless(lines)


def harmless(texts: Sequence[str]) -> str:
    """Texts of several lines, each line made harmless for a terminal."""
    return "\n".join(printable(line) for text in texts for line in text.splitlines())


def trial_report(results: Sequence[TrialResult]) -> AlertTestReport:
    """The tests as scripts get them."""
    passed = sum(result.has_passed for result in results)
    return AlertTestReport(passed == len(results), passed, len(results) - passed, tuple(map(_row, results)))


def _row(result: TrialResult) -> AlertTestRow:
    trial = result.trial
    return AlertTestRow(trial.name, trial.document.source, _line(trial), result.has_passed, problem_rows(result.differences))


def _line(trial: Trial) -> int | None:
    span = trial.document.span(trial.path)
    return span.line if span else None


def trial_text(results: Sequence[TrialResult]) -> str:
    """The tests as people get them: each with what differed in it, and how many have passed."""
    lines: list[str] = []
    for result in results:
        trial = result.trial
        lines.append(f"{'ok  ' if result.has_passed else 'FAIL'} {trial.name}  {trial.document.source}:{_line(trial) or 1}")
        lines += [f"  {line}" for problem in result.differences for line in str(problem).splitlines()]
    failed = sum(not result.has_passed for result in results)
    total = format_counted(len(results), "test")
    lines.append(f"{failed} of {total} failed" if failed else f"{total} passed")
    return harmless(lines)
