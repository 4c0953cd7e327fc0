"""Running one command of a person on a PostgreSQL server, on a connection of its own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from aishell_core.engines.postgres_errors import PostgresError
from aishell_core.engines.postgres_grants import DENIED, path_of, rights_for
from aishell_core.engines.postgres_lane import UNREADABLE, Line, patience_milliseconds
from aishell_core.engines.postgres_route import Route
from aishell_core.engines.postgres_statement import outline
from aishell_core.targets import Target
from aishell_core.units import format_bytes, format_duration
from aishell_core.values import CommandResult, FailureCode, Limits, Value

if TYPE_CHECKING:
    from aishell_core.engines.postgres_connection import Brought, PostgresConnection

_OWN_TRANSACTION = "25001"
"""What the server says of a statement that opens its own transactions, such as VACUUM, before it does anything."""
_LOCK_MILLISECONDS = 5000
_CONNECT_SECONDS = 5.0


async def run_command(
    target: Target,
    environ: Mapping[str, str],
    command: str,
    parameters: Sequence[Value],
    limits: Limits,
    *,
    database: str = "",
    read_only: bool = True,
) -> CommandResult:
    """What one statement brought, seen with the server's own search path; nothing of the connection is left.

    A read-only one runs in a transaction that the server lets write nothing and that is rolled back. A parameter is
    bound as text, which the server reads by the parameter's type. Raises PostgresError.
    """
    _check(command)
    line = Line(target, environ, Route(), f"{target.name} run")
    try:
        async with line.turn(limits.seconds + _CONNECT_SECONDS) as until:
            connection = (await line.connected(until, database)).connection
            began = time.monotonic()
            brought = await _within(line, connection, command, parameters, limits, read_only=read_only)
    finally:
        line.drop()
        await line.close()
    milliseconds = 1000 * (time.monotonic() - began)
    return CommandResult(brought.columns, brought.rows, _affected(brought.status), milliseconds, brought.cut, brought.status)


def _check(command: str) -> None:
    """Raise PostgresError for a command whose data would travel beside the rows."""
    seen = outline(command)
    if seen.first == "COPY" and {"STDIN", "STDOUT"} & set(seen.words):
        hint = "SELECT brings the rows, psql's \\copy moves files"
        raise PostgresError(FailureCode.UNSUPPORTED, "COPY to or from the client is not carried by this command", hint)


async def _within(
    line: Line, connection: PostgresConnection, command: str, parameters: Sequence[Value], limits: Limits, *, read_only: bool
) -> Brought:
    """The statement in a transaction, or outside where it cannot be in one."""
    patience = patience_milliseconds(limits.seconds)
    settings = (
        f"SET LOCAL /* aishell */ statement_timeout = {patience}; SET LOCAL /* aishell */ lock_timeout = {_LOCK_MILLISECONDS}; "
        "SET LOCAL /* aishell */ idle_in_transaction_session_timeout = 10000; SET LOCAL /* aishell */ search_path = DEFAULT"
    )
    await line.execute(f"BEGIN /* aishell */ {'READ ONLY' if read_only else 'READ WRITE'}; {settings}")
    try:
        brought = await _in_time(line, connection, command, parameters, limits)
    except PostgresError as error:
        if error.sqlstate in UNREADABLE and not connection.raw:
            await line.execute("ROLLBACK /* aishell */")
            await line.asked(connection.read_raw())
            return await _within(line, connection, command, parameters, limits, read_only=read_only)
        if error.sqlstate == DENIED:
            await line.execute("ROLLBACK /* aishell */")
            await line.mend(error, await path_of(line, command), rights_for(outline(command)))
        if error.sqlstate != _OWN_TRANSACTION or read_only:
            raise _explained(error, limits) from error
    else:
        if brought.dropped:
            if read_only:
                return brought
            raise _taken_back(limits)
        await line.execute("ROLLBACK /* aishell */" if read_only else "COMMIT /* aishell */")
        return brought
    await line.execute("ROLLBACK /* aishell */")
    for setting in settings.replace("LOCAL ", "").split("; "):
        await line.execute(setting)
    await line.execute("SET /* aishell */ default_transaction_read_only = off")
    return await _in_time(line, connection, command, parameters, limits)


async def _in_time(line: Line, connection: PostgresConnection, command: str, parameters: Sequence[Value], limits: Limits) -> Brought:
    async with asyncio.timeout(limits.seconds):
        return await line.asked(connection.run(command, parameters, limits.rows, limits.bytes))


def _taken_back(limits: Limits) -> PostgresError:
    message = f"a row is much larger than {format_bytes(limits.bytes)}, so the answer was broken off and nothing was changed"
    return PostgresError(FailureCode.UNSUPPORTED, message, "return less of it, or raise the limit of bytes")


def _explained(error: PostgresError, limits: Limits) -> PostgresError:
    if error.sqlstate == _OWN_TRANSACTION:
        message = f"a read-only run cannot hold this statement: {error.message.rpartition(': ')[2]}"
        return PostgresError(FailureCode.UNSUPPORTED, message, "it may change something; run it as a write", error.sqlstate)
    if error.sqlstate == "57014":
        message = f"the statement took longer than {format_duration(limits.seconds)} and was stopped"
        return PostgresError(FailureCode.TIMEOUT, message, "give it more time", error.sqlstate)
    return error


def _affected(status: str) -> int | None:
    """The rows of a command tag such as `UPDATE 5` or `INSERT 0 5`; None for one that counts none, or counts what it shows."""
    verb, _, rest = status.partition(" ")
    count = rest.rpartition(" ")[2]
    return int(count) if verb in {"INSERT", "UPDATE", "DELETE", "MERGE", "COPY"} and count.isdecimal() else None
