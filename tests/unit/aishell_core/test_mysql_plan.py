"""Plans of MySQL and MariaDB from their JSON, which was taken from real servers, and texts that have none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aishell_core.engines.mysql_errors import MysqlError
from aishell_core.engines.mysql_explaining import checked
from aishell_core.engines.mysql_plan import plan_of
from aishell_core.engines.mysql_running import literal
from aishell_ops.commands.service import most_rows

MARIADB: dict[str, Any] = {
    "query_block": {
        "select_id": 1,
        "cost": 0.671,
        "filesort": {
            "sort_key": "count(0) desc",
            "temporary_table": {
                "nested_loop": [
                    {"table": {"table_name": "u", "access_type": "index", "key": "name", "rows": 3, "cost": 0.0018, "filtered": 66}},
                    {
                        "block-nl-join": {
                            "table": {
                                "table_name": "o",
                                "access_type": "ALL",
                                "possible_keys": ["uid"],
                                "rows": 2056,
                                "cost": 0.666,
                                "filtered": 75,
                            },
                            "join_type": "BNL",
                            "attached_condition": "o.uid = u.`id`",
                        }
                    },
                ]
            },
        },
    }
}
MYSQL: dict[str, Any] = {
    "query_block": {
        "select_id": 1,
        "cost_info": {"query_cost": "208.58"},
        "ordering_operation": {
            "using_filesort": True,
            "grouping_operation": {
                "using_temporary_table": True,
                "using_filesort": False,
                "nested_loop": [
                    {
                        "table": {
                            "table_name": "o",
                            "access_type": "ALL",
                            "rows_examined_per_scan": 2056,
                            "rows_produced_per_join": 685,
                            "filtered": "33.33",
                            "cost_info": {"read_cost": "138.79", "eval_cost": "68.53", "prefix_cost": "208.58"},
                            "attached_condition": "(`t`.`o`.`v` > 1)",
                        }
                    }
                ],
            },
        },
    }
}


def test_a_plan_of_mariadb_is_a_tree_with_the_full_scan_marked() -> None:
    (root,) = plan_of(MARIADB)
    (sort,) = root.children
    (temporary,) = sort.children
    first, join = temporary.children
    (scan,) = join.children
    assert sort.text == "sort by count(0) desc"
    assert first.text == "full scan of u by index name"
    assert not first.costly
    assert scan.costly
    assert scan.note == "reads about 2,056 rows, keeps 75 %: no index is chosen"
    assert scan.rows == pytest.approx(3 * 0.66 * 2056 * 0.75)
    assert scan.examined_rows == pytest.approx(3 * 0.66 * 2056)
    assert scan.share == pytest.approx(0.666 / 0.671)


def test_a_plan_of_mysql_is_the_same_sort_of_tree() -> None:
    (root,) = plan_of(MYSQL)
    (sort,) = root.children
    (group,) = sort.children
    (scan,) = group.children
    assert root.cost == pytest.approx(208.58)
    assert (sort.text, sort.note) == ("sort", "sorts without an index")
    assert group.note == "needs a temporary table"
    assert (scan.costly, scan.rows, scan.cost) == (True, 685, 208.58)
    assert scan.note == "reads about 2,056 rows, keeps 33 %: no index fits"


JOINS = json.loads((Path(__file__).parents[2] / "data/mysql/join_plans.json").read_text())
"""Statements over a table of 500 rows, with the plans of MariaDB 10.11 and 11.4 and of MySQL 8.0."""


@pytest.mark.parametrize("join", JOINS, ids=[join["statement"] for join in JOINS])
def test_a_join_is_expected_to_touch_as_many_rows_on_mariadb_as_mysql_says(join: dict[str, Any]) -> None:
    """MariaDB tells the rows of each table alone: they count once for each row of the tables before."""
    found = {server: most_rows(plan_of(plan)) for server, plan in join["plans"].items()}
    assert found == dict.fromkeys(found, EXPECTED[join["statement"]])


EXPECTED = {
    "select count(*) from users a,users b,users c,users d": 500**4,
    "select * from users a join users b on b.name=a.name": 500**2,
    "select * from users a join users b on b.id=a.id": 500,
    "select a.id from users a,users b union all select c.id from users c": 500**2,
    "select * from users a where exists (select 1 from users b, users c where b.id+c.id>a.id)": 500**2,
    "select * from users a where a.name not in (select b.name from users b, users c)": 500**2,
    "select * from users a left join users b on b.name=a.name left join users c on c.name=b.name": 500**3,
    "update users a join users b on b.name<>a.name set a.name='x'": 500**2,
    "delete from users where name > 'a'": 500,
    "insert into orders (user_id) select a.id from users a, users b, users c": 500**3,
    "select * from (select distinct a.name from users a, users b) x, (select distinct a.name from users a) y": 500**3,
}


def test_a_join_whose_first_table_keeps_hardly_a_row_still_reads_the_second_one() -> None:
    tables = [{"table": {"table_name": name, "access_type": "ALL", "rows": rows, "filtered": 0}} for name, rows in (("a", 9), ("b", 5000))]
    assert most_rows(plan_of({"query_block": {"nested_loop": tables}})) == 5000


def test_what_reads_no_table_says_so() -> None:
    (step,) = plan_of({"query_block": {"select_id": 1, "table": {"message": "Impossible WHERE"}}})
    assert step.text == "Impossible WHERE"
    assert plan_of({}) == ()
    assert plan_of({"query_block": []}) == ()


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["table", "nested_loop", "filesort", "query_block", "materialized", "rows", "cost_info", "message"]),
                inner,
                max_size=3,
            )
        ),
    )
)
def test_any_document_is_read_without_a_crash(document: Any) -> None:
    plan_of({"query_block": document})


@pytest.mark.parametrize(
    "text", ["", "x", "SELECT ?", "SHOW TABLES", "SELECT '\x00'", "SELECT \ud800", "EXPLAIN SELECT 1", "x" * 9000, "SELECT a FROM ..."]
)
def test_texts_without_a_plan_are_told_why(text: str) -> None:
    with pytest.raises(MysqlError) as caught:
        checked(text)
    assert caught.value.message


def test_a_statement_and_whether_it_writes() -> None:
    assert checked(" SELECT 1; ") == ("SELECT 1", False)
    assert checked("/* app */ UPDATE t SET a = 1") == ("/* app */ UPDATE t SET a = 1", True)
    assert checked("WITH x AS (SELECT 1) DELETE FROM t") == ("WITH x AS (SELECT 1) DELETE FROM t", True)


@given(st.text())
def test_a_text_as_a_value_holds_no_sign_that_could_act(text: str) -> None:
    assert set(literal(text)) <= set("CONVERTx'0123456789abcdef USINGutf8mb4()")


def test_values_are_written_so_that_they_mean_the_same() -> None:
    assert [literal(value) for value in (None, True, 7, -1.5, b"\x00'", b"", "")] == ["NULL", "TRUE", "7", "-1.5", "x'0027'", "''", "''"]
    with pytest.raises(MysqlError):
        literal((1, 2))
