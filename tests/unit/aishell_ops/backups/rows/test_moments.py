"""Moments with nanoseconds, and the names of zones, in engines that keep neither."""

from __future__ import annotations

import pytest

from aishell_ops.backups.rows.engines import mysql_types, postgres_types
from aishell_ops.backups.rows.fidelity import Shape, gone
from aishell_ops.backups.rows.model import Column, Kind, Table
from aishell_ops.backups.rows.moments import or_cut, or_fine, without_zone


def shapes(kind: Kind) -> list[Shape]:
    column = Column("c", kind)
    return [postgres_types.foreign_shape(column), mysql_types.foreign_shape(Table("t", (column,)), column)]


@pytest.mark.parametrize(
    ("kind", "value", "nearest"),
    [
        (Kind.TIMESTAMP, "2024-01-01 00:00:00.123456789", "2024-01-01 00:00:00.123456"),
        (Kind.INSTANT, "2024-01-01 00:00:00.000000001+00:00", "2024-01-01 00:00:00.000000+00:00"),
        (Kind.INSTANT, "2024-01-01 00:00:00.0000001+00:00[Europe/Berlin]", "2024-01-01 00:00:00.000000+00:00[Europe/Berlin]"),
    ],
)
def test_nanoseconds_are_told_and_cut_where_loss_is_accepted(kind: Kind, value: str, nearest: str) -> None:
    for shape in shapes(kind):
        assert shape.doubt is not None
        assert shape.doubt(value) == "nanoseconds become microseconds"
        assert shape.mend(value) == nearest
        assert shape.doubt(nearest) == ""


@pytest.mark.parametrize("value", ["2024-01-01 00:00:00.123456000", "2024-01-01 00:00:00", "2024-01-01 00:00:00.1"])
def test_zeros_behind_microseconds_are_no_loss(value: str) -> None:
    for shape in shapes(Kind.TIMESTAMP):
        assert shape.doubt is not None
        assert shape.doubt(value) == ""


def test_where_there_is_nothing_near_null_takes_its_place_and_the_column_must_take_it() -> None:
    for shape in shapes(Kind.TIMESTAMP):
        assert shape.mend("infinity" if shape.type.startswith("datetime") else "0000-00-00 00:00:00") is None
        assert shape.may_be_gone
    assert Shape("date", doubt=lambda _: "", mend=gone).may_be_gone
    assert not Shape("text", doubt=lambda _: "", mend=str).may_be_gone
    assert not Shape("text").may_be_gone


def test_an_interval_that_postgresql_cannot_hold_is_doubted() -> None:
    shape = postgres_types.foreign_shape(Column("c", Kind.INTERVAL))
    assert shape.doubt is not None
    assert shape.doubt("999999999 years 11 mons") == "an interval has 999999999 years"
    assert shape.doubt("1 day 00:00:00.0000001") == "nanoseconds become microseconds"
    assert shape.doubt("-999999999 days -23:59:59.999999") == ""


def test_the_name_of_a_zone_is_left_out_where_it_is_not_kept() -> None:
    assert without_zone("2024-01-01 00:00:00+00:00[Europe/Berlin]") == "2024-01-01 00:00:00+00:00"
    assert or_fine(lambda _: "no")("x") == "no"
    assert or_cut(lambda _: "no")("x") is None
