"""Documents as lines of extended JSON: the words of the specification, and the same bytes back, whatever they are."""

from __future__ import annotations

import datetime as dt
import struct
from typing import Any

import bson
import pytest
from bson import json_util
from bson.binary import Binary
from bson.code import Code
from bson.dbref import DBRef
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.max_key import MaxKey
from bson.min_key import MinKey
from bson.objectid import ObjectId
from bson.timestamp import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from aishell_core.engines.mongodb_exact import RAW, RESERVED, documents_in, line_of
from aishell_core.engines.mongodb_exact_reading import document_of

ID = ObjectId("507f1f77bcf86cd799439011")
VALUES: dict[str, tuple[object, str]] = {
    "identifier": (ID, '{"$oid":"507f1f77bcf86cd799439011"}'),
    "int": (-5, '{"$numberInt":"-5"}'),
    "small long": (Int64(5), '{"$numberLong":"5"}'),
    "long": (2**63 - 1, '{"$numberLong":"9223372036854775807"}'),
    "double": (0.1, '{"$numberDouble":"0.1"}'),
    "whole double": (-0.0, '{"$numberDouble":"-0.0"}'),
    "no number": (float("nan"), '{"$numberDouble":"NaN"}'),
    "endless": (float("-inf"), '{"$numberDouble":"-Infinity"}'),
    "decimal": (Decimal128("1.50"), '{"$numberDecimal":"1.50"}'),
    "decimal exponent": (Decimal128("-1E+6144"), '{"$numberDecimal":"-1.000000000000000000000000000000000E+6144"}'),
    "no decimal": (Decimal128("NaN"), '{"$numberDecimal":"NaN"}'),
    "text": ('é😀"\\\n\0', '"é😀\\"\\\\\\n\\u0000"'),
    "binary": (b"abc", '{"$binary":{"base64":"YWJj","subType":"00"}}'),
    "old binary": (Binary(b"abc", 2), '{"$binary":{"base64":"YWJj","subType":"02"}}'),
    "own binary": (Binary(b"", 128), '{"$binary":{"base64":"","subType":"80"}}'),
    "date": (dt.datetime(1900, 1, 1, tzinfo=dt.UTC), '{"$date":{"$numberLong":"-2208988800000"}}'),
    "regular": (bson.Regex("^a/b", "xi"), '{"$regularExpression":{"pattern":"^a/b","options":"ix"}}'),
    "timestamp": (Timestamp(2**32 - 1, 7), '{"$timestamp":{"t":4294967295,"i":7}}'),
    "code": (Code("f()"), '{"$code":"f()"}'),
    "code with scope": (Code("f()", {"a": 1}), '{"$code":"f()","$scope":{"a":{"$numberInt":"1"}}}'),
    "smallest": (MinKey(), '{"$minKey":1}'),
    "largest": (MaxKey(), '{"$maxKey":1}'),
    "true": (True, "true"),
    "null": (None, "null"),
    "reference": (DBRef("c", ID, "d"), '{"$ref":"c","$id":{"$oid":"507f1f77bcf86cd799439011"},"$db":"d"}'),
    "inside": ({"a": [{"": [[]]}]}, '{"a":[{"":[[]]}]}'),
}


@pytest.mark.parametrize("name", VALUES)
def test_a_value_has_the_words_of_the_specification_and_comes_back_as_the_same_bytes(name: str) -> None:
    value, words = VALUES[name]
    document = bson.encode({"v": value})
    assert line_of(document).decode() == f'{{"v":{words}}}'
    assert document_of(line_of(document)) == document


def _of(kind: int, content: bytes, name: bytes = b"v") -> bytes:
    body = bytes((kind,)) + name + b"\0" + content + b"\0"
    return struct.pack("<i", len(body) + 4) + body


OLD = {
    "undefined": (_of(0x06, b""), '{"v":{"$undefined":true}}'),
    "symbol": (_of(0x0E, b"\2\0\0\0x\0"), '{"v":{"$symbol":"x"}}'),
    "pointer": (_of(0x0C, b"\2\0\0\0c\0" + ID.binary), '{"v":{"$dbPointer":{"$ref":"c","$id":{"$oid":"507f1f77bcf86cd799439011"}}}}'),
    "far date": (_of(0x09, struct.pack("<q", 2**62)), '{"v":{"$date":{"$numberLong":"4611686018427387904"}}}'),
    "twice": (struct.pack("<i", 19) + b"\x10a\0\1\0\0\0" * 2 + b"\0", '{"a":{"$numberInt":"1"},"a":{"$numberInt":"1"}}'),
}


@pytest.mark.parametrize("name", OLD)
def test_what_the_driver_would_lose_is_kept(name: str) -> None:
    document, line = OLD[name]
    assert line_of(document).decode() == line
    assert document_of(line) == document


ODD = {
    "a field like a type": bson.encode({"v": {"$oid": 5}}),
    "a field like the bytes": bson.encode({RAW: 1}),
    "no proper text": _of(0x02, b"\3\0\0\0\xff\xfe\0"),
    "no proper name": _of(0x0A, b"", b"\xff"),
    "another way to say no number": _of(0x01, b"\1\0\0\0\0\0\xf8\x7f"),
    "another way to say a decimal": _of(0x13, b"\xff" * 15 + b"\x6f"),
    "a boolean of seven": _of(0x08, b"\7"),
    "an array with holes": _of(0x04, struct.pack("<i", 12) + b"\x10" + b"3\0" + b"\1\0\0\0" + b"\0"),
    "an unknown type": _of(0x20, b""),
    "an old binary with another size": _of(0x05, struct.pack("<i", 5) + b"\2" + struct.pack("<i", 9) + b"x"),
}


@pytest.mark.parametrize("name", ODD)
def test_what_extended_json_cannot_say_is_kept_as_bytes(name: str) -> None:
    line = line_of(ODD[name])
    assert line.startswith(b'{"$bson": {"$binary":')
    assert document_of(line) == ODD[name]
    assert json_util.loads(line)[RAW] == ODD[name]


KEYS = st.text(max_size=8).filter(lambda text: "\0" not in text and text not in RESERVED) | st.sampled_from(["$ref", "$x", "", "a.b"])
LEAVES: st.SearchStrategy[Any] = st.one_of(
    st.text(max_size=20),
    st.integers(-(2**63), 2**63 - 1),
    st.integers(-(2**63), 2**63 - 1).map(Int64),
    st.floats(),
    st.booleans(),
    st.none(),
    st.binary(max_size=20),
    st.builds(Binary, st.binary(max_size=20), st.integers(0, 255).filter(lambda kind: kind not in {3, 4})),
    st.binary(min_size=12, max_size=12).map(ObjectId),
    st.decimals(allow_nan=False, places=3, min_value=-(10**9), max_value=10**9).map(Decimal128),
    st.builds(Timestamp, st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1)),
    st.datetimes().map(lambda moment: moment.replace(tzinfo=dt.UTC)),
    st.sampled_from([MinKey(), MaxKey(), Code("x"), Code("x", {}), bson.Regex("a", "i"), DBRef("c", 1)]),
)
DOCUMENTS = st.dictionaries(
    KEYS,
    st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=12),
    max_size=6,
)


@given(DOCUMENTS)
def test_any_document_comes_back_and_is_what_the_driver_reads(document: dict[str, Any]) -> None:
    written = bson.encode(document)
    line = line_of(written)
    assert b"\n" not in line
    assert document_of(line) == written


@given(st.binary(max_size=60))
def test_any_bytes_at_all_come_back(content: bytes) -> None:
    assert document_of(line_of(content)) == content


PLAIN = st.dictionaries(st.text("ab", max_size=3), LEAVES.filter(lambda value: not isinstance(value, DBRef)), max_size=6)


@given(PLAIN)
def test_the_driver_reads_the_lines_as_the_same_document(document: dict[str, Any]) -> None:
    options = json_util.JSONOptions(json_mode=json_util.JSONMode.CANONICAL, tz_aware=True)
    line = line_of(bson.encode(document))
    if not line.startswith(b'{"$bson"'):
        assert bson.encode(json_util.loads(line, json_options=options)) == bson.encode(document)


NO_DOCUMENTS = (
    *(b"", b"[]", b"5", b"{", b"\xff", b'{"a":NaN}', b'{"a\\u0000":1}', b'{"$bson": 5}', b'{"a":{"$binary":"x"}}', b'{"a":{"$date":5}}'),
    *(b'{"a":{"$oid":"12"}}', b'{"a":{"$oid":"507f1f77bcf86cd799439011","b":1}}', b'{"a":{"$numberInt":"99999999999"}}'),
    *(b'{"a":{"$code":5}}', b'{"a":{"$timestamp":{"t":-1,"i":0}}}'),
)


@pytest.mark.parametrize("line", NO_DOCUMENTS)
def test_what_is_no_document_is_told(line: bytes) -> None:
    with pytest.raises(ValueError) as caught:
        document_of(line)
    assert str(caught.value)


def test_documents_that_follow_each_other_are_told_apart() -> None:
    one, two = bson.encode({"a": 1}), bson.encode({})
    assert list(documents_in(one + two)) == [one, two]
    for cut in range(1, len(one)):
        with pytest.raises(ValueError, match="document"):
            list(documents_in(two + one[:cut]))
