"""The shape of a statement: its text without literals, comments and accidental spacing, and a stable digest of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum
from hashlib import blake2b
from typing import NamedTuple

SHOWN_CHARACTERS = 4096
"""How much of a shape is kept for display; the digest is made of all of it."""


class TokenKind(Enum):
    """What a piece of a statement is."""

    COMMENT = "comment"
    LITERAL = "literal"
    NUMBER = "number"
    PLACEHOLDER = "placeholder"
    QUOTED = "quoted"
    WORD = "word"
    SIGN = "sign"


class Token(NamedTuple):
    """A piece of a statement with its text as written."""

    kind: TokenKind
    text: str


# Every alternative is linear: an unterminated quote or comment runs to the end of the text instead of backtracking.
# The tag of a dollar quote may be of any signs beyond ASCII, as PostgreSQL's lexer has it. A digit before one is a value of
# its own: $1$$x$$ are two pieces. What stands in brackets is a name where it looks like one; it may be a list of values.
_TOKEN = re.compile(
    r"""\s+
    | (?P<COMMENT> --[^\n]* | /\*.*?(?:\*/|\Z) )
    | (?P<LITERAL> [xX]?'[^']*(?:''[^']*)*(?:'|\Z)
        | [eE]'[^'\\]*(?:(?:\\.|'')[^'\\]*)*(?:'|\\?\Z)
        | \$(?P<TAG>(?:[A-Za-z_\x80-\U0010ffff][A-Za-z0-9_\x80-\U0010ffff]*)?)\$.*?(?:\$(?P=TAG)\$|\Z) )
    | (?P<QUOTED> "[^"]*(?:""[^"]*)*(?:"|\Z) | `[^`]*(?:``[^`]*)*(?:`|\Z) | \[[^\W\d][^\]'$,]*(?:\]|\Z) )
    | (?P<NUMBER> 0[xX][0-9a-fA-F]+ | (?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)? )
    | (?P<PLACEHOLDER> \?[0-9]* | [:@$][0-9]+(?!\w) | [:@]\w[\w$]* | \$[\w$]+ )
    | (?P<WORD> [^\W\d][\w$]* )
    | (?P<SIGN> <> | <= | >= | != | == | \|\| | << | >> | ->> | -> | . )
    """,
    re.VERBOSE | re.DOTALL,
)
_VALUES = {TokenKind.LITERAL, TokenKind.NUMBER, TokenKind.PLACEHOLDER}
# Words before which a parenthesis opens a list or a subquery; after any other word it opens the arguments of a function.
_OPENING_WORDS = frozenset(
    {
        *("ALL", "AND", "AS", "BETWEEN", "BY", "CASE", "CHECK", "DISTINCT", "ELSE", "EXCEPT", "EXISTS", "FILTER", "FROM", "HAVING"),
        *("IN", "INTERSECT", "INTO", "IS", "JOIN", "KEY", "LIKE", "LIMIT", "MATERIALIZED", "NOT", "ON", "OR", "ORDER", "OVER"),
        *("RETURNING", "SELECT", "SET", "THEN", "UNION", "UNIQUE", "USING", "VALUES", "WHEN", "WHERE", "WITH"),
    }
)
_IN_LIST = re.compile(r"\b(in) \(\?(?:, \?)+\)", re.IGNORECASE)
_VALUE = r"(?:\?|NULL|DEFAULT)"
_ROW = rf"\({_VALUE}(?:, {_VALUE})*\)"
_ROWS = re.compile(rf"({_ROW})(?:, {_ROW})+", re.IGNORECASE)


def tokens(sql: str) -> Iterator[Token]:
    """The pieces of a statement in order, without white space; any text has some."""
    for match in _TOKEN.finditer(sql):
        if match.lastgroup is not None:
            yield Token(TokenKind[match.lastgroup], match[0])


def readable(sql: str | bytes) -> str:
    """A statement's text as proper Unicode: foreign bytes and lone surrogates become replacement characters."""
    if isinstance(sql, bytes):
        return sql.decode("utf-8", "replace")
    return sql.encode("utf-8", "surrogatepass").decode("utf-8", "replace")


def normalise(sql: str | bytes) -> str:
    """The shape of a statement: literals and placeholders are `?`, lists are folded, spacing is canonical, comments are gone."""
    shape = _join(_signed(piece for piece in tokens(readable(sql)) if piece.kind is not TokenKind.COMMENT))
    return _ROWS.sub(r"\1", _IN_LIST.sub(r"\1 (?)", shape)).rstrip("; ")


def digest(shape: str) -> str:
    """Sixteen hexadecimal digits that stand for a shape, the same on every machine and in every version."""
    return blake2b(shape.encode("utf-8", "replace"), digest_size=8).hexdigest()


def _signed(pieces: Iterator[Token]) -> Iterator[str]:
    """Texts of the pieces with values as `?`; a sign that belongs to a number is part of its value."""
    signs: list[str] = []
    after_value = False
    for piece in pieces:
        if piece.kind is TokenKind.SIGN and piece.text in "+-" and (signs or not after_value):
            signs.append(piece.text)
            continue
        if piece.kind in _VALUES:
            signs.clear()
        yield from signs
        signs.clear()
        yield "?" if piece.kind in _VALUES else piece.text
        word = piece.text.upper() if piece.kind is TokenKind.WORD else ""
        after_value = (piece.kind is not TokenKind.SIGN or piece.text == ")") and word not in _OPENING_WORDS
    yield from signs


def _join(texts: Iterator[str]) -> str:
    parts: list[str] = []
    before = ""
    for text in texts:
        if parts and not _tight(before, text):
            parts.append(" ")
        parts.append(text)
        before = text
    return "".join(parts)


def _tight(before: str, text: str) -> bool:
    if before in {"(", "."} or text in {",", ")", ".", ";"}:
        return True
    return text == "(" and (before[-1].isalnum() or before[-1] in '_"`]') and before.upper() not in _OPENING_WORDS
