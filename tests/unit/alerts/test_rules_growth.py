"""A file that is allowed costs little to read, whatever is in it: the dashboard reads it while it judges."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import pytest

from alerts.rules.load import load_book
from tests.unit.alerts.rule_documents import section, told

_SHORT, _TIMES = 200, 100
_LEAST_SECONDS = 0.02
_MOST = 20 * _TIMES
"""A cost that grows with the square of the file is a hundred times a hundred."""

_RULE = "  - {name: a, condition: pool.usage > 1%, MORE}"


def _with(more: str) -> str:
    return _RULE.replace("MORE", more)


_FILES: Mapping[str, Callable[[int], str]] = {
    "terms of a condition": lambda n: '  - {name: a, condition: "' + "+".join(["pool.usage"] * n) + ' > 1%"}',
    "a long word beside an error": lambda n: _with("x: " + "pool.usage+" * n),
    "holes of a text": lambda n: _with("annotations: {s: '" + "{{ x }}" * n + "'}"),
    "texts with holes": lambda n: _with("annotations: {" + ", ".join(f"s{k}: '{'{{ x }}' * 9}'" for k in range(n // 2)) + "}"),
    "unknown keys": lambda n: _with(", ".join(f"k{k}: 1" for k in range(n))),
    "a duration": lambda n: _with("for: " + "1h" * n),
    "hours": lambda n: _with("active_hours: {days: '" + "mon-fri," * n + "'}"),
}


def _cpu_seconds(text: str) -> float:
    begin = time.process_time()
    load_book([section(f"rules:\n{text}\n")])
    return max(time.process_time() - begin, _LEAST_SECONDS)


@pytest.mark.parametrize("kind", _FILES)
def test_reading_rules_costs_what_the_file_s_length_says(kind: str) -> None:
    made = _FILES[kind]
    assert _cpu_seconds(made(_SHORT * _TIMES)) < _MOST * _cpu_seconds(made(_SHORT))


def test_a_condition_of_many_terms_is_refused_in_words_of_its_own() -> None:
    broken = load_book([section("rules:\n" + _FILES["terms of a condition"](20_000) + "\n")]).broken
    assert "FILE:2:" in told(broken[0])
    assert "the condition is longer than 4000 characters" in told(broken[0])
    assert "split it into several rules" in told(broken[0])
