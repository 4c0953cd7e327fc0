"""Lines of text with roles, and the strips that are made of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.segment import Segment
from textual.strip import Strip

from widgets.format import Align, cell_width, clean, truncate
from widgets.palette import Role, Styles

Span = tuple[str, Role]
"""A piece of text and the role that it is drawn in."""

Spans = tuple[Span, ...]


def spans_width(spans: Iterable[Span]) -> int:
    """The cells that clean spans take."""
    return sum(cell_width(text) for text, _ in spans)


def clean_spans(spans: Iterable[Span], *, ascii_only: bool) -> list[Span]:
    """The spans with harmless text."""
    return [(clean(text, ascii_only=ascii_only), role) for text, role in spans]


def fit_spans(spans: Sequence[Span], width: int, ellipsis: str, align: Align = "left") -> list[Span]:
    """Clean spans in exactly `width` cells; what is cut ends in the ellipsis."""
    room = width - spans_width(spans)
    if room < 0:
        return _cut_spans(spans, width, ellipsis)
    if room == 0:
        return list(spans)
    if align == "right":
        return [(" " * room, "text"), *spans]
    if align == "center":
        return [(" " * (room // 2), "text"), *spans, (" " * (room - room // 2), "text")]
    return [*spans, (" " * room, "text")]


def _cut_spans(spans: Sequence[Span], width: int, ellipsis: str) -> list[Span]:
    kept: list[Span] = []
    for text, role in spans:
        cells = cell_width(text)
        # The last span that fits whole may still have to give one cell to the ellipsis.
        if cells < width:
            kept.append((text, role))
            width -= cells
            continue
        short = truncate(text + ellipsis, width, ellipsis) if cells == width else truncate(text, width, ellipsis)
        missing = width - cell_width(short)
        kept.append((short + " " * missing, role))
        break
    return kept


def make_strip(spans: Iterable[Span], width: int, styles: Styles) -> Strip:
    """A strip of exactly `width` cells from clean spans: too long is cut, too short is filled with the text style."""
    segments: list[Segment] = []
    room = width
    pending: list[str] = []
    last = styles["text"]
    for text, role in spans:
        if room <= 0:
            break
        cells = cell_width(text)
        if cells > room:
            text = truncate(text, room, "")
            if (cells := cell_width(text)) < room:
                text, cells = text + " " * (room - cells), room
        if not cells and not text:
            continue
        room -= cells
        style = styles[role]
        if style is not last and style != last:
            if pending:
                segments.append(Segment("".join(pending), last))
            pending, last = [], style
        pending.append(text)
    if room > 0:
        fill = styles["text"]
        if pending and last != fill:
            segments.append(Segment("".join(pending), last))
            pending = []
        pending.append(" " * room)
        last = fill
    if pending:
        segments.append(Segment("".join(pending), last))
    return Strip(segments, max(width, 0))


def sides(left: Sequence[Span], right: Sequence[Span], width: int, ellipsis: str) -> list[Span]:
    """Clean spans at both ends of a line; the right side stays whole, the left is cut, then the right goes."""
    right_width = spans_width(right)
    if right_width + 2 > width:
        return fit_spans(left, width, ellipsis)
    return [*fit_spans(left, width - right_width, ellipsis), *right]
