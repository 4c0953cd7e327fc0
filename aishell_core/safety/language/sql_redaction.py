"""SQL without its comments and with its literals replaced; pure."""

from __future__ import annotations

from collections.abc import Callable

from aishell_core.safety.language.sql_rules import SqlRules
from aishell_core.safety.language.sql_words import Kind, Piece, UnreadableError, scan


def redacted_sql(command: str, rules: SqlRules, literal_hash: Callable[[str], str]) -> str | None:
    """The statement without comments, its texts and numbers hashed; None where its pieces cannot be told with certainty.

    Quoted names are hashed where the engine may take them for texts, and so is what stands after IDENTIFIED BY, which
    may be a password without quotes.
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
        is_value = piece.kind in hidden or _is_password(pieces, place)
        parts.append(literal_hash(piece.text) if is_value else piece.text)
    return "".join(parts)


def _is_password(pieces: tuple[Piece, ...], place: int) -> bool:
    words = [piece.word for piece in pieces[max(0, place - 3) : place]]
    return words[-2:] == ["IDENTIFIED", "BY"] or words[-3:] == ["IDENTIFIED", "BY", "VALUES"]
