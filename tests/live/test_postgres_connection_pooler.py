"""A real PostgreSQL through a real PgBouncer, in each way of pooling."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from aishell_core.engines.postgres import Lane
from aishell_core.values import FailureCode
from tests.servers.pgbouncer import Pgbouncer, pgbouncer
from tests.servers.postgres import PostgresServer, postgres
from tests.servers.postgres_session import asking, at, own_backends, refusal, value
from tests.servers.postgres_tiers import until
from tests.servers.sqlite_client import eventually

_MODES = ("session", "transaction", "statement")
_IGNORED = "statement_timeout,lock_timeout,idle_in_transaction_session_timeout,default_transaction_read_only,jit"


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with postgres("15") as found:
        found.execute("CREATE TABLE orders AS SELECT g AS id, g % 10 AS status FROM generate_series(1, 1000) g", "ANALYZE orders")
        yield found


@pytest.fixture(params=_MODES)
def pooler(request: pytest.FixtureRequest, server: PostgresServer) -> Iterator[Pgbouncer]:
    with pgbouncer(server, pool_mode=request.param) as found:
        yield found


async def test_questions_are_answered_in_both_lanes(pooler: Pgbouncer) -> None:
    async with asking(pooler.target()) as session:
        facts = await session.facts()
        assert (facts.pooled, facts.version_num // 10000, facts.database, facts.superuser) == (True, 15, "postgres", True)
        for number in range(20):
            for lane in Lane:
                assert await value(session, "SELECT $1::int + 1", number, lane=lane) == number + 1
                assert await value(session, "SELECT count(*) FROM pg_stat_activity WHERE pid = $1", -1, lane=lane) == 0


@pytest.mark.parametrize("pool_mode", ["transaction", "statement"])
async def test_many_sessions_share_few_connections_of_the_server(pool_mode: str, server: PostgresServer) -> None:
    async def ask(number: int, pooler: Pgbouncer) -> None:
        async with asking(pooler.target()) as session:
            for turn in range(10):
                assert await value(session, "SELECT $1::int", number * turn) == number * turn
                assert await value(session, "SELECT $1::text", str(turn)) == str(turn)

    with pgbouncer(server, pool_mode=pool_mode, settings={"default_pool_size": "2"}) as pooler:
        await asyncio.gather(*(ask(number, pooler) for number in range(8)))
        assert 1 <= len(pooler.console("SHOW SERVERS")) <= 2


async def test_nothing_is_left_in_the_servers_connections(pooler: Pgbouncer, server: PostgresServer) -> None:
    others = "SELECT count(*) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
    await asyncio.to_thread(eventually, lambda: server.execute(others) == [[0]])  # those of the poolers before
    async with asking(pooler.target()) as session:
        await value(session, "SELECT count(*) FROM public.orders")
        await session.explain("SELECT * FROM orders WHERE id = 1", "", 20.0)
        if pooler.settings["pool_mode"] != "statement":
            await session.explain("SELECT * FROM orders WHERE id = $1", "", 20.0)
        for lane in Lane:
            assert await value(session, "SELECT count(*) FROM pg_prepared_statements WHERE from_sql OR name <> ''", lane=lane) == 0
    rows = server.execute(
        "SELECT state, xact_start FROM pg_stat_activity WHERE usename = 'postgres' AND pid <> pg_backend_pid() AND datname IS NOT NULL"
    )
    assert all(state == "idle" and begun is None for state, begun in rows)


@pytest.mark.parametrize("pooler", ["session", "transaction"], indirect=True)
async def test_limits_hold_inside_each_transaction(pooler: Pgbouncer) -> None:
    async with asking(pooler.target()) as session:
        assert await value(session, "SHOW transaction_read_only") == "on"
        timeout = await value(session, "SELECT setting::int FROM pg_settings WHERE name = 'statement_timeout'", seconds=40.0)
        assert 20_000 <= timeout < 40_000
        assert await value(session, "SHOW lock_timeout") == "1s"
        error = await refusal(session.query("CREATE TABLE never (a int)", lane=Lane.QUICK, deadline_seconds=40.0))
        assert error.sqlstate == "25006"
        before = await value(session, "SELECT pg_backend_pid()")
        error = await refusal(session.query("SELECT pg_sleep(60)", lane=Lane.QUICK, deadline_seconds=4.6))
        assert (error.reason, error.sqlstate) == (FailureCode.TIMEOUT, "57014")
        assert await value(session, "SELECT pg_backend_pid()") == before


async def test_a_question_that_takes_too_long_is_given_up_and_the_next_one_is_answered(pooler: Pgbouncer, server: PostgresServer) -> None:
    async with asking(pooler.target()) as session:
        await session.facts()
        async with asyncio.timeout(20):
            error = await refusal(session.query("SELECT pg_sleep(60)", lane=Lane.QUICK, deadline_seconds=0.4))
        assert error.reason is FailureCode.TIMEOUT
        assert await value(session, "SELECT 1") == 1
    # Without transactions there is no limit that the server itself would know.
    server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'")


async def test_errors_have_their_words_and_the_connection_goes_on(pooler: Pgbouncer) -> None:
    async with asking(pooler.target()) as session:
        for _ in range(3):
            assert (await refusal(session.query("SELECT * FROM nowhere", lane=Lane.QUICK, deadline_seconds=20.0))).sqlstate == "42P01"
            assert (await refusal(session.query("SELECT 1; SELECT 2", lane=Lane.QUICK, deadline_seconds=20.0))).sqlstate == "42601"
            assert await value(session, "SELECT 1") == 1


async def test_plans_are_shown(pooler: Pgbouncer) -> None:
    statement = pooler.settings["pool_mode"] == "statement"
    async with asking(pooler.target()) as session:
        (plan,) = await session.explain("SELECT * FROM orders WHERE status = 3", "", 20.0)
        assert plan.text == "Seq Scan on orders"
        if statement:
            for ask in (session.explain("SELECT * FROM orders WHERE id = $1", "", 20.0), session.explain_analyze("SELECT 1", "", 20.0)):
                error = await refusal(ask)
                assert "allows no transactions" in error.message
                assert "connect to the server itself" in error.hint
        else:
            (plan,) = await session.explain("SELECT * FROM orders WHERE id = $1", "", 20.0)
            assert plan.text == "Seq Scan on orders"
            (plan,) = await session.explain_analyze("SELECT * FROM orders WHERE status = 3", "", 20.0)
            assert plan.actual_rows == 100
        assert await value(session, "SELECT 1", lane=Lane.SLOW) == 1


async def test_a_pooler_that_passes_over_what_we_want_set_is_seen_by_its_process_number(server: PostgresServer) -> None:
    with pgbouncer(server, pool_mode="transaction", settings={"ignore_startup_parameters": _IGNORED}) as pooler:
        async with asking(pooler.target()) as session:
            assert (await session.facts()).pooled
            assert await value(session, "SHOW lock_timeout") == "1s"
            assert await value(session, "SELECT count(*) FROM pg_prepared_statements") == 0
        async with asking(at(pooler.url(options="pgbouncer=true"))) as session:
            assert (await session.facts()).pooled


async def test_a_pooler_before_a_server_that_is_gone_says_so_and_both_come_back() -> None:
    with (
        postgres("15", statements=False) as server,
        pgbouncer(server, pool_mode="transaction", settings={"server_login_retry": "0"}) as pooler,
    ):
        async with asking(pooler.target()) as session:
            assert await value(session, "SELECT 1") == 1
            with server.frozen():
                error = await refusal(session.query("SELECT 1", lane=Lane.QUICK, deadline_seconds=0.4))
                assert error.reason is FailureCode.TIMEOUT
            server.kill()
            error = await refusal(session.query("SELECT 1", lane=Lane.QUICK, deadline_seconds=1.0))
            assert error.reason in {FailureCode.REFUSED, FailureCode.TIMEOUT}
            assert str(pooler.port) in error.message
            server.start()

            async def answered() -> bool:
                try:
                    return bool(await value(session, "SELECT 1", seconds=5.0) == 1)
                except type(error):
                    return False

            assert await until(answered)


async def test_a_frozen_pooler_is_given_up_at_the_deadline(server: PostgresServer) -> None:
    with pgbouncer(server, pool_mode="session") as pooler:
        async with asking(pooler.target()) as session:
            await session.facts()
            with pooler.frozen():
                for _ in range(2):
                    async with asyncio.timeout(20):
                        error = await refusal(session.query("SELECT 1", lane=Lane.QUICK, deadline_seconds=0.4))
                    assert error.reason is FailureCode.TIMEOUT
            assert await value(session, "SELECT 1") == 1


async def test_the_server_knows_whose_questions_come_through_the_pooler(server: PostgresServer) -> None:
    await asyncio.to_thread(eventually, lambda: own_backends(server) == 0)  # those of the poolers before
    with pgbouncer(server, pool_mode="session") as pooler:
        async with asking(pooler.target()) as session:
            await value(session, "SELECT 1")
            assert own_backends(server) == 1
            assert (await session.facts()).local
        await asyncio.to_thread(eventually, lambda: len(pooler.console("SHOW CLIENTS")) == 1)
