"""aishell sessions: who is connected, what they do, and who waits for whom."""

from __future__ import annotations

from typing import Annotated

import typer

from aishell_core.values import Part, Tier, worst
from aishell_tui.cli import session_acts
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

app = typer.Typer(rich_markup_mode=None)


@app.callback(
    invoke_without_command=True,
    epilog=examples(
        "aishell sessions --database app",
        "aishell sessions --waiting",
        "aishell sessions --all --json",
    ),
)
def sessions(
    context: typer.Context,
    database: DatabaseOption = None,
    everything: AllOption = False,
    target: TargetOption = None,
    config: ConfigOption = None,
    waiting: Annotated[
        bool,
        typer.Option(
            "--waiting", help="Only sessions that wait for a lock or hold one that is waited for, as a tree of who waits behind whom."
        ),
    ] = False,
    json: JsonOption = False,
) -> int:
    """Who is connected and who waits; cancel, end.

    Each session with what it does, and the locks that are waited for.

    The exit code is the worst state of the targets: 0 ok, 1 warning, 2 critical, 3 unknown, also where sessions, or with
    --waiting locks, could not be read.
    """
    from aishell_tui.cli.looking import look
    from aishell_tui.cli.reports import sessions as reports
    from aishell_tui.cli.reports.looked import exit_code

    chosen = choice(context, config, target, database, everything)
    if context.invoked_subcommand is not None:
        context.obj = chosen
        return 0
    looked = look(chosen, "0", tiers=(Tier.WARM,), demand=frozenset({Part.SESSIONS, Part.LOCKS}))
    report = reports.sessions_report(looked, waiting=waiting)
    say(to_json(report) if json else reports.sessions_text(looked, report, waiting=waiting))
    return exit_code(worst([looked.state, *(reports.readability(view, waiting=waiting) for view in looked.views)]))


session_acts.register(app)
