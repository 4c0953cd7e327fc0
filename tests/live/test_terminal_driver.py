"""The terminal that the live tests look through is a real one."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from tests.processes import survivors
from tests.terminal import opened, surroundings

SIZE_TELLER = """
import os, signal, sys
def tell(*_):
    size = os.get_terminal_size()
    # Not by print: a signal that comes in the middle of one may not print again.
    os.write(1, f"size {size.columns}x{size.lines} tty {os.isatty(0) and os.isatty(1) and os.isatty(2)}\\n".encode())
signal.signal(signal.SIGWINCH, tell)
tell()
while True:
    line = sys.stdin.readline()
    print("typed", line.strip(), flush=True)
"""
PARENT = "import subprocess, sys, time; subprocess.Popen(['sleep', '600']); print('started', flush=True); time.sleep(600)"
TEXTUAL = """
from textual.app import App
from textual.widgets import Static
class Small(App):
    BINDINGS = [("q", "quit")]
    def compose(self):
        yield Static("ready in [red]red[/red]")
Small().run()
"""


def test_size_keys_and_resizing_reach_the_program(tmp_path: Path) -> None:
    with opened([sys.executable, "-c", SIZE_TELLER], surroundings(tmp_path), columns=70, rows=20) as terminal:
        terminal.wait_for("size 70x20 tty True")
        terminal.resize(100, 30)
        terminal.wait_for("size 100x30")
        terminal.send("hello\r")
        terminal.wait_for("typed hello")


def test_closing_the_terminal_hangs_up(tmp_path: Path) -> None:
    with opened([sys.executable, "-c", PARENT], surroundings(tmp_path)) as terminal:
        terminal.wait_for("started")
        below = terminal.process.processes()
        assert [mark.command for mark in below] == ["sleep 600"]
        terminal.process.close_terminal()
        assert terminal.process.wait() == -signal.SIGHUP
        assert survivors(below) == frozenset()


def test_a_text_that_never_comes_fails_with_the_screen(tmp_path: Path) -> None:
    with opened([sys.executable, "-c", "print('something else')"], surroundings(tmp_path)) as terminal:
        with pytest.raises(AssertionError, match="something else"):
            terminal.wait_for("hello")
        assert terminal.wait_for_end() == 0


def test_colours_are_found_and_other_attributes_are_not(tmp_path: Path) -> None:
    script = r"print('\x1b[1;31mred\x1b[0m \x1b[38;5;200;4mpink\x1b[48;2;1;2;3mdeep\x1b[0;7mplain\x1b[m')"
    with opened([sys.executable, "-c", script], surroundings(tmp_path)) as terminal:
        assert terminal.wait_for_end() == 0
        assert terminal.text.startswith("red pinkdeepplain")
        assert terminal.colour_codes() == ("31", "38;5;200", "48;2;1;2;3")


def test_a_program_of_our_terminal_library_draws_cleanly(tmp_path: Path) -> None:
    """None of the protocol queries that it sends leaves a letter on the screen."""
    with opened([sys.executable, "-c", TEXTUAL], surroundings(tmp_path)) as terminal:
        terminal.wait_for("ready in red")
        assert terminal.text.split() == ["ready", "in", "red"]
        terminal.send("q")
        assert terminal.wait_for_end() == 0


def test_the_environment_can_lose_variables(tmp_path: Path) -> None:
    changed = surroundings(tmp_path, COLORTERM=None, TERM="linux")
    assert "COLORTERM" not in changed
    assert changed["TERM"] == "linux"
    assert changed["AISHELL_HOME"] == str(tmp_path)
    assert changed["PATH"] == os.environ["PATH"]
