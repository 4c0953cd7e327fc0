"""Operations that people write: what is understood, what only reads, and of which database they are."""

from __future__ import annotations

import datetime as dt
import json

import bson
import pytest

from aishell_core.engines.mongodb_documents import extended, from_extended, json_text, plain
from aishell_core.engines.mongodb_errors import MongoError, Whereabouts, told, unreachable
from aishell_core.engines.mongodb_explaining import explain_command
from aishell_core.engines.mongodb_operation import ENDING, READING, database_of, parse_operation, read_operation, refuse_writes
from aishell_core.engines.mongodb_running import affected_of, refuse_failed, table_of
from aishell_core.safety.language.mongodb import OPERATIONS
from aishell_core.safety.language.mongodb_words import WORDS
from aishell_core.safety.languages import judge
from aishell_core.safety.risk import ActionClass
from aishell_core.values import FailureCode

WHERE = Whereabouts("db1:27017", 'o"neil')


@pytest.mark.parametrize(
    "text", ["", "  ", "find", "[]", "{}", "7", '{"find": ', '{"a": {"$oid": "x"}}', '{"find": "a\\u0000", "b\\u0000": 1}']
)
def test_what_is_no_operation_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(MongoError) as caught:
        parse_operation(text)
    assert '"find"' in caught.value.hint


def test_extended_json_brings_the_types_of_bson() -> None:
    found = parse_operation(
        '{"find": "o", "filter": {"_id": {"$oid": "5f0000000000000000000001"}, "at": {"$date": "2026-01-01T00:00:00Z"}}}'
    )
    assert found["filter"]["_id"] == bson.ObjectId("5f0000000000000000000001")
    assert found["filter"]["at"] == dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    assert from_extended(extended(found)) == found


@pytest.mark.parametrize(
    "command",
    [
        {"find": "orders", "filter": {"status": "open"}},
        {"aggregate": "orders", "pipeline": [{"$match": {}}, {"$lookup": {"from": "a", "pipeline": []}}]},
        {"count": "orders"},
        {"listCollections": 1},
        {"explain": {"delete": "orders", "deletes": [{"q": {}, "limit": 0}]}},
        {"serverStatus": 1},
        {"killOp": 1, "op": 7},
        {"killSessions": []},
    ],
)
def test_what_only_reads_or_ends_work_is_let_through(command: dict[str, object]) -> None:
    refuse_writes(command)


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ({"insert": "orders", "documents": []}, "may change something"),
        ({"dropDatabase": 1}, "may change something"),
        ({"profile": 2}, "may change something"),
        ({"inventedCommand": 1}, "may change something"),
        ({"aggregate": "orders", "pipeline": [{"$out": "copy"}]}, "writes its result"),
        ({"aggregate": "orders", "pipeline": [{"$facet": {"a": [{"$merge": {"into": "x"}}]}}]}, "writes its result"),
        ({"find": "orders", "filter": {"$and": [{"$where": "sleep(1e9)"}]}}, "JavaScript"),
        ({"find": "orders", "filter": {"$expr": {"$function": {"body": "f", "args": [], "lang": "js"}}}}, "JavaScript"),
        ({"explain": {"delete": "orders", "deletes": []}, "verbosity": "executionStats"}, "may change something"),
    ],
)
def test_what_may_write_or_run_code_is_refused_and_said_why(command: dict[str, object], reason: str) -> None:
    with pytest.raises(MongoError) as caught:
        refuse_writes(command)
    assert reason in caught.value.message
    assert caught.value.hint


_WORDS = (
    ({"findOne": "o", "filter": {"a": 1}, "projection": {"b": 1}}, {"find": "o", "filter": {"a": 1}, "projection": {"b": 1}, "limit": 1}),
    ({"estimatedDocumentCount": "o"}, {"count": "o"}),
    ({"insertOne": "o", "document": {"a": 1}}, {"insert": "o", "documents": [{"a": 1}]}),
    ({"insertMany": "o", "documents": [{"a": 1}, {"a": 2}], "ordered": False}, {"insert": "o", "documents": [{"a": 1}, {"a": 2}]}),
    (
        {"updateOne": "o", "filter": {"a": 1}, "update": {"$set": {"b": 2}}, "upsert": True, "$db": "x"},
        {"update": "o", "updates": [{"q": {"a": 1}, "u": {"$set": {"b": 2}}, "multi": False, "upsert": True}], "$db": "x"},
    ),
    (
        {"updateMany": "o", "filter": {}, "update": [{"$set": {"b": 2}}]},
        {"update": "o", "updates": [{"q": {}, "u": [{"$set": {"b": 2}}], "multi": True}]},
    ),
    ({"replaceOne": "o", "filter": {}, "replacement": {}}, {"update": "o", "updates": [{"q": {}, "u": {}, "multi": False}]}),
    ({"deleteOne": "o", "filter": {}}, {"delete": "o", "deletes": [{"q": {}, "limit": 1}]}),
    ({"deleteMany": "o", "filter": {"a": 1}, "hint": "a_1"}, {"delete": "o", "deletes": [{"q": {"a": 1}, "limit": 0, "hint": "a_1"}]}),
    ({"explain": {"deleteOne": "o", "filter": {}}}, {"explain": {"delete": "o", "deletes": [{"q": {}, "limit": 1}]}}),
)


@pytest.mark.parametrize(("written", "sent"), _WORDS, ids=lambda each: next(iter(each)))
def test_a_word_of_the_shell_is_the_command_that_the_server_has_for_it(written: dict[str, object], sent: dict[str, object]) -> None:
    found = parse_operation(json.dumps(written))
    assert next(iter(found)) == next(iter(sent))
    assert {key: found[key] for key in sent} == sent


def test_a_count_of_documents_is_an_aggregate_that_looks_at_them() -> None:
    found = read_operation('{"countDocuments": "o", "filter": {"a": 1}, "limit": 9, "skip": 2}')
    assert found.counts
    assert found.command["pipeline"] == [{"$match": {"a": 1}}, {"$skip": 2}, {"$limit": 9}, {"$count": "n"}]
    refuse_writes(found.command)


@pytest.mark.parametrize(
    ("call", "sent"),
    [
        (
            'db.o.findOne({"_id": {"$oid": "5f0000000000000000000001"}})',
            {"find": "o", "filter": {"_id": bson.ObjectId("5f0000000000000000000001")}},
        ),
        ('db.o.find({"a": 1}, {"b": 1}, {"limit": 5});', {"find": "o", "filter": {"a": 1}, "projection": {"b": 1}, "limit": 5}),
        ('db.getCollection("a b").insertOne({"a": 1})', {"insert": "a b", "documents": [{"a": 1}]}),
        ('db.o.aggregate([{"$match": {}}])', {"aggregate": "o", "pipeline": [{"$match": {}}], "cursor": {}}),
        ("db.dropDatabase()", {"dropDatabase": 1}),
        ("db.o.find({a: 1}).sort({b: -1}).limit(5).pretty();", {"find": "o", "filter": {"a": 1}, "sort": {"b": -1}, "limit": 5}),
        ("db.o.find({'a b': 'x) \\'y\\' \"('}).skip(2)", {"filter": {"a b": "x) 'y' \"("}, "skip": 2}),
        ("db.getCollection('a b').getIndexes()", {"listIndexes": "a b"}),
        ("db.o.createIndex({a: 1, b: -1}, {unique: true})", {"indexes": [{"key": {"a": 1, "b": -1}, "name": "a_1_b_-1", "unique": True}]}),
        ("db.o.dropIndex('a_1')", {"dropIndexes": "o", "index": "a_1"}),
        ("db.o.dropIndexes()", {"dropIndexes": "o", "index": "*"}),
        ("db.o.dropIndexes(['a_1', 'b_1'])", {"dropIndexes": "o", "index": ["a_1", "b_1"]}),
        ('db["a b"].find({})', {"find": "a b", "filter": {}}),
        ("db['a.b'].drop()", {"drop": "a.b"}),
        ("db.o.findOneAndDelete({a: 1})", {"findAndModify": "o", "query": {"a": 1}, "remove": True}),
        ("db.o.stats()", {"collStats": "o"}),
        ("db.stats()", {"dbStats": 1}),
        ("db.adminCommand({listDatabases: 1})", {"listDatabases": 1, "$db": "admin"}),
        ("{find: 'o', filter: {at: {$gte: ISODate('2026-01-01')}}}", {"filter": {"at": {"$gte": dt.datetime(2026, 1, 1, tzinfo=dt.UTC)}}}),
        ("{find: 'o', filter: {n: NumberLong(5), k: NumberInt('6')}}", {"filter": {"n": 5, "k": 6}}),
    ],
)
def test_a_call_of_the_shell_with_json_in_it_is_understood(call: str, sent: dict[str, object]) -> None:
    found = parse_operation(call)
    assert {key: found[key] for key in sent} == sent


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"deleteMany": "o"}', 'deleteMany needs "filter"'),
        ('{"updateOne": "o", "filter": {}, "update": {"a": 1}}', "replaceOne replaces"),
        ('{"updateMany": "o", "filter": {}, "update": {}}', "with operators"),
        ('{"replaceOne": "o", "filter": {}, "replacement": {"$set": {"a": 1}}}', "without operators"),
        ('{"insertMany": "o", "documents": {"a": 1}}', "a list of documents"),
        ('{"deleteOne": "o", "filter": {}, "deletes": []}', "deletes of its own"),
        ('{"findOne": "o", "limit": 5}', "limit of its own"),
        ('db.o.find({"a": 1}).forEach(print)', "the arguments are no values"),
        ('db.o.find({"a": 1}).explain()', "not understood behind find"),
        ('db.o.deleteMany({"a": 1}).limit(5)', "not understood behind deleteMany"),
        ("db.o.find({a: 1 + 1})", "the arguments are no values"),
        ("db.o.find({a: 1}); db.o.drop()", "more stands behind"),
        ("db.o.find({a: 1}", "not closed"),
        ('{"createIndex": "o"}', 'createIndex needs "keys"'),
        ('{"findOneAndReplace": "o", "filter": {}, "replacement": {"$set": {}}}', "without operators"),
        ('{"createCollection": 1, "name": 5}', "a name"),
        ('db.o.deleteOne({"a": 1}, {}, {})', "more arguments"),
    ],
)
def test_a_word_without_what_it_needs_is_refused_and_never_guessed(text: str, reason: str) -> None:
    with pytest.raises(MongoError) as caught:
        parse_operation(text)
    assert reason in caught.value.message
    assert caught.value.hint


def test_a_slip_in_a_command_is_told_the_nearest_one() -> None:
    with pytest.raises(MongoError) as caught:
        refuse_writes({"lisstCollections": 1})
    assert "listCollections" in caught.value.hint


def test_the_database_is_the_operations_own_then_the_targets_and_never_guessed() -> None:
    assert database_of({"find": "o", "$db": "a"}, "b") == "a"
    assert database_of({"find": "o"}, "b") == "b"
    assert database_of({"serverStatus": 1}, "b") == "admin"
    with pytest.raises(MongoError) as caught:
        database_of({"dropDatabase": 1}, "")
    assert "$db" in caught.value.hint


def test_a_shape_is_explained_with_numbers_where_the_server_wants_them() -> None:
    command, database = explain_command('{"aggregate": "o", "pipeline": [{"$match": {"a": "?"}}, {"$limit": "?"}]}', "shop")
    assert command["explain"]["pipeline"] == [{"$match": {"a": "?"}}, {"$limit": 1}]
    assert command["explain"]["cursor"] == {}
    assert command["verbosity"] == "queryPlanner"
    assert database == "shop"
    with pytest.raises(MongoError):
        explain_command('{"insert": "o", "documents": []}', "shop")


def test_documents_of_different_fields_become_one_table() -> None:
    columns, rows = table_of(({"_id": bson.ObjectId("5f0000000000000000000001"), "a": 1}, {"b": b"\xff", "a": bson.Decimal128("1.5")}))
    assert columns == ("_id", "a", "b")
    assert rows == (("5f0000000000000000000001", 1, None), (None, "1.5", b"\xff"))


def test_values_that_json_cannot_hold_are_their_text() -> None:
    assert plain(float("nan")) == "nan"
    assert plain(bson.DatetimeMS(2**60)) == f"{2**60} ms since 1970"
    assert str(plain("\ud800")).encode()
    assert json.loads(json_text({"a": bson.Binary(b"\x00"), "b": bson.Regex("x"), "c": (1, None)})) == {
        "a": "AA==",
        "b": "/x/",
        "c": [1, None],
    }


def test_what_a_write_changed_is_read_from_its_answer() -> None:
    assert affected_of("insert", {"n": 3}) == 3
    assert affected_of("update", {"n": 5, "nModified": 2, "upserted": [{}]}) == 3
    assert affected_of("count", {"n": 3}) is None
    with pytest.raises(MongoError) as caught:
        refuse_failed({"n": 1, "writeErrors": [{"code": 11000, "errmsg": "E11000 duplicate key"}]}, 1)
    assert "duplicate key (1 documents were changed)" in caught.value.message
    assert caught.value.reason is FailureCode.CONFLICT


def test_a_privilege_that_is_missing_comes_with_the_command_that_grants_it() -> None:
    error = told(13, "not authorized on admin to execute command { serverStatus: 1, secret: 7 }", WHERE)
    assert error.reason is FailureCode.PRIVILEGE
    assert "secret" not in error.message
    assert error.hint == 'db.getSiblingDB("admin").grantRolesToUser("o\\"neil", [{role: "clusterMonitor", db: "admin"}])'


@pytest.mark.parametrize(
    ("said", "reason", "word"),
    [
        ("127.0.0.1:1: [Errno 111] Connection refused", FailureCode.REFUSED, "nothing listens"),
        ("x: [Errno -2] Name or service not known", FailureCode.REFUSED, "not known"),
        ("SSL handshake failed: certificate verify failed: self-signed certificate in chain", FailureCode.REFUSED, "issuer"),
        ("SSL handshake failed: certificate verify failed: Hostname mismatch", FailureCode.REFUSED, "another host name"),
        ("SSL handshake failed: certificate has expired", FailureCode.REFUSED, "expired"),
        ("SSL handshake failed: wrong version number", FailureCode.REFUSED, "does not speak TLS"),
        ("connection closed", FailureCode.REFUSED, "closed the connection"),
        ("timed out", FailureCode.TIMEOUT, "in time"),
    ],
)
def test_why_there_is_no_connection_is_said_in_words(said: str, reason: FailureCode, word: str) -> None:
    error = unreachable(WHERE, said)
    assert error.reason is reason
    assert word in error.message
    assert error.hint


def test_what_is_judged_a_read_is_run_where_only_reading_is_allowed_and_the_other_way_round() -> None:
    """Of the server's commands; the words of the shell are commands by then."""
    words = {word.lower() for word in WORDS}
    judged = {name for name, risk in OPERATIONS.items() if not risk.may_write} - words
    assert judged - {name.lower() for name in READING | ENDING} == set()
    for name in READING | ENDING:
        risk = judge("mongodb", json.dumps({name: 1, "pipeline": []} if name != "explain" else {name: {"find": "o"}}))
        assert not risk.may_write or risk.action is ActionClass.ADMIN, name
