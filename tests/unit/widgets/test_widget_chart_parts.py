"""Scales, areas and axes of charts."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from aishell_core.values import Unit
from widgets.chart import ChartData, ChartMark, clock_text, time_axis
from widgets.chart_canvas import dots_across, draw_area, spread
from widgets.chart_scale import Scale, axis_label, choose_scale, nice_above
from widgets.glyphs import ASCII, UNICODE, Glyphs

FINITE = st.floats(0, 1e15, allow_nan=False)
SHARES = st.lists(st.just(math.nan) | st.floats(-1, 2), min_size=1, max_size=60)


@pytest.mark.parametrize(
    ("value", "unit", "top"),
    [
        (0, Unit.COUNT, 1),
        (17, Unit.COUNT, 20),
        (2300, Unit.PER_SECOND, 2500),
        (101, Unit.COUNT, 150),
        (0.3, Unit.RATIO, 0.5),
        (0.97, Unit.RATIO, 1.0),
        (1.2, Unit.RATIO, 1.5),
        (1500, Unit.BYTES, 1536),
        (3 * 1024**3, Unit.BYTES, 3 * 1024**3),
        (0.004, Unit.SECONDS, 0.004),
    ],
)
def test_the_top_of_a_scale_is_a_round_number(value: float, unit: Unit, top: float) -> None:
    assert nice_above(value, unit) == pytest.approx(top)


@given(FINITE, st.sampled_from(list(Unit)))
def test_the_top_of_a_scale_is_never_below_the_value_nor_far_above_it(value: float, unit: Unit) -> None:
    top = nice_above(value, unit)
    assert top >= value * (1 - 1e-6)
    assert value < 1e-12 or top <= max(value * 2.6, 0.01)
    assert top > 0


def test_a_scale_stays_while_the_values_fit_and_fill_it() -> None:
    scale = choose_scale([90.0], Unit.COUNT)
    assert scale == Scale(0, 100)
    assert choose_scale([41.0], Unit.COUNT, None, scale) == scale
    assert choose_scale([101.0], Unit.COUNT, None, scale) == Scale(0, 150)
    assert choose_scale([39.0], Unit.COUNT, None, scale) == Scale(0, 40)


def test_a_limit_comes_into_view_when_the_values_come_near_it() -> None:
    assert choose_scale([3.0], Unit.COUNT, limit=10).high == 3
    assert choose_scale([6.0], Unit.COUNT, limit=10).high == 10


def test_values_below_zero_and_no_values_at_all_have_a_scale() -> None:
    assert choose_scale([-3.0, 5.0], Unit.COUNT) == Scale(-3, 5)
    assert choose_scale([], Unit.COUNT) == Scale(0, 1)
    assert choose_scale([math.nan, math.inf], Unit.COUNT) == Scale(0, 1)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0, Unit.BYTES, "0"),
        (2400, Unit.PER_SECOND, "2.4k"),
        (1.5 * 1024**3, Unit.BYTES, "1.5G"),
        (300 * 1024**2, Unit.BYTES_PER_SECOND, "300M"),
        (512, Unit.BYTES, "512B"),
        (0.5, Unit.RATIO, "50%"),
        (724, Unit.SECONDS, "12m04s"),
        (250, Unit.MILLISECONDS, "250ms"),
    ],
)
def test_axis_labels_are_short(value: float, unit: Unit, text: str) -> None:
    assert axis_label(value, unit) == text


@given(st.floats(0, 1e14), st.sampled_from(list(Unit)))
def test_axis_labels_fit_their_place(value: float, unit: Unit) -> None:
    if unit in {Unit.SECONDS, Unit.MILLISECONDS}:
        value = min(value, 8e7)
    if unit is Unit.RATIO:
        value = min(value, 99.0)
    assert len(axis_label(value, unit)) <= 7


def test_an_area_in_braille_fills_from_the_bottom_and_a_gap_stays_blank() -> None:
    assert draw_area([1.0, 1.0, 0.5, 0.5, math.nan, math.nan], [1.0, 1.0, 0.5, 0.5, math.nan, math.nan], 3, 2, UNICODE) == ["⣿  ", "⣿⣿ "]


def test_a_zero_is_not_a_gap() -> None:
    assert draw_area([0.0, 0.0, math.nan, 0.0], [0.0, 0.0, math.nan, 0.0], 2, 2, UNICODE) == ["  ", "⣀⢀"]


def test_a_peak_above_the_mean_is_a_dot() -> None:
    assert draw_area([0.25, 0.25], [1.0, 0.25], 1, 1, UNICODE) == ["⣁"]


def test_an_area_in_ascii() -> None:
    assert draw_area([0.0, 0.5, 1.0, math.nan], [0.0, 0.5, 1.0, math.nan], 4, 2, ASCII) == ["  # ", "_## "]


@given(SHARES, st.integers(1, 20), st.integers(1, 8), st.sampled_from([UNICODE, ASCII]))
def test_an_area_has_exactly_its_size(values: list[float], columns: int, rows: int, glyphs: Glyphs) -> None:
    shares = spread(values, dots_across(columns, glyphs))
    lines = draw_area(shares, shares, columns, rows, glyphs)
    assert len(lines) == rows
    assert [cell_len(line) for line in lines] == [columns] * rows


def test_many_values_on_one_place_keep_the_largest_and_few_are_repeated() -> None:
    assert spread([1, 5, 2, math.nan], 2) == [5, 2]
    assert spread([1, 2], 4) == [1, 1, 2, 2]
    assert [math.isnan(value) for value in spread([], 2)] == [True, True]


def axis(marks: tuple[ChartMark, ...] = (), columns: int = 60) -> str:
    data = ChartData("t", Unit.COUNT, [1.0] * 90, start=1_000_000_000.0, step_seconds=10.0, marks=marks)
    return "".join(text for text, _ in time_axis(data, columns, "↑"))


def test_the_time_axis_names_both_ends_in_utc() -> None:
    text = axis()
    assert len(text) == 69
    assert text.split() == ["01:46", "01:54", "02:01"]
    assert text.endswith("02:01")


def test_a_mark_stands_where_it_happened_and_a_time_gives_way() -> None:
    text = axis((ChartMark(1_000_000_450.0, "deploy"),))
    assert text[9 + 30 :].startswith("↑ deploy")
    assert text.split() == ["01:46", "↑", "deploy", "02:01"]


def test_a_mark_outside_the_span_is_not_shown_and_one_at_the_edge_loses_its_label() -> None:
    assert "↑" not in axis((ChartMark(1.0, "old"),))
    assert axis((ChartMark(1_000_000_899.0, "deploy"),)).endswith("↑")


def test_the_label_of_a_mark_gives_way_to_the_next_arrow_and_to_the_time_at_the_end() -> None:
    text = axis((ChartMark(1_000_000_200.0, "unknown"), ChartMark(1_000_000_260.0, "running"), ChartMark(1_000_000_720.0, "deploy")))
    assert text[9 + 13 :].startswith("↑   ↑ running ")
    assert text.count("↑") == 3
    assert text.endswith("↑      02:01")


def test_marks_in_one_cell_share_an_arrow_in_the_gravest_role_and_are_counted() -> None:
    marks = (ChartMark(1_000_000_450.0, "deploy"), ChartMark(1_000_000_451.0, "down", "critical"))
    assert axis(marks).split() == ["01:46", "↑", "2", "events", "02:01"]
    data = ChartData("t", Unit.COUNT, [1.0] * 90, start=1_000_000_000.0, step_seconds=10.0, marks=marks)
    assert ("↑", "critical") in time_axis(data, 60, "↑")
    assert axis((marks[0], marks[0])).split() == ["01:46", "↑", "deploy", "02:01"]


MARKS = st.lists(st.builds(ChartMark, st.floats(1e9 - 10, 1e9 + 910), st.sampled_from(["abc", "deploying", "x"])), max_size=12)


@given(MARKS, st.integers(2, 120))
def test_nothing_on_the_time_axis_touches(marks: list[ChartMark], columns: int) -> None:
    text = axis(tuple(marks), columns)
    assert len(text) == columns + 9
    wanted = {min(columns - 1, int((mark.at - 1e9) / 900 * columns)) for mark in marks if 0 <= (mark.at - 1e9) / 900 <= 1}
    assert {at - 9 for at, character in enumerate(text) if character == "↑"} == wanted
    whole = re.compile(r"\d\d:\d\d|abc|deploying|x|\d+|events")
    assert [word for word in text.replace("↑↑", "↑ ↑").replace("↑↑", "↑ ↑").split() if word != "↑" and not whole.fullmatch(word)] == []


def test_a_mark_with_a_harmful_label_keeps_only_its_symbol() -> None:
    text = axis((ChartMark(1_000_000_450.0, "a\x1b[2J"), ChartMark(1_000_000_300.0, "漢")))
    assert text.isprintable()
    assert text.count("↑") == 2


@pytest.mark.parametrize(("span", "text"), [(300, "01:46:40"), (3600, "01:46"), (200_000, "09-09 01")])
def test_the_clock_of_an_axis_is_as_exact_as_its_span(span: float, text: str) -> None:
    assert clock_text(1_000_000_000.0, span) == text
