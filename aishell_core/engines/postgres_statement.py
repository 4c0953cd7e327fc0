"""What can be seen of a PostgreSQL statement from its text: its first word, its parameters, whether it was cut off."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

# Every alternative is linear: what is not closed runs to the end of the text and marks it as cut off.
_PIECE = re.compile(
    r"""\s+
    | --[^\n]*
    | (?P<COMMENT> /\* )
    | (?P<ESCAPED> [eE]'(?:[^'\\]|\\.|'')*(?P<ESCAPED_END>'?) )
    | (?P<LITERAL> (?:[bBxXnN]|[uU]&)?'[^']*(?:''[^']*)*(?P<LITERAL_END>'?) )
    | (?P<QUOTED> (?:[uU]&)?"[^"]*(?:""[^"]*)*(?P<QUOTED_END>"?) )
    | (?P<DOLLAR> \$(?:[^\W\d]\w*)?\$ )
    | (?P<PARAMETER> \$[0-9]+ )
    | (?P<WORD> [^\W\d][\w$]* )
    | (?P<NUMBER> [0-9][\w.]* )
    | (?P<SIGN> . )
    """,
    re.VERBOSE | re.DOTALL,
)
_COMMENT_EDGE = re.compile(r"/\*|\*/")


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a statement: its kind (a group of the pattern), its text and where it begins."""

    kind: str
    text: str
    at: int


@dataclass(frozen=True, slots=True)
class Outline:
    """A statement from outside: its words in capitals, how many parameters it has, whether its end is missing."""

    words: tuple[str, ...]
    parameters: int
    cut_off: bool

    @property
    def first(self) -> str:
        """The first word, "" when there is none."""
        return self.words[0] if self.words else ""


def outline(sql: str) -> Outline:
    """The statement from outside; any text has an outline."""
    words: list[str] = []
    parameters, cut_off = 0, False
    for piece in pieces(sql):
        if piece.kind == "CUT":
            cut_off = True
        elif piece.kind == "PARAMETER":
            parameters = max(parameters, min(int(piece.text[1:]), 65536))
        elif piece.kind == "WORD":
            words.append(piece.text.upper())
    return Outline(tuple(words), parameters, cut_off)


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
