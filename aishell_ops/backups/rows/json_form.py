"""Rows as JSON lines: a line that describes the table, a line for each row, a line that ends it; pure.

A row is an object by the names of columns. What JSON has no exact value for is text that the first line tells the kind of:
decimals, moments, bytes (base64), NaN and infinities. A value that is not of its column's kind is an object with one key.
"""

from __future__ import annotations

import json
import math
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Iterator

from aishell_ops.backups.errors import DamagedError
from aishell_ops.backups.rows.model import Cell, Column, Kind, Raw, Row, Table, table_as_json

_VERSION = 1
_BYTES, _RAW_TEXT, _FLOAT = "$bytes", "$text", "$float"
_SPECIAL = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


def float_word(value: float) -> str:
    """What a float is called that JSON has no number for."""
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _float(value: Cell) -> Raw:
    return value if not isinstance(value, float) or math.isfinite(value) else float_word(value)


def _text(value: Cell) -> Raw:
    text = str(value)
    try:
        text.encode()
    except UnicodeEncodeError:
        return {_RAW_TEXT: b64encode(text.encode("utf-8", "surrogateescape")).decode()}
    return text


def _base64(value: Cell) -> Raw:
    return b64encode(value).decode() if isinstance(value, bytes) else value


def _any(value: Cell) -> Raw:
    match value:
        case bytes():
            return {_BYTES: b64encode(value).decode()}
        case float() if not math.isfinite(value):
            return {_FLOAT: float_word(value)}
        case str():
            return _text(value)
    return value


def json_of(column: Column) -> Callable[[Cell], Raw]:
    """What turns values of a column, but NULL, into what JSON has."""
    match column.kind:
        case Kind.BOOLEAN | Kind.INTEGER:
            return lambda value: value
        case Kind.FLOAT:
            return _float
        case Kind.BYTES:
            return _base64
        case Kind.ANY:
            return _any
        case Kind.ARRAY if column.element is not None:
            inner = json_of(column.element)
            return lambda value: _nested(value, inner) if isinstance(value, list) else _text(value)
    return _text


def _nested(values: list[Cell], inner: Callable[[Cell], Raw]) -> list[Raw]:
    return [None if each is None else _nested(each, inner) if isinstance(each, list) else inner(each) for each in values]


def cell_of(column: Column) -> Callable[[Raw], Cell]:
    """What turns back what `json_of` has made; raises ValueError and its kin for anything else."""
    match column.kind:
        case Kind.BOOLEAN | Kind.INTEGER:
            return _whole
        case Kind.FLOAT:
            return lambda value: _SPECIAL[value] if isinstance(value, str) else float(value)
        case Kind.BYTES:
            return lambda value: b64decode(value, validate=True)
        case Kind.ANY:
            return _any_back
        case Kind.ARRAY if column.element is not None:
            inner = cell_of(column.element)
            return lambda value: _nested_back(value, inner) if isinstance(value, list) else _text_back(value)
    return _text_back


def _whole(value: Raw) -> Cell:
    if isinstance(value, int):
        return value
    raise ValueError(f"{value!r} is no whole number")


def _text_back(value: Raw) -> Cell:
    if isinstance(value, str):
        return value
    return b64decode(value[_RAW_TEXT], validate=True).decode("utf-8", "surrogateescape")


def _any_back(value: Raw) -> Cell:
    if isinstance(value, dict):
        if _BYTES in value:
            return b64decode(value[_BYTES], validate=True)
        if _FLOAT in value:
            return _SPECIAL[value[_FLOAT]]
        return _text_back(value)
    found: Cell = value
    return found


def _nested_back(values: list[Raw], inner: Callable[[Raw], Cell]) -> list[Cell]:
    return [None if each is None else _nested_back(each, inner) if isinstance(each, list) else inner(each) for each in values]


def text_of(column: Column) -> Callable[[Cell], str]:
    """What turns values of a column, but NULL, into a JSON text; `text_back` turns it back."""
    way = json_of(column)
    return lambda value: _encode(way(value))


def text_back(column: Column) -> Callable[[str], Cell]:
    """What turns back what `text_of` has made."""
    way = cell_of(column)
    return lambda text: way(json.loads(text))


class JsonWriter:
    """Writes JSON lines."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._names = tuple(column.name for column in table.columns)
        self._ways = tuple(json_of(column) for column in table.columns)

    def head(self) -> bytes:
        """The line that describes the table."""
        return (_encode({"aishell_rows": _VERSION, **table_as_json(self._table)}) + "\n").encode("utf-8", "surrogatepass")

    def rows(self, rows: Iterable[Row]) -> bytes:
        """A line for each row."""
        names, ways = self._names, self._ways
        lines = [
            _encode({name: None if value is None else way(value) for name, way, value in zip(names, ways, row, strict=True)})
            for row in rows
        ]
        return ("\n".join(lines) + "\n").encode() if lines else b""

    def foot(self, rows: int, content_hash: str) -> bytes:
        """The line that ends it."""
        return (_encode({"aishell_rows_end": rows, "content_hash": content_hash}) + "\n").encode()


class JsonReader:
    """Reads JSON lines."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._names = tuple(column.name for column in table.columns)
        self._ways = tuple(cell_of(column) for column in table.columns)
        self._rest = bytearray()
        self._held: bytes | None = None
        self._begun = False
        self._count = 0

    def feed(self, data: bytes) -> Iterator[Row]:
        """The rows whose lines are whole; the last line is held back, because it may be the end."""
        *lines, rest = data.split(b"\n")
        for line in lines:
            whole = bytes(self._rest) + line if self._rest else line
            self._rest.clear()
            held, self._held = self._held, whole
            if held is not None:
                yield from self._line(held)
        self._rest += rest

    def end(self) -> Iterator[Row]:
        """Look whether the end is there."""
        try:
            said = json.loads(self._held or b"null")
            whole = not self._rest and self._begun and said["aishell_rows_end"] == self._count
        except (ValueError, TypeError, KeyError):
            whole = False
        if not whole:
            raise DamagedError(f"the rows of {self._table.label} end too early, or are not as many as were written")
        return iter(())

    def _line(self, line: bytes) -> Iterator[Row]:
        try:
            found = json.loads(line)
            if not self._begun:
                self._expect_head(found)
                return
            self._count += 1
            yield tuple(None if (value := found[name]) is None else way(value) for name, way in zip(self._names, self._ways, strict=True))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise DamagedError(f"row {self._count} of {self._table.label} cannot be read: {error}") from error

    def _expect_head(self, found: Raw) -> None:
        if found.get("aishell_rows") != _VERSION or [column["name"] for column in found["columns"]] != list(self._names):
            raise DamagedError(f"the rows of {self._table.label} do not begin as they should, or are of a later version of aishell")
        self._begun = True
