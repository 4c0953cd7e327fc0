"""The whole program in a real terminal: screens and keys, and what it does to terminals that can do less."""

from __future__ import annotations

import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes import survivors
from tests.terminal import AISHELL, Terminal, opened, surroundings

DEMO = (AISHELL, "demo")
# The size of the demo's write-ahead log, as the Health screen shows it: something was really read.
READ = re.compile(r"\bwal\s+\d")


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Terminal]:
    """The dashboard on the demo at 80x24, when it shows what it has read."""
    with opened(DEMO, surroundings(tmp_path), cwd=tmp_path) as terminal:
        terminal.wait_for(READ)
        yield terminal


def state_of(home: Path) -> set[Path]:
    """The demo folders below a home."""
    return {path for path in home.rglob("demo-*") if path.is_dir()}


def test_every_screen_is_a_key_away_and_q_ends_everything(demo: Terminal, tmp_path: Path) -> None:
    demo.send("1")
    demo.wait_for(re.compile(r"TARGET.*ENGINE"))
    demo.wait_for(re.compile(r"shop +sqlite"))
    demo.send("8")
    demo.wait_for(re.compile(r"TIME|WHEN"))
    demo.send("3")
    demo.wait_for("SELECT")
    demo.send("2")
    demo.wait_for(READ)
    below = demo.process.processes()
    assert below
    demo.send("q")
    assert demo.wait_for_end() == 0
    assert survivors(below) == frozenset()
    assert state_of(tmp_path) == set()


def test_the_text_of_the_statements_is_visible_at_80x24(demo: Terminal) -> None:
    """At least 25 characters of the SQL stand on the smallest screen that has to be good."""
    demo.send("3")
    demo.wait_for(re.compile(r"SELECT o\.id, o\.placed_at, o"))


def test_a_statement_opens_with_its_plan(demo: Terminal) -> None:
    demo.send("3")
    demo.wait_for("SELECT")
    demo.send("t")
    demo.wait_for("since reset")
    demo.send("/")
    demo.wait_for(re.compile("^ ?/", re.MULTILINE))
    demo.send("spent_cents\r")
    demo.wait_for(re.compile(r"/spent_cents.*SELECT u\.id", re.DOTALL))
    demo.send("\r")
    demo.wait_for("SCAN users")


def test_help_shows_the_keys_and_goes_away(demo: Terminal) -> None:
    demo.send("?")
    demo.wait_for("Freeze the screen")
    demo.send("\x1b")
    demo.wait_for(lambda screen: "Freeze the screen" not in screen)


def test_a_filter_keeps_what_matches_and_escape_brings_all_back(demo: Terminal) -> None:
    demo.send("3")
    demo.wait_for(lambda screen: "SELECT id, name, price" in screen and "COMMIT" in screen)
    demo.send("/")
    demo.wait_for(re.compile("^ ?/", re.MULTILINE))
    demo.send("products\r")
    demo.wait_for(lambda screen: "SELECT id, name, price" in screen and "COMMIT" not in screen)
    demo.send("\x1b")
    demo.wait_for("COMMIT")


def test_pause_freezes_the_screen_and_says_so(demo: Terminal) -> None:
    """Nothing is sent any more, although the demo goes on, until pause is pressed again."""
    demo.send("p")
    demo.wait_for("PAUSED")
    demo.read_until_quiet(3.0)
    demo.send("p")
    demo.wait_for(lambda screen: "PAUSED" not in screen)
    before = len(demo.raw)
    demo.wait_for(lambda _screen: len(demo.raw) > before + 100)


def test_no_color_sends_no_colour_code(tmp_path: Path) -> None:
    with opened(DEMO, surroundings(tmp_path, NO_COLOR="1"), cwd=tmp_path) as terminal:
        terminal.wait_for(READ)
        for key, text in (("3", "SELECT"), ("1", "TARGET"), ("?", "Freeze"), ("\x1b", "TARGET")):
            terminal.send(key)
            terminal.wait_for(text)
        assert terminal.colour_codes() == ()


def test_colours_are_there_without_it(demo: Terminal) -> None:
    assert any(code.startswith("38;2;") for code in demo.colour_codes())


def test_the_linux_console_gets_its_own_colours_and_no_braille(tmp_path: Path) -> None:
    with opened(DEMO, surroundings(tmp_path, TERM="linux"), cwd=tmp_path) as terminal:
        terminal.wait_for(READ)
        terminal.send("3")
        terminal.wait_for("SELECT")
        codes = terminal.colour_codes()
        assert codes
        assert all(re.fullmatch(r"[349][0-7]|10[0-7]", code) for code in codes), set(codes)
        assert not re.search("[⠀-⣿]", terminal.raw.decode())


def test_256_colours_stay_256_colours(tmp_path: Path) -> None:
    with opened(DEMO, surroundings(tmp_path, COLORTERM=None), cwd=tmp_path) as terminal:
        terminal.wait_for(READ)
        codes = terminal.colour_codes()
        assert any(code.startswith("38;5;") for code in codes)
        assert not any(code.startswith(("38;2;", "48;2;")) for code in codes)


def test_without_utf8_every_glyph_is_ascii(tmp_path: Path) -> None:
    with opened(DEMO, surroundings(tmp_path, LC_ALL="C", LANG="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0"), cwd=tmp_path) as terminal:
        terminal.wait_for(READ)
        for key, text in (("3", "SELECT"), ("1", "TARGET"), ("8", "demo"), ("?", "Freeze"), ("\x1b", "demo")):
            terminal.send(key)
            terminal.wait_for(text)
        assert terminal.raw.isascii()


def test_closing_the_terminal_ends_the_program_and_its_children(demo: Terminal, tmp_path: Path) -> None:
    below = demo.process.processes()
    assert len(below) > 1
    assert state_of(tmp_path)
    demo.process.close_terminal()
    assert demo.process.wait() in {128 + signal.SIGHUP, -signal.SIGHUP}
    assert survivors(below) == frozenset()
    assert state_of(tmp_path) == set()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name)
def test_killing_the_program_ends_its_children(demo: Terminal, tmp_path: Path, number: signal.Signals) -> None:
    below = demo.process.processes()
    demo.process.signal(number)
    demo.wait_for_end()
    assert survivors(below) == frozenset()
    assert state_of(tmp_path) == set()


def test_a_terminal_that_is_too_small_is_told_the_size_and_may_grow(tmp_path: Path) -> None:
    with opened(DEMO, surroundings(tmp_path), columns=50, rows=12, cwd=tmp_path) as terminal:
        terminal.wait_for("60x16")
        terminal.resize(80, 24)
        terminal.wait_for(READ)
        terminal.resize(40, 10)
        terminal.wait_for("60x16")
        terminal.send("q")
        assert terminal.wait_for_end() == 0


@pytest.mark.parametrize("size", [(60, 16), (80, 24), (160, 45), (300, 80)], ids=lambda size: f"{size[0]}x{size[1]}")
def test_every_screen_draws_at_every_size(tmp_path: Path, size: tuple[int, int]) -> None:
    with opened(DEMO, surroundings(tmp_path), columns=size[0], rows=size[1], cwd=tmp_path) as terminal:
        terminal.wait_for(READ)
        for key, text in (("3", "SELECT"), ("1", "TARGET"), ("8", "demo"), ("2", "wal")):
            terminal.send(key)
            terminal.wait_for(text)


@pytest.mark.parametrize("command", [["demo"], ["monitor"], []], ids=["demo", "monitor", "aishell"])
def test_without_a_terminal_the_one_shot_twin_is_named(command: list[str], tmp_path: Path) -> None:
    done = subprocess.run(
        [AISHELL, *command], stdin=subprocess.DEVNULL, capture_output=True, text=True, env=surroundings(tmp_path), cwd=tmp_path
    )
    assert done.returncode == 64
    assert "aishell status" in done.stderr
    assert done.stdout == ""


def test_without_a_configuration_the_demo_opens_and_says_how_to_add_a_database(tmp_path: Path) -> None:
    with opened([AISHELL], surroundings(tmp_path), columns=120, cwd=tmp_path) as terminal:
        terminal.wait_for("aishell connect URL --save NAME")
        terminal.wait_for(READ)
