"""What the smaller widgets compute before they draw."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.color import Color as TextualColor

from aishell_core.values import PlanNode, Severity, Unit
from themes.load import load_theme, theme_names
from widgets.big_chart import plot_lines, reduce_points
from widgets.big_figure import large_text
from widgets.chart_scale import axis_label
from widgets.figures import figures_per_line, lines_needed
from widgets.glyphs import ASCII, UNICODE
from widgets.heading import Heading, heading_left, heading_right
from widgets.key_bar import KeyHint, fitting_hints
from widgets.lines import spans_width
from widgets.no_color import NoColorFilter, colourless
from widgets.palette import LAYERS, MONO, ROLES, severity_role
from widgets.plan_tree import plan_lines
from widgets.sql_view import highlight
from widgets.theme_bridge import make_palette_of, make_theme, theme_id


def text_of(spans: tuple[tuple[str, str], ...]) -> str:
    return "".join(text for text, _ in spans)


# Palettes.


@pytest.mark.parametrize("name", theme_names())
def test_a_palette_has_a_style_for_every_role_on_every_layer(name: str) -> None:
    palette = make_palette_of(load_theme(name))
    assert all(set(palette.layer(layer)) == set(ROLES) for layer in LAYERS)


def test_the_mono_palette_has_no_colour_and_shows_the_selection_by_reverse() -> None:
    styles = [MONO.style(role, layer) for role in ROLES for layer in LAYERS]
    assert [style for style in styles if style.color or style.bgcolor] == []
    assert all(MONO.style(role, "selected").reverse for role in ROLES)
    assert make_palette_of(load_theme("mono")) is MONO


def test_a_coloured_palette_paints_every_cell_so_that_light_terminals_work() -> None:
    palette = make_palette_of(load_theme("night"))
    assert all(palette.style(role, layer).color and palette.style(role, layer).bgcolor for role in ROLES for layer in LAYERS)


def test_on_the_faded_layer_all_roles_look_alike_and_on_the_selected_one_severities_do_not() -> None:
    palette = make_palette_of(load_theme("night"))
    assert len({palette.style(role, "faded") for role in ROLES}) == 1
    assert len({palette.style(severity_role(severity), "selected") for severity in Severity}) == 4


def test_no_severity_is_plain_text() -> None:
    assert severity_role(None) == "text"


@pytest.mark.parametrize("name", theme_names())
def test_a_theme_for_the_library_has_our_name_and_colours(name: str) -> None:
    colours = load_theme(name)
    theme = make_theme(colours)
    assert theme.name == theme_id(name)
    assert theme.dark is colours.dark
    assert theme.background == colours.colours.get("background", "ansi_default")
    assert theme.to_color_system().generate()


# No colour.


def test_the_filter_takes_colours_and_keeps_the_rest() -> None:
    style = Style(color="red", bgcolor="#101010", bold=True, underline=True, dim=True)
    background = TextualColor(16, 16, 16)
    assert NoColorFilter().apply([Segment("a", style), Segment("b", None)], background) == [
        Segment("a", Style(bold=True, underline=True, dim=True)),
        Segment("b", None),
    ]


def test_a_ground_that_stood_out_becomes_reverse() -> None:
    (segment,) = NoColorFilter().apply([Segment("a", Style(bgcolor="#0000aa"))], TextualColor(0, 0, 0))
    assert segment.style == Style(reverse=True)


@given(st.booleans(), st.booleans(), st.booleans())
def test_no_style_keeps_a_colour(bold: bool, reverse: bool, highlight: bool) -> None:
    style = colourless(Style(color=Color.from_rgb(1, 2, 3), bgcolor=Color.from_rgb(4, 5, 6), bold=bold, reverse=reverse), highlight)
    assert style.color is None
    assert style.bgcolor is None
    assert bool(style.bold) == bold
    assert bool(style.reverse) == (reverse or highlight)


# Title lines, keys, figures.


def test_a_title_line_names_filter_detail_and_age() -> None:
    heading = Heading("sessions", (("41 active", "dim"),), age="live 0s")
    assert text_of(tuple(heading_left(heading, "shop"))) == " sessions  /shop  41 active"
    assert text_of(tuple(heading_right(heading, UNICODE, ("1-3 of 9", "dim"), ("", "dim"), width=80))) == "1-3 of 9  live 0s "


def test_stale_data_says_so_instead_of_its_age() -> None:
    heading = Heading("sessions", age="live 0s", stale="stale 12s: timeout after 2 s")
    assert text_of(tuple(heading_right(heading, UNICODE, width=80))) == "✖ stale 12s: timeout after 2 s "


@pytest.mark.parametrize(
    ("width", "said"),
    [(43, "✖ stale 12s: timeout after 2 s "), (35, "✖ stale 12s: timeout a… "), (26, "✖ stale 12s "), (5, "✖ stale 12s ")],
)
def test_the_reason_for_staleness_is_cut_before_the_title_and_never_its_age(width: int, said: str) -> None:
    heading = Heading("sessions", stale="stale 12s: timeout after 2 s")
    assert text_of(tuple(heading_right(heading, UNICODE, width=width))) == said


HINTS = [KeyHint("enter", "open"), KeyHint("/", "filter"), KeyHint("s", "sort"), KeyHint("?", "help")]


def test_keys_that_do_not_fit_are_left_out_whole_and_help_stays() -> None:
    assert fitting_hints(HINTS, 80) == tuple(HINTS)
    assert [hint.label for hint in fitting_hints(HINTS, 32)] == ["open", "filter", "help"]
    assert [hint.label for hint in fitting_hints(HINTS, 3)] == ["help"]
    assert fitting_hints((), 10) == ()


@pytest.mark.parametrize(("count", "width", "lines"), [(0, 80, 1), (4, 80, 1), (5, 80, 2), (10, 160, 2), (30, 80, 3), (3, 5, 3)])
def test_figures_take_one_to_three_lines(count: int, width: int, lines: int) -> None:
    assert lines_needed(count, width) == lines
    assert figures_per_line(width) >= 1


# Statements and plans.


def test_a_statement_keeps_its_text_line_by_line() -> None:
    lines = highlight("SELECT 'a''b', \"from\" -- why\nFROM t WHERE x = $1 AND y > 2.5")
    assert [text_of(line) for line in lines] == [" SELECT 'a''b', \"from\" -- why", " FROM t WHERE x = $1 AND y > 2.5"]
    roles = {text: role for line in lines for text, role in line}
    assert roles["SELECT"] == "keyword"
    assert roles["'a''b'"] == "literal"
    assert roles["-- why"] == "comment"
    assert roles["$1"] == "number"
    assert [text for text, role in lines[0] if role == "keyword"] == ["SELECT"]


@given(st.text(alphabet=st.characters(exclude_characters="\t\r"), max_size=80))
def test_any_text_can_be_highlighted_and_none_is_lost(text: str) -> None:
    assert "\n".join(text_of(line)[1:] for line in highlight(text)) == text


def test_a_comment_and_a_literal_may_go_over_lines_and_stay_open() -> None:
    lines = highlight("/* one\ntwo */ SELECT 'open\nend")
    assert [line[1][1] for line in lines] == ["comment", "comment", "literal"]


PLAN = (
    PlanNode(
        "Limit",
        children=(
            PlanNode(
                "Sort",
                cost=812_000,
                rows=2_100_000,
                children=(PlanNode("Scan orders", costly=True, note="no index on status"), PlanNode("Hash")),
            ),
            PlanNode("Other"),
        ),
    ),
)


def test_a_plan_is_a_tree_with_the_costly_step_marked_and_explained() -> None:
    lines = [text_of(line).rstrip() for line in plan_lines(PLAN, 60, UNICODE)]
    assert lines == [
        "                                              cost     rows",
        " Limit                                           –        –",
        " ├ Sort                                       812k     2.1M",
        " │ ├ Scan orders ◀                               –        –",
        " │ │   no index on status",
        " │ └ Hash                                        –        –",
        " └ Other                                         –        –",
    ]


def test_a_plan_without_figures_has_no_columns_for_them_and_ascii_is_ascii() -> None:
    lines = [text_of(line) for line in plan_lines((PlanNode("SCAN t", children=(PlanNode("USE TEMP B-TREE"),)),), 60, ASCII)]
    assert lines == [" SCAN t", " ` USE TEMP B-TREE"]


@given(st.integers(0, 100))
def test_a_plan_with_figures_never_is_wider_than_the_pane_or_its_figures(width: int) -> None:
    for line in plan_lines(PLAN, width, UNICODE)[:4]:
        assert spans_width(line) <= max(width, 19)


# Large figures and charts.


@pytest.mark.parametrize("glyphs", [UNICODE, ASCII])
@pytest.mark.parametrize("tall", [True, False])
def test_large_text_is_a_block_of_even_lines(glyphs: object, tall: bool) -> None:
    lines = large_text("0123456789.,:%kMGTB -+/–Kimshdna", UNICODE if glyphs is UNICODE else ASCII, tall=tall)
    assert len({len(line) for line in lines}) == 1
    assert len(lines) == (3 if glyphs is UNICODE and not tall else 5)


def test_large_text_can_be_read() -> None:
    assert large_text("17", ASCII) == (" #  ###", "##    #", " #   # ", " #   # ", "###  # ")
    assert large_text("1", UNICODE, tall=False) == ("▄█ ", " █ ", "▀▀▀")


def test_what_has_no_large_letters_is_refused() -> None:
    assert large_text("n/a!", UNICODE) == ()
    assert large_text("", UNICODE) == ()


def test_points_are_reduced_to_the_lowest_and_highest_of_each_place() -> None:
    times = [float(i) for i in range(1000)]
    values = [math.sin(i / 7) for i in range(1000)]
    values[500] = 99.0
    values[300] = -99.0
    kept_times, kept = reduce_points(times, values, 50)
    assert len(kept) <= 100
    assert {99.0, -99.0} <= set(kept)
    assert kept_times == sorted(kept_times)


def test_few_points_stay_and_unknown_ones_go() -> None:
    assert reduce_points([1, 2, 3], [5, math.nan, 7], 10) == ([1, 3], [5, 7])
    assert reduce_points([], [], 10) == ([], [])


@pytest.mark.parametrize("unicode", [True, False])
def test_a_large_chart_has_its_size_and_no_colour_codes(unicode: bool) -> None:
    times = [1e9 + i for i in range(200)]
    lines = plot_lines(
        "transactions/s \x1b[31m",
        Unit.PER_SECOND,
        [("tps", times, [abs(math.sin(i / 9)) * 2000 for i in range(200)])],
        80,
        20,
        limit=1500,
        unicode=unicode,
    )
    assert len(lines) == 20
    assert all("\x1b" not in line for line in lines)
    assert max(len(line) for line in lines) <= 80
    assert "transactions/s" in lines[0]
    assert any("2k" in line for line in lines)
    assert any("01:46:40" in line for line in lines)
    assert unicode or all(character.isascii() for line in lines for character in line)


def braille_columns(lines: list[str]) -> set[int]:
    return {at for line in lines for at, character in enumerate(line) if "\u2801" <= character <= "\u28ff"}


def test_a_large_chart_fills_only_its_part_of_the_window_and_names_the_times_of_all_of_it() -> None:
    times = [1e9 + i for i in range(60)]
    lines = plot_lines("", Unit.COUNT, [("a", times, [5.0] * 60)], 80, 12, window=(1e9 - 540, 1e9 + 60))
    assert min(braille_columns(lines)) > 65
    assert lines[-1].split() == ["01:37", "01:41", "01:44", "01:47"]
    outside = plot_lines("", Unit.COUNT, [("a", times, [5.0] * 60)], 80, 12, window=(2e9, 2e9 + 600))
    assert braille_columns(outside) == set()
    assert len(outside[-1].split()) == 4


def test_a_gap_in_a_large_chart_stays_blank() -> None:
    times = [1e9 + i for i in range(100)]
    values = [math.nan if 40 <= i < 60 else 5.0 for i in range(100)]
    lines = plot_lines("", Unit.COUNT, [("a", times, values)], 106, 10)
    assert max(len(line) for line in lines) == 106
    columns = braille_columns(lines)
    gap = max(b - a for a, b in itertools.pairwise(sorted(columns)))
    assert 18 <= gap <= 24


def test_an_event_is_a_vertical_line_in_a_large_chart_and_one_outside_is_none() -> None:
    window = (1e9, 1e9 + 600)
    lines = plot_lines("", Unit.COUNT, [("a", [], [])], 80, 12, window=window, marks=(1e9 + 300, 5.0))
    assert [line.count("│") + line.count("┤") for line in lines[1:-2]] == [3] * 9


@pytest.mark.parametrize(("limit", "values"), [(5.0, [5.0, 1.0]), (2000.0, [2000.0, 1.0]), (1.0, [9.0, 1.0]), (7.0, [1.0, 1.0]), (3.0, [])])
def test_the_limit_of_a_large_chart_is_a_dotted_line_with_its_value(limit: float, values: list[float]) -> None:
    times = [1e9, 1e9 + 60][: len(values)]
    lines = plot_lines("", Unit.COUNT, [("a", times, values)], 80, 14, limit=limit, window=(1e9 - 600, 1e9 + 60))
    dotted = [line for line in lines if "┄┄┄" in line]
    assert [line.split("├")[0].strip() for line in dotted] == [axis_label(limit, Unit.COUNT)]


def test_a_large_chart_of_nothing_or_without_room_is_no_error() -> None:
    assert plot_lines("t", Unit.COUNT, [("a", [], [])], 10, 3) == []
    assert len(plot_lines("t", Unit.COUNT, [("a", [], []), ("b", [1.0], [math.nan])], 60, 10)) == 10
