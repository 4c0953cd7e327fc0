"""One of a session's two connections: made when needed, given up when it does not answer, one question at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeVar

from aishell_core.deadline import Left, whole
from aishell_core.engines.mysql_errors import LOST, MysqlError, ServerError, Whereabouts, is_lost, no_answer, told
from aishell_core.engines.mysql_place import Place, find_place
from aishell_core.engines.mysql_route import Reached, Route, reach, whereabouts
from aishell_core.targets import Target
from aishell_core.units import format_duration
from aishell_core.values import FailureCode

if TYPE_CHECKING:
    from aishell_core.engines.mysql_connection import Row

_T = TypeVar("_T")
_PATIENCE_MILLISECONDS = (20, 100, 250, 500, 900, 1400, 1900, 3000, 4500, 6500, 9500, 14_000, 19_000, 28_000, 60_000, 280_000)


def patience_milliseconds(seconds: float) -> int:
    """How long the server may work for a deadline: a little less, so that it ends the statement and the connection stays.

    One of a few values only, so that it is seldom set anew.
    """
    return max((each for each in _PATIENCE_MILLISECONDS if each <= seconds * 960), default=_PATIENCE_MILLISECONDS[0])


def patience_statement(milliseconds: int, *, mariadb: bool) -> str:
    """What makes the server end a statement by itself: MariaDB any (in seconds), MySQL a SELECT (in milliseconds)."""
    setting = f"max_statement_time = {milliseconds / 1000:g}" if mariadb else f"max_execution_time = {milliseconds}"
    return f"SET /* aishell */ SESSION {setting}"


class Line:
    """A connection and its turn; every error that leaves it is a MysqlError.

    Whoever has the turn may use the other methods. A question that is not answered when the turn ends takes the
    connection with it, without waiting for the server.
    """

    def __init__(self, target: Target, environ: Mapping[str, str], route: Route, name: str, *, settled: bool = True) -> None:
        """Unless `settled`, the connection is a person's: it keeps the server's own settings and may write."""
        self._target = target
        self._environ = environ
        self._route = route
        self._name = name
        self._settled = settled
        self._lock = asyncio.Lock()
        self._place: Place | None = None
        self._reached: Reached | None = None
        self._patience = 0
        self._database = ""
        self._stage = "connecting"
        self._given_seconds = 0.0
        self._closed = False
        self.queries = 0

    @property
    def connection_id(self) -> int:
        """The id of the connection at the server, 0 without one."""
        return self._reached.facts.connection_id if self._reached is not None else 0

    @asynccontextmanager
    async def turn(self, seconds: float) -> AsyncIterator[float]:
        """The line for oneself until the block ends; gives the moment of the deadline in the event loop's time.

        Raises MysqlError when that comes first.
        """
        mine = False
        try:
            async with asyncio.timeout(seconds) as limit, self._lock:
                mine, self._stage, self._given_seconds = True, "connecting", whole(seconds)
                yield limit.when() or 0.0
        except TimeoutError as error:
            raise no_answer(self.where(), format_duration(whole(seconds)), self._stage if mine else "waiting") from error

    async def connected(self, until: float, database: str = "") -> Reached:
        """The connection, made when there is none; `database` is another than the target's own. Raises MysqlError."""
        reached = self._reached
        if reached is not None and not reached.connection.closed and reached.server == self._route.at:
            return reached
        self.drop()
        self._stage = "connecting"
        seconds = Left(until - asyncio.get_running_loop().time(), self._given_seconds)
        self._place = find_place(self._target, self._environ)
        self._patience = 0
        self._reached = await reach(self._place, self._route, seconds, settled=self._settled, database=database, name=self._name)
        self._database = database or self._reached.facts.database
        if self._closed:
            self.drop()
            raise MysqlError(FailureCode.REFUSED, "this session has been closed", "open the target again")
        return self._reached

    async def see(self, database: str, until: float) -> None:
        """Have names without a schema mean this database, "" for the target's own; raises MysqlError."""
        reached = await self.connected(until)
        wanted = database or reached.facts.database
        if wanted == self._database:
            return
        if not wanted:
            self.drop()  # a connection cannot be told to be in no database again
            await self.connected(until)
            return
        await self.asked(reached.connection.use(wanted))
        self._database = wanted

    async def fetch(self, sql: str, parameters: Sequence[object], until: float) -> tuple[Row, ...]:
        """The rows of one statement; raises MysqlError."""
        reached = await self.connected(until)
        await self.be_patient(reached, patience_milliseconds(until - asyncio.get_running_loop().time()))
        return await self.asked(reached.connection.fetch(sql, parameters))

    async def be_patient(self, reached: Reached, milliseconds: int) -> None:
        """Have the server end what takes longer than this, unless it does so about then already; raises MysqlError."""
        if 0.6 * milliseconds <= self._patience <= 1.5 * milliseconds:
            return
        try:
            await self.asked(reached.connection.execute(patience_statement(milliseconds, mariadb=reached.facts.mariadb)))
        except MysqlError as error:
            if is_lost(error.number):
                raise
            # A server that is only compatible may have no such limit: ours remains.
        self._patience = milliseconds

    async def execute(self, sql: str) -> None:
        """Run a statement of our own on the connection; raises MysqlError."""
        if self._reached is not None:
            await self.asked(self._reached.connection.execute(sql))

    async def asked(self, work: Awaitable[_T]) -> _T:
        """The answer to one question; a connection that has not answered it, or has broken, is dropped. Raises MysqlError."""
        self._stage = "asking"
        self.queries += 1
        whole = False
        try:
            answer = await work
            whole = True
        except ServerError as error:
            whole = not is_lost(error.number)
            raise told(error, self.where()) from error
        except OSError as error:
            raise told(ServerError(LOST, str(error)), self.where()) from error
        finally:
            if not whole:
                self.drop()
        return answer

    def drop(self) -> None:
        """Let the connection go at once, whatever the server does."""
        reached, self._reached = self._reached, None
        if reached is not None:
            reached.connection.abort()

    async def close(self) -> None:
        """Let go for good, also of a question that is under way; may be called twice."""
        self._closed = True
        if self._lock.locked():
            self.drop()
        else:
            await self.leave()

    async def leave(self) -> None:
        """Take leave of the server; raises nothing and waits only for a moment."""
        reached, self._reached = self._reached, None
        if reached is not None:
            await reached.connection.close()

    def where(self) -> Whereabouts:
        """What messages name."""
        if self._place is not None:
            reached = self._reached
            return whereabouts(self._place, reached.server if reached else None, reached.facts.account if reached else "")
        place = self._target.location
        return Whereabouts(place.redacted().partition("://")[2], place.database, place.user)
