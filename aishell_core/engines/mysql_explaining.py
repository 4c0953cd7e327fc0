"""The dialogue with a MySQL or MariaDB server about a statement's plan; one statement only, which is not run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import takewhile

from aishell_core.engines.mysql_errors import MysqlError
from aishell_core.engines.mysql_lane import Line, patience_milliseconds
from aishell_core.engines.mysql_plan import plan_of
from aishell_core.engines.statement_text import Dialect, TokenKind, tokens
from aishell_core.values import FailureCode, PlanNode

LONGEST_TEXT = 8192
"""So much of a statement the sessions show: one of just this length was cut off."""

_READING = frozenset({"SELECT", "WITH", "TABLE", "VALUES"})
_WRITING = frozenset({"INSERT", "UPDATE", "DELETE", "REPLACE"})
_PLANNING = frozenset({"EXPLAIN", "DESCRIBE", "DESC"})
_SYNTAX, _NOT_ALLOWED = 1064, 1235
_CUT_OFF = "take the text from where it was written, or raise performance_schema_max_sql_text_length (needs a restart)"


class Explaining:
    """Asks for plans over a session's slow connection."""

    def __init__(self, line: Line) -> None:
        self._line = line

    async def explain(self, sql: str, database: str, seconds: float) -> tuple[PlanNode, ...]:
        """The plan of a statement as seen in a database, "" for the target's own; raises MysqlError."""
        text, writes = checked(sql)
        async with self._line.turn(seconds) as until:
            await self._line.see(database, until)
            reached = await self._line.connected(until)
            await self._line.be_patient(reached, patience_milliseconds(seconds))
            if writes:
                # The plan of a write is refused where nothing may be written, though it writes nothing.
                await self._line.execute("SET /* aishell */ TRANSACTION READ WRITE")
            try:
                rows = await self._line.asked(reached.connection.fetch(f"EXPLAIN /* aishell */ FORMAT=JSON {text}"))
            except MysqlError as error:
                raise reasoned(error) from error
            (value,) = rows[0].values() if rows else (None,)
            return _read(value)


def checked(sql: str) -> tuple[str, bool]:
    """The text to send and whether it writes; raises MysqlError that says why there cannot be a plan."""
    text = sql.strip().rstrip(";").rstrip()
    if "\0" in text or "\ufffd" in text or any("\ud800" <= sign <= "\udfff" for sign in text):
        raise MysqlError(FailureCode.UNSUPPORTED, "the text holds bytes that could not be read", "give the statement as it was written")
    if len(text) >= LONGEST_TEXT or text.endswith("..."):
        raise _cut_off()
    pieces = [piece for piece in tokens(text, Dialect.MYSQL) if piece.kind is not TokenKind.COMMENT]
    words = [piece.text.upper() for piece in pieces if piece.kind is TokenKind.WORD]
    if not words:
        raise MysqlError(FailureCode.UNSUPPORTED, "there is no statement", "give one")
    if words[0] not in _READING | _WRITING:
        hint = (
            "give the statement inside it"
            if words[0] in {"EXPLAIN", "PREPARE", "ANALYZE"}
            else "only statements that read or write rows have one"
        )
        raise MysqlError(FailureCode.UNSUPPORTED, f"{words[0]} has no plan of its own", hint)
    values = sum(piece.kind is TokenKind.PLACEHOLDER and piece.text.startswith("?") for piece in pieces)
    if values or "..." in text:
        what = f"the values of its {values} parameters are" if values != 1 else "the value of its parameter is"
        raise MysqlError(
            FailureCode.UNSUPPORTED,
            f"{what} not known, and the plan depends on them",
            "write the values in, or explain a session that runs it",
        )
    return text, words[0] in _WRITING or (words[0] == "WITH" and bool(_WRITING & set(words)))


def plans_a_change(command: str) -> bool:
    """Whether a command asks for the plan of a change, and makes none: EXPLAIN and its like without ANALYZE, before one statement."""
    pieces = list(tokens(command.strip().rstrip(";")))
    # A comment may be code to the server, or hide where the statement begins; to MySQL, $$ opens no text.
    if any(piece.kind is TokenKind.COMMENT or piece.text in {";", "#"} or piece.text[:1] == "$" for piece in pieces):
        return False
    words = [piece.text.upper() for piece in pieces if piece.kind is TokenKind.WORD]
    if not words or pieces[0].text.upper() != words[0] or words[0] not in _PLANNING:
        return False
    options = tuple(takewhile(lambda word: word not in _READING | _WRITING, words[1:]))
    return "ANALYZE" not in options and bool(_WRITING & set(words))


def _cut_off() -> MysqlError:
    return MysqlError(FailureCode.UNSUPPORTED, "the text was cut off, so it cannot be explained", _CUT_OFF)


def _read(value: object) -> tuple[PlanNode, ...]:
    """The steps of the server's JSON; raises MysqlError for anything else."""
    try:
        document = json.loads(value) if isinstance(value, str | bytes) else None
    except (ValueError, RecursionError):
        document = None
    plan = plan_of(document) if isinstance(document, Mapping) else ()
    if not plan:
        raise MysqlError(FailureCode.UNSUPPORTED, "the server gives no plan for this statement", "it may be one that reads no table")
    return plan


def reasoned(error: MysqlError) -> MysqlError:
    """The error with what it means for a plan; others as they are."""
    if error.number == _SYNTAX and "near ''" in error.message:
        return _cut_off()
    if error.number == _SYNTAX and "near ';" in error.message:
        return MysqlError(
            FailureCode.UNSUPPORTED,
            "this is more than one statement, and only one can be explained",
            "explain them one by one",
            error.number,
        )
    if error.reason is FailureCode.TIMEOUT:
        return MysqlError(FailureCode.TIMEOUT, "planning it took longer than its deadline and was stopped", "", error.number)
    return error
