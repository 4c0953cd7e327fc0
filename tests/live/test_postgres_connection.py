"""A session with a real PostgreSQL: connections, limits, and a server that hangs, dies or refuses."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing, suppress

import pytest

from aishell_core.engines.postgres import Lane, PostgresSession
from aishell_core.engines.postgres_errors import PostgresError
from aishell_core.values import FailureCode
from tests.servers.postgres import PostgresServer, postgres, standby_of
from tests.servers.postgres_session import asking, at, own_backends, refusal, value
from tests.servers.sqlite_client import eventually

_LIMITS = ("application_name", "statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "default_transaction_read_only")

_HUNG_SECONDS = 20.0
"""What is not answered is given up long before that, however busy the machine is."""


@pytest.fixture(scope="module", params=["15", "16", "18"])
def server(request: pytest.FixtureRequest) -> Iterator[PostgresServer]:
    with postgres(request.param, statements=False) as found:
        yield found


async def test_the_facts_are_those_of_the_server(server: PostgresServer) -> None:
    async with asking(server.target()) as session:
        facts = await session.facts()
    ((number, text, started, system),) = server.execute(
        "SELECT current_setting('server_version_num')::int, split_part(version(), ' ', 2), "
        "extract(epoch FROM pg_postmaster_start_time())::float8, (SELECT system_identifier::text FROM pg_control_system())"
    )
    assert (facts.version_num, facts.version, facts.system_identifier) == (number, text, system)
    assert facts.started_at == pytest.approx(started)
    assert (facts.user, facts.database, facts.superuser, facts.encoding) == ("postgres", "postgres", True, "UTF8")
    assert (facts.local, facts.pooled, facts.in_recovery) == (True, False, False)
    assert facts.address == f"127.0.0.1:{server.port}"


async def test_facts_that_may_not_be_asked_for_are_unknown_and_the_others_stay(server: PostgresServer) -> None:
    hidden = "pg_postmaster_start_time(), pg_control_system(), pg_is_in_recovery()"
    server.execute("DROP ROLE IF EXISTS plain", "CREATE ROLE plain LOGIN", f"REVOKE EXECUTE ON FUNCTION {hidden} FROM PUBLIC")
    try:
        async with asking(server.target(user="plain")) as session:
            facts = await session.facts()
            assert (facts.started_at, facts.system_identifier) == (None, "")
            assert (facts.version_num // 10000, facts.user) == (server.binaries.major, "plain")
            assert await value(session, "SELECT 1", lane=Lane.SLOW) == 1
    finally:
        server.execute(f"GRANT EXECUTE ON FUNCTION {hidden} TO PUBLIC")


async def test_every_connection_has_its_limits_and_writes_nothing(server: PostgresServer) -> None:
    async with asking(server.target()) as session:
        for lane in Lane:
            answer = await session.query(
                "SELECT name, setting FROM pg_settings WHERE name = ANY ($1)", (_LIMITS,), lane=lane, deadline_seconds=40.0
            )
            found = {row["name"]: row["setting"] for row in answer.rows}
            assert 20_000 <= int(found.pop("statement_timeout")) < 40_000
            assert found == {
                "application_name": "aishell",
                "lock_timeout": "1000",
                "idle_in_transaction_session_timeout": "10000",
                "default_transaction_read_only": "on",
            }
            error = await refusal(session.query("CREATE TABLE written (a int)", lane=lane, deadline_seconds=40.0))
            assert error.sqlstate == "25006"


async def test_there_are_two_connections_at_most_and_none_before_the_first_question(server: PostgresServer) -> None:
    await _alone(server)
    async with asking(server.target()) as session:
        assert own_backends(server) == 0
        await value(session, "SELECT 1")
        assert own_backends(server) == 1
        await asyncio.gather(*(value(session, "SELECT pg_sleep(0.01)", lane=lane) for lane in Lane for _ in range(5)))
        assert own_backends(server) == 2
    await _alone(server)


async def _alone(server: PostgresServer) -> None:
    """Wait until nothing of aishell is connected any more: a connection that was broken off may still be at its question."""
    await asyncio.to_thread(eventually, lambda: own_backends(server) == 0)


async def test_a_function_of_somebody_else_is_not_called_in_place_of_the_servers_own(server: PostgresServer) -> None:
    server.execute(
        "CREATE OR REPLACE FUNCTION public.upper(date) RETURNS text LANGUAGE sql AS 'SELECT ''called''::text'",
        "ALTER DATABASE postgres SET jit = on",
    )
    async with asking(server.target()) as session:
        for lane in Lane:
            assert await value(session, "SHOW search_path", lane=lane) == "pg_catalog"
            assert await value(session, "SHOW jit", lane=lane) == "off"
            assert (await refusal(session.query("SELECT upper(date '2026-01-01')", lane=lane, deadline_seconds=20.0))).sqlstate == "42883"
        (plan,) = await session.explain("SELECT upper(date '2026-01-01')", "", 20.0, consent=True)
        assert plan.text == "Result"
    server.execute("DROP FUNCTION public.upper(date)", "ALTER DATABASE postgres RESET jit")


async def test_a_transaction_is_never_left_open(server: PostgresServer) -> None:
    await _alone(server)
    async with asking(server.target()) as session:
        for lane in Lane:
            await value(session, "SELECT 1", lane=lane)
        await session.explain("SELECT 1", "", 20.0)
        await refusal(session.explain("SELECT nothing", "", 20.0))
        rows = server.execute("SELECT state, xact_start FROM pg_stat_activity WHERE application_name = 'aishell'")
        assert rows == [["idle", None], ["idle", None]]


async def test_what_an_answer_cost_is_told(server: PostgresServer) -> None:
    async with asking(server.target()) as session:
        await session.query("SELECT 1", lane=Lane.QUICK, deadline_seconds=40.0)
        answer = await session.query("SELECT repeat('x', 10000) AS x, pg_sleep(0.02)", lane=Lane.QUICK, deadline_seconds=40.0)
        assert answer.cost.queries == 1
        assert 10_000 < answer.cost.bytes < 11_000
        assert 0.02 <= answer.cost.seconds < 20.0


async def test_a_statement_that_takes_too_long_is_stopped_by_the_server_and_the_connection_stays(server: PostgresServer) -> None:
    async with asking(server.target()) as session:
        before = await value(session, "SELECT pg_backend_pid()")
        error = await refusal(session.query("SELECT pg_sleep(60)", lane=Lane.QUICK, deadline_seconds=4.6))
        assert (error.reason, error.sqlstate) == (FailureCode.TIMEOUT, "57014")
        assert await value(session, "SELECT pg_backend_pid()") == before


async def test_a_lock_in_the_way_is_waited_for_a_second(server: PostgresServer) -> None:
    server.execute("CREATE TABLE IF NOT EXISTS held (a int)")
    with closing(server.connect()) as holder:
        holder.run("BEGIN")
        holder.run("LOCK TABLE held")
        async with asking(server.target()) as session:
            error = await refusal(session.query("SELECT * FROM public.held", lane=Lane.SLOW, deadline_seconds=40.0))
    assert (error.reason, error.sqlstate) == (FailureCode.LOCKED, "55P03")
    assert "lock" in error.message


async def test_whoever_waits_for_the_slow_lane_waits_within_its_own_deadline(server: PostgresServer) -> None:
    await _alone(server)
    async with asking(server.target()) as session:
        long = asyncio.create_task(value(session, "SELECT pg_sleep(4)::text", lane=Lane.SLOW))
        await _active(server)
        error = await refusal(session.query("SELECT 1", lane=Lane.SLOW, deadline_seconds=0.2))
        assert not long.done(), "it is not waited for"
        assert error.reason is FailureCode.TIMEOUT
        assert "busy with an earlier question" in error.message
        assert await value(session, "SELECT 1", lane=Lane.QUICK) == 1
        assert await long == ""
        assert own_backends(server) == 2


async def test_only_one_statement_is_taken_at_a_time(server: PostgresServer) -> None:
    server.execute("CREATE TABLE IF NOT EXISTS kept (a int)")
    async with asking(server.target()) as session:
        for ask in (
            session.query("SELECT 1; DROP TABLE kept", lane=Lane.QUICK, deadline_seconds=20.0),
            session.explain("SELECT 1; DROP TABLE kept", "", 20.0),
            session.explain_analyze("SELECT 1; DROP TABLE kept", "", 20.0),
            session.explain("SELECT $1; DROP TABLE kept", "", 20.0),
        ):
            await refusal(ask)
    assert server.execute("SELECT to_regclass('kept')::text") == [["kept"]]


@pytest.mark.parametrize(
    ("sql", "reason", "state"),
    [
        ("SELECT * FROM nowhere", FailureCode.MISSING, "42P01"),
        ("SELECT nothing()", FailureCode.MISSING, "42883"),
        ("SELECT nothing", FailureCode.MISSING, "42703"),
        ("SELECT FROM WHERE", FailureCode.UNSUPPORTED, "42601"),
        ("SELECT 1/0", FailureCode.REFUSED, "22012"),
    ],
)
async def test_an_error_of_a_statement_leaves_the_connection_as_it_is(
    server: PostgresServer, sql: str, reason: FailureCode, state: str
) -> None:
    async with asking(server.target()) as session:
        before = await value(session, "SELECT pg_backend_pid()")
        error = await refusal(session.query(sql, lane=Lane.QUICK, deadline_seconds=20.0))
        assert (error.reason, error.sqlstate) == (reason, state)
        assert await value(session, "SELECT pg_backend_pid()") == before


async def test_a_missing_privilege_names_the_grant(server: PostgresServer) -> None:
    server.execute("DROP ROLE IF EXISTS plain", "CREATE ROLE plain LOGIN")
    async with asking(server.target(user="plain")) as session:
        assert not (await session.facts()).superuser
        error = await refusal(session.query("SELECT * FROM pg_authid", lane=Lane.QUICK, deadline_seconds=20.0))
    assert (error.reason, error.sqlstate) == (FailureCode.PRIVILEGE, "42501")
    assert error.hint == 'GRANT SELECT ON pg_catalog.pg_authid TO "plain";'


async def test_a_database_and_a_role_that_are_not_there_are_named(server: PostgresServer) -> None:
    async with asking(server.target(database="nowhere")) as session:
        error = await refusal(session.facts())
        assert (error.reason, error.sqlstate) == (FailureCode.MISSING, "3D000")
        assert "nowhere" in error.message
    async with asking(server.target(user="nobody")) as session:
        error = await refusal(session.facts())
        assert (error.reason, error.sqlstate) == (FailureCode.AUTHENTICATION, "28000")
        assert '"nobody"' in error.message


async def test_a_connection_that_an_administrator_ends_is_made_anew(server: PostgresServer) -> None:
    await _alone(server)
    async with asking(server.target()) as session:
        before = await value(session, "SELECT pg_backend_pid()")
        asked = asyncio.create_task(session.query("SELECT pg_sleep(60)", lane=Lane.QUICK, deadline_seconds=40.0))
        await _active(server)
        server.execute(f"SELECT pg_terminate_backend({before})")
        error = await refusal(asked)
        assert (error.reason, error.sqlstate) == (FailureCode.REFUSED, "57P01")
        assert await value(session, "SELECT pg_backend_pid()") != before
        idle = await value(session, "SELECT pg_backend_pid()")
        server.execute(f"SELECT pg_terminate_backend({idle})")
        await _alone(server)
        assert await value(session, "SELECT pg_backend_pid()") != idle


async def test_a_database_that_is_dropped_is_told_and_the_other_session_goes_on(server: PostgresServer) -> None:
    server.execute("DROP DATABASE IF EXISTS gone", "CREATE DATABASE gone")
    async with asking(server.target(database="gone")) as session:
        assert await value(session, "SELECT current_database()") == "gone"
        server.execute("DROP DATABASE gone WITH (FORCE)")
        errors = [await refusal(session.query("SELECT 1", lane=Lane.QUICK, deadline_seconds=20.0)) for _ in range(2)]
        assert errors[-1].sqlstate == "3D000"
        server.execute("CREATE DATABASE gone")
        assert await value(session, "SELECT current_database()") == "gone"
    server.execute("DROP DATABASE gone WITH (FORCE)")


async def _active(server: PostgresServer) -> None:
    def asked() -> bool:
        rows = server.execute("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'aishell' AND state = 'active'")
        return bool(rows[0][0])

    await asyncio.to_thread(eventually, asked)


async def test_a_frozen_server_is_given_up_at_the_deadline_and_asked_again_when_it_wakes() -> None:
    with postgres("15", statements=False) as server:
        async with asking(server.target()) as session:
            for lane in Lane:
                await value(session, "SELECT 1", lane=lane)
            with server.frozen():
                for stage in ("no answer", "no connection", "no connection"):
                    for lane in Lane:
                        async with asyncio.timeout(_HUNG_SECONDS):
                            error = await refusal(session.query("SELECT 1", lane=lane, deadline_seconds=0.3))
                        assert error.reason is FailureCode.TIMEOUT
                        assert stage in error.message
                        assert str(server.port) in error.message
                async with asyncio.timeout(_HUNG_SECONDS):
                    await session.close()
        async with asking(server.target()) as session:
            assert await value(session, "SELECT 1") == 1
        await _alone(server)


async def test_a_server_that_is_killed_and_comes_back_is_asked_again() -> None:
    with postgres("15", statements=False) as server:
        async with asking(server.target()) as session:
            first = await session.facts()
            server.kill()
            errors = [await refusal(session.query("SELECT 1", lane=Lane.QUICK, deadline_seconds=20.0)) for _ in range(2)]
            assert errors[-1].reason is FailureCode.REFUSED
            assert f"nothing listens at 127.0.0.1:{server.port}" in errors[-1].message
            server.start()
            assert await value(session, "SELECT 1") == 1
            assert ((await session.facts()).started_at or 0.0) > (first.started_at or 0.0)


async def test_a_lost_process_of_the_server_is_a_crash_that_it_recovers_from() -> None:
    with postgres("15", statements=False, settings={"restart_after_crash": "on"}) as server:
        async with asking(server.target()) as session:
            await value(session, "SELECT 1")
            asked = asyncio.create_task(session.query("SELECT pg_sleep(60)", lane=Lane.QUICK, deadline_seconds=40.0))
            await _active(server)
            other = server.connect()
            pid = other.run("SELECT pg_backend_pid()")[0][0]
            next(process for process in server.processes() if process.pid == pid).kill()
            error = await refusal(asked)
            assert error.reason is FailureCode.REFUSED
            assert error.sqlstate in {"57P02", "08003", ""}
            server.wait_until_ready()
            assert await value(session, "SELECT 1") == 1


async def test_a_server_without_a_free_connection_says_so_and_the_one_we_have_is_kept() -> None:
    with postgres("15", statements=False, settings={"max_connections": "8", "superuser_reserved_connections": "1"}) as server:
        server.execute("CREATE ROLE plain LOGIN")
        async with asking(server.target(user="plain")) as session:
            pid = await value(session, "SELECT pg_backend_pid()")
            taken = [server.connect(user="plain") for _ in range(6)]
            error = await refusal(session.query("SELECT 1", lane=Lane.SLOW, deadline_seconds=20.0))
            assert (error.reason, error.sqlstate) == (FailureCode.REFUSED, "53300")
            assert "has no connection left" in error.message
            assert "max_connections" in error.hint
            assert await value(session, "SELECT pg_backend_pid()") == pid
            taken[0].close()
            assert await value(session, "SELECT 1", lane=Lane.SLOW) == 1


async def test_a_changed_password_is_told_when_the_connection_must_be_made_anew() -> None:
    hba = "host all guarded all scram-sha-256\nhost all all all trust\n"
    with postgres("15", statements=False, hba=hba) as server:
        server.execute("CREATE ROLE guarded LOGIN PASSWORD 'first-word'")
        async with asking(server.target(user="guarded", password="first-word")) as session:
            pid = await value(session, "SELECT pg_backend_pid()")
            server.execute("ALTER ROLE guarded PASSWORD 'second-word'", f"SELECT pg_terminate_backend({pid})")
            errors = [await refusal(session.query("SELECT 1", lane=Lane.QUICK, deadline_seconds=20.0)) for _ in range(2)]
            assert (errors[-1].reason, errors[-1].sqlstate) == (FailureCode.AUTHENTICATION, "28P01")
            assert "first-word" not in errors[-1].message + errors[-1].hint + repr(errors[-1])
            server.execute("ALTER ROLE guarded PASSWORD 'first-word'")
            assert await value(session, "SELECT 1") == 1
        async with asking(server.target(user="guarded")) as session:
            error = await refusal(session.facts())
            assert "no password was given" in error.hint


async def test_a_standby_is_one_and_its_promotion_is_seen_without_a_new_connection() -> None:
    with postgres("15", statements=False) as primary, standby_of(primary) as standby:
        async with asking(standby.target()) as session:
            assert (await session.facts()).in_recovery
            pid = await value(session, "SELECT pg_backend_pid()")
            standby.execute("SELECT pg_promote()")
            assert await value(session, "SELECT pg_backend_pid()") == pid
            assert not (await session.facts()).in_recovery


async def test_a_question_that_a_standby_cancels_is_a_conflict_in_words() -> None:
    settings = {"max_standby_streaming_delay": "0", "hot_standby_feedback": "off"}
    with postgres("15", statements=False) as primary, standby_of(primary, settings=settings) as standby:
        primary.execute("CREATE TABLE changed AS SELECT g FROM generate_series(1, 1000) g")
        await asyncio.to_thread(eventually, lambda: standby.execute("SELECT to_regclass('changed')::text") == [["changed"]])
        async with asking(standby.target()) as session:
            asked = asyncio.create_task(
                session.query("SELECT count(*), pg_sleep(0.1) FROM public.changed GROUP BY g", lane=Lane.SLOW, deadline_seconds=80.0)
            )
            await asyncio.to_thread(eventually, lambda: _sleeps(standby))
            primary.execute("DELETE FROM changed", "VACUUM changed")
            error = await refusal(asked)
        assert error.sqlstate in {"40001", "40P01"}
        assert error.reason is FailureCode.LOCKED


def _sleeps(server: PostgresServer) -> bool:
    """Whether a statement of ours is under way, with the snapshot that it looks at."""
    own = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'aishell' AND wait_event = 'PgSleep'"
    return bool(server.execute(own)[0][0])


async def test_a_standby_that_takes_no_sessions_says_that_it_takes_no_connections() -> None:
    with postgres("15", statements=False) as primary, standby_of(primary) as standby:
        standby.settings["hot_standby"] = "off"
        standby.stop()
        standby.start(wait=False)
        async with asking(standby.target()) as session:
            error = await refusal(_until(session, "57P03"))
        assert error.reason is FailureCode.REFUSED
        assert "takes no connections now" in error.message


async def _until(session: PostgresSession, state: str) -> None:
    """Ask until the server refuses for a reason; while its port is not open yet it is asked again."""
    while True:
        try:
            await session.facts(deadline_seconds=20.0)
        except PostgresError as error:
            if error.sqlstate == state:
                raise
            await asyncio.sleep(0.05)


async def test_something_else_behind_the_port_is_not_waited_for_longer_than_the_deadline() -> None:
    ended = asyncio.Event()

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            writer.write(b"220 mail.example ESMTP\r\n")
            await reader.read()
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
        ended.set()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, asking(at(f"postgresql://u@127.0.0.1:{port}/x?sslmode=disable")) as session:
        async with asyncio.timeout(_HUNG_SECONDS):
            error = await refusal(session.facts(deadline_seconds=0.5))
        assert f"127.0.0.1:{port}" in error.message
        await ended.wait()
