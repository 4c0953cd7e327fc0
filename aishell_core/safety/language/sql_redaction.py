"""SQL without its comments and with its literals replaced; pure."""

from __future__ import annotations

import re
from collections.abc import Callable

from aishell_core.safety.language.sql_rules import SqlRules
from aishell_core.safety.language.sql_words import Kind, Piece, UnreadableError, scan

_NAME = re.compile(r"[\w$# ]*")
_BEHIND_PASSWORD = frozenset({"NULL", "EXPIRE", "FOR", "HISTORY", "REUSE", "REQUIRE", "INTERVAL", "OPTIONAL", "DEFAULT", "CURRENT"})
_PLAIN_VALUES = frozenset(
    {
        *("ON", "OFF", "TRUE", "FALSE", "YES", "NO", "DEFAULT", "NULL", "NONE", "LOCAL", "ALL", "UTC", "SERIALIZABLE", "REPEATABLE"),
        *("READ", "COMMITTED", "UNCOMMITTED", "WRITE", "ONLY", "UTF8", "UTF8MB4", "BINARY", "SELECT", "NOT", "CASE"),
    }
)
"""Words that settings are given and that tell nothing."""
_NAMING_SETTINGS = frozenset({"SEARCH_PATH", "ROLE", "SESSION_AUTHORIZATION", "DEFAULT_TABLESPACE", "NAMES"})
"""Settings whose values are names of the schema."""
_GIVING = frozenset({"=", ":="})
_SETTING = frozenset({"SET", "ALTER", "CREATE"})
_COMPARING = frozenset({"=", "<>", "!=", "<", ">", "<=", ">=", "~", "LIKE", "ILIKE"})


def redacted_sql(command: str, rules: SqlRules, literal_hash: Callable[[str], str]) -> str | None:
    """The statement without comments, its texts and numbers hashed; None where its pieces cannot be told with certainty.

    Quoted names are hashed where the engine may take them for texts, where they look like one ("a@b") or stand where one
    is compared with. So are words without quotes behind IDENTIFIED BY and PASSWORD, and those that a setting is given.
    """
    try:
        pieces = tuple(piece for piece in scan(command, rules.lexis) if piece.kind is not Kind.COMMENT)
    except UnreadableError:
        return None
    hidden = {Kind.TEXT, Kind.NUMBER, Kind.QUOTED} if rules.quoted_may_be_text else {Kind.TEXT, Kind.NUMBER}
    settings = _settings(pieces)
    parts: list[str] = []
    end = 0
    for place, piece in enumerate(pieces):
        if parts and piece.start > end:
            parts.append(" ")
        end = piece.start + len(piece.text)
        named = piece.kind in {Kind.WORD, Kind.QUOTED}
        is_value = piece.kind in hidden or (
            named and (_is_password(pieces, place) or place in settings or _is_text_by_mistake(pieces, place))
        )
        parts.append(literal_hash(piece.text) if is_value else piece.text)
    return "".join(parts)


def _is_password(pieces: tuple[Piece, ...], place: int) -> bool:
    words = [piece.word for piece in pieces[max(0, place - 5) : place]]
    if not words or pieces[place].word in _BEHIND_PASSWORD:
        return False
    return words[-1] == "PASSWORD" or ("IDENTIFIED" in words and words[-1] in {"BY", "AS", "USING", "VALUES"})


def _settings(pieces: tuple[Piece, ...]) -> frozenset[int]:
    """The places of bare words that SET gives to a setting, where they are texts without quotes; words that are no secret stay."""
    found: set[int] = set()
    first, begun, depth, gives, ended = "", 0, 0, False, False
    for place, piece in enumerate(pieces):
        if piece.text == ";":
            first, depth, gives, ended = "", 0, False, False
            continue
        if not first:
            first, begun = piece.word or piece.text, place
        depth += {"(": 1, ")": -1}.get(piece.text, 0)
        # SET STATEMENT … FOR another one, whose assignments are to columns.
        ended = ended or (piece.word == "FOR" and pieces[begun + 1 : begun + 2] != () and pieces[begun + 1].word == "STATEMENT")
        if depth > 0:
            continue
        if piece.text in _GIVING or piece.word == "TO":
            gives = not ended and first in _SETTING and _is_of_setting(pieces, begun, place)
        elif gives and piece.kind in {Kind.WORD, Kind.QUOTED} and _is_given(pieces, place):
            found.add(place)
    return frozenset(found)


def _is_of_setting(pieces: tuple[Piece, ...], begun: int, place: int) -> bool:
    """Whether what stands before a sign, in the statement that begins there, is the name of a setting."""
    named = place - 1
    while named > begun + 1 and pieces[named - 1].text == ".":
        named -= 2
    if named <= begun or pieces[named].word in _NAMING_SETTINGS:
        return False
    return pieces[begun].word == "SET" or pieces[named - 1].word == "SET"


def _is_given(pieces: tuple[Piece, ...], place: int) -> bool:
    before, after = pieces[place - 1], pieces[place + 1].text if place + 1 < len(pieces) else ""
    stands = before.text in {*_GIVING, ",", "."} or before.word == "TO"
    return stands and after not in {*_GIVING, "("} and pieces[place].word not in _PLAIN_VALUES


def _is_text_by_mistake(pieces: tuple[Piece, ...], place: int) -> bool:
    """Whether a name in double quotes was probably meant as a text: the server refuses it then, and the line stays."""
    piece = pieces[place]
    if piece.kind is not Kind.QUOTED or not piece.text.startswith('"'):
        return False
    if not _NAME.fullmatch(piece.name):
        return True
    before = pieces[place - 1] if place else None
    after = pieces[place + 1].text if place + 1 < len(pieces) else ""
    return before is not None and (before.text in _COMPARING or before.word in _COMPARING) and after not in {".", "("}
