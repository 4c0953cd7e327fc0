"""MongoDB's documents as rows of other engines, with edge values of every type."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from aishell_core.targets import Target
from aishell_ops.backups.engines.contract import LoadRequest
from aishell_ops.backups.errors import DamagedError
from aishell_ops.backups.models import Compression, Format
from aishell_ops.backups.storage.folder import FolderStorage
from aishell_ops.backups.streams.contract import Recipe
from tests.live.backup_mongodb_kit import contents, restored, taken
from tests.live.backup_rows_kit import fresh, my_side, pg_side, sqlite_side
from tests.live.backup_rows_mongodb_kit import EDGES, ID, WIDE, documents, documents_on, hidden, mongo_side, told
from tests.servers.mongodb_ferretdb import FerretServer, ferretdb
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
