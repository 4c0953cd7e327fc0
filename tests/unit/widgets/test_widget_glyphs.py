"""Which symbols a terminal gets, and that each is one cell wide."""

from __future__ import annotations

from dataclasses import fields

import pytest
from rich.cells import cell_len

from aishell_core.values import Severity
from widgets.glyphs import ASCII, UNICODE, Glyphs, choose_glyphs


@pytest.mark.parametrize(
    ("environ", "encoding", "expected"),
    [
        ({"LANG": "de_DE.UTF-8"}, "utf-8", UNICODE),
        ({"LANG": "en_US.utf8"}, "utf-8", UNICODE),
        ({"LANG": "de_DE.UTF-8@euro"}, "ascii", UNICODE),
        ({"LANG": "de_DE.ISO-8859-1"}, "utf-8", ASCII),
        ({"LANG": "de_DE"}, "utf-8", ASCII),
        ({"LANG": "C"}, "utf-8", ASCII),
        ({"LANG": "POSIX"}, "utf-8", ASCII),
        ({"LC_ALL": "C", "LANG": "de_DE.UTF-8"}, "utf-8", ASCII),
        ({"LC_ALL": "C.UTF-8", "LANG": "C"}, "utf-8", UNICODE),
        ({"LC_CTYPE": "de_DE.UTF-8", "LANG": "C"}, "utf-8", UNICODE),
        ({"LC_CTYPE": "C", "LANG": "de_DE.UTF-8"}, "utf-8", ASCII),
        # Python sets LC_CTYPE itself where the locale is C, and then says utf-8.
        ({"LC_CTYPE": "C.UTF-8", "LANG": "C"}, "utf-8", ASCII),
        ({"LC_CTYPE": "C.UTF-8", "LANG": "POSIX"}, "utf-8", ASCII),
        ({"LC_CTYPE": "C.UTF-8"}, "utf-8", UNICODE),
        ({"LC_CTYPE": "UTF-8"}, "utf-8", UNICODE),
        ({}, "utf-8", UNICODE),
        ({}, "UTF8", UNICODE),
        ({}, "ascii", ASCII),
        ({}, None, ASCII),
        ({"LC_ALL": "", "LANG": "de_DE.UTF-8"}, "ascii", UNICODE),
        ({"TERM": "linux", "LANG": "de_DE.UTF-8"}, "utf-8", ASCII),
        ({"TERM": "dumb", "LANG": "de_DE.UTF-8"}, "utf-8", ASCII),
        ({"TERM": "xterm-256color", "LANG": "de_DE.UTF-8"}, "utf-8", UNICODE),
        ({"AISHELL_GLYPHS": "unicode", "TERM": "linux", "LANG": "C"}, "ascii", UNICODE),
        ({"AISHELL_GLYPHS": "ASCII", "LANG": "de_DE.UTF-8"}, "utf-8", ASCII),
        ({"AISHELL_GLYPHS": "whatever", "LANG": "de_DE.UTF-8"}, "utf-8", UNICODE),
    ],
)
def test_the_environment_decides(environ: dict[str, str], encoding: str | None, expected: Glyphs) -> None:
    assert choose_glyphs(environ, encoding) is expected


@pytest.mark.parametrize("glyphs", [UNICODE, ASCII])
def test_every_symbol_is_one_cell_wide(glyphs: Glyphs) -> None:
    texts = {field.name: getattr(glyphs, field.name) for field in fields(Glyphs) if field.name != "unicode"}
    assert {name: text for name, text in texts.items() if cell_len(text) != len(text)} == {}
    assert {name for name, text in texts.items() if len(text) != 1} <= {"ramp", "bars"}


def test_ascii_symbols_are_ascii() -> None:
    assert all(getattr(ASCII, field.name).isascii() for field in fields(Glyphs) if field.name != "unicode")


@pytest.mark.parametrize("glyphs", [UNICODE, ASCII])
def test_severities_have_different_symbols(glyphs: Glyphs) -> None:
    assert len({glyphs.severity(severity) for severity in Severity}) == 4
