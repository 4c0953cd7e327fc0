"""What is said about a rule that is wrong: file, line, column inside the text, the line with a caret, the nearest valid name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.unit.alerts.rule_documents import book, told


def _cases() -> list[tuple[str, str, str]]:
    text = (Path(__file__).parent / "bad_rules.txt").read_text(encoding="utf-8")
    cases = []
    for part in re.split(r"^=== ", text, flags=re.MULTILINE)[1:]:
        title, _, rest = part.partition("\n")
        content, _, message = rest.partition("--- says\n")
        cases.append((title, content, message.strip("\n")))
    return cases


def test_the_table_is_a_table() -> None:
    titles = [title for title, _, _ in _cases()]
    assert len(titles) == len(set(titles)) > 15


@pytest.mark.parametrize(("content", "message"), [pytest.param(content, message, id=title) for title, content, message in _cases()])
def test_what_is_said_about_a_bad_rule(content: str, message: str) -> None:
    found = book(content)
    assert found.rules == ()
    assert "\n".join(told(broken) for broken in found.broken) == message
