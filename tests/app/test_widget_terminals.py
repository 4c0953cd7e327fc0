"""What reaches a real terminal: no colour where none is wanted, no 24-bit colour where there is none."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.terminal import Terminal, opened, surroundings

PROGRAM = """
import os, sys
from rich.console import RenderableType
from textual.app import App
from textual.containers import Vertical
from textual.widgets import Input, OptionList, Static, Button
from aishell_core.values import Severity
from themes.load import load_theme
from widgets.compact_update import compact
from widgets.figures import KeyFigure, KeyFigures
from widgets.filter_line import FilterLine
from widgets.glyphs import choose_glyphs
from widgets.heading import Heading
from widgets.no_color import NoColorFilter
from widgets.table import LineTable
from widgets.table_model import Cell, Column, Row
from widgets.theme_bridge import make_palette_of, make_theme

HOW, THEME = sys.argv[1:]

class Program(App):
    BINDINGS = [("q", "quit"), ("slash", "filter"), ("o", "options")]
    def __init__(self):
        colours = load_theme(THEME)
        self.palette, self.glyphs = make_palette_of(colours), choose_glyphs(os.environ, sys.stdout.encoding)
        self.own_filter = NoColorFilter() if HOW == "filter" else None
        super().__init__()
        theme = make_theme(colours)
        self.register_theme(theme)
        self.theme = theme.name
    def get_line_filters(self):
        return [self.own_filter] if self.own_filter else super().get_line_filters()
    def _display(self, screen, renderable):
        super()._display(screen, compact(renderable, colours=not self.no_color) if HOW == "compact" else renderable)
    def compose(self):
        table = LineTable([Column("a", "NAME", 10), Column("b", "SQL")], heading=Heading("sessions"), show_severity=True)
        table.set_rows([Row(s.value, {"a": Cell(s.value, s.value), "b": Cell("SELECT", "keyword")}, severity=s) for s in Severity])
        yield table
        yield KeyFigures([KeyFigure("tps", "1.2k", Severity.CRITICAL, (1.0, 2.0))])
        yield Static("[red]red[/] words")
        yield OptionList("one", "two")
        yield Button("button", variant="error")
        yield FilterLine()
    def action_filter(self):
        self.query_one(FilterLine).open_line("typed")
    def action_options(self):
        self.query_one(OptionList).focus()
Program().run()
"""


def use(tmp_path: Path, how: str, theme: str, **changes: str | None) -> Terminal:
    """Show the program, move a cursor, open the filter and the command palette, and leave."""
    program = tmp_path / "program.py"
    program.write_text(PROGRAM, encoding="utf-8")
    environment = surroundings(tmp_path, PYTHONPATH=str(Path.cwd()), **changes)
    with opened([sys.executable, program, how, theme], environment, columns=80, rows=40) as terminal:
        terminal.wait_for("two")
        terminal.send("jj")
        terminal.wait_for("order held")
        terminal.send("o")
        terminal.send("/")
        terminal.wait_for("/typed")
        terminal.send("\x1b")
        terminal.wait_for(lambda text: "/typed" not in text)
        terminal.send("\x10")
        terminal.wait_for("Search for commands")
        terminal.send("\x1b")
        terminal.wait_for(lambda text: "Search for commands" not in text)
        terminal.send("q")
        assert terminal.wait_for_end() == 0
    return terminal


@pytest.mark.parametrize("how", ["filter", "compact"])
@pytest.mark.parametrize("theme", ["night", "mono"])
def test_no_color_sends_not_one_colour_code(tmp_path: Path, how: str, theme: str) -> None:
    terminal = use(tmp_path, how, theme, NO_COLOR="1")
    assert terminal.colour_codes() == ()
    assert b"\x1b[7m" in terminal.raw or b";7m" in terminal.raw


@pytest.mark.parametrize("theme", ["night", "day"])
def test_the_linux_console_gets_sixteen_colours_and_ascii(tmp_path: Path, theme: str) -> None:
    terminal = use(tmp_path, "compact", theme, TERM="linux", COLORTERM=None)
    codes = terminal.colour_codes()
    assert codes
    assert {code.split(";")[0] for code in codes} <= {
        str(code) for code in (*range(30, 38), *range(40, 48), *range(90, 98), *range(100, 108))
    }
    assert "! warning" in terminal.text or b"! warning" in terminal.raw


def test_a_dumb_terminal_gets_no_colour(tmp_path: Path) -> None:
    assert use(tmp_path, "compact", "night", TERM="dumb", COLORTERM=None).colour_codes() == ()


def test_a_terminal_of_256_colours_gets_no_24_bit_colour(tmp_path: Path) -> None:
    codes = use(tmp_path, "compact", "night", COLORTERM=None).colour_codes()
    assert any(code.startswith("38;5;") for code in codes)
    assert not any(code.startswith(("38;2;", "48;2;")) for code in codes)
