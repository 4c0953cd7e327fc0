"""Columns of layers in cells."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from widgets.glyphs import UNICODE
from widgets.stacked_canvas import joined, stack_column, stack_levels, stack_lines

FILLS = ("C", "I", "L")


def column(values: tuple[float, ...], high: float, rows: int, ramp: str = "") -> str:
    """A column from the bottom up."""
    cells = stack_column(stack_levels(values, high, rows), rows, FILLS, ramp)
    return "".join(symbol for symbol, _ in reversed(cells))


def test_layers_stand_one_upon_the_other_from_the_bottom() -> None:
    assert column((2.0, 1.0, 3.0), 6.0, 6) == "CCILLL"


def test_a_cell_belongs_to_the_layer_that_has_most_of_it() -> None:
    assert column((1.4, 0.2, 1.4), 3.0, 3) == "CCL"


def test_with_a_ramp_the_highest_cell_is_as_full_as_it_should_be() -> None:
    assert column((1.5, 0.0, 0.0), 4.0, 4, UNICODE.ramp) == "C▄  "
    assert column((1.5, 0.0, 0.0), 4.0, 4) == "CC  "


def test_what_is_not_nothing_is_seen_however_little_it_is() -> None:
    assert column((0.0, 0.001, 0.0), 100.0, 3) == "I  "
    assert column((0.0, 0.001, 0.0), 100.0, 3, UNICODE.ramp) == "▁  "
    assert column((0.0, 0.0, 0.0), 100.0, 3) == "   "


def test_lines_are_runs_of_one_layer() -> None:
    columns = [stack_column(stack_levels(values, 2.0, 2), 2, FILLS, "") for values in ((2.0, 0.0, 0.0), (1.0, 1.0, 0.0), (0.0, 0.0, 0.0))]
    assert stack_lines(columns, 2) == [[("C", 0), ("I", 1), (" ", -1)], [("CC", 0), (" ", -1)]]


@given(st.lists(st.floats(0, 1e9), min_size=3, max_size=3).map(tuple), st.floats(0.001, 1e9), st.integers(1, 30))
def test_a_column_has_exactly_its_cells_and_no_hole(values: tuple[float, ...], high: float, rows: int) -> None:
    text = column(values, high, rows)
    assert len(text) == rows
    assert " " not in text.rstrip()
    assert bool(text.strip()) == (sum(values) > 0)


def test_more_buckets_than_places_become_means_and_fewer_stay() -> None:
    buckets = ((1.0, 0.0), (3.0, 2.0), None, (4.0, 4.0), None, None)
    assert joined(buckets, 3) == [(2.0, 1.0), (4.0, 4.0), None]
    assert joined(buckets, 9) == list(buckets)
