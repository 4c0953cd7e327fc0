"""Statements that stand inside of others: told from their pieces, so that each can be judged as itself; pure."""

from __future__ import annotations

from collections.abc import Iterator

from aishell_core.safety.language.sql_words import Kind, Piece

Statement = tuple[Piece, ...]

QUERIES = frozenset({"SELECT", "WITH", "VALUES", "TABLE", "("})
_NOISE = frozenset(
    {
        *("OR", "REPLACE", "TEMP", "TEMPORARY", "UNIQUE", "UNLOGGED", "GLOBAL", "LOCAL", "VIRTUAL", "FULLTEXT", "SPATIAL", "BITMAP"),
        *("PUBLIC", "FORCE", "NOFORCE", "EDITIONABLE", "NONEDITIONABLE", "RECURSIVE"),
    }
)
_FILLED = frozenset({"TABLE", "VIEW", "MATERIALIZED"})
_ENDINGS = (
    ("WITH", "DATA"),
    ("WITH", "NO", "DATA"),
    ("WITH", "CHECK", "OPTION"),
    ("WITH", "LOCAL", "CHECK", "OPTION"),
    ("WITH", "CASCADED", "CHECK", "OPTION"),
    ("WITH", "READ", "ONLY"),
)
"""What may stand behind the query of a table or a view."""
_OF_TRANSACTIONS = frozenset(
    {
        *("BEGIN", "START", "TRANSACTION", "TRAN", "WORK", "COMMIT", "ROLLBACK", "END", "ABORT", "SAVEPOINT", "RELEASE", "TO", "AND"),
        *("NO", "CHAIN", "ISOLATION", "LEVEL", "READ", "WRITE", "ONLY", "COMMITTED", "UNCOMMITTED", "REPEATABLE", "SERIALIZABLE"),
        *("NOT", "DEFERRABLE", "DEFERRED", "IMMEDIATE", "EXCLUSIVE", "CONCURRENT", "WITH", "CONSISTENT", "SNAPSHOT", ","),
    }
)
_BEFORE_NAMES = frozenset({"SAVEPOINT", "TO", "RELEASE"})
_TRUSTED = frozenset({"sql", "plpgsql"})


def levelled(statement: Statement) -> Iterator[tuple[int, int, Piece]]:
    """Each piece with its place and with how many parentheses are open before it."""
    depth = 0
    for place, piece in enumerate(statement):
        depth -= piece.text == ")"
        yield place, depth, piece
        depth += piece.text == "("


def after_word(statement: Statement, word: str) -> tuple[Statement, Statement]:
    """What stands before and behind the first such word outside of parentheses; all before it where there is none."""
    for place, depth, piece in levelled(statement):
        if depth == 0 and piece.word == word:
            return statement[:place], statement[place + 1 :]
    return statement, ()


def head_of(statement: Statement) -> list[str]:
    """The words with which a statement begins, without those that do not change what it is about."""
    words = [piece.word for piece in statement[:12]]
    if words[0] not in {"CREATE", "DROP", "ALTER"}:
        return words
    return [words[0], *(word for word in words[1:] if word not in _NOISE)]


def replaces(statement: Statement) -> bool:
    """Whether something of the name that is there is dropped first."""
    return [piece.word for piece in statement[1:3]] == ["OR", "REPLACE"]


def query_of_creation(statement: Statement) -> Statement | None:
    """The query that a new table or view is filled from; None where there is none."""
    if not _FILLED.intersection(head_of(statement)[1:2]):
        return None
    for place, depth, piece in levelled(statement):
        following = statement[place + 1 :]
        begins = bool(following) and (following[0].word or following[0].text) in QUERIES | {"EXECUTE"}
        if depth == 0 and piece.word == "AS" and begins:
            return _without_ending(following)
        # MySQL needs no AS.
        if (depth == 0 and piece.word == "SELECT") or (
            depth == 0 and piece.text == "(" and following[:1] and following[0].word == "SELECT"
        ):
            return _without_ending(statement[place:])
    return None


def _without_ending(query: Statement) -> Statement:
    for ending in _ENDINGS:
        if tuple(piece.word for piece in query[-len(ending) :]) == ending:
            return query[: -len(ending)]
    return query


def keys_of_index(statement: Statement) -> Statement:
    """What an index is made of: all between its parentheses, and behind its WHERE."""
    if head_of(statement)[1:2] != ["INDEX"]:
        return ()
    before, condition = after_word(statement, "WHERE")
    return (*(piece for _, depth, piece in levelled(before) if depth > 0), *condition)


def is_plain_transaction(statement: Statement) -> bool:
    """Whether BEGIN, COMMIT and their like are followed by nothing but words of transactions and a savepoint's name."""
    for place, piece in enumerate(statement):
        named = place > 0 and statement[place - 1].word in _BEFORE_NAMES and piece.kind in {Kind.WORD, Kind.QUOTED}
        if not named and (piece.word or piece.text) not in _OF_TRANSACTIONS:
            return False
    return True


def loads_code(statement: Statement) -> bool:
    """Whether a routine is made of a file, or in a language in which it may do anything to the server."""
    for place, piece in enumerate(statement[:-1]):
        if piece.word == "SONAME" or (piece.word == "LANGUAGE" and statement[place + 1].name not in _TRUSTED):
            return True
    return False
