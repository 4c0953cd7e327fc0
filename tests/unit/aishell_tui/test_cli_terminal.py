"""Text for people: aligned, and harmless whatever a database put into it."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aishell_core.values import NO_LABELS
from aishell_tui.cli.reports.looked import series_name
from aishell_tui.cli.terminal import cell_width, fit, narrowed, printable, record_table, table
from tests.command_line import PROGRAM


def test_columns_are_aligned() -> None:
    """Texts to the left, numbers to the right, wide characters count double."""
    assert table(("NAME", "SIZE"), (("a", "1"), ("日本", "100")), numeric=(1,)) == "NAME  SIZE\na        1\n日本   100"


def test_control_characters_do_no_harm() -> None:
    """Escape sequences, line ends and direction marks of a text cannot reach the terminal."""
    assert printable("a\x1b[31m\x07b\r\nc\td\u202ee\u200bf") == "a�[31m�b  c def"


@given(text=st.text())
def test_printable_text_is_printable(text: str) -> None:
    """One line, without control or format characters."""
    shown = printable(text)
    assert all(unicodedata.category(character) not in {"Cc", "Cf"} for character in shown)
    assert len(shown.splitlines()) <= 1


@given(text=st.text(st.characters(exclude_categories=["Cc", "Cf", "Cs", "Mn", "Me"])), width=st.integers(min_value=1, max_value=30))
def test_a_cut_text_fits(text: str, width: int) -> None:
    """The cut never exceeds the width, and a text that fits is left alone."""
    assert cell_width(fit(text, width)) <= max(width, 1)
    assert cell_width(text) > width or fit(text, width) == text


def test_labels_stand_in_braces() -> None:
    """name{label="value"}, with quotes and backslashes of the value escaped."""
    assert series_name("uptime", NO_LABELS) == "uptime"
    assert series_name("a", (("b", 'c"\\d\n'), ("e", "f"))) == 'a{b="c\\"\\\\d\\n",e="f"}'


def test_a_table_is_cut_to_the_width_of_a_log_where_names_are_long() -> None:
    """The widest columns of text give way; figures and short words stay whole."""
    drawn = table(("NAME", "STATE", "SIZE"), (("n" * 300, "ok", "12345678901234567890"), ("short", "warning", "1")), numeric=(2,))
    assert max(map(cell_width, drawn.splitlines())) == 120
    assert "12345678901234567890" in drawn
    assert "warning" in drawn
    assert "short" in drawn
    assert "n" * 80 in drawn


@given(st.lists(st.integers(1, 400), min_size=1, max_size=8), st.sets(st.integers(0, 7)), st.integers(1, 600))
def test_the_widest_columns_of_text_give_way_evenly(widths: list[int], right: set[int], over: int) -> None:
    """As if one column after the other were taken from the widest, and just as fast for a text of millions."""
    expected, left = list(widths), over
    text = [column for column in range(len(widths)) if column not in right]
    while left and text and expected[widest := max(text, key=expected.__getitem__)] > 12:
        expected[widest] -= 1
        left -= 1
    assert narrowed(widths, right, over) == expected
    assert narrowed([width * 10**7 for width in widths], right, over * 10**7)


def test_a_text_of_megabytes_is_cut_without_looking_at_all_of_it() -> None:
    """Each of its characters would need a look otherwise: this would take minutes."""
    drawn = table(("ID", "TEXT"), [("1", "x\x1b" * 10_000_000), ("2", "é" * 10_000_000)], numeric=(0,))
    assert [cell_width(line) for line in drawn.splitlines()[1:]] == [120, 120]


def test_a_table_is_as_wide_as_columns_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    assert max(map(cell_width, table(("NAME", "MORE"), (("n" * 300, "m" * 90),)).splitlines())) == 160


_RECORDS = (("2026-11-21T10:00:00Z", "n" * 200, "", "0123abcd"), ("2026-11-21T10:00:01Z", "short", "", "4567cdef"))


def test_a_table_of_records_cuts_no_times_and_ids_and_leaves_out_what_is_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    first, *rows = record_table(("TIME", "WHAT", "OWNER", "ID"), _RECORDS, uncut=(0, 3)).splitlines()
    assert first.split() == ["TIME", "WHAT", "ID"]
    assert all(cell_width(row) <= 80 for row in rows)
    assert [(row.split()[0], row.split()[-1]) for row in rows] == [(record[0], record[3]) for record in _RECORDS]


def test_a_table_of_records_that_is_too_narrow_leaves_out_what_matters_least(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [("2026-11-21T10:00:00Z", *("n" * 30 for _ in range(6)), "0123abcd")]
    headings = ("TIME", "A", "B", "C", "D", "E", "F", "ID")
    monkeypatch.setenv("COLUMNS", "80")
    assert record_table(headings, rows, (0, 7), (2, 5, 1)).split()[:7] == ["TIME", "A", "C", "D", "F", "ID", "2026-11-21T10:00:00Z"]
    monkeypatch.setenv("COLUMNS", "200")
    assert record_table(headings, rows, (0, 7), (2, 5, 1)).split()[:8] == list(headings)


def test_a_table_of_records_is_whole_in_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert "n" * 200 in record_table(("TIME", "WHAT", "OWNER", "ID"), _RECORDS, uncut=(0, 3))


def test_a_terminal_of_ascii_gets_ascii(tmp_path: Path) -> None:
    """As on the screens, LC_ALL=C means no glyph beyond ASCII, though Python writes UTF-8 there."""
    path = tmp_path / "x.db"
    path.touch()
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LANG", "AISHELL_", "PYTHON"))}
    for variables, ascii_only in (({"LC_ALL": "C"}, True), ({"LC_ALL": "C.UTF-8"}, False)):
        environment = {**clean, **variables, "TERM": "xterm", "AISHELL_HOME": str(tmp_path)}
        command = [str(PROGRAM), "status", "-t", str(path), "--window", "0"]
        done = subprocess.run(command, env=environment, capture_output=True, check=False, timeout=60)
        assert done.stdout.isascii() is ascii_only
        assert b"x.db" in done.stdout
