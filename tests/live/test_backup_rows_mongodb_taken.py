"""Rows of other engines as documents of MongoDB, and the commands that take rows into it and out of it."""

from __future__ import annotations

import datetime as dt
import getpass
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import bson
import pytest
from bson.decimal128 import Decimal128

from aishell_core.errors import RefusedError
from aishell_core.targets import Target
from aishell_ops.backups.engines.contract import LoadRequest
from aishell_ops.backups.errors import BackupError, BusyError
from aishell_ops.backups.rows.engines.mongodb import MongodbCollections
from aishell_ops.backups.storage.folder import FolderStorage
from tests.command_line import Ran, run_here
from tests.live.backup_mongodb_kit import contents
from tests.live.backup_rows_kit import MY_EDGES, PG_EDGES, PG_ODD, fresh, my_side, pg_side, sqlite_side
from tests.live.backup_rows_mongodb_kit import documents, documents_on, hidden, mongo_side, told
from tests.row_world import Side
from tests.servers.mongodb_ferretdb import FerretServer, ferretdb
from tests.servers.mongodb_memory import memory_server
from tests.servers.mysql import VERSIONS, MysqlServer, mysql
from tests.servers.postgres import PostgresServer, postgres


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
    return documents_on(server)


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
