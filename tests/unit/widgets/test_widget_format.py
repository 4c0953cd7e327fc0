"""Text in cells: foreign text is made harmless, everything has exactly its width."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from widgets.format import age_text, bar, cell_width, clean, fit, joined, sparkline, truncate, wrap
from widgets.glyphs import ASCII, UNICODE, Glyphs

SETS = [UNICODE, ASCII]


@given(st.text())
def test_clean_text_holds_nothing_that_a_terminal_obeys(text: str) -> None:
    assert clean(text).isprintable()
    assert all(" " <= character <= "~" for character in clean(text, ascii_only=True))


@given(st.text())
def test_cleaning_clean_text_changes_nothing(text: str) -> None:
    assert clean(clean(text)) == clean(text)


@pytest.mark.parametrize(
    ("text", "shown", "plain"),
    [
        ("SELECT 1", "SELECT 1", "SELECT 1"),
        ("a\nb\tc", "a␊b␉c", "a?b?c"),
        ("\x1b[31mred", "␛[31mred", "?[31mred"),
        ("\x9b31m", "\ufffd31m", "?31m"),
        ("\x07\x7f", "␇␡", "??"),
        ("ab\u202edc", "ab\ufffddc", "ab?dc"),
        ("a\u200bb", "a\ufffdb", "a?b"),
        ("a\u00a0b", "a b", "a?b"),
        ("\ud800", "\ufffd", "?"),
        ("[bold]x[/]", "[bold]x[/]", "[bold]x[/]"),
        ("漢字 é", "漢字 é", "?? ?"),
        ("– “x” …", "– “x” …", '- "x" ~'),
        ("3 ▸ ✖ 1", "3 ▸ ✖ 1", "3 > X 1"),
        ("✔\ufe0f", "✔", "??"),
    ],
)
def test_what_becomes_of_special_characters(text: str, shown: str, plain: str) -> None:
    assert clean(text) == shown
    assert clean(text, ascii_only=True) == plain


@given(st.text().map(clean), st.integers(0, 30), st.sampled_from(["left", "right", "center"]))
def test_fitted_text_has_exactly_the_width(text: str, width: int, align: str) -> None:
    assert align in ("left", "right", "center")
    fitted = fit(text, width, "right" if align == "right" else "center" if align == "center" else "left")
    assert cell_len(fitted) == width


@pytest.mark.parametrize(
    ("text", "width", "expected"),
    [
        ("orders", 6, "orders"),
        ("orders", 5, "orde…"),
        ("orders", 1, "…"),
        ("orders", 0, ""),
        ("orders", -1, ""),
        ("漢字", 4, "漢字"),
        ("漢字", 3, "漢…"),
        ("漢字", 2, " …"),
        ("e\u0301te\u0301", 3, "e\u0301te\u0301"),
    ],
)
def test_text_is_cut_with_an_ellipsis_by_cells(text: str, width: int, expected: str) -> None:
    assert truncate(text, width) == expected


def test_text_is_padded_on_the_side_that_the_alignment_leaves() -> None:
    assert fit("ab", 5) == "ab   "
    assert fit("ab", 5, "right") == "   ab"
    assert fit("ab", 5, "center") == " ab  "


def test_cell_width_counts_wide_and_combining_characters() -> None:
    assert [cell_width(text) for text in ("ab", "漢", "e\u0301", "")] == [2, 2, 1, 0]


@pytest.mark.parametrize(
    ("ratio", "drawn"),
    [
        (0.0, "    "),
        (0.5, "██  "),
        (1.0, "████"),
        (7.0, "████"),
        (-1.0, "    "),
        (0.001, "▏   "),
        (0.99, "████"),
        (0.78, "███▏"),
        (None, "    "),
    ],
)
def test_a_bar_fills_by_eighths_of_a_cell(ratio: float | None, drawn: str) -> None:
    assert bar(ratio, 4, UNICODE) == drawn


@given(st.floats(), st.integers(-2, 40), st.sampled_from(SETS))
def test_a_bar_has_exactly_its_width(ratio: float, width: int, glyphs: Glyphs) -> None:
    assert cell_len(bar(ratio, width, glyphs)) == max(width, 0)


def test_a_sparkline_shows_the_newest_values_at_the_right_and_gaps_as_blanks() -> None:
    assert sparkline([0, 7, None, math.nan, 3.5, 7], 6, UNICODE) == "▁█  ▅█"
    assert sparkline([9, 9, 0, 7], 2, UNICODE) == "▁█"
    assert sparkline([1], 4, UNICODE) == "   █"
    assert sparkline([0, 1], 4, ASCII) == "  _@"


def test_a_sparkline_of_nothing_is_blank() -> None:
    assert sparkline([], 3, UNICODE) == "   "
    assert sparkline([None, math.inf], 3, UNICODE) == "   "
    assert sparkline([1.0], 0, UNICODE) == ""


def test_a_fixed_scale_holds_for_every_sparkline() -> None:
    assert sparkline([5], 1, UNICODE, high=10) == "▅"
    assert sparkline([98, 99], 2, UNICODE, low=None) == "▁█"
    assert sparkline([99, 99], 2, UNICODE, low=None) == "▁▁"
    assert sparkline([-5, 20], 2, UNICODE, low=0, high=10) == "▁█"


@given(st.lists(st.none() | st.floats()), st.integers(-2, 40), st.sampled_from(SETS))
def test_a_sparkline_has_exactly_its_width(values: list[float | None], width: int, glyphs: Glyphs) -> None:
    assert cell_len(sparkline(values, width, glyphs)) == max(width, 0)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.0, "0s"), (0.9, "0s"), (12.4, "12s"), (185.0, "3m05s"), (-3.0, "0s"), (None, "n/a"), (math.nan, "n/a")]
)
def test_ages_are_whole_and_an_unknown_one_is_not_zero(seconds: float | None, text: str) -> None:
    assert age_text(seconds) == text


def test_joined_leaves_out_what_is_empty() -> None:
    assert joined(["a", "", "b"]) == "a  b"


@given(st.text(max_size=80), st.integers(2, 30))
def test_wrapped_text_keeps_every_character_and_no_line_is_too_wide(text: str, width: int) -> None:
    safe = clean(text)
    lines = wrap(safe, width)
    assert "".join("".join(lines).split()) == "".join(safe.split())
    assert all(cell_len(line) <= width for line in lines)


def test_text_is_wrapped_between_words_and_only_a_word_too_wide_is_broken() -> None:
    assert wrap("no statement of this target yet", 12) == ["no statement", "of this", "target yet"]
    assert wrap("a unbelievable", 6) == ["a", "unbeli", "evable"]
    assert wrap("漢字漢字", 5) == ["漢字", "漢字"]
    assert wrap("", 5) == [""]
