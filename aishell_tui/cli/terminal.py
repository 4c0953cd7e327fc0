"""Writing to standard output and standard error: data on the one, narration on the other."""

from __future__ import annotations

import os
import shutil
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from typing import TextIO

_WIDTH, _NARROWEST = 120, 40
_SHORTEST_CUT = 12
_SHORTEST_RECORD_CUT = 10
_MOST_CHARACTERS = 4000
"""So much of a cell is looked at: no terminal is wider, and a text of a database may have millions."""


def say(text: str) -> None:
    """Write data to standard output; does nothing when it was closed from the start."""
    _write(sys.stdout, text)


def note(text: str) -> None:
    """Write narration to standard error."""
    _write(sys.stderr, text)


def _write(stream: TextIO | None, text: str) -> None:
    if stream is not None:
        stream.write(text + "\n")


def printable(text: str) -> str:
    """A text from elsewhere on one line, with control characters and direction marks made visible and harmless."""
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else _harmless(character) for character in text)


def _harmless(character: str) -> str:
    if character in "\n\r\t\f\v":
        return " "
    return "" if unicodedata.category(character) == "Cf" else "�"


def cell_width(text: str) -> int:
    """Columns that a text takes on a terminal."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def fit(text: str, width: int) -> str:
    """A text cut to a width in columns, with an ellipsis where something is left out."""
    if cell_width(text) <= width:
        return text
    ellipsis = "…" if speaks_unicode() else "~"
    kept, taken = [], 1
    for character in text:
        taken += cell_width(character)
        if taken > width:
            break
        kept.append(character)
    return "".join(kept) + ellipsis


def table(
    headings: Sequence[str],
    rows: Iterable[Sequence[str]],
    numeric: Iterable[int] = (),
    *,
    whole: bool = False,
    uncut: Iterable[int] = (),
    shortest: int = _SHORTEST_CUT,
) -> str:
    """Rows as aligned columns two spaces apart; the columns of `numeric` are aligned to the right.

    Where a row is wider than `line_width`, the widest columns of text are cut until it fits, unless it is to stay `whole`; those
    of `uncut`, such as times and ids, never are.
    """
    right = set(numeric)
    most = None if whole else _MOST_CHARACTERS
    cells = [list(headings), *([printable(cell[:most]) for cell in row] for row in rows)]
    widths = [max(cell_width(row[column]) for row in cells) for column in range(len(headings))]
    if not whole and (over := sum(widths) + 2 * (len(widths) - 1) - line_width()) > 0:
        widths = narrowed(widths, right | set(uncut), over, shortest)
        cells = [[fit(cell, width) for cell, width in zip(row, widths, strict=True)] for row in cells]
    return "\n".join(_line(row, widths, right) for row in cells)


def narrowed(widths: Sequence[int], right: set[int], over: int, shortest: int = _SHORTEST_CUT) -> list[int]:
    """The widths with columns taken from the widest ones of text; figures and short words are never cut."""
    left = list(widths)
    columns = [column for column in range(len(widths)) if column not in right]
    while over > 0 and columns and (top := max(left[column] for column in columns)) > shortest:
        widest = [column for column in columns if left[column] == top]
        below = max((left[column] for column in columns if left[column] < top), default=0)
        each, more = divmod(min(over, len(widest) * (top - max(below, shortest))), len(widest))
        for place, column in enumerate(widest):
            left[column] -= each + (place < more)
        over -= each * len(widest) + more
    return left


def _line(row: Sequence[str], widths: Sequence[int], right: set[int]) -> str:
    parts = []
    for column, cell in enumerate(row):
        gap = " " * (widths[column] - cell_width(cell))
        parts.append(gap + cell if column in right else cell + gap)
    return "  ".join(parts).rstrip()


def speaks_unicode() -> bool:
    """Whether standard output is to carry glyphs beyond ASCII, by the rules of the dashboard."""
    from widgets.glyphs import choose_glyphs

    encoding = getattr(sys.stdout, "encoding", "") or ""
    return "utf" in encoding.lower() and choose_glyphs(os.environ, encoding).unicode


def is_for_a_screen() -> bool:
    """Whether somebody reads the output at a certain width, rather than a script or a file."""
    return os.environ.get("COLUMNS", "").isdecimal() or (sys.stdout is not None and sys.stdout.isatty())


def record_table(headings: Sequence[str], rows: Iterable[Sequence[str]], uncut: Iterable[int] = (), expendable: Iterable[int] = ()) -> str:
    """A table of records that scripts read too: columns without anything in them are left out, and in a pipe nothing is cut.

    On a screen that is too narrow for it even with short texts, the columns of `expendable` are left out in their order.
    """
    known, kept = [list(row) for row in rows], set(uncut)
    there = [column for column in range(len(headings)) if not known or any(row[column] for row in known)]
    least = {
        column: width if column in kept else min(width, _SHORTEST_RECORD_CUT)
        for column in there
        if (width := max(cell_width(row[column]) for row in (headings, *known)))
    }
    for column in expendable:
        if is_for_a_screen() and sum(least.values()) + 2 * (len(least) - 1) > line_width():
            least.pop(column, None)
    shown = ([row[column] for column in least] for row in known)
    places = [place for place, column in enumerate(least) if column in kept]
    short = _SHORTEST_RECORD_CUT
    return table([headings[column] for column in least], shown, whole=not is_for_a_screen(), uncut=places, shortest=short)


def line_width() -> int:
    """Columns of a table: what COLUMNS says, those of the terminal, else of a usual one that scripts and log files can show."""
    if is_for_a_screen():
        return max(_NARROWEST, shutil.get_terminal_size((_WIDTH, 24)).columns)
    return _WIDTH
