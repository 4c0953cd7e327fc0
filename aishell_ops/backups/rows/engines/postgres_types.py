"""Which kind the values of PostgreSQL's columns are, how COPY writes them, and how it keeps those of others; pure."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from aishell_ops.backups.rows.fidelity import Fidelity, Shape
from aishell_ops.backups.rows.json_form import float_word, text_back, text_of
from aishell_ops.backups.rows.model import Cell, Column, Kind, Raw
from aishell_ops.backups.rows.moments import or_cut, or_fine, without_zone

_KINDS: Mapping[str, tuple[Kind, int]] = {
    "bool": (Kind.BOOLEAN, 64),
    "int2": (Kind.INTEGER, 16),
    "int4": (Kind.INTEGER, 32),
    "int8": (Kind.INTEGER, 64),
    "oid": (Kind.INTEGER, 64),
    "numeric": (Kind.DECIMAL, 64),
    "float4": (Kind.FLOAT, 32),
    "float8": (Kind.FLOAT, 64),
    **dict.fromkeys(("text", "varchar", "bpchar", "name", "char", "citext"), (Kind.TEXT, 64)),
    "bytea": (Kind.BYTES, 64),
    "date": (Kind.DATE, 64),
    "time": (Kind.TIME, 64),
    "timetz": (Kind.ZONED_TIME, 64),
    "timestamp": (Kind.TIMESTAMP, 64),
    "timestamptz": (Kind.INSTANT, 64),
    "interval": (Kind.INTERVAL, 64),
    "uuid": (Kind.UUID, 64),
    "json": (Kind.JSON, 64),
    "jsonb": (Kind.JSON, 64),
    "bit": (Kind.BITS, 64),
    "varbit": (Kind.BITS, 64),
}
_LENGTHS = frozenset({"varchar", "bpchar"})
_HEAD = 4
"""Bytes that modifiers of lengths and precisions count in."""
_ESCAPES = str.maketrans({"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"})
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_SIGNS = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", "v": "\v"}
_ITEM = re.compile(r'"((?:[^"\\]|\\.)*)"|([^",{}]+)', re.DOTALL)
_SIMPLE = re.compile(r"[A-Za-z0-9_.:+\-]+")
_YEARS = re.compile(r"(-?\d+) years?")
_MOST_YEARS = 178_000_000


def column_of(row: Mapping[str, Any]) -> Column:
    """A column by a row of the catalog: `type` and `mod` of its base type, `element` where that is an array."""
    name, declared, nullable = str(row["name"]), str(row["declared"]), not row["required"]
    if row["element"] and row["delimiter"] == ",":
        element = _scalar(
            "", declared.removesuffix("[]"), str(row["element"]), int(row["mod"]), kind=str(row["element_sort"]), nullable=True
        )
        return Column(name, Kind.ARRAY, declared, nullable, element=element)
    return _scalar(name, declared, str(row["type"]), int(row["mod"]), kind=str(row["sort"]), nullable=nullable)


def _scalar(name: str, declared: str, type_: str, mod: int, *, kind: str, nullable: bool) -> Column:
    if kind == "e":
        return Column(name, Kind.TEXT, declared, nullable)
    known, bits = _KINDS.get(type_, (Kind.OTHER, 64))
    if known is Kind.DECIMAL and mod >= _HEAD:
        precision, scale = (mod - _HEAD) >> 16 & 0xFFFF, (((mod - _HEAD) & 0x7FF) ^ 1024) - 1024
        return Column(name, known, declared, nullable, precision=precision, scale=scale)
    length = mod - _HEAD if type_ in _LENGTHS and mod >= _HEAD else mod if known is Kind.BITS and mod >= 0 else None
    return Column(name, known, declared, nullable, bits, length=length, fixed=type_ in {"bit", "bpchar"})


def line_of(row: list[str | None]) -> str:
    """A row as COPY takes it."""
    return "\t".join(["\\N" if value is None else value.translate(_ESCAPES) for value in row]) + "\n"


def fields_of(line: str) -> list[str | None]:
    """A row as COPY gives it, without the line's end."""
    fields = line.split("\t")
    if "\\" not in line:
        return list(fields)
    return [None if field == "\\N" else _ESCAPED.sub(_sign, field) if "\\" in field else field for field in fields]


def _sign(found: re.Match[str]) -> str:
    return _SIGNS.get(found[1], found[1])


def reader(column: Column) -> Callable[[Raw], Cell]:
    """What makes a value of the text that the server gives."""
    match column.kind:
        case Kind.BOOLEAN:
            return lambda text: text == "t"
        case Kind.INTEGER:
            return int
        case Kind.FLOAT:
            return _single if column.bits == 32 else float
        case Kind.BYTES:
            return lambda text: bytes.fromhex(text[2:])
        case Kind.INSTANT:
            return _instant
        case Kind.ARRAY if column.element is not None:
            inner = reader(column.element)
            return lambda text: array_of(text, inner) if text[:1] == "{" else text
    return str


def _single(text: Raw) -> float:
    """The value that a float of 32 bits has: its text is only as long as tells it from its neighbours."""
    found: float = struct.unpack("f", struct.pack("f", float(text)))[0]
    return found


def _instant(text: Raw) -> str:
    head, bc = (text[:-3], " BC") if text.endswith(" BC") else (text, "")
    return f"{head}:00{bc}" if head.endswith("+00") else text


def writer(column: Column) -> Callable[[Raw], str]:
    """What makes the text that the server takes."""
    match column.kind:
        case Kind.BOOLEAN:
            return lambda value: "t" if value else "f"
        case Kind.FLOAT:
            return lambda value: repr(value) if value - value == 0 else float_word(value)
        case Kind.BYTES:
            return lambda value: f"\\x{value.hex()}"
        case Kind.ARRAY if column.element is not None:
            inner = writer(column.element)
            return lambda value: array_text(value, inner) if isinstance(value, list) else str(value)
    return str


def array_of(text: str, inner: Callable[[Raw], Cell]) -> Cell:
    """An array that the server gives as text, whose bounds begin at one."""
    stack: list[list[Cell]] = []
    found: list[Cell] = []
    place = 0
    while place < len(text):
        sign = text[place]
        if sign == "{":
            fresh: list[Cell] = []
            if stack:
                stack[-1].append(fresh)
            else:
                found = fresh
            stack.append(fresh)
            place += 1
        elif sign == "}":
            stack.pop()
            place += 1
        elif sign == ",":
            place += 1
        else:
            item = _ITEM.match(text, place)
            if item is None:
                raise ValueError(f"an array cannot be read: {text[:60]!r}")
            bare = item[2]
            stack[-1].append(
                None if bare == "NULL" else inner(bare if bare is not None else re.sub(r"\\(.)", r"\1", item[1], flags=re.DOTALL))
            )
            place = item.end()
    return found


def array_text(values: list[Cell], inner: Callable[[Raw], str]) -> str:
    """An array as the server takes it."""
    return "{" + ",".join(_item(value, inner) for value in values) + "}"


def _item(value: Cell, inner: Callable[[Raw], str]) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, list):
        return array_text(value, inner)
    text = inner(value)
    if _SIMPLE.fullmatch(text) and text.upper() != "NULL":
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def own_shape(column: Column) -> Shape:
    """How a column of another PostgreSQL is kept: its type where every server has it, else its text."""
    # With nothing but the system's schema in the path, every other type is named with its own.
    if "." not in column.declared:
        return Shape(column.declared, doubt=_odd_text, mend=_mended_text, write=writer(column), read=reader(column))
    return Shape("text", Fidelity.REPRESENTED, "its type is of that database alone", write=writer(column), read=reader(column))


def of_any_bytes(shape: Shape) -> Shape:
    """The same in a database without an encoding, whose texts may be any bytes but 0."""
    return replace(shape, doubt=_zero) if shape.doubt is _odd_text else shape


def _zero(value: Cell) -> str:
    return "a text has the sign U+0000" if isinstance(value, str) and "\0" in value else ""


def foreign_shape(column: Column) -> Shape:
    """How a column of another engine is kept."""
    write, read = writer(column), reader(column)
    match column.kind:
        case Kind.INTEGER:
            return _integer(column)
        case Kind.DECIMAL:
            fits = column.precision is not None and 0 < column.precision <= 1000
            return Shape(f"numeric({column.precision},{column.scale or 0})" if fits else "numeric", write=write, read=read)
        case Kind.FLOAT:
            return Shape("real" if column.bits == 32 else "double precision", write=write, read=read)
        case Kind.TEXT:
            type_ = f"varchar({column.length})" if column.length else "text"
            return Shape(type_, doubt=_odd_text, mend=_mended_text)
        case Kind.DATE:
            return Shape("date", doubt=_no_day, write=write, read=read)
        case Kind.TIMESTAMP | Kind.INSTANT:
            return Shape(_NAMES[column.kind], doubt=or_fine(_no_day), mend=or_cut(_no_day), write=without_zone, read=read)
        case Kind.INTERVAL:
            return Shape("interval", doubt=or_fine(_no_interval), mend=or_cut(_no_interval), write=write, read=read)
        case Kind.DURATION:
            return Shape("interval", Fidelity.REPRESENTED, "hours, minutes and seconds of an interval")
        case Kind.BITS:
            return Shape(f"bit({column.length})" if column.fixed and column.length else "bit varying")
        case Kind.JSON:
            return Shape("json", doubt=_no_json)
        case Kind.ANY | Kind.ARRAY:
            return Shape("json", Fidelity.REPRESENTED, "each value as JSON", write=text_of(column), read=text_back(column))
    name = _NAMES.get(column.kind)
    if name is None:
        return Shape("text", Fidelity.REPRESENTED, "its own words as text", _odd_text, _mended_text)
    return Shape(name, write=write, read=read)


_NAMES = {
    Kind.BOOLEAN: "boolean",
    Kind.BYTES: "bytea",
    Kind.TIME: "time",
    Kind.ZONED_TIME: "time with time zone",
    Kind.TIMESTAMP: "timestamp",
    Kind.INSTANT: "timestamp with time zone",
    Kind.UUID: "uuid",
}


def _integer(column: Column) -> Shape:
    signed = column.bits + 1 if column.unsigned else column.bits
    if signed > 64:
        return Shape("numeric(20,0)", Fidelity.WIDENED, write=str, read=int)
    name, bits = next((name, bits) for name, bits in (("smallint", 16), ("integer", 32), ("bigint", 64)) if signed <= bits)
    return Shape(name, Fidelity.EXACT if bits == column.bits else Fidelity.WIDENED, write=str, read=int)


def _odd_text(value: Cell) -> str:
    if not isinstance(value, str) or (value.isascii() and "\0" not in value):
        return ""
    if "\0" in value:
        return "a text has the sign U+0000"
    try:
        value.encode()
    except UnicodeEncodeError:
        return "a text has bytes that are no UTF-8"
    return ""


def _mended_text(value: Cell) -> Cell:
    """The replacement sign for what no text here may hold."""
    return "".join("\ufffd" if sign == "\0" or "\ud800" <= sign <= "\udfff" else sign for sign in str(value))


def _no_json(value: Cell) -> str:
    """Other engines are less strict: control signs within a text, or NaN."""
    if why := _odd_text(value):
        return why
    try:
        json.loads(str(value), parse_constant=_refuse, parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        return "a text is no strict JSON"
    return ""


def _refuse(word: str) -> None:
    raise ValueError(word)


def _no_interval(value: Cell) -> str:
    years = _YEARS.match(str(value))
    return f"an interval has {years[1]} years" if years is not None and abs(int(years[1])) > _MOST_YEARS else ""


def _no_day(value: Cell) -> str:
    try:
        date.fromisoformat(str(value)[:10])
    except ValueError:
        return f"there is no day {str(value)[:10]}"
    return ""
