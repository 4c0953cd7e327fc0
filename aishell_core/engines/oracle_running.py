"""Running one statement of a person on an Oracle server, on a connection of its own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from itertools import islice

from aishell_core.engines.oracle_errors import OracleError, quoted
from aishell_core.engines.oracle_lane import Line
from aishell_core.engines.statement_text import TokenKind, tokens
from aishell_core.units import format_duration
from aishell_core.values import CommandResult, FailureCode, Limits, Value

_CONNECT_SECONDS = 5.0
_GRACE_SECONDS = 1.0
_END_MILLISECONDS = 2000
_READING = frozenset({"SELECT", "WITH"})
_ENDING = (["ALTER", "SYSTEM", "KILL"], ["ALTER", "SYSTEM", "DISCONNECT"], ["ALTER", "SYSTEM", "CANCEL"])
"""What ends others' work and writes nothing: allowed in a read-only transaction, and commits none ("SET TRANSACTION", "Types of SQL
Statements" in the SQL Language Reference)."""
_BLOCKS = frozenset({"BEGIN", "DECLARE", "CREATE"})


async def run_command(
    line: Line, command: str, parameters: Sequence[Value], limits: Limits, *, schema: str = "", read_only: bool = True
) -> CommandResult:
    """What one statement brought; nothing of the connection is left. Raises OracleError.

    A read-only one must be a query, or end what a session does, and runs in a transaction that the server lets write nothing
    and that is rolled back: a statement that defines something would commit that transaction first, so that the server could not refuse it.
    Values take the place of placeholders (`:1`, `:name`) in their order.
    """
    text = checked(command, read_only=read_only)
    values = [_value(each) for each in parameters]
    try:
        async with line.turn(limits.seconds + _CONNECT_SECONDS + _GRACE_SECONDS) as until:
            wire = (await line.connected(until)).wire
            if schema:
                await line.execute(f"ALTER SESSION /* aishell */ SET CURRENT_SCHEMA = {quoted(schema)}", {}, until)
            if read_only:
                await line.execute("SET TRANSACTION /* aishell */ READ ONLY", {}, until)
            began, most = time.monotonic(), (limits.rows, limits.bytes)
            last = min(until, asyncio.get_running_loop().time() + limits.seconds + _GRACE_SECONDS)
            brought = await line.asked(lambda: wire.run(text, values, most, max(1, int(limits.seconds * 1000))), last)
            milliseconds = 1000 * (time.monotonic() - began)
            await line.asked(lambda: wire.end(_END_MILLISECONDS, keep=not read_only), until)
    except OracleError as error:
        raise _explained(error, limits) from error
    finally:
        line.drop()
    return CommandResult(brought.columns, brought.rows, brought.affected, milliseconds, brought.cut, brought.note)


def checked(command: str, *, read_only: bool) -> str:
    """The text to send: one statement without the semicolon that only a client's prompt wants. Raises OracleError."""
    if "\0" in command or any("\ud800" <= sign <= "\udfff" for sign in command):
        raise OracleError(
            FailureCode.UNSUPPORTED, "the text holds signs that no statement can hold", "give the statement as it was written"
        )
    first = first_word(command)
    if not first:
        raise OracleError(FailureCode.UNSUPPORTED, "there is no statement", "give one")
    if read_only and first not in _READING and first_words(command, 3) not in _ENDING:
        message = f"a read-only run cannot hold {first}: it may change something"
        raise OracleError(FailureCode.UNSUPPORTED, message, "run it as a write")
    text = command.strip()
    return text if first in _BLOCKS else text.rstrip(";").rstrip()


def first_word(text: str) -> str:
    """The word that a statement begins with, in capitals; "" for none."""
    return next(iter(first_words(text, 1)), "")


def first_words(text: str, count: int) -> list[str]:
    """The words that a statement begins with, in capitals; as many as there are."""
    return [piece.text.upper() for piece in islice((each for each in tokens(text) if each.kind is TokenKind.WORD), count)]


def _value(value: Value) -> Value:
    if isinstance(value, tuple) or not isinstance(value, str | bytes | int | float | bool | None):
        raise OracleError(FailureCode.UNSUPPORTED, "a list or a document is no value of a statement", "give its JSON text")
    return int(value) if isinstance(value, bool) else value


def _explained(error: OracleError, limits: Limits) -> OracleError:
    if error.reason is FailureCode.TIMEOUT:
        message = f"the statement took longer than {format_duration(limits.seconds)} and was stopped"
        return OracleError(FailureCode.TIMEOUT, message, "give it more time", error.number)
    return error
