"""MongoDB's documents as rows of other engines, and rows of other engines as documents, with edge values of every type."""

from __future__ import annotations

import asyncio
import datetime as dt
import getpass
import json
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import bson
import pytest
from bson.binary import Binary
from bson.decimal128 import Decimal128
from bson.timestamp import Timestamp

from aishell_core.errors import RefusedError
from aishell_core.targets import Target
from aishell_ops.backups.engines.contract import LoadRequest
from aishell_ops.backups.errors import BackupError, BusyError, DamagedError
from aishell_ops.backups.models import Compression, Format
from aishell_ops.backups.rows.engines.mongodb import MongodbCollections
from aishell_ops.backups.storage.folder import FolderStorage
from aishell_ops.backups.streams.contract import Recipe
from tests.command_line import Ran, run_here
from tests.live.backup_mongodb_kit import contents, restored, taken
from tests.live.backup_rows_kit import MY_EDGES, PG_EDGES, PG_ODD, fresh, my_side, pg_side, sqlite_side
from tests.row_world import Side
from tests.servers.mongodb_ferretdb import FerretServer, ferretdb
from tests.servers.mongodb_memory import memory_server
from tests.servers.mysql import VERSIONS, MysqlServer, mysql
from tests.servers.postgres import PostgresServer, postgres

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


@pytest.fixture(scope="module")
def server() -> Iterator[FerretServer]:
    with ferretdb() as found:
        yield found


@pytest.fixture(scope="module")
def pg() -> Iterator[PostgresServer]:
    with postgres("18") as found:
        yield found


@pytest.fixture(scope="module")
def my() -> Iterator[MysqlServer]:
    with mysql(VERSIONS[0]) as found:
        yield found


@pytest.fixture
def storage(tmp_path: Path) -> FolderStorage:
    return FolderStorage(tmp_path / "backups")


@pytest.fixture
def shop(server: FerretServer) -> Target:
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


async def test_its_json_is_what_people_read_and_comes_back_as_the_same_documents(
    server: FerretServer, shop: Target, storage: FolderStorage
) -> None:
    before = contents(server)
    backup = await taken(shop, storage, Recipe(Compression.NONE), format=Format.JSON)
    lines = (Path(backup.location) / "parts" / "edges.json").read_text().split("\n")
    first = json.loads(next(line for line in lines if str(ID) in line))
    assert (first["int"], first["double"], first["yes"], first["list"]) == (-(2**31), 1e-300, True, [1, "two", None])
    assert first["at"] == {"$date": "2026-03-29T02:30:00.123Z"}
    assert first["long"] == {"$numberLong": "9223372036854775807"}
    assert first["inside"] == {"b": {"": [{"a": 1.5}, {}]}, "a": []}
    command = ["jq", "-r", 'select(.yes == false) | .number, .[""]', f"{backup.location}/parts/edges.json"]
    said = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=True)
    assert said.stdout.split("\n")[:2] == ["2.5", "no name"]
    server.ask({"delete": "edges", "deletes": [{"q": {}, "limit": 0}]}, "shop")
    done = await restored(shop, storage, backup, replace=True)
    assert done.comparison.is_proof
    assert contents(server) == before


async def test_documents_become_rows_of_a_file_and_each_field_is_told(shop: Target, storage: FolderStorage, tmp_path: Path) -> None:
    backup = await taken(shop, storage, format=Format.JSON)
    side = sqlite_side(tmp_path / "shop.db")
    planned = await side.plan(backup)
    assert planned.obstacles == ()
    done = await side.load(storage, backup)
    assert (done.comparison.counted, done.comparison.hashed, done.comparison.differences) == (5, 5, ())
    edges = told(done, "edges")
    assert edges["_id"] == ("objectId", "represented otherwise", "as 24 hexadecimal digits")
    assert edges["int"] == ("int", "widened", "")
    assert edges["whole"][:2] == ("int or long", "represented otherwise")
    assert edges["number"] == (
        "double or int",
        "represented otherwise",
        "all as double; NULL in 1 documents without it; a zero has no sign",
    )
    assert edges["mixed"] == ("date or int or string", "represented otherwise", "each value as extended JSON; as text")
    assert edges["null in sometimes"][1:] == ("cannot", "1 documents have it and 1 have no such field, which is NULL alike")
    assert edges["index by_int"][1] == "cannot"
    assert told(done, "wide")["document"][2].startswith("each as extended JSON, because they have more than 150 different fields")
    assert told(done, "ids")["_id"] == ("int or object or string", "represented otherwise", "each value as extended JSON; as text")
    with closing(sqlite3.connect(tmp_path / "shop.db")) as connection:
        row = connection.execute("SELECT _id, int, number, at, uuid, mixed, inside, stamp, bytes FROM edges WHERE int < 0").fetchone()
        assert row == (
            str(ID),
            -(2**31),
            1.0,
            "2026-03-29 02:30:00.123+00:00",
            "30313233-3435-3637-3839-616263646566",
            "1",
            '{"b":{"":[{"a":1.5},{}]},"a":[]}',
            '{"$timestamp":{"t":4294967295,"i":0}}',
            b"\0\xff",
        )
        assert connection.execute('SELECT "a$b" FROM edges WHERE int > 0').fetchone() == ("a dollar",)
        wide = connection.execute("SELECT document FROM wide WHERE _id = 1").fetchone()
        assert json.loads(wide[0]) == WIDE[1]
        assert connection.execute("SELECT count(*), count(_id) FROM ids").fetchone() == (4, 3)


async def test_documents_become_rows_of_postgres_and_are_documents_again(
    server: FerretServer, shop: Target, storage: FolderStorage, pg: PostgresServer
) -> None:
    fresh(pg)
    backup = await taken(shop, storage, format=Format.JSON)
    done = await pg_side(pg).load(storage, backup)
    assert (done.comparison.hashed, done.comparison.differences) == (5, ())
    row = pg.execute("SELECT long, at::text, bytes, inside->'b'->''->0->>'a', mixed::text FROM edges WHERE yes", database="shop")
    assert row == [[2**63 - 1, "2026-03-29 02:30:00.123+00", b"\0\xff", "1.5", "1"]]
    keys = "SELECT count(*) FROM information_schema.table_constraints WHERE constraint_type = 'PRIMARY KEY' AND table_schema = 'public'"
    assert pg.execute(keys, database="shop") == [[4]]
    back = mongo_side(server, "back")
    done = await back.load(storage, await pg_side(pg).save(storage))
    assert done.comparison.differences == ()
    (first,) = [one for one in documents(server, "edges", "back") if one["yes"] is True]
    same = ("int", "long", "double", "text", "bytes", "at", "uuid", "inside", "list", "like", "stamp", "md5")
    assert {name: first[name] for name in same} == {name: EDGES[0][name] for name in same}
    assert (first["_id"], first["mixed"]) == (str(ID), 1)
    assert hidden(server, "back") == []


async def test_documents_become_rows_of_mysql(shop: Target, storage: FolderStorage, my: MysqlServer) -> None:
    my.execute("DROP DATABASE IF EXISTS shop")
    backup = await taken(shop, storage, format=Format.JSON)
    done = await my_side(my).load(storage, backup)
    assert (done.comparison.hashed, done.comparison.differences) == (5, ())
    rows = my.execute("SELECT `long`, `at`, hex(`bytes`), mixed FROM edges WHERE yes = 1", database="shop")
    assert rows == [(2**63 - 1, dt.datetime(2026, 3, 29, 2, 30, 0, 123_000), "00FF", "1")]  # noqa: DTZ001
    again = await my_side(my).plan(backup)
    assert "--drop-existing" in again.obstacles[0]


async def test_some_collections_alone_go_elsewhere_and_one_that_is_not_there_is_named(
    shop: Target, storage: FolderStorage, tmp_path: Path
) -> None:
    backup = await taken(shop, storage, format=Format.JSON)
    done = await sqlite_side(tmp_path / "part.db").load(storage, backup, LoadRequest(tables=("words",)))
    assert (done.comparison.hashed, done.comparison.differences) == (1, ())
    with pytest.raises(Exception, match="there is no table word") as caught:
        await sqlite_side(tmp_path / "part.db").plan(backup, LoadRequest(tables=("word",)))
    assert getattr(caught.value, "hint", "") == "did you mean words?"


async def test_what_was_changed_on_its_way_into_rows_is_noticed(shop: Target, storage: FolderStorage, tmp_path: Path) -> None:
    backup = await taken(shop, storage, Recipe(Compression.NONE), format=Format.JSON)
    path = Path(backup.location) / "parts" / "edges.json"
    path.write_bytes(path.read_bytes().replace(b'"a dollar"', b'"a collar"'))
    with pytest.raises(DamagedError, match=r"edges\.json"):
        await sqlite_side(tmp_path / "shop.db").load(storage, backup)
    assert not (tmp_path / "shop.db").exists()


async def test_rows_of_postgres_become_documents_of_proper_types(
    server: FerretServer, shop: Target, storage: FolderStorage, pg: PostgresServer
) -> None:
    fresh(pg, *PG_EDGES)
    backup = await pg_side(pg).save(storage)
    side = mongo_side(server, "rows")
    with pytest.raises(RefusedError, match="a date has milliseconds, and no more") as refused:
        await side.load(storage, backup)
    assert "--accept-loss" in refused.value.hint
    assert server.ask({"listCollections": 1}, "rows")["cursor"]["firstBatch"] == []
    done = await side.load(storage, backup, LoadRequest(accept_loss=True))
    assert (done.comparison.hashed, done.comparison.differences) == (5, ())
    assert {each.column: each.values for each in done.fidelity if each.values} == {"ts": 1, "tz": 2}
    edges = told(done, "public.edges")
    assert edges["n"] == ("numeric", "represented otherwise", "as text")
    assert edges["jb"][1] == "represented otherwise"
    assert edges["u"] == ("uuid", "exact", "")
    first, second, third = documents(server, "edges", "rows", "id")
    assert (first["i4"], first["i8"], first["y"], first["u"].hex()) == (-(2**31), -(2**63), b"\0\xff", "a0eebc999c0b4ef8bb6d6bb9bd380a11")
    assert (first["jb"], first["ai"], second["ai"], first["b"]) == ({"b": 1, "a": [1.5]}, [1, None, -3], [], True)
    assert second["at"] == '[["a","b"],["c","d"]]'
    assert second["tz"] == dt.datetime(9999, 12, 31, 23, 59, 59, 999_000, tzinfo=dt.UTC)
    assert (first["d"], first["n"]) == (dt.datetime(1, 1, 1, tzinfo=dt.UTC), "0.10")
    assert third["tz"] is None
    indexes = server.ask({"listIndexes": "keyed"}, "rows")["cursor"]["firstBatch"]
    assert [(dict(one["key"]), one["unique"]) for one in indexes if one["name"] == "primary_key"] == [({"a": 1, "b": 1}, True)]
    assert [one["a b"] for one in documents(server, 'od d_T "x"', "rows")] == [1]
    assert hidden(server, "rows") == []


async def test_rows_of_mysql_and_of_a_file_become_documents(
    server: FerretServer, shop: Target, storage: FolderStorage, my: MysqlServer, tmp_path: Path
) -> None:
    my.execute("DROP DATABASE IF EXISTS shop", "CREATE DATABASE shop")
    my.execute(*MY_EDGES, database="shop")
    done = await mongo_side(server, "my").load(storage, await my_side(my).save(storage), LoadRequest(accept_loss=True))
    assert done.comparison.differences == ()
    (first,) = [one for one in documents(server, "edges", "my") if one["t8"] == 255]
    assert (first["i"], first["t"], first["bf"][:1]) == (2**32 - 1, "a\\b'c\0\n\t€", b"\1")
    with closing(sqlite3.connect(tmp_path / "f.db")) as connection, connection:
        connection.execute("CREATE TABLE things (_id INTEGER PRIMARY KEY, anything, [a.b] TEXT, [$c] TEXT)")
        connection.execute("CREATE TABLE loose (_id TEXT)")
        connection.execute("INSERT INTO things VALUES (7, x'00', 'dot', 'dollar'), (8, 1.5, '', NULL), (9, 'x', NULL, NULL)")
        connection.execute("INSERT INTO loose VALUES ('same'), ('same')")
    done = await mongo_side(server, "file").load(storage, await sqlite_side(tmp_path / "f.db").save(storage))
    assert done.comparison.differences == ()
    things = documents(server, "things", "file")
    assert [(one["_id"], one["anything"]) for one in things] == [(7, b"\0"), (8, 1.5), (9, "x")]
    assert [name.rpartition("_")[0] for name in things[0] if name not in ("_id", "anything")] == ["a_b", "_c"]
    assert "named a_b_" in told(done, "things")["a.b"][2]
    assert all(isinstance(one["_id"], bson.ObjectId) for one in documents(server, "loose", "file"))


async def test_collections_that_are_there_are_replaced_only_by_who_says_so(
    server: FerretServer, shop: Target, storage: FolderStorage, tmp_path: Path
) -> None:
    with closing(sqlite3.connect(tmp_path / "f.db")) as connection, connection:
        connection.execute("CREATE TABLE words (word TEXT PRIMARY KEY, n INTEGER)")
        connection.execute("INSERT INTO words VALUES ('one', 1), ('two', 2)")
    backup = await sqlite_side(tmp_path / "f.db").save(storage)
    before = contents(server)
    with pytest.raises(RefusedError, match="words is there already; --drop-existing replaces that"):
        await mongo_side(server).load(storage, backup)
    assert contents(server) == before
    planned = await mongo_side(server).plan(backup, LoadRequest(replace=True))
    assert planned.losses == ("shop.words, 3 documents",)
    done = await mongo_side(server).load(storage, backup, LoadRequest(replace=True))
    assert done.comparison.differences == ()
    assert [one["word"] for one in documents(server, "words", by="n")] == ["one", "two"]
    after = contents(server)
    assert {name: after[name] for name in after if name != "words"} == {name: before[name] for name in before if name != "words"}
    assert hidden(server) == []


async def test_a_restore_that_fails_leaves_the_old_collections_and_nothing_of_its_own(
    server: FerretServer, shop: Target, storage: FolderStorage, tmp_path: Path
) -> None:
    with closing(sqlite3.connect(tmp_path / "f.db")) as connection, connection:
        connection.execute("CREATE TABLE words (word TEXT PRIMARY KEY, big BLOB)")
        connection.execute("INSERT INTO words VALUES ('large', zeroblob(9000000)), ('larger', NULL)")
        connection.execute("CREATE TABLE wider (a BLOB, b BLOB)")
        connection.execute("INSERT INTO wider VALUES (zeroblob(9000000), zeroblob(9000000))")
    backup = await sqlite_side(tmp_path / "f.db").save(storage)
    before = contents(server)
    with pytest.raises(BackupError, match="a row of wider is 18000"):
        await mongo_side(server).load(storage, backup, LoadRequest(replace=True))
    assert contents(server) == before
    assert hidden(server) == []


async def test_one_restore_at_a_time(server: FerretServer, shop: Target, storage: FolderStorage, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "f.db")) as connection, connection:
        connection.execute("CREATE TABLE some (word TEXT)")
    backup = await sqlite_side(tmp_path / "f.db").save(storage)
    side = mongo_side(server)
    place = await side.engine.survey(side.target, "", [])
    async with side.engine.staging(side.target, place, ()):
        with pytest.raises(BusyError, match="another restore into shop is under way"):
            await side.load(storage, backup)


@pytest.fixture
def commands(
    server: FerretServer,
    shop: Target,
    tmp_path: Path,
    aishell_home: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., Ran]:
    """The commands of backups over this database and a file."""
    with closing(sqlite3.connect(tmp_path / "f.db")) as connection, connection:
        connection.execute("CREATE TABLE words (word TEXT PRIMARY KEY, n INTEGER)")
        connection.execute("INSERT INTO words VALUES ('one', 1), ('two', 2)")
    (aishell_home / "config.yaml").write_text(
        f"targets: [{{name: docs, url: '{server.url('shop')}', environment: development}},"
        f" {{name: file, url: '{tmp_path / 'f.db'}', environment: development}}]\n"
        f"roles: [{{role: admin, users: [{getpass.getuser()}]}}]\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "")
    return lambda *arguments: run_here(capsys, "backup", *arguments)


def test_the_commands_take_its_json_into_a_file_and_rows_into_it(
    commands: Callable[..., Ran], server: FerretServer, tmp_path: Path
) -> None:
    made = commands("create", "docs", "--format", "json", "--proof", "full")
    assert made.code == 0, made.err
    refused = commands("restore", "latest", "--database", "file", "--yes")
    assert (refused.code, "words is there already; --drop-existing replaces that" in refused.err) == (77, True)
    planned = commands("restore", "latest", "--database", "file", "--tables", "edges", "--dry-run", "--json")
    assert planned.code == 0, planned.err
    rows = planned.json()["fidelity"]
    assert isinstance(rows, list)
    fidelity = {row["column"]: row["fidelity"] for row in rows if isinstance(row, dict)}
    assert (fidelity["int"], fidelity["inside"], fidelity["index by_int"]) == ("widened", "represented otherwise", "cannot")
    done = commands("restore", "latest", "--database", "file", "--tables", "edges", "--yes")
    assert done.code == 0, done.err
    assert "1 table compared with what was saved, 1 by their content: the same" in done.out
    with closing(sqlite3.connect(tmp_path / "f.db")) as connection:
        assert connection.execute("SELECT count(*), (SELECT count(*) FROM words) FROM edges").fetchone() == (3, 2)
    assert commands("create", "file", "--format", "json", "--tables", "words").code == 0
    done = commands("restore", "latest", "--database", "docs", "--target", "rows", "--yes")
    assert done.code == 0, done.err
    assert [one["n"] for one in documents(server, "words", "rows", "n")] == [1, 2]


def test_forms_that_nobody_takes_are_refused_with_the_one_that_does(commands: Callable[..., Ran]) -> None:
    said = commands("create", "docs", "--format", "csv")
    assert (said.code, "take --format native or json" in said.err) == (64, True)
    said = commands("create", "docs", "--format", "json", "--jobs", "2")
    assert (said.code, "our own export is made by one job" in said.err) == (64, True)
    said = commands("create", "file", "--format", "json", "--jobs", "2")
    assert (said.code, "taken by one job" in said.err) == (64, True)
    said = commands("create", "file", "--format", "csv", "--method", "directory")
    assert (said.code, "rows are saved in one way alone, and not by directory" in said.err) == (64, True)
    assert commands("create", "docs").code == 0
    said = commands("restore", "latest", "--database", "file", "--yes")
    assert said.code == 77
    assert "saved with --format json it goes into any that has tables" in said.err


async def test_a_server_with_all_types_gets_decimals_to_34_digits(storage: FolderStorage, pg: PostgresServer) -> None:
    fresh(
        pg,
        *PG_ODD,
        "CREATE TABLE money (id int PRIMARY KEY, n numeric, big numeric(60,2), a numeric[], nested int[])",
        "INSERT INTO money VALUES (1, 1.50, 10, '{1.5,NULL}', '{{1,2},{3,4}}'), (2, 9999999999999999999999999999999999, 1e50, '{}', NULL)",
    )
    backup = await pg_side(pg).save(storage, tables=("money", "odd"))
    with memory_server() as memory:
        side = Side(MongodbCollections(), memory.target("shop"))
        done = await side.load(storage, backup, LoadRequest(accept_loss=True))
        assert done.comparison.differences == ()
        assert {each.column: each.values for each in done.fidelity if each.values} == {"d": 2, "ts": 2}
        first, second = sorted((bson.decode(one) for one in memory.documents("money")), key=lambda one: int(one["id"]))
        assert (first["n"], first["a"], first["nested"]) == (Decimal128("1.50"), [Decimal128("1.5"), None], [[1, 2], [3, 4]])
        assert second["n"] == Decimal128("9" * 34)
        pg.execute("UPDATE money SET n = 0.00000000000000000000000000000000001234567890123456789012345678901234567", database="shop")
        backup = await pg_side(pg).save(storage, tables=("money",))
        with pytest.raises(RefusedError, match="a number has more than 34 digits"):
            await side.load(storage, backup, LoadRequest(replace=True))
        assert bson.decode(memory.documents("money")[0])["n"] in (Decimal128("1.50"), Decimal128("9" * 34))
