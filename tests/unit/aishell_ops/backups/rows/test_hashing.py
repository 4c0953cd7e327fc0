"""Which values are the same, and that a hash of rows tells them from all others."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aishell_ops.backups.rows.hashing import RowHash, canonical, plain_instant, plain_moment, plain_number
from aishell_ops.backups.rows.model import Cell, Column, Kind, Row, Table
from tests.unit.aishell_ops.backups.rows.row_values import DIGITS, tables_with_rows


@given(DIGITS, DIGITS)
def test_numbers_are_the_same_when_they_are_equal(one: str, other: str) -> None:
    assert (plain_number(one) == plain_number(other)) == (Decimal(one) == Decimal(other))


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_an_exponent_says_the_same(value: float) -> None:
    assert Decimal(plain_number(repr(value))) == Decimal(repr(value))
    assert "e" not in plain_number(repr(value))


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        (Kind.DECIMAL, "1.50", "1.5"),
        (Kind.DECIMAL, "-0.00", "0"),
        (Kind.TIMESTAMP, "2026-01-01 00:00:00.500000", "2026-01-01 00:00:00.5"),
        (Kind.TIMESTAMP, "2026-01-01 00:00:00.000", "2026-01-01T00:00:00"),
        (Kind.INSTANT, "2026-01-01T01:00:00.50+01:00", "2026-01-01 00:00:00.5+00:00"),
        (Kind.INSTANT, "2026-01-01 00:00:00Z", "2026-01-01 00:00:00+00:00"),
        (Kind.UUID, "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
        (Kind.FLOAT, 0.0, -0.0),
        (Kind.DURATION, "-838:59:59.000000", "-838:59:59"),
    ],
)
def test_two_ways_to_write_one_value(kind: Kind, one: Cell, other: Cell) -> None:
    way = canonical(Column("c", kind))
    assert way(one) == way(other)


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        (Kind.TEXT, "1.50", "1.5"),
        (Kind.TEXT, "", None),
        (Kind.ANY, "5", 5),
        (Kind.ANY, 5, 5.0),
        (Kind.ANY, b"a", "a"),
        (Kind.FLOAT, 0.0, 5e-324),
        (Kind.BOOLEAN, False, None),
        (Kind.JSON, '{"a":1}', '{"a": 1}'),
        (Kind.TIMESTAMP, "2026-01-01 00:00:00.05", "2026-01-01 00:00:00.5"),
        (Kind.DATE, "infinity", None),
    ],
)
def test_two_values(kind: Kind, one: Cell, other: Cell) -> None:
    way = canonical(Column("c", kind))
    assert way(one) != way(other)


def test_eras_and_infinities_stay() -> None:
    assert plain_moment("0044-03-15 12:00:00.500 BC") == "0044-03-15 12:00:00.5 BC"
    assert plain_instant("-infinity") == "-infinity"
    assert plain_instant("0044-03-15 12:00:00.50+00:00 BC") == "0044-03-15 12:00:00.5+00:00 BC"


@given(tables_with_rows(), st.randoms())
def test_the_order_of_rows_makes_no_difference_and_a_missing_row_does(
    case: tuple[Table, list[Row]],
    random: st.randoms,  # type: ignore[valid-type]
) -> None:
    table, rows = case
    shuffled = list(rows)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert _hash(table, rows) == _hash(table, shuffled)
    if rows:
        assert _hash(table, rows) != _hash(table, rows[1:])
        assert _hash(table, rows) != _hash(table, [*rows, rows[0]])


def _hash(table: Table, rows: list[Row]) -> str:
    found = RowHash(table.columns)
    for row in rows:
        found.add(row)
    return found.content_hash


def test_values_do_not_run_into_each_other() -> None:
    table = Table("t", (Column("a", Kind.TEXT), Column("b", Kind.TEXT)))
    assert _hash(table, [("ab", "c")]) != _hash(table, [("a", "bc")])
