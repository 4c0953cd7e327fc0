"""aishell slow-queries: the statements that take most of the time."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from aishell_core.values import Part, Tier
from aishell_tui.cli.arguments import (
    AllOption,
    ConfigOption,
    DatabaseOption,
    JsonOption,
    TargetOption,
    choice,
    examples,
)
from aishell_tui.cli.encode import to_json
from aishell_tui.cli.terminal import say


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
    from aishell_tui.cli.looking import look
    from aishell_tui.cli.reports import statements
    from aishell_tui.cli.reports.looked import exit_code

    chosen = choice(context, config, target, database, everything)
    looked = look(chosen, "0", tiers=(Tier.WARM,), demand=frozenset({Part.STATEMENTS}))
    report = statements.statements_report(looked, order, limit)
    say(to_json(report) if json else statements.statements_text(looked, report))
    return exit_code(looked.state)
