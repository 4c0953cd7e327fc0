"""Documents of MongoDB as lines of canonical extended JSON (version 2) and back, byte for byte; pure.

The driver's own conversion goes by Python's values, which lose the old types (symbol, undefined, database pointers), names
that stand twice in a document, and the order inside references. Here bytes become text and text becomes the same bytes.
What extended JSON cannot tell apart (a document with a field {"$oid": 5}, text that is no UTF-8) is kept as the bytes
themselves, under one field, RAW.

Canonical lines name the type of every number. Plain ones leave that out where whoever reads extended JSON takes a number for
the same type anyway, and have dates as text, so that people and programs that know JSON alone can read them.
https://github.com/mongodb/specifications/blob/master/source/extended-json/extended-json.md, https://bsonspec.org/spec.html
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
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
_INT_LIMIT, _SAFE_LIMIT = 2**31, 2**53
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  (in UTC, whose sign is written behind it)
_LAST_MILLISECONDS = 253_402_300_800_000
"""The year 10000."""
_LEAST_BYTES = 5


class _OddError(Exception):
    """Extended JSON has no words for this document."""


def line_of(document: bytes, *, plain: bool = False) -> bytes:
    """A document as one line of extended JSON, without its end; `document_of` gives the same bytes back."""
    text = value_text(_DOCUMENT, document, plain=plain)
    return (f'{{"{RAW}": {_binary_text(document, 0)}}}' if text is None else text).encode()


def value_text(kind: int, content: bytes, *, plain: bool) -> str | None:
    """A value of a kind as extended JSON on one line; None for one that extended JSON has no words for."""
    try:
        text, end = (_PLAIN if plain else _CANONICAL)[kind](content, 0)
        if end == len(content):
            return text
    except (_OddError, UnicodeError, struct.error, IndexError, KeyError, ValueError, BSONError, RecursionError):
        pass
    return None


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


def _moment(data: bytes, at: int) -> tuple[str, int]:
    (milliseconds,) = _LONG.unpack_from(data, at)
    return f'{{"$date":{{"$numberLong":"{milliseconds}"}}}}', at + 8


def _int(data: bytes, at: int) -> tuple[str, int]:
    return f'{{"$numberInt":"{_SIZE.unpack_from(data, at)[0]}"}}', at + 4


def _long(data: bytes, at: int) -> tuple[str, int]:
    return f'{{"$numberLong":"{_LONG.unpack_from(data, at)[0]}"}}', at + 8


def _plain_double(data: bytes, at: int) -> tuple[str, int]:
    (number,) = _DOUBLE.unpack_from(data, at)
    return (repr(number), at + 8) if number - number == 0 else _double(data, at)


def _plain_int(data: bytes, at: int) -> tuple[str, int]:
    return str(_SIZE.unpack_from(data, at)[0]), at + 4


def _plain_long(data: bytes, at: int) -> tuple[str, int]:
    """As a number where everybody takes it for a long: no int, and no more than programs hold that know doubles alone."""
    (number,) = _LONG.unpack_from(data, at)
    return (str(number), at + 8) if _INT_LIMIT <= number <= _SAFE_LIMIT or -_SAFE_LIMIT <= number < -_INT_LIMIT else _long(data, at)


def _plain_moment(data: bytes, at: int) -> tuple[str, int]:
    """As text in the years for which the specification allows it."""
    (milliseconds,) = _LONG.unpack_from(data, at)
    if not 0 <= milliseconds < _LAST_MILLISECONDS:
        return _moment(data, at)
    moment = _EPOCH + timedelta(milliseconds=milliseconds)
    return f'{{"$date":"{moment.isoformat(timespec="milliseconds")}Z"}}', at + 8


_Way = Callable[[bytes, int], tuple[str, int]]
_DOCUMENT = 0x03
_LEAVES: dict[int, _Way] = {
    0x01: _double,
    0x02: _text,
    0x05: _binary,
    0x06: lambda _, at: ('{"$undefined":true}', at),
    0x07: lambda data, at: (f'{{"$oid":"{data[at : at + 12].hex()}"}}', at + 12),
    0x08: _boolean,
    0x09: _moment,
    0x0A: lambda _, at: ("null", at),
    0x0B: _regular,
    0x0C: _pointer,
    0x0D: _code,
    0x0E: _symbol,
    0x10: _int,
    0x11: _timestamp,
    0x12: _long,
    0x13: _decimal,
    0x7F: lambda _, at: ('{"$maxKey":1}', at),
    0xFF: lambda _, at: ('{"$minKey":1}', at),
}


def _ways(leaves: dict[int, _Way]) -> dict[int, _Way]:
    """What turns values into text, with those that hold others."""

    def document(data: bytes, at: int) -> tuple[str, int]:
        fields: list[str] = []
        end = at + _SIZE.unpack_from(data, at)[0] - 1
        at += 4
        while at < end:
            stop = data.index(0, at + 1)
            value, following = ways[data[at]](data, stop + 1)
            fields.append(_name(data[at + 1 : stop]) + value)
            at = following
        if at != end or data[end]:
            raise _OddError
        return f"{{{','.join(fields)}}}", end + 1

    def array(data: bytes, at: int) -> tuple[str, int]:
        found: list[str] = []
        end = at + _SIZE.unpack_from(data, at)[0] - 1
        at += 4
        while at < end:
            stop = data.index(0, at + 1)
            if data[at + 1 : stop] != b"%d" % len(found):
                raise _OddError
            value, following = ways[data[at]](data, stop + 1)
            found.append(value)
            at = following
        if at != end or data[end]:
            raise _OddError
        return f"[{','.join(found)}]", end + 1

    def code_with_scope(data: bytes, at: int) -> tuple[str, int]:
        end = at + _SIZE.unpack_from(data, at)[0]
        text, at = _text(data, at + 4)
        scope, at = document(data, at)
        if at != end:
            raise _OddError
        return f'{{"$code":{text},"$scope":{scope}}}', at

    ways = {**leaves, _DOCUMENT: document, 0x04: array, 0x0F: code_with_scope}
    return ways


_CANONICAL = _ways(_LEAVES)
_PLAIN = _ways({**_LEAVES, 0x01: _plain_double, 0x09: _plain_moment, 0x10: _plain_int, 0x12: _plain_long})
