"""Which kind the values of MySQL's and MariaDB's columns are, how statements hold them, and how they keep those of others; pure."""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Callable, Mapping
from typing import Any

from aishell_ops.backups.engines.mysql_contents import GEOMETRIES
from aishell_ops.backups.rows.fidelity import Fidelity, Shape
from aishell_ops.backups.rows.hashing import plain_instant, plain_number
from aishell_ops.backups.rows.json_form import text_back, text_of
from aishell_ops.backups.rows.model import Cell, Column, Kind, Raw, Table
from aishell_ops.backups.rows.moments import or_cut, or_fine

_INTEGERS = {"tinyint": 8, "smallint": 16, "mediumint": 32, "int": 32, "bigint": 64, "year": 16}
_TEXTS = frozenset({"char", "varchar", "tinytext", "text", "mediumtext", "longtext", "enum", "set"})
_SHORT_TEXTS = frozenset({"char", "varchar"})
_BYTES = frozenset({"binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob", "vector"})
_KINDS = {
    "decimal": Kind.DECIMAL,
    "float": Kind.FLOAT,
    "double": Kind.FLOAT,
    "date": Kind.DATE,
    "datetime": Kind.TIMESTAMP,
    "timestamp": Kind.INSTANT,
    "time": Kind.DURATION,
    "uuid": Kind.UUID,
    "json": Kind.JSON,
    "bit": Kind.BITS,
}
_MOST_DIGITS, _MOST_SCALE = 65, 30
_KEY_SIGNS, _KEY_BYTES = 768, 3072
_SHORT_SIGNS = 255
_MOST_SHORT = 30
"""So many short texts, at four bytes a sign, fit into the 65,535 bytes that a row may have beside its long values."""
_MOST_BITS = 64
_ESCAPES = str.maketrans({"\\": "\\\\", "'": "\\'", "\0": "\\0", "\n": "\\n", "\r": "\\r", "\x1a": "\\Z"})
_DAY = re.compile(r"(?!0000)\d{4}-\d\d-\d\d(?![^ T])[^B]*")


def column_of(row: Mapping[str, Any], *, is_json: bool) -> Column:
    """A column by a row of information_schema; `is_json` where a check says that a text is JSON."""
    name, type_, declared = str(row["name"]), str(row["type"]).lower(), str(row["declared"])
    nullable, unsigned = str(row["nullable"]) == "YES", "unsigned" in declared.lower()
    if row["charset"]:
        declared = f"{declared} CHARACTER SET {row['charset']} COLLATE {row['collation']}"
    if type_ in _INTEGERS:
        bits = max(16, _INTEGERS[type_])
        return Column(name, Kind.INTEGER, declared, nullable, bits, unsigned and _INTEGERS[type_] >= 16)
    if type_ in _TEXTS:
        length = int(row["length"]) if type_ in _SHORT_TEXTS else None
        return Column(name, Kind.JSON if is_json else Kind.TEXT, declared, nullable, length=None if is_json else length)
    if type_ in _BYTES or type_ in GEOMETRIES:
        return Column(name, Kind.BYTES, declared, nullable)
    kind = _KINDS.get(type_, Kind.OTHER)
    if kind is Kind.DECIMAL:
        return Column(name, kind, declared, nullable, precision=int(row["digits"]), scale=int(row["scale"] or 0))
    if kind is Kind.BITS:
        return Column(name, kind, declared, nullable, length=int(row["digits"] or 1), fixed=True)
    return Column(name, kind, declared, nullable, 32 if type_ == "float" else 64)


def selected(column: Column) -> str:
    """The expression that gives all of a value: a float of 32 bits is shown with six digits alone."""
    return "{} * 1e0" if column.kind is Kind.FLOAT and column.bits == 32 else "{}"


def reader(column: Column) -> Callable[[Raw], Cell]:
    """What makes a value of the bytes that the server sends."""
    match column.kind:
        case Kind.BOOLEAN:
            return lambda data: data != b"0"
        case Kind.INTEGER:
            return int
        case Kind.FLOAT:
            return _single if column.bits == 32 else float
        case Kind.BYTES:
            return bytes
        case Kind.BITS:
            return lambda data: f"{int.from_bytes(data, 'big'):0{column.length or 1}b}"
        case Kind.INSTANT:
            return lambda data: f"{data.decode()}+00:00"
    return _decoded


def _decoded(data: Raw) -> str:
    return bytes(data).decode("utf-8", "surrogateescape")


def _single(data: Raw) -> float:
    found: float = struct.unpack("f", struct.pack("f", float(data)))[0]
    return found


def literal(column: Column) -> Callable[[Raw], str]:
    """What makes a literal of a value."""
    match column.kind:
        case Kind.BOOLEAN:
            return lambda value: "1" if value else "0"
        case Kind.INTEGER:
            return str
        case Kind.DECIMAL:
            return plain_number
        case Kind.FLOAT:
            return lambda value: f"{value!r}e0" if "e" not in repr(value) else repr(value)
        case Kind.BYTES:
            return lambda value: f"x'{value.hex()}'"
        case Kind.BITS:
            return lambda value: f"b'{value}'"
        case Kind.INSTANT:
            return lambda value: quoted_text(plain_instant(value).removesuffix("+00:00"))
    return quoted_text


def quoted_text(text: Raw) -> str:
    """A text as a literal, where backslashes escape."""
    return "'" + str(text).translate(_ESCAPES) + "'"


def own_shape(column: Column) -> Shape:
    """How a column of a server of the same family is kept: as it was."""
    doubt = _no_utf8 if column.kind is Kind.TEXT else None
    return Shape(column.declared, doubt=doubt, mend=_mended_text, write=literal(column), read=reader(column), select=selected(column))


def foreign_shape(table: Table, column: Column) -> Shape:
    """How a column of another engine is kept."""
    write, read = literal(column), reader(column)
    match column.kind:
        case Kind.BOOLEAN:
            return Shape("tinyint(1)", Fidelity.REPRESENTED, "0 and 1", write=write, read=read)
        case Kind.INTEGER:
            name = "bigint" if column.bits > 32 else "int" if column.bits > 16 else "smallint"
            return Shape(f"{name} unsigned" if column.unsigned else name, write=write, read=read)
        case Kind.DECIMAL:
            return _decimal(column)
        case Kind.FLOAT:
            name = "float" if column.bits == 32 else "double"
            return Shape(name, words="a zero may lose its sign", doubt=_no_float, write=write, read=read, select=selected(column))
        case Kind.TEXT:
            return _text(table, column)
        case Kind.BYTES:
            return _bytes(table, column)
        case Kind.DATE:
            return Shape("date", doubt=_no_day, write=write, read=read)
        case Kind.TIME:
            return Shape("time(6)", write=write, read=read)
        case Kind.DURATION:
            return Shape("time(6)", write=write, read=read)
        case Kind.TIMESTAMP:
            return Shape("datetime(6)", doubt=or_fine(_no_day), mend=or_cut(_no_day), write=write, read=read)
        case Kind.INSTANT:
            doubt, mend = or_fine(_no_instant), or_cut(_no_instant)
            return Shape("datetime(6)", Fidelity.REPRESENTED, "in UTC, without its zone", doubt, mend, write, read)
        case Kind.UUID:
            return Shape("char(36)", Fidelity.REPRESENTED, "as text", write=write, read=read)
        case Kind.BITS if column.fixed and 0 < (column.length or 0) <= _MOST_BITS:
            return Shape(f"bit({column.length})", write=write, read=read)
        case Kind.ARRAY | Kind.ANY:
            words, back = text_of(column), text_back(column)
            return Shape(
                "longtext",
                Fidelity.REPRESENTED,
                "as JSON",
                write=lambda value: quoted_text(words(value)),
                read=lambda data: back(_decoded(data)),
            )
    return Shape("longtext", Fidelity.REPRESENTED, "as text", _no_utf8, _mended_text, quoted_text, _decoded)


def _decimal(column: Column) -> Shape:
    precision, scale = column.precision or 0, column.scale or 0
    write, read = literal(column), reader(column)
    if 0 < precision <= _MOST_DIGITS and 0 <= scale <= min(_MOST_SCALE, precision):
        return Shape(f"decimal({precision},{scale})", doubt=_no_number, write=write, read=read)
    return Shape(
        f"decimal({_MOST_DIGITS},{_MOST_SCALE})",
        Fidelity.EXACT,
        "up to 35 digits and 30 behind the point",
        _too_long,
        write=write,
        read=read,
    )


def _text(table: Table, column: Column) -> Shape:
    if column.name in table.key:
        signs = min(column.length or _KEY_SIGNS, _KEY_SIGNS // len(table.key))
        return Shape(f"varchar({signs})", Fidelity.EXACT, "", _longer_than(signs), write=quoted_text, read=_decoded)
    short = sum(each.kind is Kind.TEXT and (each.length or _KEY_SIGNS) <= _SHORT_SIGNS for each in table.columns)
    if column.length and column.length <= _SHORT_SIGNS and short <= _MOST_SHORT:
        return Shape(f"varchar({column.length})", Fidelity.EXACT, "", _no_utf8, _mended_text, quoted_text, _decoded)
    widened = Fidelity.WIDENED if column.length else Fidelity.EXACT
    return Shape("longtext", widened, "", _no_utf8, _mended_text, quoted_text, _decoded)


def _bytes(table: Table, column: Column) -> Shape:
    write, read = literal(column), reader(column)
    if column.name in table.key:
        size = _KEY_BYTES // len(table.key)
        return Shape(f"varbinary({size})", Fidelity.EXACT, "", _longer_than(size), write=write, read=read)
    return Shape("longblob", write=write, read=read)


def _no_utf8(value: Cell) -> str:
    if isinstance(value, str) and not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            return "a text has bytes that are no UTF-8"
    return ""


def _mended_text(value: Cell) -> Cell:
    return "".join("\ufffd" if "\ud800" <= sign <= "\udfff" else sign for sign in str(value))


def _longer_than(most: int) -> Callable[[Cell], str]:
    def doubt(value: Cell) -> str:
        if isinstance(value, str | bytes) and len(value) > most:
            return f"a key is longer than {most}"
        return _no_utf8(value)

    return doubt


def _no_number(value: Cell) -> str:
    return f"{value} is no number here" if isinstance(value, str) and value[-1:].isalpha() else ""


def _too_long(value: Cell) -> str:
    if why := _no_number(value):
        return why
    whole, _, part = plain_number(str(value)).lstrip("-").partition(".")
    if len(whole) > _MOST_DIGITS - _MOST_SCALE or len(part) > _MOST_SCALE:
        return f"a number has {len(whole)} digits and {len(part)} behind the point"
    return ""


def _no_float(value: Cell) -> str:
    return f"{value} is no number here" if isinstance(value, float) and not math.isfinite(value) else ""


def _no_day(value: Cell) -> str:
    return "" if _DAY.fullmatch(str(value)) else f"there is no day {str(value)[:24]}"


def _no_instant(value: Cell) -> str:
    text = plain_instant(str(value))
    return _no_day(text) or ("" if text.endswith("+00:00") else f"{value!r} cannot be told in UTC")
