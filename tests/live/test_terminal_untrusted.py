"""Text that a database holds reaches the terminal as text: no markup, no control sequence, no crash."""

from __future__ import annotations

import re
from contextlib import closing
from pathlib import Path

import pytest

from aishell_core.engines.statement_log import default_log, flush_statements, logged_connect, record_statement
from tests.terminal import AISHELL, Terminal, opened, surroundings

# A title change, a clipboard write, a cursor report, 8-bit control characters, a bidirectional override, and markup.
HOSTILE = "[red]mark[/red]\x1b]0;owned\x07\x1b]52;c;b3duZWQ=\x07\x1b[6n\x9b31m\u202edesrever[/"
# What the terminal must never get, in whatever place it stood.
FORBIDDEN = (b"\x1b]0;owned", b"\x1b]52;", b"\x07", "\x9b".encode(), "\u202e".encode())

# The terminal library sets the shape of the mouse pointer itself.
OWN = rb"\x1b\]22;[a-z]*\x07"


@pytest.fixture
def hostile_database(tmp_path: Path) -> Path:
    """A database whose name, tables and statements are hostile."""
    path = tmp_path / "[bold]evil\x1b]0;owned\x07.db"
    with closing(logged_connect(path)) as connection:
        quoted = HOSTILE.replace('"', '""')
        connection.execute("PRAGMA journal_mode = WAL").fetchall()
        connection.execute(f'CREATE TABLE "{quoted}" (id INTEGER PRIMARY KEY, "{quoted}" TEXT)')
        connection.execute(f'INSERT INTO "{quoted}" VALUES (1, ?)', (HOSTILE,))
        connection.commit()
    log = default_log(path)
    record_statement(log, f'SELECT visible_part, "{HOSTILE}" FROM t', 1.5, rows=1)
    assert flush_statements(log)
    return path


def look_at_everything(terminal: Terminal) -> None:
    terminal.wait_for(re.compile(r"\bwal\s+\d"))
    terminal.send("b")
    terminal.wait_for("desrever")
    terminal.send("\x1b")
    terminal.wait_for(re.compile(r"\bwal\s+\d"))
    terminal.send("3")
    for mode in ("since", "total"):
        terminal.send("t")
        terminal.wait_for(re.compile(rf"queries\s+{mode}"))
    terminal.wait_for("SELECT visible_part")
    terminal.send("/")
    terminal.wait_for(re.compile("^ ?/", re.MULTILINE))
    terminal.send("visible_part\r")
    terminal.wait_for("/visible_part")
    terminal.send("\r")
    terminal.wait_for("who runs it")
    terminal.send("\x1b")
    terminal.wait_for("%TIME")
    for key, text in (("1", "TARGET"), ("8", "events")):
        terminal.send(key)
        terminal.wait_for(text)


def test_hostile_names_and_statements_do_no_harm(hostile_database: Path, tmp_path: Path) -> None:
    with opened([AISHELL, "--target", hostile_database], surroundings(tmp_path / "home"), columns=140, rows=40, cwd=tmp_path) as terminal:
        look_at_everything(terminal)
        terminal.send("q")
        assert terminal.wait_for_end() == 0
        written = re.sub(OWN, b"", bytes(terminal.raw))
        for forbidden in FORBIDDEN:
            at = written.find(forbidden)
            assert at < 0, written[max(0, at - 60) : at + 20]
