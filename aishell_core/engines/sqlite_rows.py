"""Rows of SQLite database files: all of a copy that nobody else uses, and new files that others' rows go into; blocks."""

from __future__ import annotations

import math
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from aishell_core.engines.sqlite_reading import SqliteReader, mapped
from aishell_core.errors import TargetError
from aishell_core.values import FailureCode

StoredValue = int | float | str | bytes | None
_PIECE_BYTES = 1 << 20
_PIECE_ROWS = 2000
_CLASSES = ("integer", "real", "text", "blob")
_COLUMNS_AT_ONCE = 100
_PATIENCE_SECONDS = 60.0
_VALUE_BYTES = 32


@dataclass(frozen=True, slots=True)
class StoredColumn:
    """A column as the file's schema has it; `key_place` counts from 1 in the primary key, 0 for none."""

    name: str
    declared: str
    required: bool
    key_place: int
    computed: bool
    preset: str | None = None


@dataclass(frozen=True, slots=True)
class StoredTable:
    """A table as the file's schema has it, with the statements that make it and its indexes.

    `references` are its foreign keys in words, `uniques` the columns of its unique constraints, `indexes` those that have a name.
    """

    name: str
    columns: tuple[StoredColumn, ...]
    statements: tuple[str, ...]
    references: tuple[str, ...] = ()
    triggers: tuple[str, ...] = ()
    uniques: tuple[tuple[str, ...], ...] = ()
    indexes: tuple[str, ...] = ()


def quoted(name: str) -> str:
    """A name as it is written in a statement."""
    return '"' + name.replace('"', '""') + '"'


class SqliteRows:
    """A database file that nobody else uses, and a cursor of its own for every question. Methods raise TargetError."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self._path = path
        self._connection = connection

    def tables(self) -> tuple[StoredTable, ...]:
        """All tables of people, by name."""
        with self._mapping():
            names = [str(name) for (name,) in self._connection.execute(_TABLES)]
            return tuple(self._table(name) for name in names)

    def _table(self, name: str) -> StoredTable:
        found = self._connection.execute(f"PRAGMA main.table_xinfo({quoted(name)})").fetchall()
        columns = tuple(
            StoredColumn(str(column), str(declared or ""), bool(required), int(place), hidden in (2, 3), preset)
            for _, column, declared, required, preset, place, hidden in found
        )
        made = self._connection.execute(_MADE, (name,)).fetchall()
        indexes = self._connection.execute(f"PRAGMA main.index_list({quoted(name)})").fetchall()
        return StoredTable(
            name,
            columns,
            tuple(str(sql) for kind, _, sql in made if kind != "trigger"),
            self._references(name),
            tuple(str(trigger) for kind, trigger, _ in made if kind == "trigger"),
            tuple(sorted(self._indexed(str(index)) for _, index, _, origin, _ in indexes if origin == "u")),
            tuple(sorted(str(index) for _, index, _, origin, _ in indexes if origin == "c")),
        )

    def _references(self, table: str) -> tuple[str, ...]:
        """The foreign keys of a table in words, because SQLite does not tell their names."""
        keys: dict[int, tuple[str, list[str]]] = {}
        rows = self._connection.execute(f"PRAGMA main.foreign_key_list({quoted(table)})").fetchall()
        for number, _, parent, column, *_ in sorted(rows, key=lambda row: (row[0], row[1])):
            keys.setdefault(number, (str(parent), []))[1].append(str(column))
        return tuple(sorted(f"({', '.join(columns)}) to {parent}" for parent, columns in keys.values()))

    def _indexed(self, index: str) -> tuple[str, ...]:
        """The columns of an index; one that is an expression has no name."""
        rows = self._connection.execute(f"PRAGMA main.index_info({quoted(index)})").fetchall()
        return tuple(str(name) for _, _, name in rows if name is not None)

    def classes(self, table: str, columns: Sequence[str]) -> tuple[dict[str, int], ...]:
        """How many values of each storage class a table's columns have, without NULLs."""
        found: list[dict[str, int]] = []
        with self._mapping():
            for start in range(0, len(columns), _COLUMNS_AT_ONCE):
                some = columns[start : start + _COLUMNS_AT_ONCE]
                sums = ", ".join(f"total(typeof({quoted(column)}) = '{each}')" for column in some for each in _CLASSES)
                row = self._connection.execute(f"SELECT {sums} FROM main.{quoted(table)}").fetchone()  # noqa: S608 - quoted names
                counts = [dict(zip(_CLASSES, map(int, row[at : at + len(_CLASSES)]), strict=True)) for at in range(0, len(row), 4)]
                found += [{name: count for name, count in each.items() if count} for each in counts]
        return tuple(found)

    def are_all(self, table: str, column: str, is_so: Callable[[StoredValue], bool]) -> bool:
        """Whether all values but NULL are of a sort."""
        name = quoted(column)
        sql = f"SELECT {name} FROM main.{quoted(table)} WHERE {name} IS NOT NULL"  # noqa: S608 - quoted names
        with self._mapping(), closing(self._connection.cursor()) as cursor:
            return all(is_so(value) for (value,) in cursor.execute(sql))

    def count(self, table: str) -> int:
        """How many rows a table has."""
        with self._mapping():
            ((rows,),) = self._connection.execute(f"SELECT count(*) FROM main.{quoted(table)}")  # noqa: S608 - a quoted name
        return int(rows)

    def rows(self, table: str, columns: Sequence[str]) -> Iterator[list[tuple[StoredValue, ...]]]:
        """All rows, a few at a time."""
        names = ", ".join(map(quoted, columns)) or "NULL"
        with self._mapping(), closing(self._connection.cursor()) as cursor:
            piece: list[tuple[StoredValue, ...]] = []
            size = 0
            for row in cursor.execute(f"SELECT {names} FROM main.{quoted(table)}"):  # noqa: S608 - quoted names
                piece.append(row)
                size += _VALUE_BYTES * len(row) + sum(len(value) for value in row if isinstance(value, str | bytes))
                if len(piece) >= _PIECE_ROWS or size >= _PIECE_BYTES:
                    yield piece
                    piece, size = [], 0
            if piece:
                yield piece

    def make(self, statements: Iterable[str]) -> None:
        """Run statements of our own, or those that made a table elsewhere."""
        with self._mapping():
            for statement in statements:
                self._connection.execute(statement)

    def add(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[StoredValue]]) -> None:
        """Put rows into a table. A text that holds lone surrogates stands for bytes that are no UTF-8."""
        into = f"INSERT INTO main.{quoted(table)} ({', '.join(map(quoted, columns))}) VALUES "  # noqa: S608 - quoted names
        plain = f"{into}({', '.join('?' * len(columns))})"
        with self._mapping():
            self._connection.execute("BEGIN")
            for row in rows:
                try:
                    self._connection.execute(plain, row)
                except UnicodeEncodeError:
                    marks = ", ".join("CAST(? AS TEXT)" if isinstance(value, str) else "?" for value in row)
                    values = [value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value for value in row]
                    self._connection.execute(f"{into}({marks})", values)
            self._connection.execute("COMMIT")

    @contextmanager
    def _mapping(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise mapped(error, self._path, math.inf) from error


@contextmanager
def copy_of_rows(copy: Path) -> Iterator[SqliteRows]:
    """A copy that nobody else uses, to be read; raises TargetError."""
    with _connected(copy, "mode=ro&immutable=1") as connection:
        yield SqliteRows(copy, connection)


@contextmanager
def new_file(path: Path) -> Iterator[SqliteRows]:
    """A new file that nobody else knows, to be written; one that a crash has cut is thrown away. Raises TargetError."""
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    with _connected(path, "mode=rw") as connection:
        connection.execute("PRAGMA journal_mode = OFF")
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA foreign_keys = OFF")
        yield SqliteRows(path, connection)


def names_in(path: Path, seconds: float) -> tuple[tuple[str, str], ...]:
    """Kind and name of all tables, views and virtual tables of a live file, read without standing in anybody's way; raises TargetError."""
    return SqliteReader(path).read(lambda queries: tuple((str(kind), str(name)) for kind, name in queries.rows(_ALL)), seconds)


def exchange_tables(path: Path, staging: Path, tables: Sequence[tuple[str, Sequence[str], Sequence[str]]]) -> None:
    """Put tables of a staging file into a database in one transaction, instead of those that have their names.

    Each is a name, its columns, and the statements that make it with its indexes. Raises TargetError; then nothing is changed.
    """
    try:
        with _connected(path, "mode=rw", _PATIENCE_SECONDS) as connection:
            connection.execute("PRAGMA foreign_keys = OFF")
            connection.execute("ATTACH ? AS staging", (f"file:{quote(bytes(staging))}?mode=ro",))
            connection.execute("BEGIN IMMEDIATE")
            for name, columns, statements in tables:
                table, listed = quoted(name), ", ".join(map(quoted, columns))
                connection.execute(f"DROP TABLE IF EXISTS main.{table}")
                connection.execute(statements[0])
                connection.execute(f"INSERT INTO main.{table} ({listed}) SELECT {listed} FROM staging.{table}")  # noqa: S608 - quoted names
                for statement in statements[1:]:
                    connection.execute(statement)
                _expect_as_many(connection, path, table)
            connection.execute("COMMIT")
    except sqlite3.Error as error:
        raise mapped(error, path, math.inf) from error


def _expect_as_many(connection: sqlite3.Connection, path: Path, table: str) -> None:
    (here,), (there,) = (
        connection.execute(f"SELECT count(*) FROM {place}.{table}").fetchone()  # noqa: S608 - a quoted name
        for place in ("main", "staging")
    )
    if here != there:
        raise TargetError(
            FailureCode.REFUSED, f"{table} of {path} took {here} of {there} rows", "nothing was changed; look at its triggers"
        )


_TABLES = r"""
SELECT name FROM pragma_table_list
WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite\_%' ESCAPE '\' ORDER BY name
"""
_ALL = r"""
SELECT type, name FROM pragma_table_list
WHERE schema = 'main' AND type IN ('table', 'view', 'virtual') AND name NOT LIKE 'sqlite\_%' ESCAPE '\' ORDER BY name
"""
_MADE = """
SELECT type, name, sql FROM main.sqlite_schema WHERE tbl_name = ? AND sql IS NOT NULL
ORDER BY type <> 'table', name
"""


@contextmanager
def _connected(path: Path, options: str, patience_seconds: float = 0.0) -> Iterator[sqlite3.Connection]:
    # One thread at a time uses it, and not always the same.
    connection = sqlite3.connect(
        f"file:{quote(bytes(path))}?{options}", uri=True, timeout=patience_seconds, isolation_level=None, check_same_thread=False
    )
    connection.text_factory = lambda data: data.decode("utf-8", "surrogateescape")
    try:
        yield connection
    finally:
        connection.close()
