"""Fields of documents as the bytes of their values: walked, made, and told as plain extended JSON."""

from __future__ import annotations

import struct
from typing import Any

import bson
import pytest
from bson import json_util
from hypothesis import given
from hypothesis import strategies as st

from aishell_core.engines import mongodb_elements as elements
from aishell_core.engines.mongodb_exact import line_of
from aishell_core.engines.mongodb_exact_reading import document_of
from tests.unit.aishell_core.test_mongodb_exact import DOCUMENTS, ODD, OLD, PLAIN, VALUES


@given(DOCUMENTS)
def test_a_document_is_made_of_its_elements(document: dict[str, Any]) -> None:
    written = bson.encode(document)
    assert elements.document_from(elements.elements_of(written)) == written


@pytest.mark.parametrize("name", [*VALUES, *OLD])
def test_every_type_is_walked(name: str) -> None:
    written = bson.encode({"before": 1, "v": VALUES[name][0], "after": 1}) if name in VALUES else OLD[name][0]
    found = list(elements.elements_of(written))
    assert elements.document_from(found) == written
    assert name == "twice" or len(found) == (3 if name in VALUES else 1)


@given(st.binary(max_size=40))
def test_bytes_that_are_no_document_are_refused_or_walked(content: bytes) -> None:
    try:
        found = list(elements.elements_of(content))
    except ValueError:
        return
    assert elements.document_from(found) == content


@pytest.mark.parametrize("content", [b"", b"\5\0\0\0\1", b"\x0c\0\0\0\x10a\0\1\0\0\0", struct.pack("<i", 8) + b"\x20a\0\0"])
def test_cut_and_unknown_fields_are_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"document|field|subsection"):
        list(elements.elements_of(content))


@given(DOCUMENTS)
def test_plain_lines_come_back_as_the_same_bytes(document: dict[str, Any]) -> None:
    written = bson.encode(document)
    assert document_of(line_of(written, plain=True)) == written


@given(PLAIN)
def test_the_driver_reads_plain_lines_as_the_same_document(document: dict[str, Any]) -> None:
    options = json_util.JSONOptions(json_mode=json_util.JSONMode.RELAXED, tz_aware=True)
    line = line_of(bson.encode(document), plain=True)
    if not line.startswith(b'{"$bson"'):
        assert bson.encode(json_util.loads(line, json_options=options)) == bson.encode(document)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (5, "5"),
        (bson.Int64(5), '{"$numberLong":"5"}'),
        (2**31, "2147483648"),
        (-(2**53), "-9007199254740992"),
        (2**53 + 1, '{"$numberLong":"9007199254740993"}'),
        (3.0, "3.0"),
        (1e300, "1e+300"),
        (float("nan"), '{"$numberDouble":"NaN"}'),
        (bson.DatetimeMS(0), '{"$date":"1970-01-01T00:00:00.000Z"}'),
        (bson.DatetimeMS(253_402_300_799_999), '{"$date":"9999-12-31T23:59:59.999Z"}'),
        (bson.DatetimeMS(253_402_300_800_000), '{"$date":{"$numberLong":"253402300800000"}}'),
        (bson.DatetimeMS(-1), '{"$date":{"$numberLong":"-1"}}'),
        ({"a": [1]}, '{"a":[1]}'),
    ],
)
def test_plain_words_are_numbers_and_dates_where_everybody_reads_the_same(value: object, words: str) -> None:
    ((_, element),) = elements.elements_of(bson.encode({"v": value}))
    assert elements.json_of(element) == words
    assert elements.element_of_json(words) == element


@pytest.mark.parametrize("name", ODD)
def test_a_value_without_words_is_told_as_bytes_that_can_be_told_again(name: str) -> None:
    if name in ("a field like the bytes", "no proper name", "an unknown type"):
        return
    ((_, element),) = elements.elements_of(ODD[name])
    ((_, kept),) = elements.elements_of(document_of(elements.json_of(element)))
    assert elements.json_of(element).startswith('{"$bson"')
    assert kept == element


@pytest.mark.parametrize("text", ['{"$date":"2026-01-01"}', '{"$date":"2026-01-01T00:00:00.0001Z"}', '{"$date":"x"}'])
def test_dates_that_mongodb_has_not_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"date|Invalid"):
        elements.element_of_json(text)
