"""What a real PostgreSQL refuses to a role: the hint is a statement that is run as it stands, and then it is not refused."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from aishell_core.engines.postgres import Lane
from aishell_core.values import FailureCode, Limits, Session
from tests.servers.pgbouncer import pgbouncer
from tests.servers.postgres import PostgresServer, postgres
from tests.servers.postgres_session import asking, refusal, value

_ROLE = 'odd "role'
_QUOTED = '"odd ""role"'
_MADE = (
    f"CREATE ROLE {_QUOTED} LOGIN",
    "CREATE ROLE watcher LOGIN",
    "GRANT pg_monitor TO watcher",
    'CREATE TABLE "MiXed" (a int)',
    "CREATE TABLE t (a int)",
    "CREATE SCHEMA s2",
    "CREATE TABLE s2.t (a int)",
    f"GRANT USAGE ON SCHEMA s2 TO {_QUOTED}",
    'CREATE FUNCTION "Pf"(a int, b text) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN 1; END $$',
    'REVOKE EXECUTE ON FUNCTION "Pf" FROM PUBLIC',
    "CREATE SEQUENCE numbers",
    "CREATE DATABASE other",
)


@pytest.fixture(scope="module", params=["14", "16", "18"])
def server(request: pytest.FixtureRequest) -> Iterator[PostgresServer]:
    with postgres(request.param, statements=False) as found:
        found.execute(*_MADE)
        found.execute("CREATE TABLE only_here (a int)", database="other")
        yield found


@pytest.mark.parametrize(
    ("revoked", "sql", "hint"),
    [
        ("FUNCTION pg_control_checkpoint()", "SELECT * FROM pg_control_checkpoint()", "FUNCTION pg_catalog.pg_control_checkpoint()"),
        ("FUNCTION pg_database_size(oid)", "SELECT pg_database_size(1::oid)", "FUNCTION pg_catalog.pg_database_size(oid)"),
        ("FUNCTION pg_table_size(regclass)", "SELECT pg_table_size('pg_class')", "FUNCTION pg_catalog.pg_table_size(regclass)"),
        ("FUNCTION pg_stat_get_wal_senders()", "SELECT * FROM pg_stat_replication", "FUNCTION pg_catalog.pg_stat_get_wal_senders()"),
        ("FUNCTION pg_ls_waldir()", "SELECT count(*) FROM pg_ls_waldir()", "FUNCTION pg_catalog.pg_ls_waldir()"),
        ("pg_stat_bgwriter", "SELECT * FROM pg_stat_bgwriter", "pg_catalog.pg_stat_bgwriter"),
        ("pg_settings", "SELECT * FROM pg_settings", "pg_catalog.pg_settings"),
        ("pg_prepared_xacts", "SELECT * FROM pg_prepared_xacts", "pg_catalog.pg_prepared_xacts"),
        ("pg_locks", "SELECT * FROM pg_locks", "pg_catalog.pg_locks"),
    ],
)
async def test_a_member_of_pg_monitor_is_told_the_very_grant(server: PostgresServer, revoked: str, sql: str, hint: str) -> None:
    server.execute(f"REVOKE ALL ON {revoked} FROM PUBLIC", f"REVOKE ALL ON {revoked} FROM pg_monitor")
    right = "EXECUTE" if hint.startswith("FUNCTION") else "SELECT"
    try:
        async with asking(server.target(user="watcher")) as session:
            error = await refusal(session.query(sql, lane=Lane.QUICK, deadline_seconds=60.0))
            assert (error.reason, error.hint) == (FailureCode.PRIVILEGE, f'GRANT {right} ON {hint} TO "watcher";')
            server.execute(error.hint)
            await session.query(sql, lane=Lane.QUICK, deadline_seconds=60.0)
    finally:
        server.execute(f"REVOKE ALL ON {revoked} FROM watcher", f"GRANT {right} ON {revoked} TO PUBLIC")


async def test_the_role_for_monitors_is_named_where_it_is_enough(server: PostgresServer) -> None:
    async with asking(server.target(user=_ROLE)) as session:
        error = await refusal(session.query("SELECT count(*) FROM pg_ls_logdir()", lane=Lane.QUICK, deadline_seconds=60.0))
    assert error.hint == f"GRANT pg_monitor TO {_QUOTED};"


async def test_a_grant_of_a_plan_is_for_the_object_that_the_statement_means(server: PostgresServer) -> None:
    server.execute(f"ALTER ROLE {_QUOTED} SET search_path = s2, public")
    reads = f"or GRANT pg_read_all_data TO {_QUOTED};"
    try:
        async with asking(server.target(user=_ROLE)) as session:
            for sql, right in (
                ('SELECT * FROM "MiXed"', 'SELECT ON public."MiXed"'),
                ("SELECT * FROM t", "SELECT ON s2.t"),
                ("SELECT * FROM public.t", "SELECT ON public.t"),
                ("SELECT * FROM numbers", "SELECT ON public.numbers"),
            ):
                error = await refusal(session.explain(sql, "", 60.0))
                assert error.hint == f"GRANT {right} TO {_QUOTED}; {reads}"
                server.execute(error.hint.removesuffix(reads))
                assert await session.explain(sql, "", 60.0)
                server.execute(f"REVOKE ALL ON {right.removeprefix('SELECT ON ')} FROM {_QUOTED}")
    finally:
        server.execute(f"ALTER ROLE {_QUOTED} RESET search_path")


async def test_what_reading_alone_does_not_allow_has_its_own_grant(server: PostgresServer) -> None:
    async with asking(server.target(user=_ROLE)) as session:
        locking = await refusal(session.explain("SELECT * FROM t FOR NO KEY UPDATE", "", 60.0))
        assert locking.hint == f"GRANT SELECT, UPDATE ON public.t TO {_QUOTED};"
        writing = await refusal(session.explain("INSERT INTO t VALUES (1)", "", 60.0))
        assert writing.hint.startswith(f"GRANT SELECT, INSERT ON public.t TO {_QUOTED}; ")
        calling = await refusal(session.explain("SELECT \"Pf\"(1, 'a')", "", 60.0))
        assert calling.hint == f'GRANT EXECUTE ON FUNCTION public."Pf"(integer, text) TO {_QUOTED};'
        server.execute(calling.hint)
        assert await session.explain("SELECT \"Pf\"(1, 'a')", "", 60.0)
        server.execute(f'REVOKE ALL ON FUNCTION "Pf" FROM {_QUOTED}')


async def test_a_grant_of_another_database_names_it(server: PostgresServer) -> None:
    async with asking(server.target(user=_ROLE)) as session:
        error = await refusal(session.explain("SELECT * FROM only_here", "other", 60.0))
    assert error.hint == f'GRANT SELECT ON public.only_here TO {_QUOTED}; or GRANT pg_read_all_data TO {_QUOTED}; -- in database "other"'


async def test_a_command_of_a_person_is_told_the_grant_too(server: PostgresServer) -> None:
    async with asking(server.target(user=_ROLE)) as session:
        error = await refusal(session.run("SELECT * FROM s2.t", (), Limits(seconds=60.0)))
    assert error.hint == f"GRANT SELECT ON s2.t TO {_QUOTED};"


async def test_a_hidden_text_names_the_role_that_is_to_see_it(server: PostgresServer) -> None:
    async with asking(server.target(user=_ROLE)) as session:
        await value(session, "SELECT 1")
        assert (await refusal(session.explain("<insufficient privilege>", "", 60.0))).hint == f"GRANT pg_read_all_stats TO {_QUOTED};"
        assert (await refusal(session.cancel(Session("1"), 60.0))).hint == f"GRANT pg_monitor TO {_QUOTED};"


async def test_through_a_pooler_the_grant_is_as_exact(server: PostgresServer) -> None:
    with pgbouncer(server, pool_mode="transaction", users={"watcher": ""}) as pooler:
        async with asking(pooler.target(user="watcher")) as session:
            error = await refusal(session.explain('SELECT * FROM "MiXed"', "", 60.0))
            assert error.hint.startswith('GRANT SELECT ON public."MiXed" TO "watcher";')
            error = await refusal(session.query('SELECT * FROM public."MiXed"', lane=Lane.SLOW, deadline_seconds=60.0))
            assert error.hint == 'GRANT SELECT ON public."MiXed" TO "watcher";'


@pytest.mark.parametrize("role", ["watcher", _ROLE])
async def test_where_all_catalogs_are_closed_the_very_view_is_named_and_not_a_role_that_does_not_help(
    server: PostgresServer, role: str
) -> None:
    server.execute("CREATE DATABASE closed TEMPLATE template0")
    server.execute("REVOKE ALL ON ALL TABLES IN SCHEMA pg_catalog FROM PUBLIC, pg_monitor, pg_read_all_stats", database="closed")
    try:
        async with asking(server.target(database="closed", user=role)) as session:
            for name in ("pg_stat_activity", "pg_stat_database", "pg_locks", "pg_class"):
                asked = session.query(f"SELECT count(*) FROM {name}", lane=Lane.QUICK, deadline_seconds=60.0)
                hint = (await refusal(asked)).hint
                assert hint.startswith(f"GRANT SELECT ON pg_catalog.{name} TO ")
                server.execute(hint, database="closed")
                assert await value(session, f"SELECT count(*) FROM {name}")
    finally:
        server.execute("DROP DATABASE closed WITH (FORCE)")
