"""Statement figures of real servers: counted where there is the module, estimated where there is not, never negative."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing

import pytest

from aishell_core import catalogue
from aishell_core.engines.postgres_errors import quoted
from aishell_core.values import FailureCode, Kind, Part, Reading, Statement
from aishell_tui.digests import DigestHistory, DigestMode
from collectors.contract import EVERYTHING
from collectors.postgres.hot import HotTier
from tests.servers.postgres import PostgresServer, postgres
from tests.servers.postgres_clients import clients, hot_tier, look
from tests.servers.postgres_subject import ODD_NAME, make_odd
from tests.servers.postgres_tiers import AheadClock, until

WANTED = frozenset({Part.STATEMENTS})


@pytest.fixture(scope="module", params=["14", "15", "17", "18-contrib"])
def server(request: pytest.FixtureRequest) -> Iterator[PostgresServer]:
    with postgres(request.param, settings={"pg_stat_statements.track": "all"}) as running:
        running.execute("CREATE TABLE stock (id int PRIMARY KEY, amount int)", "CREATE ROLE nothing LOGIN", "CREATE DATABASE bare")
        yield running


@pytest.fixture(scope="module", params=["15", "16", "18"])
def uncounted(request: pytest.FixtureRequest) -> Iterator[PostgresServer]:
    """A server that does not load the module."""
    with postgres(request.param, statements=False) as running:
        running.execute("CREATE TABLE stock (id int PRIMARY KEY, amount int)")
        yield running


class Looking:
    """The quick tier with a clock that is set forward, so that each reading reads the statements anew."""

    def __init__(self, tier: HotTier, clock: AheadClock) -> None:
        self.tier = tier
        self.step_seconds = 300.0
        self._clock = clock

    async def statements(self) -> dict[str, Statement]:
        """Statements by their text."""
        return {statement.text: statement for statement in (await self.reading()).statements or ()}

    async def reading(self) -> Reading:
        self._clock.ahead += self.step_seconds

        async def read() -> Reading | None:
            reading = await self.tier.read(WANTED)
            late = FailureCode.TIMEOUT in {failure.code for failure in reading.failures}  # on a busy machine
            return reading if (reading.statements is not None or reading.failures) and not late else None

        return await until(read)


@asynccontextmanager
async def looking(server: PostgresServer, **parts: str) -> AsyncIterator[Looking]:
    clock = AheadClock()
    async with hot_tier(server, clock=clock, **parts) as tier:  # type: ignore[arg-type]
        yield Looking(tier, clock)


async def test_calls_time_rows_and_blocks_are_those_of_the_server(server: PostgresServer) -> None:
    server.execute("SELECT pg_stat_statements_reset()")
    for number in range(3):
        server.execute(f"INSERT INTO stock VALUES ({number + 10}, 1)", f"SELECT * FROM stock WHERE id < {number + 100}")
    async with looking(server) as look_at:
        found = await look_at.statements()
    inserted, selected = found["INSERT INTO stock VALUES ($1, $2)"], found["SELECT * FROM stock WHERE id < $1"]
    assert (inserted.calls, inserted.rows) == (3, 3)
    assert (selected.calls, selected.rows) == (3, 6)
    assert inserted.total_milliseconds > 0
    assert (inserted.max_milliseconds or 0) <= inserted.total_milliseconds
    assert (inserted.wal_bytes or 0) > 0
    assert selected.hit_ratio is not None
    assert (selected.user, selected.database, selected.sampled) == ("postgres", "postgres", False)
    assert selected.io_milliseconds is None, "without track_io_timing nobody knows"
    assert not [text for text in found if "aishell" in text], "our own statements are nobody's"


async def test_each_digest_stands_for_one_thing_and_keeps_its_name(server: PostgresServer) -> None:
    server.execute("SELECT pg_stat_statements_reset()")
    server.execute("DROP ROLE IF EXISTS second", "CREATE ROLE second LOGIN")
    for user, database in (("postgres", "postgres"), ("second", "postgres"), ("postgres", "bare")):
        server.execute("SELECT 'the same'", user=user, database=database)
    async with looking(server) as look_at:
        first = (await look_at.reading()).statements or ()
        server.execute("SELECT 'the same'", "SELECT 'the same'", user="second")
        second = (await look_at.reading()).statements or ()
    for statements in (first, second):
        assert len({statement.digest for statement in statements}) == len(statements)
    same = {(one.user, one.database): one for one in first if one.text == "SELECT $1"}
    later = {(one.user, one.database): one for one in second if one.text == "SELECT $1"}
    assert len(same) == 3
    assert {key: one.digest for key, one in same.items()} == {key: one.digest for key, one in later.items()}
    assert later["second", "postgres"].calls == same["second", "postgres"].calls + 2
    assert sum(one.digest.lstrip("-").isdigit() for one in same.values()) == 1


async def test_a_session_and_a_wait_carry_the_digest_of_the_statement_that_they_run(server: PostgresServer) -> None:
    with clients(server, 1) as (client,):
        client.run("SELECT pg_sleep(0.01)")
        client.send("SELECT pg_sleep(60.0)")
        clock = AheadClock()
        async with hot_tier(server, clock=clock) as tier:

            async def seen() -> Reading | None:
                clock.ahead += 300
                reading = await tier.read(EVERYTHING)
                return reading if reading.statements and any(one.wait == "PgSleep" for one in reading.waits or ()) else None

            reading = await until(seen)
            far = await tier.read(WANTED)
    (counted,) = {one.digest for one in reading.statements or () if one.text == "SELECT pg_sleep($1)"}
    assert {session.digest for session in reading.sessions or () if session.wait == "PgSleep"} == {counted}
    assert {one.digest for one in reading.waits or () if one.wait == "PgSleep"} == {counted}
    assert {one.digest for one in far.waits or () if one.wait == "PgSleep"} == {counted}


async def test_the_heaviest_statements_have_series(server: PostgresServer) -> None:
    for number in range(25):
        server.execute("SELECT pg_sleep(0.001)" + ", 1" * number)
    async with looking(server) as look_at:
        reading = await look_at.reading()
    for metric in (catalogue.STATEMENT_CALLS, catalogue.STATEMENT_TIME):
        series = [sample for sample in reading.samples if sample.metric is metric]
        assert len(series) == 20
        assert len({sample.labels for sample in series}) == 20
        assert metric.kind is Kind.COUNTER


async def test_statements_that_are_forgotten_leave_and_come_back_from_zero(server: PostgresServer) -> None:
    server.execute("SELECT pg_stat_statements_reset()", "SELECT 1 AS forgotten", "SELECT 1 AS forgotten")
    async with looking(server) as look_at:
        assert (await look_at.statements())["SELECT $1 AS forgotten"].calls == 2
        server.execute("SELECT pg_stat_statements_reset()")
        assert "SELECT $1 AS forgotten" not in await look_at.statements()
        server.execute("SELECT 1 AS forgotten")
        again = (await look_at.statements())["SELECT $1 AS forgotten"]
    assert again.calls == 1
    assert again.total_milliseconds >= 0


async def test_one_statement_that_is_reset_is_counted_since_then_and_all_others_go_on(server: PostgresServer) -> None:
    def run(values: str, times: int) -> None:
        server.execute(*[f"SELECT {values}"] * times)

    server.execute("SELECT pg_stat_statements_reset()")
    run("1", 200)
    run("1, 2", 50)
    history = DigestHistory()
    async with looking(server) as look_at:

        async def read() -> Statement:
            reading = await look_at.reading()
            assert not history.add(reading.at, reading.statements or ()), "most of what is counted is counted on"
            return next(each for each in reading.statements or () if each.text == "SELECT $1, $2")

        before = await read()
        assert before.calls == 50
        server.execute(f"SELECT pg_stat_statements_reset(0, 0, {before.digest})")
        run("1, 2", 10)
        assert (await read()).calls == 10
        run("1, 2", 5)
        run("1", 7)
        last = await read()
    rows = {row.statement.text: row for row in history.rows(DigestMode.RESET)}
    single, steady = rows["SELECT $1, $2"], rows["SELECT $1"]
    assert (steady.calls, steady.anew_at) == (7, None)
    assert single.calls == 15
    assert last.counted_since is not None
    assert single.anew_at is not None


async def test_rights_that_change_are_told_with_the_first_reading_that_is_another(server: PostgresServer) -> None:
    """Else what is hidden now would look as if it had been forgotten, and what is shown again as if it had just run."""
    server.execute("CREATE ROLE watcher LOGIN IN ROLE pg_monitor", "SELECT pg_stat_statements_reset()", "SELECT 1, 2, 3 AS others")
    try:
        async with looking(server, user="watcher") as look_at:
            look_at.step_seconds = 5.0

            async def seen() -> tuple[bool, bool]:
                reading = await look_at.reading()
                texts = {each.text for each in reading.statements or ()}
                return "SELECT $1, $2, $3 AS others" in texts, Part.STATEMENTS in {each.part for each in reading.failures}

            assert await seen() == (True, False)
            server.execute("REVOKE pg_monitor FROM watcher")
            assert await seen() == (False, True)
            server.execute("GRANT pg_monitor TO watcher")
            assert await seen() == (True, False)
    finally:
        server.execute("DROP ROLE watcher")


async def test_the_extension_is_found_in_whatever_schema_it_is(server: PostgresServer) -> None:
    name = 'odd "place"'
    server.execute("SELECT pg_stat_statements_reset()")
    server.execute(f"CREATE SCHEMA {quoted(name)}", f"ALTER EXTENSION pg_stat_statements SET SCHEMA {quoted(name)}")
    try:
        async with looking(server) as look_at:
            assert "SELECT pg_stat_statements_reset()" in " ".join(await look_at.statements())
            assert (await look_at.reading()).failures == ()
    finally:
        server.execute("ALTER EXTENSION pg_stat_statements SET SCHEMA public", f"DROP SCHEMA {quoted(name)}")


async def test_an_extension_in_a_schema_that_is_closed_names_the_grant_of_the_schema(server: PostgresServer) -> None:
    server.execute("CREATE SCHEMA hid", "ALTER EXTENSION pg_stat_statements SET SCHEMA hid", "CREATE ROLE watcher LOGIN IN ROLE pg_monitor")
    try:
        async with looking(server, user="watcher") as look_at:
            (failure,) = [failure for failure in (await look_at.reading()).failures if failure.part == Part.STATEMENTS]
            assert (failure.code, failure.hint) == (FailureCode.PRIVILEGE, 'GRANT USAGE ON SCHEMA "hid" TO "watcher";')
            server.execute(failure.hint)

            async def counted() -> bool:
                return not [failure for failure in (await look_at.reading()).failures if failure.part == Part.STATEMENTS]

            assert await until(counted)
    finally:
        server.execute("ALTER EXTENSION pg_stat_statements SET SCHEMA public", "DROP SCHEMA hid", "DROP ROLE watcher")


async def test_a_role_without_rights_has_its_own_statements_and_is_told_the_grant(server: PostgresServer) -> None:
    server.execute("SELECT pg_stat_statements_reset()", "SELECT 'of somebody else'")
    server.execute("SELECT 1 AS mine", user="nothing")
    async with looking(server, user="nothing") as look_at:
        reading = await look_at.reading()
    texts = {statement.text for statement in reading.statements or ()}
    assert "SELECT $1 AS mine" in texts
    assert not [text for text in texts if "privilege" in text]
    (failure,) = [failure for failure in reading.failures if failure.part == Part.STATEMENTS]
    assert (failure.code, failure.hint) == (FailureCode.PRIVILEGE, 'GRANT pg_monitor TO "nothing";')


async def test_without_the_extension_in_this_database_it_is_named_and_making_it_is_enough(server: PostgresServer) -> None:
    server.execute("DROP EXTENSION IF EXISTS pg_stat_statements", database="bare")
    async with looking(server, database="bare") as look_at:
        reading = await look_at.reading()
        (failure,) = reading.failures
        assert (failure.code, failure.hint) == (FailureCode.MISSING, "CREATE EXTENSION pg_stat_statements;")
        assert all(statement.sampled for statement in reading.statements or ())
        server.execute(failure.hint, database="bare")
        reading = await look_at.reading()
        assert reading.failures == ()
        assert reading.statements
        assert not any(statement.sampled for statement in reading.statements)
    server.execute("DROP EXTENSION pg_stat_statements", database="bare")


async def test_where_the_module_is_not_loaded_the_hint_makes_the_server_load_it() -> None:
    with postgres("15", statements=False, settings={"shared_preload_libraries": ""}) as server:
        del server.settings["shared_preload_libraries"]
        # It waits for the next start, and is to be loaded then all the same.
        server.execute("ALTER SYSTEM SET shared_preload_libraries = 'auto_explain'")
        async with looking(server) as look_at:
            (failure,) = (await look_at.reading()).failures
            first, then, last = failure.hint.rstrip(";").split("; ")
            assert first == "ALTER SYSTEM SET shared_preload_libraries = 'auto_explain', 'pg_stat_statements'"
            assert then == "restart the server"
            server.execute(first, last)
            server.restart()
            assert server.execute("SHOW shared_preload_libraries") == [["auto_explain, pg_stat_statements"]]
            server.execute("SELECT 'counted'")

            async def counted() -> Reading | None:
                reading = await look_at.reading()
                return reading if reading.statements and not reading.failures else None

            assert not any(statement.sampled for statement in (await until(counted)).statements or ())


async def test_uncounted_statements_are_estimated_from_what_is_seen_running(uncounted: PostgresServer) -> None:
    with clients(uncounted, 2) as (busy, short):
        async with looking(uncounted) as look_at:
            await look_at.reading()
            busy.send("SELECT pg_sleep(120), 'busy'")
            short.run("SELECT count(*), 17 FROM stock WHERE id IN (1, 2, 3)")

            async def both() -> dict[str, Statement] | None:
                found = await look_at.statements()
                return found if found.get("SELECT pg_sleep($1), $2", _NEVER).total_milliseconds > 300 else None

            found = await until(both)
            reading = await look_at.reading()
        slept, counted = found["SELECT pg_sleep($1), $2"], found["SELECT count(*), $1 FROM stock WHERE id IN ($2)"]
    assert (slept.calls, counted.calls) == (1, 1)
    assert 300 < slept.total_milliseconds < 60_000
    assert counted.total_milliseconds < 10_000
    assert slept.sampled
    assert (slept.user, slept.database) == ("postgres", "postgres")
    (failure,) = reading.failures
    assert failure.code is FailureCode.MISSING
    assert "CREATE EXTENSION pg_stat_statements;" in failure.hint
    assert "restart the server" in failure.hint


_NEVER = Statement("", "", 0, 0)


async def test_estimates_grow_with_each_call_and_no_figure_ever_falls(uncounted: PostgresServer) -> None:
    with clients(uncounted, 1) as (client,):
        async with looking(uncounted) as look_at:
            await look_at.reading()
            before: dict[str, Statement] = {}
            for calls in range(1, 6):
                client.run(f"SELECT pg_sleep(0.02), {calls} AS often")
                now = await look_at.statements()
                assert now["SELECT pg_sleep($1), $2 AS often"].calls == calls
                assert now["SELECT pg_sleep($1), $2 AS often"].total_milliseconds >= 20 * calls
                for text, statement in before.items():
                    assert now[text].calls >= statement.calls
                    assert now[text].total_milliseconds >= statement.total_milliseconds
                before = now


async def test_odd_statements_are_counted_and_read_as_text(server: PostgresServer) -> None:
    make_odd(server)
    try:
        async with looking(server) as look_at:
            refused = await look_at.reading()
            assert refused.statements, "figures are known without texts"
            (failure,) = refused.failures
            assert "cannot give the texts" in failure.message
            with clients(server, 1) as (client,):
                client.run("SELECT pg_sleep(0.01)")
                client.send("SELECT pg_sleep(60.0)")

                async def named() -> bool:
                    return "SELECT pg_sleep(60.0)" in await look_at.statements()

                assert await until(named), "what was seen running has its text"
            server.execute("SELECT pg_stat_statements_reset()")
            server.execute("SELECT 'odd'", user=ODD_NAME, database=ODD_NAME)
            reading = await look_at.reading()
        assert reading.failures == ()
        mine = [statement for statement in reading.statements or () if statement.user == ODD_NAME]
        assert {statement.database for statement in mine} == {ODD_NAME}
        for statement in reading.statements or ():
            f"{statement.text}{statement.user}{statement.database}{statement.digest}".encode()
    finally:
        for name in ("bytes", ODD_NAME):
            server.execute(f"DROP DATABASE IF EXISTS {quoted(name)} WITH (FORCE)")
        server.execute("SELECT pg_stat_statements_reset()")
        server.execute(f"DROP TABLE {quoted(ODD_NAME)}", f"DROP ROLE {quoted(ODD_NAME)}")


@pytest.mark.parametrize("version", ["15", "18-contrib"])
async def test_a_text_that_cannot_be_converted_names_what_forgets_its_database_alone(version: str) -> None:
    with postgres(version, encoding="SQL_ASCII") as server:
        server.execute(
            *(f"CREATE DATABASE {name} ENCODING '{code}' TEMPLATE template0" for name, code in (("utf", "UTF8"), ("odd", "SQL_ASCII")))
        )
        server.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements", database="utf")
        server.execute("SELECT pg_stat_statements_reset()", database="utf")
        with closing(server.connect("odd")) as client:
            client.run("SET client_encoding = 'SQL_ASCII'")
            client._client_encoding = "latin-1"  # so that the client sends the bytes untouched
            client.run('SELECT 1 AS "\xff\xfe odd"')
        server.execute("SELECT 1 AS fine", database="utf")
        async with looking(server, database="utf") as look_at:
            reading = await look_at.reading()
            (failure,) = [failure for failure in reading.failures if failure.part == Part.STATEMENTS]
            assert "cannot give the texts" in failure.message
            assert "a text of database odd" in failure.message
            assert "cannot be written in the encoding of utf (invalid byte sequence" in failure.message
            ((number,),) = server.execute("SELECT oid::int FROM pg_database WHERE datname = 'odd'")
            assert f"SELECT pg_stat_statements_reset(0, {number}, 0);" in failure.hint
            assert sum(statement.calls for statement in reading.statements or ()) > 0
            server.execute(*(part for part in failure.hint.split(";") if part), database="utf")

            async def named() -> bool:
                return "SELECT $1 AS fine" in await look_at.statements()

            assert await until(named)
            assert not [failure for failure in (await look_at.reading()).failures if failure.part == Part.STATEMENTS]


async def test_a_slow_answer_about_statements_holds_up_no_reading_of_the_moment(server: PostgresServer) -> None:
    """The slow connection waits here for a lock on the extension's view, as it would for a busy server."""
    with clients(server, 1) as (client,):
        client.run("BEGIN", "LOCK TABLE pg_catalog.pg_extension IN ACCESS EXCLUSIVE MODE")
        async with hot_tier(server) as tier:
            first = await tier.read(WANTED)
            assert first.samples
            assert first.statements is None
            client.run("ROLLBACK")

            async def told() -> Reading | None:
                reading = await tier.read(WANTED)
                return reading if reading.statements else None

            assert (await until(told)).statements


async def test_statements_are_not_read_while_nobody_wants_them(server: PostgresServer) -> None:
    reading = await look(server, frozenset({Part.SESSIONS}))
    assert reading.statements is None
    assert reading.cost.queries <= 4
