"""aishell alerts: what fires, what is done about it, and trying rules before they are trusted."""

from __future__ import annotations

import typer

from aishell_tui.cli import alerts_backtest, alerts_builtin, alerts_channels, alerts_handling, alerts_looking, alerts_trying
from aishell_tui.cli.arguments import examples

app = typer.Typer(
    help="What fires, who has it, and whether the rules are right.",
    rich_markup_mode=None,
    no_args_is_help=True,
    epilog=examples(
        "aishell alerts list",
        "aishell alerts show 3fb2a1c8",
        "aishell alerts silence target=orders --for 2h",
        "aishell alerts test rules-test.yaml",
    ),
)
for part in (alerts_looking, alerts_handling, alerts_trying, alerts_backtest, alerts_builtin):
    part.register(app)
app.add_typer(alerts_channels.app, name="channels")
