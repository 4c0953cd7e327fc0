"""A session with a MongoDB server: two connections for questions at most, each question with a deadline."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar

from aishell_core.clock import Clock
from aishell_core.deadline import Left, whole
from aishell_core.engines.mongodb_errors import MongoError, Whereabouts, no_answer
from aishell_core.engines.mongodb_place import Place, find_place
from aishell_core.targets import Target
from aishell_core.units import format_duration
from aishell_core.values import CommandResult, Cost, FailureCode, Limits, PlanNode, Session, Value

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aishell_core.engines.mongodb_connection import MongoConnection
    from aishell_core.engines.mongodb_documents import Document

APPLICATION = "aishell"
"""The name under which our connections show themselves; what a person runs has another one."""

_T = TypeVar("_T")
_TAG = "aishell"
_MOST_OPERATIONS = 100_000
_WITHOUT_TAG = frozenset({"hello", "buildInfo", "ping"})


class Lane(StrEnum):
    """Which of the two turns a question takes: what is asked each second, or what may take long."""

    QUICK = "quick"
    SLOW = "slow"


@dataclass(frozen=True, slots=True)
class Reply:
    """The document with which a server answered a command, and what it cost."""

    document: Document
    cost: Cost


@dataclass(frozen=True, slots=True)
class Found:
    """The documents of a command that gives a cursor, whether there were more, and what it cost."""

    documents: tuple[Document, ...]
    cost: Cost
    cut: str = ""


class MongoSession:
    """Asks one server or set; every error that leaves it is a MongoError.

    A connection that breaks or does not answer in time is dropped by the driver and made anew by the next question.
    Nothing is connected before the first one. A connection may have been lost long before it is used again, as when
    the server was restarted between two readings: then a new one gets the question too.
    """

    def __init__(self, target: Target, clock: Clock) -> None:
        self._target = target
        self._clock = clock
        self._turns = {lane: asyncio.Lock() for lane in Lane}
        self._place: Place | None = None
        self._connection: MongoConnection | None = None
        self._closed = False

    @property
    def where(self) -> Whereabouts:
        """What messages name; raises MongoError for a URL that cannot be used."""
        return self.place.where

    @property
    def place(self) -> Place:
        """Where the server is; raises MongoError for a URL that cannot be used."""
        if self._place is None:
            self._place = find_place(self._target)
        return self._place

    def load(self) -> None:
        """Load the driver, so that no deadline of a question has to pay for that."""
        import aishell_core.engines.mongodb_connection  # noqa: F401 - for its sake alone

    async def command(self, command: Mapping[str, Any], *, database: str = "admin", lane: Lane, deadline_seconds: float) -> Reply:
        """The server's reply to one command, which the server gives up at the deadline too; raises MongoError."""
        tagged, began = _tagged(command), self._clock.steady()

        async def ask(connection: MongoConnection, seconds: float) -> Reply:
            document, size = await connection.command(database, tagged, seconds)
            return Reply(document, Cost(1, self._clock.steady() - began, size))

        return await self._asked(lane, deadline_seconds, ask)

    async def documents(
        self, command: Mapping[str, Any], *, database: str = "admin", lane: Lane, deadline_seconds: float, most: int
    ) -> Found:
        """The documents of a command that gives a cursor (find, aggregate, list…), so many at most; raises MongoError."""
        tagged, began = _tagged(command), self._clock.steady()

        async def ask(connection: MongoConnection, seconds: float) -> Found:
            found = await connection.documents(database, tagged, seconds, most)
            return Found(found.documents, Cost(1, self._clock.steady() - began, found.bytes), found.cut)

        return await self._asked(lane, deadline_seconds, ask)

    async def explain(self, text: str, database: str, deadline_seconds: float) -> tuple[PlanNode, ...]:
        """The plan of an operation in extended JSON, as seen in a database ("" for the target's own); raises MongoError."""
        from aishell_core.engines.mongodb_explaining import explain_command, explained

        command, where = explain_command(text, database or self.place.database)
        reply = await self.command(command, database=where, lane=Lane.SLOW, deadline_seconds=deadline_seconds)
        return explained(reply.document)

    async def estimated_rows(self, text: str, database: str, deadline_seconds: float) -> float | None:
        """How many documents an operation would change, or read one after the other; raises MongoError.

        What it would change is counted, up to a hundred thousand. What it would read without an index is all that the
        collection has.
        """
        from aishell_core.engines.mongodb_estimating import MOST, counted, counting_commands, noted_count

        act = _Act(self, deadline_seconds)
        commands, where = counting_commands(text, database or self.place.database)
        if commands:
            found = [await self.documents(each, database=where, lane=Lane.SLOW, deadline_seconds=act.left, most=1) for each in commands]
            return min(counted(document for each in found for document in each.documents), float(MOST))
        noted, where = noted_count(text, database or self.place.database)
        if noted is None or not _reads_all(await self.explain(text, database, act.left)):
            return None
        reply = await self.command(noted, database=where, lane=Lane.SLOW, deadline_seconds=act.left)
        return counted((reply.document,))

    async def cancel(self, session: Session, deadline_seconds: float) -> None:
        """End what exactly this session runs; raises MongoError."""
        from aishell_core.engines.mongodb_acting import cancel

        await cancel(_Act(self, deadline_seconds), self.where, session)

    async def terminate(self, session: Session, deadline_seconds: float) -> None:
        """End exactly this session with its operation, transaction and cursors; raises MongoError."""
        from aishell_core.engines.mongodb_acting import terminate

        await terminate(_Act(self, deadline_seconds), self.where, session)

    def database_of(self, command: str, database: str) -> str:
        """The database that an operation names itself, else the given or the target's own; "" for what is no operation."""
        from aishell_core.engines.mongodb_operation import database_of, parse_operation

        try:
            return database_of(parse_operation(command), database or self.place.database)
        except MongoError:
            return database or self.place.database

    async def run(
        self, command: str, parameters: tuple[Value, ...], limits: Limits, *, database: str = "", read_only: bool = True
    ) -> CommandResult:
        """What one operation in extended JSON brought, on a connection of its own; raises MongoError."""
        from aishell_core.engines.mongodb_running import run_operation

        return await run_operation(self.place, command, parameters, limits, database=database, read_only=read_only)

    async def _asked(self, lane: Lane, seconds: float, ask: Callable[[MongoConnection, float], Awaitable[_T]]) -> _T:
        async with self._turn(lane, seconds) as until:
            connection = self._connected()
            try:
                return await ask(connection, Left(until - asyncio.get_running_loop().time(), whole(seconds)))
            except MongoError as error:
                if not error.lost:
                    raise
            return await ask(connection, Left(until - asyncio.get_running_loop().time(), whole(seconds)))

    @asynccontextmanager
    async def _turn(self, lane: Lane, seconds: float) -> AsyncIterator[float]:
        """The lane for oneself until the block ends; gives the moment of the deadline in the event loop's time."""
        until = asyncio.get_running_loop().time() + seconds
        turn = self._turns[lane]
        try:
            async with asyncio.timeout(seconds):
                await turn.acquire()
        except TimeoutError as error:
            raise no_answer(self.where, format_duration(whole(seconds)), "waiting") from error
        try:
            yield until
        finally:
            turn.release()

    def _connected(self) -> MongoConnection:
        if self._closed:
            raise MongoError(FailureCode.REFUSED, "this session has been closed")
        if self._connection is None:
            # The driver is loaded when a server is to be read, not before.
            from aishell_core.engines.mongodb_connection import MongoConnection

            self._connection = MongoConnection(self.place, APPLICATION, len(Lane))
        return self._connection

    async def close(self) -> None:
        """Let go of all connections; may be called twice and raises nothing."""
        self._closed = True
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


class _Act:
    """The questions of one act, which share its deadline."""

    def __init__(self, session: MongoSession, seconds: float) -> None:
        self._session = session
        self._seconds = seconds
        self._until = asyncio.get_running_loop().time() + seconds

    @property
    def left(self) -> float:
        """The seconds that are left of it; raises MongoError with TIMEOUT when there are none.

        A question is given a least time of its own, in which a quick server would answer it again and again.
        """
        left = self._until - asyncio.get_running_loop().time()
        if left <= 0:
            raise no_answer(self._session.where, format_duration(self._seconds), "asking")
        return Left(left, self._seconds)

    async def documents(self, command: Mapping[str, Any]) -> tuple[Document, ...]:
        """The documents of a command that gives a cursor; raises MongoError."""
        found = await self._session.documents(command, lane=Lane.QUICK, deadline_seconds=self.left, most=_MOST_OPERATIONS)
        return found.documents

    async def command(self, command: Mapping[str, Any]) -> Document:
        """The reply to a command; raises MongoError."""
        return (await self._session.command(command, lane=Lane.QUICK, deadline_seconds=self.left)).document


def _reads_all(steps: tuple[PlanNode, ...]) -> bool:
    """Whether a step of a plan reads a whole collection."""
    return any(step.costly or _reads_all(step.children) for step in steps)


def _tagged(command: Mapping[str, Any]) -> dict[str, Any]:
    """The command with our name in it, as it is seen among the server's operations and in its log."""
    return {**command, "comment": _TAG} if next(iter(command), "") not in _WITHOUT_TAG else dict(command)
