"""Documents of MongoDB as lines of canonical extended JSON (version 2) and back, byte for byte; pure.

The driver's own conversion goes by Python's values, which lose the old types (symbol, undefined, database pointers), names
that stand twice in a document, and the order inside references. Here bytes become text and text becomes the same bytes.
What extended JSON cannot tell apart (a document with a field {"$oid": 5}, text that is no UTF-8) is kept as the bytes
themselves, under one field, RAW.
https://github.com/mongodb/specifications/blob/master/source/extended-json/extended-json.md, https://bsonspec.org/spec.html
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Callable, Iterator
from functools import lru_cache
from json.encoder import encode_basestring as quoted

from bson.decimal128 import Decimal128
from bson.errors import BSONError

RAW = "$bson"
"""The one field of a line that holds a document's bytes instead of its fields."""
RESERVED = frozenset(
    {
        *("$oid", "$numberInt", "$numberLong", "$numberDouble", "$numberDecimal", "$binary", "$uuid", "$code", "$scope", "$timestamp"),
        *("$regularExpression", "$regex", "$dbPointer", "$date", "$minKey", "$maxKey", "$undefined", "$symbol", RAW),
    }
)
"""Names of fields that mean a type in extended JSON, so that a document's own field cannot be called so."""
_SIZE, _DOUBLE, _LONG, _UNSIGNED_PAIR = struct.Struct("<i"), struct.Struct("<d"), struct.Struct("<q"), struct.Struct("<II")
_PLAIN_NAN = struct.pack("<d", float("nan"))
_OLD_BINARY = 2
_LEAST_BYTES = 5


class _OddError(Exception):
    """Extended JSON has no words for this document."""


def line_of(document: bytes) -> bytes:
    """A document as one line of extended JSON, without its end; `document_of` gives the same bytes back."""
    try:
        text, end = _document(document, 0)
        if end == len(document):
            return text.encode()
    except (_OddError, UnicodeError, struct.error, IndexError, KeyError, ValueError, BSONError, RecursionError):
        pass
    return f'{{"{RAW}": {_binary_text(document, 0)}}}'.encode()


def documents_in(batch: bytes) -> Iterator[bytes]:
    """The documents of some that follow each other; raises ValueError when they do not end where the bytes do."""
    at = 0
    while at < len(batch):
        if len(batch) - at < _LEAST_BYTES:
            raise ValueError("a document is cut off")
        (size,) = _SIZE.unpack_from(batch, at)
        if size < _LEAST_BYTES or at + size > len(batch) or batch[at + size - 1]:
            raise ValueError("a document has not the size that it says")
        yield batch[at : at + size]
        at += size


@lru_cache(4096)
def _name(written: bytes) -> str:
    name = written.decode()
    if name in RESERVED:
        raise _OddError
    return f"{quoted(name)}:"


def _document(data: bytes, at: int) -> tuple[str, int]:
    fields: list[str] = []
    end = at + _SIZE.unpack_from(data, at)[0] - 1
    at += 4
    while at < end:
        stop = data.index(0, at + 1)
        value, following = _VALUES[data[at]](data, stop + 1)
        fields.append(_name(data[at + 1 : stop]) + value)
        at = following
    if at != end or data[end]:
        raise _OddError
    return f"{{{','.join(fields)}}}", end + 1


def _array(data: bytes, at: int) -> tuple[str, int]:
    found: list[str] = []
    end = at + _SIZE.unpack_from(data, at)[0] - 1
    at += 4
    while at < end:
        stop = data.index(0, at + 1)
        if data[at + 1 : stop] != b"%d" % len(found):
            raise _OddError
        value, following = _VALUES[data[at]](data, stop + 1)
        found.append(value)
        at = following
    if at != end or data[end]:
        raise _OddError
    return f"[{','.join(found)}]", end + 1


def _text(data: bytes, at: int) -> tuple[str, int]:
    end = at + 4 + _SIZE.unpack_from(data, at)[0]
    if data[end - 1] or end <= at + 4:
        raise _OddError
    return quoted(data[at + 4 : end - 1].decode()), end


def _short_text(data: bytes, at: int) -> tuple[str, int]:
    end = data.index(0, at)
    return quoted(data[at:end].decode()), end + 1


def _double(data: bytes, at: int) -> tuple[str, int]:
    (number,) = _DOUBLE.unpack_from(data, at)
    text = repr(number)
    if text[-1] in "fn":
        if number != number and data[at : at + 8] != _PLAIN_NAN:
            raise _OddError
        text = {"inf": "Infinity", "-inf": "-Infinity", "nan": "NaN"}[text]
    return f'{{"$numberDouble":"{text}"}}', at + 8


def _binary(data: bytes, at: int) -> tuple[str, int]:
    size, kind, start = _SIZE.unpack_from(data, at)[0], data[at + 4], at + 5
    content = data[start : start + size]
    if len(content) != size:
        raise _OddError
    if kind == _OLD_BINARY:
        # The oldest kind says its size a second time, inside.
        if size < 4 or _SIZE.unpack_from(content)[0] != size - 4:
            raise _OddError
        content = content[4:]
    return _binary_text(content, kind), start + size


def _binary_text(content: bytes, kind: int) -> str:
    return f'{{"$binary":{{"base64":"{base64.b64encode(content).decode()}","subType":"{kind:02x}"}}}}'


def _boolean(data: bytes, at: int) -> tuple[str, int]:
    return ("false", "true")[data[at]], at + 1


def _regular(data: bytes, at: int) -> tuple[str, int]:
    pattern, at = _short_text(data, at)
    options, at = _short_text(data, at)
    return f'{{"$regularExpression":{{"pattern":{pattern},"options":{options}}}}}', at


def _pointer(data: bytes, at: int) -> tuple[str, int]:
    place, at = _text(data, at)
    return f'{{"$dbPointer":{{"$ref":{place},"$id":{{"$oid":"{data[at : at + 12].hex()}"}}}}}}', at + 12


def _code(data: bytes, at: int) -> tuple[str, int]:
    text, at = _text(data, at)
    return f'{{"$code":{text}}}', at


def _code_with_scope(data: bytes, at: int) -> tuple[str, int]:
    end = at + _SIZE.unpack_from(data, at)[0]
    text, at = _text(data, at + 4)
    scope, at = _document(data, at)
    if at != end:
        raise _OddError
    return f'{{"$code":{text},"$scope":{scope}}}', at


def _symbol(data: bytes, at: int) -> tuple[str, int]:
    text, at = _text(data, at)
    return f'{{"$symbol":{text}}}', at


def _timestamp(data: bytes, at: int) -> tuple[str, int]:
    count, seconds = _UNSIGNED_PAIR.unpack_from(data, at)
    return f'{{"$timestamp":{{"t":{seconds},"i":{count}}}}}', at + 8


def _decimal(data: bytes, at: int) -> tuple[str, int]:
    written = data[at : at + 16]
    text = str(Decimal128.from_bid(written))
    if Decimal128(text).bid != written:
        raise _OddError
    return f'{{"$numberDecimal":"{text}"}}', at + 16


_VALUES: dict[int, Callable[[bytes, int], tuple[str, int]]] = {
    0x01: _double,
    0x02: _text,
    0x03: _document,
    0x04: _array,
    0x05: _binary,
    0x06: lambda _, at: ('{"$undefined":true}', at),
    0x07: lambda data, at: (f'{{"$oid":"{data[at : at + 12].hex()}"}}', at + 12),
    0x08: _boolean,
    0x09: lambda data, at: (f'{{"$date":{{"$numberLong":"{_LONG.unpack_from(data, at)[0]}"}}}}', at + 8),
    0x0A: lambda _, at: ("null", at),
    0x0B: _regular,
    0x0C: _pointer,
    0x0D: _code,
    0x0E: _symbol,
    0x0F: _code_with_scope,
    0x10: lambda data, at: (f'{{"$numberInt":"{_SIZE.unpack_from(data, at)[0]}"}}', at + 4),
    0x11: _timestamp,
    0x12: lambda data, at: (f'{{"$numberLong":"{_LONG.unpack_from(data, at)[0]}"}}', at + 8),
    0x13: _decimal,
    0x7F: lambda _, at: ('{"$maxKey":1}', at),
    0xFF: lambda _, at: ('{"$minKey":1}', at),
}
