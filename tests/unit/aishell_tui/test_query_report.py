"""What `aishell query` prints of values that have no form of their own in JSON or CSV."""

from __future__ import annotations

import csv
import io
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aishell_core.safety.decision import Decision, Place
from aishell_core.safety.risk import Risk
from aishell_core.safety.roles import Actor
from aishell_core.values import CommandResult
from aishell_ops.commands.models import Command, Plan
from aishell_tui.cli.reports.query import query_json, rows_text

PLAN = Plan(Command("SELECT 1"), "postgres", Place("shop"), Actor("ann", 1000), Risk(), Decision(True))


def test_what_is_no_number_has_the_same_word_everywhere() -> None:
    result = CommandResult(("a", "b", "c", "d"), ((math.nan, math.inf, -math.inf, 1.5),))
    assert json.loads(query_json(PLAN, result))["rows"] == [["NaN", "Infinity", "-Infinity", 1.5]]
    assert rows_text(result, csv=True) == "a,b,c,d\nNaN,Infinity,-Infinity,1.5"


def test_what_is_absent_differs_from_an_empty_text() -> None:
    assert rows_text(CommandResult(("a", "b"), ((None, ""), ("", None))), csv=True) == 'a,b\n,""\n"",'


def test_a_script_gets_every_byte_and_a_terminal_none_that_could_change_it(monkeypatch: pytest.MonkeyPatch) -> None:
    result = CommandResult(("a",), (("x\x1b[31m\ny",),))
    assert rows_text(result, csv=True) == 'a\n"x\x1b[31m\ny"'
    monkeypatch.setattr("sys.stdout", _Terminal())
    assert rows_text(result, csv=True) == 'a\n"x\ufffd[31m\ny"'


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@given(st.lists(st.tuples(st.text(), st.text()), min_size=1))
def test_any_texts_are_read_again_as_they_were(rows: list[tuple[str, str]]) -> None:
    written = rows_text(CommandResult(("a", "b"), tuple(rows)), csv=True)
    assert list(csv.reader(io.StringIO(written, newline="")))[1:] == [list(row) for row in rows]
