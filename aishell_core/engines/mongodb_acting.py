"""Ending operations and sessions of a MongoDB server, only those that are still the same as when they were seen."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from aishell_core.engines.mongodb_documents import Document
from aishell_core.engines.mongodb_errors import MongoError, Whereabouts, grant
from aishell_core.engines.mongodb_identity import SAME_START_SECONDS, client_of, drop_index, is_index_build, session_id, started_at
from aishell_core.values import FailureCode, Session

_GONE_HINT = "look at the sessions again: nothing was done"
_DENIED = 13
_AGAIN_SECONDS = 0.05


class Asking(Protocol):
    """What acting needs of a session: asking within the deadline of the one act."""

    async def documents(self, command: Mapping[str, Any]) -> tuple[Document, ...]:
        """The documents of a command that gives a cursor; raises MongoError."""

    async def command(self, command: Mapping[str, Any]) -> Document:
        """The reply to a command; raises MongoError."""


async def cancel(asking: Asking, where: Whereabouts, session: Session) -> None:
    """End what exactly this session runs; raises MongoError, with GONE when it runs nothing or is another one.

    The server has no command that checks and kills at once: it is looked at, and killed in the very next command.
    An operation's number is not used again before the server's next life.
    """
    found = await _same(asking, where, session)
    if found.get("opid") is None:
        raise MongoError(FailureCode.GONE, f"session {session.id} runs nothing now", _GONE_HINT)
    if is_index_build(found):
        message = f"session {session.id} is an index build: killOp is not for those, the other members would go on with it"
        raise MongoError(FailureCode.UNSUPPORTED, message, f"{drop_index(found)} gives it up everywhere")
    await _told(asking.command, {"killOp": 1, "op": found["opid"]}, where, session)


async def terminate(asking: Asking, where: Whereabouts, session: Session) -> None:
    """End exactly this session with its operation, transaction and cursors; raises MongoError.

    MongoDB ends no connections. What it has is logical sessions, to which all that a client began belongs; a client
    that uses none can only be cancelled. What was ended is seen to go: TIMEOUT when it is still there in the end.
    """
    found = await _same(asking, where, session)
    logical = found.get("lsid")
    if not isinstance(logical, Mapping) or logical.get("id") is None:
        message = f"session {session.id} has no logical session, and MongoDB cannot end a connection"
        raise MongoError(FailureCode.UNSUPPORTED, message, _other_way(found))
    if is_index_build(found):
        message = f"session {session.id} is an index build: ending its session leaves the other members at it"
        raise MongoError(FailureCode.UNSUPPORTED, message, f"{drop_index(found)} gives it up everywhere")
    if logical.get("uid") is not None:
        command: dict[str, Any] = {"killAllSessionsByPattern": [{"lsid": {"id": logical["id"], "uid": logical["uid"]}}]}
    else:
        command = {"killSessions": [{"id": logical["id"]}]}
    await _told(asking.command, command, where, session)
    await _gone(asking, where, session)


def _other_way(found: Document) -> str:
    if is_index_build(found):
        return f"{drop_index(found)} gives the index build up"
    return "cancel ends its operation" if found.get("opid") is not None else "end the client"


async def _gone(asking: Asking, where: Whereabouts, session: Session) -> None:
    """Wait until this session is seen no more; raises MongoError with TIMEOUT when the time is over before."""
    while True:
        try:
            await _same(asking, where, session)
        except MongoError as error:
            if error.reason is FailureCode.GONE:
                return
            if error.reason is FailureCode.TIMEOUT:
                message = f"session {session.id} was told to end and has not yet"
                raise MongoError(FailureCode.TIMEOUT, message, "it ends at its next interrupt point; look at the sessions again") from error
            raise
        await asyncio.sleep(_AGAIN_SECONDS)


async def _same(asking: Asking, where: Whereabouts, session: Session) -> Document:
    """The document of exactly this session as it is now; raises MongoError with GONE when there is none."""
    if session.started_at is None:
        raise MongoError(FailureCode.UNSUPPORTED, f"{session.id} is a connection that does nothing", "MongoDB has no way to end one")
    stage = {"$currentOp": {"allUsers": True, "idleConnections": False, "idleSessions": True}}
    try:
        documents = await asking.documents({"aggregate": 1, "pipeline": [stage], "cursor": {}})
    except MongoError as error:
        raise _denied(error, where, session) from error
    found = next((each for each in documents if session_id(each) == session.id), None)
    if found is None:
        raise MongoError(FailureCode.GONE, f"session {session.id} has ended by itself", _GONE_HINT)
    began = started_at(found)
    if began is None or abs(began - session.started_at) > SAME_START_SECONDS or client_of(found) != session.client:
        raise MongoError(FailureCode.GONE, f"the number {session.id} belongs to another operation now", _GONE_HINT)
    return found


async def _told(
    command: Callable[[Mapping[str, Any]], Awaitable[Document]], order: Mapping[str, Any], where: Whereabouts, session: Session
) -> None:
    try:
        await command(order)
    except MongoError as error:
        raise _denied(error, where, session) from error


def _denied(error: MongoError, where: Whereabouts, session: Session) -> MongoError:
    if error.number != _DENIED or error.reason is not FailureCode.PRIVILEGE:
        return error
    message = f"user {where.user or 'nobody'} may not end what session {session.id} does"
    return MongoError(FailureCode.PRIVILEGE, message, grant("hostManager", where.user, where.source), error.number)
