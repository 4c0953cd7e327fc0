"""Statements of real MySQL and MariaDB servers: counted where performance_schema is on, estimated and marked where it is off."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from aishell_core.errors import TargetError
from aishell_core.safety.languages import judge
from aishell_core.safety.risk import RiskLevel
from aishell_core.values import FailureCode, Part, PlanNode, Statement
from aishell_ops.commands.service import most_rows
from collectors.mysql.collector import MysqlCollector
from tests.servers.mysql import MARIADB, MysqlServer, mysql
from tests.servers.mysql_clients import look, refusal, session_of, until, waiters, watching

STATEMENTS = frozenset({Part.STATEMENTS})
SHOP = (
    "CREATE DATABASE shop",
    "CREATE TABLE shop.stock (id int PRIMARY KEY, amount int, name varchar(40))",
    "INSERT INTO shop.stock SELECT a.n + 10 * b.n + 100 * c.n + 1000 * d.n, 1, 'x' FROM "
    + ", ".join(f"(SELECT 0 AS n UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 5) {name}" for name in "abcd"),
    "ANALYZE TABLE shop.stock",
)


@pytest.fixture(scope="module", params=[MARIADB, "mysql-8.0"])
def counting(request: pytest.FixtureRequest) -> Iterator[MysqlServer]:
    with mysql(request.param, performance_schema=True) as running:
        running.execute(*SHOP)
        yield running


@pytest.fixture(scope="module")
def plain() -> Iterator[MysqlServer]:
    with mysql(MARIADB) as running:
        running.execute(*SHOP)
        yield running


async def _statement(collector: MysqlCollector, part: str, calls: float) -> Statement:
    """The statement with this in its text once it was called so often."""

    async def read() -> Statement | None:
        found = [one for one in (await look(collector, STATEMENTS)).statements or () if part.lower() in one.text.lower()]
        return found[0] if found and found[0].calls >= calls else None

    return await until(read)


async def test_statements_are_counted_by_shape_with_totals_that_grow(counting: MysqlServer) -> None:
    async with watching(counting.target()) as collector:
        counting.execute(*(f"SELECT amount FROM stock WHERE id = {number}" for number in range(6)), database="shop")
        first = await _statement(collector, "SELECT amount FROM stock WHERE id = ?", 6)
        counting.execute(*(f"SELECT amount FROM stock WHERE id = {number}" for number in range(5)), database="shop")
        second = await _statement(collector, "SELECT amount FROM stock WHERE id = ?", 11)
        own = [one.text for one in (await until(lambda: _statements(collector))) if "PROCESSLIST" in one.text.upper()]
    assert first.digest == second.digest
    assert (first.calls, second.calls) == (6, 11)
    assert second.total_milliseconds > first.total_milliseconds
    assert second.max_milliseconds is not None
    assert second.database == "shop"
    assert second.rows == 11
    assert not second.sampled
    assert (second.p95_milliseconds is None) == counting.mariadb
    assert not own, "what aishell asks is not among the statements of the clients"


async def _statements(collector: MysqlCollector) -> tuple[Statement, ...] | None:
    return (await look(collector, STATEMENTS)).statements


async def test_a_session_and_the_statement_that_it_runs_have_one_digest(counting: MysqlServer) -> None:
    counting.execute("SELECT SLEEP(0.01) AS nap", database="shop")
    with waiters(counting, 1, database="shop") as (client,):
        async with watching(counting.target()) as collector:
            counted = await _statement(collector, "AS nap", 1)
            client.send("SELECT SLEEP(100) AS nap")
            session = await session_of(collector, client.client, "active")
    assert session.digest == counted.digest


async def test_without_performance_schema_statements_are_estimated_and_the_line_that_helps_is_told(plain: MysqlServer) -> None:
    with waiters(plain, 1, database="shop") as (client,):
        async with watching(plain.target()) as collector:
            await look(collector, STATEMENTS)
            client.send("SELECT SLEEP(100) AS nap")
            found = await _statement(collector, "AS nap", 1)
            failures = [failure for failure in (await look(collector, STATEMENTS)).failures if failure.part == Part.STATEMENTS]
    assert found.sampled
    assert found.text == "SELECT SLEEP(?) AS nap"
    assert [failure.code for failure in failures] == [FailureCode.MISSING]
    assert "performance_schema = ON" in failures[0].hint
    assert "my.cnf" in failures[0].hint


async def test_a_plan_shows_what_to_look_at_first_and_changes_nothing(counting: MysqlServer) -> None:
    before = counting.execute("SELECT SUM(amount) FROM shop.stock")
    async with watching(counting.target()) as collector:
        (step,) = _leaves(await collector.explain("SELECT * FROM stock WHERE name = 'y'", "shop"))
        assert step.costly
        assert "full scan of stock" in step.text
        assert "no index fits" in step.note
        (quick,) = _leaves(await collector.explain("SELECT * FROM stock WHERE id = 3", "shop"))
        assert not quick.costly
        assert _leaves(await collector.explain("UPDATE stock SET amount = 9", "shop"))
        assert _leaves(await collector.explain("DELETE FROM shop.stock"))
        assert counting.execute("SELECT SUM(amount) FROM shop.stock") == before


async def test_a_join_is_expected_to_touch_the_rows_of_its_tables_multiplied(counting: MysqlServer) -> None:
    """On MariaDB as on MySQL: else a join that runs for days would be a plain read of a small table."""
    async with watching(counting.target()) as collector:
        one = most_rows(await collector.explain("SELECT * FROM stock", "shop"))
        assert one is not None
        joined = most_rows(await collector.explain("SELECT COUNT(*) FROM stock a, stock b, stock c, stock d", "shop"))
        assert joined == pytest.approx(one**4)
        assert judge("mysql", "SELECT COUNT(*) FROM stock a, stock b, stock c, stock d", estimated_rows=joined).level is RiskLevel.MEDIUM


def _leaves(steps: tuple[PlanNode, ...]) -> list[PlanNode]:
    found: list[PlanNode] = []
    for step in steps:
        found += _leaves(step.children) if step.children else [step]
    return found


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "no statement"),
        ("SELECT 1; SELECT 2", "statement"),
        ("SELECT * FROM stock WHERE id = ?", "parameter"),
        ("SELECT * FROM stock WHERE name = 'abc", "cut off"),
        ("CREATE TABLE x (id int)", "no plan"),
        ("SELECT * FROM nowhere", "nowhere"),
        ("\x00\ud800", "bytes"),
    ],
)
async def test_why_there_is_no_plan_is_said_in_words(counting: MysqlServer, text: str, word: str) -> None:
    async with watching(counting.target()) as collector:
        error = await refusal(collector.explain(text, "shop"))
    assert isinstance(error, TargetError)
    assert word in error.message
