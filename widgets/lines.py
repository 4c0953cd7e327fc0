"""Lines of text with roles, and the strips that are made of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from widgets.format import Align, cell_width, clean, fit, truncate
from widgets.glyphs import Glyphs
from widgets.line_strip import LineStrip
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


def fit_cell(pieces: Spans, width: int, align: Align, glyphs: Glyphs) -> Spans:
    """Spans of any text, made harmless, in exactly `width` cells; the padding is plain text."""
    if len(pieces) != 1:
        return tuple(fit_spans(clean_spans(pieces, ascii_only=not glyphs.unicode), width, glyphs.ellipsis, align))
    text, role = pieces[0]
    text = clean(text, ascii_only=not glyphs.unicode)
    if role == "text" or cell_width(text) >= width:
        return ((fit(text, width, align, glyphs.ellipsis), role),)
    return tuple(fit_spans(((text, role),), width, glyphs.ellipsis, align))


def pack_strip(spans: Iterable[Span], width: int, styles: Styles) -> Strip:
    """A strip from clean spans that are known to take exactly `width` cells together."""
    segments: list[Segment] = []
    pending = ""
    last: Style | None = None
    for text, role in spans:
        style = styles[role]
        if style is last:
            pending += text
            continue
        if pending and last is not None:
            segments.append(Segment(pending, last))
        pending, last = text, style
    if pending:
        segments.append(Segment(pending, last))
    return LineStrip(segments, width)


def make_strip(spans: Iterable[Span], width: int, styles: Styles) -> Strip:
    """A strip of exactly `width` cells from clean spans: too long is cut, too short is filled with the text style."""
    kept: list[Span] = []
    room = max(width, 0)
    for text, role in spans:
        cells = cell_width(text)
        if cells > room:
            text = truncate(text, room, "")
            # Half a wide character is a blank.
            text += " " * (room - cell_width(text))
            cells = room
        kept.append((text, role))
        room -= cells
        if room <= 0:
            break
    if room > 0:
        kept.append((" " * room, "text"))
    return pack_strip(kept, max(width, 0), styles)


def sides(left: Sequence[Span], right: Sequence[Span], width: int, ellipsis: str) -> list[Span]:
    """Clean spans at both ends of a line; the right side stays whole, the left is cut, then the right goes."""
    right_width = spans_width(right)
    if right_width + 2 > width:
        return fit_spans(left, width, ellipsis)
    if not right_width:
        return [*fit_spans(left, width, ellipsis), *right]
    # At least a blank between them, also where the left side is cut.
    return [*fit_spans(left, width - right_width - 1, ellipsis), (" ", "text"), *right]
