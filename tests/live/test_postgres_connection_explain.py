"""Plans of a real PostgreSQL: estimated, of statements with parameters, and measured without a change."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from aishell_core.engines.postgres import Lane, PostgresSession
from aishell_core.engines.postgres_errors import PostgresError
from aishell_core.values import FailureCode, PlanNode
from tests.servers.postgres import PostgresServer, postgres, standby_of
from tests.servers.postgres_binaries import server_user
from tests.servers.postgres_session import asking, own_backends, refusal, value
from tests.servers.required import require_server
from tests.servers.sqlite_client import eventually

_TABLES = (
    "CREATE TABLE customers (id int PRIMARY KEY, name text, born date)",
    "CREATE TABLE orders (id int PRIMARY KEY, customer int, status text, total numeric, at timestamptz)",
    "INSERT INTO customers SELECT g, 'customer ' || g, date '1970-01-01' + g % 9000 FROM generate_series(1, 5000) g",
    "INSERT INTO orders SELECT g, 1 + g % 5000, CASE WHEN g % 11 = 0 THEN 'open' ELSE 'done' END, g % 97, "
    "timestamptz '2026-01-01' + g * interval '1 minute' FROM generate_series(1, 50000) g",
    "CREATE INDEX orders_customer ON orders (customer)",
    "CREATE TABLE gathered (a int)",
    "CREATE SEQUENCE numbers",
    "CREATE FUNCTION writes() RETURNS int LANGUAGE plpgsql AS 'BEGIN INSERT INTO gathered VALUES (1); RETURN 1; END'",
    "CREATE ROLE plain LOGIN",
    "CREATE ROLE limited LOGIN CONNECTION LIMIT 2",
    "CREATE DATABASE other",
    "ANALYZE",
)
_WRITING = (
    "INSERT INTO gathered VALUES (1)",
    "UPDATE orders SET total = 0 WHERE id = 1",
    "DELETE FROM orders",
    "WITH gone AS (DELETE FROM orders RETURNING id) SELECT count(*) FROM gone",
    "CREATE TABLE copied AS SELECT * FROM orders",
    "SELECT * INTO copied FROM orders",
    "CREATE MATERIALIZED VIEW copied AS SELECT * FROM orders",
    "SELECT * FROM orders FOR UPDATE",
    "SELECT nextval('numbers')",
    "SELECT setval('numbers', 1000)",
    "SELECT writes()",
    "MERGE INTO orders o USING customers c ON o.id = c.id WHEN MATCHED THEN DELETE",
)


@pytest.fixture(scope="module", params=["14", "15", "16", "17", "18"])
def server(request: pytest.FixtureRequest) -> Iterator[PostgresServer]:
    with postgres(request.param, statements=False, settings={"autovacuum": "off"}) as found:
        found.execute(*_TABLES)
        yield found


def _steps(node: PlanNode) -> list[PlanNode]:
    return [node, *(step for child in node.children for step in _steps(child))]


def _state(server: PostgresServer) -> list[list[object]]:
    return server.execute(
        "SELECT (SELECT count(*) FROM orders), (SELECT sum(total) FROM orders), (SELECT count(*) FROM gathered), "
        "(SELECT last_value FROM numbers), (SELECT count(*) FROM pg_class), to_regclass('copied')::text"
    )


async def test_a_plan_names_its_steps_conditions_and_what_costs_most(server: PostgresServer) -> None:
    async with asking(server.target()) as session:
        (plan,) = await session.explain(
            "SELECT c.name, sum(o.total) FROM orders o JOIN customers c ON c.id = o.customer WHERE o.status = 'open' GROUP BY c.name",
            "",
            5.0,
        )
    steps = {step.text: step for step in _steps(plan)}
    scan = steps["Seq Scan on orders o"]
    assert scan.costly
    assert "reads all of orders" in scan.note
    assert "status = 'open'::text" in scan.note
    assert plan.cost is not None
    assert sum(step.share or 0.0 for step in _steps(plan)) == pytest.approx(1.0)
    assert all(0.0 <= (step.share or 0.0) <= 1.0 for step in _steps(plan))
    assert any(step.note.startswith("joined on") for step in _steps(plan))
    assert own_backends(server) <= 1


async def test_a_statement_with_parameters_has_a_plan_for_any_values(server: PostgresServer) -> None:
    async with asking(server.target()) as session:
        (plan,) = await session.explain("SELECT * FROM orders WHERE customer = $1 AND total > $2 LIMIT $3", "", 20.0)
        scan = next(step for step in _steps(plan) if "orders_customer" in step.text)
        assert "customer = $1" in " ".join(step.note for step in _steps(scan))
        assert not any("One-Time" in step.note or "only if" in step.note for step in _steps(plan))
        (plan,) = await session.explain("SELECT * FROM orders WHERE at > now() - interval $1", "", 20.0)
        assert "$1" in " ".join(step.note for step in _steps(plan))
        for ask in ("SELECT $1 + $2", "SELECT * FROM orders WHERE id = $3", "SELECT 1 ORDER BY $1 IS NULL", "SELECT date $1 + $2"):
            error = await refusal(session.explain(ask, "", 20.0))
            assert "the type of a parameter cannot be told" in error.message
            assert "cast the parameters" in error.hint
        assert await value(session, "SELECT count(*) FROM pg_prepared_statements WHERE name = 'aishell_plan'", lane=Lane.SLOW) == 0
        rows = server.execute("SELECT state FROM pg_stat_activity WHERE application_name = 'aishell'")
        assert rows == [["idle"]]


async def test_all_partitions_are_in_the_plan_for_any_values(server: PostgresServer) -> None:
    server.execute(
        "DROP TABLE IF EXISTS parts",
        "CREATE TABLE parts (a int) PARTITION BY RANGE (a)",
        "CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (10)",
        "CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (10) TO (20)",
    )
    async with asking(server.target()) as session:
        (plan,) = await session.explain("SELECT * FROM parts WHERE a = $1", "", 20.0)
    # Before 16 the values are NULL when the plan is shown, and partitions that these rule out are only counted.
    if server.binaries.major >= 16:
        assert {step.text for step in _steps(plan)} >= {"Seq Scan on parts_1", "Seq Scan on parts_2"}
    else:
        assert "2 parts are ruled out by the values" in plan.note


async def test_what_has_no_plan_says_why(server: PostgresServer) -> None:
    async with asking(server.target()) as session:
        for sql, reason, said in (
            ("VACUUM orders", FailureCode.UNSUPPORTED, "VACUUM has no plan"),
            ("/* a */ -- b\n BEGIN", FailureCode.UNSUPPORTED, "BEGIN has no plan"),
            ("EXPLAIN SELECT 1", FailureCode.UNSUPPORTED, "EXPLAIN has no plan"),
            ("COPY orders TO '/tmp/x'", FailureCode.UNSUPPORTED, "COPY has no plan"),
            ("CREATE TABLE x (a int)", FailureCode.UNSUPPORTED, "CREATE has no plan"),
            ("SELECT * FROM orders WHERE status = 'op", FailureCode.UNSUPPORTED, "cut off"),
            ("SELECT * FROM orders WHERE status =", FailureCode.UNSUPPORTED, "cut off"),
            ("SELECT 1; DROP TABLE orders", FailureCode.UNSUPPORTED, "more than one statement"),
            ("<insufficient privilege>", FailureCode.PRIVILEGE, "hidden"),
            ("", FailureCode.UNSUPPORTED, "no statement"),
            ("SELECT '\ufffd'", FailureCode.UNSUPPORTED, "could not be read"),
            ("SELECT * FROM elsewhere.orders", FailureCode.MISSING, "elsewhere"),
            ("SELECT * FROM no_such_table", FailureCode.MISSING, "no_such_table"),
            ("SELEC 1", FailureCode.UNSUPPORTED, "SELEC has no plan"),
            ("SELECT FROM WHERE", FailureCode.UNSUPPORTED, "syntax error"),
        ):
            error = await refusal(session.explain(sql, "", 20.0))
            assert error.reason is reason, sql
            assert said in error.message, sql
        assert await value(session, "SELECT 1", lane=Lane.SLOW) == 1


async def test_a_missing_privilege_names_what_would_mend_it(server: PostgresServer) -> None:
    async with asking(server.target(user="plain")) as session:
        error = await refusal(session.explain("SELECT * FROM orders", "", 20.0))
    assert error.reason is FailureCode.PRIVILEGE
    assert error.hint == 'GRANT SELECT ON public.orders TO "plain"; or GRANT pg_read_all_data TO "plain";'


async def test_another_database_is_visited_and_left_with_two_connections_at_most(server: PostgresServer) -> None:
    server.execute("CREATE TABLE IF NOT EXISTS only_here (a int)", "GRANT SELECT ON only_here TO limited", database="other")
    async with asking(server.target(user="limited")) as session:
        # A third connection of this role would be refused.
        await value(session, "SELECT 1")
        await value(session, "SELECT 1", lane=Lane.SLOW)
        for _ in range(3):
            (plan,) = await session.explain("SELECT * FROM only_here", "other", 20.0)
            assert plan.text == "Seq Scan on only_here"
            assert own_backends(server) == 1
            error = await refusal(session.explain("SELECT * FROM only_here", "", 20.0))
            assert error.reason is FailureCode.MISSING
        assert (await refusal(session.explain("SELECT 1", "no_such_database", 20.0))).sqlstate == "3D000"
        assert await value(session, "SELECT current_database()", lane=Lane.SLOW) == "postgres"
    await asyncio.to_thread(eventually, lambda: own_backends(server) == 0)


async def test_a_measured_plan_has_times_rows_and_reasons(server: PostgresServer) -> None:
    async with asking(server.target()) as session:
        (plan,) = await session.explain_analyze("SELECT count(*) FROM orders WHERE status = 'open'", "", 10.0)
        steps = _steps(plan)
        scan = next(step for step in steps if "Seq Scan" in step.text)
        assert scan.actual_rows == pytest.approx(4545)
        assert "reads all 50k rows of orders; the filter removes 91 %" in scan.note
        assert plan.actual_milliseconds is not None
        assert scan.loops == 1
        assert sum(step.share or 0.0 for step in steps) == pytest.approx(1.0)
        (plan,) = await session.explain_analyze("SELECT * FROM customers ORDER BY random()", "", 10.0)
        assert "does not fit into work_mem" not in plan.note
        server.execute("ALTER ROLE postgres SET work_mem = '64kB'")
    async with asking(server.target()) as session:
        (plan,) = await session.explain_analyze("SELECT * FROM orders a ORDER BY random()", "", 10.0)
        sort = next(step for step in _steps(plan) if step.text == "Sort")
        assert "the sort does not fit into work_mem" in sort.note
        assert sort.costly
    server.execute("ALTER ROLE postgres RESET work_mem")


_LASTING = (
    "SELECT pg_switch_wal()",
    "SELECT pg_stat_reset()",
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'victim'",
    "SELECT end_victims()",
    "SELECT 1 WHERE (SELECT end_victims()) > 0",
    "SELECT pg_advisory_lock(42)",
)
_END_VICTIMS = """
CREATE OR REPLACE FUNCTION end_victims() RETURNS bigint LANGUAGE sql AS
$$ SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'victim' $$
"""


@pytest.mark.parametrize("sql", _LASTING)
async def test_what_no_rollback_undoes_is_not_measured(server: PostgresServer, sql: str) -> None:
    look = "SELECT pg_walfile_name(pg_current_wal_lsn()), stats_reset FROM pg_stat_database WHERE datname = 'postgres'"
    server.execute(_END_VICTIMS)
    before = server.execute(look)
    victim = server.connect(application="victim")
    async with asking(server.target()) as session:
        for ask in (session.check_measuring(sql, "", 20.0), session.explain_analyze(sql, "", 20.0)):
            error = await refusal(ask)
            assert (error.reason, "no rollback undoes" in error.message) == (FailureCode.UNSUPPORTED, True)
    assert victim.run("SELECT 1") == [[1]]
    victim.close()
    assert server.execute(look) == before


async def test_measuring_leaves_no_connection_transaction_or_lock_behind(server: PostgresServer) -> None:
    async with asking(server.target()) as session:
        await session.check_measuring("SELECT count(*) FROM orders", "", 20.0)
        await session.explain_analyze("SELECT count(*) FROM orders", "", 20.0)
        await asyncio.to_thread(eventually, lambda: server.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == [[0]])
        assert await value(session, "SHOW work_mem", lane=Lane.SLOW) == "4MB"


@pytest.mark.parametrize("sql", _WRITING)
async def test_a_statement_that_writes_changes_nothing(server: PostgresServer, sql: str) -> None:
    if sql.startswith("MERGE") and server.binaries.major < 15:
        return  # a word that 14 does not know
    before = _state(server)
    async with asking(server.target()) as session:
        for ask in (session.check_measuring(sql, "", 20.0), session.explain_analyze(sql, "", 20.0)):
            error = await refusal(ask)
            assert error.reason is FailureCode.UNSUPPORTED
            assert "so it was not run and nothing has changed" in error.message
            assert _state(server) == before
        assert await session.explain(sql, "", 20.0)
        assert _state(server) == before


async def test_what_cannot_be_measured_says_why(server: PostgresServer, tmp_path: Path) -> None:
    async with asking(server.target()) as session:
        error = await refusal(session.explain_analyze("SELECT * FROM orders WHERE id = $1", "", 20.0))
        assert "the values of its 1 parameter are not known" in error.message
        error = await refusal(session.explain_analyze("SELECT pg_sleep(60)", "", 4.6))
        assert error.reason is FailureCode.TIMEOUT
        assert "it ran longer than its deadline" in error.message
        written = str(tmp_path / "never")
        assert "COPY has no plan" in (await refusal(session.explain_analyze(f"COPY orders TO '{written}'", "", 20.0))).message
    assert not os.listdir(tmp_path)  # noqa: PTH208


async def test_a_frozen_server_is_not_waited_for(server: PostgresServer) -> None:
    async with asking(server.target()) as session:
        await value(session, "SELECT 1", lane=Lane.SLOW)
        with server.frozen():
            async with asyncio.timeout(20):
                assert (await refusal(session.explain("SELECT 1", "", 0.4))).reason is FailureCode.TIMEOUT
                assert (await refusal(session.explain("SELECT 1", "other", 0.4))).reason is FailureCode.TIMEOUT
        assert await session.explain("SELECT 1", "", 20.0)


async def test_plans_are_shown_by_a_standby_too() -> None:
    with postgres("15", statements=False) as primary:
        primary.execute("CREATE TABLE orders AS SELECT g AS id FROM generate_series(1, 1000) g")
        with standby_of(primary) as standby:
            async with asking(standby.target()) as session:
                for sql in ("SELECT * FROM orders WHERE id = 1", "SELECT * FROM orders WHERE id = $1", "INSERT INTO orders VALUES (1)"):
                    assert await session.explain(sql, "", 20.0)
                assert (await session.explain_analyze("SELECT count(*) FROM orders", "", 20.0))[0].actual_rows == 1
                assert "writes" in (await refusal(session.explain_analyze("INSERT INTO orders VALUES (1)", "", 20.0))).message


_MADE = (
    "SELECT * FROM pgbench_accounts WHERE aid = {n}",
    "SELECT count(*) FROM pgbench_accounts WHERE abalance > {n} OR filler LIKE '%{n}'",
    "SELECT a.aid, b.bbalance FROM pgbench_accounts a JOIN pgbench_branches b USING (bid) WHERE a.abalance < {n} ORDER BY a.aid LIMIT {n}",
    "SELECT bid, avg(abalance) FILTER (WHERE aid > {n}) FROM pgbench_accounts GROUP BY ROLLUP (bid) HAVING count(*) > {n}",
    "WITH RECURSIVE t(i) AS (VALUES ({n}) UNION ALL SELECT i + 1 FROM t WHERE i < {n} + 10) SELECT sum(i) FROM t",
    "SELECT * FROM pgbench_history WHERE mtime > now() - interval '{n} minutes' AND mtime < timestamp '2030-01-01' + interval '{n} days'",
    "SELECT aid, row_number() OVER (PARTITION BY bid ORDER BY abalance + {n}) FROM pgbench_accounts WHERE aid IN ({n}, 2, 3)",
    "SELECT (SELECT max(tbalance) FROM pgbench_tellers t WHERE t.bid = b.bid AND t.tid > {n}) FROM pgbench_branches b",
    "SELECT array_agg(aid) FROM pgbench_accounts WHERE aid = ANY (ARRAY[{n}, 2, 3]) AND filler IS NOT NULL",
    "SELECT CASE WHEN aid > {n} THEN 'a' ELSE E'b\\'' END, $q$quoted {n}$q$ FROM pgbench_accounts TABLESAMPLE SYSTEM (1)",
    "SELECT '{{\"a\": {n}}}'::jsonb -> 'a', date '2026-01-01' + {n}::int, B'101', x'1F', U&'\\0041', {n}::numeric(10, 2)",
    "UPDATE pgbench_accounts SET abalance = abalance + {n} WHERE aid = {n} AND filler <> 'x''y'",
    "INSERT INTO pgbench_history (tid, bid, aid, delta, mtime) SELECT {n}, 1, aid, {n}, now() FROM pgbench_accounts WHERE aid < 3",
    "DELETE FROM pgbench_history WHERE tid = {n}",
    "SELECT * FROM pgbench_tellers EXCEPT ALL SELECT * FROM pgbench_tellers WHERE tid = {n}",
    "SELECT x FROM unnest(ARRAY['a', 'b{n}']) WITH ORDINALITY AS t(x, i) WHERE i > {n} - {n}",
    "VALUES ({n}, 'a'), (2, 'b')",
    "TABLE pgbench_branches",
    "SELECT DISTINCT ON (bid) bid, aid FROM pgbench_accounts ORDER BY bid, aid DESC OFFSET {n} FETCH FIRST 3 ROWS ONLY",
    "SELECT extract(epoch FROM mtime) FROM pgbench_history WHERE mtime BETWEEN '2020-01-01' AND '203{n}-01-01'",
)
_PLANNED = {"SELECT", "UPDATE", "INSERT", "DELETE", "VALUES", "TABLE", "WITH"}
_UTILITY = (
    "VACUUM pgbench_branches",
    "ANALYZE pgbench_tellers",
    "CREATE TABLE made_{n} (a int)",
    "COMMENT ON TABLE pgbench_branches IS 'number {n}'",
    "SET work_mem = '{n}MB'",
    "BEGIN",
    "COMMIT",
    "CREATE TABLE filled_{n} AS SELECT {n} AS a",
    "SHOW work_mem",
    "TRUNCATE pgbench_history",
    "DO $$ BEGIN PERFORM {n}; END $$",
)


def _pgbench(server: PostgresServer, *arguments: str) -> None:
    program = require_server("pgbench", "/usr/lib/postgresql/15/bin/pgbench", "pgbench")
    command: list[str | Path] = [program, "-h127.0.0.1", f"-p{server.port}", "-Upostgres", *arguments, "postgres"]
    subprocess.run(command, check=True, capture_output=True, user=server_user(), cwd="/")


def _texts(server: PostgresServer) -> list[str]:
    rows = server.execute("SELECT DISTINCT query FROM pg_stat_statements WHERE query NOT LIKE '%pg_stat_statements%' ORDER BY query")
    return [str(query) for (query,) in rows]


@pytest.mark.parametrize("version", ["15", "17", "18-contrib"])
async def test_two_hundred_statements_of_a_busy_server_have_a_plan_or_a_reason(version: str) -> None:
    chance = random.Random(20261121)
    with postgres(version, settings={"pg_stat_statements.track": "all"}) as server:
        _pgbench(server, "-i", "-s1", "-q")
        server.execute("SELECT pg_stat_statements_reset()")
        for mode in ("simple", "prepared"):
            _pgbench(server, "-n", "-c2", "-t20", "-M", mode)
        _pgbench(server, "-n", "-S", "-c2", "-t20", "-M", "extended")
        for made in (*_MADE, *_UTILITY):
            server.execute(made.format(n=chance.randrange(1, 9)))
        texts = _texts(server)
        assert len(texts) >= 35
        # As logged by a server without the extension: values in place, and texts of pg_stat_activity that end in the middle.
        written = [made.format(n=number) for made in _MADE for number in range(10, 15)]
        cut = [text[: chance.randrange(8, max(9, len(text)))] for text in (*texts, *written)]
        asked = [*texts, *written, *chance.sample(cut, 200 - len(texts) - len(written))]
        assert len(asked) == 200
        before = server.execute("SELECT count(*), sum(abalance) FROM pgbench_accounts")
        async with asking(server.target()) as session:
            outcomes = {text: await _outcome(session, text) for text in asked}
            for text, outcome in outcomes.items():
                assert isinstance(outcome, tuple) or outcome.startswith(("unsupported: ", "missing: ")), f"{text}: {outcome}"
            untold = {text for text, outcome in outcomes.items() if "type of a parameter" in outcome}
            for text in texts:
                if text.split()[0].upper() in _PLANNED and text not in untold:
                    assert isinstance(outcomes[text], tuple), f"{text}: {outcomes[text]}"
            assert len(untold) <= 3
            for text in written:
                assert isinstance(outcomes[text], tuple), f"{text}: {outcomes[text]}"
            assert await value(session, "SELECT count(*) FROM pg_prepared_statements WHERE name = 'aishell_plan'", lane=Lane.SLOW) == 0
        assert server.execute("SELECT count(*), sum(abalance) FROM pgbench_accounts") == before


async def _outcome(session: PostgresSession, text: str) -> tuple[PlanNode, ...] | str:
    """The plan, or the reason in words why there is none."""
    try:
        plan = await session.explain(text, "", 20.0)
    except PostgresError as error:
        return f"{error.reason}: {error.message}"
    assert plan
    assert sum(step.share or 0.0 for step in _steps(plan[0])) == pytest.approx(1.0)
    return plan
