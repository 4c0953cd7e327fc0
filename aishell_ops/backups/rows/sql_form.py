"""Rows as a script of SQL that SQLite's own shell runs: the table, a statement for each row, its indexes; pure.

A text that such a script cannot hold (the sign U+0000, bytes that are no UTF-8) is a CAST of its bytes.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator

from aishell_ops.backups.errors import DamagedError
from aishell_ops.backups.rows.engines.sqlite_types import own_shape
from aishell_ops.backups.rows.model import Raw, Row, Table, table_as_json

_END = b");\n"
_VALUE = re.compile(rb"NULL|X'([0-9a-f]*)'|CAST\(X'([0-9a-f]*)' AS TEXT\)|'((?:[^']|'')*)'|([-+]?[0-9.]+(?:e[-+]?[0-9]+)?)")
_INFINITY = "9e999"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(value: Raw) -> str:
    match value:
        case None:
            return "NULL"
        case bytes():
            return f"X'{value.hex()}'"
        case float() if math.isinf(value):
            return _INFINITY if value > 0 else f"-{_INFINITY}"
        case str() if "\0" in value or _is_raw(value):
            return f"CAST(X'{value.encode('utf-8', 'surrogateescape').hex()}' AS TEXT)"
        case str():
            return "'" + value.replace("'", "''") + "'"
    return repr(value)


def _is_raw(text: str) -> bool:
    return not text.isascii() and any("\udc80" <= sign <= "\udcff" for sign in text)


def _head(table: Table) -> bytes:
    words = json.dumps(table_as_json(table))
    return f"-- aishell rows {words}\nBEGIN;\n{table.definition[0]};\n".encode("utf-8", "surrogateescape")


def _beginning(table: Table) -> bytes:
    listed = ", ".join(_quoted(column.name) for column in table.columns)
    return f"INSERT INTO {_quoted(table.name)} ({listed}) VALUES (".encode("utf-8", "surrogateescape")  # noqa: S608 - quoted names


def _foot(table: Table, rows: int) -> bytes:
    indexes = "".join(f"{statement};\n" for statement in table.definition[1:])
    return f"{indexes}COMMIT;\n-- aishell rows end {rows}\n".encode("utf-8", "surrogateescape")


class SqlWriter:
    """Writes a script."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._beginning = _beginning(table)
        self._ways = tuple(own_shape(column).write for column in table.columns)

    def head(self) -> bytes:
        """What makes the table."""
        return _head(self._table)

    def rows(self, rows: Iterable[Row]) -> bytes:
        """A statement for each row."""
        return b"".join(
            self._beginning
            + ",".join([_literal(None if value is None else way(value)) for way, value in zip(self._ways, row, strict=True)]).encode()
            + _END
            for row in rows
        )

    def foot(self, rows: int, content_hash: str) -> bytes:
        """What makes its indexes, and the end."""
        return _foot(self._table, rows)


class SqlReader:
    """Reads a script as it was written here, and no other."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._head: bytes = _head(table)
        self._beginning = _beginning(table)
        self._ways = tuple(own_shape(column).read for column in table.columns)
        self._rest = bytearray()
        self._counted = self._looked = len(self._beginning)
        self._odd = False
        self._rows = 0

    def feed(self, data: bytes) -> Iterator[Row]:
        """The rows whose statements are whole."""
        self._rest += data
        if self._head:
            if len(self._rest) < len(self._head):
                return
            if not self._rest.startswith(self._head):
                raise self._damaged("does not begin as it should")
            del self._rest[: len(self._head)]
            self._head = b""
        place = 0
        while (end := self._end_of(place)) is not None:
            self._rows += 1
            yield self._row(bytes(self._rest[place + len(self._beginning) : end]))
            place = end + len(_END)
            self._counted = self._looked = len(self._beginning)
        del self._rest[:place]

    def _end_of(self, place: int) -> int | None:
        """Where the values of the statement that begins at a place end; None while that is not known, or where there is none."""
        if not self._rest.startswith(self._beginning, place):
            return None
        while (end := self._rest.find(_END, place + self._looked)) >= 0:
            self._odd ^= bool(self._rest.count(b"'", place + self._counted, end) % 2)
            if not self._odd:
                return end
            self._counted, self._looked = end - place, end - place + 1
        self._looked = max(self._looked, len(self._rest) - place - len(_END) + 1)
        return None

    def end(self) -> Iterator[Row]:
        """Look whether the end is there."""
        if self._head or bytes(self._rest) != _foot(self._table, self._rows):
            raise self._damaged("ends too early, or has not as many rows as were written")
        return iter(())

    def _row(self, text: bytes) -> Row:
        found: list[Raw] = []
        place = 0
        while (value := _VALUE.match(text, place)) is not None:
            found.append(_value(value))
            place = value.end() + 1
            if text[place - 1 : place] != b",":
                break
        if place != len(text) + 1 or len(found) != len(self._ways):
            raise self._damaged(f"has a row {self._rows} that cannot be read")
        return tuple(None if value is None else way(value) for way, value in zip(self._ways, found, strict=True))

    def _damaged(self, what: str) -> DamagedError:
        return DamagedError(f"the script of {self._table.label} {what}", "restore another backup")


def _value(found: re.Match[bytes]) -> Raw:
    blob, raw, text, number = found.groups()
    if blob is not None:
        return bytes.fromhex(blob.decode())
    if raw is not None:
        return bytes.fromhex(raw.decode()).decode("utf-8", "surrogateescape")
    if text is not None:
        return text.replace(b"''", b"'").decode("utf-8", "surrogateescape")
    if number is None:
        return None
    return float(number) if b"." in number or b"e" in number else int(number)
