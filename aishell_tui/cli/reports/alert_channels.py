"""What `aishell alerts channels` prints."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from aishell_core.units import format_duration
from aishell_tui.cli.alert_shapes import ChannelRow, ChannelsReport, ChannelTestRow
from aishell_tui.cli.encode import utc_text
from aishell_tui.cli.terminal import printable, table
from alerts.notify.models import Channel, ChannelState
from alerts.notify.urls import scheme_of


def channels_report(
    states: Iterable[ChannelState], configured: Collection[str], known: Mapping[str, Channel], default: Collection[str]
) -> ChannelsReport:
    """The channels as scripts get them. Of those in `known` the URL stands in the file, so that its scheme can be shown."""
    return ChannelsReport(tuple(_row(state, configured, known.get(state.channel), default) for state in states))


def _row(state: ChannelState, configured: Collection[str], channel: Channel | None, default: Collection[str]) -> ChannelRow:
    return ChannelRow(
        name=state.channel,
        kind=str(channel.kind) if channel is not None else "",
        scheme=scheme_of(channel.url.reveal()) if channel is not None else "",
        configured=state.channel in configured,
        default=state.channel in default,
        queued=state.queued,
        dead=state.dead,
        failing_since=None if state.failing_since is None else utc_text(state.failing_since),
        last_answer=state.last_answer,
        missing_since=None if state.missing_since is None else utc_text(state.missing_since),
        delivered_at=None if state.delivered_at is None else utc_text(state.delivered_at),
    )


def channels_text(report: ChannelsReport) -> str:
    """The channels as people get them."""
    if not report.channels:
        return "no channel is configured: nobody is told; see docs/alerts-channels.md"
    return table(("CHANNEL", "BY", "STATE", "QUEUED", "GIVEN UP", "LAST DELIVERY", "ANSWER"), map(_cells, report.channels), (3, 4))


def _cells(row: ChannelRow) -> tuple[str, ...]:
    name = f"{row.name} (default)" if row.default else row.name
    if not row.configured:
        state = "not configured"
    elif row.missing_since is not None:
        state = f"cannot be used since {row.missing_since}"
    elif row.failing_since is not None:
        state = f"fails since {row.failing_since}"
    else:
        state = "works" if row.delivered_at else "never used"
    return (name, row.scheme, state, str(row.queued), str(row.dead), row.delivered_at or "", row.last_answer)


def tested_text(row: ChannelTestRow) -> str:
    """What came of a test message, in one line."""
    took = f" ({format_duration(row.seconds)})" if row.seconds else ""
    return printable(f"{row.channel}: {'delivered' if row.delivered else 'failed'}{took}: {row.answer}")
