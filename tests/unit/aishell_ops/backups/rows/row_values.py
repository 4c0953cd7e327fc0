"""Values of every kind that rows may hold, for tests."""

from __future__ import annotations

from hypothesis import strategies as st

from aishell_ops.backups.rows.model import Cell, Column, Kind, Table

TEXTS = st.text(st.characters(codec="utf-8") | st.sampled_from("\0\n\r\t\"'\\,;\u2028"))
RAW_TEXTS = st.binary(max_size=20).map(lambda data: data.decode("utf-8", "surrogateescape"))
DIGITS = st.from_regex(r"-?(0|[1-9][0-9]{0,40})(\.[0-9]{1,30})?", fullmatch=True)
FLOATS = st.floats(width=64).filter(lambda value: value == value)  # NaN is compared by itself
MOMENTS = st.datetimes().map(lambda moment: moment.isoformat(" "))

VALUES: dict[Kind, st.SearchStrategy[Cell]] = {
    Kind.BOOLEAN: st.booleans(),
    Kind.INTEGER: st.integers(-(2**63), 2**63 - 1),
    Kind.DECIMAL: DIGITS | st.sampled_from(["NaN", "Infinity", "-Infinity"]),
    Kind.FLOAT: FLOATS,
    Kind.TEXT: TEXTS | RAW_TEXTS,
    Kind.BYTES: st.binary(max_size=40),
    Kind.DATE: st.dates().map(str) | st.sampled_from(["0044-03-15 BC", "infinity", "0000-00-00"]),
    Kind.TIME: st.times().map(str) | st.just("24:00:00"),
    Kind.TIMESTAMP: MOMENTS | st.sampled_from(["-infinity", "294276-12-31 23:59:59.999999"]),
    Kind.INSTANT: MOMENTS.map(lambda text: f"{text}+00:00"),
    Kind.UUID: st.uuids().map(str),
    Kind.JSON: st.sampled_from(["null", '{"a": [1.50, "\\u0000"]}', "[]", "12345678901234567890.10"]),
    Kind.BITS: st.text("01", max_size=80),
    Kind.OTHER: TEXTS,
    Kind.ANY: st.none() | st.integers(-(2**63), 2**63 - 1) | FLOATS | TEXTS | RAW_TEXTS | st.binary(max_size=20),
}


@st.composite
def columns(draw: st.DrawFn, number: int) -> Column:
    """A column of any kind, or of arrays of any kind but itself."""
    kind = draw(st.sampled_from([*VALUES, Kind.ARRAY]))
    if kind is Kind.ARRAY:
        inner = draw(st.sampled_from([each for each in VALUES if each is not Kind.ANY]))
        return Column(f"c{number}", kind, f"{inner}[]", element=Column("", inner, str(inner)))
    unsigned = kind is Kind.INTEGER and draw(st.booleans())
    return Column(draw(TEXTS.filter(bool)) + str(number), kind, str(kind), unsigned=unsigned)


def cells(column: Column) -> st.SearchStrategy[Cell]:
    """Values of a column, NULL among them."""
    if column.kind is Kind.ARRAY and column.element is not None:
        inner: st.SearchStrategy[Cell] = st.none() | VALUES[column.element.kind]
        flat: st.SearchStrategy[Cell] = st.lists(inner, max_size=4)
        nested: st.SearchStrategy[Cell] = st.lists(flat, max_size=3)
        return st.none() | flat | nested | st.just("[2:3]={1,2}")
    if column.unsigned:
        return st.none() | st.integers(0, 2**64 - 1)
    return st.none() | VALUES[column.kind]


@st.composite
def tables_with_rows(draw: st.DrawFn) -> tuple[Table, list[tuple[Cell, ...]]]:
    """A table and some rows."""
    found = tuple(draw(columns(number)) for number in range(draw(st.integers(1, 5))))
    rows = draw(st.lists(st.tuples(*(cells(column) for column in found)), max_size=6))
    return Table(draw(TEXTS.filter(bool)), found, key=(found[0].name,)), rows
