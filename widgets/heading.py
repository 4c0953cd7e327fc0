"""The title line of a pane."""

from __future__ import annotations

from dataclasses import dataclass

from widgets.glyphs import Glyphs
from widgets.lines import Span, Spans


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


def heading_right(heading: Heading, glyphs: Glyphs, *further: Span) -> list[Span]:
    """The right side: what the pane adds, then the age or the reason for staleness."""
    spans: list[Span] = []
    for span in further:
        if span[0]:
            spans += [span, ("  ", "text")]
    if heading.stale:
        spans += [(f"{glyphs.critical} {heading.stale}", "critical"), (" ", "text")]
    elif heading.age:
        spans += [(heading.age, "dim"), (" ", "text")]
    elif spans:
        spans[-1] = (" ", "text")
    return spans
