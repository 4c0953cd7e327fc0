"""Sessions, waits and counters of real servers: as several roles, from near and from far, with odd bytes in every name."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from aishell_core import catalogue
from aishell_core.engines.postgres_errors import quoted
from aishell_core.values import FailureCode, Part, Reading, Session
from collectors.contract import EVERYTHING, NOTHING, Demand
from tests.servers.postgres import PostgresServer, postgres
from tests.servers.postgres_clients import clients, hot_tier, look
from tests.servers.postgres_subject import ODD_NAME, make_odd
from tests.servers.postgres_tiers import figure, until

WATCHED = frozenset({Part.SESSIONS})


@pytest.fixture(scope="module", params=["15", "16", "18"])
def server(request: pytest.FixtureRequest) -> Iterator[PostgresServer]:
    with postgres(request.param, settings={"track_io_timing": "on"}) as running:
        running.execute(
            "CREATE TABLE stock (id int PRIMARY KEY, amount int)",
            "INSERT INTO stock SELECT number, 0 FROM generate_series(1, 50) AS number",
            "CREATE ROLE nothing LOGIN",
            "CREATE ROLE monitor LOGIN IN ROLE pg_monitor",
            "CREATE ROLE reader LOGIN IN ROLE pg_read_all_stats",
        )
        yield running


def _by_id(reading: Reading) -> dict[str, Session]:
    assert reading.sessions is not None
    return {session.id: session for session in reading.sessions}


def _state(reading: Reading, state: str) -> float | None:
    return figure(reading, catalogue.SESSIONS_BY_STATE, (("state", state),))


async def test_a_session_shows_what_it_does_for_how_long_and_for_whom(server: PostgresServer) -> None:
    with clients(server, 3, application="shop") as (active, idle, open_one):
        idle.run("SELECT 'last word'")
        open_one.run("BEGIN", "INSERT INTO stock VALUES (1000, 1)")
        active.send("SELECT pg_sleep(60)")

        async def asleep() -> Reading | None:
            reading = await look(server, WATCHED)
            return reading if _by_id(reading)[active.id].wait == "PgSleep" else None

        reading = await until(asleep)
    seen = _by_id(reading)
    one = seen[active.id]
    assert (one.user, one.database, one.application, one.client, one.kind) == ("postgres", "postgres", "shop", "127.0.0.1", "")
    assert (one.state, one.wait_class, one.wait, one.text) == ("active", "Timeout", "PgSleep", "SELECT pg_sleep(60)")
    assert one.digest
    assert one.statement_seconds is not None
    assert one.transaction_seconds is not None
    assert 0 <= one.statement_seconds <= 60
    assert one.started_at is not None
    assert (seen[idle.id].state, seen[idle.id].text, seen[idle.id].statement_seconds) == ("idle", "SELECT 'last word'", None)
    assert seen[open_one.id].state == "idle in transaction"
    assert dict(seen[open_one.id].details)["transaction"].isdigit()
    kinds = {session.kind for session in seen.values()}
    assert {"checkpointer", "background writer", "walwriter", "autovacuum launcher"} <= kinds
    assert all(session.application != "aishell" for session in seen.values())


async def test_the_figures_are_the_same_from_near_and_from_far(server: PostgresServer) -> None:
    with clients(server, 6, application="shop") as (first, second, third, fourth, fifth, _):
        first.run("BEGIN", "SELECT 1")
        second.run("BEGIN")
        with pytest.raises(Exception, match="division by zero"):
            second.run("SELECT 1 / 0")
        running = (third, fourth, fifth)
        for client in running:
            client.send("SELECT pg_sleep(60)")

        async with hot_tier(server) as tier:

            async def asleep() -> Reading | None:
                reading = await tier.read(NOTHING)
                alone = figure(reading, catalogue.CONNECTIONS_USED) == 7
                return reading if alone and sum(wait.count for wait in reading.waits or () if wait.wait == "PgSleep") == 3 else None

            far = await until(asleep)
            near = await tier.read(WATCHED)
    for reading in (far, near):
        assert figure(reading, catalogue.SESSIONS_ACTIVE) == 3
        assert _state(reading, "active") == 3
        assert _state(reading, "idle in transaction") == 1
        assert _state(reading, "idle in transaction (aborted)") == 1
        assert figure(reading, catalogue.SESSIONS_IDLE_IN_TRANSACTION) == 2
        assert figure(reading, catalogue.CONNECTIONS_MAX) == 40
        assert figure(reading, catalogue.CONNECTIONS_USED) == 7
        assert figure(reading, catalogue.POOL_USAGE) == 7 / 40
        assert figure(reading, catalogue.LOCKS_WAITING) == 0
        assert figure(reading, catalogue.LOCKS_WAIT) == 0
        ages = [figure(reading, each) for each in (catalogue.TRANSACTION_DURATION, catalogue.TRANSACTION_IDLE, catalogue.QUERY_DURATION)]
        assert all(age is not None and age >= 0 for age in ages)
        (wait,) = reading.waits or ()
        assert (wait.wait_class, wait.wait, wait.count, wait.user, wait.application) == ("Timeout", "PgSleep", 3, "postgres", "shop")
        assert wait.text == "SELECT pg_sleep(60)"
    assert near.waits == far.waits
    assert {session.digest for session in near.sessions or () if session.wait == "PgSleep"} == {(far.waits or ())[0].digest}


async def test_while_nobody_looks_closely_a_reading_is_one_query(server: PostgresServer) -> None:
    async with hot_tier(server) as tier:
        await tier.read(NOTHING)
        readings = [await tier.read(NOTHING) for _ in range(5)]
        near = [await tier.read(WATCHED) for _ in range(5)]
    assert {reading.cost.queries for reading in readings} == {1}
    assert {reading.cost.queries for reading in near} == {2}
    assert all(reading.cost.bytes > 0 for reading in readings)


async def test_a_text_that_stays_is_sent_once_and_still_shown(server: PostgresServer) -> None:
    with clients(server, 8) as members:
        for client in members:
            client.run(f"SELECT '{'long ' * 150}'")
        async with hot_tier(server) as tier:
            first = await tier.read(WATCHED)

            async def rested() -> Reading | None:
                reading = await tier.read(WATCHED)
                return reading if reading.cost.bytes < first.cost.bytes - 5000 else None

            later = await until(rested)
            assert [_by_id(later)[client.id].text for client in members] == [_by_id(first)[client.id].text for client in members]
            members[0].run("SELECT 'something new'")
            assert _by_id(await tier.read(WATCHED))[members[0].id].text == "SELECT 'something new'"


async def test_a_text_longer_than_is_shown_is_cut(server: PostgresServer) -> None:
    with postgres("15", settings={"track_activity_query_size": "100kB"}) as wide, clients(wide, 1) as (client,):
        client.run(f"SELECT '{'é' * 30_000}'")
        text = _by_id(await look(wide, WATCHED))[client.id].text
    assert text.startswith("SELECT 'éé")
    assert 1000 < len(text) <= 4000


@pytest.mark.parametrize("user", ["monitor", "reader"])
async def test_a_monitoring_role_sees_what_everybody_does(server: PostgresServer, user: str) -> None:
    with clients(server, 1) as (client,):
        client.run("SELECT 'hello'")
        reading = await look(server, WATCHED, user=user)
    assert _by_id(reading)[client.id].text == "SELECT 'hello'"
    assert reading.failures == ()


async def test_a_role_without_rights_sees_who_is_there_and_what_would_show_more(server: PostgresServer) -> None:
    with clients(server, 2) as (client, _):
        client.run("SELECT 'secret'")
        for demand in (WATCHED, NOTHING):

            async def alone(demand: Demand = demand) -> Reading | None:
                """A reading when the connection of the one before has gone."""
                reading = await look(server, demand, user="nothing")
                return reading if figure(reading, catalogue.CONNECTIONS_USED) == 3 else None

            reading = await until(alone)
            (failure,) = reading.failures
            assert (failure.part, failure.code) == (Part.SESSIONS, FailureCode.PRIVILEGE)
            assert failure.hint == 'GRANT pg_monitor TO "nothing";'
            assert figure(reading, catalogue.SESSIONS_ACTIVE) is None, "unknown is not zero"
            assert figure(reading, catalogue.QUERY_DURATION) is None
            assert figure(reading, catalogue.TRANSACTIONS_RATE) is not None
            assert figure(reading, catalogue.WAL_BYTES) is not None
        near = await look(server, WATCHED, user="nothing")
        assert (_by_id(near)[client.id].user, _by_id(near)[client.id].database) == ("postgres", "postgres")
        assert "secret" not in str(near.sessions)
        server.execute('GRANT pg_monitor TO "nothing"')
        try:
            assert (await look(server, WATCHED, user="nothing")).failures == ()
        finally:
            server.execute('REVOKE pg_monitor FROM "nothing"')


async def test_a_role_without_rights_sees_its_own_sessions(server: PostgresServer) -> None:
    own = server.connect(user="nothing", application="own")
    own.run("SELECT 'mine'")
    reading = await look(server, WATCHED, user="nothing")
    assert [session.text for session in reading.sessions or () if session.application == "own"] == ["SELECT 'mine'"]
    own.close()


@pytest.mark.parametrize("function", ["pg_current_wal_lsn()", "pg_stat_get_activity(int)", "pg_has_role(name, text)"])
async def test_a_function_that_we_may_not_call_costs_what_it_tells_and_no_more(server: PostgresServer, function: str) -> None:
    server.execute(f"REVOKE EXECUTE ON FUNCTION {function} FROM PUBLIC")
    try:
        async with hot_tier(server, user="nothing") as tier:
            for demand in (NOTHING, WATCHED, NOTHING):
                reading = await tier.read(demand)
                assert figure(reading, catalogue.TRANSACTIONS_RATE) is not None
                assert figure(reading, catalogue.CONNECTIONS_USED) is not None
                assert all(failure.message and failure.hint for failure in reading.failures)
            assert reading.cost.queries <= 2, "what was refused is not asked again each second"
        for failure in reading.failures:
            server.execute(failure.hint)
        assert not [each for each in (await look(server, NOTHING, user="nothing")).failures if each.part == "counters"]
    finally:
        server.execute(f"GRANT EXECUTE ON FUNCTION {function} TO PUBLIC", f"REVOKE EXECUTE ON FUNCTION {function} FROM nothing")
        server.execute("REVOKE pg_monitor FROM nothing")


async def test_ratios_are_of_the_time_between_two_readings(server: PostgresServer) -> None:
    with clients(server, 1) as (client,):
        async with hot_tier(server) as tier:
            first = await tier.read(NOTHING)
            assert figure(first, catalogue.CACHE_HIT_RATIO) is None, "one look has no interval"

            async def counted() -> Reading | None:
                client.run("SELECT count(*) FROM stock", "SELECT pg_sleep(0.01)")
                reading = await tier.read(NOTHING)
                return reading if figure(reading, catalogue.TRANSACTION_LATENCY) is not None else None

            later = await until(counted)
    ratio, latency = figure(later, catalogue.CACHE_HIT_RATIO), figure(later, catalogue.TRANSACTION_LATENCY)
    assert ratio is not None
    assert 0.5 <= ratio <= 1
    assert latency is not None
    assert 0 <= latency < 1000


async def test_what_the_processes_of_a_local_server_use_is_known(server: PostgresServer) -> None:
    with clients(server, 2) as (busy, idle):
        busy.send("SELECT count(*) FROM generate_series(1, 2000000000)")
        async with hot_tier(server) as tier:
            await tier.read(WATCHED)

            async def used() -> Reading | None:
                reading = await tier.read(WATCHED)
                return reading if (_by_id(reading)[busy.id].cpu_ratio or 0) > 0.05 else None

            reading = await until(used)
    seen = _by_id(reading)
    assert (seen[busy.id].cpu_ratio or 0) <= 1.5
    assert seen[idle.id].cpu_ratio == 0
    assert (seen[busy.id].memory_bytes or 0) > 100_000
    assert (seen[idle.id].memory_bytes or 0) > 100_000


async def test_odd_names_and_bytes_arrive_as_text_and_change_nothing(server: PostgresServer) -> None:
    make_odd(server)
    try:
        for demand in (EVERYTHING, NOTHING):
            for database in ("postgres", "bytes", ODD_NAME):
                reading = await look(server, demand, database=database)
                assert not [failure for failure in reading.failures if failure.part == Part.SESSIONS]
                for session in reading.sessions or ():
                    f"{session.text}{session.user}{session.database}{session.application}".encode()
        near = await look(server, EVERYTHING, user=ODD_NAME, database=ODD_NAME)
        assert {session.user for session in near.sessions or () if session.database == ODD_NAME} == {ODD_NAME}
        texts = [session.text for session in near.sessions or () if session.database == "bytes"]
        assert any("\x1b[31m" in text for text in texts)
        assert any("[link=x]" in session.text for session in near.sessions or () if session.database == ODD_NAME)
    finally:
        for name in ("bytes", ODD_NAME):
            server.execute(f"DROP DATABASE {quoted(name)} WITH (FORCE)")
        server.execute(f"DROP TABLE {quoted(ODD_NAME)}", f"DROP ROLE {quoted(ODD_NAME)}")


async def test_a_text_that_ends_within_a_sign_blinds_nobody(server: PostgresServer) -> None:
    """Cutting such a text by characters is an error of the server, by which any client could hide all others."""
    server.execute("CREATE DATABASE narrow ENCODING 'SQL_ASCII' TEMPLATE template0")
    try:
        client = server.connect("narrow")
        client.run("SET client_encoding = 'SQL_ASCII'")
        client._client_encoding = "latin-1"
        client.run("SELECT 1 AS wordâ")
        for demand in (WATCHED, NOTHING, EVERYTHING):
            reading = await look(server, demand)
            assert reading.failures == () or {failure.part for failure in reading.failures} == {Part.STATEMENTS}
        near = await look(server, WATCHED)
        assert [session.text[:16] for session in near.sessions or () if session.database == "narrow"] == ["SELECT 1 AS word"]
    finally:
        server.execute("DROP DATABASE narrow WITH (FORCE)")
