"""The fields of a document of MongoDB as the bytes of their values, and documents made of such; pure.

An element is the kind of a value and its bytes: one byte, then what stands behind the field's name. So names that stand twice,
old types and text that is no UTF-8 are seen as they are, which no conversion into Python's values allows.
https://bsonspec.org/spec.html
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator
from uuid import UUID

from bson.decimal128 import Decimal128
from bson.errors import BSONError

from aishell_core.engines.mongodb_exact import RAW, line_of, value_text
from aishell_core.engines.mongodb_exact_reading import document_of

DOUBLE, TEXT, DOCUMENT, ARRAY, BINARY, IDENTIFIER, BOOLEAN, MOMENT, NULL = 0x01, 0x02, 0x03, 0x04, 0x05, 0x07, 0x08, 0x09, 0x0A
INT, STAMP, LONG, DECIMAL = 0x10, 0x11, 0x12, 0x13
UNDEFINED, REGULAR = 0x06, 0x0B
MOST_BYTES = 16 << 20
"""The size of the largest document."""
PLAIN_SUBTYPE, UUID_SUBTYPE = 0, 4
_UUID_BYTES = 16
_SIZE, _DOUBLE, _LONG = struct.Struct("<i"), struct.Struct("<d"), struct.Struct("<q")
_FIXED = {DOUBLE: 8, UNDEFINED: 0, IDENTIFIER: 12, BOOLEAN: 1, MOMENT: 8, NULL: 0, INT: 4, STAMP: 8, LONG: 8, DECIMAL: 16, 0x7F: 0, 0xFF: 0}
_TEXTS, _WHOLE = frozenset({TEXT, 0x0D, 0x0E}), frozenset({DOCUMENT, ARRAY, 0x0F})
_POINTER = 0x0C
NO_VALUE = bytes((NULL,))
"""The element of null."""


def elements_of(document: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The fields of a document in their order, name and element; raises ValueError for bytes that are none."""
    end = len(document) - 1
    if end < 4 or _SIZE.unpack_from(document)[0] != end + 1 or document[end]:
        raise ValueError("a document has not the size that it says")
    at = 4
    while at < end:
        kind, stop = document[at], document.index(0, at + 1)
        following = stop + 1 + _size(document, kind, stop + 1)
        if following > end:
            raise ValueError("a field reaches beyond its document")
        yield document[at + 1 : stop], document[at : at + 1] + document[stop + 1 : following]
        at = following


def _size(document: bytes, kind: int, at: int) -> int:
    """How many bytes the value takes that begins there."""
    if (fixed := _FIXED.get(kind)) is not None:
        return fixed
    if kind == REGULAR:
        return document.index(0, document.index(0, at) + 1) + 1 - at
    extra = {BINARY: 5, _POINTER: 16}.get(kind, 4 if kind in _TEXTS else 0)
    if not extra and kind not in _WHOLE:
        raise ValueError(f"a field has the unknown type {kind:#04x}")
    if at + 4 > len(document) or (size := _SIZE.unpack_from(document, at)[0]) < 0:
        raise ValueError("a field has no proper size")
    return int(size) + extra


def document_from(fields: Iterable[tuple[bytes, bytes]]) -> bytes:
    """A document of names, which hold no zero byte, and elements."""
    content = b"".join([b"%c%b\0%b" % (element[0], name, element[1:]) for name, element in fields])
    return b"%b%b\0" % (_SIZE.pack(len(content) + 5), content)


def boolean(value: bool) -> bytes:
    """The element of a truth value."""
    return b"\x08\x01" if value else b"\x08\x00"


def whole(value: int, bits: int = 64) -> bytes:
    """The element of a whole number, as an int or a long; raises struct.error beyond 64 bits."""
    return b"\x10" + _SIZE.pack(value) if bits <= 32 else b"\x12" + _LONG.pack(value)


def double(value: float) -> bytes:
    """The element of a floating-point number."""
    return b"\x01" + _DOUBLE.pack(value)


def text(value: str) -> bytes:
    """The element of a text; lone surrogates U+DC80 to U+DCFF stand for bytes that are no UTF-8."""
    content = value.encode("utf-8", "surrogateescape")
    return b"\x02%b%b\0" % (_SIZE.pack(len(content) + 1), content)


def binary(value: bytes, subtype: int = PLAIN_SUBTYPE) -> bytes:
    """The element of bytes."""
    return b"\x05%b%c%b" % (_SIZE.pack(len(value)), subtype, value)


def unique(value: str) -> bytes:
    """The element of a UUID; raises ValueError for what is none."""
    return binary(UUID(value).bytes, UUID_SUBTYPE)


def moment(milliseconds: int) -> bytes:
    """The element of a date, in milliseconds since 1970."""
    return b"\x09" + _LONG.pack(milliseconds)


def decimal(value: str) -> bytes:
    """The element of a decimal number; raises ValueError for what does not fit."""
    try:
        return b"\x13" + Decimal128(value).bid
    except (BSONError, ArithmeticError) as error:
        raise ValueError(f"{value} is no decimal of 128 bits") from error


def array(elements: Iterable[bytes]) -> bytes:
    """The element of an array."""
    return b"\x04" + document_from((b"%d" % place, element) for place, element in enumerate(elements))


def items_of(element: bytes) -> Iterator[bytes]:
    """The elements of an array; raises ValueError for what is no proper one."""
    return (item for _, item in elements_of(element[1:]))


def number_of(element: bytes) -> int:
    """The whole number of an int, a long or a date's milliseconds."""
    return int((_SIZE if element[0] == INT else _LONG).unpack_from(element, 1)[0])


def double_of(element: bytes) -> float:
    """The number of a double."""
    return float(_DOUBLE.unpack_from(element, 1)[0])


def text_of(element: bytes) -> str:
    """The text; what is no UTF-8 in it becomes lone surrogates."""
    return element[5:-1].decode("utf-8", "surrogateescape")


def bytes_of(element: bytes) -> bytes:
    """The content of a binary."""
    return element[6:]


def subtype_of(element: bytes) -> int:
    """The subtype of a binary."""
    return element[5]


def is_uuid(element: bytes) -> bool:
    """Whether a binary is a proper UUID."""
    return element[5] == UUID_SUBTYPE and len(element) == 6 + _UUID_BYTES


def decimal_text(element: bytes) -> str:
    """The digits of a decimal number; NaN and infinities in words, whose signs and payloads numbers elsewhere do not have."""
    found = str(Decimal128.from_bid(element[1:]))
    return "NaN" if found.lower().endswith("nan") else found


def json_of(element: bytes) -> str:
    """A value as plain extended JSON on one line; one that it has no words for as the bytes of a document that has it alone."""
    found = value_text(element[0], element[1:], plain=True)
    return found if found is not None else _raw(element)


def _raw(element: bytes) -> str:
    # A field whose name is that of a type makes the document itself one without words.
    return line_of(document_from(((RAW.encode(), element),)), plain=True).decode()


def element_of_json(words: str) -> bytes:
    """The element of a value in JSON, as extended JSON reads it; raises ValueError for what is none."""
    ((_, element),) = elements_of(document_of(f'{{"v":{words}}}'))
    return element


READERS: dict[int, Callable[[bytes], bool | int | float | str | bytes]] = {
    DOUBLE: double_of,
    TEXT: text_of,
    IDENTIFIER: lambda element: element[1:].hex(),
    BOOLEAN: lambda element: element[1] != 0,
    INT: number_of,
    LONG: number_of,
    DECIMAL: decimal_text,
    BINARY: bytes_of,
}
"""What reads a value of one kind."""
