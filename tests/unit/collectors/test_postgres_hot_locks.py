"""Who waits for whom, from rows of the lock table."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.postgres.locks_rows import conflicts, lock_waits_of, object_name

MODES = (
    *("AccessShareLock", "RowShareLock", "RowExclusiveLock", "ShareUpdateExclusiveLock"),
    *("ShareLock", "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock"),
)
# The table of conflicting modes of the manual (13.3.1), a row per mode asked for, a column per mode held.
TABLE = (
    ".......x",
    "......xx",
    "....xxxx",
    "...xxxxx",
    "..xx.xxx",
    "..xxxxxx",
    ".xxxxxxx",
    "xxxxxxxx",
)

_COLUMNS = (
    *("prepared", "database_id", "database", "relation_id", "schema", "relation", "page", "tuple", "virtualxid", "transaction_id"),
    *("class_id", "class", "object_id", "object_part"),
)


def lock(
    pid: int | None, mode: str = "ExclusiveLock", *, granted: bool = False, waited: float | None = None, **object_: Any
) -> dict[str, Any]:
    """A row of the statement `locks`."""
    nothing = dict.fromkeys(_COLUMNS)
    place = object_ or {"relation_id": "16384", "schema": "public", "relation": "stock", "database_id": "5", "database": "shop"}
    return {**nothing, "locktype": "relation", **place, "pid": pid, "mode": mode, "granted": granted, "wait_seconds": waited}


def edges(rows: list[dict[str, Any]], leaders: dict[int, int] | None = None) -> set[tuple[str, str, str]]:
    return {(wait.waiter, wait.holder, wait.held_mode) for wait in lock_waits_of(rows, leaders or {}, {})}


@pytest.mark.parametrize(("asked", "row"), list(zip(MODES, TABLE, strict=True)))
def test_modes_conflict_as_the_manual_says(asked: str, row: str) -> None:
    assert [conflicts(asked, held) for held in MODES] == [sign == "x" for sign in row]


@given(st.sampled_from(MODES), st.sampled_from(MODES))
def test_a_conflict_is_one_for_both(one: str, other: str) -> None:
    assert conflicts(one, other) == conflicts(other, one)


def test_a_mode_of_another_kind_keeps_nobody_waiting() -> None:
    assert not conflicts("AccessExclusiveLock", "SIReadLock")
    assert not conflicts("SIReadLock", "AccessExclusiveLock")


def test_the_strongest_mode_that_is_in_the_way_is_the_one_that_is_told() -> None:
    rows = [lock(1, "AccessShareLock", granted=True), lock(1, "RowExclusiveLock", granted=True), lock(2, "ShareLock", waited=1.0)]
    assert edges(rows) == {("2", "1", "RowExclusiveLock")}


def test_a_mode_that_is_not_in_the_way_makes_nobody_a_holder() -> None:
    rows = [lock(1, "AccessShareLock", granted=True), lock(2, "ShareLock", granted=True), lock(3, "RowExclusiveLock", waited=1.0)]
    assert edges(rows) == {("3", "2", "ShareLock")}


def test_who_came_first_to_a_queue_is_in_the_way_of_who_came_later() -> None:
    rows = [lock(1, "AccessShareLock", granted=True), lock(3, "AccessShareLock", waited=1.0), lock(2, "AccessExclusiveLock", waited=5.0)]
    assert edges(rows) == {("2", "1", "AccessShareLock"), ("3", "2", "")}


def test_locks_of_other_objects_have_nothing_to_do_with_it() -> None:
    rows = [lock(1, granted=True, relation_id="1"), lock(2, waited=1.0, relation_id="2"), lock(3, granted=True, relation_id="2", page=4)]
    assert edges(rows) == set()


def test_workers_on_one_statement_are_one_with_their_leader() -> None:
    rows = [lock(1, granted=True), lock(11, waited=1.0), lock(12, waited=2.0), lock(10, "RowShareLock", granted=True)]
    assert edges(rows, {11: 10, 12: 10}) == {("10", "1", "ExclusiveLock")}


def test_a_wait_whose_beginning_is_not_told_yet_is_as_long_as_is_known_otherwise() -> None:
    (wait,) = lock_waits_of([lock(1, granted=True), lock(2)], {}, {2: 0.0})
    assert wait.wait_seconds == 0.0
    (wait,) = lock_waits_of([lock(1, granted=True), lock(2)], {}, {})
    assert wait.wait_seconds is None


@st.composite
def lock_tables(draw: st.DrawFn) -> list[dict[str, Any]]:
    things = st.sampled_from(["1", "2", "3"])
    held = draw(st.lists(st.tuples(st.integers(1, 8), st.sampled_from(MODES), things), max_size=15))
    asked = draw(
        st.lists(st.tuples(st.integers(1, 8), st.sampled_from(MODES), things, st.floats(0, 100)), max_size=8, unique_by=lambda one: one[0])
    )
    rows = [lock(pid, mode, granted=True, relation_id=thing) for pid, mode, thing in held]
    return rows + [lock(pid, mode, waited=waited, relation_id=thing) for pid, mode, thing, waited in asked]


@given(lock_tables())
def test_every_edge_has_a_reason_and_every_reason_an_edge(rows: list[dict[str, Any]]) -> None:
    wanted = set()
    for waiter in (row for row in rows if not row["granted"]):
        for other in rows:
            if (
                other["pid"] == waiter["pid"]
                or other["relation_id"] != waiter["relation_id"]
                or not conflicts(waiter["mode"], other["mode"])
            ):
                continue
            if other["granted"] or other["wait_seconds"] > waiter["wait_seconds"]:
                wanted.add((str(waiter["pid"]), str(other["pid"])))
    found = {(wait.waiter, wait.holder) for wait in lock_waits_of(rows, {}, {})}
    equal = {(str(a["pid"]), str(b["pid"])) for a in rows for b in rows if not a["granted"] and a["wait_seconds"] == b["wait_seconds"]}
    assert wanted <= found <= wanted | equal, "of two that began at the same moment either may be ahead"


@given(lock_tables())
def test_nobody_waits_for_itself_and_nothing_is_told_twice(rows: list[dict[str, Any]]) -> None:
    found = lock_waits_of(rows, {}, {})
    assert all(wait.waiter != wait.holder for wait in found)
    assert len({(wait.waiter, wait.holder, wait.object) for wait in found}) == len(found)


def test_a_queue_of_hundreds_is_told_by_a_bounded_number_of_edges() -> None:
    rows = [lock(0, granted=True), *(lock(pid, waited=float(500 - pid)) for pid in range(1, 500))]
    found = lock_waits_of(rows, {}, {})
    assert {(wait.waiter, wait.holder) for wait in found if wait.held_mode} == {(str(pid), "0") for pid in range(1, 500)}
    assert len(found) <= 499 * 21
    assert {wait.holder for wait in found if wait.waiter == "499"} == {str(pid) for pid in range(21)}


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (lock(1), "relation public.stock"),
        (lock(1, locktype="relation", relation_id="99", database="other"), "relation 99 in other"),
        (lock(1, locktype="relation", relation_id="99"), "relation 99"),
        (lock(1, locktype="extend", relation_id="9", schema="a", relation="b"), "extension of a.b"),
        (lock(1, locktype="page", relation_id="9", schema="a", relation="b", page=7), "page 7 of a.b"),
        (lock(1, locktype="tuple", relation_id="9", schema="a", relation="b", page=7, tuple=3), "row (7,3) of a.b"),
        (lock(1, locktype="transactionid", transaction_id="741"), "transaction 741"),
        (lock(1, locktype="virtualxid", virtualxid="3/45"), "virtual transaction 3/45"),
        ({**lock(1, locktype="object", class_id="1259", object_id="7", database="d"), "class": "pg_class"}, "object 7 of pg_class in d"),
        (lock(1, locktype="advisory", class_id="0", object_id="42", object_part=1, database="d"), "advisory lock 42 in d"),
        (lock(1, locktype="advisory", class_id="4294967295", object_id="4294967295", object_part=1, database="d"), "advisory lock -1 in d"),
        (lock(1, locktype="advisory", class_id="7", object_id="4294967293", object_part=2, database="d"), "advisory lock (7, -3) in d"),
        (lock(1, locktype="frozenid", database="d"), "frozenid in d"),
    ],
)
def test_what_a_lock_is_on_is_told_in_words(row: dict[str, Any], words: str) -> None:
    assert object_name(row) == words
