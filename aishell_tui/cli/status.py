"""aishell status: one line per target, the worst first."""

from __future__ import annotations

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
        "status",
        epilog=examples(
            "aishell status",
            "aishell status --database app --json",
            "aishell status -t sqlite:///srv/app/app.db || echo look after it",
        ),
    )(status)


def status(
    context: typer.Context,
    database: DatabaseOption = None,
    everything: AllOption = False,
    target: TargetOption = None,
    config: ConfigOption = None,
    window: WindowOption = "1s",
    json: JsonOption = False,
) -> int:
    """How every target is, the worst first.

    One line for each, and the reasons below it.

    All that the dashboard judges is judged here, except what takes longer than three seconds to read, as sizes do with
    very many tables.

    The exit code is the worst state: 0 ok, 1 warning, 2 critical, 3 unknown.
    """
    from aishell_tui.cli.looking import JUDGED, look
    from aishell_tui.cli.reports import status as report
    from aishell_tui.cli.reports.looked import exit_code

    looked = look(choice(context, config, target, database, everything), window, tiers=JUDGED, brief=True)
    say(to_json(report.status_report(looked)) if json else report.status_text(looked, unicode=speaks_unicode()))
    return exit_code(looked.state)
