"""Where a table keeps its rows: engines that reach files or other servers, folders of the server, options that are not known; pure.

The forms are MySQL's and MariaDB's ("CREATE TABLE" in their manuals), and Oracle's external tables.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from aishell_core.safety.language.sql_rules import ADMIN, HIGH, SqlRules
from aishell_core.safety.language.sql_words import Kind, Piece
from aishell_core.safety.language.sql_wrapped import Statement, head_of, levelled, query_of_creation
from aishell_core.safety.risk import Risk, risk_of

_ELSEWHERE = risk_of(HIGH, ADMIN, "keeps rows outside of the server's own files: in other files, or on another server")
_FOLDER = risk_of(HIGH, ADMIN, "keeps a table in a folder of its own on the server")
_EXTERNAL = frozenset({("ORGANIZATION", "EXTERNAL"), ("DEFAULT", "DIRECTORY"), ("ACCESS", "PARAMETERS"), ("LOCATION", "(")})
_BEFORE_COLUMNS = frozenset({"(", "ADD", "COLUMN", "DROP", "CHANGE", "MODIFY", "ALTER", "AFTER", "RENAME", "TO", "EXISTS", "KEY", "INDEX"})
"""What stands before a column or an index that happens to be named as an option is."""
_VALUES = frozenset({Kind.TEXT, Kind.WORD, Kind.QUOTED})
_OPTIONS = frozenset(
    {
        *("ALGORITHM", "AUTO_INCREMENT", "AVG_ROW_LENGTH", "CHARSET", "CHECKSUM", "COLLATE", "COMMENT", "COMPRESSION", "DELAY_KEY_WRITE"),
        *("ENCRYPTED", "ENCRYPTION", "ENCRYPTION_KEY_ID", "ENGINE", "INSERT_METHOD", "KEY_BLOCK_SIZE", "LOCK", "MAX_ROWS", "MIN_ROWS"),
        *("PACK_KEYS", "PAGE_CHECKSUM", "PAGE_COMPRESSED", "PAGE_COMPRESSION_LEVEL", "PASSWORD", "ROW_FORMAT", "SEQUENCE", "SET"),
        *("STATS_AUTO_RECALC", "STATS_PERSISTENT", "STATS_SAMPLE_PAGES", "TABLESPACE", "TRANSACTIONAL", "TYPE", "UNION"),
        *("DIRECTORY", "CONNECTION"),
    }
)
"""Options of a table that move it nowhere, and those that are looked at by themselves."""


def storage_risks(statement: Statement, rules: SqlRules) -> Iterator[Risk]:
    """What CREATE TABLE or ALTER TABLE says of where the rows are."""
    if head_of(statement)[1:2] != ["TABLE"]:
        return
    query = query_of_creation(statement)
    defined = statement if query is None else statement[: len(statement) - len(query)]
    if rules.external_tables and any((one.word, other.word or other.text) in _EXTERNAL for one, other in pairwise(defined)):
        yield _ELSEWHERE
    if rules.storage_engines:
        yield from _options(defined, rules.storage_engines)


def _options(statement: Statement, engines: frozenset[str]) -> Iterator[Risk]:
    for place, depth, piece in levelled(statement):
        before, following = statement[place - 1] if place else None, statement[place + 1 :]
        is_set = bool(following) and following[0].text == "="
        value = following[1] if is_set and len(following) > 1 else following[0] if following else None
        if value is None or not piece.word or value.kind not in _VALUES | {Kind.NUMBER}:
            continue
        is_option = _is_option(piece, before, depth, is_set=is_set)
        if piece.word == "DIRECTORY" and before is not None and before.word in {"DATA", "INDEX"} and (is_set or _is_text(value)):
            yield _FOLDER
        elif piece.word in {"ENGINE", "TYPE"}:
            yield from () if _named(value) in engines or not is_option else (_ELSEWHERE,)
        elif piece.word == "CONNECTION" and (is_set or _is_text(value)) and depth == 0:
            yield _ELSEWHERE
        elif is_set and depth == 0 and piece.word not in _OPTIONS:
            yield risk_of(HIGH, ADMIN, f"the option {piece.word[:40]} of a table is not known")


def _is_option(piece: Piece, before: Piece | None, depth: int, *, is_set: bool) -> bool:
    """Whether the engine is chosen here; a partition chooses it in parentheses, where a column may have that name."""
    if before is None or (before.word or before.text) in _BEFORE_COLUMNS or (depth > 0 and before.text == ","):
        return False
    return is_set or piece.word == "ENGINE"


def _is_text(piece: Piece) -> bool:
    return piece.kind is Kind.TEXT


def _named(piece: Piece) -> str:
    return (piece.name or piece.text.strip("'\"")).lower()
