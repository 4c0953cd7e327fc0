"""What a plan says."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aishell_core.values import PlanNode, Statement
from aishell_tui.plans import all_steps, judged_plan, lacks_values, measured_seconds, plan_words
from tests.scripted_server import MEASURED, PLAN


def shares(plan: tuple[PlanNode, ...]) -> dict[str, float | None]:
    return {node.text: node.share for root in judged_plan(plan) for node in all_steps(root)}


def test_a_share_is_a_steps_own_part_without_what_is_below_it() -> None:
    found = shares((PlanNode("Sort", cost=100, children=(PlanNode("Seq Scan", cost=75),)),))
    assert found == {"Sort": 0.25, "Seq Scan": 0.75}


def test_the_step_that_costs_most_is_marked_in_words() -> None:
    (root,) = judged_plan(PLAN)
    marked = [node for node in all_steps(root) if node.costly]
    assert [(node.text, node.note) for node in marked] == [("Seq Scan on orders", "most of the cost; filter: status = $1")]
    assert plan_words((root,)) == ("1 costly step marked: Seq Scan on orders 62%", True)


def test_a_limit_that_stops_early_makes_no_share_larger_than_the_whole() -> None:
    found = shares((PlanNode("Limit", cost=10, children=(PlanNode("Seq Scan", cost=1_000_000),)),))
    assert found == {"Limit": 0.0, "Seq Scan": 1.0}


def test_a_measured_plan_is_judged_by_time_and_says_where_the_planner_was_wrong() -> None:
    (root,) = judged_plan(MEASURED)
    scan = root.children[0]
    assert scan.costly
    assert scan.note == "most of the time; 41k rows came where 12 were expected"
    assert measured_seconds(MEASURED) == 0.812


def test_rows_of_all_loops_are_compared_with_what_was_expected_of_all() -> None:
    node = PlanNode("Index Scan", cost=1, rows=10, actual_rows=10_000, actual_milliseconds=5, loops=1000)
    (judged,) = judged_plan((node,))
    assert "expected" not in judged.note


def test_what_the_engine_has_marked_and_shared_stays() -> None:
    given_plan = (PlanNode("A", costly=True, cost=10, share=0.9, children=(PlanNode("B", cost=9),)),)
    (judged,) = judged_plan(given_plan)
    assert (judged.costly, judged.share, judged.children[0].costly) == (True, 0.9, False)


def test_a_plan_without_figures_is_left_alone() -> None:
    plan = (PlanNode("SCAN orders", children=(PlanNode("USE TEMP B-TREE"),)),)
    assert judged_plan(plan) == plan
    assert plan_words(plan) == ("no full scan and no sort to mark", False)
    assert measured_seconds(plan) is None
    assert judged_plan(()) == ()


figures = st.one_of(st.none(), st.floats(0, 1e9))
plans = st.recursive(
    st.builds(PlanNode, st.just("step"), cost=figures, actual_milliseconds=figures),
    lambda below: st.builds(
        lambda children, cost, time: PlanNode("step", cost=cost, actual_milliseconds=time, children=tuple(children)),
        st.lists(below, max_size=3),
        figures,
        figures,
    ),
    max_leaves=12,
)


@given(plans)
def test_shares_are_parts_of_one_whole(root: PlanNode) -> None:
    (judged,) = judged_plan((root,))
    known = [node.share for node in all_steps(judged) if node.share is not None]
    assert all(0 <= share <= 1 for share in known)
    assert sum(known) <= 1.000001


@pytest.mark.parametrize(
    ("text", "sampled", "lacks"),
    [
        ("SELECT * FROM t WHERE a = $1", False, True),
        ("SELECT * FROM t WHERE a = 1", False, False),
        ("SELECT '$1' -- $2", False, False),
        ("SELECT tags ? 'new' FROM t", False, False),
        ("SELECT * FROM t WHERE a = ?", True, True),
        ("SELECT a::text FROM t", False, False),
        ("SELECT @x, :name", False, False),
    ],
)
def test_a_text_with_places_for_values_cannot_be_run_as_it_stands(text: str, sampled: bool, lacks: bool) -> None:
    statement = Statement("d", text, 1, 1)
    assert lacks_values(replace(statement, sampled=sampled)) is lacks
