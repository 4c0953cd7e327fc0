"""Ending what a client waits for, and its connection, after checking that it is still the same one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aishell_core.engines.redis_commands import is_script
from aishell_core.engines.redis_errors import RedisError, told
from aishell_core.engines.redis_lane import Line
from aishell_core.engines.redis_text import Fields, clients_of, number
from aishell_core.values import FailureCode, Session

if TYPE_CHECKING:
    from aishell_core.engines.redis_connection import Reply

SAME_START_SECONDS = 3.0
"""A server tells a client's age in whole seconds, so that its start is known to a second, by two clocks that may differ."""

_LOOK_AGAIN = "look at the sessions again"


async def cancel_client(line: Line, session: Session, now: float) -> None:
    """End what a blocked client waits for, or the script that keeps the server busy; raises RedisError.

    While a script runs for long, the server tells nothing of its clients and runs nothing else, so that the one script
    is what is ended, and only for a session that was seen to run scripts.
    """
    found = await _client(line, session)
    if isinstance(found, RedisError):
        if found.word != "BUSY":
            raise found
        await _end_script(line, session, found)
        return
    _check(found, session, now)
    if "b" not in found.get("flags", ""):
        raise RedisError(
            FailureCode.UNSUPPORTED,
            "Redis runs one command at a time to its end, and this client waits for nothing",
            "only a client that is blocked, or a script that runs for long, can be cancelled; K ends its connection",
        )
    answer = await _ask(line, "client|unblock", "CLIENT", "UNBLOCK", found["id"], "ERROR")
    if answer != 1:
        raise RedisError(FailureCode.GONE, f"client {session.id} waits for nothing any more", _LOOK_AGAIN)


async def terminate_client(line: Line, session: Session, now: float) -> None:
    """Close the connection of exactly this client; raises RedisError.

    The server gives a number once in its life, and both questions go over one connection, which does not outlive it: a
    client that was the right one at the check is the right one at the kill, which names its address once more.
    """
    found = await _client(line, session)
    if isinstance(found, RedisError):
        raise found
    _check(found, session, now)
    answer = await _ask(line, "client|kill", "CLIENT", "KILL", "ID", found["id"], "ADDR", found.get("addr", ""))
    if answer == 0:
        raise _gone(session)


async def _client(line: Line, session: Session) -> Fields | RedisError:
    """The client of this number as the server lists it now, or why it cannot be told; raises RedisError where it is gone."""
    if not (session.id.isascii() and session.id.isdecimal()):
        raise _gone(session)
    for words in (("CLIENT", "LIST", "ID", session.id), ("CLIENT", "LIST")):
        (answer,) = await line.ask([words], again=False)
        if isinstance(answer, bytes | str):
            match = next((each for each in clients_of(answer) if each.get("id") == session.id), None)
            if match is None:
                raise _gone(session)
            return match
        refused = told(answer.said, line.where(), "client|list")
        if refused.word:  # an older server knows no list of one client and says so without a word
            return refused
    return refused


def _check(found: Fields, session: Session, now: float) -> None:
    """Raise RedisError where the number belongs to another client now: one of another address or start."""
    age = number(found, "age")
    moved = bool(session.client) and found.get("addr") != session.client
    began = None if age is None else now - age
    other = began is not None and session.started_at is not None and abs(began - session.started_at) > SAME_START_SECONDS
    if moved or other:
        raise RedisError(FailureCode.GONE, f"client {session.id} is another one now; nothing was done", _LOOK_AGAIN)


async def _end_script(line: Line, session: Session, busy: RedisError) -> None:
    if not is_script(session.text):
        raise RedisError(
            FailureCode.UNSUPPORTED,
            "the server is busy with a script and does not tell whose; this session was not seen to run one",
            busy.hint,
            busy.word,
        )
    container = "FUNCTION" if busy.hint.startswith("FUNCTION") else "SCRIPT"
    await _ask(line, f"{container.lower()}|kill", container, "KILL")


async def _ask(line: Line, name: str, *words: str) -> Reply:
    (answer,) = await line.ask([words], again=False)
    said = getattr(answer, "said", None)
    if said is not None:
        raise told(said, line.where(), name)
    return answer


def _gone(session: Session) -> RedisError:
    return RedisError(FailureCode.GONE, f"client {session.id} is gone; nothing was done", _LOOK_AGAIN)
