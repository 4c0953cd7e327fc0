"""What a file costs grows as the file does, whatever is in it: no line of it may hold the program up."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from aishell_core.documents.document import parse_document
from aishell_core.documents.masking import has_written_secret, mask_line
from aishell_core.documents.problems import InvalidConfigError

_SHORT = 2_000
_TIMES = 100
_LEAST_SECONDS = 0.002
"""What is quicker is measured as this: the clock and the first call would say more than the text."""
_MOST = 20 * _TIMES
"""A cost that grows with the square of the text is a hundred times a hundred; one that grows with the text is far below this."""


def _cpu_seconds(work: Callable[[str], object], text: str) -> float:
    begin = time.process_time()
    work(text)
    return max(time.process_time() - begin, _LEAST_SECONDS)


@pytest.mark.parametrize(
    "piece",
    [
        "pool.usage+",
        "a",
        "a.",
        "pass",
        "?pass",
        "?a=",
        "://",
        "://a:",
        "a:",
        "a:@",
        "${",
        "$",
        "sqlite://",
        "@",
        " pass ",
        "pass: ",
        "key:{env:",
        "a://b ",
    ],
)
def test_masking_a_long_line_costs_what_its_length_says(piece: str) -> None:
    short = piece * (_SHORT // len(piece))
    for work in (mask_line, has_written_secret):
        assert _cpu_seconds(work, short * _TIMES) < _MOST * _cpu_seconds(work, short)


def _message(text: str) -> str:
    with pytest.raises(InvalidConfigError) as caught:
        parse_document("FILE", text)
    return str(caught.value)


def test_an_error_on_a_long_line_is_told_without_the_line() -> None:
    """Its place is enough to find it, and nothing else of a line that no person wrote is looked at."""
    line = f"a: {'x.' * 10_000}, b: !secret 1"
    said = _message(f"{line}: 2\n")
    assert said.startswith("FILE:1:")
    assert "x.x.x" not in said


def test_long_texts_that_aliases_multiply_are_refused() -> None:
    text = f"a: &a {'x' * 100_000}\nb: [{', '.join(['*a'] * 100)}]\n"
    assert "more than 4,194,304 characters, those of aliases counted each time" in _message(text)


def test_a_long_value_is_quoted_in_part() -> None:
    said = _message(f"? {'k' * 4_000}\n: 1\n? {'k' * 4_000}\n: 2\n")
    assert "…" in said
    assert len(said) < 2_000
