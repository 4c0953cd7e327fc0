"""One command of a person on real MySQL and MariaDB servers: values bound, within limits, read-only unless it is asked to write."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from aishell_core.safety.languages import judge
from aishell_core.values import FailureCode, Limits
from tests.servers.mysql import MARIADB, MysqlServer, mysql
from tests.servers.mysql_clients import asking, refusal, waiters
from tests.servers.sqlite_client import eventually


@pytest.fixture(scope="module", params=[MARIADB, "mysql-8.0"])
def server(request: pytest.FixtureRequest) -> Iterator[MysqlServer]:
    with mysql(request.param) as running:
        running.execute(
            "CREATE DATABASE shop",
            "CREATE TABLE shop.users (id int PRIMARY KEY AUTO_INCREMENT, name varchar(200), photo blob) CHARSET utf8mb4",
            "INSERT INTO shop.users (name) VALUES ('a'), ('b'), ('c'), ('d')",
        )
        yield running


ODD = "o'd\"d \\ ; DROP TABLE users -- 😀 é"


async def test_values_are_bound_and_never_part_of_the_statement(server: MysqlServer) -> None:
    async with asking(server.target(database="shop")) as session:
        result = await session.run("SELECT ? AS a, ? + 1 AS b, ? AS c, 1.50 AS d, x'00ff' AS e", (ODD, 7, None), Limits())
        assert result.columns == ("a", "b", "c", "d", "e")
        assert result.rows == ((ODD, 8, None, "1.50", b"\x00\xff"),)
        written = await session.run("INSERT INTO users (name, photo) VALUES (?, ?)", (ODD, b"\x00\xff'"), Limits(), read_only=False)
        assert written.affected == 1
        found = await session.run("SELECT name, photo FROM users WHERE name = ?", (ODD,), Limits())
        assert found.rows == ((ODD, b"\x00\xff'"),)
    server.execute("DELETE FROM shop.users WHERE photo IS NOT NULL")


async def test_a_read_only_run_changes_nothing_and_says_why(server: MysqlServer) -> None:
    before = server.execute("SELECT COUNT(*), MAX(id) FROM shop.users")
    async with asking(server.target(database="shop")) as session:
        for command in ("DELETE FROM users", "INSERT INTO users (name) VALUES ('x')", "DROP TABLE users", "CREATE TABLE t (id int)"):
            error = await refusal(session.run(command, (), Limits()))
            assert error.reason is FailureCode.UNSUPPORTED
            assert "read-only" in error.message
    assert server.execute("SELECT COUNT(*), MAX(id) FROM shop.users") == before


@pytest.mark.parametrize(
    "change",
    [
        *(
            "DELETE FROM users WHERE id = 1",
            "UPDATE users SET name = 'y'",
            "INSERT INTO users (name) VALUES ('x')",
            "REPLACE INTO users (id) VALUES (1)",
        ),
        "DELETE u FROM users u JOIN users v ON u.id = v.id WHERE v.name = 'a'",
    ],
)
@pytest.mark.parametrize("explain", ["EXPLAIN", "EXPLAIN FORMAT=JSON", "desc"])
async def test_the_plan_of_a_change_is_a_read_and_makes_none(server: MysqlServer, change: str, explain: str) -> None:
    before = server.execute("SELECT id, name FROM shop.users ORDER BY id")
    assert judge("mysql", f"{explain} {change}").is_read
    async with asking(server.target(database="shop")) as session:
        result = await session.run(f"{explain} {change}", (), Limits())
    assert result.rows
    assert server.execute("SELECT id, name FROM shop.users ORDER BY id") == before


async def test_nothing_is_taken_for_a_plan_that_makes_the_change(server: MysqlServer) -> None:
    before = server.execute("SELECT id, name FROM shop.users ORDER BY id")
    async with asking(server.target(database="shop")) as session:
        for command in (
            "ANALYZE DELETE FROM users", "EXPLAIN ANALYZE DELETE FROM users", "# EXPLAIN\nDELETE FROM users",
            "-- EXPLAIN\nDELETE FROM users", "/* EXPLAIN */ DELETE FROM users", "EXPLAIN /*! ANALYZE */ DELETE FROM users",
            "EXPLAIN SELECT 1; DELETE FROM users",
        ):  # fmt: skip
            await refusal(session.run(command, (), Limits()))
    assert server.execute("SELECT id, name FROM shop.users ORDER BY id") == before


async def test_a_write_is_committed_and_counted(server: MysqlServer) -> None:
    async with asking(server.target()) as session:
        result = await session.run("UPDATE users SET name = 'z' WHERE id <= 2", (), Limits(), database="shop", read_only=False)
    assert result.affected == 2
    assert server.execute("SELECT COUNT(*) FROM shop.users WHERE name = 'z'") == [(2,)]
    server.execute("UPDATE shop.users SET name = 'a' WHERE id = 1", "UPDATE shop.users SET name = 'b' WHERE id = 2")


async def test_rows_and_bytes_beyond_the_limits_are_cut_off_and_said(server: MysqlServer) -> None:
    async with asking(server.target(database="shop")) as session:
        by_rows = await session.run("SELECT a.id FROM users a, users b", (), Limits(rows=3))
        assert (len(by_rows.rows), by_rows.cut) == (3, "rows")
        by_bytes = await session.run("SELECT REPEAT('x', 10000) FROM users a, users b", (), Limits(bytes=50_000))
        assert by_bytes.cut == "bytes"
        assert len(by_bytes.rows) < 16
        whole = await session.run("SELECT id FROM users", (), Limits(rows=4))
        assert (len(whole.rows), whole.cut) == (4, "")


async def test_a_statement_that_takes_too_long_is_stopped_at_the_server_too(server: MysqlServer) -> None:
    slow = "SELECT COUNT(*) FROM information_schema.COLUMNS a, information_schema.COLUMNS b, information_schema.COLUMNS c"
    async with asking(server.target()) as session:
        error = await refusal(session.run(slow, (), Limits(seconds=0.5)))
    assert error.reason is FailureCode.TIMEOUT
    assert error.hint
    running = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE 'SELECT COUNT(*) FROM information_schema.COLUMNS a%'"
    eventually(lambda: server.execute(running) == [(0,)], 20.0)


async def test_a_write_that_waits_for_a_lock_gives_up_and_says_so(server: MysqlServer) -> None:
    with waiters(server, 1, database="shop") as (holder,):
        holder.run("BEGIN", "UPDATE users SET name = name WHERE id = 1", "SELECT * FROM users WHERE id = 1 FOR UPDATE")
        async with asking(server.target(database="shop")) as session:
            error = await refusal(session.run("UPDATE users SET name = 'y' WHERE id = 1", (), Limits(seconds=60), read_only=False))
    assert error.reason is FailureCode.LOCKED
    assert server.execute("SELECT name FROM shop.users WHERE id = 1") == [("a",)]


@pytest.mark.parametrize("statement", ["SELECT name FROM users", "EXPLAIN SELECT name FROM users", "SELECT twice(2)"])
async def test_the_grant_that_is_named_allows_the_statement(server: MysqlServer, statement: str) -> None:
    server.execute(
        "CREATE OR REPLACE USER stranger@'%' IDENTIFIED BY 'pw'" if server.mariadb else "DROP USER IF EXISTS stranger@'%'",
        *(() if server.mariadb else ("CREATE USER stranger@'%' IDENTIFIED BY 'pw'",)),
        "CREATE TABLE IF NOT EXISTS shop.open (id int)",
        "GRANT SELECT ON shop.open TO stranger@'%'",
        "SET GLOBAL log_bin_trust_function_creators = 1",
        "DROP FUNCTION IF EXISTS shop.twice",
        "CREATE FUNCTION shop.twice(a INT) RETURNS INT DETERMINISTIC RETURN 2 * a",
    )
    async with asking(server.target(user="stranger", password="pw", database="shop")) as session:
        error = await refusal(session.run(statement, (), Limits()))
        assert (error.reason, error.hint.startswith("GRANT ")) == (FailureCode.PRIVILEGE, True)
        server.execute(error.hint)
        assert (await session.run(statement, (), Limits())).columns


@pytest.mark.parametrize(
    ("statement", "values", "said"),
    [
        ("SELECT ?", (), "1 place for a value (?), and 0 values"),
        ("SELECT 1", (7, 8), "0 places for a value (?), and 2 values"),
        ("SELECT ?, '?', `name` /* ? */ FROM users -- ?", (1, 2), "1 place for a value (?), and 2 values"),
    ],
)
async def test_values_that_do_not_fit_the_statement_are_counted(
    server: MysqlServer, statement: str, values: tuple[int, ...], said: str
) -> None:
    async with asking(server.target(database="shop")) as session:
        error = await refusal(session.run(statement, values, Limits()))
    assert (error.reason, said in error.message, error.hint) == (FailureCode.UNSUPPORTED, True, "give one value for each ?")


@pytest.mark.parametrize("slow", ["SELECT BENCHMARK(100000000000, SHA2('x', 512))", "SELECT SLEEP(600)"])
async def test_a_function_that_the_server_ends_with_a_row_is_told_to_be_stopped(server: MysqlServer, slow: str) -> None:
    async with asking(server.target()) as session:
        error = await refusal(session.run(slow, (), Limits(seconds=1.0)))
    assert (error.reason, "was stopped" in error.message) == (FailureCode.TIMEOUT, True)


async def test_only_one_statement_is_run(server: MysqlServer) -> None:
    async with asking(server.target(database="shop")) as session:
        error = await refusal(session.run("SELECT 1; DROP TABLE users", (), Limits(), read_only=False))
        assert error.reason is FailureCode.UNSUPPORTED
        for text in ("", "SELEC 1", "\x00", "\ud800"):
            assert (await refusal(session.run(text, (), Limits()))).message
    assert server.execute("SELECT COUNT(*) FROM shop.users") == [(4,)]


async def test_nothing_that_a_run_sets_stays(server: MysqlServer) -> None:
    async with asking(server.target()) as session:
        await session.run("SET @kept = 5", (), Limits(), read_only=False)
        assert (await session.run("SELECT @kept AS kept", (), Limits())).rows == ((None,),)
        error = await refusal(session.run("SELECT 1", (), Limits(), database="nowhere"))
        assert error.reason is FailureCode.MISSING
