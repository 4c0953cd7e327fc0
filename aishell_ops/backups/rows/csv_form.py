r"""Rows as CSV (RFC 4180): a line of names, a line for each row; pure.

NULL is an empty field, an empty text is a pair of quotes; whatever is not a number or a boolean stands in quotes. Bytes are \x and
hexadecimal digits, arrays and values of any kind are JSON. Bytes of a text that are no UTF-8 stand as they are.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Iterator

from aishell_ops.backups.errors import DamagedError
from aishell_ops.backups.rows.json_form import float_word, text_back, text_of
from aishell_ops.backups.rows.model import Cell, Column, Kind, Row, Table

_FIELD = re.compile(r'(?:"((?:[^"]|"")*)"|([^",\n]*))(,|$)', re.DOTALL)
_NESTED = frozenset({Kind.ARRAY, Kind.ANY})


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _float(value: Cell) -> str:
    return repr(value) if isinstance(value, float) and math.isfinite(value) else float_word(float(str(value)))


def _hex(value: Cell) -> str:
    return f'"\\x{value.hex()}"' if isinstance(value, bytes) else _quoted(str(value))


def _field_of(column: Column) -> Callable[[Cell], str]:
    if column.kind in _NESTED:
        way = text_of(column)
        return lambda value: _quoted(way(value))
    ways: dict[Kind, Callable[[Cell], str]] = {
        Kind.BOOLEAN: lambda value: "true" if value else "false",
        Kind.INTEGER: str,
        Kind.DECIMAL: str,
        Kind.FLOAT: _float,
        Kind.BYTES: _hex,
    }
    return ways.get(column.kind, lambda value: _quoted(str(value)))


def _boolean(text: str) -> Cell:
    return {"true": True, "false": False}[text]


def _bytes(text: str) -> Cell:
    if text.startswith("\\x"):
        return bytes.fromhex(text[2:])
    raise ValueError("bytes do not begin with \\x")


def _cell_of(column: Column) -> Callable[[str], Cell]:
    if column.kind in _NESTED:
        return text_back(column)
    ways: dict[Kind, Callable[[str], Cell]] = {Kind.BOOLEAN: _boolean, Kind.INTEGER: int, Kind.FLOAT: float, Kind.BYTES: _bytes}
    return ways.get(column.kind, str)


class CsvWriter:
    """Writes CSV."""

    def __init__(self, table: Table) -> None:
        self._names = tuple(column.name for column in table.columns)
        self._ways = tuple(_field_of(column) for column in table.columns)

    def head(self) -> bytes:
        """The line of names."""
        return (",".join(map(_quoted, self._names)) + "\n").encode("utf-8", "surrogateescape")

    def rows(self, rows: Iterable[Row]) -> bytes:
        """A line for each row; only a value that has a line's end in it takes more."""
        lines = [",".join(["" if value is None else way(value) for way, value in zip(self._ways, row, strict=True)]) + "\n" for row in rows]
        return "".join(lines).encode("utf-8", "surrogateescape")

    def foot(self, rows: int, content_hash: str) -> bytes:
        """Nothing: other programs would take it for a row. The manifest knows how many there are."""
        return b""


class CsvReader:
    """Reads CSV as it was written here."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._ways = tuple(_cell_of(column) for column in table.columns)
        self._rest: list[bytes] = []
        self._open = False
        self._begun = False
        self._count = 0

    def feed(self, data: bytes) -> Iterator[Row]:
        """The rows that are whole: a line's end between quotes is none."""
        *lines, rest = data.split(b"\n")
        for line in lines:
            self._open ^= bool(line.count(b'"') % 2)
            self._rest.append(line)
            if self._open:
                self._rest.append(b"\n")
                continue
            yield from self._record(b"".join(self._rest).decode("utf-8", "surrogateescape"))
            self._rest = []
        if rest:
            self._open ^= bool(rest.count(b'"') % 2)
            self._rest.append(rest)

    def end(self) -> Iterator[Row]:
        """Look whether the last line is whole."""
        if self._rest or not self._begun:
            raise DamagedError(f"the rows of {self._table.label} end too early")
        return iter(())

    def _record(self, text: str) -> Iterator[Row]:
        if not self._begun:
            self._begun = True
            return
        self._count += 1
        fields = list(_fields(text))
        if len(fields) != len(self._ways):
            raise DamagedError(f"row {self._count} of {self._table.label} has {len(fields)} values, and not {len(self._ways)}")
        try:
            yield tuple(None if field is None else way(field) for way, field in zip(self._ways, fields, strict=True))
        except (ValueError, KeyError, TypeError, json.JSONDecodeError) as error:
            raise DamagedError(f"row {self._count} of {self._table.label} cannot be read: {error}") from error


def _fields(text: str) -> Iterator[str | None]:
    """The fields of one record, None for those that are empty and not quoted."""
    place = 0
    while True:
        found = _FIELD.match(text, place)
        if found is None:
            raise DamagedError(f"a row cannot be read: {text[place : place + 40]!r}")
        if found[1] is not None:
            yield found[1].replace('""', '"')
        else:
            yield found[2] or None
        place = found.end()
        if not found[3]:
            return
