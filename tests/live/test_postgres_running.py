"""One command of a person on a real PostgreSQL: what it brings, its limits, and what a read-only one cannot do."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from aishell_core.errors import TargetError
from aishell_core.safety.languages import judge
from aishell_core.values import CommandResult, FailureCode, Limits, Value
from tests.servers.postgres import PostgresServer, postgres
from tests.servers.postgres_session import asking

EVERYTHING = Limits()


@pytest.fixture(scope="module", params=["14", "18"])
def server(request: pytest.FixtureRequest) -> Iterator[PostgresServer]:
    with postgres(request.param) as running:
        running.execute(
            "CREATE DATABASE ascii TEMPLATE template0 ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'",
            "CREATE TABLE kept (id int PRIMARY KEY, note text)",
            "INSERT INTO kept VALUES (1, 'one'), (2, NULL)",
            "CREATE SEQUENCE numbers",
            "CREATE FUNCTION emptied(kept) RETURNS int LANGUAGE plpgsql AS 'BEGIN DELETE FROM kept; RETURN 1; END'",
            "CREATE FUNCTION counted() RETURNS bigint LANGUAGE sql AS 'SELECT nextval(''numbers'')'",
            "CREATE VIEW innocent AS SELECT counted() AS number",
        )
        yield running


async def run(
    server: PostgresServer,
    command: str,
    *parameters: Value,
    limits: Limits = EVERYTHING,
    database: str = "",
    write: bool = False,
) -> CommandResult:
    async with asking(server.target()) as session:
        return await session.run(command, parameters, limits, database=database, read_only=not write)


async def refusal(
    server: PostgresServer, command: str, *parameters: Value, limits: Limits = EVERYTHING, write: bool = False
) -> TargetError:
    with pytest.raises(TargetError) as caught:
        await run(server, command, *parameters, limits=limits, write=write)
    return caught.value


VALUES: tuple[tuple[str, Value], ...] = (
    ("1::int8", 1),
    ("1.5::float8", 1.5),
    ("1.50::numeric", "1.50"),
    ("true", True),
    ("NULL", None),
    ("'x'::varchar", "x"),
    ("'{1,2}'::int[]", "{1,2}"),
    ("'{a,b}'::text[]", "{a,b}"),
    ("date '2024-02-29'", "2024-02-29"),
    ("interval '1 day'", "1 day"),
    ("point(1,2)", "(1,2)"),
    ("row(1, 'a')", "(1,a)"),
    ("int4range(1, 5)", "[1,5)"),
    ("inet '10.0.0.1/8'", "10.0.0.1/8"),
    (R"'\x00ff'::bytea", b"\x00\xff"),
    ("""'{"a": [1, null, "x"]}'::jsonb""", {"a": (1, None, "x")}),
)


async def test_each_type_comes_as_the_server_writes_it(server: PostgresServer) -> None:
    found = await run(server, f"SELECT {', '.join(expression for expression, _ in VALUES)}")
    assert found.rows == (tuple(value for _, value in VALUES),)
    assert (found.cut, found.affected) == ("", None)


BOUND: tuple[tuple[str, Value, Value], ...] = (
    ("$1::int + 1", "41", 42),
    ("$1::int + 1", 41, 42),
    ("$1::text", "'; DROP TABLE kept; --", "'; DROP TABLE kept; --"),
    ("$1::date + 1", "2024-02-28", "2024-02-29"),
    ("$1::text[]", "{a,b}", "{a,b}"),
    ("$1::bool", True, True),
    ("$1::bytea", b"\x00\xff", b"\x00\xff"),
    ("$1::jsonb", {"a": (1, 2)}, {"a": (1, 2)}),
    ("$1::numeric", "1.50", "1.50"),
    ("$1::int", None, None),
)


@pytest.mark.parametrize(("expression", "given", "brought"), BOUND)
async def test_a_value_is_bound_and_never_part_of_the_statement(
    server: PostgresServer, expression: str, given: Value, brought: Value
) -> None:
    assert (await run(server, f"SELECT {expression}", given)).rows == ((brought,),)


async def test_rows_beyond_the_limit_are_cut_and_said(server: PostgresServer) -> None:
    found = await run(server, "SELECT * FROM generate_series(1, 1000000)", limits=Limits(rows=3))
    assert (found.rows, found.cut) == (((1,), (2,), (3,)), "rows")
    exact = await run(server, "SELECT * FROM generate_series(1, 3)", limits=Limits(rows=3))
    assert (len(exact.rows), exact.cut) == (3, "")


async def test_bytes_beyond_the_limit_are_not_fetched(server: PostgresServer) -> None:
    most = 200_000
    found = await run(server, "SELECT repeat('x', 1000) FROM generate_series(1, 1000000)", limits=Limits(rows=10**6, bytes=most))
    assert found.cut == "bytes"
    assert most <= sum(len(str(row[0])) for row in found.rows) < 2 * most


async def test_a_statement_that_takes_too_long_is_stopped_by_the_server(server: PostgresServer) -> None:
    error = await refusal(server, "SELECT pg_sleep(600)", limits=Limits(seconds=1))
    assert (error.reason, error.message) == (FailureCode.TIMEOUT, "the statement took longer than 1s and was stopped")
    assert not server.execute(
        "SELECT 1 FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)%' AND state = 'active' AND pid <> pg_backend_pid()"
    )


@pytest.mark.parametrize(
    "command",
    [
        "INSERT INTO kept VALUES (3, 'x')",
        "WITH gone AS (DELETE FROM kept RETURNING *) SELECT * FROM gone",
        "SELECT nextval('numbers')",
        "CREATE TABLE more (a int)",
        "TRUNCATE kept",
        "SELECT 1 INTO more",
        "EXPLAIN ANALYZE DELETE FROM kept",
        "DO $$ BEGIN DELETE FROM kept; END $$",
        "VACUUM kept",
        "SELECT set_config('transaction_read_only', 'off', false), nextval('numbers')",
    ],
)
async def test_a_read_only_run_changes_nothing(server: PostgresServer, command: str) -> None:
    await refusal(server, command)
    assert server.execute("SELECT count(*) FROM kept, numbers WHERE NOT is_called") == [[2]]


@pytest.mark.parametrize(
    "command", ["SELECT (kept).emptied FROM kept", "SELECT kept.emptied FROM kept", "SELECT * FROM innocent", "TABLE innocent"]
)
async def test_what_a_text_does_not_tell_is_held_by_the_read_only_run(server: PostgresServer, command: str) -> None:
    """A function in the form of a column, and a view over one that writes, look like reads; docs/safety.md says so."""
    assert judge("postgres", command).is_read
    error = await refusal(server, command)
    assert "read-only" in error.message
    assert server.execute("SELECT count(*) FROM kept, numbers WHERE NOT is_called") == [[2]]


@pytest.mark.parametrize("write", [False, True])
async def test_more_than_one_statement_is_refused_before_any_of_them_runs(server: PostgresServer, write: bool) -> None:
    error = await refusal(server, "DELETE FROM kept; SELECT 1", write=write)
    assert "multiple commands" in error.message
    assert server.execute("SELECT count(*) FROM kept") == [[2]]


async def test_a_write_says_how_many_rows_it_changed(server: PostgresServer) -> None:
    await run(server, "CREATE TABLE changing (id int)", write=True)
    added = await run(server, "INSERT INTO changing SELECT generate_series(1, $1::int)", 7, write=True)
    assert (added.affected, added.note) == (7, "INSERT 0 7")
    assert (await run(server, "UPDATE changing SET id = -id WHERE id > 5", write=True)).affected == 2
    assert (await run(server, "DELETE FROM changing WHERE id < 0 RETURNING id", write=True)).rows == ((-6,), (-7,))
    assert (await run(server, "VACUUM (ANALYZE) changing", write=True)).note == "VACUUM"
    assert (await run(server, "DROP TABLE changing", write=True)).note == "DROP TABLE"


async def test_a_failed_write_leaves_nothing(server: PostgresServer) -> None:
    error = await refusal(server, "INSERT INTO kept SELECT n, 'x' FROM generate_series(5, 1, -1) n", write=True)
    assert "duplicate key" in error.message
    assert server.execute("SELECT count(*) FROM kept") == [[2]]


async def test_nothing_of_a_run_stays_in_the_server(server: PostgresServer) -> None:
    await run(server, "SELECT pg_advisory_lock(4711)")
    await run(server, "SET work_mem = '1MB'", write=True)
    assert (await run(server, "SELECT pg_try_advisory_lock(4711)")).rows == ((True,),)


async def test_files_of_the_client_are_not_copied(server: PostgresServer) -> None:
    for command in ("COPY kept TO STDOUT", "COPY kept FROM STDIN"):
        error = await refusal(server, command, write=True)
        assert (error.reason, "SELECT" in error.hint) == (FailureCode.UNSUPPORTED, True)


async def test_another_database_and_its_odd_bytes_are_read(server: PostgresServer) -> None:
    found = await run(server, R"SELECT current_database(), 'a' || convert_from('\xff'::bytea, 'SQL_ASCII')", database="ascii")
    assert found.rows[0][0] == "ascii"
    assert str(found.rows[0][1]).startswith("a")


async def test_names_are_those_of_the_servers_own_search_path(server: PostgresServer) -> None:
    assert (await run(server, "SELECT count(*) FROM kept")).rows == ((2,),)
