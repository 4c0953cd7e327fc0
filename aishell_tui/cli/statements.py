"""aishell slow-queries: the statements that take most of the time."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from aishell_core.units import format_count, format_value
from aishell_core.values import Part, Statement, Tier, Unit
from aishell_tui.cli.arguments import (
    AllOption,
    ConfigOption,
    DatabaseOption,
    JsonOption,
    TargetOption,
    choice,
    examples,
)
from aishell_tui.cli.encode import to_json, utc_text
from aishell_tui.cli.looking import Looked, exit_code, failure_lines, failure_rows, look
from aishell_tui.cli.shapes import StatementRow, StatementsReport, TargetStatements
from aishell_tui.cli.terminal import fit, printable, say, table

if TYPE_CHECKING:
    from aishell_tui.frame import TargetView

_TEXT_COLUMNS = 60


class Order(StrEnum):
    """What the statements are sorted by, the largest first."""

    TOTAL = "total"
    MEAN = "mean"
    MAX = "max"
    CALLS = "calls"


def register(app: typer.Typer) -> None:
    """Add the command to the tree."""
    app.command(
        "slow-queries",
        epilog=examples(
            "aishell slow-queries --database app",
            "aishell slow-queries --order mean --limit 5",
            "aishell slow-queries --all --json",
        ),
    )(slow_queries)


def slow_queries(
    context: typer.Context,
    database: DatabaseOption = None,
    everything: AllOption = False,
    target: TargetOption = None,
    config: ConfigOption = None,
    order: Annotated[Order, typer.Option("--order", help="What comes first.")] = Order.TOTAL,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="How many statements of each target.")] = 10,
    json: JsonOption = False,
) -> int:
    """The statements that take most of the time.

    By the engine's own count, for SQLite by its statement log.

    The exit code is the worst state of the targets: 0 ok, 1 warning, 2 critical, 3 unknown.
    """
    chosen = choice(context, config, target, database, everything)
    looked = look(chosen, "0", tiers=(Tier.WARM,), demand=frozenset({Part.STATEMENTS}))
    report = statements_report(looked, order, limit)
    say(to_json(report) if json else statements_text(looked, report))
    return exit_code(looked.state)


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
        mean_milliseconds=mean_milliseconds(statement),
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
        lines.append(f"{printable(target.name)}  {target.engine}")
        if target.statements:
            rows = (_cells(row) for row in target.statements)
            lines.append(table(("  SHARE", "CALLS", "MEAN", "MAX", "P95", "STATEMENT"), rows, numeric=range(5)))
        elif target.statements is not None:
            lines.append("  no statement has been counted yet")
        elif not view.failures:
            lines.append("  this target does not count its statements")
        lines.extend(printable(line) for line in failure_lines(view.failures))
        lines.append("")
    return "\n".join(lines).rstrip()


def _cells(row: StatementRow) -> tuple[str, ...]:
    return (
        "  " + format_value(row.share, Unit.RATIO),
        format_count(row.calls),
        format_value(row.mean_milliseconds, Unit.MILLISECONDS),
        format_value(row.max_milliseconds, Unit.MILLISECONDS),
        format_value(row.p95_milliseconds, Unit.MILLISECONDS),
        fit(" ".join(printable(row.text).split()), _TEXT_COLUMNS),
    )
