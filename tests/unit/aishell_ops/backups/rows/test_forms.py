"""Whatever is written in a form is read back as it was, in pieces of any size, and what is damaged is never taken for whole."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aishell_ops.backups.errors import DamagedError
from aishell_ops.backups.rows.csv_form import CsvReader, CsvWriter
from aishell_ops.backups.rows.form import RowReader, RowWriter
from aishell_ops.backups.rows.json_form import JsonReader, JsonWriter
from aishell_ops.backups.rows.model import Column, Kind, Row, Table, table_as_json, table_of_json
from aishell_ops.backups.rows.sql_form import SqlReader, SqlWriter
from tests.unit.aishell_ops.backups.rows.row_values import VALUES, tables_with_rows

FORMS: dict[str, tuple[Callable[[Table], RowWriter], Callable[[Table], RowReader]]] = {
    "json": (JsonWriter, JsonReader),
    "csv": (CsvWriter, CsvReader),
    "sql": (SqlWriter, SqlReader),
}
SIMPLE = Table("t", (Column("a", Kind.TEXT), Column("b", Kind.FLOAT)))


def _written(form: str, table: Table, rows: list[Row]) -> bytes:
    writer = FORMS[form][0](table)
    return writer.head() + writer.rows(rows) + writer.foot(len(rows), "")


def _read(form: str, table: Table, data: bytes, piece: int) -> Iterator[Row]:
    reader = FORMS[form][1](table)
    for place in range(0, len(data), piece):
        yield from reader.feed(data[place : place + piece])
    yield from reader.end()


@pytest.mark.parametrize("form", ["json", "csv"])
@given(case=tables_with_rows(), piece=st.sampled_from([1, 7, 1 << 20]))
def test_what_was_written_is_read_back_exactly(form: str, case: tuple[Table, list[Row]], piece: int) -> None:
    table, rows = case
    found = list(_read(form, table, _written(form, table, rows), piece))
    assert repr(found) == repr(rows)  # 0.0 and -0.0, 1 and True are told apart


@pytest.mark.parametrize("form", ["json", "csv"])
def test_null_and_an_empty_text_are_told_apart(form: str) -> None:
    rows: list[Row] = [(None, None), ("", 0.0), ("NULL", -0.0), ("null", math.inf)]
    assert repr(list(_read(form, SIMPLE, _written(form, SIMPLE, rows), 3))) == repr(rows)


@pytest.mark.parametrize("form", ["json", "csv"])
def test_a_float_that_is_no_number_is_kept(form: str) -> None:
    ((_, value),) = _read(form, SIMPLE, _written(form, SIMPLE, [("", math.nan)]), 100)
    assert isinstance(value, float)
    assert math.isnan(value)


@given(tables_with_rows(), st.data())
def test_json_that_was_cut_anywhere_is_damaged(case: tuple[Table, list[Row]], data: st.DataObject) -> None:
    table, rows = case
    whole = _written("json", table, rows)
    cut = whole[: data.draw(st.integers(0, len(whole) - 1))]
    with pytest.raises(DamagedError):
        list(_read("json", table, cut, 1 << 20))


def test_a_csv_row_with_too_few_values_is_damaged() -> None:
    with pytest.raises(DamagedError, match="row 1 of t has 1 values, and not 2"):
        list(_read("csv", SIMPLE, b'"a","b"\n"x"\n', 100))


def test_every_line_of_json_is_one_document_by_the_names_of_columns() -> None:
    lines = _written("json", SIMPLE, [("x\ny", 0.1)]).decode().splitlines()
    assert [json.loads(line) for line in lines][1] == {"a": "x\ny", "b": 0.1}
    assert len(lines) == 3


@given(tables_with_rows())
def test_a_description_is_read_back_as_it_was(case: tuple[Table, list[Row]]) -> None:
    table, _ = case
    assert table_of_json(json.loads(json.dumps(table_as_json(table)))) == table


def test_a_description_that_lacks_something_is_damaged() -> None:
    with pytest.raises(DamagedError, match="description of a table"):
        table_of_json({"name": "t"})


@st.composite
def stored_tables(draw: st.DrawFn) -> tuple[Table, list[Row]]:
    """A table of a file with odd names, and whatever SQLite may keep in it."""
    table = Table(
        draw(NAMES), (Column(draw(NAMES) + "1", Kind.ANY), Column("b", Kind.TEXT)), definition=("CREATE TABLE x (a)", "CREATE INDEX i")
    )
    return table, draw(st.lists(st.tuples(VALUES[Kind.ANY], st.none() | VALUES[Kind.TEXT]), max_size=5))


NAMES = st.text(st.sampled_from("a'\"\n);,é "), min_size=1, max_size=6)


@given(case=stored_tables(), piece=st.sampled_from([1, 7, 1 << 20]))
def test_a_script_is_read_back_exactly(case: tuple[Table, list[Row]], piece: int) -> None:
    table, rows = case
    assert repr(list(_read("sql", table, _written("sql", table, rows), piece))) == repr(rows)


@given(stored_tables(), st.data())
def test_a_script_that_was_cut_anywhere_is_damaged(case: tuple[Table, list[Row]], data: st.DataObject) -> None:
    table, rows = case
    whole = _written("sql", table, rows)
    with pytest.raises(DamagedError):
        list(_read("sql", table, whole[: data.draw(st.integers(0, len(whole) - 1))], 1 << 20))
