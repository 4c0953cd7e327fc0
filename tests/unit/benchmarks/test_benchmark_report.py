"""What the measurements say is what was measured."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.measure import percentile
from benchmarks.report import Figure, Section, bounded, render

VALUES = st.lists(st.floats(0, 1e6), min_size=1, max_size=200)


@given(VALUES, st.integers(1, 100))
def test_a_percentile_is_the_smallest_value_that_covers_the_share(values: list[float], per_cent: int) -> None:
    found = percentile(values, per_cent / 100)
    assert found in values
    assert sum(value <= found for value in values) * 100 >= per_cent * len(values)
    smaller = [value for value in values if value < found]
    assert len(smaller) * 100 < per_cent * len(values)


@pytest.mark.parametrize(("value", "reached"), [(2.9, True), (3.0, True), (3.1, False)])
def test_a_bar_is_reached_up_to_its_own_value(value: float, reached: bool) -> None:
    figure = bounded("CPU", value, 3, "%")
    assert figure.reached is reached
    assert figure.measured == f"{value} %"
    assert figure.bar == "≤ 3 %"


def test_the_table_tells_a_missed_bar_and_a_missing_peer() -> None:
    section = Section("Title", "command", (bounded("a", 2.0, 1, "s", peer=0.5), Figure("b", "1 s")), ("a note",), "other")
    lines = render((section,), "a machine", "2026-01-01").splitlines()
    assert "| a | 2.0 s | ≤ 1 s | **no** | 0.5 s |" in lines
    assert "| b | 1 s | – | – | – |" in lines
    assert "| figure | aishell | bar | reached | other |" in lines
    assert "- a note" in lines
