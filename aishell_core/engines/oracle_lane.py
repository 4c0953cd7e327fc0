"""One of a session's connections: made when needed, given up when it does not answer, one question at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from aishell_core.deadline import whole
from aishell_core.engines.oracle_errors import OracleError, Whereabouts, no_answer, told, unreachable
from aishell_core.engines.oracle_facts import SQL as FACTS_SQL
from aishell_core.engines.oracle_facts import ServerFacts, facts_of
from aishell_core.engines.oracle_loop import LoopThread
from aishell_core.engines.oracle_place import Place, find_place
from aishell_core.engines.oracle_wire import Binds, Connect, Row, ServerError, Wire
from aishell_core.targets import Target
from aishell_core.units import format_duration
from aishell_core.values import FailureCode

T = TypeVar("T")

_SHARE = 0.9
"""The driver is given a little less than the deadline, so that the server can still say that it has stopped."""


@dataclass(frozen=True, slots=True)
class Reached:
    """A connection and what the server says of it."""

    wire: Wire
    facts: ServerFacts


class Line:
    """A connection and its turn; every error that leaves it is an OracleError.

    Whoever has the turn may use the other methods. A question that is not answered when the turn ends takes the
    connection with it, without waiting for the server.
    """

    def __init__(self, target: Target, environ: Mapping[str, str], connect: Connect, thread: LoopThread, action: str) -> None:
        self._target = target
        self._environ = environ
        self._connect = connect
        self._thread = thread
        self._action = action
        self._lock = asyncio.Lock()
        self._place: Place | None = None
        self._reached: Reached | None = None
        self._stage = "connecting"
        self._closed = False
        self.queries = 0

    @property
    def sid(self) -> int | None:
        """Our own session's number at the server, None without a connection."""
        return self._reached.facts.sid if self._reached is not None else None

    @asynccontextmanager
    async def turn(self, seconds: float) -> AsyncIterator[float]:
        """The line for oneself until the block ends; gives the moment of the deadline in the event loop's time.

        Raises OracleError when that comes first.
        """
        mine = False
        try:
            async with asyncio.timeout(seconds) as limit, self._lock:
                mine, self._stage = True, "connecting"
                yield limit.when() or 0.0
        except TimeoutError as error:
            raise no_answer(self.where(), format_duration(whole(seconds)), self._stage if mine else "waiting") from error

    async def connected(self, until: float) -> Reached:
        """The connection, made when there is none; raises OracleError."""
        if self._reached is not None:
            return self._reached
        self._refuse_when_closed()
        self._stage = "connecting"
        try:
            return await self._made(until)
        except OracleError as error:
            error.lost = True  # whatever it says of it: there is no connection
            raise

    async def _made(self, until: float) -> Reached:
        place = self._place = find_place(self._target, self._environ)
        wire = await self._told(lambda: self._opened(place, until), until, leftover=_left)
        try:
            (row,) = await self._told(lambda: wire.fetch(FACTS_SQL, {}, _milliseconds(until)), until)
        except BaseException:
            self._thread.leave(wire.close())
            raise
        self.queries += 1
        reached = self._reached = Reached(wire, facts_of(row, wire.version, licensed=place.licensed))
        self._refuse_when_closed()
        return reached

    def _refuse_when_closed(self) -> None:
        if self._closed:
            self.drop()
            raise OracleError(FailureCode.REFUSED, "this session has been closed", "open the target again")

    async def _opened(self, place: Place, until: float) -> Wire:
        """The connection, given up at the deadline: while it is being made, the driver may be interrupted."""
        async with asyncio.timeout(max(0.0, until - asyncio.get_running_loop().time())):
            return await self._connect(place, self._action)

    async def fetch(self, sql: str, binds: Binds, until: float) -> tuple[Row, ...]:
        """The rows of one query; raises OracleError."""
        wire = (await self.connected(until)).wire
        return await self.asked(lambda: wire.fetch(sql, binds, _milliseconds(until)), until)

    async def execute(self, sql: str, binds: Binds, until: float) -> None:
        """Run one statement that brings no rows; raises OracleError."""
        wire = (await self.connected(until)).wire
        await self.asked(lambda: wire.execute(sql, binds, _milliseconds(until)), until)

    async def asked(self, work: Callable[[], Coroutine[Any, Any, T]], until: float) -> T:
        """The answer to one question; a connection that has not answered it, or has broken, is dropped. Raises OracleError."""
        self._stage = "asking"
        self.queries += 1
        whole = False
        try:
            answer = await self._told(work, until)
            whole = True
        except OracleError as error:
            whole = not error.lost
            raise
        finally:
            if not whole:
                self.drop()
        return answer

    async def _told(
        self, work: Callable[[], Coroutine[Any, Any, T]], until: float, leftover: Callable[[T], Awaitable[None]] | None = None
    ) -> T:
        """What a call of the driver brought, with its errors for people; a deadline that passes is a TimeoutError."""
        try:
            return await self._thread.run(work, max(0.0, until - asyncio.get_running_loop().time()), leftover)
        except ServerError as fault:
            raise told(fault, self.where()) from fault
        except TimeoutError:
            raise
        except OSError as error:
            raise unreachable(error, self.where()) from error

    def drop(self) -> None:
        """Let the connection go without waiting for it."""
        reached, self._reached = self._reached, None
        if reached is not None:
            self._thread.leave(reached.wire.close())

    async def close(self) -> None:
        """Let go for good, also of a question that is under way; may be called twice."""
        self._closed = True
        self.drop()

    def where(self) -> Whereabouts:
        """What messages name."""
        if self._place is not None:
            where = self._place.where
            return where if self._reached is None else Whereabouts(where.address, where.service, self._reached.facts.user)
        place = self._target.location
        return Whereabouts(place.redacted().partition("://")[2], place.database, place.user.upper())


async def _left(wire: Wire) -> None:
    """A connection that stood when nobody waited for it any more."""
    await wire.close()


def _milliseconds(until: float) -> int:
    """What the driver is given of the time until a deadline, counted on the clock that all event loops share."""
    left = until - asyncio.get_running_loop().time()
    return max(1, int(left * _SHARE * 1000))
