"""Clients of a real PostgreSQL that wait for each other, and the collector's quick tier that looks at them."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from typing import Any
from urllib.parse import quote

import pg8000.native

from aishell_core.clock import Clock, SystemClock
from aishell_core.values import Reading
from collectors.contract import Demand
from collectors.postgres.hot import HotTier
from collectors.postgres.replication_lag import LagMemory
from tests.servers.postgres import SUPERUSER, PostgresServer, pids_waiting
from tests.servers.postgres_session import PatientSession
from tests.servers.sqlite_client import eventually


class Client:
    """A session that can be left waiting; `id` is its process id as a collector writes it."""

    def __init__(self, server: PostgresServer, pool: ThreadPoolExecutor, database: str, application: str) -> None:
        self._server = server
        self._pool = pool
        self._session = server.connect(database, application=application)
        self.pid = int(self.run("SELECT pg_backend_pid()")[0][0])
        self.id = str(self.pid)

    def run(self, *statements: str) -> list[list[Any]]:
        """The rows of the last statement."""
        rows: list[list[Any]] = []
        for statement in statements:
            rows = self._session.run(statement) or []
        return rows

    def send(self, sql: str) -> Future[list[list[Any]]]:
        """Begin a statement and do not wait for its end."""
        return self._pool.submit(self.run, sql)

    def wait_for(self, sql: str) -> Future[list[list[Any]]]:
        """Begin a statement that has to wait for a lock, and return when it does."""
        running = self.send(sql)
        eventually(lambda: self.pid in pids_waiting(self._server) or running.done())
        assert not running.done(), "it does not wait"
        return running


@contextmanager
def clients(server: PostgresServer, count: int, *, database: str = "postgres", application: str = "client") -> Iterator[list[Client]]:
    """So many sessions; whatever they wait for at the end of the block, the server throws them out."""
    with ThreadPoolExecutor(count) as pool:
        found = [Client(server, pool, database, application) for _ in range(count)]
        try:
            yield found
        finally:
            pids = ", ".join(client.id for client in found)
            there = f"FROM pg_stat_activity WHERE pid IN ({pids})"
            server.execute(f"SELECT pg_terminate_backend(pid) {there}")
            eventually(lambda: server.execute(f"SELECT count(*) {there}") == [[0]])


@asynccontextmanager
async def hot_tier(
    server: PostgresServer,
    *,
    user: str = SUPERUSER,
    database: str = "postgres",
    password: str = "",
    clock: Clock | None = None,
    memory: LagMemory | None = None,
) -> AsyncIterator[HotTier]:
    """The quick tier of a server, as a role and in a database, for as long as the block lasts."""
    used = clock or SystemClock()
    target = server.target(user=quote(user, safe=""), database=quote(database, safe=""), password=password)
    session = PatientSession(target, used, {"HOME": "/nonexistent"})
    tier = HotTier(session, target, used, memory)
    try:
        yield tier
    finally:
        tier.close()
        await session.close()


async def look(server: PostgresServer, demand: Demand, **parts: str) -> Reading:
    """One reading of the quick tier."""
    async with hot_tier(server, **parts) as tier:  # type: ignore[arg-type]
        return await tier.read(demand)


def throw_out(server: PostgresServer, database: str) -> None:
    """End all sessions of a database."""
    with contextlib.suppress(pg8000.native.DatabaseError):
        server.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'")
