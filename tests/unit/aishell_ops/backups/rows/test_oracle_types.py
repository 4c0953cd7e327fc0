"""Values of Oracle's types and of others' kinds through the statements of a server: what is not doubted comes back as it was."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aishell_core.engines.oracle_wire import Bound
from aishell_ops.backups.rows.engines.oracle_intervals import days_of, days_text, months_of, months_text
from aishell_ops.backups.rows.engines.oracle_types import bound, column_of, foreign_shape, own_shape, taken, unsaved
from aishell_ops.backups.rows.fidelity import Shape
from aishell_ops.backups.rows.hashing import canonical
from aishell_ops.backups.rows.model import Cell, Column, Kind, Row, Table
from tests.servers.oracle_schema import Col
from tests.unit.aishell_ops.backups.rows.row_values import tables_with_rows


def through(shape: Shape, value: Cell) -> Cell:
    """Through a column of the server of the tests' own."""
    column = Col("C", shape.type)
    found = column.shown(column.kept(shape.write(value)), shape.select)
    return None if found is None else shape.read(found)


@given(tables_with_rows())
def test_a_value_of_another_engine_that_has_a_place_is_the_same_there(case: tuple[Table, list[Row]]) -> None:
    table, rows = case
    for number, column in enumerate(table.columns):
        shape, same = foreign_shape(table, column), canonical(column)
        for row in rows:
            value = row[number]
            if value is not None and not (shape.doubt is not None and shape.doubt(value)):
                assert same(through(shape, value)) == same(value)


@given(tables_with_rows())
def test_what_takes_the_place_of_a_value_has_a_place_itself(case: tuple[Table, list[Row]]) -> None:
    table, rows = case
    for number, column in enumerate(table.columns):
        shape = foreign_shape(table, column)
        for row in rows:
            value = row[number]
            if value is not None and shape.doubt is not None and shape.doubt(value):
                mended = shape.mend(value)
                assert mended is None or not shape.doubt(mended) or column.name in table.key


@pytest.mark.parametrize(
    ("type_", "server", "cell"),
    [
        ("NUMBER(9,0)", Decimal(-999999999), -999999999),
        ("NUMBER(18,0)", Decimal(10**18 - 1), 10**18 - 1),
        ("NUMBER(19,0)", Decimal(10**19 - 1), str(10**19 - 1)),
        ("NUMBER(38,0)", Decimal("9" * 38), "9" * 38),
        ("NUMBER", Decimal("1E+125"), "1" + "0" * 125),
        ("NUMBER", Decimal("-1E-130"), "-0." + "0" * 129 + "1"),
        ("NUMBER", Decimal(0), "0"),
        ("NUMBER(5,-2)", Decimal("1.2345E+6"), "1234500"),
        ("NUMBER(2,5)", Decimal("0.00012"), "0.00012"),
        ("NUMBER(*,0)", Decimal("-" + "1" * 38), "-" + "1" * 38),
        ("FLOAT(126)", Decimal("0.1"), "0.1"),
        ("DATE", " 2024-02-29 23:59:59", "2024-02-29 23:59:59"),
        ("DATE", "-4712-01-01 00:00:00", "4712-01-01 00:00:00 BC"),
        ("TIMESTAMP(9)", " 9999-12-31 23:59:59.123456789", "9999-12-31 23:59:59.123456789"),
        ("TIMESTAMP(9)", "-0044-03-15 12:00:00.000000000", "0044-03-15 12:00:00.000000000 BC"),
        (
            "TIMESTAMP(9) WITH TIME ZONE",
            " 2024-10-27 00:30:00.000000001|Europe/Berlin",
            "2024-10-27 00:30:00.000000001+00:00[Europe/Berlin]",
        ),
        ("TIMESTAMP(9) WITH TIME ZONE", " 2024-10-27 00:30:00.000000000|-05:30", "2024-10-27 00:30:00.000000000+00:00[-05:30]"),
        ("TIMESTAMP(9) WITH TIME ZONE", "-0001-01-01 00:00:00.000000000|+00:00", "0001-01-01 00:00:00.000000000+00:00 BC"),
        ("TIMESTAMP(9) WITH TIME ZONE", "-0001-01-01 00:00:00.000000000|UTC", "0001-01-01 00:00:00.000000000+00:00 BC[UTC]"),
        ("TIMESTAMP(6) WITH LOCAL TIME ZONE", " 2024-01-01 00:00:00.500000000|+00:00", "2024-01-01 00:00:00.500000000+00:00"),
        ("INTERVAL DAY(2) TO SECOND(6)", "+01 02:03:04.500000000", "1 day 02:03:04.5"),
        ("INTERVAL DAY(2) TO SECOND(6)", "-11 00:00:00.000000000", "-11 days"),
        ("INTERVAL DAY(2) TO SECOND(6)", "-00 00:00:00.000001000", "-00:00:00.000001"),
        ("INTERVAL DAY(9) TO SECOND(9)", "+000000000 00:00:00.000000000", "00:00:00"),
        ("INTERVAL YEAR(2) TO MONTH", "+01-02", "1 year 2 mons"),
        ("INTERVAL YEAR(2) TO MONTH", "-00-01", "-1 mons"),
        ("INTERVAL YEAR(9) TO MONTH", "+000000000-00", "00:00:00"),
        ("CHAR(5 BYTE)", "ab   ", "ab   "),
        ("NVARCHAR2(5)", "Ω", "Ω"),
        ("CLOB", "", ""),
        ("BLOB", b"", b""),
        ("RAW(16)", b"\0\xff", b"\0\xff"),
        ("BOOLEAN", False, False),
    ],
)
def test_a_value_of_its_own_is_read_exactly_and_written_as_it_was(type_: str, server: object, cell: Cell) -> None:
    assert unsaved(Col("C", type_).row("T")) == ""
    column = column_of(Col("C", type_).row("T"))
    assert column.declared == type_
    shape = own_shape(column)
    assert shape.type == type_
    assert shape.read(server) == cell
    kept = Col("C", type_)
    assert kept.shown(kept.kept(shape.write(cell)), shape.select) == server


@pytest.mark.parametrize("zone", ["Europe/Berlin", "-05:30", "UTC"])
def test_an_instant_is_the_same_in_every_zone(zone: str) -> None:
    same = canonical(Column("c", Kind.INSTANT))
    assert same(f"2024-10-27 00:30:00.100+00:00[{zone}]") == same("2024-10-27 02:30:00.1+02:00")
    assert same(f"2024-10-27 00:30:00.100000001+00:00[{zone}]") != same("2024-10-27 02:30:00.1+02:00")


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({"type": "BFILE"}, "a file outside of the database"),
        ({"type": "UROWID"}, "places of rows"),
        ({"type": "XMLTYPE", "type_owner": "SYS"}, "no form in them that comes back exactly"),
        ({"type": "JSON"}, "no form in them that comes back exactly"),
        ({"type": "VECTOR"}, "no form in them that comes back exactly"),
        ({"type": "ADDRESS", "type_owner": "SHOP"}, "no form in them that comes back exactly"),
        ({"type": "DATE", "type_owner": "SHOP"}, "no form in them that comes back exactly"),
    ],
)
def test_a_type_that_rows_do_not_hold_is_told_with_the_reason(row: dict[str, Any], why: str) -> None:
    assert why in unsaved({"type_owner": None, **row})


@pytest.mark.parametrize(
    ("column", "value", "why"),
    [
        (Column("C", Kind.TEXT, length=10), "", "'' is NULL here"),
        (Column("K", Kind.TEXT, length=10), "", "'' is NULL here"),
        (Column("K", Kind.TEXT), "x" * 401, "a key is longer than 400"),
        (Column("C", Kind.TEXT), "\udc80", "no UTF-8"),
        (Column("C", Kind.DECIMAL), "1" * 39, "39 digits"),
        (Column("C", Kind.DECIMAL), "NaN", "no number here"),
        (Column("C", Kind.DECIMAL, precision=10, scale=2), "Infinity", "no number here"),
        (Column("C", Kind.DECIMAL), "1" + "0" * 126, "too large"),
        (Column("C", Kind.DATE), "infinity", "no day"),
        (Column("C", Kind.TIMESTAMP), "10000-01-01 00:00:00", "no day"),
        (Column("C", Kind.INSTANT), "4713-01-01 00:00:00+00:00 BC", "no day"),
    ],
)
def test_a_value_that_oracle_has_no_place_for_is_doubted(column: Column, value: Cell, why: str) -> None:
    shape = foreign_shape(Table("T", (column,), key=("K",)), column)
    assert shape.doubt is not None
    assert why in shape.doubt(value)


def test_an_empty_text_has_a_place_where_a_large_object_keeps_it() -> None:
    table = Table("T", (Column("C", Kind.TEXT),))
    shape = foreign_shape(table, table.columns[0])
    assert shape.type == "CLOB"
    assert through(shape, "") == ""


@given(st.integers(-12 * 10**9 + 1, 12 * 10**9 - 1))
def test_years_and_months_are_read_as_they_were_written(months: int) -> None:
    text = f"{'-' if months < 0 else '+'}{abs(months) // 12:02}-{abs(months) % 12:02}"
    assert months_text(months_of(text)) == text


@given(st.sampled_from("+-"), st.integers(0, 10**9 - 1), st.times(), st.integers(0, 10**9 - 1))
def test_days_and_times_are_read_as_they_were_written(sign: str, days: int, time: Any, nanoseconds: int) -> None:
    text = f"{sign}{days:02} {time:%H:%M:%S}.{nanoseconds:09}"
    if any(digit in text for digit in "123456789"):  # nothing has no sign
        assert days_text(days_of(text)) == text


@pytest.mark.parametrize("way", [months_of, months_text, days_of, days_text])
def test_what_is_no_interval_is_refused(way: Any) -> None:
    with pytest.raises(ValueError, match="no interval"):
        way("a day")


@pytest.mark.parametrize(
    ("type_", "kind"),
    [
        ("NUMBER(9,0)", Bound.NUMBER),
        ("FLOAT(126)", Bound.NUMBER),
        ("NVARCHAR2(10)", Bound.NATIONAL),
        ("VARCHAR2(10 CHAR)", Bound.TEXT),
        ("DATE", Bound.TEXT),
        ("TIMESTAMP(9) WITH TIME ZONE", Bound.TEXT),
        ("INTERVAL DAY(2) TO SECOND(6)", Bound.TEXT),
        ("LONG RAW", Bound.LONG_BYTES),
        ("LONG", Bound.LONG),
        ("RAW(16)", Bound.BYTES),
        ("NCLOB", Bound.NATIONAL_CLOB),
    ],
)
def test_a_value_is_sent_as_what_its_column_is_or_as_text(type_: str, kind: Bound) -> None:
    assert bound(type_) is kind
    assert (taken(type_, ":c1") == ":c1") is not type_.startswith(("DATE", "TIMESTAMP", "INTERVAL"))
