"""What stands behind a statement on a real PostgreSQL: nothing that acts is run for a plan without being asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from aishell_core.engines.postgres_errors import PostgresConsentError, PostgresError
from aishell_core.values import FailureCode
from tests.servers.pgbouncer import pgbouncer
from tests.servers.postgres import PostgresServer, postgres
from tests.servers.postgres_session import asking, refusal
from tests.servers.sqlite_client import eventually

_ACTS = "RETURNS {} LANGUAGE plpgsql {} AS $$ BEGIN PERFORM pg_advisory_lock(4711); RETURN {}; END $$"
_MADE = (
    "CREATE TABLE t (id int PRIMARY KEY, n text)",
    "INSERT INTO t SELECT g, g FROM generate_series(1, 1000) g",
    f"CREATE FUNCTION current_tenant() {_ACTS.format('int', 'STABLE', '3')}",
    f"CREATE FUNCTION always() {_ACTS.format('int', 'IMMUTABLE', '3')}",
    f"CREATE FUNCTION evil() {_ACTS.format('bool', 'VOLATILE', 'true')}",
    f"CREATE FUNCTION evil(text) {_ACTS.format('bool', 'VOLATILE', 'true')}",
    "CREATE FUNCTION wrapped() RETURNS int LANGUAGE sql STABLE AS 'SELECT current_tenant()'",
    "CREATE VIEW logged AS SELECT id FROM t WHERE evil() AND id < 3",
    "CREATE VIEW nested AS SELECT * FROM logged",
    "CREATE VIEW tenants AS SELECT * FROM t WHERE id = current_tenant()",
    "CREATE VIEW resets AS SELECT id, pg_stat_reset()::text FROM t",
    "CREATE VIEW numbers AS SELECT txid_current() AS number, id FROM t",
    f"CREATE FUNCTION colfn(t) {_ACTS.format('int', 'VOLATILE', '1')}",
    f"CREATE FUNCTION lower(int) {_ACTS.format('int', 'VOLATILE', '1')}",
    "CREATE DOMAIN dm AS text CHECK (evil(VALUE))",
    "CREATE TYPE pair AS (a int, b dm)",
    "CREATE TABLE holds (id int, pairs pair[])",
    "CREATE TABLE guarded (id int)",
    "ALTER TABLE guarded ENABLE ROW LEVEL SECURITY",
    "ALTER TABLE guarded FORCE ROW LEVEL SECURITY",
    "CREATE POLICY only_ours ON guarded USING (evil())",
    f"CREATE FUNCTION same(int, text) {_ACTS.format('bool', 'VOLATILE', 'true')}",
    "CREATE SCHEMA apart",
    "CREATE OPERATOR apart.= (LEFTARG = int, RIGHTARG = text, FUNCTION = same)",
    "CREATE VIEW compares AS SELECT id FROM t WHERE id OPERATOR(apart.=) n",
    "CREATE TABLE parent (id int) PARTITION BY RANGE (id)",
    "CREATE TABLE child PARTITION OF parent FOR VALUES FROM (0) TO (10)",
    "CREATE ROLE reader LOGIN",
    "CREATE ROLE nobody LOGIN",
    "GRANT pg_read_all_data TO reader",
    'CREATE FUNCTION "Odd ""name"""() ' + _ACTS.format("int", "STABLE", "1"),
    # What only looks.
    "CREATE TABLE orders (id int PRIMARY KEY, at date, state text CHECK (length(state) > 1), total numeric DEFAULT 0)",
    "CREATE INDEX orders_state ON orders (upper(state)) WHERE state LIKE 'a%'",
    "CREATE DOMAIN mail AS text CHECK (VALUE ~ '@')",
    "CREATE TABLE people (id int, mail mail)",
    "CREATE VIEW fine AS SELECT at::timestamptz, count(*), max(total), current_setting('a.b', true) AS b "
    "FROM orders JOIN people USING (id) WHERE orders.id::text LIKE 'a%' AND at BETWEEN '2020-01-01' AND now() GROUP BY at",
    "ALTER TABLE people ENABLE ROW LEVEL SECURITY",
    "CREATE POLICY own ON people USING (mail = current_user)",
    "ANALYZE",
)
_PLANNING_ACTS = (
    "SELECT * FROM t WHERE id = current_tenant()",
    "SELECT * FROM t WHERE id = public.current_tenant ()",
    "SELECT * FROM t WHERE id = always()",
    "SELECT * FROM t WHERE id = wrapped()",
    'SELECT * FROM t WHERE id = "Odd ""name"""()',
    'SELECT * FROM t WHERE id = U&"\\0063urrent_tenant"()',
    "SELECT * FROM tenants",
    "WITH a AS (TABLE tenants) SELECT count(*) FROM a",
    "SELECT * FROM t WHERE n = txid_current()::text",
    "SELECT * FROM numbers WHERE number = 3",
    "SELECT '{x}'::dm[]",
    "SELECT '(1,x)'::pair",
    "SELECT * FROM holds WHERE pairs = '{\"(1,x)\"}'",
    "SELECT * FROM t WHERE id OPERATOR(apart.=) 'x'",
    "SELECT * FROM compares",
    "UPDATE t SET n = 'x' WHERE id = current_tenant()",
    "SELECT * FROM t WHERE n = $1 AND id = current_tenant()",
)
_RUNNING_ACTS = (
    *_PLANNING_ACTS[:11],
    "SELECT * FROM logged",
    "SELECT * FROM nested",
    "TABLE nested",
    "WITH a AS (SELECT * FROM logged) SELECT * FROM a",
    "SELECT * FROM resets",
    "SELECT a.colfn FROM t a",
    "SELECT (t).colfn FROM t",
    "SELECT n::dm FROM t",
    "SELECT CAST(n AS dm) FROM t",
    "SELECT '(1,x)'::pair",
    "SELECT lower(id) FROM t",
    "SELECT * FROM guarded",
    "SELECT evil()",
    "SELECT * FROM compares",
)
_LOOKS = (
    "SELECT * FROM orders WHERE id IN (1, 2) AND at > now() - interval '1 day' AND state || 'x' <> 'ab'",
    "SELECT * FROM fine WHERE b IS NOT NULL",
    "SELECT initcap(state), at + 1 FROM orders o ORDER BY 1 DESC LIMIT 3",
    "SELECT * FROM people",
    "SELECT * FROM pg_stat_activity WHERE state = 'active'",
    "SELECT * FROM parent WHERE id = 3",
)
_LOCKS = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
_RESET = "SELECT stats_reset FROM pg_stat_database WHERE datname = 'postgres'"


@pytest.fixture(scope="module", params=["14", "15", "16", "18"])
def server(request: pytest.FixtureRequest) -> Iterator[PostgresServer]:
    with postgres(request.param, statements=False, settings={"autovacuum": "off"}) as found:
        found.execute(*_MADE)
        yield found


async def test_planning_by_itself_runs_nothing_that_acts(server: PostgresServer) -> None:
    async with asking(server.target(user="reader")) as session:
        for sql in _PLANNING_ACTS:
            error = await refusal(session.explain(sql, "", 20.0))
            assert isinstance(error, PostgresConsentError), f"{sql}: {error}"
            assert "may already run what does something" in error.message
        if server.binaries.major >= 16:
            # A function of the server itself that holds a text against the rule of a type.
            assert isinstance(await refusal(session.explain("SELECT pg_input_is_valid('x', 'dm')", "", 20.0)), PostgresConsentError)
        assert server.execute(_LOCKS) == [[0]]


async def test_what_may_act_is_named(server: PostgresServer) -> None:
    async with asking(server.target(user="reader")) as session:
        assert (await refusal(session.explain(_PLANNING_ACTS[0], "", 20.0))).message.endswith(": public.current_tenant()")
        assert (await refusal(session.explain("TABLE tenants", "", 20.0))).message.endswith("public.current_tenant() behind public.tenants")


async def test_with_consent_it_is_planned_and_nothing_is_left_in_the_connection(server: PostgresServer) -> None:
    async with asking(server.target()) as session:
        (plan,) = await session.explain("SELECT * FROM t WHERE id = current_tenant()", "", 20.0, consent=True)
        assert plan.text == "Index Scan using t_pkey on t"
        await asyncio.to_thread(eventually, lambda: server.execute(_LOCKS) == [[0]])
        # The planner calls no volatile function, and none of the rows'.
        assert await session.explain("SELECT * FROM logged", "", 20.0)
        assert server.execute(_LOCKS) == [[0]]


async def test_through_a_pooler_nothing_that_acts_is_planned_at_all(server: PostgresServer) -> None:
    with pgbouncer(server, pool_mode="transaction") as pooler:
        async with asking(pooler.target()) as session:
            for consent in (False, True):
                error = await refusal(session.explain("SELECT * FROM t WHERE id = current_tenant()", "", 20.0, consent=consent))
                assert error.reason is FailureCode.UNSUPPORTED
            assert error.hint == "connect to the server itself"
            assert server.execute(_LOCKS) == [[0]]
            assert await session.explain("SELECT * FROM orders WHERE id = $1", "", 20.0)


async def test_measuring_runs_nothing_that_acts_whatever_leads_to_it(server: PostgresServer) -> None:
    before = server.execute(_RESET)
    async with asking(server.target(user="reader")) as session:
        for sql in _RUNNING_ACTS:
            with pytest.raises(PostgresError, match="so it was not run and nothing has changed"):
                await session.explain_analyze(sql, "", 20.0)
            with pytest.raises(PostgresError, match="so it was not run and nothing has changed"):
                await session.check_measuring(sql, "", 20.0)
    assert server.execute(_LOCKS) == [[0]]
    assert server.execute(_RESET) == before


async def test_what_only_looks_is_planned_and_measured(server: PostgresServer) -> None:
    async with asking(server.target()) as session:
        for sql in _LOOKS:
            assert await session.explain(sql, "", 20.0), sql
            await session.check_measuring(sql, "", 20.0)
            assert await session.explain_analyze(sql, "", 20.0), sql


async def test_a_function_in_a_schema_that_is_not_looked_into_asks_nothing(server: PostgresServer) -> None:
    server.execute(f"CREATE OR REPLACE FUNCTION apart.length(text) {_ACTS.format('int', 'STABLE', '3')}")
    async with asking(server.target()) as session:
        assert await session.explain("SELECT * FROM t WHERE length(n) = 3", "", 20.0)
        assert isinstance(await refusal(session.explain("SELECT * FROM t WHERE apart.length(n) = 3", "", 20.0)), PostgresConsentError)


async def test_catalogs_that_are_closed_leave_the_question_open(server: PostgresServer) -> None:
    server.execute("CREATE DATABASE closed")
    server.execute("REVOKE SELECT ON pg_catalog.pg_rewrite FROM PUBLIC", database="closed")
    async with asking(server.target(user="nobody")) as session:
        error = await refusal(session.explain("SELECT 1", "closed", 20.0))
    server.execute("DROP DATABASE closed WITH (FORCE)")
    assert isinstance(error, PostgresConsentError)
    assert "what stands behind it cannot be told" in error.message
