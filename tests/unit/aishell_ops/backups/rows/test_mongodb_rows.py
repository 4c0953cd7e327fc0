"""Documents as tables and rows, and JSON and moments as values of MongoDB."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import bson
import pytest
from bson.binary import Binary
from bson.decimal128 import Decimal128
from hypothesis import given
from hypothesis import strategies as st

from aishell_core.engines import mongodb_elements as elements
from aishell_core.engines.mongodb_exact import line_of
from aishell_ops.backups.engines.mongodb_contents import Collection
from aishell_ops.backups.errors import DamagedError
from aishell_ops.backups.rows.engines.mongodb_json import element_of, json_text, kept_as, plain_json
from aishell_ops.backups.rows.engines.mongodb_moments import cut, instant_text, milliseconds_of, moment_text
from aishell_ops.backups.rows.engines.mongodb_profile import Profile
from aishell_ops.backups.rows.engines.mongodb_reading import DocumentReader
from aishell_ops.backups.rows.hashing import RowHash
from aishell_ops.backups.rows.model import Kind, Row, Table
from tests.unit.aishell_core.test_mongodb_exact import DOCUMENTS, ODD

SHOP = Collection("shop", "collection", {"validator": {}}, ({"name": "by_city"},))
ID = bson.ObjectId("507f1f77bcf86cd799439011")


def table_of(documents: Sequence[Any]) -> Table:
    profile = Profile()
    for document in documents:
        profile.add(document if isinstance(document, bytes) else bson.encode(document))
    return profile.table(SHOP)


def rows_of(table: Table, documents: Sequence[Any], size: int = 7) -> list[Row]:
    """The rows that the lines of documents become, in pieces of some bytes."""
    lines = b"".join(line_of(one if isinstance(one, bytes) else bson.encode(one), plain=True) + b"\n" for one in documents)
    reader = DocumentReader(table)
    found = [row for at in range(0, len(lines), size) for row in reader.feed(lines[at : at + size])]
    return [*found, *reader.end()]


@pytest.mark.parametrize(
    ("values", "kind", "declared", "cells"),
    [
        ([1, 2], Kind.INTEGER, "int", [1, 2]),
        ([1, 2**40], Kind.INTEGER, "int or long", [1, 2**40]),
        ([1.5, 2], Kind.FLOAT, "double or int", [1.5, 2.0]),
        ([1.5, bson.Int64(2**53)], Kind.FLOAT, "double or long", [1.5, 2.0**53]),
        ([1.5, 2**53 + 1], Kind.JSON, "double or long", ["1.5", '{"$numberLong":"9007199254740993"}']),
        (["a", "b"], Kind.TEXT, "string", ["a", "b"]),
        ([True, False], Kind.BOOLEAN, "bool", [True, False]),
        ([Decimal128("1.50"), Decimal128("NaN")], Kind.DECIMAL, "decimal", ["1.50", "NaN"]),
        ([Decimal128("1.50"), 1], Kind.JSON, "decimal or int", ['{"$numberDecimal":"1.50"}', "1"]),
        ([b"\0", b""], Kind.BYTES, "binData", [b"\0", b""]),
        ([Binary(b"x" * 16, 4)] * 2, Kind.UUID, "uuid", ["78787878-7878-7878-7878-787878787878"] * 2),
        ([Binary(b"x" * 15, 4)] * 2, Kind.JSON, "binData 4", ['{"$binary":{"base64":"eHh4eHh4eHh4eHh4eHh4","subType":"04"}}'] * 2),
        ([ID, ID], Kind.TEXT, "objectId", [str(ID)] * 2),
        (
            [bson.DatetimeMS(-1), bson.DatetimeMS(0)],
            Kind.INSTANT,
            "date",
            ["1969-12-31 23:59:59.999+00:00", "1970-01-01 00:00:00.000+00:00"],
        ),
        ([{"a": [1]}, {}], Kind.JSON, "object", ['{"a":[1]}', "{}"]),
        ([1, "1"], Kind.JSON, "int or string", ["1", '"1"']),
        ([bson.MinKey(), bson.MinKey()], Kind.JSON, "minKey", ['{"$minKey":1}'] * 2),
        ([None, None], Kind.TEXT, "null", [None, None]),
        ([None, 1], Kind.INTEGER, "int", [None, 1]),
    ],
)
def test_a_field_is_a_column_where_documents_agree_on_its_type(values: list[Any], kind: Kind, declared: str, cells: list[Any]) -> None:
    documents = [{"_id": number, "v": value} for number, value in enumerate(values)]
    table = table_of(documents)
    column = table.columns[1]
    assert (column.kind, column.declared, column.nullable) == (kind, declared, None in values)
    assert [row[1] for row in rows_of(table, documents)] == cells
    assert table.key == ("_id",)
    assert table.tied == ("index by_city", "option validator")


def test_fields_that_are_missing_or_null_or_in_another_order_are_told() -> None:
    documents: list[Any] = [{"_id": 1, "a": 1, "b": None}, {"_id": 2, "b": 2, "a": 3}, {"_id": 3, "a": None}, {"_id": 4, "c": 1}]
    table = table_of(documents)
    told = {column.name: (column.nullable, column.told) for column in table.columns}
    assert told == {
        "_id": (False, ""),
        "a": (True, "NULL in 1 documents without it"),
        "b": (True, "NULL in 2 documents without it"),
        "c": (True, "NULL in 3 documents without it"),
    }
    assert dict(table.missing) == {
        "null in a": "1 documents have it and 1 have no such field, which is NULL alike",
        "null in b": "1 documents have it and 2 have no such field, which is NULL alike",
        "order of fields": "it is another one in 1 documents",
    }
    assert rows_of(table, documents) == [(1, 1, None, None), (2, 3, 2, None), (3, None, None, None), (4, None, None, 1)]


@pytest.mark.parametrize(
    ("documents", "why"),
    [
        ([{"_id": n, **{f"f{n * 100 + i}": 1 for i in range(100)}} for n in range(3)], "more than 150 different fields"),
        ([bson.encode({"_id": 1}), b"\x1b\0\0\0\x10_id\0\2\0\0\0\x0aa\0\x0aa\0\x10b\0\1\0\0\0\0"], "a name stands twice"),
        ([bson.encode({"_id": 1}), ODD["no proper name"]], "a field's name is no text"),
        ([bson.encode({"_id": 1}), ODD["an unknown type"]], "one has another form"),
        ([bson.encode({"_id": 1}), b""], "one has another form"),
    ],
)
def test_documents_that_are_no_rows_are_one_json_each(documents: list[Any], why: str) -> None:
    table = table_of(documents)
    assert [column.name for column in table.columns] == ["_id", "document"]
    assert why in table.columns[1].told
    rows = rows_of(table, documents)
    assert [row[1] for row in rows] == [
        line_of(one if isinstance(one, bytes) else bson.encode(one), plain=True).decode() for one in documents
    ]
    assert rows[0][0] in (0, 1)


def test_a_collection_without_documents_has_its_identifier_alone() -> None:
    table = table_of([])
    assert [(column.name, column.nullable) for column in table.columns] == [("_id", False)]
    assert rows_of(table, []) == []


@given(st.lists(DOCUMENTS, max_size=6), st.integers(1, 200))
def test_any_documents_become_rows_that_can_be_hashed(documents: list[dict[str, Any]], size: int) -> None:
    table = table_of(documents)
    found, rows = RowHash(table.columns), rows_of(table, documents, size)
    for row in rows:
        found.add(row)
    assert found.rows == len(documents)
    for column, cells in zip(table.columns, zip(*rows, strict=True), strict=False):
        assert column.nullable or None not in cells


def test_lines_that_were_cut_are_damage() -> None:
    table = table_of([{"_id": 1}])
    reader = DocumentReader(table)
    assert list(reader.feed(b'{"_id":1}')) == []
    with pytest.raises(DamagedError, match="end too early"):
        list(reader.end())
    with pytest.raises(DamagedError, match="document 1 of shop cannot be read"):
        list(DocumentReader(table).feed(b'{"other":1}\n'))


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ('{"a": [1, 2.50, "x", null, true]}', '{"a":[1,2.5,"x",null,true]}'),
        ('{"big": 12345678901}', '{"big":12345678901}'),
        ('"text"', '"text"'),
        ("1e3", "1000.0"),
        ('{"json": 5}', '{"json":5}'),
        ('{"$oid": "507f1f77bcf86cd799439011"}', '{"$oid":"507f1f77bcf86cd799439011"}'),
        # What follows is kept as its text.
        ("null", "null"),
        ('{"json": "text"}', '{"json": "text"}'),
        ('{"a": 12345678901234567890}', '{"a": 12345678901234567890}'),
        ('{"a": 0.10000000000000000000001}', '{"a": 0.10000000000000000000001}'),
        ('{"a": 1e400}', '{"a": 1e400}'),
        ('{"a.b": 1}', '{"a.b": 1}'),
        ('{"a": {"$b": 1}}', '{"a": {"$b": 1}}'),
        ("[" * 200 + "]" * 200, "[" * 200 + "]" * 200),
        ("no json", "no json"),
        ('{"a": NaN}', '{"a": NaN}'),
        ('"\\ud800"', '"\\ud800"'),
    ],
)
def test_json_is_kept_for_what_it_says_or_as_its_text(text: str, kept: str) -> None:
    assert json_text(element_of(text)) == kept == kept_as(text)
    assert plain_json(kept) == plain_json(text)


@pytest.mark.parametrize("text", ["[[1]]", '{"$minKey":1}', '{"$numberDecimal":"1"}', '{"a":[[]]}'])
def test_servers_of_few_types_get_the_text_of_what_they_do_not_hold(text: str) -> None:
    assert element_of(text) != element_of(text, plain=True)
    assert json_text(element_of(text, plain=True)) == text
    assert element_of('{"a":[{"b":[1]}]}') == element_of('{"a":[{"b":[1]}]}', plain=True)


@given(st.integers(-62_135_596_800_000, 253_402_300_799_999))
def test_a_date_has_a_text_that_is_the_same_date(milliseconds: int) -> None:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)
    assert instant_text(milliseconds) == moment.isoformat(" ", "milliseconds")
    assert milliseconds_of(moment_text(milliseconds)) == milliseconds == milliseconds_of(instant_text(milliseconds))


@given(st.integers(-(2**63), 2**63 - 1))
def test_every_date_has_a_text(milliseconds: int) -> None:
    assert moment_text(milliseconds)[4:].count(":") == 2


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (-62_135_596_800_001, "0001-12-31 23:59:59.999 BC"),
        (-62_135_596_800_000, "0001-01-01 00:00:00.000"),
        (253_402_300_800_000, "10000-01-01 00:00:00.000"),
        (-63_517_824_000_000, "0044-03-15 00:00:00.000 BC"),
    ],
)
def test_years_before_our_era_and_after_9999(milliseconds: int, text: str) -> None:
    assert moment_text(milliseconds) == text


@pytest.mark.parametrize(
    ("text", "shorter"),
    [
        ("2026-01-01 00:00:00.123456", "2026-01-01 00:00:00.123"),
        ("2026-01-01 00:00:00.123456+02:00", "2026-01-01 00:00:00.123+02:00"),
        ("infinity", None),
        ("0044-03-15 00:00:00 BC", None),
        ("0000-00-00 00:00:00", None),
        ("2026-02-31 00:00:00.0001", None),
    ],
)
def test_moments_that_are_no_dates_of_mongodb_are_cut_or_nothing(text: str, shorter: str | None) -> None:
    with pytest.raises(ValueError, match=r"milliseconds|no day"):
        milliseconds_of(text)
    assert cut(text) == shorter
    assert milliseconds_of("2026-01-01 02:00:00.5+02:00") == milliseconds_of("2026-01-01 00:00:00.500")


def test_a_row_of_elements_is_a_document() -> None:
    fields = [
        (b"a", elements.whole(1, 32)),
        (b"b", elements.NO_VALUE),
        (b"c", elements.array([elements.text("x"), elements.boolean(False)])),
    ]
    assert bson.decode(elements.document_from(fields)) == {"a": 1, "b": None, "c": ["x", False]}
