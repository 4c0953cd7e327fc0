"""The tree of all commands."""

from __future__ import annotations

from typing import Annotated

import typer

from aishell_tui.cli import (
    alerts,
    audit,
    backup,
    configure,
    connect,
    connections,
    dashboard,
    documents,
    health,
    metrics,
    query,
    sessions,
    statements,
    status,
)
from aishell_tui.cli.arguments import AllOption, Choice, ConfigOption, DatabaseOption, ReadOnlyOption, TargetOption, examples

app = typer.Typer(
    name="aishell",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
    epilog=examples(
        "aishell                                # the dashboard; a demo when nothing is configured",
        "aishell -t sqlite:///srv/app/app.db    # the dashboard of one database",
        "aishell connect sqlite:///srv/app/app.db --save main",
        "aishell status --json                  # for scripts",
    ),
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"aishell {version('aishell-tui')}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    config: ConfigOption = None,
    target: TargetOption = None,
    database: DatabaseOption = None,
    everything: AllOption = False,
    read_only: ReadOnlyOption = False,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.", callback=_version, is_eager=True)] = False,
) -> int:
    """A terminal dashboard, and the same in commands, for the people who keep databases alive.

    Without a command the dashboard opens: on what is configured or named with --target, else on a demo database.

    Exit codes: 0 ok, 1 warning, 2 critical, 3 unknown, 64 wrong usage, 70 a fault of aishell, 74 files cannot be
    written, 77 not allowed or not confirmed, 78 wrong configuration, 130 interrupted.
    """
    del version
    given = context.obj if isinstance(context.obj, Choice) else Choice()
    context.obj = given.also(Choice(config, tuple(target or ()), tuple(database or ()), everything, read_only=read_only))
    if context.invoked_subcommand is not None:
        return 0
    return dashboard.open_dashboard(context)


for group in (dashboard, status, health, statements, query, connections, metrics, connect):
    group.register(app)
app.add_typer(alerts.app, name="alerts")
app.add_typer(audit.app, name="audit")
app.add_typer(backup.app, name="backup")
app.add_typer(sessions.app, name="sessions")
app.add_typer(configure.app, name="config")
app.add_typer(documents.app, name="docs")
