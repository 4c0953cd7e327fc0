"""What the measurements say is what was measured."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.measure import percentile
from benchmarks.report import Figure, Section, bounded, merged, render

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


def _table(title: str, measured: str, date: str) -> str:
    return render((Section(title, "command", (Figure("a", measured),), ("a note",)),), "a machine", date)


def test_a_part_that_is_measured_again_replaces_its_own_table_and_no_other() -> None:
    old = merged(_table("One", "1 s", "2026-01-01"), _table("Two", "2 s", "2026-01-02"))
    text = merged(old, _table("One", "3 s", "2026-01-03"))
    assert [line for line in text.splitlines() if line.startswith("## ")] == ["## One", "## Two"]
    assert ("| a | 3 s |" in text, "| a | 1 s |" in text, "| a | 2 s |" in text) == (True, False, True)
    assert [line for line in text.splitlines() if line.startswith("`command`")] == ["`command`, 2026-01-03", "`command`, 2026-01-02"]


def test_what_is_kept_is_what_was_rendered() -> None:
    new = _table("One", "1 s", "2026-01-01")
    assert merged("", new) == new == merged(new, new)


def test_a_table_of_another_shape_stands_as_it_was_printed() -> None:
    text = render((Section("Title", "command", (), printed="a  1"),), "a machine", "2026-01-01")
    assert "```text\na  1\n```" in text
