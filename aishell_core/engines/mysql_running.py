"""Running one command of a person on a MySQL or MariaDB server, on a connection of its own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from aishell_core.engines.mysql_errors import MysqlError
from aishell_core.engines.mysql_explaining import plans_a_change
from aishell_core.engines.mysql_lane import Line
from aishell_core.engines.mysql_route import Reached, Route
from aishell_core.targets import Target
from aishell_core.units import format_counted, format_duration
from aishell_core.values import CommandResult, FailureCode, Limits, Value

if TYPE_CHECKING:
    from aishell_core.engines.mysql_connection import Brought

_LOCK_SECONDS = 5
_CONNECT_SECONDS = 5.0
_GRACE_SECONDS = 1.0
_STOPPED = frozenset({1969, 3024})
"""Errors of a statement that the server ended at its time limit (max_statement_time, max_execution_time)."""

_READ_ONLY = frozenset({1792, 1290})
_WRITES_BEHIND = (
    "nothing was done; what writes behind it, such as a function in a view, has to be called by its own name to be judged as a write"
)


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
    """What one statement brought; nothing of the connection is left.

    A read-only one runs in a transaction that the server lets write nothing and that is rolled back; the plan of a change, which
    the server refuses there though it makes none, in one that is only rolled back. A parameter takes the
    place of each `?`: the server binds it. MySQL limits the time of a SELECT by itself; any other statement that takes too
    long is ended by KILL QUERY. Raises MysqlError.
    """
    _check(command, len(parameters))
    line = Line(target, environ, Route(), f"{target.name} run", settled=False)
    try:
        async with line.turn(limits.seconds + _CONNECT_SECONDS) as until:
            reached = await line.connected(until, database)
            await _prepare(line, reached, limits, read_only=read_only, plans=plans_a_change(command))
            began = time.monotonic()
            brought = await _brought(line, target, environ, reached, command, parameters, limits)
            if not brought.cut and time.monotonic() - began >= limits.seconds and await _was_stopped(line, reached):
                raise _too_long(limits)
            if not read_only and not brought.cut:
                await line.execute("COMMIT /* aishell */")
    except MysqlError as error:
        raise _explained(error, limits, read_only=read_only) from error
    finally:
        line.drop()
    milliseconds = 1000 * (time.monotonic() - began)
    return CommandResult(brought.columns, brought.rows, brought.affected, milliseconds, brought.cut, brought.note)


async def _was_stopped(line: Line, reached: Reached) -> bool:
    """Whether the server ended a statement of this connection at its time limit: SLEEP() and BENCHMARK() then bring a row all the same."""
    name = "Max_statement_time_exceeded" if reached.facts.mariadb else "Max_execution_time_exceeded"
    rows = await line.asked(reached.connection.fetch(f"SHOW /* aishell */ SESSION STATUS LIKE '{name}'"))
    return any(int(str(row.get("Value") or 0)) > 0 for row in rows)


def _check(command: str, values: int) -> None:
    if "\0" in command or any("\ud800" <= sign <= "\udfff" for sign in command):
        raise MysqlError(FailureCode.UNSUPPORTED, "the text holds signs that no statement can hold", "give the statement as it was written")
    places = _places(command)
    if places is not None and places != values:
        message = f"the statement has {format_counted(places, 'place')} for a value (?), and {format_counted(values, 'value')} came with it"
        raise MysqlError(FailureCode.UNSUPPORTED, message, "give one value for each ?")


def _places(command: str) -> int | None:
    """How many ? stand for a value; None where that depends on the server's settings."""
    # The language is loaded when somebody runs a command, not by whoever only watches.
    from aishell_core.safety.language.mysql import RULES
    from aishell_core.safety.language.sql_words import Kind, UnreadableError, scan

    try:
        return sum(piece.kind is Kind.PARAMETER and piece.text.startswith("?") for piece in scan(command, RULES.lexis))
    except UnreadableError:
        return None


async def _prepare(line: Line, reached: Reached, limits: Limits, *, read_only: bool, plans: bool) -> None:
    """Set the limits, and open what the server lets write nothing, or what is rolled back."""
    settings = [f"lock_wait_timeout = {_LOCK_SECONDS}", f"innodb_lock_wait_timeout = {_LOCK_SECONDS}"]
    seconds = max(0.001, limits.seconds)
    settings.append(
        f"max_statement_time = {seconds:.3f}" if reached.facts.mariadb else f"max_execution_time = {max(1, int(seconds * 1000))}"
    )
    for setting in settings:
        try:
            await line.execute(f"SET /* aishell */ SESSION {setting}")
        except MysqlError as error:
            if error.reason is not FailureCode.MISSING:
                raise
    if read_only and plans:
        await line.execute("START /* aishell */ TRANSACTION")
    elif read_only:
        await line.execute("SET /* aishell */ SESSION TRANSACTION READ ONLY")
        await line.execute("START /* aishell */ TRANSACTION READ ONLY")
    else:
        await line.execute("SET /* aishell */ SESSION autocommit = 1")


async def _brought(
    line: Line,
    target: Target,
    environ: Mapping[str, str],
    reached: Reached,
    command: str,
    parameters: Sequence[Value],
    limits: Limits,
) -> Brought:
    connection = reached.connection
    try:
        async with asyncio.timeout(limits.seconds + _GRACE_SECONDS):
            sql = command
            if parameters:
                sql = await _bound(line, command, parameters)
            return await line.asked(connection.run(sql, limits.rows, limits.bytes))
    except TimeoutError as error:
        await _stop(target, environ, reached.facts.connection_id)
        raise _too_long(limits) from error


async def _bound(line: Line, command: str, parameters: Sequence[Value]) -> str:
    """Have the server keep the statement and its values apart; gives what runs it."""
    names = [f"@aishell_{number}" for number in range(1, len(parameters) + 1)]
    for name, value in zip(names, parameters, strict=True):
        await line.execute(f"SET /* aishell */ {name} = {literal(value)}")
    await line.execute(f"SET /* aishell */ @aishell_text = {literal(command)}")
    await line.execute("PREPARE /* aishell */ aishell FROM @aishell_text")
    return f"EXECUTE /* aishell */ aishell USING {', '.join(names)}"


def literal(value: Value) -> str:
    """A value as it is written in a statement, whatever the SQL mode; texts are hexadecimal so that nothing in them can act."""
    match value:
        case None:
            return "NULL"
        case bool():
            return "TRUE" if value else "FALSE"
        case int() | float():
            return repr(value)
        case str():
            return f"CONVERT(x'{value.encode('utf-8', 'replace').hex()}' USING utf8mb4)" if value else "''"
        case bytes():
            return f"x'{value.hex()}'" if value else "''"
        case _:
            raise MysqlError(FailureCode.UNSUPPORTED, "a list or a document is no value of a statement", "give its JSON text")


async def _stop(target: Target, environ: Mapping[str, str], connection_id: int) -> None:
    """End a statement that the server would go on with although nobody listens."""
    line = Line(target, environ, Route(), f"{target.name} stop", settled=False)
    try:
        async with line.turn(_CONNECT_SECONDS) as until:
            await line.connected(until)
            await line.execute(f"KILL {connection_id} /* aishell */")
    except MysqlError:
        return  # it has ended by itself, or the server answers nobody
    finally:
        line.drop()


def _too_long(limits: Limits) -> MysqlError:
    message = f"the statement took longer than {format_duration(limits.seconds)} and was stopped"
    return MysqlError(FailureCode.TIMEOUT, message, "give it more time")


def _explained(error: MysqlError, limits: Limits, *, read_only: bool) -> MysqlError:
    if error.number in _STOPPED:
        return _too_long(limits)
    if read_only and error.number in _READ_ONLY:
        said = error.message.rpartition(": ")[2]
        message = f"a read-only run cannot hold this statement: {said}"
        return MysqlError(FailureCode.UNSUPPORTED, message, _WRITES_BEHIND, error.number)
    return error
