"""A real PgBouncer that has no connection to give: aishell stands in its queue once for each of its two connections."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pg8000.native
import pytest
from pg8000.exceptions import DatabaseError, InterfaceError

from aishell_core.clock import SystemClock
from aishell_core.engines.postgres import Lane, PostgresSession
from aishell_core.engines.postgres_errors import PostgresError
from aishell_core.values import FailureCode, Reading
from collectors.contract import EVERYTHING
from collectors.poller import Poller
from collectors.postgres.collector import open_postgres
from collectors.schedule import Schedule
from tests.servers.pgbouncer import Pgbouncer, pgbouncer
from tests.servers.postgres import PostgresServer, postgres
from tests.servers.postgres_session import asking, refusal, value
from tests.servers.postgres_tiers import until
from tests.servers.sqlite_client import eventually

MODES = ("session", "transaction", "statement")
_IGNORED = "statement_timeout,lock_timeout,idle_in_transaction_session_timeout,default_transaction_read_only"
_MOST = 2


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with postgres("15") as running:
        yield running


@contextmanager
def small_pool(server: PostgresServer, mode: str, settings: Mapping[str, str] | None = None) -> Iterator[Pgbouncer]:
    with pgbouncer(server, pool_mode=mode, settings={"default_pool_size": "2", **(settings or {})}) as running:
        yield running


class Unhurried(pg8000.native.Connection):  # type: ignore[misc]
    """A client that waits for its answer as long as it takes."""

    def __init__(self, user: str, **parts: Any) -> None:
        super().__init__(user, **{**parts, "timeout": None})


class Holders:
    """Two clients that take all connections of a pool and keep them until they are freed."""

    def __init__(self, pooler: Pgbouncer, server: PostgresServer) -> None:
        self._pooler, self._server = pooler, server
        self._threads = [threading.Thread(target=self._hold, daemon=True) for _ in range(2)]

    def _hold(self) -> None:
        with contextlib.suppress(DatabaseError, InterfaceError, OSError):
            self._pooler.connect(application="holder", kind=Unhurried).run("SELECT pg_sleep(600)")

    def begin(self) -> None:
        """Returns when both have their connection."""
        for thread in self._threads:
            thread.start()
        eventually(lambda: self._asleep() == 2)

    def _asleep(self) -> int:
        return int(self._server.execute("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'")[0][0])

    def free(self) -> None:
        """Give the connections back."""
        self._server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'")
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive()


@asynccontextmanager
async def full(pooler: Pgbouncer, server: PostgresServer) -> AsyncIterator[None]:
    """All connections of the pool are taken for as long as the block lasts."""
    holders = Holders(pooler, server)
    try:
        await asyncio.to_thread(holders.begin)
        yield
    finally:
        await asyncio.to_thread(holders.free)


def welcome(pooler: Pgbouncer) -> None:
    """Let the pooler learn what its server says to a login, so that it lets clients in that have to wait afterwards."""
    client = pooler.connect(application="shop")
    client.run("SELECT 1")
    client.close()


def ours(pooler: Pgbouncer) -> int:
    """How many clients of ours the pooler counts: all that are not named otherwise."""
    clients = [row for row in pooler.console("SHOW CLIENTS") if row["database"] == "postgres"]
    return sum(row["application_name"] not in {"holder", "shop"} for row in clients)


async def ask(session: PostgresSession, lane: Lane) -> FailureCode | None:
    try:
        await session.query("SELECT 1", lane=lane, deadline_seconds=0.3)
    except PostgresError as error:
        return error.reason
    return None


async def answers(session: PostgresSession) -> bool:
    return not any([await ask(session, lane) for lane in Lane])


async def most_of_ours(session: PostgresSession, pooler: Pgbouncer, times: int) -> int:
    """The most clients that the pooler ever counted while questions in both lanes were given up again and again."""
    most = 0
    for _ in range(times):
        await asyncio.gather(*(ask(session, lane) for lane in Lane))
        most = max(most, await asyncio.to_thread(ours, pooler))
    return most


@pytest.mark.parametrize("mode", MODES)
async def test_a_full_pool_sees_two_clients_of_ours_however_often_they_ask(mode: str, server: PostgresServer) -> None:
    with small_pool(server, mode) as pooler:
        await asyncio.to_thread(welcome, pooler)
        async with asking(pooler.target()) as session:
            async with full(pooler, server):
                assert 1 <= await most_of_ours(session, pooler, 12) <= _MOST
                error = await refusal(session.query("SELECT 1", lane=Lane.QUICK, deadline_seconds=0.3))
                assert (error.reason, "queue" in error.hint) == (FailureCode.TIMEOUT, True)
            assert await until(lambda: answers(session))
            assert ours(pooler) <= _MOST


@pytest.mark.parametrize("mode", ["transaction", "statement"])
async def test_connections_that_were_there_before_the_pool_was_full_are_kept(mode: str, server: PostgresServer) -> None:
    with small_pool(server, mode) as pooler:
        async with asking(pooler.target()) as session:
            assert await until(lambda: answers(session))
            async with full(pooler, server):
                assert 1 <= await most_of_ours(session, pooler, 12) <= _MOST
            assert await until(lambda: answers(session))
            assert ours(pooler) <= _MOST


async def test_what_was_begun_for_nobody_leaves_no_transaction_and_breaks_no_connection(server: PostgresServer) -> None:
    with small_pool(server, "transaction") as pooler:
        async with asking(pooler.target()) as session:
            assert await until(lambda: answers(session))
            one, other = pooler.connect(application="shop"), pooler.connect(application="shop")
            one.run("BEGIN")
            other.run("BEGIN")
            pids = {client.run("SELECT pg_backend_pid()")[0][0] for client in (one, other)}
            assert await ask(session, Lane.QUICK) is FailureCode.TIMEOUT
            one.run("ROLLBACK")
            other.run("ROLLBACK")
            assert (
                await value(session, "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in%' AND pid <> pg_backend_pid()") == 0
            )
            assert {row["remote_pid"] for row in pooler.console("SHOW SERVERS")} == pids


async def test_a_place_that_the_pooler_ends_is_taken_again_and_never_doubled(server: PostgresServer) -> None:
    with small_pool(server, "transaction", {"query_wait_timeout": "2"}) as pooler:
        async with asking(pooler.target()) as session:
            async with full(pooler, server):
                seen: set[FailureCode | None] = set()

                async def was_ended() -> bool:
                    seen.add(await ask(session, Lane.QUICK))
                    seen.add(await ask(session, Lane.SLOW))
                    assert await asyncio.to_thread(ours, pooler) <= _MOST
                    return FailureCode.REFUSED in seen

                assert await until(was_ended)
                assert 1 <= await most_of_ours(session, pooler, 4) <= _MOST
            assert await until(lambda: answers(session))


async def test_a_pooler_that_hides_what_it_is_has_two_clients_of_ours_too(server: PostgresServer) -> None:
    with small_pool(server, "transaction", {"ignore_startup_parameters": _IGNORED}) as pooler:
        await asyncio.to_thread(welcome, pooler)
        async with asking(pooler.target()) as session:
            async with full(pooler, server):
                assert 1 <= await most_of_ours(session, pooler, 8) <= _MOST
            assert await until(lambda: answers(session))


async def test_a_login_that_waits_for_the_poolers_first_connection_is_not_doubled() -> None:
    with postgres("15", statements=False) as server, small_pool(server, "transaction") as pooler:
        async with asking(pooler.target()) as session:
            with server.frozen():
                assert 1 <= await most_of_ours(session, pooler, 8) <= _MOST
            assert await until(lambda: answers(session))


async def test_a_session_that_waits_in_the_queue_is_closed_at_once(server: PostgresServer) -> None:
    with small_pool(server, "transaction") as pooler:
        await asyncio.to_thread(welcome, pooler)
        async with full(pooler, server), asking(pooler.target()) as session:
            assert await ask(session, Lane.QUICK) is FailureCode.TIMEOUT
            waiting = asyncio.create_task(refusal(session.query("SELECT 1", lane=Lane.QUICK, deadline_seconds=300.0)))
            await asyncio.sleep(0)
            async with asyncio.timeout(30):
                await session.close()
                assert (await waiting).reason is FailureCode.REFUSED


async def test_a_dashboard_before_a_full_pool_costs_it_two_clients_and_goes_on_when_there_is_room(server: PostgresServer) -> None:
    readings: list[Reading] = []
    schedule = Schedule(hot_seconds=0.2, warm_seconds=0.5, cold_seconds=1.0, deadline_seconds=0.5)
    with small_pool(server, "transaction") as pooler:
        poller = Poller(
            pooler.target(),
            lambda: open_postgres(pooler.target(), SystemClock()),
            lambda reading, _: readings.append(reading),
            schedule=schedule,
            demand=lambda: EVERYTHING,
        )
        async with asyncio.TaskGroup() as group:
            running = group.create_task(poller.run())
            assert await until(lambda: asyncio.sleep(0.05, poller.status.last_ok_at is not None))
            async with full(pooler, server):
                assert await until(lambda: asyncio.sleep(0.05, poller.status.failures_in_row >= 1))
                counted = set()
                for _ in range(20):
                    counted.add(await asyncio.to_thread(ours, pooler))
                    await asyncio.sleep(0.25)
                assert max(counted) <= _MOST
            began = poller.status.last_ok_at or 0.0
            assert await until(lambda: asyncio.sleep(0.05, (poller.status.last_ok_at or 0.0) > began))
            running.cancel()
    assert any(reading.failures for reading in readings)
