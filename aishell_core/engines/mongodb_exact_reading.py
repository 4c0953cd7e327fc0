"""Lines of extended JSON as documents of MongoDB, byte for byte what `mongodb_exact` was given; pure."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

from bson.decimal128 import Decimal128
from bson.errors import BSONError

from aishell_core.engines.mongodb_exact import RAW

_LONG, _SIZE, _DOUBLE = struct.Struct("<q"), struct.Struct("<i"), struct.Struct("<d")
_OLD_BINARY = 2
_OID_BYTES = 12
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class _Pairs(list[tuple[str, Any]]):
    """An object of JSON with its fields in their order, also those that stand twice."""

    __slots__ = ()


def document_of(line: bytes | str) -> bytes:
    """The document of a line; raises ValueError for what is none."""
    try:
        fields = _DECODER.decode(line if isinstance(line, str) else line.decode())
        if not isinstance(fields, _Pairs):
            raise TypeError("it is no document")
        if len(fields) == 1 and fields[0][0] == RAW:
            return _binary(_own(fields[0][1], "$binary"), ())[1][5:]
        return _document(fields)
    except (TypeError, KeyError, IndexError, struct.error, UnicodeError, BSONError, RecursionError, OverflowError) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from error


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_Pairs, parse_constant=_refuse)


def _document(fields: _Pairs) -> bytes:
    return _closed([_field(name, value) for name, value in fields])


def _closed(fields: list[bytes]) -> bytes:
    content = b"".join(fields)
    return b"%b%b\0" % (_SIZE.pack(len(content) + 5), content)


def _field(name: str, value: object) -> bytes:
    kind, content = _value(value)
    return b"%b%b%b" % (kind, _short(name), content)


def _value(value: object) -> tuple[bytes, bytes]:
    if type(value) is _Pairs:
        if value and value[0][0][:1] == "$" and (reader := _READERS.get(value[0][0])) is not None:
            return reader(value[0][1], tuple(value[1:]))
        return b"\x03", _document(value)
    if isinstance(value, str):
        return b"\x02", _text(value)
    if isinstance(value, bool):
        return b"\x08", b"\1" if value else b"\0"
    if value is None:
        return b"\x0a", b""
    if isinstance(value, list):
        return b"\x04", _closed([_field(str(place), one) for place, one in enumerate(value)])
    if isinstance(value, int):
        return (b"\x10", _SIZE.pack(value)) if -(2**31) <= value < 2**31 else (b"\x12", _LONG.pack(value))
    if isinstance(value, float):
        return b"\x01", _DOUBLE.pack(value)
    raise ValueError(f"{type(value).__name__} is no value of a document")


def _short(text: str) -> bytes:
    written = text.encode()
    if 0 in written:
        raise ValueError("a name cannot hold a zero byte")
    return written + b"\0"


def _text(text: object) -> bytes:
    written = _string(text).encode()
    return b"%b%b\0" % (_SIZE.pack(len(written) + 1), written)


def _string(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("a text is expected")
    return value


def _own(value: object, *names: str) -> Any:  # noqa: ANN401  (a value of JSON, or some of them)
    """The values of an object that has these names, in this order, and no others."""
    if type(value) is not _Pairs or tuple(name for name, _ in value) != names:
        raise ValueError(f"an object with {', '.join(names)} is expected")
    return value[0][1] if len(names) == 1 else [one for _, one in value]


def _alone(rest: tuple[tuple[str, Any], ...]) -> None:
    if rest:
        raise ValueError(f"{rest[0][0]} does not belong there")


_Rest = tuple[tuple[str, Any], ...]
_Reader = Callable[[Any, _Rest], tuple[bytes, bytes]]


def _single(kind: int, pack: Callable[[Any], bytes]) -> _Reader:
    """What reads a wrapper of one field."""

    def read(value: object, rest: _Rest) -> tuple[bytes, bytes]:
        _alone(rest)
        return bytes((kind,)), pack(value)

    return read


def _binary(value: object, rest: _Rest) -> tuple[bytes, bytes]:
    _alone(rest)
    text, kind_text = _own(value, "base64", "subType")
    content, kind = base64.b64decode(_string(text), validate=True), int(_string(kind_text), 16)
    if kind == _OLD_BINARY:
        content = _SIZE.pack(len(content)) + content
    return b"\x05", _SIZE.pack(len(content)) + bytes((kind,)) + content


def _code(value: object, rest: _Rest) -> tuple[bytes, bytes]:
    if not rest:
        return b"\x0d", _text(value)
    if len(rest) != 1 or rest[0][0] != "$scope" or type(rest[0][1]) is not _Pairs:
        raise ValueError("code has a scope, and nothing else")
    content = _text(value) + _document(rest[0][1])
    return b"\x0f", _SIZE.pack(len(content) + 4) + content


def _oid(value: object) -> bytes:
    found = bytes.fromhex(_string(value))
    if len(found) != _OID_BYTES:
        raise ValueError("an identifier has 12 bytes")
    return found


def _pointer(value: object) -> bytes:
    place, identifier = _own(value, "$ref", "$id")
    return _text(place) + _oid(_own(identifier, "$oid"))


def _regular(value: object) -> bytes:
    pattern, options = _own(value, "pattern", "options")
    return _short(_string(pattern)) + _short(_string(options))


def _timestamp(value: object) -> bytes:
    seconds, count = _own(value, "t", "i")
    return struct.pack("<II", count, seconds)


def _moment(value: object) -> bytes:
    if isinstance(value, str):
        found = datetime.fromisoformat(value)
        if found.tzinfo is None or found.microsecond % 1000:
            raise ValueError("a date has its zone, and whole milliseconds")
        return _LONG.pack((found - _EPOCH) // timedelta(milliseconds=1))
    return _LONG.pack(int(_string(_own(value, "$numberLong"))))


_READERS: dict[str, _Reader] = {
    "$oid": _single(0x07, _oid),
    "$numberInt": _single(0x10, lambda value: _SIZE.pack(int(_string(value)))),
    "$numberLong": _single(0x12, lambda value: _LONG.pack(int(_string(value)))),
    "$numberDouble": _single(0x01, lambda value: _DOUBLE.pack(float(_string(value)))),
    "$numberDecimal": _single(0x13, lambda value: Decimal128(_string(value)).bid),
    "$binary": _binary,
    "$code": _code,
    "$timestamp": _single(0x11, _timestamp),
    "$regularExpression": _single(0x0B, _regular),
    "$dbPointer": _single(0x0C, _pointer),
    "$date": _single(0x09, _moment),
    "$minKey": _single(0xFF, lambda _: b""),
    "$maxKey": _single(0x7F, lambda _: b""),
    "$undefined": _single(0x06, lambda _: b""),
    "$symbol": _single(0x0E, _text),
}
