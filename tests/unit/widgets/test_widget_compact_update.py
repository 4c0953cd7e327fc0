"""What is sent to the terminal draws the same screen as Textual's own update, in fewer bytes."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from typing import Literal

import pyte
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate
from textual.geometry import Region
from textual.strip import Strip

from widgets.compact_update import CompactUpdate, compact

RED = Style(color="#ff0000", bgcolor="#101010", bold=True)
BLUE = Style(color="#0000ff", bgcolor="#101010")
STYLES = [
    None,
    Style.null(),
    RED,
    BLUE,
    Style(dim=True),
    Style(bold=True, dim=True),
    Style(reverse=True, underline=True),
    Style(color="red"),
]
LINES = st.lists(
    st.lists(st.tuples(st.sampled_from(["a", "bc", "漢", "█ ▏", " "]), st.sampled_from(STYLES)), min_size=1, max_size=5),
    min_size=1,
    max_size=4,
)


System = Literal["truecolor", "standard"] | None


def console(color_system: System = "truecolor") -> Console:
    return Console(file=io.StringIO(), color_system=color_system, force_terminal=True, legacy_windows=False, _environ={})


def rendered(update: object, color_system: System = "truecolor") -> str:
    assert isinstance(update, CompositorUpdate)
    return update.render_segments(console(color_system))


def screen_of(*outputs: str) -> list[tuple[object, ...]]:
    """Every cell of a terminal that was sent the outputs, with its attributes."""
    screen = pyte.Screen(30, 6)
    stream = pyte.Stream(screen)
    for output in outputs:
        stream.feed(output)
    return [tuple(screen.buffer[y][x]) for y in range(6) for x in range(30)]


def layout_of(lines: Sequence[Sequence[tuple[str, Style | None]]]) -> LayoutUpdate:
    strips = [[Strip([Segment(text, style) for text, style in line])] for line in lines]
    return LayoutUpdate([list(line) for line in strips], Region(0, 0, 30, len(lines)))


def chops_of(line: Sequence[tuple[str, Style | None]], spans: list[tuple[int, int, int]]) -> ChopsUpdate:
    strip = Strip([Segment(text, style) for text, style in line]).adjust_cell_length(20)
    return ChopsUpdate([{0: strip, 20: Strip.blank(10)}], spans, [[20, 30]])


@given(LINES)
def test_a_whole_screen_looks_the_same(lines: list[list[tuple[str, Style | None]]]) -> None:
    update = layout_of(lines)
    small = rendered(compact(update, colours=True))
    assert screen_of(small) == screen_of(rendered(update).replace("\n", ""))


@given(LINES, st.integers(0, 19), st.integers(1, 30))
def test_a_changed_part_looks_the_same(lines: list[list[tuple[str, Style | None]]], begin: int, cells: int) -> None:
    """Only where wide characters are cut in half may Textual's update, which re-sends the start of the line, differ."""
    line = [(text.replace("漢", "x"), style) for text, style in lines[0]]
    update = chops_of(line, [(0, begin, min(30, begin + cells))])
    before = rendered(chops_of(line, [(0, 0, 30)]))
    assert screen_of(before, rendered(compact(update, colours=True))) == screen_of(before, rendered(update))


def test_a_changed_number_costs_its_cells_and_one_style() -> None:
    line = [("connections  ", BLUE), ("198", RED), (" of 200", BLUE)]
    sent = rendered(compact(chops_of(line, [(0, 13, 16)]), colours=True))
    assert sent == "\x1b[1;14H\x1b[1;38;2;255;0;0;48;2;16;16;16m198\x1b[0m"


def test_two_changes_on_a_line_need_one_row_position() -> None:
    sent = rendered(compact(chops_of([("abcdefghij", None)], [(0, 1, 2), (0, 8, 9)]), colours=True))
    assert sent == "\x1b[1;2Hb\x1b[9Gi"


def test_a_style_is_sent_as_its_difference_to_the_one_before() -> None:
    sent = rendered(compact(layout_of([[("a", BLUE), ("b", RED), ("c", BLUE)]]), colours=True))
    assert sent == "\x1b[1;1H\x1b[38;2;0;0;255;48;2;16;16;16ma\x1b[1;38;2;255;0;0mb\x1b[22;38;2;0;0;255mc\x1b[0m"


@pytest.mark.parametrize("colours", [True, False])
@given(LINES)
def test_without_colours_no_colour_code_is_sent(colours: bool, lines: list[list[tuple[str, Style | None]]]) -> None:
    sent = rendered(compact(layout_of(lines), colours=colours), None if colours else "truecolor")
    codes = {code for sequence in re.findall(r"\x1b\[([\d;]*)m", sent) for code in sequence.split(";")}
    assert codes <= {"", "0", "1", "2", "4", "7", "22", "24", "27"}


def test_sixteen_colours_get_no_24_bit_code() -> None:
    assert "38;2" not in rendered(compact(layout_of([[("a", RED)]]), colours=True), "standard")


def test_links_are_kept() -> None:
    sent = rendered(compact(layout_of([[("a", Style(link="https://docs"))]]), colours=True))
    assert "\x1b]8;;https://docs\x1b\\a\x1b]8;;\x1b\\" in sent


def test_what_is_no_screen_update_is_passed_through() -> None:
    text = Text("x")
    assert compact(text, colours=True) is text
    assert compact(None, colours=True) is None


def test_as_a_renderable_it_is_its_own_sequences() -> None:
    update = compact(layout_of([[("a", None)]]), colours=True)
    assert isinstance(update, CompactUpdate)
    assert [segment.text for segment in console().render(update)] == ["\x1b[1;1Ha"]
