"""A stretch of a text is found in its file, however YAML writes the text."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aishell_core.documents.document import Document, parse_document
from aishell_core.documents.inside import span_inside


def _marked(document: Document, word: str) -> str:
    """What stands in the file where a word of the text at `a` is said to be."""
    content = document.content
    assert isinstance(content, dict)
    text = content["a"]
    assert isinstance(text, str)
    span = span_inside(document, ("a",), text.index(word), len(word))
    assert span is not None
    return document.lines[span.line - 1][span.column - 1 : span.column - 1 + span.length]


@pytest.mark.parametrize(
    ("text", "word", "marked"),
    [
        ("a: pool.usage > 90%", "90%", "90%"),
        ('a: "pool.usage > 90%"', "usage", "usage"),
        ("a: 'x{role=''replica''} > 90%'", "90%", "90%"),
        ("a: 'x{role=''replica''} > 90%'", "'replica'", "''replica''"),
        ('a: "x{role=\\"replica\\"} > \\u00e9 90%"', "90%", "90%"),
        ('a: "x \\x41\\t > 90%"', "A", "\\x41"),
        ("a: >\n  pool.usage\n  > 90%\n", "90%", "90%"),
        ("a: >-\n  pool.usage\n  > 90%", "usage", "usage"),
        ("a: |\n    pool.usage\n      > 90%\n    and x\nb: 1\n", "and", "and"),
        ("a: |2\n    pool.usage\n    and 90%\n", "90%", "90%"),
        ("a: pool.usage\n  > 90%\n  and x < 3\nb: 1", "< 3", "< 3"),
        ('a: "pool.usage\n  > 90%\n\n  and x < 3"', "< 3", "< 3"),
        ('a: "pool.\\\n   usage > 90%"', "usage", "usage"),
        ("a: &mark pool.usage > 90%", "90%", "90%"),
        ("a: {b: 1}\na1: x\n".replace("{b: 1}", "[x]").replace("a: [x]", "a: yes it is"), "is", "is"),
        ("a: &x !!str 'pool.usage > 90%'", "90%", "90%"),
    ],
)
def test_a_word_is_found_where_it_is_written(text: str, word: str, marked: str) -> None:
    assert _marked(parse_document("FILE", text), word) == marked


def test_a_stretch_over_several_lines_is_marked_to_the_end_of_its_first() -> None:
    document = parse_document("FILE", "a: >\n  pool.usage\n  > 90%\n")
    span = span_inside(document, ("a",), 5, 100)
    assert span is not None
    assert (span.line, span.column, span.length) == (2, 8, 5)


def test_the_end_of_a_text_is_behind_its_last_character() -> None:
    document = parse_document("FILE", 'a: "x >"')
    span = span_inside(document, ("a",), 3, 1)
    assert span is not None
    assert (span.line, span.column) == (1, 8)


def test_what_is_no_text_has_its_own_place() -> None:
    document = parse_document("FILE", "a: 12345")
    assert span_inside(document, ("a",), 2, 1) == document.span(("a",))


@given(text=st.text(max_size=40), data=st.data())
def test_any_text_in_double_quotes_is_found(text: str, data: st.DataObject) -> None:
    """A character of the text is marked as it is written, or else the whole text is."""
    document = parse_document("FILE", f"a: {json.dumps(text)}")
    content = document.content
    assert isinstance(content, dict)
    if content["a"] != text or not text:
        return
    start = data.draw(st.integers(0, len(text) - 1))
    span = span_inside(document, ("a",), start, 1)
    assert span is not None
    written = document.lines[0][span.column - 1 : span.column - 1 + span.length]
    assert parse_document("FILE", f'a: "{written}"').content == {"a": text[start]} or span == document.span(("a",))
