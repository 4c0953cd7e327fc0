"""How MongoDB keeps the values of other engines' columns: as the bytes of fields; pure.

`plain` says that a server holds the usual types alone, as FerretDB 1 does: no decimals, no infinity, no arrays in arrays.
"""

from __future__ import annotations

import math
from functools import partial
from uuid import UUID

from aishell_core.engines import mongodb_elements as elements
from aishell_ops.backups.rows.engines.mongodb_json import element_of, json_text, kept_as
from aishell_ops.backups.rows.engines.mongodb_moments import cut, instant_text, milliseconds_of, moment_text
from aishell_ops.backups.rows.fidelity import Fidelity, Shape, gone
from aishell_ops.backups.rows.json_form import text_back, text_of
from aishell_ops.backups.rows.model import Cell, Column, Kind, Raw

_MOST_VALUE_BYTES = elements.MOST_BYTES - (64 << 10)
"""So much of a document may be one value, beside names and what else is in it."""
_TEXT_SUBTYPE = 0x80
"""The first of those that everybody may use as he likes."""


def shape_of(column: Column, *, plain: bool = False) -> Shape:
    """How a column is kept."""
    match column.kind:
        case Kind.BOOLEAN:
            return Shape("bool", write=lambda value: elements.boolean(bool(value)), read=lambda element: element[1] != 0)
        case Kind.INTEGER:
            return _integer(column, plain=plain)
        case Kind.DECIMAL if not plain:
            return Shape("decimal", words="up to 34 digits", doubt=_no_decimal, write=elements.decimal, read=elements.decimal_text)
        case Kind.FLOAT:
            widened = Fidelity.EXACT if column.bits >= 64 else Fidelity.WIDENED
            return Shape(
                "double",
                widened,
                doubt=_endless if plain else None,
                write=lambda value: elements.double(float(value)),
                read=elements.double_of,
            )
        case Kind.TEXT:
            widened = Fidelity.WIDENED if column.length else Fidelity.EXACT
            return Shape("string", widened, "", _too_large, _mended_text, _text, _text_back)
        case Kind.BYTES:
            return Shape("binData", doubt=_too_large, write=elements.binary, read=elements.bytes_of)
        case Kind.UUID:
            return Shape("uuid", write=elements.unique, read=lambda element: str(UUID(bytes=elements.bytes_of(element))))
        case Kind.DATE | Kind.TIMESTAMP | Kind.INSTANT:
            return _moment(column.kind)
        case Kind.JSON:
            words = "what it says, as a document where the server takes one, else its text in a field json"
            write, settle = partial(element_of, plain=plain), partial(_settled, plain=plain)
            return Shape("object", Fidelity.REPRESENTED, words, _odd_text, gone, write, json_text, settle=settle)
        case Kind.ARRAY if column.element is not None:
            return _array(column, column.element, plain=plain)
        case Kind.ANY:
            odd = partial(_odd_any, plain=plain)
            return Shape("any", Fidelity.EXACT, "each value of its own type", odd, _mended_any, _any, _any_back)
    return Shape("string", Fidelity.REPRESENTED, "as text", _too_large, _mended_text, _text, _text_back)


def _text(value: Raw) -> bytes:
    """A text; one that is no UTF-8, which no string may hold, is its bytes with a subtype that tells them from other bytes."""
    text = str(value)
    return elements.binary(text.encode("utf-8", "surrogateescape"), _TEXT_SUBTYPE) if _is_raw(text) else elements.text(text)


def _text_back(element: bytes) -> str:
    return elements.bytes_of(element).decode("utf-8", "surrogateescape") if element[0] == elements.BINARY else elements.text_of(element)


def _is_raw(text: str) -> bool:
    """Whether a text has bytes that are no UTF-8."""
    return not text.isascii() and any("\ud800" <= sign <= "\udfff" for sign in text)


def _settled(value: Cell, *, plain: bool) -> Cell:
    return kept_as(str(value), plain=plain)


def _integer(column: Column, *, plain: bool) -> Shape:
    if column.unsigned and column.bits >= 64 and plain:
        return Shape("string", Fidelity.REPRESENTED, "as text", write=_text, read=lambda element: int(elements.text_of(element)))
    if column.unsigned and column.bits >= 64:
        return Shape("decimal", Fidelity.WIDENED, write=lambda value: elements.decimal(str(value)), read=lambda e: int(_digits(e)))
    bits = 64 if column.bits > 32 or (column.bits == 32 and column.unsigned) else 32
    widened = Fidelity.EXACT if bits == column.bits and not column.unsigned else Fidelity.WIDENED
    return Shape("long" if bits == 64 else "int", widened, write=lambda value: elements.whole(value, bits), read=elements.number_of)


def _digits(element: bytes) -> str:
    # A number of no more than 34 digits is written out, without an exponent.
    return elements.decimal_text(element)


def _moment(kind: Kind) -> Shape:
    """A date in MongoDB is an instant in milliseconds; a day begins there, and what has no zone is taken to be in UTC."""
    if kind is Kind.DATE:
        return Shape(
            "date",
            Fidelity.REPRESENTED,
            "midnight in UTC",
            _no_day,
            gone,
            lambda value: elements.moment(milliseconds_of(f"{value} 00:00:00")),
            lambda element: moment_text(elements.number_of(element))[:10],
        )
    zoned = kind is Kind.INSTANT
    tell = instant_text if zoned else moment_text
    return Shape(
        "date",
        Fidelity.EXACT if zoned else Fidelity.REPRESENTED,
        "to the millisecond" if zoned else "to the millisecond, as if in UTC",
        _no_moment,
        _cut,
        lambda value: elements.moment(milliseconds_of(value)),
        lambda element: tell(elements.number_of(element)),
    )


def _no_day(value: Cell) -> str:
    return _no_moment(f"{value!s} 00:00:00")


def _no_moment(value: Cell) -> str:
    try:
        milliseconds_of(str(value))
    except ValueError as error:
        return str(error)
    return ""


def _cut(value: Cell) -> Cell:
    """Without what is less than a millisecond; NULL for what is no day."""
    return cut(str(value))


def _endless(value: Cell) -> str:
    return f"this server does not hold {value}" if isinstance(value, float) and not math.isfinite(value) else ""


def _no_decimal(value: Cell) -> str:
    try:
        elements.decimal(str(value))
    except ValueError:
        return "a number has more than 34 digits"
    return ""


def _odd_text(value: Cell) -> str:
    return "a text has bytes that are no UTF-8" if _is_raw(str(value)) else _too_large(value)


def _too_large(value: Cell) -> str:
    if isinstance(value, str | bytes) and len(value) > _MOST_VALUE_BYTES // 4:
        size = len(value.encode("utf-8", "surrogateescape")) if isinstance(value, str) else len(value)
        return "a document holds 16 MiB" if size > _MOST_VALUE_BYTES else ""
    return ""


def _mended_text(value: Cell) -> Cell:
    """The replacement sign for what no text here may hold; NULL for one that is too large."""
    text = "".join("\ufffd" if "\ud800" <= sign <= "\udfff" else sign for sign in str(value))
    return None if _too_large(text) else text


def _array(column: Column, inner: Column, *, plain: bool) -> Shape:
    """An array of values; JSON as text where its bounds are odd, or the server holds no such array."""
    shape = shape_of(inner, plain=plain)
    words, back = text_of(column), text_back(column)

    def write(value: Raw) -> bytes:
        if not isinstance(value, list) or (plain and any(isinstance(each, list) for each in value)):
            return elements.text(words(value))
        return elements.array(
            elements.NO_VALUE if each is None else write(each) if isinstance(each, list) else shape.write(each) for each in value
        )

    def read(element: bytes) -> Cell:
        if element[0] == elements.TEXT:
            return back(elements.text_of(element))
        return [
            None if each[0] == elements.NULL else read(each) if each[0] == elements.ARRAY else shape.read(each)
            for each in elements.items_of(element)
        ]

    def doubt(value: Cell) -> str:
        if not isinstance(value, list):
            return _odd_text(value)
        inner_doubt = shape.doubt or (lambda _: "")
        return next((why for each in value if each is not None and (why := (doubt if isinstance(each, list) else inner_doubt)(each))), "")

    def mend(value: Cell) -> Cell:
        if not isinstance(value, list):
            return _mended_text(value)
        return [mend(each) if isinstance(each, list) else _mended(shape, each) for each in value]

    return Shape(f"array of {shape.type}", shape.fidelity, shape.words, doubt, mend, write, read)


def _mended(shape: Shape, value: Cell) -> Cell:
    return shape.mend(value) if value is not None and shape.doubt is not None and shape.doubt(value) else value


def _any(value: Raw) -> bytes:
    match value:
        case None:
            return elements.NO_VALUE
        case bool():
            return elements.boolean(value)
        case int():
            return elements.whole(value)
        case float():
            return elements.double(value)
        case bytes():
            return elements.binary(value)
        case list():
            return elements.array(map(_any, value))
    return _text(value)


def _any_back(element: bytes) -> Cell:
    if element[0] == elements.NULL:
        return None
    if element[0] == elements.ARRAY:
        return [_any_back(each) for each in elements.items_of(element)]
    if element[0] == elements.BINARY and elements.subtype_of(element) == _TEXT_SUBTYPE:
        return _text_back(element)
    return elements.READERS[element[0]](element)


def _odd_any(value: Cell, *, plain: bool) -> str:
    if plain and isinstance(value, float):
        return _endless(value)
    return _too_large(value)


def _mended_any(value: Cell) -> Cell:
    return _mended_text(value) if isinstance(value, str) else None
