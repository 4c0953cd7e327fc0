"""aishell backup: backups that are proven to restore."""

from __future__ import annotations

import typer

from aishell_tui.cli import (
    backup_carrying,
    backup_configuring,
    backup_copying,
    backup_keeping,
    backup_looking,
    backup_restoring,
    backup_scheduling,
    backup_taking,
    backup_testing,
)
from aishell_tui.cli.arguments import examples

app = typer.Typer(
    help="Backups: made, checked, restored, kept as long as wanted.",
    rich_markup_mode=None,
    no_args_is_help=True,
    epilog=examples(
        "aishell backup create app",
        "aishell backup list",
        "aishell backup verify latest --deep",
        "aishell backup restore latest --drop-existing --dry-run",
    ),
)
for part in (
    backup_taking,
    backup_looking,
    backup_testing,
    backup_restoring,
    backup_keeping,
    backup_copying,
    backup_carrying,
    backup_scheduling,
    backup_configuring,
):
    part.register(app)
