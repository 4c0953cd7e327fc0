"""Running one command of a person: what it may be, its answer as rows, and the limits of both."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from difflib import get_close_matches
from functools import partial
from typing import TYPE_CHECKING

from aishell_core.engines.bounded import Bounded
from aishell_core.engines.redis_commands import (
    SUBSCRIBING,
    WAITING,
    bounded_wait,
    is_script,
    name_of,
    traits_of,
    why_not_read_only,
    why_not_run,
    word_of,
    words_of,
)
from aishell_core.engines.redis_errors import Lost, RedisError, broken, told
from aishell_core.engines.redis_lane import Line
from aishell_core.engines.redis_rows import Table, messages_table, table_of
from aishell_core.engines.redis_script import answer_of_script
from aishell_core.engines.redis_text import readable
from aishell_core.targets import Target
from aishell_core.units import format_duration
from aishell_core.values import CommandResult, FailureCode, Limits, Value

if TYPE_CHECKING:
    from aishell_core.engines.redis_connection import Reply

_HELD_FACTOR = 4
"""So many times the limit of bytes is taken in before an answer is given up: it comes as one piece and is cut here."""
_MAY_WRITE = "nothing was done: as a read runs only what the server, too, calls one"
_ANSWER_SECONDS = 5.0
"""How long the server gets to say that a waiting is over."""
_LEAST_HELD_BYTES = 2**20


async def run_command(
    target: Target,
    environ: Mapping[str, str],
    command: str,
    parameters: tuple[Value, ...],
    limits: Limits,
    *,
    database: str = "",
    read_only: bool = True,
) -> CommandResult:
    """What one command brought, on a connection of its own; raises TargetError.

    `parameters` are further words after those of the text. With `read_only` a command is refused unless the server
    marks it as one that reads (COMMAND INFO). A command that waits is given the time that is left as its own, so that the
    server ends it. Redis bounds no other by time: after the deadline the connection is closed, and one that works goes on
    to its end; a script is ended where the server lets it be.
    """
    words = (*words_of(command), *map(word_of, parameters))
    if not words:
        raise RedisError(FailureCode.UNSUPPORTED, "there is no command", "write one, such as GET mykey")
    name = name_of(words)
    reason = why_not_run(name)
    if reason:
        raise RedisError(FailureCode.UNSUPPORTED, f"{_shown(name)} is not run here: it {reason}", "use the server's own client for it")
    most_bytes = max(_LEAST_HELD_BYTES, _HELD_FACTOR * limits.bytes)
    # In the newer protocol, what a subscriber hears comes beside the answers.
    new_line = partial(Line, target, environ, database=database, most_bytes=most_bytes, newest=name not in SUBSCRIBING)
    began = time.monotonic()
    if is_script(name) and not read_only:
        table = table_of(name, await answer_of_script(words, name, limits, new_line))
    else:
        table = await _table(new_line(), words, name, limits, read_only=read_only)
    return replace(_result(table, limits), milliseconds=(time.monotonic() - began) * 1000)


async def _table(line: Line, words: tuple[bytes, ...], name: str, limits: Limits, *, read_only: bool) -> Table:
    until, sent = time.monotonic() + limits.seconds, False
    try:
        async with line.turn(limits.seconds + (_ANSWER_SECONDS if name in WAITING else 0.0)):
            if read_only:
                await _check_reads(line, words, name)
            if name in SUBSCRIBING:
                return await _listen(line, words, limits, until)
            await line.connected()
            sent = True
            return await _answer(line, bounded_wait(words, max(0.0, until - time.monotonic())), name, limits)
    except RedisError as error:
        if sent and name in WAITING and error.reason is FailureCode.TIMEOUT:
            message = f"nothing came within {format_duration(limits.seconds)}, and the waiting was ended"
            raise RedisError(error.reason, message, "give it more time") from error
        raise
    finally:
        await line.close()


async def _check_reads(line: Line, words: tuple[bytes, ...], name: str) -> None:
    """Raise RedisError unless the server marks the command as one that reads; on a server that tells nothing, nothing is run."""
    (answer,) = await line.ask([("COMMAND", "INFO", words[0])])
    said = getattr(answer, "said", None)
    if said is not None:
        refused = told(said, line.where(), "command|info")
        message = f"whether {_shown(name)} only reads cannot be told: {refused.message}"
        raise RedisError(refused.reason, message, refused.hint, refused.word)
    traits = traits_of(answer[0]) if isinstance(answer, list) and answer else None
    if traits is None:
        raise await _unknown(line, name)
    reason = why_not_read_only(name, traits, words)
    if reason:
        raise RedisError(FailureCode.PRIVILEGE, f"{_shown(name)} is not run where only reading is allowed: {reason}", _MAY_WRITE)


async def _unknown(line: Line, name: str) -> RedisError:
    """The error for a command that the server does not know, with the nearest that it knows."""
    listed, described = await line.ask([("COMMAND", "LIST"), ("COMMAND",)])
    # Before 7 there is no mere list.
    names = listed if isinstance(listed, list) else [each[0] for each in described] if isinstance(described, list) else []
    known = [readable(each) for each in names]
    near = get_close_matches(name.partition("|")[0], known, n=1, cutoff=0.5)
    message = f"{line.where().address} knows no command {_shown(name)}"
    return RedisError(
        FailureCode.MISSING, f"{message}: did you mean {near[0].upper()}?" if near else message, "COMMAND DOCS tells of those that it knows"
    )


async def _answer(line: Line, words: tuple[bytes, ...], name: str, limits: Limits) -> Table:
    try:
        (answer,) = await line.ask([words], again=False)
    except RedisError as error:
        if name == "shutdown" and error.reason is FailureCode.REFUSED:
            return Table(("value",), (("the server closed the connection",),))
        raise
    _raise_refused(answer, line, name)
    if answer is None and name in WAITING:
        return Table(("value",), (), note=f"nothing came within {format_duration(limits.seconds)}, or the time that the command gives")
    return table_of(name, answer)


async def _listen(line: Line, words: tuple[bytes, ...], limits: Limits, until: float) -> Table:
    """The messages of some channels until a limit is reached; the end of the time is no error here."""
    import asyncio

    connection = await line.connected()
    (answer,) = await line.ask([words], again=False)
    _raise_refused(answer, line, name_of(words))
    found: list[Reply] = []
    try:
        # A little sooner than the deadline of all, so that what was heard is told.
        async with asyncio.timeout(max(0.0, until - time.monotonic() - 0.05 * limits.seconds)):
            while len(found) < limits.rows:
                found.append(await connection.next_message())
    except TimeoutError:
        return messages_table(found, f"listened for {format_duration(limits.seconds)}")
    except Lost as error:
        raise broken(line.where(), greeted=True) from error
    return messages_table(found, "")


def _raise_refused(answer: Reply, line: Line, name: str) -> None:
    said = getattr(answer, "said", None)
    if said is not None:
        raise told(said, line.where(), name)


def _result(table: Table, limits: Limits) -> CommandResult:
    """The rows within the limits, and which of these ended them."""
    found = Bounded(limits.rows, limits.bytes)
    found.take_all(table.rows)
    return CommandResult(table.columns, tuple(found.rows), table.affected, cut=found.cut, note=table.note)


def _shown(name: str) -> str:
    return readable(name).replace("|", " ").upper()
