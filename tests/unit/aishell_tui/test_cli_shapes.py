"""JSON is a promise: the shapes, their encoding, and the page that describes them."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aishell_core.values import Severity
from aishell_tui.cli.encode import to_json, to_plain, utc_text
from aishell_tui.cli.pages import nested, shape_text, type_name
from aishell_tui.cli.promises import REPORTS
from aishell_tui.cli.shapes import ErrorBody, ErrorReport, MetricValue, StatusReport, TargetStatus

STATUS = StatusReport(
    "2026-11-21T14:02:31Z",
    (
        TargetStatus(
            "app", "sqlite", "3.45.0", "production", "warning", ("it is slow",), {"connections.used": MetricValue(3.0, "count", 0.5)}, None
        ),
    ),
)


def test_the_status_report_has_exactly_the_promised_keys() -> None:
    """Scripts rely on these names and on their nesting."""
    assert to_plain(STATUS) == {
        "generated_at": "2026-11-21T14:02:31Z",
        "targets": [
            {
                "name": "app",
                "engine": "sqlite",
                "version": "3.45.0",
                "environment": "production",
                "state": "warning",
                "reasons": ["it is slow"],
                "metrics": {"connections.used": {"value": 3.0, "unit": "count", "age_seconds": 0.5}},
                "server": None,
            }
        ],
    }


def test_an_error_has_exactly_the_promised_keys() -> None:
    """An error is one object with code, message and hint."""
    assert to_plain(ErrorReport(ErrorBody("usage", "no", "do"))) == {"error": {"code": "usage", "message": "no", "hint": "do"}}


class Word(StrEnum):
    """An enum of words."""

    ONE = "one"


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just(Word.ONE) | st.builds(Path, st.just("/a/b")),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner).map(MappingProxyType),
    max_leaves=20,
)


@given(value=_VALUES)
def test_everything_becomes_valid_json(value: object) -> None:
    """NaN and infinity are null, and the text is ASCII that any reader takes."""
    text = to_json(value)
    assert text.isascii()
    assert not _has_non_finite(json.loads(text))


def _has_non_finite(value: object) -> bool:
    match value:
        case float():
            return not math.isfinite(value)
        case list():
            return any(_has_non_finite(item) for item in value)
        case dict():
            return any(_has_non_finite(item) for item in value.values())
    return False


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_none_is_null(value: float) -> None:
    """Unknown is null, never NaN and never zero."""
    assert to_plain(MetricValue(value, "count", None)) == {"value": None, "unit": "count", "age_seconds": None}


def test_moments_are_utc() -> None:
    """generated_at ends in Z."""
    assert utc_text(0.75) == "1970-01-01T00:00:00Z"


def _shapes() -> Iterator[type]:
    for _, shape in REPORTS:
        yield shape
        yield from nested(shape)


def test_every_key_of_every_shape_is_described() -> None:
    """A shape without docs cannot be added, and every type in it has a name in JSON."""
    for shape in _shapes():
        assert is_dataclass(shape)
        assert shape.__doc__
        for field in fields(shape):
            assert field.metadata["doc"]
            assert type_name(get_type_hints(shape)[field.name])


def test_the_page_is_made_from_the_types() -> None:
    """Key, type and meaning stand in one row; lists, maps and unknown values are named."""
    text = shape_text(TargetStatus)
    assert "| `name` | text | its configured name, or one made from its URL |" in text
    assert "| `version` | text or null |" in text
    assert "| `reasons` | list of text |" in text
    assert "| `metrics` | map of text to [MetricValue](#metricvalue) |" in text


def test_states_are_the_words_of_the_severities() -> None:
    """The words that the docs promise are the ones that are printed."""
    described = {field.name: field.metadata["doc"] for field in fields(TargetStatus)}["state"]
    assert all(severity.value in described for severity in Severity)
