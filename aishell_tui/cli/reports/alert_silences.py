"""What the commands about silences print."""

from __future__ import annotations

from collections.abc import Sequence

from aishell_core.units import format_counted, format_duration
from aishell_tui.cli.alert_shapes import SilencesReport
from aishell_tui.cli.encode import utc_text
from aishell_tui.cli.reports.alerts import silence_row
from aishell_tui.cli.terminal import printable, record_table
from alerts.models import Silence
from alerts.rules.matchers import format_matcher
from alerts.silences import is_active


def silences_report(silences: Sequence[Silence], now: float) -> SilencesReport:
    """The silences as scripts get them."""
    return SilencesReport(tuple(silence_row(each, now) for each in silences))


def silences_text(silences: Sequence[Silence], now: float) -> str:
    """The silences as people get them."""
    if not silences:
        return "no silence holds, and none is to come"
    return record_table(
        ("ID", "STATE", "ENDS", "LEFT", "MATCHERS", "AUTHOR", "COMMENT"), (_cells(each, now) for each in silences), uncut=(0, 2, 3)
    )


def _cells(silence: Silence, now: float) -> tuple[str, ...]:
    state = "holds" if is_active(silence, now) else f"in {format_duration(silence.starts_at - now)}"
    left = format_duration(max(0.0, silence.ends_at - now))
    return (silence.id, state, utc_text(silence.ends_at), left, matchers_text(silence), silence.author, silence.comment)


def matchers_text(silence: Silence) -> str:
    """What an alert must match."""
    return ", ".join(map(format_matcher, silence.matchers))


def silence_text(silence: Silence, matching: int, now: float) -> str:
    """One silence after it was made or given another end."""
    begin = "" if is_active(silence, now) else f" from {utc_text(silence.starts_at)}"
    lines = [f"silence {silence.id}: {matchers_text(silence)}{begin} until {utc_text(silence.ends_at)}, by {silence.author}"]
    lines.append(f"{format_counted(matching, 'living alert matches', 'living alerts match')}; they go on, and nobody is told")
    return "\n".join(map(printable, lines))
