"""From a plan as JSON to steps with shares and reasons, for real plans and for any JSON at all."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aishell_core.engines.postgres_errors import PostgresError
from aishell_core.engines.postgres_explain import plans_of
from aishell_core.engines.postgres_explaining import checked
from aishell_core.values import FailureCode, PlanNode

Fields = dict[str, Any]


def _steps(node: PlanNode) -> list[PlanNode]:
    return [node, *(step for child in node.children for step in _steps(child))]


def _plan(fields: Fields, **around: object) -> PlanNode:
    (plan,) = plans_of([{"Plan": fields, **around}])
    return plan


def _scan(table: str = "orders", /, **fields: Any) -> Fields:
    return {"Node Type": "Seq Scan", "Relation Name": table, "Alias": table, "Total Cost": 1000.0, "Plan Rows": 100, **fields}


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"Node Type": "Seq Scan", "Relation Name": "orders", "Alias": "o"}, "Seq Scan on orders o"),
        ({"Node Type": "Seq Scan", "Relation Name": "orders", "Alias": "orders", "Parallel Aware": True}, "Parallel Seq Scan on orders"),
        (
            {"Node Type": "Index Scan", "Scan Direction": "Backward", "Index Name": "i", "Relation Name": "t", "Alias": "t"},
            "Index Scan Backward using i on t",
        ),
        ({"Node Type": "Bitmap Index Scan", "Index Name": "i"}, "Bitmap Index Scan on i"),
        ({"Node Type": "Hash Join", "Join Type": "Left"}, "Hash Left Join"),
        ({"Node Type": "Nested Loop", "Join Type": "Anti"}, "Nested Loop Anti Join"),
        ({"Node Type": "Merge Join", "Join Type": "Inner"}, "Merge Join"),
        ({"Node Type": "Aggregate", "Strategy": "Hashed", "Partial Mode": "Partial"}, "Partial HashAggregate"),
        ({"Node Type": "Aggregate", "Strategy": "Plain", "Partial Mode": "Simple"}, "Aggregate"),
        ({"Node Type": "SetOp", "Strategy": "Hashed", "Command": "Except All"}, "HashSetOp Except All"),
        ({"Node Type": "ModifyTable", "Operation": "Update", "Relation Name": "t", "Alias": "t"}, "Update on t"),
        ({"Node Type": "CTE Scan", "CTE Name": "c", "Alias": "c"}, "CTE Scan on c"),
        ({"Node Type": "Function Scan", "Function Name": "generate_series", "Alias": "g"}, "Function Scan on generate_series g"),
        ({"Node Type": "Result", "Subplan Name": "InitPlan 1 (returns $0)"}, "InitPlan 1 (returns $0): Result"),
        ({}, "?"),
    ],
)
def test_a_step_is_called_as_the_server_calls_it(fields: Fields, text: str) -> None:
    assert _plan(fields).text == text


def test_conditions_stand_in_the_note() -> None:
    plan = _plan({"Node Type": "Index Scan", "Index Cond": "(a = 1)", "Filter": "(b > 2)", "Sort Key": ["a", "b DESC"]})
    assert plan.note == "index condition (a = 1); filter (b > 2); by a, b DESC"


def test_a_full_read_says_what_is_known_of_it() -> None:
    assert _plan(_scan()).note == "reads all 100 rows of orders"
    assert _plan(_scan(Filter="(status = 'x')")).note == "reads all of orders; the filter is to leave 100 rows; filter (status = 'x')"
    # Processes that share the table: the planner's number is for one of them.
    assert _plan(_scan(**{"Parallel Aware": True})).note == "reads all of orders"
    shared = _plan(_scan(**{"Filter": "(status = 'x')", "Parallel Aware": True}))
    assert shared.note == "reads all of orders; the filter is to leave 100 rows in each process; filter (status = 'x')"
    measured = {"Actual Total Time": 90.0, "Actual Rows": 189_000, "Actual Loops": 1, "Rows Removed by Filter": 1_911_000}
    plan = _plan(_scan(Filter="(status = 'x')", **measured))
    assert plan.costly
    assert plan.note.startswith("reads all 2.1M rows of orders; the filter removes 91 %")
    assert (plan.actual_rows, plan.actual_milliseconds, plan.loops, plan.share) == (189_000, 90.0, 1, 1.0)


def test_a_filter_that_keeps_a_row_does_not_remove_all() -> None:
    measured = {"Actual Total Time": 90.0, "Actual Rows": 1, "Actual Loops": 1, "Rows Removed by Filter": 49_999}
    assert "removes 99.99 %" in _plan(_scan(Filter="x", **measured)).note
    measured["Actual Rows"], measured["Rows Removed by Filter"] = 0, 50_000
    assert "removes 100 %" in _plan(_scan(Filter="x", **measured)).note


def test_a_cheap_step_is_not_marked() -> None:
    assert not _plan({"Node Type": "Index Scan", "Total Cost": 8.3, "Plan Rows": 1}).costly
    assert not _plan(_scan(**{"Total Cost": 20.0})).costly


def test_a_step_below_a_limit_never_takes_more_than_there_is() -> None:
    plan = _plan({"Node Type": "Limit", "Total Cost": 0.5, "Plan Rows": 10, "Plans": [_scan(**{"Total Cost": 5000.0})]})
    assert [step.share for step in _steps(plan)] == [0.0, 1.0]
    assert plan.cost == 0.5


def test_the_inner_side_of_a_nested_loop_counts_for_each_of_its_runs() -> None:
    outer = _scan("a", **{"Total Cost": 100.0, "Plan Rows": 5000, "Parent Relationship": "Outer"})
    inner: Fields = {"Node Type": "Index Scan", "Index Name": "i", "Total Cost": 0.3, "Plan Rows": 1, "Parent Relationship": "Inner"}
    plan = _plan({"Node Type": "Nested Loop", "Total Cost": 1650.0, "Plan Rows": 5000, "Plans": [outer, inner]})
    share = {step.text: step.share for step in _steps(plan)}
    assert share == pytest.approx({"Nested Loop": 50 / 1650, "Seq Scan on a": 100 / 1650, "Index Scan on i": 1500 / 1650})
    (marked,) = [step for step in _steps(plan) if step.costly]
    assert marked.note == "runs about 5k times"
    kept: Fields = {"Node Type": "Materialize", "Total Cost": 90.0, "Parent Relationship": "Inner"}
    plan = _plan({"Node Type": "Nested Loop", "Total Cost": 1650.0, "Plans": [outer, kept]})
    assert plan.children[1].share == pytest.approx(90 / 1650)


def test_subplans_are_part_of_the_step_that_has_them() -> None:
    once: Fields = {**_scan("once"), "Parent Relationship": "InitPlan", "Subplan Name": "InitPlan 1", "Total Cost": 300.0}
    plan = _plan(_scan(Plans=[once]))
    assert [step.share for step in _steps(plan)] == [pytest.approx(0.7), pytest.approx(0.3)]
    again: Fields = {**_scan("again"), "Parent Relationship": "SubPlan", "Subplan Name": "SubPlan 1", "Total Cost": 4.0}
    assert _plan(_scan(Plans=[again])).children[0].share == pytest.approx(0.4)
    hashed = _plan(_scan(Filter="(NOT (hashed SubPlan 1))", Plans=[again]))
    assert hashed.children[0].share == pytest.approx(0.004)


def test_processes_side_by_side_are_counted_once() -> None:
    scan = _scan(**{"Actual Total Time": 50.0, "Actual Rows": 1000, "Actual Loops": 3, "Parallel Aware": True})
    gather: Fields = {"Node Type": "Gather", "Workers Planned": 4, "Workers Launched": 2, "Actual Total Time": 60.0, "Actual Rows": 3000}
    plan = _plan({**gather, "Actual Loops": 1, "Plans": [scan]})
    assert plan.children[0].actual_milliseconds == pytest.approx(50.0)
    assert plan.children[0].actual_rows == 3000
    assert [step.share for step in _steps(plan)] == [pytest.approx(1 / 6), pytest.approx(5 / 6)]
    assert "only 2 of 4 parallel workers were free" in plan.note
    assert "times" not in plan.children[0].note


_MEASURED: Fields = {"Actual Total Time": 50.0, "Actual Rows": 1000, "Actual Loops": 1}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"Node Type": "Sort", "Sort Space Type": "Disk", "Sort Space Used": 122_880}, "does not fit into work_mem: 120 MiB on disk"),
        ({"Node Type": "Hash", "Hash Batches": 16, "Peak Memory Usage": 4096}, "does not fit into work_mem: 16 batches on disk"),
        ({"Node Type": "Aggregate", "Disk Usage": 2048}, "the groups do not fit into work_mem: 2 MiB on disk"),
        ({"Node Type": "Materialize", "Storage": "Disk", "Maximum Storage": 1024}, "1 MiB on disk"),
        ({"Node Type": "CTE Scan", "Temp Written Blocks": 128}, "writes 1 MiB to temporary files"),
        (
            {"Node Type": "Index Scan", "Rows Removed by Filter": 9000},
            "finds 10k rows, and the filter removes 90 %",
        ),
        (
            {"Node Type": "Nested Loop", "Rows Removed by Join Filter": 999_000},
            "compares 1M pairs of rows, and the join filter removes 99.9 %",
        ),
        ({"Node Type": "Index Only Scan", "Heap Fetches": 5000}, "visits the table for 5k rows of the index"),
        ({"Node Type": "Bitmap Heap Scan", "Lossy Heap Blocks": 300, "Exact Heap Blocks": 100}, "300 of 400 pages are read in full"),
        ({"Node Type": "Index Scan", "Actual Loops": 20_000, "Actual Total Time": 0.01}, "runs 20k times"),
        ({"Node Type": "WindowAgg"}, "100 % of the time"),
    ],
)
def test_what_makes_a_step_costly_is_said_in_words(fields: Fields, said: str) -> None:
    plan = _plan({**_MEASURED, **fields})
    assert plan.costly
    assert said in plan.note


def test_a_step_that_was_not_reached_says_so() -> None:
    plan = _plan(_scan(**{"Actual Total Time": 0.0, "Actual Rows": 0, "Actual Loops": 0}))
    assert "never run" in plan.note
    assert plan.actual_milliseconds == 0.0


def test_what_the_plan_says_beside_its_steps_is_kept() -> None:
    triggers = [{"Trigger Name": "RI_ConstraintTrigger_c_1", "Constraint Name": "orders_customer_fkey", "Time": 120.0, "Calls": 5}]
    plan = _plan({**_MEASURED, "Node Type": "Result"}, **{"Planning Time": 90.0, "Execution Time": 10.0, "Triggers": triggers})
    assert "planning took 90ms of 100ms" in plan.note
    assert "trigger orders_customer_fkey took 120ms" in plan.note


def test_a_rule_may_make_several_plans_of_one_statement() -> None:
    assert [plan.text for plan in plans_of([{"Plan": {"Node Type": "Result"}}, {"Plan": {"Node Type": "Limit"}}])] == ["Result", "Limit"]


_NUMBERS = st.none() | st.integers() | st.floats() | st.sampled_from([1e308, -1e308, 10**400, 0, 1]) | st.booleans() | st.text(max_size=3)
_NAMES = (
    *("Total Cost", "Plan Rows", "Actual Total Time", "Actual Rows", "Actual Loops", "Workers Launched", "Workers Planned"),
    *(
        "Rows Removed by Filter",
        "Sort Space Used",
        "Hash Batches",
        "Disk Usage",
        "Temp Written Blocks",
        "Heap Fetches",
        "Lossy Heap Blocks",
    ),
    *("Subplans Removed", "Rows Removed by Join Filter", "Maximum Storage"),
)
_WORDS = (
    st.none() | st.sampled_from(["Seq Scan", "Nested Loop", "Limit", "Gather", "Disk", "Inner", "Outer", "SubPlan", "Hashed"]) | st.text()
)
_FIELDS = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(_NAMES, _NUMBERS),
        **dict.fromkeys(
            ("Node Type", "Parent Relationship", "Subplan Name", "Sort Space Type", "Relation Name", "Filter", "Storage"), _WORDS
        ),
        "Sort Key": st.lists(st.text() | st.integers(), max_size=2) | st.text(),
    },
)
_PLANS = st.recursive(
    _FIELDS,
    lambda below: st.builds(lambda fields, plans: {**fields, "Plans": plans}, _FIELDS, st.lists(below, max_size=3) | st.text()),
    max_leaves=12,
)


@given(_PLANS, st.dictionaries(st.sampled_from(["Planning Time", "Execution Time", "Triggers"]), _NUMBERS | st.lists(_FIELDS, max_size=2)))
def test_any_plan_becomes_a_tree_whose_shares_add_up(fields: Fields, around: Fields) -> None:
    plan = _plan(fields, **around)
    steps = _steps(plan)
    assert all(step.share is not None and 0.0 <= step.share <= 1.0 for step in steps)
    assert sum(step.share or 0.0 for step in steps) == pytest.approx(1.0, abs=1e-6)
    for step in steps:
        assert not step.costly or step.note
        for figure in (step.cost, step.rows, step.actual_rows, step.actual_milliseconds, step.loops):
            assert figure is None or figure == figure


@pytest.mark.parametrize(
    ("sql", "reason", "said"),
    [
        ("", FailureCode.UNSUPPORTED, "no statement"),
        (" ; ", FailureCode.UNSUPPORTED, "no statement"),
        ("-- only a comment", FailureCode.UNSUPPORTED, "no statement"),
        ("VACUUM", FailureCode.UNSUPPORTED, "VACUUM has no plan"),
        ("create index i on t (a)", FailureCode.UNSUPPORTED, "CREATE has no plan"),
        ("<insufficient privilege>", FailureCode.PRIVILEGE, "hidden"),
        ("SELECT 'a", FailureCode.UNSUPPORTED, "cut off"),
        ("SELECT '\ufffd'", FailureCode.UNSUPPORTED, "could not be read"),
        ("SELECT '\0'", FailureCode.UNSUPPORTED, "could not be read"),
    ],
)
def test_what_cannot_have_a_plan_is_not_even_sent(sql: str, reason: FailureCode, said: str) -> None:
    with pytest.raises(PostgresError) as caught:
        checked(sql, '"mon"')
    assert caught.value.reason is reason
    assert said in caught.value.message


@pytest.mark.parametrize(
    "sql",
    ["SELECT 1", "/* a */ with x as (select 1) table x;", "(SELECT 1)", "create table t as select 1", "DECLARE c CURSOR FOR VALUES (1)"],
)
def test_what_may_have_a_plan_is_sent_without_its_end(sql: str) -> None:
    text, _ = checked(f" {sql}; ", '"mon"')
    assert text == sql.rstrip(";")
