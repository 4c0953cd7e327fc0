"""The title line of a pane."""

from __future__ import annotations

from dataclasses import dataclass

from widgets.format import cell_width, clean, truncate
from widgets.glyphs import Glyphs
from widgets.lines import Span, Spans, spans_width

_BLANKS = 4
"""Around a title, and at the line's end."""


@dataclass(frozen=True, slots=True)
class Heading:
    """What a pane's title line says: title, further words, the age of the data, and why they are stale (then they are)."""

    title: str
    detail: Spans = ()
    age: str = ""
    stale: str = ""


def heading_left(heading: Heading, filter_text: str = "") -> list[Span]:
    """The left side: title, active filter, detail."""
    spans: list[Span] = [(" ", "text"), (heading.title, "title")]
    if filter_text:
        spans += [("  ", "text"), (f"/{filter_text}", "match")]
    if heading.detail:
        spans += [("  ", "text"), *heading.detail]
    return spans


def stale_mark(stale: str, room: int, glyphs: Glyphs) -> Span:
    """Why data are stale, in the cells that the title leaves; how old they are (all before the colon) is said in any case."""
    text = clean(f"{glyphs.critical} {stale}")
    age = text.partition(":")[0]
    return (truncate(text, room, glyphs.ellipsis) if room > cell_width(age) + 4 else age, "critical")


def heading_right(heading: Heading, glyphs: Glyphs, *further: Span, width: int) -> list[Span]:
    """The right side of a line of so many cells: what the pane adds, then the age or the reason for staleness."""
    spans: list[Span] = []
    for span in further:
        if span[0]:
            spans += [span, ("  ", "text")]
    if heading.stale:
        room = width - cell_width(clean(heading.title)) - spans_width(spans) - _BLANKS
        spans += [stale_mark(heading.stale, room, glyphs), (" ", "text")]
    elif heading.age:
        spans += [(heading.age, "dim"), (" ", "text")]
    elif spans:
        spans[-1] = (" ", "text")
    return spans
