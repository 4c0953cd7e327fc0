"""aishell metrics: every figure of a target, or the catalogue of all that there are."""

from __future__ import annotations

from typing import Annotated

import typer

from aishell_core.errors import UsageError
from aishell_core.values import Tier
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
from aishell_tui.cli.encode import to_json
from aishell_tui.cli.terminal import say


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
        str | None,
        typer.Option(
            "--engine", metavar="ENGINE", help="With --catalogue: only this engine's (postgresql, MariaDB ...).", show_default=False
        ),
    ] = None,
    window: WindowOption = "1s",
    json: JsonOption = False,
) -> int:
    """Every figure of a target, or what they mean.

    Each with its unit and its age; with --catalogue the meaning of every metric there is. What is counted is told as the rate
    between two readings, the files and small caches of a PostgreSQL included; --window 0 reads once and tells no rates.

    The exit code is the worst state of the targets: 0 ok, 1 warning, 2 critical, 3 unknown.
    """
    if catalogue:
        from aishell_tui.cli.reports.catalogue import catalogue_report, catalogue_text, metrics_of

        found = metrics_of(engine)
        say(to_json(catalogue_report(found)) if json else catalogue_text(found))
        return 0
    if engine is not None:
        raise UsageError("--engine goes with --catalogue", "aishell metrics --catalogue --engine sqlite")
    from aishell_tui.cli.looking import look
    from aishell_tui.cli.reports import metrics as reports
    from aishell_tui.cli.reports.looked import exit_code

    looked = look(choice(context, config, target, database, everything), window, tiers=(Tier.WARM, Tier.COLD), rated=frozenset({Tier.WARM}))
    say(to_json(reports.metrics_report(looked)) if json else reports.metrics_text(looked))
    return exit_code(looked.state)
