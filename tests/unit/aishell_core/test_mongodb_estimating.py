"""Which operations of MongoDB are counted before they are judged, and by what commands."""

from __future__ import annotations

import pytest

from aishell_core.engines.mongodb_estimating import MOST, counted, counting_commands, noted_count


@pytest.mark.parametrize(
    "text",
    [
        "db.big.deleteMany({a: {$gt: 1}})",
        "db.big.updateMany({a: {$gt: 1}}, {$set: {b: 1}})",
        '{"delete": "big", "deletes": [{"q": {"a": {"$gt": 1}}, "limit": 0}]}',
    ],
)
def test_what_a_change_of_many_matches_is_counted_and_no_further_than_is_worth_it(text: str) -> None:
    commands, database = counting_commands(text, "shop")
    assert database == "shop"
    assert commands == [{"aggregate": "big", "pipeline": [{"$match": {"a": {"$gt": 1}}}, {"$limit": MOST}, {"$count": "n"}], "cursor": {}}]


@pytest.mark.parametrize(
    "text", ["db.big.deleteOne({a: 1})", "db.big.updateOne({a: 1}, {$set: {b: 1}})", "db.big.insertOne({a: 1})", "db.big.find({a: 1})"]
)
def test_what_changes_one_document_at_most_is_not_counted(text: str) -> None:
    assert counting_commands(text, "shop")[0] == []


@pytest.mark.parametrize(
    ("text", "noted"),
    [
        ("db.big.find({a: 1})", True),
        ('{"aggregate": "big", "pipeline": [{"$match": {"a": 1}}], "cursor": {}}', True),
        ("db.big.find({a: 1}).limit(5)", False),
        ('{"count": "big"}', False),
        ("db.big.deleteMany({a: 1})", False),
    ],
)
def test_what_may_read_a_whole_collection_is_as_large_as_that(text: str, noted: bool) -> None:
    assert noted_count(text, "shop") == ({"count": "big"} if noted else None, "shop")


def test_nothing_that_matches_is_none() -> None:
    assert counted([]) == 0.0
    assert counted([{"n": 3}, {"n": 4}]) == 7.0
