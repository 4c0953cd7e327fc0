"""Which cells of a line have changed; pure."""

from __future__ import annotations

import re

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

# Everything that widgets draw themselves is one cell wide; text beyond these ranges may be wide or combining.
_ONE_CELL = re.compile(
    r"[\x20-\x7e\xa1-\xac\xae-\u02ff\u0370-\u0377\u2010-\u2027\u2030-\u205e\u2190-\u21ff\u2400-\u2426\u2500-\u25fc\u2713-\u2717\u2800-\u28ff]*"
)
_NEAR_CELLS = 12
"""A range of its own costs a cursor movement and some processor time; closer changes are sent with what is between."""


def is_one_cell_text(text: str) -> bool:
    """Whether every character is known to take exactly one cell."""
    return text.isascii() or _ONE_CELL.fullmatch(text) is not None


def changed_spans(old: Strip, new: Strip) -> list[tuple[int, int]]:
    """The cell ranges (start, end) in which two strips of the same width differ; nearby ranges are merged.

    Text with wide or combining characters is compared as a whole line, because a part of a wide character
    cannot be repainted.
    """
    if old is new or old._segments == new._segments:
        return []
    if old.cell_length != new.cell_length or not (is_one_cell_text(old.text) and is_one_cell_text(new.text)):
        return [(0, max(old.cell_length, new.cell_length))]
    found: list[tuple[int, int]] = []
    for piece in _aligned(old._segments, new._segments):
        for start, end in _differing(*piece):
            if found and start - found[-1][1] < _NEAR_CELLS:
                found[-1] = (found[-1][0], end)
            else:
                found.append((start, end))
    return found


_Piece = tuple[str, Style | None]


def _aligned(old: list[Segment], new: list[Segment]) -> list[tuple[int, _Piece, _Piece]]:
    """Both lines cut at the borders of both, as (start, old piece, new piece)."""
    pieces: list[tuple[int, _Piece, _Piece]] = []
    start = old_index = new_index = old_offset = new_offset = 0
    while old_index < len(old) and new_index < len(new):
        old_text, old_style, _ = old[old_index]
        new_text, new_style, _ = new[new_index]
        length = min(len(old_text) - old_offset, len(new_text) - new_offset)
        before = old_text[old_offset : old_offset + length]
        after = new_text[new_offset : new_offset + length]
        if before != after or (old_style is not new_style and old_style != new_style):
            pieces.append((start, (before, old_style), (after, new_style)))
        start, old_offset, new_offset = start + length, old_offset + length, new_offset + length
        if old_offset == len(old_text):
            old_index, old_offset = old_index + 1, 0
        if new_offset == len(new_text):
            new_index, new_offset = new_index + 1, 0
    return pieces


def _differing(start: int, before: _Piece, after: _Piece) -> list[tuple[int, int]]:
    """The parts of a piece that differ: all of it where the style does, else its differing characters."""
    (old_text, old_style), (new_text, new_style) = before, after
    if old_style != new_style:
        return [(start, start + len(new_text))]
    return [(start + at, start + at + 1) for at, (old, new) in enumerate(zip(old_text, new_text, strict=True)) if old != new]
