"""Where a stretch of a text stands in its file, whatever quotes, escapes, folds and indentation YAML puts around it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from aishell_core.documents.document import Document, KeyPath, Span

_ESCAPE = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))")
_ESCAPED = {"0": "\0", "a": "\a", "b": "\b", "t": "\t", "n": "\n", "v": "\v", "f": "\f", "r": "\r", "e": "\x1b", "N": "\x85", "_": "\xa0"}
_PROPERTY = re.compile(r"[&!]\S*\s+")
_BLANK = " \t\n"

_Piece = tuple[str, int, int, int]
"""A character as it is meant, and where it is written: line, column, and the number of characters that it takes there."""


def span_inside(document: Document, path: KeyPath, start: int, length: int) -> Span | None:
    """The place of a stretch of the text at a path, up to the end of its line; that of the whole text where it cannot be found.

    None where the document has no such place at all.
    """
    whole = document.span(path)
    text = _text_at(document, path)
    if whole is None or text is None:
        return whole
    places = _places(document, whole, text[: start + max(1, length)])
    if places is None:
        return whole
    if start >= len(places):
        line, column, width = places[-1] if places else (whole.line, whole.column, 0)
        return Span(line, column + width, 1)
    line, column, width = places[start]
    for next_line, next_column, next_width in places[start + 1 : start + max(1, length)]:
        if next_line != line:
            break
        width = next_column + next_width - column
    width = min(width, len(document.lines[line - 1]) - column + 1)
    return Span(line, column, max(1, width))


def _text_at(document: Document, path: KeyPath) -> str | None:
    value = document.content
    for step in path:
        if isinstance(value, dict) and isinstance(step, str):
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int):
            value = value[step]
    return value if isinstance(value, str) else None


def _places(document: Document, whole: Span, text: str) -> list[tuple[int, int, int]] | None:
    """Where each character of a text is written; None where the file does not read as the text does."""
    written = _written(document, whole)
    piece = next(written, None)
    found: list[tuple[int, int, int]] = []
    for character in text:
        # What YAML folds: blanks at the ends of lines and indentation stand for one blank, or for nothing.
        while piece is not None and piece[0] != character and piece[0] in _BLANK and not (character == " " and piece[0] == "\n"):
            piece = next(written, None)
        if piece is None:
            # The last line of a block may lack the end of line that its text has.
            return [*found, *([found[-1]] * (len(text) - len(found)))] if found and not text[len(found) :].strip() else None
        if piece[0] != character and not (character == " " and piece[0] == "\n"):
            return None
        found.append(piece[1:])
        piece = next(written, None)
    return found


def _written(document: Document, whole: Span) -> Iterator[_Piece]:
    line = document.lines[whole.line - 1] if whole.line <= len(document.lines) else ""
    column = whole.column - 1
    while (found := _PROPERTY.match(line, column)) is not None:
        column = found.end()
    opening = line[column : column + 1]
    if opening in {"|", ">"}:
        yield from _plain(document, whole.line + 1, 0)
    elif opening == '"':
        yield from _double_quoted(document, whole.line, column + 1)
    elif opening == "'":
        yield from _plain(document, whole.line, column + 1, doubled="'")
    else:
        yield from _plain(document, whole.line, column)


def _plain(document: Document, number: int, column: int, doubled: str = "") -> Iterator[_Piece]:
    """The characters from a place on; one of `doubled` is written twice."""
    for line_number in range(number, len(document.lines) + 1):
        line = document.lines[line_number - 1]
        while column < len(line):
            width = 2 if doubled and line.startswith(doubled * 2, column) else 1
            yield line[column], line_number, column + 1, width
            column += width
        yield "\n", line_number, column + 1, 1
        column = 0


def _double_quoted(document: Document, number: int, column: int) -> Iterator[_Piece]:
    for line_number in range(number, len(document.lines) + 1):
        line = document.lines[line_number - 1]
        while column < len(line):
            found = _ESCAPE.match(line, column)
            if found is not None:
                code = found[1] or found[2] or found[3]
                character = _character(code) if code else _ESCAPED.get(found[4], found[4])
                yield character, line_number, column + 1, found.end() - column
                column = found.end()
                continue
            if line[column] == "\\":
                break  # a backslash at the end of a line joins it to the next one
            yield line[column], line_number, column + 1, 1
            column += 1
        else:
            yield "\n", line_number, column + 1, 1
        column = 0


def _character(code: str) -> str:
    number = int(code, 16)
    return chr(number) if number <= 0x10FFFF else "\ufffd"
