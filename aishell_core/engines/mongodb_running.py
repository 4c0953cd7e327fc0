"""Running one operation of a person on a MongoDB server, on a connection of its own."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from aishell_core.engines.mongodb_documents import Document, plain
from aishell_core.engines.mongodb_errors import MongoError, reason_of
from aishell_core.engines.mongodb_operation import CURSORS, ENDING, command_name, database_of, read_operation, refuse_writes
from aishell_core.safety.language.mongodb_words import COUNTED
from aishell_core.values import CommandResult, FailureCode, Limits, Value

if TYPE_CHECKING:
    from aishell_core.engines.mongodb_place import Place

APPLICATION = "aishell run"
_BESIDE = frozenset({"ok", "$clusterTime", "operationTime", "$gleStats", "$configServerState", "lastCommittedOpTime"})
"""What a server adds to every answer."""

_ERRORS = "writeErrors"


async def run_operation(
    place: Place, text: str, parameters: tuple[Value, ...], limits: Limits, *, database: str = "", read_only: bool = True
) -> CommandResult:
    """What one operation brought; the connection is closed afterwards. Raises MongoError.

    Documents become rows whose columns are their fields in the order in which they appear; any other answer is one row
    for each of its fields. A read-only run refuses what may write before it is sent, because the server has no
    read-only mode.
    """
    if parameters:
        raise MongoError(FailureCode.UNSUPPORTED, "an operation of MongoDB has no parameters", "write the values into the document")
    operation = read_operation(text)
    command = operation.command
    if read_only:
        refuse_writes(command)
    where = database_of(command, database or place.database)
    from aishell_core.engines.mongodb_connection import MongoConnection

    connection = MongoConnection(place, APPLICATION, 1, primary=not read_only or command_name(command) in ENDING)
    note, began = f"database {where}", time.monotonic()
    try:
        if command_name(command) in CURSORS:
            found = await connection.documents(where, command, limits.seconds, limits.rows, limits.bytes)
            columns, rows = table_of(found.documents or ([{COUNTED: 0}] if operation.counts else ()))
            return CommandResult(columns, rows, None, _milliseconds(began), found.cut, note)
        reply, size = await connection.command(where, command, limits.seconds)
        return _replied(command_name(command), reply, size, limits, _milliseconds(began), note)
    finally:
        connection.close()


def _milliseconds(began: float) -> float:
    return 1000 * (time.monotonic() - began)


def table_of(documents: Iterable[Document]) -> tuple[tuple[str, ...], tuple[tuple[Value, ...], ...]]:
    """Documents as columns and rows; a field that a document does not have is None in its row."""
    found = tuple(documents)
    columns = tuple(dict.fromkeys(str(name) for document in found for name in document))
    rows = tuple(tuple(plain(document.get(name)) for name in columns) for document in found)
    return tuple(str(plain(name)) for name in columns), rows


def _replied(name: str, reply: Document, size: int, limits: Limits, milliseconds: float, note: str) -> CommandResult:
    affected = affected_of(name, reply)
    refuse_failed(reply, affected)
    fields = [(str(plain(field)), plain(value)) for field, value in reply.items() if field not in _BESIDE]
    cut = "bytes" if size > limits.bytes else "rows" if len(fields) > limits.rows else ""
    rows: tuple[tuple[Value, ...], ...] = () if cut == "bytes" else tuple(fields[: limits.rows])
    return CommandResult(("field", "value"), rows, affected, milliseconds, cut, note)


def refuse_failed(reply: Document, affected: int | None) -> None:
    """Raise MongoError for a write of which a part failed: such an answer is a good one by its `ok`."""
    errors = reply.get(_ERRORS)
    if isinstance(errors, list) and errors:
        first = errors[0] if isinstance(errors[0], Mapping) else {}
        reason = f"{first.get('errmsg', 'the write failed')!s} ({affected or 0} documents were changed)"
        code = int(first.get("code") or 0)
        raise MongoError(reason_of(code), reason, "mend the document that is named", code)


def affected_of(name: str, reply: Document) -> int | None:
    """How many documents a command changed, from its answer; None for one that changes none."""
    match name:
        case "insert" | "delete":
            return _whole(reply.get("n"))
        case "update":
            upserted = reply.get("upserted")
            return (_whole(reply.get("nModified")) or 0) + (len(upserted) if isinstance(upserted, list) else 0)
        case "findAndModify" | "findandmodify":
            last = reply.get("lastErrorObject")
            return _whole(last.get("n")) if isinstance(last, Mapping) else None
    return None


def _whole(number: object) -> int | None:
    return int(number) if isinstance(number, int | float) and not isinstance(number, bool) else None
