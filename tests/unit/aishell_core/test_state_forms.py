"""Frozen values as JSON: what was written is read again, what is damaged is nothing, and a library of models agrees with both."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import NewType

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from aishell_core.state.forms import Form, Written

Name = NewType("Name", str)
Pairs = tuple[tuple[str, str], ...]


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True, slots=True)
class Part:
    count: int
    share: float | None = None


@dataclass(frozen=True, slots=True)
class Whole:
    name: Name
    colour: Colour
    figure: float
    pairs: Pairs = ()
    times: tuple[float, ...] = ()
    is_right: bool = True
    part: Part | None = None
    parts: tuple[Part, ...] = ()
    levels: dict[int, dict[str, Colour | None]] = field(default_factory=dict)


NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
TEXTS = st.text(max_size=20)
PARTS = st.builds(Part, st.integers(-(2**53), 2**53), st.none() | NUMBERS)
WHOLES = st.builds(
    Whole,
    TEXTS.map(Name),
    st.sampled_from(Colour),
    NUMBERS,
    st.lists(st.tuples(TEXTS, TEXTS), max_size=3).map(tuple),
    st.lists(NUMBERS, max_size=3).map(tuple),
    st.booleans(),
    st.none() | PARTS,
    st.lists(PARTS, max_size=2).map(tuple),
    st.dictionaries(st.integers(0, 99), st.dictionaries(TEXTS, st.none() | st.sampled_from(Colour), max_size=2), max_size=2),
)
WHOLE = Whole(Name("n"), Colour.RED, 1.5, (("a", "b"),), (1.0,), part=Part(1))
FORM: Form[Whole] = Form(Whole)
MODEL = TypeAdapter(Whole)


@given(WHOLES)
def test_what_was_written_is_read_again_here_and_by_a_library_of_models(value: Whole) -> None:
    text = FORM.encode(value)
    assert FORM.decode(text) == value
    assert MODEL.validate_json(text) == value
    assert FORM.decode(MODEL.dump_json(value).decode()) == value


def test_a_key_that_is_not_there_has_its_default_and_one_that_is_not_known_is_left() -> None:
    assert FORM.decode('{"name": "n", "colour": "red", "figure": 1, "new": [1]}') == Whole(Name("n"), Colour.RED, 1.0)


@pytest.mark.parametrize(
    "changed",
    [
        {"name": None},
        {"name": 3},
        {"colour": "green"},
        {"colour": ["red"]},
        {"figure": None},
        {"figure": "much"},
        {"name": "\ud800"},
        {"pairs": "ab"},
        {"pairs": [["a"]]},
        {"times": [None]},
        {"is_right": "perhaps"},
        {"part": {}},
        {"part": {"count": 1.5}},
        {"parts": {"count": 1}},
        {"levels": {"one": {}}},
        {"levels": []},
    ],
)
def test_a_part_that_does_not_fit_its_type_damages_the_whole(changed: dict[str, object]) -> None:
    text = json.dumps({**json.loads(FORM.encode(WHOLE)), **changed})
    assert FORM.decode(text) is None
    with pytest.raises(ValidationError):
        MODEL.validate_json(text)


@pytest.mark.parametrize("text", ["", "{", "null", "[]", "3", '"name"', "{}", "[" * 100_000, '{"name": "n"}', "\x00"])
def test_a_text_that_is_none_of_it_is_damaged(text: str) -> None:
    assert FORM.decode(text) is None


def test_a_number_that_is_larger_than_any_figure_is_damage() -> None:
    assert FORM.decode('{"name": "n", "colour": "red", "figure": 1' + "0" * 400 + "}") is None


def test_figures_that_are_no_numbers_become_nothing() -> None:
    text = FORM.encode(replace(WHOLE, part=Part(1, math.nan), parts=(Part(2, math.inf),)))
    assert json.loads(text)["part"] == {"count": 1, "share": None}
    assert json.loads(text)["parts"] == [{"count": 2, "share": None}]


def test_bytes_that_are_no_text_become_harmless_text() -> None:
    odd = replace(WHOLE, name=Name("a\udc80b"), levels={1: {"k\udc81": Colour.BLUE}})
    read = FORM.decode(FORM.encode(odd).encode().decode())
    assert read == replace(WHOLE, name=Name("a\\udc80b"), levels={1: {"k\\udc81": Colour.BLUE}})


def test_a_type_may_stand_as_a_text_of_its_own() -> None:
    form: Form[tuple[Part, ...]] = Form(tuple[Part, ...], Written(Part, lambda part: str(part.count), lambda text: Part(int(text))))
    assert form.encode((Part(1), Part(22))) == '["1","22"]'
    assert form.decode('["1","22"]') == (Part(1), Part(22))
    assert form.decode('["1","x"]') is None
    assert form.decode("[1]") is None


def test_a_type_that_has_no_form_is_said_when_the_form_is_made() -> None:
    with pytest.raises(TypeError, match="complex"):
        Form(complex)
