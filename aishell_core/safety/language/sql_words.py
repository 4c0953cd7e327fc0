"""The pieces of a statement as its server reads them: where texts and comments begin and end, which is where tricks live; pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from itertools import pairwise
from typing import NamedTuple


class Kind(Enum):
    """What a piece is."""

    WORD = auto()
    QUOTED = auto()
    TEXT = auto()
    NUMBER = auto()
    PARAMETER = auto()
    SIGN = auto()
    COMMENT = auto()


class Piece(NamedTuple):
    """A piece as it is written, and where it begins."""

    kind: Kind
    text: str
    start: int

    @property
    def word(self) -> str:
        """A bare word in capitals, else empty."""
        return _folded(self.text).upper() if self.kind is Kind.WORD else ""

    @property
    def name(self) -> str:
        """A name in small letters where it is bare, without its quotes where it is quoted; else empty."""
        if self.kind is Kind.WORD:
            return _folded(self.text)
        return self.text[1:-1] if self.kind is Kind.QUOTED else ""


def _folded(text: str) -> str:
    """Small letters, but of ASCII alone: what else is equal without regard to case is the server's own matter."""
    return text.lower() if text.isascii() else text


class UnreadableError(Exception):
    """A text whose pieces cannot be told with certainty; the reason in words."""


@dataclass(frozen=True, slots=True)
class Lexis:
    """How an engine reads texts, names and comments.

    `backslashes`: whether a backslash escapes in a plain text is a setting of the server, so that both readings are looked at.
    `double_texts`: "x" is a text. `strict_dashes`: -- begins a comment only before white space. `code_comments`:
    /*! … */ is run. `letters`: what may stand before a quote to make it a text of another kind. `numbered_colons`: :1 is a
    value that is bound. `percent_values`: %s and %(name)s, which drivers put values for, stand where a value may stand.
    """

    letters: str = "bBxXnN"
    backslashes: bool = False
    escape_letters: str = ""
    double_texts: bool = False
    nested_comments: bool = False
    dollar_texts: bool = False
    hash_comments: bool = False
    strict_dashes: bool = False
    code_comments: bool = False
    backticks: bool = False
    brackets: bool = False
    chosen_quotes: bool = False
    numbered_colons: bool = False
    percent_values: bool = False


_SPACE = re.compile(r"[ \t\n]+|\r\n")
_WORD = re.compile(r"[^\W\d][\w$]*")
_ORACLE_WORD = re.compile(r"[^\W\d][\w$#]*")
_NUMBER = re.compile(r"0[xX][0-9a-fA-F_]+|0[bBoO][0-7_]+|(?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9][0-9_]*)(?:[eE][+-]?[0-9]+)?")
_PARAMETER = re.compile(r"\?[0-9]*|\$[0-9]+|@@?[\w.$]+|:[^\W\d]\w*")
_NUMBERED_COLON = re.compile(r":[0-9]+")
_OPERANDS = frozenset({Kind.QUOTED, Kind.TEXT, Kind.NUMBER, Kind.PARAMETER})
_BEFORE_VALUES = frozenset(
    {
        *("AND", "BETWEEN", "BY", "CASE", "ELSE", "HAVING", "IN", "LIKE", "LIMIT", "NOT", "OFFSET", "ON", "OR"),
        *("REGEXP", "RETURN", "RLIKE", "SELECT", "SET", "THEN", "VALUES", "WHEN", "WHERE", "XOR"),
    }
)
_SIGN = re.compile(r"::|:=|<=>|<>|<=|>=|!=|==|->>|->|\|\||&&|.", re.DOTALL)
_DOLLAR = re.compile(r"\$(?:[^\W\d]\w*)?\$")
_DASHES = re.compile(r"--[^\n]*")
_HASH = re.compile(r"#[^\n]*")
_CLOSING = {"[": "]", "(": ")", "{": "}", "<": ">"}


def scan(sql: str, lexis: Lexis) -> tuple[Piece, ...]:
    """The pieces of a text, comments among them; raises UnreadableError where servers may read it in several ways."""
    _refuse_odd_characters(sql)
    pieces = tuple(_pieces(sql, lexis, escapes=lexis.backslashes))
    if "\\" in sql and (lexis.backslashes or lexis.escape_letters):
        _refuse_second_reading(sql, lexis, pieces)
    for piece in pieces:
        if piece.kind is Kind.SIGN and (piece.text == "\\" or not piece.text.isascii()):
            raise UnreadableError(f"the character U+{ord(piece.text[0]):04X} outside of a text")
        if piece.kind is not Kind.TEXT and piece.kind is not Kind.COMMENT:
            _refuse_hidden(piece.text)
    return tuple(_with_percent_values(pieces)) if lexis.percent_values and "%" in sql else pieces


def _with_percent_values(pieces: tuple[Piece, ...]) -> Iterator[Piece]:
    """The pieces with %s and %(name)s as one each; behind an operand a % divides, and stays what it is."""
    place, before = 0, None
    while place < len(pieces):
        piece = pieces[place]
        size = 0 if before is not None and _is_operand(before) else _percent_size(pieces[place : place + 5])
        if size:
            piece = Piece(Kind.PARAMETER, "".join(part.text for part in pieces[place : place + size]), piece.start)
        yield piece
        before = before if piece.kind is Kind.COMMENT else piece
        place += size or 1


def _is_operand(piece: Piece) -> bool:
    if piece.kind is Kind.WORD:
        return piece.word not in _BEFORE_VALUES
    return piece.kind in _OPERANDS or piece.text in {")", "]"}


def _percent_size(ahead: tuple[Piece, ...]) -> int:
    """How many pieces that stand together make up a driver's placeholder; 0 for none."""
    written = [piece.text if piece.kind is not Kind.WORD or piece.text == "s" else "name" for piece in ahead]
    size = 2 if written[:2] == ["%", "s"] else 5 if written in (["%", "(", "name", ")", "s"], ["%", "(", "s", ")", "s"]) else 0
    together = all(left.start + len(left.text) == right.start for left, right in pairwise(ahead[:size]))
    return size if together else 0


def _refuse_odd_characters(sql: str) -> None:
    if "\0" in sql:
        raise UnreadableError("a NUL character, at which some servers stop reading")
    if re.search(r"\r(?!\n)", sql):
        raise UnreadableError("a carriage return alone, which ends a line for some servers and not for others")


def _refuse_hidden(text: str) -> None:
    """Characters that a person does not see, or that one server takes for a space and another for a letter."""
    if text.isascii() and text.isprintable():
        return
    for character in text:
        if unicodedata.category(character) in {"Cc", "Cf", "Co", "Cs", "Cn", "Zs", "Zl", "Zp"} and character not in " \t\n\r":
            raise UnreadableError(f"the invisible character U+{ord(character):04X} outside of a text")


def _refuse_second_reading(sql: str, lexis: Lexis, first: tuple[Piece, ...]) -> None:
    """Whether a backslash escapes is a setting of the server: where the other setting gives another statement, nobody knows."""
    try:
        second = tuple(_pieces(sql, lexis, escapes=not lexis.backslashes))
    except UnreadableError:
        return
    if second != first and not any(piece.kind is Kind.SIGN and piece.text == "\\" for piece in second):
        raise UnreadableError("a backslash before a quote, which a setting of the server decides on")


def _pieces(sql: str, lexis: Lexis, *, escapes: bool) -> Iterator[Piece]:
    at = 0
    while at < len(sql):
        space = _SPACE.match(sql, at)
        if space is not None:
            at = space.end()
            continue
        kind, end = _comment(sql, at, lexis) or _text(sql, at, lexis, escapes=escapes) or _plain(sql, at, lexis)
        yield Piece(kind, sql[at:end], at)
        at = end


def _comment(sql: str, at: int, lexis: Lexis) -> tuple[Kind, int] | None:
    if sql.startswith("/*", at):
        if lexis.code_comments and re.match(r"/\*M?!", sql[at : at + 4]):
            raise UnreadableError("a comment that the server runs as code")
        return Kind.COMMENT, _comment_end(sql, at, nested=lexis.nested_comments)
    if lexis.hash_comments and sql[at] == "#":
        return Kind.COMMENT, _end(_HASH, sql, at)
    if sql.startswith("--", at) and not (lexis.strict_dashes and sql[at + 2 : at + 3].strip()):
        return Kind.COMMENT, _end(_DASHES, sql, at)
    return None


def _comment_end(sql: str, at: int, *, nested: bool) -> int:
    depth = 0
    for mark in re.finditer(r"/\*|\*/", sql[at:]) if nested else re.finditer(r"\*/", sql[at + 2 :]):
        if not nested:
            return at + 2 + mark.end()
        depth += 1 if mark[0] == "/*" else -1
        if depth == 0:
            return at + mark.end()
    raise UnreadableError("a comment that does not end")


def _end(pattern: re.Pattern[str], sql: str, at: int) -> int:
    match = pattern.match(sql, at)
    return match.end() if match is not None else at


def _text(sql: str, at: int, lexis: Lexis, *, escapes: bool) -> tuple[Kind, int] | None:
    """A text or a quoted name that begins here, with the letters before its quote."""
    character, following = sql[at], sql[at + 1 : at + 2]
    if lexis.chosen_quotes and (match := re.compile(r"[nN]?[qQ]'(.)", re.DOTALL).match(sql, at)) is not None:
        return Kind.TEXT, _chosen_end(sql, match)
    if character in lexis.letters + lexis.escape_letters and following == "'":
        return Kind.TEXT, _quoted_end(sql, at + 1, escapes=escapes or character in lexis.escape_letters)
    if sql[at : at + 2] in {"U&", "u&"} and sql[at + 2 : at + 3] in {'"', "'"}:
        raise UnreadableError("a text or name written with Unicode escapes")
    if character == "'" or (character == '"' and lexis.double_texts):
        return Kind.TEXT, _quoted_end(sql, at, escapes=escapes)
    if character == '"' or (character == "`" and lexis.backticks):
        return Kind.QUOTED, _quoted_end(sql, at, escapes=False)
    if character == "[" and lexis.brackets:
        return Kind.QUOTED, _until(sql, at + 1, "]")
    if lexis.dollar_texts and (dollar := _DOLLAR.match(sql, at)) is not None:
        return Kind.TEXT, _until(sql, dollar.end(), dollar[0])
    return None


def _quoted_end(sql: str, at: int, *, escapes: bool) -> int:
    quote, place = sql[at], at + 1
    while place < len(sql):
        if escapes and sql[place] == "\\":
            place += 2
        elif sql[place] != quote:
            place += 1
        elif sql[place + 1 : place + 2] == quote:
            place += 2
        else:
            return place + 1
    raise UnreadableError("a text or a name that does not end")


def _chosen_end(sql: str, match: re.Match[str]) -> int:
    return _until(sql, match.end(), _CLOSING.get(match[1], match[1]) + "'")


def _until(sql: str, at: int, mark: str) -> int:
    found = sql.find(mark, at)
    if found < 0:
        raise UnreadableError("a text or a name that does not end")
    return found + len(mark)


def _plain(sql: str, at: int, lexis: Lexis) -> tuple[Kind, int]:
    for kind, pattern in (
        (Kind.WORD, _ORACLE_WORD if lexis.chosen_quotes else _WORD),
        (Kind.NUMBER, _NUMBER),
        (Kind.PARAMETER, _PARAMETER),
        *(((Kind.PARAMETER, _NUMBERED_COLON),) if lexis.numbered_colons else ()),
    ):
        match = pattern.match(sql, at)
        if match is not None and not (kind is Kind.PARAMETER and sql.startswith("::", at)):
            if kind is Kind.NUMBER and re.match(r"\w", sql[match.end() : match.end() + 1]):
                raise UnreadableError("a number with letters behind it, which is a name for some servers")
            return kind, match.end()
    return Kind.SIGN, _end(_SIGN, sql, at)
