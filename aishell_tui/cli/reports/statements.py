"""What `aishell slow-queries` prints."""

from __future__ import annotations

from collections.abc import Callable

from aishell_core.units import format_count, format_value
from aishell_core.values import FailureCode, Part, Statement, Unit
from aishell_tui.cli.encode import utc_text
from aishell_tui.cli.reports.looked import Looked, failure_lines, failure_rows, failures_about
from aishell_tui.cli.shapes import StatementRow, StatementsReport, TargetStatements
from aishell_tui.cli.statements import Order
from aishell_tui.cli.terminal import fit, printable, table
from aishell_tui.frame import TargetView

_TEXT_COLUMNS = 60


def statements_report(looked: Looked, order: Order, limit: int) -> StatementsReport:
    """The report as scripts get it."""
    return StatementsReport(utc_text(looked.at), tuple(_target_statements(view, order, limit) for view in looked.views))


def mean_milliseconds(statement: Statement) -> float | None:
    """The time of one call on average; None when nothing was called."""
    return statement.total_milliseconds / statement.calls if statement.calls > 0 else None


_KEYS: dict[Order, Callable[[Statement], float]] = {
    Order.TOTAL: lambda statement: statement.total_milliseconds,
    Order.MEAN: lambda statement: mean_milliseconds(statement) or 0.0,
    Order.MAX: lambda statement: statement.max_milliseconds or 0.0,
    Order.CALLS: lambda statement: statement.calls,
}


def _target_statements(view: TargetView, order: Order, limit: int) -> TargetStatements:
    rows = None
    if view.statements is not None:
        all_milliseconds = sum(statement.total_milliseconds for statement in view.statements)
        ordered = sorted(view.statements, key=_KEYS[order], reverse=True)
        rows = tuple(_row(statement, all_milliseconds) for statement in ordered[:limit])
    return TargetStatements(view.name, view.target.engine, view.assessment.severity.value, rows, failure_rows(view.failures))


def _row(statement: Statement, all_milliseconds: float) -> StatementRow:
    return StatementRow(
        digest=statement.digest,
        text=statement.text,
        calls=statement.calls,
        total_milliseconds=statement.total_milliseconds,
        mean_milliseconds=None if statement.sampled else mean_milliseconds(statement),
        max_milliseconds=statement.max_milliseconds,
        p95_milliseconds=statement.p95_milliseconds,
        share=statement.total_milliseconds / all_milliseconds if all_milliseconds > 0 else None,
        rows=statement.rows,
        errors=statement.errors,
        sampled=statement.sampled,
    )


def statements_text(looked: Looked, report: StatementsReport) -> str:
    """The report as people get it."""
    lines = []
    for view, target in zip(looked.views, report.targets, strict=True):
        failures = failures_about(view.failures, Part.STATEMENTS)
        lines.append(f"{printable(target.name)}  {target.engine}")
        if target.statements:
            rows = (_cells(row) for row in target.statements)
            lines.append(table(("  SHARE", "CALLS", "MEAN", "MAX", "P95", "STATEMENT"), rows, numeric=range(5)))
        elif target.statements is not None:
            hidden = any(each.code is FailureCode.PRIVILEGE for each in failures)
            lines.append("  no statement that this role may see has been counted" if hidden else "  no statement has been counted yet")
        elif not failures:
            lines.append("  this target does not count its statements")
        lines.extend(printable(line) for line in failure_lines(failures))
        lines.append("")
    return "\n".join(lines).rstrip()


def _cells(row: StatementRow) -> tuple[str, ...]:
    return (
        "  " + format_value(row.share, Unit.RATIO),
        (">" if row.sampled else "") + format_count(row.calls),
        format_value(row.mean_milliseconds, Unit.MILLISECONDS),
        format_value(row.max_milliseconds, Unit.MILLISECONDS),
        format_value(row.p95_milliseconds, Unit.MILLISECONDS),
        fit(" ".join(printable(row.text).split()), _TEXT_COLUMNS),
    )
