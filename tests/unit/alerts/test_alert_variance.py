"""Rules of one name with two contents on one state: who judges the target has it as it holds, and both sides say so."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from aishell_tui.alert_company import evaluator_text, variance_texts
from alerts.lease import SHARED_AFTER_SECONDS
from alerts.models import Level
from alerts.ports import AlertsView
from alerts.rule import Rule, Selector
from alerts.rules.builtin import BUILTIN_SETS
from alerts.rules.load import load_book
from alerts.wording import wording_of
from tests.alert_service import Station, usage_rule
from tests.fake_clock import FakeClock

MILD, STRICT = usage_rule("pool_full"), usage_rule("pool_full", "pool.usage > 50%")
SAME, ELSEWHERE = usage_rule("pool_gone", "pool.usage > 99%", Level.CRITICAL), usage_rule("own", "pool.usage > 20%")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def dashboard(folder: Path, clock: FakeClock, name: str, *rules: Rule, targets: tuple[str, ...] = ("orders",)) -> Station:
    return Station(folder, *rules, clock=clock, targets=targets, holder=f"db1:{name}:ab")


async def together(*stations: Station, seconds: int = 4, **values: float) -> list[AlertsView]:
    views: list[AlertsView] = []
    for _ in range(seconds):
        views = [await station.watch(1, **values) for station in stations]
    return views


async def test_the_rule_of_who_judges_holds_and_both_dashboards_say_so(folder: Path, clock: FakeClock) -> None:
    first, second = dashboard(folder, clock, "11", MILD, SAME), dashboard(folder, clock, "12", STRICT, SAME)
    views = await together(first, second, orders=0.6)
    assert [view.alerts for view in views] == [(), ()], "the first one judges, by its own content"
    assert [list(variance_texts(view)) for view in views] == [
        ["in force as configured here, while process 12 on db1 has it otherwise: pool_full"],
        ["in force as process 11 on db1 has it, and not as configured here: pool_full"],
    ]
    # The second one's content holds when it is the one who judges.
    (view,) = await together(second, seconds=15, orders=0.6)
    assert [alert.rule for alert in view.alerts] == ["pool_full"]
    assert list(variance_texts(view)) == []


async def test_it_is_said_for_as_long_as_it_is_so(folder: Path, clock: FakeClock) -> None:
    first, second = dashboard(folder, clock, "11", MILD), dashboard(folder, clock, "12", STRICT)
    views = await together(first, second, orders=0.1)
    assert all(list(variance_texts(view)) for view in views)
    second.books.put(replace(second.service.view().book, rules=(MILD,)))
    second.reload()
    views = await together(first, second, orders=0.1)
    assert [list(variance_texts(view)) for view in views] == [[], []]
    # One that was killed says nothing more: it is not believed for longer than a sign of life lasts.
    killed = dashboard(folder, clock, "13", STRICT)
    await together(first, killed, orders=0.1)
    assert list(variance_texts(first.service.view()))
    (view,) = await together(first, seconds=12, orders=0.1)
    assert list(variance_texts(view)) == []


async def test_rules_of_targets_that_only_one_of_them_watches_are_each_ones_own(folder: Path, clock: FakeClock) -> None:
    first = dashboard(folder, clock, "11", MILD, targets=("orders",))
    second = dashboard(folder, clock, "12", STRICT, targets=("stock",))
    apart = dashboard(folder, clock, "13", replace(STRICT, targets=Selector(names=("stock",))), targets=("orders",))
    views = await together(first, second, apart, orders=0.6, stock=0.6)
    assert [list(variance_texts(view)) for view in views] == [[], [], []]
    assert [alert.key.target for alert in views[0].alerts] == ["stock"]


async def test_a_dashboard_with_a_share_of_targets_or_rules_says_which(folder: Path, clock: FakeClock) -> None:
    first = dashboard(folder, clock, "11", SAME)
    second = dashboard(folder, clock, "12", SAME, targets=("orders", "stock", "pay"))
    third = dashboard(folder, clock, "13", SAME, ELSEWHERE)
    fourth = dashboard(folder, clock, "14", SAME)
    views = await together(first, second, third, fourth, seconds=int(SHARED_AFTER_SECONDS) + 3, orders=0.1)
    assert [evaluator_text(view) for view in views] == [
        "evaluated here",
        "2 of 3 targets evaluated here, the rest by process 11 on db1 and 1 more",
        "1 rule evaluated here, the rest by process 12 on db1 and 1 more",
        "evaluated by process 12 on db1 and 2 more",
    ]


def test_a_rule_that_moved_or_is_set_in_other_lines_is_the_same_and_any_other_change_is_none() -> None:
    shipped = load_book([], builtin=BUILTIN_SETS).rules
    marks = wording_of(shipped)
    assert len(set(marks.marks.values())) == len(shipped)
    moved = wording_of([replace(rule, origin="elsewhere:1") for rule in reversed(shipped)])
    assert (moved.whole, moved.differing(marks.marks)) == (marks.whole, frozenset())
    changed = [replace(shipped[0], for_seconds=shipped[0].for_seconds + 1), *shipped[1:]]
    assert wording_of(changed).differing(marks.marks) == {shipped[0].name}
    assert wording_of(changed).whole != marks.whole
    spaced = usage_rule("pool_full", "pool.usage    > 50%")
    assert wording_of([spaced]).whole == wording_of([STRICT]).whole
    assert wording_of([MILD]).whole != wording_of([STRICT]).whole
