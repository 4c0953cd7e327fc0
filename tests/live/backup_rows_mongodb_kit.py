"""Documents with edge values of every type, whose backups as rows are tested, and what a person would look at."""

from __future__ import annotations

import datetime as dt
from typing import Any

import bson
from bson.binary import Binary
from bson.timestamp import Timestamp

from aishell_core.targets import Target
from aishell_ops.backups.rows.engines.mongodb import MongodbCollections
from tests.row_world import Side
from tests.servers.mongodb_ferretdb import FerretServer

ID = bson.ObjectId("507f1f77bcf86cd799439011")
AT = dt.datetime(2026, 3, 29, 2, 30, 0, 123_000, tzinfo=dt.UTC)
EDGES: list[dict[str, Any]] = [
    {
        "_id": ID,
        "int": -(2**31),
        "long": 2**63 - 1,
        "whole": 1,
        "number": 1,
        "double": 1e-300,
        "text": '"\\\n\u2028é😀',
        "yes": True,
        "at": AT,
        "bytes": b"\0\xff",
        "uuid": Binary(b"0123456789abcdef", 4),
        "md5": Binary(b"x", 5),
        "stamp": Timestamp(2**32 - 1, 0),
        "like": bson.Regex("^a/\\d", "im"),
        "mixed": 1,
        "inside": {"b": {"": [{"a": 1.5}, {}]}, "a": []},
        "list": [1, "two", None],
        "sometimes": None,
    },
    {
        "_id": bson.ObjectId(b"\xff" * 12),
        "int": 2**31 - 1,
        "long": bson.Int64(5),
        "whole": 2**40,
        "number": 2.5,
        "double": 3.0,
        "text": "",
        "yes": False,
        "at": dt.datetime(1, 1, 1, tzinfo=dt.UTC),
        "bytes": b"",
        "mixed": "1",
        "inside": {},
        "": "no name",
        "a$b": "a dollar",
        "é ünï😀": "odd",
        "nothing": None,
    },
    {"_id": bson.ObjectId(b"\0" * 12), "double": -0.0, "int": 0, "mixed": AT, "sometimes": 7},
]
WIDE = [{"_id": number, **{f"f{number * 90 + field}": field for field in range(90)}} for number in range(3)]


def documents_on(server: FerretServer) -> Target:
    """A database with documents of every type, some that are no rows, and what has no documents of its own."""
    for one in server.ask({"listDatabases": 1})["databases"]:
        server.ask({"dropDatabase": 1}, one["name"])
    server.ask({"insert": "edges", "documents": EDGES}, "shop")
    server.ask({"createIndexes": "edges", "indexes": [{"key": {"int": 1}, "name": "by_int"}]}, "shop")
    server.ask({"insert": "wide", "documents": WIDE}, "shop")
    server.ask({"insert": "ids", "documents": [{"_id": one} for one in (None, 1, "1", {"a": 1})]}, "shop")
    server.ask({"insert": "words", "documents": [{"_id": "a"}, {"_id": "A"}, {"_id": "a "}]}, "shop")
    server.ask({"create": "capped", "capped": True, "size": 100_000}, "shop")
    return server.target(database="shop")


def mongo_side(server: FerretServer, database: str = "shop") -> Side:
    return Side(MongodbCollections(), server.target("ferret", database=database))


def hidden(server: FerretServer, database: str = "shop") -> list[str]:
    """What a restore has left behind."""
    listed = server.ask({"listCollections": 1}, database)["cursor"]["firstBatch"]
    return [one["name"] for one in listed if one["name"].startswith("aishell")]


def documents(server: FerretServer, name: str, database: str = "shop", by: str = "_id") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = server.ask({"find": name, "batchSize": 10_000, "sort": {by: 1}}, database)["cursor"]["firstBatch"]
    return found


def told(done: Any, table: str) -> dict[str, tuple[str, str, str]]:
    return {each.column: (each.source_type, each.fidelity.value, each.words) for each in done.fidelity if each.table == table}
