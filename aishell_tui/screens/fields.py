"""Names and words side by side. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from widgets.format import cell_width, clean, wrap
from widgets.lines import Spans


def field_lines(fields: tuple[tuple[str, str], ...], width: int) -> tuple[Spans, ...]:
    """Names and words side by side, as many on a line as there is room for; words that no line has room for go on below."""
    lines: list[list[tuple[str, str]]] = [[]]
    used = 0
    for name, text in _broken(fields, width):
        cells = cell_width(clean(name)) + cell_width(clean(text)) + 4
        if lines[-1] and used + cells > width:
            lines.append([])
            used = 0
        lines[-1].append((name, text))
        used += cells
    return tuple(
        tuple(span for name, text in line for span in ((f" {name} " if name else " ", "label"), (f"{text}  ", "text" if name else "bold")))
        for line in lines
    )


def _broken(fields: tuple[tuple[str, str], ...], width: int) -> Iterator[tuple[str, str]]:
    for name, text in fields:
        named = cell_width(clean(name))
        first, *rest = wrap(clean(text), max(20, width - named - 4)) if named + cell_width(clean(text)) + 4 > width else [text]
        yield name, first
        yield from ((" " * named, line) for line in rest)
