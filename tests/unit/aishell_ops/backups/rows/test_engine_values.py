"""Values of every kind through the ways in which each engine keeps them: what is not doubted comes back as it was."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import partial

import bson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aishell_core.engines import mongodb_elements as elements
from aishell_core.engines.mongodb_documents import CODEC
from aishell_ops.backups.rows.engines import mongodb_types, mysql_types, postgres_types, sqlite_types
from aishell_ops.backups.rows.fidelity import Shape
from aishell_ops.backups.rows.hashing import canonical
from aishell_ops.backups.rows.model import Cell, Column, Kind, Row, Table
from tests.unit.aishell_ops.backups.rows.row_values import tables_with_rows


def through_copy(shape: Shape, value: Cell) -> Cell:
    """Through the text form of COPY, as a server that keeps its text would have it."""
    line = postgres_types.line_of([shape.write(value), None])
    text, nothing = postgres_types.fields_of(line.removesuffix("\n"))
    assert nothing is None
    assert text is not None
    found: Cell = shape.read(text)
    return found


def through_sqlite(shape: Shape, value: Cell) -> Cell:
    """Through a real column of that type."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.text_factory = lambda data: data.decode("utf-8", "surrogateescape")
        connection.execute(f"CREATE TABLE t (c {shape.type})")
        kept = shape.write(value)
        if isinstance(kept, str):
            connection.execute("INSERT INTO t VALUES (CAST(? AS TEXT))", (kept.encode("utf-8", "surrogateescape"),))
        else:
            connection.execute("INSERT INTO t VALUES (?)", (kept,))
        ((found,),) = connection.execute("SELECT c FROM t")
        return None if found is None else shape.read(found)


def through_document(shape: Shape, value: Cell) -> Cell:
    """Through a document, as the driver's bytes have it."""
    document = elements.document_from([(b"v", shape.write(value))])
    bson.decode(document, CODEC)
    ((_, element),) = elements.elements_of(document)
    found: Cell = shape.read(element)
    return found


SHAPES: dict[str, tuple[Callable[[Column], Shape], Callable[[Shape, Cell], Cell]]] = {
    "postgres": (postgres_types.own_shape, through_copy),
    "postgres from others": (postgres_types.foreign_shape, through_copy),
    "sqlite from others": (sqlite_types.foreign_shape, through_sqlite),
    "mongodb": (mongodb_types.shape_of, through_document),
    "mongodb of few types": (partial(mongodb_types.shape_of, plain=True), through_document),
}


@pytest.mark.parametrize("engine", SHAPES)
@given(tables_with_rows())
def test_a_value_that_has_a_place_is_the_same_there(engine: str, case: tuple[Table, list[Row]]) -> None:
    shape_of, through = SHAPES[engine]
    table, rows = case
    for number, column in enumerate(table.columns):
        if engine == "postgres" and column.kind is Kind.ANY:
            continue  # its own columns have one type each
        shape, same = shape_of(column), canonical(column)
        for row in rows:
            value = row[number]
            if value is not None and not (shape.doubt is not None and shape.doubt(value)):
                settled = value if shape.settle is None else shape.settle(value)
                assert same(through(shape, value)) == same(settled)


@given(tables_with_rows())
def test_what_takes_the_place_of_a_value_has_a_place_itself(case: tuple[Table, list[Row]]) -> None:
    table, rows = case
    for number, column in enumerate(table.columns):
        shapes = [postgres_types.foreign_shape(column), sqlite_types.foreign_shape(column), mysql_types.foreign_shape(table, column)]
        for shape in (*shapes, mongodb_types.shape_of(column), mongodb_types.shape_of(column, plain=True)):
            for row in rows:
                value = row[number]
                if value is not None and shape.doubt is not None and shape.doubt(value):
                    mended = shape.mend(value)
                    assert mended is None or not shape.doubt(mended) or column.name in table.key


@given(st.lists(st.none() | st.text() | st.lists(st.none() | st.text(max_size=3), min_size=1, max_size=2), max_size=4))
def test_an_array_is_read_as_it_was_written(values: list[Cell]) -> None:
    assert postgres_types.array_of(postgres_types.array_text(values, str), str) == values


@pytest.mark.parametrize(
    ("declared", "values", "kind"),
    [
        ("DATE", ["2026-01-31"], Kind.DATE),
        ("DATE", ["2026-02-31"], Kind.TEXT),
        ("TIMESTAMP", ["2026-01-01 00:00:00"], Kind.TIMESTAMP),
        ("DATETIME", ["2026-01-01T00:00:00Z"], Kind.INSTANT),
        ("DATETIME", ["2026-01-01 00:00:00", "2026-01-01 00:00:00Z"], Kind.TEXT),
        ("DATETIME", [1700000000], Kind.INTEGER),
        ("BOOLEAN", [0, 1], Kind.BOOLEAN),
        ("BOOLEAN", [0, 2], Kind.INTEGER),
        ("DECIMAL(10,2)", [5, 7.25], Kind.DECIMAL),
        ("INTEGER", [5], Kind.INTEGER),
        ("INTEGER", [5, "x"], Kind.ANY),
        ("", [5, 2.5], Kind.ANY),
        ("", [b"x"], Kind.BYTES),
        ("UUID", ["A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11"], Kind.UUID),
        ("VARCHAR(10)", [], Kind.TEXT),
        ("INTERVAL", [], Kind.TEXT),
        ("REAL", [], Kind.FLOAT),
        ("BLOB", [], Kind.BYTES),
    ],
)
def test_a_column_of_sqlite_is_what_its_values_are(declared: str, values: list[Cell], kind: Kind) -> None:
    classes: dict[str, int] = {}
    for value in values:
        name = {int: "integer", float: "real", str: "text", bytes: "blob"}[type(value)]
        classes[name] = classes.get(name, 0) + 1
    assert sqlite_types.kind_of(declared, classes, lambda is_so: all(map(is_so, values))) is kind


@pytest.mark.parametrize(
    ("column", "type_"),
    [
        (Column("c", Kind.INTEGER, bits=64, unsigned=True), "numeric(20,0)"),
        (Column("c", Kind.INTEGER, bits=32, unsigned=True), "bigint"),
        (Column("c", Kind.INTEGER, bits=16), "smallint"),
        (Column("c", Kind.DECIMAL, precision=65, scale=30), "numeric(65,30)"),
        (Column("c", Kind.DURATION), "interval"),
        (Column("c", Kind.TEXT, length=10), "varchar(10)"),
    ],
)
def test_postgres_takes_the_narrowest_type_that_holds_all(column: Column, type_: str) -> None:
    assert postgres_types.foreign_shape(column).type == type_


def test_mysql_keeps_texts_in_a_row_only_while_they_fit() -> None:
    few = Table("t", tuple(Column(f"c{number}", Kind.TEXT, length=255) for number in range(5)))
    many = Table("t", tuple(Column(f"c{number}", Kind.TEXT, length=255) for number in range(50)))
    assert mysql_types.foreign_shape(few, few.columns[0]).type == "varchar(255)"
    assert mysql_types.foreign_shape(many, many.columns[0]).type == "longtext"


@pytest.mark.parametrize(
    ("text", "doubted"), [('{"a": 1e400, "b": [null]}', False), ("9" * 5000, False), ('["a\nb"]', True), ("[NaN]", True), ('"\0"', True)]
)
def test_json_that_postgres_would_not_take_is_doubted(text: str, doubted: bool) -> None:
    shape = postgres_types.foreign_shape(Column("c", Kind.JSON))
    assert shape.doubt is not None
    assert bool(shape.doubt(text)) is doubted
