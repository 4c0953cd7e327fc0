"""Strips have exactly their width, whatever the spans are."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.style import Style
from textual.strip import Strip

from widgets.format import Align, clean
from widgets.glyphs import ASCII, UNICODE
from widgets.lines import Span, fit_cell, fit_spans, make_strip, pack_strip, sides, spans_width
from widgets.palette import MONO, ROLES

SPANS = st.lists(st.tuples(st.text(max_size=12), st.sampled_from(ROLES)), max_size=6)
CLEAN_SPANS = st.lists(st.tuples(st.text(max_size=12).map(clean), st.sampled_from(ROLES)), max_size=6)
ALIGN: st.SearchStrategy[Align] = st.sampled_from(["left", "right", "center"])


@given(CLEAN_SPANS, st.integers(0, 40))
def test_a_strip_has_exactly_the_width(spans: list[Span], width: int) -> None:
    strip = make_strip(spans, width, MONO.plain)
    assert strip.cell_length == width
    assert sum(cell_len(segment.text) for segment in strip) == width


@given(CLEAN_SPANS, st.integers(0, 40), ALIGN)
def test_fitted_spans_have_exactly_the_width(spans: list[Span], width: int, align: Align) -> None:
    assert spans_width(fit_spans(spans, width, "…", align)) == width


@given(SPANS, st.integers(1, 40), ALIGN, st.sampled_from([UNICODE, ASCII]))
def test_a_fitted_cell_of_any_text_has_exactly_the_width_and_is_harmless(
    spans: list[Span], width: int, align: Align, glyphs: object
) -> None:
    chosen = ASCII if glyphs is ASCII else UNICODE
    fitted = fit_cell(tuple(spans), width, align, chosen)
    assert spans_width(fitted) == width
    assert all(text.isprintable() and (chosen.unicode or text.isascii()) for text, _ in fitted)


@given(CLEAN_SPANS, CLEAN_SPANS, st.integers(0, 60))
def test_two_sides_fill_the_width_and_the_right_one_is_whole_or_gone(left: list[Span], right: list[Span], width: int) -> None:
    placed = sides(left, right, width, "…")
    assert spans_width(placed) == width
    if spans_width(right) + 2 <= width:
        assert placed[len(placed) - len(right) :] == right


def test_a_left_side_that_is_cut_does_not_touch_the_right_one() -> None:
    assert sides([("longest wait 2m32s", "text")], [("2 new", "accent")], 16, "…") == [
        ("longest w…", "text"),
        (" ", "text"),
        ("2 new", "accent"),
    ]
    assert spans_width(sides([("abcd", "text")], [], 4, "…")) == 4


def test_what_is_cut_ends_in_the_ellipsis_also_at_the_border_of_two_spans() -> None:
    assert fit_spans([("abc", "bold"), ("def", "dim")], 3, "…") == [("ab…", "bold")]
    assert fit_spans([("abc", "bold"), ("def", "dim")], 4, "…") == [("abc", "bold"), ("…", "dim")]
    assert fit_spans([("abc", "bold"), ("def", "dim")], 6, "…") == [("abc", "bold"), ("def", "dim")]


def test_neighbours_in_the_same_style_become_one_segment() -> None:
    strip = pack_strip([("ab", "text"), ("cd", "text"), ("ef", "bold"), ("gh", "title")], 8, MONO.plain)
    assert [segment.text for segment in strip] == ["abcd", "efgh"]


def test_half_a_wide_character_is_a_blank() -> None:
    assert make_strip([("a漢", "text")], 2, MONO.plain).text == "a "


def test_a_line_gives_the_same_pieces_as_a_strip_of_the_library() -> None:
    styles = MONO.plain
    line = make_strip([("wide 漢字 ", "text"), ("and more", "title")], 24, styles)
    strip = Strip(list(line), 24)
    for _ in range(2):
        assert line == strip
        assert line.crop(3, 9) == strip.crop(3, 9)
        assert line.divide([4, 12, 24]) == strip.divide([4, 12, 24])
        assert line.adjust_cell_length(30) == strip.adjust_cell_length(30)
        assert line.crop_extend(2, 40, None) == strip.crop_extend(2, 40, None)
        assert line.apply_style(Style(bold=True)) == strip.apply_style(Style(bold=True))
        assert line.apply_offsets(1, 2) == strip.apply_offsets(1, 2)
        assert Strip.join([line, line]) == Strip.join([strip, strip])
