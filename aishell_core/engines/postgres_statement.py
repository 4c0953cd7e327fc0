"""What can be seen of a PostgreSQL statement from its text: its first word, its parameters, whether it was cut off."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

# As the server's own scanner cuts a text (https://github.com/postgres/postgres/blob/master/src/backend/parser/scan.l):
# a comment ends at either end of a line, and every sign beyond ASCII belongs to a name, white space of Unicode too.
# Every alternative is linear: what is not closed runs to the end of the text and marks it as cut off.
_HIGH = "\x80-\U0010ffff"
_PIECE = re.compile(
    rf"""[ \t\n\r\f]+
    | --[^\n\r]*
    | (?P<COMMENT> /\* )
    | (?P<ESCAPED> [eE]'(?:[^'\\]|\\.|'')*(?P<ESCAPED_END>'?) )
    | (?P<LITERAL> (?:[bBxXnN]|[uU]&)?'[^']*(?:''[^']*)*(?P<LITERAL_END>'?) )
    | (?P<QUOTED> (?:[uU]&)?"[^"]*(?:""[^"]*)*(?P<QUOTED_END>"?) )
    | (?P<DOLLAR> \$(?:[A-Za-z_{_HIGH}][A-Za-z0-9_{_HIGH}]*)?\$ )
    | (?P<PARAMETER> \$[0-9]+ )
    | (?P<WORD> [A-Za-z_{_HIGH}][A-Za-z0-9_${_HIGH}]* )
    | (?P<NUMBER> 0[xXoObB][0-9A-Fa-f_]+ | [0-9][0-9_]*(?:\.[0-9_]*)?(?:[eE][+-]?[0-9][0-9_]*)? )
    | (?P<SIGN> . )
    """,
    re.VERBOSE | re.DOTALL,
)
BLANK = " \t\n\r\f"
"""What the server takes as white space everywhere."""
_COMMENT_EDGE = re.compile(r"/\*|\*/")


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a statement: its kind (a group of the pattern), its text and where it begins."""

    kind: str
    text: str
    at: int


_NOTHING = Piece("", "", -1)


@dataclass(frozen=True, slots=True)
class Outline:
    """A statement from outside: its words in capitals, how many parameters it has, whether its end is missing."""

    words: tuple[str, ...]
    parameters: int
    cut_off: bool
    doubtful: bool = False
    """Whether servers or their settings differ in where its pieces end."""

    @property
    def first(self) -> str:
        """The first word, "" when there is none."""
        return self.words[0] if self.words else ""


def outline(sql: str) -> Outline:
    """The statement from outside; any text has an outline."""
    words: list[str] = []
    parameters, cut_off = 0, False
    found = tuple(pieces(sql))
    for piece in found:
        if piece.kind == "CUT":
            cut_off = True
        elif piece.kind == "PARAMETER":
            parameters = max(parameters, min(int(piece.text[1:]), 65536))
        elif piece.kind == "WORD":
            words.append(piece.text.upper())
    return Outline(tuple(words), parameters, cut_off, any(_is_doubtful(*both) for both in pairwise((_NOTHING, *found))))


def _is_doubtful(before: Piece, piece: Piece) -> bool:
    """Whether servers differ in where a piece ends, or begins behind the one before.

    A literal goes on in the next line by the rules of how it began; a name right behind a number is a name of its own
    before 15; a vertical tab is white space since 16.
    """
    if before.kind == "ESCAPED":
        return piece.kind in {"LITERAL", "ESCAPED"}
    if before.kind in {"NUMBER", "PARAMETER"}:
        return piece.at == before.at + len(before.text) and (
            piece.kind in {"WORD", "NUMBER", "ESCAPED", "QUOTED"} or piece.text[0].isalpha()
        )
    return piece.kind == "SIGN" and piece.text == "\v"


def is_plain(sql: str) -> bool:
    """Whether a text is a single statement that reads the same whatever standard_conforming_strings says of backslashes."""
    return "\\" not in sql and not any(piece.kind == "SIGN" and piece.text == ";" for piece in pieces(sql))


def has_backslash_in_literal(sql: str) -> bool:
    """Whether a literal without E holds a backslash, which servers of old times read as an escape."""
    return any(piece.kind == "LITERAL" and "\\" in piece.text for piece in pieces(sql))


def pieces(sql: str) -> Iterator[Piece]:
    """The pieces of a statement without white space and comments; a quote or comment that is not closed has the kind CUT."""
    at = 0
    while at < len(sql):
        found = _PIECE.match(sql, at)
        if found is None:  # cannot be: the last alternative takes anything
            return
        kind, end = found.lastgroup or "", found.end()
        kind = kind.removesuffix("_END")
        if kind == "COMMENT":
            end = _comment_end(sql, end)
        elif kind == "DOLLAR":
            closing = sql.find(found[0], end)
            end = closing + len(found[0]) if closing >= 0 else -1
        elif kind in {"ESCAPED", "LITERAL", "QUOTED"} and not found[f"{kind}_END"]:
            end = -1
        if end < 0:
            yield Piece("CUT", sql[at:], at)
            return
        if kind not in {"", "COMMENT"}:
            yield Piece(kind, sql[at:end], at)
        at = end


def _comment_end(sql: str, at: int) -> int:
    """Where a comment ends, with those inside it; -1 when it does not."""
    depth = 1
    while depth:
        edge = _COMMENT_EDGE.search(sql, at)
        if edge is None:
            return -1
        depth += 1 if edge[0] == "/*" else -1
        at = edge.end()
    return at


_TYPES_BEFORE_VALUES = {"DATE", "TIME", "TIMESTAMP", "TIMESTAMPTZ", "TIMETZ", "INTERVAL"}


def grammatical(sql: str) -> str:
    """The text with `interval $1` as `CAST($1 AS interval)`, and `extract($1 FROM a)` as a call of the function.

    The grammar allows constants there, and none of what the server puts in their place when it keeps a statement's text.
    """
    result, copied = [], 0
    found = tuple(pieces(sql))
    for index, piece in enumerate(found):
        if piece.kind != "PARAMETER" or index == 0:
            continue
        before, after = found[index - 1], found[index + 1] if index + 1 < len(found) else piece
        if before.kind == "WORD" and before.text.upper() in _TYPES_BEFORE_VALUES:
            result.append(f"{sql[copied : before.at]}CAST({piece.text} AS {before.text})")
            copied = piece.at + len(piece.text)
        elif before.text == "(" and after.text.upper() == "FROM" and index > 1 and found[index - 2].text.upper() == "EXTRACT":
            result.append(f'{sql[copied : found[index - 2].at]}pg_catalog."extract"({piece.text},')
            copied = after.at + len(after.text)
    return "".join(result) + sql[copied:]
