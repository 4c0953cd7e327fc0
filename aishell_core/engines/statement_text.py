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


class Dialect(Enum):
    """How texts, names and comments are written, as far as engines differ in it."""

    STANDARD = "standard"
    """SQLite, and whatever nothing more is known of: all forms that can be told apart."""
    MYSQL = "mysql"
    """Double quotes hold texts, a backslash escapes, `#` begins a comment and `--` one only before a blank."""
    POSTGRES = "postgres"
    """Comments hold comments, texts stand in dollar quotes too, `::` begins a type."""


def dialect_of(engine: str) -> Dialect:
    """The dialect of an engine's statements, by its name."""
    return _OF_ENGINES.get(engine, Dialect.STANDARD)


# Every alternative is linear: an unterminated quote or comment runs to the end of the text instead of backtracking.
# The tag of a dollar quote may be of any signs beyond ASCII, as PostgreSQL's lexer has it. A digit before one is a value of
# its own: $1$$x$$ are two pieces.
_PLAIN_TEXT = r"'[^']*(?:''[^']*)*(?:'|\Z)"
_ESCAPED_TEXT = r"'[^'\\]*(?:(?:\\.|'')[^'\\]*)*(?:'|\\?\Z)"
_ESCAPED_DOUBLE = _ESCAPED_TEXT.replace("'", '"')
_DOLLAR_TEXT = r"\$(?P<TAG>(?:[A-Za-z_\x80-\U0010ffff][A-Za-z0-9_\x80-\U0010ffff]*)?)\$.*?(?:\$(?P=TAG)\$|\Z)"
_DOUBLE_QUOTED = r'"[^"]*(?:""[^"]*)*(?:"|\Z)'
_BACKTICKED = r"`[^`]*(?:``[^`]*)*(?:`|\Z)"
_BLOCK_COMMENT = r"/\*.*?(?:\*/|\Z)"
_DECIMAL = r"(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_SIGNS = r"<> | <= | >= | != | == | \|\| | << | >> | ->> | -> | ."


def _pattern(*, comment: str, literal: str, quoted: str, number: str, placeholder: str, word: str, sign: str = _SIGNS) -> re.Pattern[str]:
    kinds = {"COMMENT": comment, "LITERAL": literal, "QUOTED": quoted, "NUMBER": number}
    kinds |= {"PLACEHOLDER": placeholder, "WORD": word, "SIGN": sign}
    return re.compile("|".join((r"\s+", *(f"(?P<{name}> {form} )" for name, form in kinds.items()))), re.VERBOSE | re.DOTALL)


_PATTERNS = {
    Dialect.STANDARD: _pattern(
        comment=rf"--[^\n]* | {_BLOCK_COMMENT}",
        literal=rf"[xX]?{_PLAIN_TEXT} | [eE]{_ESCAPED_TEXT} | {_DOLLAR_TEXT}",
        # What stands in brackets is a name where it looks like one; it may be a list of values.
        quoted=rf"{_DOUBLE_QUOTED} | {_BACKTICKED} | \[[^\W\d][^\]'$,]*(?:\]|\Z)",
        number=rf"0[xX][0-9a-fA-F]+ | {_DECIMAL}",
        placeholder=r"\?[0-9]* | [:@$][0-9]+(?!\w) | [:@]\w[\w$]* | \$[\w$]+",
        word=r"[^\W\d][\w$]*",
    ),
    # A server told to take double quotes for names (ANSI_QUOTES) has these blanked too: whether it is cannot be seen in a text.
    Dialect.MYSQL: _pattern(
        comment=rf"--(?=[\x00-\x20\x7f]|\Z)[^\n]* | \#[^\n]* | {_BLOCK_COMMENT}",
        literal=rf"[xXbBnN]?{_ESCAPED_TEXT} | {_ESCAPED_DOUBLE}",
        quoted=_BACKTICKED,
        number=rf"0x[0-9a-fA-F]+ | 0b[01]+ | {_DECIMAL}",
        placeholder=r"\?",
        # The names of variables tell no value.
        word=r"[^\W\d][\w$]* | \$[\w$]* | @@?[\w$]+",
    ),
    # A text with escapes goes on in the next line's quotes.
    Dialect.POSTGRES: _pattern(
        comment=r"--[^\n\r]* | /\*",
        literal=rf"[eE]{_ESCAPED_TEXT}(?:[ \t\r\f\v]*\n\s*{_ESCAPED_TEXT})* | (?:[xXbBnN]|[uU]&)?{_PLAIN_TEXT} | {_DOLLAR_TEXT}",
        quoted=rf"(?:[uU]&)?{_DOUBLE_QUOTED}",
        number=rf"0[xX][0-9a-fA-F_]+ | 0[oO][0-7_]+ | 0[bB][01_]+ | [0-9][0-9_]*(?:\.[0-9_]*)?(?:[eE][+-]?[0-9_]+)? | {_DECIMAL}",
        placeholder=r"\?[0-9]* | \$[0-9]+",
        word=r"[^\W\d][\w$]*",
        sign=rf":: | {_SIGNS}",
    ),
}
_OF_ENGINES = {"mysql": Dialect.MYSQL, "postgres": Dialect.POSTGRES}
_COMMENT_ENDS = re.compile(r"/\*|\*/")
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


def tokens(sql: str, dialect: Dialect = Dialect.STANDARD) -> Iterator[Token]:
    """The pieces of a statement in order, without white space; any text has some."""
    pattern, nests = _PATTERNS[dialect], dialect is Dialect.POSTGRES
    found = pattern.match(sql)
    while found is not None:
        end = found.end()
        if found.lastgroup is not None:
            if nests and found[0] == "/*":
                end = _end_of_comment(sql, found.start())
            yield Token(TokenKind[found.lastgroup], sql[found.start() : end])
        found = pattern.match(sql, end)


def _end_of_comment(sql: str, start: int) -> int:
    """Where a comment ends that may hold others; one that never ends goes to the end of the text."""
    depth = 0
    for mark in _COMMENT_ENDS.finditer(sql, start):
        depth += 1 if mark[0] == "/*" else -1
        if not depth:
            return mark.end()
    return len(sql)


def readable(sql: str | bytes) -> str:
    """A statement's text as proper Unicode: foreign bytes and lone surrogates become replacement characters."""
    if isinstance(sql, bytes):
        return sql.decode("utf-8", "replace")
    return sql.encode("utf-8", "surrogatepass").decode("utf-8", "replace")


def normalise(sql: str | bytes, dialect: Dialect = Dialect.STANDARD) -> str:
    """The shape of a statement: literals and placeholders are `?`, lists are folded, spacing is canonical, comments are gone."""
    shape = _join(_signed(piece for piece in tokens(readable(sql), dialect) if piece.kind is not TokenKind.COMMENT))
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
    if before in {"(", ".", "::"} or text in {",", ")", ".", ";", "::"}:
        return True
    return text == "(" and (before[-1].isalnum() or before[-1] in '_"`]') and before.upper() not in _OPENING_WORDS
