"""Running a script of a person on a Redis server, which serves nobody meanwhile: one that takes too long is ended there."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from aishell_core.engines.redis_errors import RedisError, told
from aishell_core.engines.redis_lane import Line
from aishell_core.units import format_duration
from aishell_core.values import FailureCode, Limits

if TYPE_CHECKING:
    from aishell_core.engines.redis_connection import Reply

_STOP_SECONDS = 10.0
"""How long the server gets to answer others again: it does so after busy-reply-threshold, which is 5 s unless somebody set it."""
_LAST_SECONDS = 1.0


async def answer_of_script(words: tuple[bytes, ...], name: str, limits: Limits, new_line: Callable[[], Line]) -> Reply:
    """What a script answers; raises RedisError.

    The second connection is there before the script begins: while it runs the server lets nobody in. After the deadline
    that one waits until the server listens again, and ends the script by SCRIPT KILL (FUNCTION KILL for a function),
    which the server refuses for one that has written. It ends only the one of here: while another's script
    runs, the server answers this one with BUSY.
    """
    mine, other = new_line(), new_line()
    try:
        async with other.turn(limits.seconds + _STOP_SECONDS), mine.turn(limits.seconds + _STOP_SECONDS + _LAST_SECONDS):
            await other.connected()
            await mine.connected()
            asked = asyncio.create_task(mine.ask([words], again=False))
            try:
                await asyncio.wait({asked}, timeout=limits.seconds)
                if not asked.done():
                    await _stop(other, asked, name, limits)
                (answer,) = await asked
            finally:
                asked.cancel()
                with contextlib.suppress(asyncio.CancelledError, RedisError):
                    await asked
        said = getattr(answer, "said", None)
        if said is not None:
            raise told(said, mine.where(), name)
        return answer
    finally:
        mine.drop()
        other.drop()


async def _stop(other: Line, asked: asyncio.Task[tuple[Reply, ...]], name: str, limits: Limits) -> None:
    """End the script where it still runs; raises RedisError that says how that went, returns where an answer has come."""
    late = f"the script took longer than {format_duration(limits.seconds)}"
    kill = "FUNCTION" if name.startswith("fcall") else "SCRIPT"
    try:
        async with asyncio.timeout(_STOP_SECONDS):
            # Two rounds: whatever the server had for the first connection has gone out before the second one's answer.
            for _ in range(2):
                (served,) = await other.ask([("PING",)], again=False)
            await asyncio.wait({asked}, timeout=0.1)
            if asked.done():
                return
            if _word(served) != "BUSY":
                await asyncio.wait({asked}, timeout=_LAST_SECONDS)
                if asked.done():
                    return
                raise RedisError(FailureCode.TIMEOUT, f"{late}, and its answer has not come", "give it more time")
            (ended,) = await other.ask([(kill, "KILL")], again=False)
    except TimeoutError as error:
        raise RedisError(FailureCode.TIMEOUT, f"{late} and still runs: the server answers nobody", f"{kill} KILL ends it") from error
    word = _word(ended)
    if word == "UNKILLABLE":
        message = f"{late} and still runs: it has written, so the server lets nobody end it"
        raise RedisError(FailureCode.TIMEOUT, message, "wait, or SHUTDOWN NOSAVE, which loses what is not saved", word)
    if word and word != "NOTBUSY":
        refused = told(str(getattr(ended, "said", "")), other.where(), f"{kill.lower()}|kill")
        raise RedisError(FailureCode.TIMEOUT, f"{late} and still runs: {refused.message}", refused.hint, word)
    raise RedisError(FailureCode.TIMEOUT, f"{late} and was stopped", "give it more time; the server serves nobody meanwhile")


def _word(answer: Reply) -> str:
    """The server's word for a refusal, "" for an answer."""
    return str(getattr(answer, "said", "")).partition(" ")[0]
