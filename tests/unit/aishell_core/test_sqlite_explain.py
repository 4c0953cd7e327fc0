"""Plans name the step that costs and say why; nothing is ever run."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aishell_core.engines.sqlite import SqliteSession
from aishell_core.engines.sqlite_explain import explainable, named_tables, plan_of
from aishell_core.errors import TargetError
from aishell_core.values import PlanNode
from tests.servers.sqlite import files_beside, make_database

_COSTLY = [
    ("SELECT * FROM orders WHERE status = ?", "reads all of orders, about 2k rows; no index on status"),
    ("SELECT * FROM orders o WHERE o.status = :s AND total > @t", "reads all of orders, about 2k rows; no index on status, total"),
    ("SELECT * FROM users", "reads all of users, about 500 rows; no condition limits it"),
    ("SELECT * FROM users WHERE 'x' = name", "reads all of users, about 500 rows; no index on name"),
    ("SELECT * FROM users WHERE name NOT IN (?, ?)", "reads all of users, about 500 rows; no index on name"),
    ("DELETE FROM users WHERE mail LIKE '%x'", "reads all of users, about 500 rows; no index on mail"),
    ("UPDATE orders SET status = 'x' WHERE total < 5;", "reads all of orders, about 2k rows; no index on total"),
    ("SELECT * FROM users WHERE id = 1 ORDER BY name, random()", ""),
    ("SELECT status FROM orders ORDER BY total", "sorts in a temporary b-tree: no index gives the order for ORDER BY"),
    ("SELECT status, count(*) FROM orders GROUP BY status", "sorts in a temporary b-tree: no index gives the order for GROUP BY"),
    ("SELECT DISTINCT status FROM orders", "sorts in a temporary b-tree: no index gives the order for DISTINCT"),
    ("EXPLAIN QUERY PLAN SELECT * FROM users -- all", "reads all of users, about 500 rows; no condition limits it"),
    ("SELECT user_id FROM orders", "reads the whole index orders_by_user, not the table, about 2k rows; no condition limits it"),
    ("SELECT count(*) FROM orders LIMIT 1", "reads the whole index orders_by_user, not the table, about 2k rows; no condition limits it"),
    (
        "SELECT * FROM orders o ORDER BY user_id",
        "reads all of orders in the order of index orders_by_user, about 2k rows; no condition limits it",
    ),
    (
        "SELECT * FROM orders INDEXED BY orders_by_user WHERE total = 3 ORDER BY user_id LIMIT 5",
        "reads all of orders in the order of index orders_by_user, about 2k rows; no index on total",
    ),
    ("WITH late AS (SELECT * FROM orders WHERE total > 1) SELECT * FROM late", "reads all of orders, about 2k rows; no index on total"),
]
_CHEAP = [
    "SELECT * FROM users WHERE id = ?",
    "SELECT * FROM orders WHERE user_id = 7",
    "SELECT 1",
    "VALUES (1), (2)",
    "SELECT * FROM (SELECT 1 AS a UNION ALL SELECT 2) WHERE a > 1",
    "SELECT user_id FROM orders WHERE user_id > 7",
    "SELECT * FROM orders ORDER BY user_id LIMIT 5",
    "SELECT user_id FROM orders LIMIT ?",
    "SELECT max(user_id) FROM orders",
]
_REFUSED = [
    ("", "no statement"),
    (" -- nothing\n ; ", "no statement"),
    ("SELECT 1; DROP TABLE users", "more than one"),
    ("PRAGMA journal_mode = delete", "PRAGMA has no plan"),
    ("EXPLAIN PRAGMA user_version = 5", "PRAGMA has no plan"),
    ("ATTACH 'x.db' AS x", "ATTACH has no plan"),
    ("BEGIN EXCLUSIVE", "BEGIN has no plan"),
    ("SELECT * FROM nowhere", "no such table"),
    ("SELECT FROM WHERE", "syntax error"),
    ("SELECT '", "unrecognized token"),
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = make_database(tmp_path / "app.db")
    with closing(sqlite3.connect(made)) as connection:
        connection.execute("ANALYZE")
    return made


@pytest.fixture
def session(path: Path) -> SqliteSession:
    return SqliteSession(path)


def _all(steps: tuple[PlanNode, ...]) -> Iterator[PlanNode]:
    for step in steps:
        yield step
        yield from _all(step.children)


@pytest.mark.parametrize(("sql", "note"), _COSTLY)
async def test_a_costly_step_says_why(sql: str, note: str, session: SqliteSession) -> None:
    notes = [step.note for step in _all(await session.explain(sql, 5.0)) if step.costly]
    assert (note in notes) if note else len(notes) == 0
    await session.close()


@pytest.mark.parametrize("sql", _CHEAP)
async def test_a_search_an_index_and_a_constant_are_not_marked(sql: str, session: SqliteSession) -> None:
    steps = await session.explain(sql, 5.0)
    assert steps
    assert not [step for step in _all(steps) if step.costly]
    await session.close()


@pytest.mark.parametrize(("sql", "message"), _REFUSED)
async def test_what_has_no_plan_is_refused_in_words(sql: str, message: str, session: SqliteSession, path: Path) -> None:
    before = files_beside(path)
    with pytest.raises(TargetError, match=message):
        await session.explain(sql, 5.0)
    assert files_beside(path) == before
    await session.close()


async def test_explaining_a_change_changes_nothing(session: SqliteSession, path: Path) -> None:
    before = files_beside(path)
    await session.explain("DELETE FROM users WHERE name = 'x'", 5.0)
    await session.explain("INSERT INTO users SELECT id + 1000, name, mail FROM users", 5.0)
    assert files_beside(path) == before
    await session.close()


async def test_a_join_without_an_index_tells_of_the_index_that_is_built_each_time(session: SqliteSession) -> None:
    steps = await session.explain("SELECT * FROM users u JOIN orders o ON o.status = u.name", 5.0)
    notes = " ".join(step.note for step in _all(steps))
    assert "for each run: a permanent one would save that" in notes
    await session.close()


async def test_a_subquery_hangs_below_its_step(session: SqliteSession) -> None:
    steps = await session.explain("SELECT name, (SELECT max(total) FROM orders WHERE user_id = users.id) FROM users", 5.0)
    assert any(step.children for step in steps)
    await session.close()


@pytest.mark.parametrize("name", ["my table", "[bold]x[/bold]", 'qu"ote', "select"])
async def test_tables_of_odd_names_are_recognised(name: str, session: SqliteSession, path: Path) -> None:
    quoted = '"' + name.replace('"', '""') + '"'
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"CREATE TABLE {quoted} (a, b)")
    steps = await session.explain(f"SELECT * FROM {quoted} WHERE a = 1", 5.0)
    assert [step.note for step in steps if step.costly] == [f"reads all of {name}; no index on a"]
    await session.close()


@given(st.text() | st.sampled_from(["SELECT ", "PRAGMA ", "/**/ATTACH", "explain select", "; BEGIN"]))
def test_of_any_text_only_what_reads_or_changes_rows_passes(sql: str) -> None:
    begins = ""
    with suppress(TargetError):
        begins = explainable(sql).sql.split(" ")[0].upper()
    assert begins in {"", "SELECT", "WITH", "VALUES", "INSERT", "UPDATE", "DELETE", "REPLACE"}


@given(
    st.lists(st.tuples(st.integers(1, 9), st.integers(0, 9), st.text(max_size=20) | st.sampled_from(["SCAN t", "SCAN t USING INDEX i"])))
)
def test_any_rows_make_a_tree(rows: list[tuple[int, int, str]]) -> None:
    tree = plan_of(rows, "SELECT * FROM t WHERE a = 1", named_tables("SELECT * FROM t", ["t"]), {})
    assert len(list(_all(tree))) <= len(rows)
