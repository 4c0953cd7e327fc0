"""Clients of a real MySQL or MariaDB that wait for each other, and the collector that looks at them."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeVar

import pymysql
import pytest

from aishell_core.clock import Clock, SystemClock
from aishell_core.engines.mysql import Lane, MysqlSession
from aishell_core.engines.mysql_errors import MysqlError
from aishell_core.targets import Target
from aishell_core.values import FailureCode, LockWait, Metric, Part, Reading, Session, Tier
from collectors.contract import EVERYTHING, Demand
from collectors.mysql.collector import MysqlCollector, open_mysql
from tests.servers.mysql import Client, MysqlServer
from tests.servers.sqlite_client import eventually

T = TypeVar("T")
_SECONDS = 60.0
# MySQL and MariaDB renew information_schema.INNODB_TRX only when nobody has read it for a tenth of a second.
_RENEWED_SECONDS = 0.15


@asynccontextmanager
async def watching(target: Target, clock: Clock | None = None) -> AsyncIterator[MysqlCollector]:
    """A collector that is closed at the end."""
    collector = open_mysql(target, clock or SystemClock())
    assert isinstance(collector, MysqlCollector)
    try:
        yield collector
    finally:
        await collector.close()


@asynccontextmanager
async def asking(target: Target, environ: Mapping[str, str] | None = None) -> AsyncIterator[MysqlSession]:
    """A session that is closed at the end; its environment is empty unless given, so that the machine's own changes nothing."""
    session = MysqlSession(target, SystemClock(), {"HOME": "/nonexistent", **(environ or {})})
    try:
        yield session
    finally:
        await session.close()


async def value(session: MysqlSession, sql: str, *parameters: Any, lane: Lane = Lane.QUICK, seconds: float = 5.0) -> Any:
    """The first value of the first row."""
    answer = await session.query(sql, parameters, lane=lane, deadline_seconds=seconds)
    return next(iter(answer.rows[0].values()))


async def refusal(work: Awaitable[object]) -> MysqlError:
    """The error that a question ends with."""
    with pytest.raises(MysqlError) as caught:
        await work
    return caught.value


async def until(read: Callable[[], Awaitable[T | None]], seconds: float = _SECONDS) -> T:
    """What a question brings once it brings something."""
    end = time.monotonic() + seconds
    while not (found := await read()):
        assert time.monotonic() < end, "it did not happen in time"
        await asyncio.sleep(_RENEWED_SECONDS)
    return found


async def look(collector: MysqlCollector, demand: Demand = EVERYTHING) -> Reading:
    """One reading of the hot tier; a machine with much to do gets another try."""

    async def read() -> Reading | None:
        try:
            return await collector.collect(Tier.HOT, demand)
        except MysqlError as error:
            if error.reason is not FailureCode.TIMEOUT:
                raise
            return None

    return await until(read, 60.0)


def sessions_by_id(reading: Reading) -> dict[str, Session]:
    """The sessions of a reading."""
    assert reading.sessions is not None
    return {session.id: session for session in reading.sessions}


async def session_of(collector: MysqlCollector, client: Client, state: str = "") -> Session:
    """A client's session once it is seen, in a state where one is given."""

    async def read() -> Session | None:
        found = sessions_by_id(await look(collector, frozenset({Part.SESSIONS}))).get(client.id)
        return found if found is not None and state in {"", found.state} else None

    return await until(read)


async def edges(collector: MysqlCollector, count: int) -> dict[tuple[str, str], LockWait]:
    """The edges of the lock graph by waiter and holder, once there are so many."""

    async def read() -> dict[tuple[str, str], LockWait] | None:
        found = {(wait.waiter, wait.holder): wait for wait in (await look(collector)).lock_waits or ()}
        return found if len(found) == count else None

    return await until(read)


def figure(reading: Reading, metric: Metric, **labels: str) -> float | None:
    """The value of a metric in a reading, None without one."""
    wanted = tuple(sorted(labels.items()))
    return next((sample.value for sample in reading.samples if sample.metric is metric and sample.labels == wanted), None)


class Waiter:
    """A client that can be left waiting."""

    def __init__(self, server: MysqlServer, pool: ThreadPoolExecutor, database: str, application: str) -> None:
        self._server = server
        self._pool = pool
        self.client = server.connect(database, application=application)
        self.id = self.client.id

    def run(self, *statements: str) -> list[tuple[Any, ...]]:
        """The rows of the last statement."""
        return self.client.run(*statements)

    def begin(self, sql: str) -> Future[list[tuple[Any, ...]]]:
        """Begin a statement, whatever becomes of it."""
        return self._pool.submit(self.run, sql)

    def send(self, sql: str) -> Future[list[tuple[Any, ...]]]:
        """Begin a statement and do not wait for its end."""
        running = self._pool.submit(self.run, sql)
        eventually(lambda: self._runs() or running.done(), _SECONDS)
        return running

    def wait_for(self, sql: str) -> Future[list[tuple[Any, ...]]]:
        """Begin a statement that has to wait for a lock, and return when it does."""
        running = self._pool.submit(self.run, sql)
        eventually(lambda: self.id in waiting_ids(self._server) or running.done(), _SECONDS, pause_seconds=_RENEWED_SECONDS)
        assert not running.done(), "it does not wait"
        return running

    def _runs(self) -> bool:
        rows = self._server.execute(f"SELECT COMMAND FROM information_schema.PROCESSLIST WHERE ID = {self.id}")
        return bool(rows) and rows[0][0] == "Query"


def waiting_ids(server: MysqlServer) -> set[str]:
    """The connections that wait for a lock now."""
    rows = server.execute(
        "SELECT trx_mysql_thread_id FROM information_schema.INNODB_TRX WHERE trx_state = 'LOCK WAIT' "
        "UNION SELECT ID FROM information_schema.PROCESSLIST WHERE STATE LIKE 'Waiting for %lock' OR STATE = 'User lock'"
    )
    return {str(row[0]) for row in rows}


@contextmanager
def waiters(server: MysqlServer, count: int, *, database: str = "", application: str = "client") -> Iterator[list[Waiter]]:
    """So many sessions; whatever they wait for at the end of the block, the server throws them out."""
    with ThreadPoolExecutor(count) as pool:
        found = [Waiter(server, pool, database, application) for _ in range(count)]
        try:
            yield found
        finally:
            # Those that wait first, so that none of them goes on.
            for each in reversed(found):
                with contextlib.suppress(pymysql.MySQLError):
                    server.execute(f"KILL {each.id}")
