"""A question that nobody waits for any more is stopped at the real server, direct and through a pooler in each mode."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing

import pytest

from aishell_core.clock import SystemClock
from aishell_core.engines.postgres import Lane, PostgresSession
from aishell_core.targets import Target
from aishell_core.values import FailureCode
from tests.servers.pgbouncer import pgbouncer
from tests.servers.postgres import PostgresServer, postgres
from tests.servers.postgres_session import asking, refusal, value
from tests.servers.sqlite_client import eventually

_AT_WORK = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%given_up%' AND state = 'active' AND pid <> pg_backend_pid()"
_SLEEP = "SELECT pg_sleep(600) AS given_up"


@pytest.fixture(scope="module", params=["15", "18"])
def server(request: pytest.FixtureRequest) -> Iterator[PostgresServer]:
    with postgres(request.param, statements=False) as found:
        found.execute("CREATE TABLE held (given_up int)")
        yield found


@pytest.fixture(params=["direct", "session", "transaction", "statement"])
def target(request: pytest.FixtureRequest, server: PostgresServer) -> Iterator[Target]:
    if request.param == "direct":
        yield server.target()
        return
    with pgbouncer(server, pool_mode=request.param) as pooler:
        yield pooler.target()


async def _counted(server: PostgresServer, wanted: int) -> None:
    await asyncio.to_thread(eventually, lambda: server.execute(_AT_WORK) == [[wanted]])


@asynccontextmanager
async def _asked(session: PostgresSession, server: PostgresServer, sql: str = _SLEEP) -> AsyncIterator[asyncio.Task[object]]:
    """A question that is at work in the server."""
    task: asyncio.Task[object] = asyncio.create_task(session.query(sql, lane=Lane.SLOW, deadline_seconds=500.0))
    await _counted(server, 1)
    yield task
    await asyncio.gather(task, return_exceptions=True)
    await _counted(server, 0)


async def test_one_whose_asker_goes_away_is_stopped(server: PostgresServer, target: Target) -> None:
    async with asking(target) as session:
        await session.facts()
        async with _asked(session, server) as task:
            task.cancel()
        assert await value(session, "SELECT 1", lane=Lane.SLOW) == 1


async def test_one_that_is_asked_when_the_session_closes_is_stopped(server: PostgresServer, target: Target) -> None:
    session = PostgresSession(target, SystemClock(), {"HOME": "/nonexistent"})
    async with _asked(session, server):
        await session.close()
        assert server.execute(_AT_WORK) == [[0]], "nothing is left when the session has said goodbye"


async def test_one_that_waits_for_a_lock_is_stopped_at_its_deadline(server: PostgresServer, target: Target) -> None:
    with closing(server.connect()) as holder:
        async with asking(target) as session:
            await session.facts()
            holder.run("BEGIN")
            holder.run("LOCK TABLE held")
            error = await refusal(session.query("SELECT given_up FROM public.held", lane=Lane.QUICK, deadline_seconds=3.0))
            assert error.reason in {FailureCode.LOCKED, FailureCode.TIMEOUT}
            await _counted(server, 0)


async def test_nothing_waits_for_a_lock_when_the_session_has_closed(server: PostgresServer, target: Target) -> None:
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%datname%' AND pid <> pg_backend_pid()"
    async with asking(target) as session:
        await value(session, "SELECT 1")  # a connection that is made while the table is locked waits for it by itself
        with closing(server.connect()) as holder:
            holder.run("BEGIN")
            holder.run("LOCK TABLE pg_catalog.pg_database")
            await refusal(session.query("SELECT datname FROM pg_database", lane=Lane.QUICK, deadline_seconds=3.0))
            await session.close()

            def gone() -> bool:
                holder.run("SELECT pg_stat_clear_snapshot()")
                return bool(holder.run(waiting) == [[0]])

            await asyncio.to_thread(eventually, gone)
