"""Sorting, filtering and holding still."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from widgets.table_model import Cell, Row
from widgets.table_order import RowOrder, parse_pattern


def row(name: str, value: float | str | None = None, text: str = "") -> Row:
    return Row(name, {"name": Cell(name), "value": Cell(text or str(value), sort=value)})


def ids(order: RowOrder) -> list[str]:
    return [shown.row.id for shown in order.shown]


def order_of(*rows: Row, key: str | None = None, descending: bool = False) -> RowOrder:
    order = RowOrder()
    order.sort_key, order.descending = key, descending
    order.set_rows(rows)
    return order


def test_without_a_sort_column_rows_stay_as_given() -> None:
    assert ids(order_of(row("b", 1), row("a", 2))) == ["b", "a"]


def test_figures_sort_by_value_not_by_text() -> None:
    assert ids(order_of(row("a", 10), row("b", 9), row("c", 100), key="value")) == ["b", "a", "c"]
    assert ids(order_of(row("a", 10), row("b", 9), row("c", 100), key="value", descending=True)) == ["c", "a", "b"]


@pytest.mark.parametrize("descending", [False, True])
def test_what_is_unknown_comes_last_both_ways(descending: bool) -> None:
    rows = [row("nan", math.nan), row("dash", None, "–"), Row("none"), row("known", 1)]
    assert ids(order_of(*rows, key="value", descending=descending)) == ["known", "nan", "dash", "none"]


def test_texts_sort_without_regard_to_case_and_after_figures() -> None:
    rows = [row("1", "beta"), row("2", "Alpha"), row("3", 5.0)]
    assert ids(order_of(*rows, key="value")) == ["3", "2", "1"]


def test_equal_values_keep_the_order_in_which_they_were_given() -> None:
    rows = [row("b", 1), row("a", 1), row("c", 1)]
    assert ids(order_of(*rows, key="value")) == ["b", "a", "c"]
    assert ids(order_of(*rows, key="value", descending=True)) == ["b", "a", "c"]


def test_of_two_rows_with_one_id_the_last_counts() -> None:
    order = order_of(row("a", 1), row("a", 2))
    assert [shown.row.cell("value").sort for shown in order.shown] == [2]


def test_a_held_order_takes_new_values_adds_new_rows_at_the_end_and_keeps_vanished_ones() -> None:
    order = order_of(row("a", 1), row("b", 2), row("c", 3), key="value")
    order.frozen = True
    order.set_rows([row("c", 0), row("a", 9), row("d", 5)])
    assert [(shown.row.id, shown.gone) for shown in order.shown] == [("a", False), ("b", True), ("c", False), ("d", False)]
    assert [shown.row.cell("value").sort for shown in order.shown] == [9, 2, 0, 5]
    order.release()
    assert [(shown.row.id, shown.gone) for shown in order.shown] == [("c", False), ("d", False), ("a", False)]


def test_a_vanished_row_that_comes_back_is_in_its_old_place() -> None:
    order = order_of(row("a", 1), row("b", 2))
    order.frozen = True
    order.set_rows([row("b", 2)])
    order.set_rows([row("b", 2), row("a", 3)])
    assert [(shown.row.id, shown.gone) for shown in order.shown] == [("a", False), ("b", False)]


def test_in_a_ranking_what_is_new_or_came_back_stands_above_all_that_is_lighter() -> None:
    order = RowOrder(new_in_place=True, vanished=lambda row: Row(row.id))
    order.sort_key, order.descending = "value", True
    order.set_rows([row("a", 40), row("b", 30), row("c", 20), row("d", 10)])
    order.frozen = True
    order.set_rows([row("a", 4), row("c", 2), row("d", 1), row("new", 94)])
    assert [(shown.row.id, shown.gone) for shown in order.shown] == [("new", False), ("a", False), ("b", True), ("c", False), ("d", False)]
    assert order.shown[2].row.cell("value").plain() == "", "its figures are those of another time"
    assert order.new_count == 1
    order.set_rows([row("a", 4), row("b", 3), row("c", 2), row("d", 1), row("light", 0.5)])
    assert [(shown.row.id, shown.gone) for shown in order.shown] == [
        *(("new", True), ("a", False), ("b", False), ("c", False), ("d", False), ("light", False))
    ]


@given(st.lists(st.dictionaries(st.sampled_from("abcdefgh"), st.integers(0, 100), min_size=1), min_size=1, max_size=8))
def test_in_a_ranking_every_row_is_there_once_the_held_ones_stand_still_and_no_new_one_is_below_a_lighter_one(
    looks: list[dict[str, int]],
) -> None:
    order = RowOrder(new_in_place=True)
    order.sort_key, order.descending = "value", True
    for number, values in enumerate(looks):
        before = [shown.row.id for shown in order.shown if not shown.gone]
        order.set_rows([row(name, value) for name, value in values.items()])
        alive = [shown.row.id for shown in order.shown if not shown.gone]
        assert sorted(alive) == sorted(values)
        assert len(ids(order)) == len(set(ids(order)))
        if number:
            assert [name for name in alive if name in before] == [name for name in before if name in values]
            for place, name in enumerate(alive):
                lighter = [place for place, other in enumerate(alive) if values[other] < values[name]]
                assert name in before or not lighter or place < lighter[0]
        order.frozen = True


def test_sorting_anew_while_held_lets_vanished_rows_go_and_holds_on() -> None:
    order = order_of(row("a", 1), row("b", 2))
    order.frozen = True
    order.set_rows([row("b", 2), row("c", 1)])
    order.sort_key = "value"
    order.resort()
    assert ids(order) == ["c", "b"]
    assert order.frozen


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("orders", ["orders-eu", "ORDERS-us"]),
        ("ORDERS", ["ORDERS-us"]),
        ("!orders", ["shop"]),
        ("eu|shop", ["orders-eu", "shop"]),
        ("^shop", ["shop"]),
        ("!", ["orders-eu", "ORDERS-us", "shop"]),
        ("", ["orders-eu", "ORDERS-us", "shop"]),
    ],
)
def test_a_filter_is_a_regular_expression_that_may_be_inverted(text: str, kept: list[str]) -> None:
    order = order_of(
        Row("orders-eu", {"n": Cell("orders-eu")}), Row("ORDERS-us", {"n": Cell("ORDERS-us")}), Row("shop", {"n": Cell("shop")})
    )
    order.pattern = parse_pattern(text)
    order.arrange()
    assert ids(order) == kept


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("^select", ["1", "2"]),
        ("^SELECT", ["1"]),
        ("^71$", ["1"]),
        ("orders$", ["1"]),
        ("!^select", ["3"]),
        ("^71 shop select", ["1"]),
        ("shop select", ["1"]),
        (r"^shop\s+select", ["1"]),
        ("71.*orders", ["1"]),
        ("b 1", ["3"]),
        ("^1", ["3"]),
    ],
)
def test_a_filter_holds_at_the_ends_of_any_cell_and_may_reach_over_them(text: str, kept: list[str]) -> None:
    """As in a list of k9s or a file in less, what begins with a word is found wherever it stands on its line."""
    rows = [
        Row("1", {"id": Cell("71"), "user": Cell("shop"), "sql": Cell("SELECT * FROM orders")}),
        Row("2", {"id": Cell("72"), "user": Cell("web"), "sql": Cell("select 1")}),
        Row("3", {"id": Cell("73"), "user": Cell("job"), "sql": Cell("1\nselect\nselection")}),
    ]
    order = order_of(*rows)
    order.pattern = parse_pattern(text)
    order.arrange()
    assert ids(order) == kept


def test_a_filter_searches_all_cells_their_spans_and_the_note() -> None:
    rows = [
        Row("1", {"a": Cell("x"), "b": Cell(spans=(("ne", "text"), ("edle", "bold")))}),
        Row("2", note=(("the needle", "text"),)),
        Row("3"),
    ]
    order = order_of(*rows)
    order.pattern = parse_pattern("needle")
    order.arrange()
    assert ids(order) == ["1", "2"]


def test_what_is_no_regular_expression_is_taken_literally_and_says_why() -> None:
    pattern = parse_pattern("count(*")
    assert pattern is not None
    assert "not a regular expression" in pattern.error
    assert pattern.found_in(Row("1", {"sql": Cell("select count(*) from t")}))
    assert not pattern.found_in(Row("2", {"sql": Cell("select 1")}))
