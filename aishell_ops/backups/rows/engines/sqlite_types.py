"""Which kind the values of SQLite's columns are, and how it keeps those of others; pure but for what is asked of the rows.

SQLite does not enforce types: what a column holds is seen from its values, and its declared type only says which of two ways to
read them is meant.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from functools import partial

from aishell_ops.backups.rows.fidelity import Fidelity, Shape, same
from aishell_ops.backups.rows.hashing import plain_number
from aishell_ops.backups.rows.json_form import text_back, text_of
from aishell_ops.backups.rows.model import Cell, Column, Kind, Raw

_SMALLEST, _GREATEST = -(2**63), 2**63 - 1
_EXACT_DIGITS = 15
"""Decimal numbers of so many digits come back from a float as they were."""
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_TIME = re.compile(r"\d\d:\d\d:\d\d(\.\d{1,6})?")
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d(?:\.\d{1,6})?)(Z|[+-]\d\d:\d\d)?")
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

AreAll = Callable[[Callable[[Raw], bool]], bool]
"""Whether all values of a column are of a sort."""


def kind_of(declared: str, classes: Mapping[str, int], are_all: AreAll) -> Kind:
    """What a column holds: by its declared type where it has no values, else by them."""
    words = declared.upper()
    if not classes:
        return _declared_kind(words)
    only = next(iter(classes)) if len(classes) == 1 else ""
    if only == "text":
        return next((kind for kind, mark, is_so in _TEXTS if mark(words) and are_all(is_so)), Kind.TEXT)
    if set(classes) <= {"integer", "real"} and _declared_kind(words) is Kind.DECIMAL:
        return Kind.DECIMAL
    if only == "integer":
        return Kind.BOOLEAN if "BOOL" in words and are_all(lambda value: value in (0, 1)) else Kind.INTEGER
    return {"real": Kind.FLOAT, "blob": Kind.BYTES}.get(only, Kind.ANY)


def _declared_kind(words: str) -> Kind:
    """By SQLite's own rules of affinity, and then by the words that others use."""
    if "INT" in words:
        return Kind.TEXT if "INTERVAL" in words else Kind.INTEGER
    if any(mark in words for mark in ("CHAR", "CLOB", "TEXT")):
        return Kind.TEXT
    if not words:
        return Kind.ANY
    if "BLOB" in words:
        return Kind.BYTES
    if any(mark in words for mark in ("REAL", "FLOA", "DOUB")):
        return Kind.FLOAT
    for kind, mark, _ in _TEXTS:
        if mark(words):
            return kind
    return Kind.BOOLEAN if "BOOL" in words else Kind.DECIMAL


def _is_date(value: Raw) -> bool:
    return _DATE.fullmatch(value) is not None and _parses(date.fromisoformat, value)


def _is_time(value: Raw) -> bool:
    return _TIME.fullmatch(value) is not None and _parses(time.fromisoformat, value)


def _is_moment(value: Raw, *, zoned: bool) -> bool:
    found = _MOMENT.fullmatch(value)
    return found is not None and bool(found[3]) is zoned and _parses(datetime.fromisoformat, value)


def _parses(parse: Callable[[str], object], value: str) -> bool:
    try:
        parse(value)
    except ValueError:
        return False
    return True


_TEXTS: tuple[tuple[Kind, Callable[[str], bool], Callable[[Raw], bool]], ...] = (
    (Kind.DATE, lambda words: words == "DATE", _is_date),
    (Kind.INSTANT, lambda words: "TIMESTAMP" in words or "DATETIME" in words, partial(_is_moment, zoned=True)),
    (Kind.TIMESTAMP, lambda words: "TIMESTAMP" in words or "DATETIME" in words, partial(_is_moment, zoned=False)),
    (Kind.TIME, lambda words: words == "TIME", _is_time),
    (Kind.UUID, lambda words: "UUID" in words, lambda value: _UUID.fullmatch(value) is not None),
)
"""Kinds that SQLite keeps as text: how they are declared, and how their values look."""


def reader(kind: Kind) -> Callable[[Raw], Cell]:
    """What makes a value of what the file has."""
    if kind is Kind.BOOLEAN:
        return bool
    if kind is Kind.DECIMAL:
        return lambda value: plain_number(_float_text(value) if isinstance(value, float) else str(value))
    return lambda value: value


def _float_text(value: float) -> str:
    return repr(value) if math.isfinite(value) else "Infinity" if value > 0 else "-Infinity"


def own_shape(column: Column) -> Shape:
    """How a column of another SQLite file is kept: as it was."""
    ways: dict[Kind, Callable[[Raw], Raw]] = {Kind.DECIMAL: _number_written, Kind.BOOLEAN: int}
    write = ways.get(column.kind, same)
    return Shape(column.declared, write=write, read=reader(column.kind))


def _number_written(value: Raw) -> Raw:
    """A number as SQLite keeps those that it finds in a column for numbers: whole ones as integers."""
    text = plain_number(str(value))
    if "." not in text and text[-1:].isdigit() and _SMALLEST <= (whole := int(text)) <= _GREATEST:
        return whole
    return float(text)


def foreign_shape(column: Column) -> Shape:
    """How a column of another engine is kept."""
    match column.kind:
        case Kind.BOOLEAN:
            return Shape("BOOLEAN", Fidelity.REPRESENTED, "0 and 1", write=int, read=bool)
        case Kind.INTEGER:
            large = column.unsigned and column.bits >= 64
            return Shape("INTEGER", Fidelity.WIDENED if not large else Fidelity.EXACT, doubt=_too_large if large else None)
        case Kind.DECIMAL:
            return _decimal(column)
        case Kind.FLOAT:
            return Shape("REAL", Fidelity.EXACT if column.bits >= 64 else Fidelity.WIDENED, "a zero has no sign", doubt=_no_float)
        case Kind.TEXT:
            return Shape("TEXT", Fidelity.EXACT if column.length is None else Fidelity.WIDENED)
        case Kind.BYTES:
            return Shape("BLOB", Fidelity.EXACT if column.length is None else Fidelity.WIDENED)
        case Kind.ARRAY | Kind.ANY:
            return Shape("TEXT", Fidelity.REPRESENTED, "as JSON", write=text_of(column), read=text_back(column))
    name = _NAMES.get(column.kind, "TEXT")
    return Shape(name, Fidelity.REPRESENTED, "as text", write=str, read=str)


_NAMES = {Kind.DATE: "DATE", Kind.TIME: "TIME", Kind.TIMESTAMP: "DATETIME", Kind.INSTANT: "TIMESTAMP"}
"""Declared so that whoever reads the file knows what is meant; SQLite keeps the text."""


def _decimal(column: Column) -> Shape:
    if column.precision is not None and column.precision <= _EXACT_DIGITS and 0 <= (column.scale or 0) <= column.precision:
        declared = f"DECIMAL({column.precision},{column.scale or 0})"
        read = reader(Kind.DECIMAL)
        return Shape(declared, Fidelity.REPRESENTED, "as a number of 15 digits", _no_number, write=_number_written, read=read)
    return Shape("TEXT", Fidelity.REPRESENTED, "its digits as text", write=str, read=str)


def _too_large(value: Cell) -> str:
    return f"{value} is beyond 64 bits with a sign" if isinstance(value, int) and value > _GREATEST else ""


def _no_number(value: Cell) -> str:
    return f"{value} is no number here" if isinstance(value, str) and value[-1:].isalpha() else ""


def _no_float(value: Cell) -> str:
    return "NaN becomes NULL" if isinstance(value, float) and math.isnan(value) else ""
