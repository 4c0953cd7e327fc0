"""aishell health-check: every figure that has a threshold, and whether it is within it."""

from __future__ import annotations

from typing import Annotated

import typer

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
from aishell_tui.cli.terminal import say, speaks_unicode


def register(app: typer.Typer) -> None:
    """Add the command to the tree."""
    app.command(
        "health-check",
        epilog=examples(
            "aishell health-check",
            "aishell health-check --database app --json",
            "aishell health-check --all && echo all is well",
            "aishell health-check --integrity",
        ),
    )(health_check)


def health_check(
    context: typer.Context,
    database: DatabaseOption = None,
    everything: AllOption = False,
    target: TargetOption = None,
    config: ConfigOption = None,
    window: WindowOption = "1s",
    integrity: Annotated[
        bool, typer.Option("--integrity", help="Check each database for damage too, where the engine can; reads the whole of it.")
    ] = False,
    json: JsonOption = False,
) -> int:
    """Every figure that has a threshold.

    Each with its value and its limits, the worst first, and whatever could not be read.

    The exit code is the worst state: 0 ok, 1 warning, 2 critical, 3 unknown; damage is critical, and a check that
    cannot be finished within five minutes is unknown.
    """
    from aishell_tui.cli.looking import JUDGED, look
    from aishell_tui.cli.reports import health
    from aishell_tui.cli.reports.looked import exit_code

    looked = look(choice(context, config, target, database, everything), window, tiers=JUDGED, integrity=integrity)
    report = health.health_report(looked, integrity=integrity)
    say(to_json(report) if json else health.health_text(looked, report, unicode=speaks_unicode()))
    return exit_code(looked.state)
