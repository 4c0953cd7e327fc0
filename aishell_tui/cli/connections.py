"""aishell connections: what is configured, and with --health whether it can be read."""

from __future__ import annotations

from typing import Annotated

import typer

from aishell_tui.cli.arguments import (
    ADD_ONE,
    AllOption,
    ConfigOption,
    DatabaseOption,
    JsonOption,
    TargetOption,
    choice,
    configuration,
    examples,
    selected,
    tell_warnings,
)
from aishell_tui.cli.encode import to_json
from aishell_tui.cli.terminal import note, say, speaks_unicode


def register(app: typer.Typer) -> None:
    """Add the command to the tree."""
    app.command(
        "connections",
        epilog=examples("aishell connections", "aishell connections --health", "aishell connections --json"),
    )(connections)


def connections(
    context: typer.Context,
    database: DatabaseOption = None,
    everything: AllOption = False,
    target: TargetOption = None,
    config: ConfigOption = None,
    health: Annotated[bool, typer.Option("--health", help="Read each of them once and say how it is.")] = False,
    json: JsonOption = False,
) -> int:
    """The configured databases.

    Name, engine, URL without password, environment, and the file and line that configures each.

    With --health the exit code is the worst state: 0 ok, 1 warning, 2 critical, 3 unknown; without it 0.
    """
    from aishell_tui.cli.reports.connections import connection_row, connections_report, connections_text

    chosen = choice(context, config, target, database, everything)
    if health:
        from aishell_tui.cli.looking import JUDGED, look
        from aishell_tui.cli.reports.looked import exit_code

        looked = look(chosen, "0", tiers=JUDGED, brief=True)
        rows, code = tuple(connection_row(view.target, view) for view in looked.views), exit_code(looked.state)
    else:
        loaded = configuration(chosen)
        rows, code = tuple(connection_row(item) for item in selected(chosen, loaded, needed=False)), 0
        tell_warnings(chosen, loaded)
    if json:
        say(to_json(connections_report(rows)))
    elif rows:
        say(connections_text(rows, health, unicode=speaks_unicode()))
    else:
        note(f"no database is configured; {ADD_ONE}")
    return code
