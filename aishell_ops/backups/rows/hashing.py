"""When two values are the same, whatever engine holds them, and a hash of rows that does not depend on their order; pure.

A number is the same with or without zeros behind its point, zero is so with either sign, a moment with or without zeros of its
fraction; an instant is the same in every zone. A text is its signs, a NULL is nothing else. Hashes of tables can thus be compared
across engines.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from aishell_ops.backups.rows.model import Cell, Column, Kind, Row

_MODULUS = 1 << 128
_FRACTION = re.compile(r"\.(\d*?)0*(?!\d)")
_EXPONENT = re.compile(r"(-?)(\d+)(?:\.(\d*))?[eE]([+-]?\d+)")


def plain_number(text: str) -> str:
    """A decimal number without an exponent and without zeros that say nothing; NaN and infinities as they are."""
    if "e" in text or ("E" in text and text[-1].isdigit()):
        text = _expanded(text)
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    sign, digits = ("-", text[1:]) if text[:1] == "-" else ("", text.removeprefix("+"))
    if digits[:1] == "0" and len(digits) > 1:
        digits = digits.lstrip("0")
    if not digits or digits[0] == ".":
        digits = f"0{digits}"
    return digits if digits == "0" else sign + digits


def _expanded(text: str) -> str:
    found = _EXPONENT.fullmatch(text)
    if found is None:
        return text
    sign, whole, part, exponent = found[1], found[2], found[3] or "", int(found[4])
    if exponent >= 0:
        part = part.ljust(exponent, "0")
        return f"{sign}{whole}{part[:exponent]}.{part[exponent:]}0"
    whole = whole.rjust(1 - exponent, "0")
    return f"{sign}{whole[:exponent]}.{whole[exponent:]}{part}"


def plain_moment(text: str) -> str:
    """A date or a time of day without zeros behind its point."""
    if "." in text:
        text = _FRACTION.sub(lambda found: f".{found[1]}" if found[1] else "", text, count=1)
    return text.replace("T", " ", 1) if "T" in text else text


def plain_instant(text: str) -> str:
    """A moment with its zone, in UTC; the name of the zone that may stand behind it in brackets says nothing of the moment."""
    if text.endswith("]"):
        text = text.partition("[")[0]
    if text.endswith(("+00:00", "+00:00 BC")) or (text[-1:].isalpha() and not text.endswith("Z")):
        return plain_moment(text)
    try:
        moment = datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return plain_moment(text)
    return plain_moment(moment.replace(tzinfo=None).isoformat(" ") + "+00:00")


def _text(value: Cell) -> bytes:
    data = str(value).encode("utf-8", "surrogateescape")
    return b"t%d:%b" % (len(data), data)


def _number(value: Cell) -> bytes:
    return b"#%b;" % plain_number(str(value)).encode()


def _float(value: Cell) -> bytes:
    # The two zeros are equal to every engine, and not all of them keep the sign.
    return b"f%b;" % repr(value or 0.0).encode() if isinstance(value, float) else _any(value)


def _any(value: Cell) -> bytes:
    match value:
        case None:
            return b"n"
        case bool():
            return b"b1" if value else b"b0"
        case int():
            return b"#%d;" % value
        case float():
            return _float(value)
        case bytes():
            return b"y%d:%b" % (len(value), value)
        case list():
            return b"[%b]" % b"".join(map(_any, value))
    return _text(value)


_WAYS: dict[Kind, Callable[[Cell], bytes]] = {
    Kind.DECIMAL: _number,
    Kind.INTEGER: _number,
    Kind.FLOAT: _float,
    Kind.BOOLEAN: _any,
    Kind.BYTES: _any,
    Kind.ANY: _any,
    Kind.DATE: _text,
    Kind.TIME: lambda value: _text(plain_moment(str(value))),
    Kind.ZONED_TIME: lambda value: _text(plain_moment(str(value))),
    Kind.TIMESTAMP: lambda value: _text(plain_moment(str(value))),
    Kind.DURATION: lambda value: _text(plain_moment(str(value))),
    Kind.INSTANT: lambda value: _text(plain_instant(str(value))),
    Kind.UUID: lambda value: _text(str(value).lower()),
}


def canonical(column: Column) -> Callable[[Cell], bytes]:
    """What turns the values of a column into bytes that are equal where the values are, and nowhere else."""
    if column.kind is Kind.ARRAY and column.element is not None:
        return _array(canonical(column.element))
    way = _WAYS.get(column.kind, _text)
    return lambda value: b"n" if value is None else way(value)


def _array(inner: Callable[[Cell], bytes]) -> Callable[[Cell], bytes]:
    def turned(value: Cell) -> bytes:
        if isinstance(value, list):
            return b"[%b]" % b"".join(turned(each) if isinstance(each, list) else inner(each) for each in value)
        return b"n" if value is None else _text(value)

    return turned


class RowHash:
    """Counts rows and hashes them; the order of rows makes no difference, how often each comes does."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self.rows = 0
        self._total = 0
        self._ways = tuple(canonical(column) for column in columns)

    def add(self, row: Row) -> None:
        """Take note of a row."""
        data = b"".join([way(value) for way, value in zip(self._ways, row, strict=True)])
        self._total += int.from_bytes(hashlib.blake2b(data, digest_size=16).digest(), "big")
        self.rows += 1

    @property
    def content_hash(self) -> str:
        """The hash of all rows until now, in hexadecimal."""
        return f"{self._total % _MODULUS:032x}"
