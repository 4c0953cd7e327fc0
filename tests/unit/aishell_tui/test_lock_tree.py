"""The lock tree: who stands under whom, how deep, in which order, whatever the graph looks like."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aishell_core.values import LockWait, Session
from aishell_ops.sessions.plan import Queues
from aishell_tui.lock_tree import LEVELS, LockTree, TreeRow, freed_by, lock_tree, waiting_behind, waiting_for
from tests.scripted_sessions import CHAIN_SESSIONS, CHAIN_WAITS, edge


def shape(tree: LockTree) -> list[tuple[int, str, float | None]]:
    """Depth, id and waiting time of each row."""
    return [(row.depth, row.id, row.wait_seconds) for row in tree.rows]


def row_of(tree: LockTree, name: str) -> TreeRow:
    return next(row for row in tree.rows if row.id == name)


def test_a_chain_of_four_has_its_head_first_and_each_under_whom_it_waits_for() -> None:
    tree = lock_tree((), (edge(4, 3, 1.0), edge(2, 1, 30.0), edge(3, 2, 20.0)))
    assert shape(tree) == [(0, "1", None), (1, "2", 30.0), (2, "3", 20.0), (3, "4", 1.0)]
    assert [row.behind for row in tree.rows] == [3, 2, 1, 0]
    assert (tree.heads, tree.waiting, tree.longest_wait_seconds, tree.cycles, tree.deepest) == (1, 3, 30.0, 0, 3)


def test_in_a_diamond_the_last_one_stands_once_and_names_whom_else_it_waits_for() -> None:
    tree = lock_tree((), (edge(2, 1, 30.0), edge(3, 1, 20.0), edge(4, 2, 5.0), edge(4, 3, 5.0)))
    assert shape(tree) == [(0, "1", None), (1, "2", 30.0), (2, "4", 5.0), (1, "3", 20.0)]
    assert row_of(tree, "4").also == ("3",)
    assert (row_of(tree, "3").behind, row_of(tree, "3").elsewhere) == (0, 1)


def test_what_stands_below_the_last_one_of_a_diamond_waits_behind_both_sides() -> None:
    """Table locks: the left and the right side each keep one of two tables, and others queue up behind who wants both."""
    tree = lock_tree((), (edge(2, 1, 30.0), edge(3, 1, 20.0), edge(4, 2, 5.0), edge(4, 3, 5.0), edge(5, 4, 1.0, held="")))
    assert {row.id: (row.behind, row.elsewhere) for row in tree.rows} == {"1": (4, 0), "2": (2, 0), "4": (1, 0), "5": (0, 0), "3": (0, 2)}


def test_who_waits_for_its_own_ancestor_too_stands_at_the_end_of_the_chain_and_says_nothing_new() -> None:
    tree = lock_tree((), (edge(2, 1, 9.0), edge(3, 1, 5.0), edge(3, 2, 5.0)))
    assert shape(tree) == [(0, "1", None), (1, "2", 9.0), (2, "3", 5.0)]
    assert row_of(tree, "3").also == ()


def test_a_queue_stands_beside_each_other_under_the_one_who_has_the_lock() -> None:
    """The server names those ahead in the queue as blockers too; as a staircase of hundreds that would help nobody."""
    queue = [edge(10 + place, 10 + ahead, 9.0 - place, held="") for place in range(5) for ahead in range(place)]
    tree = lock_tree((), (*(edge(10 + place, 1, 9.0 - place) for place in range(5)), *queue))
    assert shape(tree) == [(0, "1", None), *((1, str(10 + place), 9.0 - place) for place in range(5))]
    assert all(not row.also for row in tree.rows)
    assert [row.ahead for row in tree.rows] == [(), (), ("10",), ("10", "11"), ("10", "11", "12"), ("10", "11", "12", "13")]


def test_a_diamond_of_table_locks_names_who_is_ahead_in_the_queue() -> None:
    """One that asks for a little waits for the holder and for who asked for much before it."""
    tree = lock_tree((), (edge(1, 0, 9.0), edge(2, 0, 5.0), edge(2, 1, 5.0, held=""), edge(3, 1, 2.0), edge(3, 2, 2.0)))
    assert row_of(tree, "2").ahead == ("1",)
    assert row_of(tree, "3").ahead == ()
    assert row_of(tree, "3").also != ()


def test_who_is_held_up_by_the_queue_alone_stands_under_the_one_in_the_queue() -> None:
    """A reader behind a waiting ALTER TABLE would get along with the reader who has the lock."""
    tree = lock_tree((), (edge(2, 1, 9.0, "AccessExclusiveLock", "AccessShareLock"), edge(3, 2, 5.0, "AccessShareLock", "")))
    assert shape(tree) == [(0, "1", None), (1, "2", 9.0), (2, "3", 5.0)]


def test_heads_come_by_how_many_wait_behind_them_and_then_by_the_longest_wait() -> None:
    waits = (edge(11, 1, 5.0), edge(21, 2, 1.0), edge(22, 21, 1.0), edge(31, 3, 90.0))
    assert [row.id for row in lock_tree((), waits).rows if not row.depth] == ["2", "3", "1"]


def test_a_deadlock_in_the_making_is_marked_and_told_with_the_edge_that_closes_it() -> None:
    tree = lock_tree((), (edge(1, 2, 3.0), edge(2, 1, 8.0), edge(3, 1, 2.0)))
    assert shape(tree) == [(0, "2", 8.0), (1, "1", 3.0), (2, "3", 2.0)]
    assert [row.in_cycle for row in tree.rows] == [True, True, False]
    assert row_of(tree, "2").also == ("1",)
    assert tree.cycles == 1


def test_a_circle_that_waits_for_somebody_outside_stands_under_him() -> None:
    tree = lock_tree((), (edge(1, 2, 3.0), edge(2, 1, 8.0), edge(1, 9, 3.0)))
    assert shape(tree) == [(0, "9", None), (1, "1", 3.0), (2, "2", 8.0)]


def test_a_prepared_transaction_and_a_vanished_session_are_heads_without_a_session() -> None:
    tree = lock_tree((Session("2"), Session("3")), (edge(2, 0, 1.0), edge(3, 77, 1.0)))
    assert {row.id: row.session is None for row in tree.rows} == {"0": True, "2": False, "77": True, "3": False}


def test_locks_that_nobody_waits_for_make_no_tree() -> None:
    assert lock_tree(CHAIN_SESSIONS, (LockWait("", "7", "orders", "SHARED"),)) == LockTree()


def test_the_end_of_a_session_frees_those_who_wait_for_nobody_else() -> None:
    assert freed_by(CHAIN_WAITS, "4121").sessions == 5
    assert freed_by(CHAIN_WAITS, "4188").sessions == 2
    diamond = (edge(2, 1, 1.0), edge(3, 9, 1.0), edge(4, 2, 1.0), edge(4, 3, 1.0), edge(5, 4, 1.0))
    assert (freed_by(diamond, "1").sessions, freed_by(diamond, "1").still_waiting) == (1, 2)
    assert freed_by(diamond, "nobody") == freed_by((), "1")


def test_those_before_and_behind_a_session_are_found() -> None:
    assert [wait.holder for wait in waiting_for(CHAIN_WAITS, "4230")] == ["4188", "4201"]
    assert [wait.waiter for wait in waiting_behind(CHAIN_WAITS, "4121")] == ["4188", "4190"]


names = st.integers(0, 12).map(str)
edges = st.lists(
    st.builds(LockWait, names, names, st.just("t"), st.just("X"), st.none() | st.floats(0, 1e6), st.sampled_from(["", "X"])), max_size=40
)


@given(edges)
def test_everybody_stands_exactly_once_and_every_waiter_under_one_that_it_waits_for(waits: list[LockWait]) -> None:
    tree = lock_tree((), waits)
    ids = [row.id for row in tree.rows]
    assert sorted(ids) == sorted({wait.waiter for wait in waits} | {wait.holder for wait in waits})
    path: list[str] = []
    holders = {(wait.waiter, wait.holder) for wait in waits}
    for row in tree.rows:
        del path[row.depth :]
        assert len(path) == row.depth
        assert len(row.lasts) == min(row.depth, LEVELS)
        if path:
            assert (row.id, path[-1]) in holders
        path.append(row.id)
    assert tree.waiting == len({wait.waiter for wait in waits})
    assert tree.heads == sum(1 for row in tree.rows if not row.depth)


@given(edges)
def test_depth_is_that_of_the_deepest_holder_and_one_where_nobody_waits_in_a_circle(waits: list[LockWait]) -> None:
    # An edge goes from a larger to a smaller number, so that there is no circle.
    ordered = [wait for wait in waits if int(wait.waiter) > int(wait.holder)]
    tree = lock_tree((), ordered)
    assert tree.cycles == 0
    depth = {row.id: row.depth for row in tree.rows}
    for waiter in {wait.waiter for wait in ordered}:
        own = [wait for wait in ordered if wait.waiter == waiter]
        owning = [wait for wait in own if wait.held_mode] or own
        assert depth[waiter] == 1 + max(depth[wait.holder] for wait in owning)


@given(edges)
def test_the_counts_behind_are_those_of_the_rows_below(waits: list[LockWait]) -> None:
    rows = lock_tree((), waits).rows
    for place, row in enumerate(rows):
        below = 0
        for further in rows[place + 1 :]:
            if further.depth <= row.depth:
                break
            below += 1
        assert row.behind == below


@given(edges)
def test_the_queue_of_a_row_is_that_which_an_act_on_its_session_names(waits: list[LockWait]) -> None:
    queues = Queues(waits)
    for row in lock_tree((), waits).rows:
        assert row.behind + row.elsewhere == len(queues.behind(row.id))


@given(edges, names)
def test_what_is_freed_and_what_is_not_are_all_that_can_be_reached(waits: list[LockWait], session: str) -> None:
    reached, left = set[str](), [session]
    while left:
        holder = left.pop()
        for wait in waits:
            if wait.holder == holder and wait.waiter not in {holder, session} and wait.waiter not in reached:
                reached.add(wait.waiter)
                left.append(wait.waiter)
    freed = freed_by(waits, session)
    assert freed.sessions + freed.still_waiting == len(reached)


@pytest.mark.parametrize("kind", ["chain", "star", "circle"])
def test_thousands_of_edges_take_no_longer_than_their_number(kind: str) -> None:
    """Twenty times the edges may run fifty times as many lines at most; what grows with the square runs four hundred times."""

    def build(count: int) -> list[LockWait]:
        waits = [edge(place + 1, 0 if kind == "star" else place, 1.0) for place in range(count)]
        return [*waits, edge(0, count, 1.0)] if kind == "circle" else waits

    def lines(count: int) -> int:
        waits, run = build(count), 0

        def trace(_frame: FrameType, event: str, _argument: object) -> Any:
            nonlocal run
            run += event == "line"
            return trace

        before = sys.gettrace()
        sys.settrace(trace)
        try:
            tree = lock_tree((), waits)
        finally:
            sys.settrace(before)
        assert len(tree.rows) == count + 1
        return run

    assert lines(4_000) < 50 * lines(200)


@given(edges)
def test_whoever_is_waited_for_stands_above_or_is_named_in_the_row(waits: list[LockWait]) -> None:
    path: list[str] = []
    for row in lock_tree((), waits).rows:
        path[row.depth :] = [row.id]
        waited_for = {wait.holder for wait in waits if wait.waiter == row.id}
        assert waited_for <= {*path, *row.also, *row.ahead}
        assert not {*row.also} & {*row.ahead}
