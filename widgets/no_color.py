"""No colour at all for people who ask for none (the NO_COLOR convention)."""

from __future__ import annotations

from functools import lru_cache

from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter


class NoColorFilter(LineFilter):
    """Takes every colour from a line and keeps bold, dim, underline and reverse.

    Textual's own filter turns colours into greys, which still are colour codes. An app uses this one alone by
    returning it from `get_line_filters`.
    """

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The segments without colours."""
        return [
            Segment(text, None if style is None else colourless(style, _is_highlight(style, background)), control)
            for text, style, control in segments
        ]


@lru_cache(maxsize=4096)
def colourless(style: Style, highlight: bool = False) -> Style:
    """A style without its colours; `highlight` says that its background stood out, which reverse then shows."""
    return Style(
        bold=style.bold,
        dim=style.dim,
        italic=style.italic,
        underline=style.underline,
        reverse=True if highlight or style.reverse else None,
        strike=style.strike,
        meta=style.meta or None,
    )


def _is_highlight(style: Style, background: Color) -> bool:
    ground = style.bgcolor
    return ground is not None and not ground.is_default and ground.triplet is not None and ground.triplet != background.rich_color.triplet
