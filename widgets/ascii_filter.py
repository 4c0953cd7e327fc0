"""ASCII in place of everything else, for terminals that have no more."""

from __future__ import annotations

from functools import lru_cache

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

_TWINS = {
    "▔": " ",
    "▁": "_",
    "▂": "_",
    "▅": "=",
    "▇": "#",
    "█": "#",
    "▌": "|",
    "▐": "|",
    "▎": "|",
    "▊": "|",
    "│": "|",
    "─": "-",
    "━": "=",
    "╸": "=",
    "╺": "=",
    "…": ".",
    "•": "*",
    "●": "*",
    "▶": ">",
    "▼": "v",
    "▲": "^",
    "🔎": "> ",
    "\xa0": " ",
}


class AsciiFilter(LineFilter):
    """Draws what the library's own widgets write (input, palette, scroll bars) in ASCII; live widgets do so by themselves."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The segments in ASCII, each as wide as it was."""
        return [
            segment if segment.text.isascii() else Segment(in_ascii(segment.text), segment.style, segment.control) for segment in segments
        ]


@lru_cache(maxsize=2048)
def in_ascii(text: str) -> str:
    """The text with a plain twin for each symbol that has one, else as many question marks as it has cells."""
    return "".join(letter if letter.isascii() else _TWINS.get(letter, "?" * cell_len(letter)) for letter in text)
