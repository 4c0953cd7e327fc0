"""SQL without its comments and with its literals replaced; pure."""

from __future__ import annotations

import re
from collections.abc import Callable

from aishell_core.safety.language.sql_rules import SqlRules
from aishell_core.safety.language.sql_words import Kind, Piece, UnreadableError, scan

_NAME = re.compile(r"[\w$# ]*")
_COMPARING = frozenset({"=", "<>", "!=", "<", ">", "<=", ">=", "~", "LIKE", "ILIKE"})


def redacted_sql(command: str, rules: SqlRules, literal_hash: Callable[[str], str]) -> str | None:
    """The statement without comments, its texts and numbers hashed; None where its pieces cannot be told with certainty.

    Quoted names are hashed where the engine may take them for texts, where they look like one ("a@b") or stand where one
    is compared with, and so is what stands after IDENTIFIED BY, which may be a password without quotes.
    """
    try:
        pieces = tuple(piece for piece in scan(command, rules.lexis) if piece.kind is not Kind.COMMENT)
    except UnreadableError:
        return None
    hidden = {Kind.TEXT, Kind.NUMBER, Kind.QUOTED} if rules.quoted_may_be_text else {Kind.TEXT, Kind.NUMBER}
    parts: list[str] = []
    end = 0
    for place, piece in enumerate(pieces):
        if parts and piece.start > end:
            parts.append(" ")
        end = piece.start + len(piece.text)
        is_value = piece.kind in hidden or _is_password(pieces, place) or _is_text_by_mistake(pieces, place)
        parts.append(literal_hash(piece.text) if is_value else piece.text)
    return "".join(parts)


def _is_password(pieces: tuple[Piece, ...], place: int) -> bool:
    words = [piece.word for piece in pieces[max(0, place - 3) : place]]
    return words[-2:] == ["IDENTIFIED", "BY"] or words[-3:] == ["IDENTIFIED", "BY", "VALUES"]


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
