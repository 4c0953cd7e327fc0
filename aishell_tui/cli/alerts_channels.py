"""aishell alerts channels: who is told, how each way is doing, and trying them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Annotated

import typer

from aishell_core.errors import ExitCode, UsageError
from aishell_tui.cli.arguments import ConfigOption, JsonOption, choice, configuration, examples
from aishell_tui.cli.encode import to_json
from aishell_tui.cli.terminal import say

if TYPE_CHECKING:
    # Loaded where it is used: --help and --version need none of it.
    from aishell_tui.config.load import Configuration
    from alerts.notify.models import Channel

app = typer.Typer(rich_markup_mode=None)


def complete_channel(incomplete: str) -> list[str]:
    """The names of channels that begin with a word, for the shell."""
    from aishell_core.errors import AishellError
    from aishell_tui.config.load import load_config

    try:
        return [name for name in load_config().alerts.channels if name.startswith(incomplete)]
    except AishellError:
        return []


@app.callback(
    invoke_without_command=True,
    epilog=examples("aishell alerts channels", "aishell alerts channels --json", "aishell alerts channels test slack"),
)
def channels(context: typer.Context, config: ConfigOption = None, json: JsonOption = False) -> int:
    """The channels, and how each is doing.

    What is on its way, what was given up, since when a channel fails and what it answered. URLs are secrets: of each only
    the scheme is shown.
    """
    from aishell_tui.cli.reports.alert_channels import channels_report, channels_text
    from aishell_tui.config.alert_rules import open_channels
    from aishell_tui.places import find_places
    from alerts.notify.models import ChannelState
    from alerts.notify.outbox import channel_states
    from alerts.store.database import AlertStore

    chosen = choice(context, config)
    if context.invoked_subcommand is not None:
        context.obj = chosen
        return 0
    loaded = configuration(chosen)
    known = open_channels(loaded.alerts, with_secrets=False).usable
    named = dict.fromkeys(loaded.alerts.channels)
    with closing(AlertStore.open_to_read(find_places().state)) as store:
        nothing: tuple[ChannelState, ...] = tuple(ChannelState(name) for name in named)
        states = store.read(lambda connection: channel_states(connection, known), nothing)
    left = tuple(ChannelState(name) for name in named if name not in {state.channel for state in states})
    report = channels_report((*states, *left), named, known, loaded.alerts.spec.default_channels)
    say(to_json(report) if json else channels_text(report))
    return 0


@app.command("test", epilog=examples("aishell alerts channels test", "aishell alerts channels test slack --json"))
def try_channels(
    context: typer.Context,
    name: Annotated[
        str, typer.Argument(metavar="[NAME]", help="The channel; else all of them.", show_default=False, autocompletion=complete_channel)
    ] = "",
    config: ConfigOption = None,
    json: JsonOption = False,
) -> int:
    """Send a marked test, and print the answer.

    The message says that it is a test, goes past the queue, and is sent once. Where it opens an incident, that is closed
    again. The exit code is 0 when every channel has taken it, 1 when one has not.
    """
    import time
    from uuid import uuid4

    from aishell_tui.cli.alert_shapes import ChannelTestReport, ChannelTestRow
    from aishell_tui.cli.reports.alert_channels import tested_text
    from alerts.notify.senders import all_senders
    from alerts.notify.trial import try_channel

    rows: list[ChannelTestRow] = []
    for wanted, channel, why in _chosen(configuration(choice(context, config)), name):
        began = time.monotonic()
        if channel is None:
            row = ChannelTestRow(wanted, False, why, 0.0)
        else:
            answer = try_channel(channel, all_senders(), time.time(), lambda: uuid4().hex)
            row = ChannelTestRow(wanted, answer.is_delivered, answer.text, time.monotonic() - began)
        rows.append(row)
        if not json:
            say(tested_text(row))
    report = ChannelTestReport(all(row.delivered for row in rows), tuple(rows))
    if json:
        say(to_json(report))
    return int(ExitCode.OK if report.ok else ExitCode.WARNING)


def _chosen(loaded: Configuration, name: str) -> Iterator[tuple[str, Channel | None, str]]:
    """Each channel that is to be tried, or why it cannot be; raises UsageError where there is none."""
    from dataclasses import replace

    from aishell_core.documents.problems import nearest
    from aishell_tui.config.alert_rules import open_channels

    configured = loaded.alerts.channels
    if not configured:
        raise UsageError("no channel is configured", "name one under alerts: channels: in your config.yaml; see docs/alerts-channels.md")
    if name and name not in configured:
        raise UsageError(f"there is no channel {name!r}", nearest(name, configured))
    for wanted in [name] if name else configured:
        # One at a time: the secrets of a channel that is not tried are not fetched.
        opened = open_channels(replace(loaded.alerts, channels={wanted: configured[wanted]}))
        why = "; ".join(problem.what for problem in (*opened.faults, *opened.warnings))
        yield wanted, opened.usable.get(wanted), why
