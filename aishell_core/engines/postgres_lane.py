"""One of a session's two connections: made when needed, given up when it does not answer, one question at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from aishell_core.deadline import Left, whole
from aishell_core.engines.postgres_errors import PostgresError, ServerError, Whereabouts, entry_grant, no_answer, told, unreachable
from aishell_core.engines.postgres_facts import ServerFacts
from aishell_core.engines.postgres_grants import DENIED, catalog_grant, grant_of
from aishell_core.engines.postgres_place import Place, Server, find_place
from aishell_core.engines.postgres_queue import FIRST_SECONDS, Queue
from aishell_core.engines.postgres_route import LOCK_MILLISECONDS, Reached, Route, misfit_of, reach, whereabouts
from aishell_core.targets import Target
from aishell_core.units import format_duration
from aishell_core.values import FailureCode

if TYPE_CHECKING:
    from aishell_core.engines.postgres_connection import Row

_T = TypeVar("_T")
UNREADABLE = frozenset({"22021", "22P05"})
"""What the server says of a text that it cannot convert into the client's encoding."""
_LOST = ("08", "57P")
"""Classes of errors after which the server has ended the connection or is about to."""
_OURS = "SET /* aishell */ LOCAL search_path = pg_catalog"
_PATIENCE_MILLISECONDS = (20, 100, 250, 500, 900, 1400, 1900, 3000, 4500, 6500, 9500, 14_000, 19_000, 28_000, 60_000, 280_000)
_STOP_SECONDS = 1.0
_NO_TRANSACTIONS = "transaction blocks not allowed"


def patience_milliseconds(seconds: float) -> int:
    """The statement_timeout for a deadline: a little less, so that the server ends the statement and the connection stays.

    One of a few values only, because the server counts each text of a SET as a statement of its own.
    """
    return max((each for each in _PATIENCE_MILLISECONDS if each <= seconds * 960), default=_PATIENCE_MILLISECONDS[0])


class Line:
    """A connection and its turn; every error that leaves it is a PostgresError.

    Whoever has the turn may use the other methods. A question that is not answered when the turn ends takes the
    connection with it, without waiting for the server.
    """

    def __init__(self, target: Target, environ: Mapping[str, str], route: Route, name: str) -> None:
        self._target = target
        self._environ = environ
        self._route = route
        self._name = name
        self._lock = asyncio.Lock()
        self._queue = Queue()
        self._place: Place | None = None
        self._reached: Reached | None = None
        self._database = ""
        self._patience = 0
        self._stage = "connecting"
        self._given_seconds = 0.0
        self._closed = False
        self._raw = False
        self.queries = 0

    @property
    def server(self) -> Server | None:
        """The server that the connection leads to, None without one."""
        return self._reached.server if self._reached is not None else None

    @property
    def transactions(self) -> bool:
        """Whether there are any: a pooler that lends its connections for one statement has none."""
        return not self._route.bare

    @property
    def database(self) -> str:
        """The target's own database, "" before anything was connected."""
        return self._place.database if self._place is not None else ""

    @property
    def encoding(self) -> str:
        """The encoding of the database that the connection leads to, "" where it is not known."""
        return self._reached.facts.encoding if self._reached is not None else ""

    @property
    def pooled(self) -> bool:
        """Whether a pooler stands between, so that others get the connection after us."""
        return self._route.wrapped

    @asynccontextmanager
    async def turn(self, seconds: float) -> AsyncIterator[float]:
        """The line for oneself until the block ends; gives the moment of the deadline in the event loop's time.

        Raises PostgresError when that comes first.
        """
        mine = False
        try:
            async with asyncio.timeout(seconds) as limit, self._lock:
                mine, self._stage, self._given_seconds = True, "connecting", whole(seconds)
                yield limit.when() or 0.0
        except TimeoutError as error:
            stage = "queued" if self._stage == "connecting" and self._queue.stands_somewhere else self._stage
            raise no_answer(self.where(), format_duration(whole(seconds)), stage if mine else "waiting") from error

    async def connected(self, until: float, database: str = "") -> Reached:
        """The connection, made when there is none; `database` is another than the target's own. Raises PostgresError."""
        reached = self._reached
        if reached is not None and self._is_of_use(reached):
            return reached
        self.drop()
        self._stage = "connecting"
        # Else there would be more connections than two for a moment, and one more each time where the server stands still.
        await self._route.left()
        seconds = Left(until - asyncio.get_running_loop().time(), self._given_seconds)
        self._place = find_place(self._target, self._environ)
        if self._place.pooled:
            self._route.expect_pooler()
        self._patience = patience_milliseconds(seconds)
        self._database = database or self._place.database
        self._reached = await reach(self._place, self._route, self._queue, self._patience, seconds, database, self._name)
        if self._closed:
            self.drop()
            raise PostgresError(FailureCode.REFUSED, "this session has been closed")
        return self._reached

    def _is_of_use(self, reached: Reached) -> bool:
        """Whether a connection still leads where it should: another server may be in use since, or this one was promoted."""
        place = self._place
        if reached.connection.closed or reached.server != self._route.at or place is None:
            return False
        return len(place.servers) == 1 or not misfit_of(self.facts_now(reached), place.attributes)

    def facts_now(self, reached: Reached) -> ServerFacts:
        """The facts of a connection with what the server has reported since: a standby may have been promoted."""
        in_recovery = reached.connection.parameter("in_hot_standby")
        if not in_recovery or (in_recovery == "on") == reached.facts.in_recovery:
            return reached.facts
        return replace(reached.facts, in_recovery=in_recovery == "on")

    async def fetch(self, sql: str, parameters: Sequence[object], until: float) -> tuple[Row, ...]:
        """The rows of one statement; raises PostgresError, with the very GRANT as the hint where a privilege is missing."""
        try:
            return await self._fetch(sql, parameters, until)
        except PostgresError as error:
            await self.mend(error)
            raise

    async def mend(self, error: PostgresError, schemas: Sequence[str] = (), rights: Sequence[str] = ("SELECT",)) -> str:
        """Make the statement that lifts a refusal the error's hint, and give it; "" where the server does not tell what it is."""
        exact = entry_grant(error.message, self.where().user)
        try:
            exact = exact or await grant_of(error, self.fetch_message, self.where().user, schemas, rights)
        except PostgresError as unread:
            if unread.sqlstate == DENIED and not schemas:
                exact = catalog_grant(error, self.where().user)
        error.hint = exact or error.hint
        return exact

    async def _fetch(self, sql: str, parameters: Sequence[object], until: float) -> tuple[Row, ...]:
        reached = await self.connected(until)
        milliseconds = patience_milliseconds(until - asyncio.get_running_loop().time())
        if self._route.wrapped:
            return await self._fetch_wrapped(sql, parameters, milliseconds, until)
        if not 0.6 * milliseconds <= self._patience <= 1.5 * milliseconds:
            await self.asked(reached.connection.execute(f"SET /* aishell */ statement_timeout = {milliseconds}"))
            self._patience = milliseconds
        try:
            return await self.asked(reached.connection.fetch(sql, parameters))
        except PostgresError as error:
            if error.sqlstate not in UNREADABLE or reached.connection.raw:
                raise
        # The server cannot convert a text into UTF-8: from now on it sends them as they are stored.
        await self.asked(reached.connection.read_raw())
        return await self.asked(reached.connection.fetch(sql, parameters))

    async def _fetch_wrapped(self, sql: str, parameters: Sequence[object], milliseconds: int, until: float) -> tuple[Row, ...]:
        """The rows of one statement in a short transaction of its own, where the pooler has any."""
        for raw in (self._raw, True):
            self._raw = raw
            begun = await self.begun(milliseconds, _OURS + ("; SET /* aishell */ LOCAL client_encoding = 'SQL_ASCII'" if raw else ""))
            connection = (await self.connected(until)).connection
            try:
                return await self.asked(connection.fetch(sql, parameters))
            except PostgresError as error:
                if error.sqlstate not in UNREADABLE or raw or not begun:
                    raise
            finally:
                if begun:
                    await self.roll_back()
        raise AssertionError  # the second turn returns or raises

    async def begun(self, milliseconds: int, more: str) -> bool:
        """Open a read-only transaction that the server ends by itself if we do not; raises PostgresError.

        False through a pooler that has no transactions, which says so by hanging up: the connection is gone then.
        """
        if self._route.bare:
            return False
        statements = (
            "BEGIN /* aishell */ READ ONLY",
            f"SET /* aishell */ LOCAL statement_timeout = {milliseconds}",
            f"SET /* aishell */ LOCAL lock_timeout = {LOCK_MILLISECONDS}",
            "SET /* aishell */ LOCAL idle_in_transaction_session_timeout = 10000",
            more,
        )
        try:
            await self._first("; ".join(statements))
        except PostgresError as error:
            if _NO_TRANSACTIONS not in error.message:
                raise
            self._route.bare = True
            self.drop()
            return False
        return True

    async def _first(self, sql: str) -> None:
        """Begin a transaction; where a pooler has no connection for it yet, the place in its queue is kept. Raises PostgresError."""
        reached = self._reached
        if reached is None or not self._route.wrapped:
            await self.execute(sql)
            return
        await self.asked(self._begin(reached, sql), "queued")

    async def _begin(self, reached: Reached, sql: str) -> None:
        begun = asyncio.create_task(reached.connection.execute(sql))
        try:
            await asyncio.shield(begun)
        except asyncio.CancelledError:
            if not begun.done():
                self._reached = None
                self._queue.keep(reached.server, self._database, self._unwanted(reached, begun))
            raise

    async def _unwanted(self, reached: Reached, begun: asyncio.Task[None]) -> Reached:
        """A connection whose transaction nobody waits for any more, as soon as that has begun and ended; raises PostgresError."""
        try:
            await begun
            await reached.connection.execute("ROLLBACK /* aishell */")
        except BaseException as error:
            self._route.let_go(reached.connection)
            if isinstance(error, ServerError):
                raise told(error, self.where()) from error
            if isinstance(error, OSError):
                raise unreachable(error, self.where()) from error
            raise
        return reached

    async def roll_back(self) -> None:
        """End the transaction, where the connection still is one; raises PostgresError."""
        if self._reached is not None:
            await self.execute("ROLLBACK /* aishell */")

    async def fetch_once(self, sql: str) -> tuple[Row, ...]:
        """The rows of one statement of which nothing is kept; raises PostgresError."""
        if self._reached is None:
            raise PostgresError(FailureCode.REFUSED, "there is no connection")
        return await self.asked(self._reached.connection.fetch_once(sql))

    async def fetch_message(self, sql: str) -> tuple[str, ...]:
        """The first column of all rows that statements of our own bring in one message; raises PostgresError."""
        if self._reached is None:
            raise PostgresError(FailureCode.REFUSED, "there is no connection")
        return await self.asked(self._reached.connection.fetch_message(sql))

    async def fetch_unbound(self, sql: str) -> tuple[str, ...]:
        """The first column of one statement whose parameters have no values; raises PostgresError."""
        if self._reached is None:
            raise PostgresError(FailureCode.REFUSED, "there is no connection")
        return await self.asked(self._reached.connection.fetch_unbound(sql))

    async def execute(self, sql: str) -> None:
        """Run statements of our own on the connection; raises PostgresError."""
        if self._reached is not None:
            await self.asked(self._reached.connection.execute(sql))

    async def asked(self, work: Awaitable[_T], stage: str = "asking") -> _T:
        """The answer to one question; a connection that has not answered it, or has broken, is dropped. Raises PostgresError."""
        self._stage = stage
        self.queries += 1
        whole = False
        try:
            answer = await work
            whole = True
        except ServerError as error:
            whole = bool(error.sqlstate) and not error.sqlstate.startswith(_LOST)
            raise told(error, self.where()) from error
        except OSError as error:
            raise unreachable(error, self.where()) from error
        finally:
            if not whole:
                self.drop()
        return answer

    def drop(self) -> None:
        """Let the connection go at once, whatever the server does; what it is in the middle of is cancelled there."""
        reached, self._reached = self._reached, None
        if reached is None:
            return
        if self._route.bare and reached.connection.busy and not self._closed:
            self._queue.keep(reached.server, self._database, _answered(reached))
        else:
            self._route.let_go(reached.connection)

    async def close(self) -> None:
        """Let go for good, also of a question that is under way; may be called twice and waits only for a moment."""
        self._closed = True
        if self._lock.locked():
            self.drop()
        else:
            await self.leave()
        await self._queue.leave()
        await self._route.left()

    async def leave(self) -> None:
        """Take leave of the server; raises nothing and waits only for a moment."""
        reached, self._reached = self._reached, None
        if reached is not None:
            await reached.connection.close()

    def where(self) -> Whereabouts:
        """What messages name."""
        if self._place is not None:
            facts = self._reached.facts if self._reached is not None else None
            return whereabouts(self._place, facts.database if facts else "", self.server)
        place = self._target.location
        return Whereabouts(place.redacted().partition("://")[2], place.database, place.user)


async def _answered(reached: Reached) -> Reached:
    """The connection, closed as soon as its question has been answered or cancelled: without transactions it may still stand in a queue."""
    closing = asyncio.create_task(reached.connection.close(FIRST_SECONDS))
    try:
        await asyncio.shield(closing)
    finally:
        if not closing.done():
            # The order to stop the question may be on its way, and goes down with the connection.
            await asyncio.wait((closing,), timeout=_STOP_SECONDS)
            closing.cancel()
    return reached
