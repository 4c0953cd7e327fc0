"""Running one command of a person on an SQLite database file; blocks, so it is called in a thread."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from functools import partial
from urllib.parse import quote

from aishell_core.engines.bounded import Bounded
from aishell_core.engines.sqlite_reading import Queries, SqliteReader, mapped, read_text
from aishell_core.engines.statement_text import TokenKind, tokens
from aishell_core.errors import TargetError
from aishell_core.units import format_bytes
from aishell_core.values import CommandResult, FailureCode, Limits, Value

_LONGEST_BYTES = 16 * 2**20
"""The longest text that a statement may make or read, where the limit of bytes is no higher: a single function can make one of any size."""
_CHANGING = frozenset({"INSERT", "UPDATE", "DELETE", "REPLACE", "WITH"})


def run_command(
    reader: SqliteReader, command: str, parameters: tuple[Value, ...], limits: Limits, *, read_only: bool = True
) -> CommandResult:
    """What one statement brought; a read-only one as gently as every reading of ours, and able to create no file.

    A write waits for the lock until the time limit. Raises TargetError.
    """
    values = tuple(_bound(value) for value in parameters)
    work = partial(_fetch, command=command, values=values, limits=limits)
    try:
        if read_only:
            return reader.read(work, limits.seconds)
        return _write(reader, work, limits)
    except sqlite3.Warning as error:
        raise TargetError(FailureCode.UNSUPPORTED, str(error), "") from error
    except TargetError as error:
        if error.reason is FailureCode.TIMEOUT:
            message = f"the statement took longer than {limits.seconds:g} s and was stopped"
            raise TargetError(FailureCode.TIMEOUT, message, "give it more time") from error
        raise


def _write(reader: SqliteReader, work: Callable[[Queries], CommandResult], limits: Limits) -> CommandResult:
    look = reader.settled_look()
    until = time.monotonic() + limits.seconds
    uri = f"file:{quote(bytes(look.file.path))}?mode=rw"
    try:
        with closing(sqlite3.connect(uri, uri=True, timeout=limits.seconds, isolation_level=None)) as connection:
            connection.text_factory = read_text
            return work(Queries(connection, until))
    except sqlite3.Error as error:
        raise mapped(error, reader.path, until) from error


def _fetch(queries: Queries, *, command: str, values: tuple[str | int | float | bytes | None, ...], limits: Limits) -> CommandResult:
    """The rows up to the limits; raises sqlite3.Error and TargetError."""
    _refuse_other_files(queries.connection, command)
    longest = max(_LONGEST_BYTES, limits.bytes)
    queries.connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, longest)
    began = time.monotonic()
    found = Bounded(limits.rows, limits.bytes)
    try:
        cursor = queries.cursor(command, values)
        found.take_all(cursor)
    except sqlite3.DataError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_TOOBIG:
            raise
        message = f"a text or a row in this statement is larger than {format_bytes(longest)}"
        raise TargetError(FailureCode.UNSUPPORTED, message, "take a part of it, or raise the limit of bytes") from error
    columns = tuple(str(each[0]) for each in cursor.description or ())
    affected = cursor.rowcount if cursor.rowcount >= 0 and _first_word(command) in _CHANGING else None
    return CommandResult(columns, tuple(found.rows), affected, 1000 * (time.monotonic() - began), found.cut)


def _refuse_other_files(connection: sqlite3.Connection, command: str) -> None:
    """Let the statement open no other file: ATTACH makes one that is missing, and so does VACUUM INTO, which attaches it."""
    allowed = _first_word(command) == "VACUUM" and not connection.execute("PRAGMA query_only").fetchone()[0]

    def judge(action: int, *_: object) -> int:
        return sqlite3.SQLITE_DENY if action == sqlite3.SQLITE_ATTACH and not allowed else sqlite3.SQLITE_OK

    connection.set_authorizer(judge)


def _first_word(command: str) -> str:
    return next((token.text.upper() for token in tokens(command) if token.kind is TokenKind.WORD), "")


def _bound(value: Value) -> str | int | float | bytes | None:
    """A value as SQLite keeps it; raises TargetError for one that it has no form for."""
    if isinstance(value, Mapping | tuple):
        raise TargetError(FailureCode.UNSUPPORTED, "SQLite has no type for lists and objects", "bind the text of the JSON document")
    return value
