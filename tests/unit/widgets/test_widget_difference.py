"""Which cells of a line are repainted."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from widgets.difference import changed_spans, is_one_cell_text

BOLD, DIM = Style(bold=True), Style(dim=True)


def strip(*pieces: tuple[str, Style | None]) -> Strip:
    return Strip([Segment(text, style) for text, style in pieces])


def plain(text: str) -> Strip:
    return strip((text, None))


def test_equal_lines_have_no_change() -> None:
    assert changed_spans(plain("same"), plain("same")) == []
    assert changed_spans(strip(("ab", BOLD), ("cd", BOLD)), strip(("abcd", BOLD))) == []


def test_one_changed_number_is_the_only_span() -> None:
    assert changed_spans(plain("tps   1204   hit 98%"), plain("tps   1304   hit 98%")) == [(7, 8)]


def test_changes_far_apart_are_two_spans_and_near_ones_are_one() -> None:
    assert changed_spans(plain("1..................2"), plain("3..................4")) == [(0, 1), (19, 20)]
    assert changed_spans(plain("1..2......"), plain("3..4......")) == [(0, 4)]


def test_another_style_is_a_change() -> None:
    assert changed_spans(strip(("abc", BOLD), ("def", None)), strip(("abc", DIM), ("def", None))) == [(0, 3)]
    assert changed_spans(strip(("abc", BOLD), ("def", None)), strip(("abcd", BOLD), ("ef", None))) == [(3, 4)]


def test_lines_with_wide_or_combining_characters_change_as_a_whole() -> None:
    assert changed_spans(plain("漢字 1"), plain("漢字 2")) == [(0, 6)]
    assert changed_spans(plain("e\u0301 1 漢"), plain("e\u0301 2 漢")) == [(0, 6)]


def test_lines_of_different_width_change_as_a_whole() -> None:
    assert changed_spans(plain("abc"), plain("abcd")) == [(0, 4)]


@given(st.text(max_size=30))
def test_text_called_one_cell_wide_is(text: str) -> None:
    if is_one_cell_text(text) and text.isprintable():
        assert [cell_len(character) for character in text] == [1] * len(text)


def test_every_character_called_one_cell_wide_is() -> None:
    wrong = [
        hex(code) for code in range(0x20, 0x3000) if is_one_cell_text(chr(code)) and chr(code).isprintable() and cell_len(chr(code)) != 1
    ]
    assert wrong == []


CELLS = st.lists(st.tuples(st.sampled_from("ab1 ▁"), st.sampled_from([None, BOLD, DIM])), min_size=12, max_size=40)


def grouped(cells: list[tuple[str, Style | None]], sizes: list[int]) -> Strip:
    """The same cells, sometimes as one segment each, sometimes joined where the style is the same."""
    pieces: list[tuple[str, Style | None]] = []
    for index, (text, style) in enumerate(cells):
        if pieces and pieces[-1][1] == style and sizes[index % len(sizes)]:
            pieces[-1] = (pieces[-1][0] + text, style)
        else:
            pieces.append((text, style))
    return strip(*pieces)


@given(CELLS, CELLS, st.lists(st.integers(0, 1), min_size=1), st.lists(st.integers(0, 1), min_size=1))
def test_repainting_the_spans_gives_the_new_line(
    old: list[tuple[str, Style | None]], new: list[tuple[str, Style | None]], one: list[int], other: list[int]
) -> None:
    length = min(len(old), len(new))
    old, new = old[:length], new[:length]
    painted = list(old)
    spans = changed_spans(grouped(old, one), grouped(new, other))
    for start, end in spans:
        painted[start:end] = new[start:end]
    assert painted == new
    assert all(before[1] < after[0] for before, after in pairwise(spans))
