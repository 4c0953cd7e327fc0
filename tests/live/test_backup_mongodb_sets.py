"""MongoDB as FerretDB is not: moments of a replica set, every type, views, validators, time series, rights; on a server of ours."""

from __future__ import annotations

import copy
import json
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import bson
import pytest
from bson.code import Code
from bson.dbref import DBRef
from bson.decimal128 import Decimal128
from bson.max_key import MaxKey
from bson.min_key import MinKey

from aishell_core.errors import RefusedError, TargetError
from aishell_core.values import FailureCode
from aishell_ops.backups.drill import drill
from aishell_ops.backups.errors import BackupError, DamagedError
from aishell_ops.backups.models import Format
from aishell_ops.backups.storage.folder import FolderStorage
from tests.live.backup_mongodb_kit import CLOCK, OURS, engine, planned, repository, restored, spot, taken
from tests.servers.mongodb_memory import MemoryServer, memory_server
from tests.servers.mongodb_wire import wire_server


@pytest.fixture
def server() -> Iterator[MemoryServer]:
    with memory_server() as found:
        yield found


@pytest.fixture
def storage(tmp_path: Path) -> FolderStorage:
    return FolderStorage(tmp_path / "backups")


def _odd(kind: int, content: bytes) -> bytes:
    body = b"\x10_id\0" + struct.pack("<i", kind) + bytes((kind,)) + b"v\0" + content + b"\0"
    return struct.pack("<i", len(body) + 4) + body


TYPES: tuple[Any, ...] = (
    *(
        {"_id": f"d{text}", "v": Decimal128(text)}
        for text in ("1.50", "-0E-6176", "NaN", "Infinity", "9.999999999999999999999999999999999E+6144")
    ),
    *({"_id": f"f{number}", "v": number} for number in (float("nan"), float("inf"), float("-inf"), -0.0, 5e-324, 1.7976931348623157e308)),
    {"_id": MinKey(), "v": MaxKey()},
    {"_id": "code", "v": Code("x"), "w": Code("x", {"a": Decimal128("1")})},
    {"_id": "reference", "v": DBRef("c", bson.ObjectId(), "d", extra=1), "w": {"$ref": "c", "z": 1}},
    {"_id": "like a type", "v": {"$oid": 5}, "w": {"$date": "no date"}, "a.b": {"$set": 1}},
    {"_id": "arrays", "v": [[1, [2.0, [bson.Int64(3)]]], []]},
    _odd(0x06, b""),
    _odd(0x0E, b"\2\0\0\0x\0"),
    _odd(0x0C, b"\2\0\0\0c\0" + b"0123456789ab"),
    _odd(0x09, struct.pack("<q", -(2**63))),
    _odd(0x02, b"\2\0\0\0\xff\0"),
    # A field that stands twice.
    struct.pack("<i", 28) + b"\x10_id\0\x63\0\0\0" + b"\x10a\0\1\0\0\0" * 2 + b"\0",
)


def _world(server: MemoryServer) -> None:
    """A database with something of everything."""
    server.put("types", *TYPES)
    server.put("orders", *({"_id": number, "price": number} for number in range(2500)))
    server.databases["shop"]["orders"].indexes += [
        {"v": 2, "key": {"price": 1}, "name": "p", "unique": True, "partialFilterExpression": {"price": {"$gt": 5}}},
        {"v": 2, "key": {"_fts": "text", "_ftsx": 1}, "name": "t", "weights": {"a": 1}, "default_language": "none", "textIndexVersion": 3},
        {"v": 2, "key": {"at": 1}, "name": "old", "expireAfterSeconds": 5.5, "hidden": True, "collation": {"locale": "de"}},
    ]
    server.put("judged", {"_id": 1, "a": 1}, {"_id": 2}, validator={"a": {"$exists": True}}, validationAction="error")
    server.put("collated", {"_id": "a"}, collation={"locale": "de", "strength": 2})
    server.put("dear", kind="view", viewOn="orders", pipeline=[{"$match": {"price": {"$gt": bson.Int64(100)}}}])
    server.put("of_view", kind="view", viewOn="dear", pipeline=[])
    for own in ("system.profile", "system.views", "system.js"):
        server.put(own, {"_id": 1})


def _look(server: MemoryServer, database: str = "shop") -> dict[str, object]:
    """Documents as bytes, options and indexes of everything that is people's own."""
    return {
        name: (kept.kind, kept.options, sorted(kept.indexes, key=lambda index: str(index["name"])), sorted(kept.at(server.step)))
        for name, kept in server.databases[database].items()
        if not name.startswith("system.")
    }


async def test_everything_comes_back_byte_for_byte(server: MemoryServer, storage: FolderStorage) -> None:
    _world(server)
    before, target = _look(server), server.target()
    backup = await taken(target, storage)
    server.put("late", {"_id": 1})
    server.put("orders", {"_id": "x"})
    del server.databases["shop"]["dear"], server.databases["shop"]["judged"]
    done = await restored(target, storage, backup, replace=True)
    assert (done.comparison.is_proof, done.comparison.hashed) == (True, 4)
    assert _look(server) == before
    assert {"system.profile", "system.js"} <= server.databases["shop"].keys()
    assert (await restored(target, storage, backup, database="other")).comparison.is_proof
    assert _look(server, "other") == before
    assert (await drill(engine(), repository(storage), spot(target, backup), target, CLOCK)).proves
    assert {name for name, found in server.databases.items() if found} == {"shop", "other"}


async def test_system_collections_are_left_out_and_named(server: MemoryServer, storage: FolderStorage) -> None:
    _world(server)
    manifest = (await taken(server.target(), storage)).manifest
    reasons = dict(manifest.skipped)
    assert reasons["system.profile"] == "it is the profiler's own"
    assert reasons["system.views"] == "views are saved by their definitions"
    assert not any(proof.name.startswith("system.") for proof in manifest.objects)
    assert manifest.source.identity == str(bson.ObjectId(b"0123456789ab"))


async def test_a_replica_set_is_read_at_one_moment_whoever_writes_meanwhile(server: MemoryServer, storage: FolderStorage) -> None:
    """Money moves from a to b with every question that is asked: the sum in the backup is that of one moment."""
    server.put("a", *({"_id": number} for number in range(3000)))
    server.put("b", {"_id": -1})
    target = server.target()

    def move(command: Any) -> None:
        if next(iter(command)) in {"find", "getMore"}:
            kept, number = server.databases["shop"]["a"], len(server.documents("b")) - 1
            server.put("b", {"_id": number})
            kept.gone[number] = server.step

    server.before = move
    backup = await taken(target, storage)
    server.before = lambda command: None
    rows = {proof.name: proof.rows or 0 for proof in backup.manifest.objects}
    assert rows["a"] + rows["b"] == 3001
    assert len(server.documents("a")) < rows["a"]
    assert "one moment" not in dict(backup.manifest.skipped)
    ((word, moment),) = backup.manifest.start
    assert word == "optime"
    assert backup.manifest.end == backup.manifest.start
    reads = [one for one in server.asked if next(iter(one)) == "find" and one.get("readConcern", {}).get("atClusterTime")]
    assert {f"{one['readConcern']['atClusterTime'].time}:1" for one in reads} == {moment}
    assert (await restored(target, storage, backup, database="other")).comparison.is_proof
    assert len(server.documents("a", "other")) == rows["a"]


@pytest.mark.parametrize(
    ("set_name", "version", "reason"),
    [("", "7.0.14", "this server is no member of a replica set"), ("rs0", "4.4.29", "this server is older than MongoDB 5.0")],
)
async def test_where_no_moment_can_be_had_the_manifest_says_so(storage: FolderStorage, set_name: str, version: str, reason: str) -> None:
    with memory_server(set_name=set_name, version=version) as server:
        server.put("orders", {"_id": 1})
        plan = await engine().plan_save(server.target(), _request())
        assert plan.warnings == (f"this backup does not show one moment: {reason}; let nobody write meanwhile where that matters",)
        backup = await taken(server.target(), storage)
        assert dict(backup.manifest.skipped)["one moment"] == f"each collection shows its own, because {reason}"
        assert (await restored(server.target(), storage, backup, database="other")).comparison.is_proof


def _request(**parts: Any) -> Any:
    from aishell_ops.backups.engines.contract import SaveRequest

    return SaveRequest(**parts)


async def test_capped_collections_are_read_as_they_are_where_the_server_has_no_moments_of_them(storage: FolderStorage) -> None:
    for version, named in (("7.0.14", True), ("8.0.4", False)):
        with memory_server(version=version) as server:
            server.put("capped", {"_id": 1}, {"_id": 2}, capped=True, size=4096)
            server.put("orders", {"_id": 1})
            backup = await taken(server.target(), storage)
            assert ("one moment of capped" in dict(backup.manifest.skipped)) is named
            assert (await restored(server.target(), storage, backup, database="other")).comparison.is_proof


async def test_a_moment_that_the_server_has_forgotten_ends_the_backup_and_says_what_to_set(
    server: MemoryServer, storage: FolderStorage
) -> None:
    server.put("a", *({"_id": number} for number in range(10)))
    server.put("b", {"_id": 1})
    server.history = 5

    def write(command: Any) -> None:
        if next(iter(command)) == "find":
            server.put("late", *({"_id": number} for number in range(4)))

    server.before = write
    with pytest.raises(TargetError, match="does not know the moment of the backup any more") as caught:
        await taken(server.target(), storage)
    assert "minSnapshotHistoryWindowInSeconds" in caught.value.hint
    assert list(storage.list()) == []


async def test_a_right_that_is_missing_is_told_with_the_command_that_gives_it(server: MemoryServer, storage: FolderStorage) -> None:
    _world(server)
    backup = await taken(server.target(), storage)
    for command in ("listCollections", "find"):
        server.refused = {command: (13, f"not authorized on shop to execute command {{ {command}: 1 }}")}
        with pytest.raises(TargetError) as caught:
            await taken(server.target(), storage)
        assert caught.value.reason is FailureCode.PRIVILEGE
        assert '.grantRolesToUser("the user of aishell", [{role: "read", db: "shop"}])' in caught.value.hint
    server.refused = {}
    server.privileges = [{"resource": {"db": "shop", "collection": ""}, "actions": ["find", "listCollections", "insert"]}]
    with pytest.raises(
        RefusedError, match="this user may not createCollection, createIndex, dropCollection, renameCollectionSameDB in shop"
    ):
        await restored(server.target(), storage, backup, replace=True)
    plan = await planned(server.target(), backup, replace=True)
    assert '[{role: "readWrite", db: "shop"}])' in plan.obstacles[0]
    server.privileges = [{"resource": {"anyResource": True}, "actions": ["anyAction"]}]
    assert (await planned(server.target(), backup, replace=True)).obstacles == ()


async def test_a_secondary_an_older_server_and_a_full_disk_are_obstacles(server: MemoryServer, storage: FolderStorage) -> None:
    _world(server)
    backup = await taken(server.target(), storage)
    server.hello = {"isWritablePrimary": False, "secondary": True, "ismaster": False, "primary": "db2:27017"}
    assert "this server is not the primary: restore into db2:27017" in (await planned(server.target(), backup, database="o")).obstacles
    server.hello, server.version = {}, "5.0.1"
    assert (await planned(server.target(), backup, database="o")).obstacles == (
        "the backup is of MongoDB 7.0.14, and this server is older (5.0.1)",
    )
    server.version = "8.0.1"
    plan = await planned(server.target(), backup, database="o")
    assert plan.obstacles == ()
    assert any("options and indexes are made, and not compared" in words for words in plan.warnings)
    server.free_bytes = 1000
    (words,) = (await planned(server.target(), backup, database="o")).obstacles
    assert words.startswith("the server's disk has 1000 B of room, and ")


async def test_a_time_series_is_copied_into_its_place_and_replaces_none(server: MemoryServer, storage: FolderStorage) -> None:
    server.put("weather", *({"_id": number, "at": number} for number in range(1200)), kind="timeseries", timeseries={"timeField": "at"})
    server.put("system.buckets.weather", {"_id": 1})
    backup = await taken(server.target(), storage)
    assert {proof.name: (proof.rows, proof.content_hash) for proof in backup.manifest.objects} == {"weather": (1200, None)}
    assert (await restored(server.target(), storage, backup, database="other")).comparison.is_proof
    assert sorted(server.documents("weather", "other")) == sorted(server.documents("weather"))
    assert server.databases["other"].keys() == {"weather"}
    plan = await planned(server.target(), backup, replace=True)
    assert plan.obstacles == ("weather is a time series, which the server cannot rename: drop it first",)


async def test_whatever_command_fails_the_old_collections_are_there_or_the_new_ones(server: MemoryServer, storage: FolderStorage) -> None:
    """Exactly one failure at command 1, 2, ... of a restore; the next restore goes well and leaves nothing behind."""
    _world(server)
    saved = _look(server)
    backup = await taken(server.target(), storage)
    server.databases["shop"]["orders"].gone[7] = server.step
    server.put("late", {"_id": 1})
    del server.databases["shop"]["dear"]
    number = raised = 0
    while True:
        number += 3
        before, kept = _look(server), copy.deepcopy(server.databases)
        calls = _failing(server, number)
        try:
            await restored(server.target(), storage, backup, replace=True)
            now = saved
        except (BackupError, TargetError):
            raised += 1
            now = before
        server.before, server.refused = (lambda asked: None), {}
        assert {name: found for name, found in _look(server).items() if not name.startswith(OURS)} == now, f"command {number} failed"
        if calls() < number:
            break
        assert (await restored(server.target(), storage, backup, replace=True)).comparison.is_proof
        assert _look(server) == saved, f"after command {number} failed"
        server.databases = kept
    assert raised > 15


def _failing(server: MemoryServer, number: int) -> Callable[[], int]:
    """Refuse exactly one command that changes or reads data; gives how many there were."""
    calls = 0

    def refuse(command: Any) -> None:
        nonlocal calls
        name = next(iter(command))
        if name in {"create", "insert", "createIndexes", "renameCollection", "drop", "find", "listCollections", "listIndexes"}:
            calls += 1
            server.refused = {name: (96, "it fails")} if calls == number else {}

    server.before = refuse
    return lambda: calls


async def test_what_is_written_to_a_name_that_is_free_for_a_moment_is_kept(server: MemoryServer, storage: FolderStorage) -> None:
    server.put("orders", {"_id": 1})
    backup = await taken(server.target(), storage)
    before = _look(server)

    def write(command: Any) -> None:
        if next(iter(command)) == "renameCollection" and command["to"] == "shop.orders" and "orders" not in server.databases["shop"]:
            server.before = lambda asked: None
            server.put("orders", {"_id": "late"})

    server.before = write
    with pytest.raises(TargetError):
        await restored(server.target(), storage, backup, replace=True)
    found = _look(server)
    assert found.pop("orders") == before["orders"]
    (name,) = found
    assert name.startswith(f"{OURS}late_")
    assert server.documents(name) == [bson.encode({"_id": "late"})]


async def test_a_restored_server_that_changes_documents_is_noticed(server: MemoryServer, storage: FolderStorage) -> None:
    server.put("orders", {"_id": 1, "a": 1.0}, {"_id": 2})
    backup = await taken(server.target(), storage, format=Format.JSON)
    before = _look(server)

    def lose(command: Any) -> None:
        if next(iter(command)) == "insert" and command["insert"].startswith(f"{OURS}new"):
            command["documents"][:] = [bson.raw_bson.RawBSONDocument(bson.encode({"_id": one["_id"]})) for one in command["documents"]]

    server.before = lose
    with pytest.raises(DamagedError, match="orders has as many rows as were saved, and not the same content"):
        await restored(server.target(), storage, backup, replace=True)
    assert _look(server) == before


async def test_a_document_that_is_refused_stops_it_unless_it_shall_go_on(server: MemoryServer, storage: FolderStorage) -> None:
    server.put("orders", {"_id": 1}, {"_id": 2, "a": 1})
    backup = await taken(server.target(), storage)
    path = Path(backup.location)
    assert json.loads((path / "manifest.json").read_text())
    original = MemoryServer._insert

    def judge(self: MemoryServer, command: Any) -> Any:
        if command["insert"].startswith(f"{OURS}new"):
            self.databases[command["$db"]][command["insert"]].options = {"validator": {"a": 1}}
        return original(self, command)

    server._insert = judge.__get__(server)  # type: ignore[method-assign]
    with pytest.raises(BackupError, match="a document of orders is refused: Document failed validation"):
        await restored(server.target(), storage, backup, database="other")
    assert not server.databases.get("other")
    done = await restored(server.target(), storage, backup, database="other", go_on=True)
    assert [str(one) for one in done.comparison.differences] == [
        "orders has 1 rows, and 2 were saved",
        "orders lacks a document that is refused: Document failed validation",
    ]
    assert server.documents("orders", "other") == [bson.encode({"_id": 2, "a": 1})]


@pytest.mark.parametrize("kind", ["primary", "secondary", "mongos"])
async def test_a_password_lets_in_and_is_kept_nowhere(storage: FolderStorage, tmp_path: Path, kind: str) -> None:
    with wire_server("7", kind, user="keeper", password="s3cret-word") as server:
        target = server.target(user="keeper", password="s3cret-word", database="shop", options="authSource=admin")
        backup = await taken(target, storage)
        assert {proof.name for proof in backup.manifest.objects} >= {"customers", "orders"}
        assert ("how collections are sharded" in dict(backup.manifest.skipped)) is (kind == "mongos")
        with pytest.raises(TargetError) as caught:
            await taken(server.target(user="keeper", password="wr0ng-word", database="shop", options="authSource=admin"), storage)
        assert caught.value.reason is FailureCode.AUTHENTICATION
    kept = _files_in(tmp_path)
    assert any(name.endswith("manifest.json") for name in kept)
    assert not any(b"s3cret-word" in content for content in kept.values())
    for words in (repr(backup), repr(target), str(caught.value), caught.value.hint):
        assert "s3cret" not in words
        assert "wr0ng" not in words


def _files_in(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
