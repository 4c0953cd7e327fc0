"""A PostgreSQL behind a real PgBouncer as an ordinary target: everything is read, and the pool's other clients notice nothing."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pg8000.exceptions import DatabaseError, InterfaceError

from aishell_core.clock import SystemClock
from aishell_core.errors import TargetError
from aishell_core.targets import Target
from aishell_core.values import FailureCode, Reading, Tier
from collectors.contract import EVERYTHING, NOTHING, Analyzing, Collector
from collectors.postgres.collector import open_postgres
from tests.servers.pgbouncer import Pgbouncer, pgbouncer
from tests.servers.postgres import PostgresServer, postgres
from tests.servers.postgres_tiers import until
from tests.servers.sqlite_client import eventually

MODES = ("session", "transaction", "statement")
WITH_TRANSACTIONS = ("session", "transaction")
POINT = "SELECT * FROM orders WHERE id = 5"
WITH_VALUE = "SELECT * FROM orders WHERE id = $1"


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with postgres() as running:
        running.execute(
            "CREATE TABLE orders (id int PRIMARY KEY, note text)",
            "INSERT INTO orders SELECT n, 'x' FROM generate_series(1, 5000) n",
            "ANALYZE orders",
        )
        yield running


@pytest.fixture(params=MODES)
def pooler(request: pytest.FixtureRequest, server: PostgresServer) -> Iterator[Pgbouncer]:
    with pgbouncer(server, pool_mode=request.param, settings={"default_pool_size": "5"}) as running:
        yield running


@pytest.fixture(params=WITH_TRANSACTIONS)
def lending(request: pytest.FixtureRequest, server: PostgresServer) -> Iterator[Pgbouncer]:
    """A pooler that knows transactions."""
    with pgbouncer(server, pool_mode=request.param, settings={"default_pool_size": "5"}) as running:
        yield running


@asynccontextmanager
async def opened(target: Target) -> AsyncIterator[Collector]:
    collector = open_postgres(target, SystemClock())
    try:
        yield collector
    finally:
        await collector.close()


def ours(pooler: Pgbouncer) -> list[str]:
    """The states of our clients at the pooler."""
    return [row["state"] for row in pooler.console("SHOW CLIENTS") if row["application_name"] == "aishell"]


def figures(reading: Reading) -> dict[str, float]:
    return {sample.metric.name: sample.value for sample in reading.samples}


@contextlib.contextmanager
def busy_clients(pooler: Pgbouncer, count: int) -> Iterator[list[str]]:
    """Clients that ask one short thing after the other; gives what they complained of."""
    ended, complaints = threading.Event(), list[str]()

    def work(client: Any) -> None:
        number = 0
        while not ended.is_set():
            number += 1
            try:
                rows = client.run(
                    f"SELECT {number}, current_setting('statement_timeout'), current_setting('default_transaction_read_only')"
                )
            except (DatabaseError, InterfaceError) as error:
                complaints.append(str(error))
                return
            if rows != [[number, "0", "off"]]:
                complaints.append(str(rows))
            ended.wait(0.005)  # leaves the processor to the server and to us

    threads = [threading.Thread(target=work, args=(pooler.connect(application="shop"),), daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield complaints
    finally:
        ended.set()
        for thread in threads:
            thread.join(60)
            assert not thread.is_alive()


async def whole(collector: Collector, tier: Tier) -> Reading:
    """A reading of everything; one for which the time was too short on a busy machine is repeated."""

    async def read() -> Reading | None:
        try:
            reading = await collector.collect(tier, EVERYTHING)
        except TargetError as error:
            if error.reason is FailureCode.TIMEOUT:
                return None
            raise
        return None if FailureCode.TIMEOUT in {failure.code for failure in reading.failures} else reading

    return await until(read)


async def test_every_tier_is_read_whole(pooler: Pgbouncer) -> None:
    async with opened(pooler.target()) as collector:
        readings = {tier: await whole(collector, tier) for tier in Tier}
        for reading in readings.values():
            assert not [failure for failure in reading.failures if failure.code is not FailureCode.PRIVILEGE]
        hot, warm, cold = (readings[tier] for tier in (Tier.HOT, Tier.WARM, Tier.COLD))
        assert hot.facts is not None
        assert ("pooled", "yes") in hot.facts.details
        assert hot.facts.started_at is not None
        assert figures(hot)["connections.max"] == 40
        assert hot.statements
        assert "orders" in {relation.name for relation in (*(warm.relations or ()), *(cold.relations or ()))}
        assert cold.settings


async def test_at_most_two_clients_of_ours_are_at_the_pooler_and_none_after_the_end(pooler: Pgbouncer) -> None:
    async with opened(pooler.target()) as collector:
        for _ in range(2):
            await asyncio.gather(*(whole(collector, tier) for tier in Tier for _ in range(2)))
            # The pooler lets go of one that was given up, on a busy machine, a moment later.
            eventually(lambda: 1 <= len(ours(pooler)) <= 2)
    eventually(lambda: not ours(pooler))


async def test_no_transaction_is_held_open_between_readings(pooler: Pgbouncer, server: PostgresServer) -> None:
    async with opened(pooler.target()) as collector:
        for tier in (*Tier, Tier.HOT):
            await whole(collector, tier)
            rows = server.execute("SELECT state FROM pg_stat_activity WHERE application_name = 'aishell' AND xact_start IS NOT NULL")
            assert rows == []


async def test_other_clients_of_the_pool_meet_nothing_that_was_set_for_us(pooler: Pgbouncer) -> None:
    async with opened(pooler.target()) as collector:
        with busy_clients(pooler, 2) as complaints:
            for _ in range(8):
                for tier in Tier:
                    reading = await whole(collector, tier)
                    assert not [failure for failure in reading.failures if failure.code is not FailureCode.PRIVILEGE]
        assert complaints == []
    client = pooler.connect()
    assert client.run("SELECT count(*) FROM pg_prepared_statements WHERE name <> ''") == [[0]]


async def test_the_server_is_asked_for_no_types(pooler: Pgbouncer, server: PostgresServer) -> None:
    """The driver asks for types that it does not know by a statement of its own, which the server may take seconds to compile."""
    server.execute("SELECT pg_stat_statements_reset()")
    async with opened(pooler.target()) as collector:
        for tier in Tier:
            await whole(collector, tier)
    asked = server.execute("SELECT query FROM pg_stat_statements")
    assert any("aishell" in query for (query,) in asked)
    assert not [query for (query,) in asked if "typeinfo" in query]


async def test_sessions_and_a_lock_chain_behind_the_pooler_are_seen(lending: Pgbouncer) -> None:
    holder, waiter = lending.connect(application="holder"), lending.connect(application="waiter")
    holder.run("BEGIN")
    holder.run("UPDATE orders SET note = 'y' WHERE id = 1")

    def wait() -> None:
        waiter.run("BEGIN")
        waiter.run("UPDATE orders SET note = 'z' WHERE id = 1")
        waiter.run("ROLLBACK")

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    try:
        async with opened(lending.target()) as collector:

            async def waiting() -> Reading | None:
                reading = await whole(collector, Tier.HOT)
                return reading if reading.lock_waits else None

            reading = await until(waiting)
            sessions = {session.application: session for session in reading.sessions or ()}
            (edge,) = reading.lock_waits or ()
            assert (edge.holder, edge.waiter) == (sessions["holder"].id, sessions["waiter"].id)
            assert figures(reading)["locks.waiting"] == 1
    finally:
        holder.run("ROLLBACK")
        thread.join(60)


async def test_plans_are_shown_and_measured_and_nothing_is_changed(lending: Pgbouncer, server: PostgresServer) -> None:
    async with opened(lending.target()) as collector:
        assert isinstance(collector, Analyzing)
        for statement in (POINT, WITH_VALUE, "DELETE FROM orders"):
            assert (await collector.explain(statement))[0].cost
        (plan,) = await collector.explain_analyze(POINT, "", 20.0)
        assert plan.actual_rows == 1
        with pytest.raises(TargetError) as caught:
            await collector.explain_analyze("DELETE FROM orders", "", 20.0)
        assert caught.value.reason is FailureCode.UNSUPPORTED
        assert server.execute("SELECT count(*) FROM orders") == [[5000]]


async def test_statement_pooling_gives_plans_of_whole_statements_and_says_why_there_are_no_others(server: PostgresServer) -> None:
    with pgbouncer(server, pool_mode="statement") as pooler:
        async with opened(pooler.target()) as collector:
            assert isinstance(collector, Analyzing)
            await whole(collector, Tier.HOT)
            assert (await collector.explain(POINT))[0].cost
            for ask in (collector.explain(WITH_VALUE), collector.explain_analyze(POINT, "", 20.0)):
                with pytest.raises(TargetError) as caught:
                    await ask
                assert caught.value.reason is FailureCode.UNSUPPORTED
                assert "the pooler allows no transactions" in caught.value.message
                assert caught.value.hint == "connect to the server itself"
            assert server.execute("SELECT count(*) FROM orders") == [[5000]]


async def test_a_pool_whose_connections_are_all_taken_is_told_in_words_and_read_on_afterwards(server: PostgresServer) -> None:
    with pgbouncer(server, settings={"default_pool_size": "1"}) as pooler:
        holder = pooler.connect()
        holder.run("SELECT 1")
        async with opened(pooler.target()) as collector:
            with pytest.raises(TargetError) as caught:
                await collector.collect(Tier.HOT, EVERYTHING)
            assert caught.value.reason is FailureCode.TIMEOUT
            assert f"127.0.0.1:{pooler.port}" in caught.value.message
            assert "all connections of a pooler are taken" in caught.value.hint
            holder.close()
            assert (await whole(collector, Tier.HOT)).samples


async def test_a_pooler_that_takes_no_more_clients_is_told_in_its_own_words(server: PostgresServer) -> None:
    with pgbouncer(server, settings={"max_client_conn": "2"}) as pooler:
        clients = [pooler.connect() for _ in range(2)]
        async with opened(pooler.target()) as collector:
            with pytest.raises(TargetError) as caught:
                await collector.collect(Tier.HOT, EVERYTHING)
            assert "no more connections allowed" in caught.value.message
            for client in clients:
                client.close()
            eventually(lambda: len(pooler.console("SHOW CLIENTS")) == 1)
            assert (await whole(collector, Tier.HOT)).samples


async def test_a_pooler_that_stands_still_or_dies_is_told_and_read_on_afterwards(pooler: Pgbouncer) -> None:
    async with opened(pooler.target()) as collector:
        await whole(collector, Tier.HOT)
        with pooler.frozen():
            with pytest.raises(TargetError) as caught:
                await collector.collect(Tier.HOT, EVERYTHING)
            assert caught.value.reason is FailureCode.TIMEOUT
        assert (await whole(collector, Tier.HOT)).samples
        pooler.kill()
        with pytest.raises(TargetError) as caught:
            await collector.collect(Tier.HOT, EVERYTHING)
        assert caught.value.message
        assert caught.value.hint
        pooler.start()
        assert (await whole(collector, Tier.HOT)).samples


async def test_a_server_that_dies_behind_the_pooler_is_told_and_read_on_afterwards() -> None:
    with postgres() as server, pgbouncer(server, pool_mode="transaction", settings={"server_login_retry": "1"}) as pooler:
        async with opened(pooler.target()) as collector:
            await whole(collector, Tier.HOT)
            server.kill()
            with pytest.raises(TargetError) as caught:
                await collector.collect(Tier.HOT, EVERYTHING)
            assert caught.value.message
            server.start()

            async def answers() -> bool:
                try:
                    return bool((await collector.collect(Tier.HOT, EVERYTHING)).samples)
                except TargetError:
                    return False

            assert await until(answers)


async def test_a_url_that_names_a_pooler_is_believed(server: PostgresServer) -> None:
    """Where a pooler hides itself, the option keeps us from setting anything that others would meet."""
    with pgbouncer(server, pool_mode="transaction", settings={"ignore_startup_parameters": "lock_timeout,statement_timeout"}) as pooler:
        async with opened(pooler.target(options="pgbouncer=true")) as collector:
            assert (await whole(collector, Tier.HOT)).samples
        assert pooler.connect().run("SELECT current_setting('lock_timeout')") == [["0"]]


async def test_every_way_to_prove_who_one_is_works_through_the_pooler(server: PostgresServer) -> None:
    for auth in ("md5", "scram-sha-256", "plain"):
        with pgbouncer(server, pool_mode="transaction", auth=auth) as pooler:
            async with opened(pooler.target()) as collector:
                assert (await whole(collector, Tier.HOT)).samples
            async with opened(pooler.target(password="wrong")) as collector:
                with pytest.raises(TargetError) as caught:
                    await collector.collect(Tier.HOT, NOTHING)
                assert caught.value.hint, auth
