"""The values of the wait profile's screen: layers, rows, titles. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from aishell_core.units import format_count, format_duration, format_value
from aishell_core.values import Unit
from aishell_tui.look import Look
from aishell_tui.screens.stacks import Sign, layer_signs
from aishell_tui.text import moment_text, span_text
from aishell_tui.wait_profile import Dimension, Profile, WaitShare, WaitShares
from widgets.chart_axis import ChartMark
from widgets.format import bar
from widgets.glyphs import Glyphs
from widgets.heading import Heading
from widgets.lines import Spans
from widgets.palette import Role
from widgets.stacked_chart import StackData, StackLayer
from widgets.table_model import Cell, Column, Row

_BAR_CELLS = 20
_SIGNS = ("CPU", "Lock", "IO", "LWLock", "BufferPin", "Client", "IPC", "Timeout", "Activity", "Extension", "InjectionPoint")
"""The classes in the order in which they get their signs."""
_LETTERS = {"CPU": "C", "Lock": "L", "IO": "I", "LWLock": "W", "BufferPin": "B", "Client": "N", "IPC": "P"}
_TITLES = {
    Dimension.WAIT: "WAIT",
    Dimension.STATEMENT: "STATEMENT",
    Dimension.USER: "USER",
    Dimension.APPLICATION: "APPLICATION",
    Dimension.DATABASE: "DATABASE",
}


def class_signs(classes: Sequence[str]) -> dict[str, Sign]:
    """A sign of its own for each class, the same one whichever others there are as far as the class is known."""
    return layer_signs(classes, _SIGNS, _LETTERS)


def stack_data(profile: Profile, averages: dict[str, float], marks: tuple[ChartMark, ...]) -> StackData:
    """The profile as layers from the bottom up, each with its average in the window."""
    signs = class_signs(profile.classes)
    layers = tuple(
        StackLayer(name, signs[name].letter, signs[name].role, signs[name].block, averages.get(name, 0.0)) for name in profile.classes
    )
    return StackData(layers, profile.buckets, profile.start, profile.step_seconds, marks)


def chart_heading(
    look: Look, now: float, average: float | None, only: Sequence[str], fresh: str, stale: str, *, partly_hidden: bool = False
) -> Heading:
    """What the chart shows: the window, what it is narrowed to in words, and how fresh it is."""
    until = "" if look.until is None else f" to {moment_text(look.until, now)}"
    words: list[tuple[str, Role]] = [(f"{span_text(look.span_seconds)}{until}", "bold")]
    if average and partly_hidden:
        words.append((f"  at least {format_count(average)} active on average", "label"))
    elif average is not None:
        words.append(("  active on average n/a" if partly_hidden else f"  {format_count(average)} active on average", "label"))
    words += [(f"  only {text}", "match") for text in only]
    return Heading("waits", tuple(words), fresh, stale)


def sampling_words(interval_seconds: float) -> str:
    """That the figures are a sample, and what that means."""
    every = "once per second" if interval_seconds == 1.0 else f"every {format_duration(interval_seconds)}"
    return f"sampled {every}: short waits are seen by chance"


def share_columns(dimension: Dimension) -> tuple[Column, ...]:
    """The columns of the table below the chart."""
    return (
        Column("average", "ACTIVE", 7, align="right", help="Average active sessions within the window"),
        Column("share", "SHARE", 6, align="right", help="Share of all active sessions within the window"),
        Column("bar", "", _BAR_CELLS, priority=1, help="The share as a bar"),
        Column("name", _TITLES[dimension], None, 30, help="What was waited for, or who did"),
    )


def share_row(row: WaitShare, signs: dict[str, Sign], glyphs: Glyphs, *, coloured: bool) -> Row:
    """One value of a dimension; a wait carries the sign of its class."""
    name: Spans = ((row.text, "text"),)
    if row.wait_class and row.wait_class in signs:
        sign = signs[row.wait_class]
        name = ((sign.block if coloured else sign.letter, sign.role), (f" {row.text}", "text"))
    return Row(
        f"={row.key}",
        {
            "average": Cell(f"{row.average:.2f}" if row.average < 10 else format_count(row.average), "bold", row.average),
            "share": Cell(format_value(row.share, Unit.RATIO), "text", row.share),
            "bar": Cell(bar(row.share, _BAR_CELLS, glyphs), "bar", row.share),
            "name": Cell(spans=name, sort=row.text),
        },
    )


def table_heading(dimension: Dimension, interval_seconds: float) -> Heading:
    """The table's title: by what the sessions are told apart, and the words of caution."""
    return Heading(f"top {dimension}", ((sampling_words(interval_seconds), "dim"),))


def class_averages(shares: WaitShares) -> dict[str, float]:
    """Average active sessions by wait class, from the shares by wait."""
    found: dict[str, float] = {}
    for row in shares.rows:
        found[row.wait_class] = found.get(row.wait_class, 0.0) + row.average
    return found
