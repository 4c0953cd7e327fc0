"""Redis and Valkey: backup, damage, restore, compare on real servers, beside writers, with rights, through faults."""

from __future__ import annotations

import asyncio
import getpass
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil
import pytest
import redis

from aishell_core.clock import SystemClock
from aishell_core.engines.redis_errors import RedisError
from aishell_core.engines.redis_wire import open_wire, reach
from aishell_core.errors import RefusedError, TargetError, UsageError
from aishell_core.targets import Secret, Target, TlsPolicy, parse_location
from aishell_core.values import FailureCode, TargetId
from aishell_ops.backups.drill import drill
from aishell_ops.backups.engines.contract import LoadPlan, LoadRequest, SaveRequest
from aishell_ops.backups.engines.redis import RedisBackups
from aishell_ops.backups.engines.redis_staging import ALIVE, MARK
from aishell_ops.backups.errors import BackupError, BusyError, DamagedError, ToolError
from aishell_ops.backups.layout import Line, Spot
from aishell_ops.backups.models import Backup, Compression, Format, ProofLevel
from aishell_ops.backups.progress import Stage, Step
from aishell_ops.backups.repository import Repository
from aishell_ops.backups.restore import Restored, RestoreOrder, plan_restore, restore
from aishell_ops.backups.storage.address import StorageAddress
from aishell_ops.backups.storage.folder import FolderStorage
from aishell_ops.backups.storage.opening import open_storage
from aishell_ops.backups.streams.contract import Keys, Recipe
from aishell_ops.backups.take import Order, take
from aishell_ops.backups.verify import Depth, verify
from tests.command_line import run_here
from tests.processes import children
from tests.servers.certificates import issuer
from tests.servers.clouds import azure, google, s3
from tests.servers.ports import free_port
from tests.servers.redis import VERSIONS, RedisServer, redis_server, require_redis
from tests.servers.redis_groups import sentinel, with_replicas
from tests.servers.sqlite_client import eventually
from tests.unit.aishell_ops.backups.streams.test_store_and_fetch import ENCRYPTED, KEYS, OTHER

CLOCK = SystemClock()
ENVIRON = {name: value for name, value in os.environ.items() if name != "REDISCLI_AUTH"}
AT_ONCE: dict[str, Any] = {"repl_diskless_sync_delay": "0"}
"""The server forks at once, and does not wait for further replicas."""
LIBRARY = "#!lua name=lib\nredis.register_function('twice', function(keys, args) return 2 * args[1] end)"
ODD = ["", " ", "a\nb", "--option", "'\"`$;\\", "ключ é 😀", b"\x00\xff\r\n$5\r\n", "x" * 300]
BIG = 1 << 40


@pytest.fixture(scope="module", params=VERSIONS)
def server(request: pytest.FixtureRequest) -> Iterator[RedisServer]:
    with redis_server(request.param, **AT_ONCE) as found:
        yield found


@pytest.fixture
def shop(server: RedisServer) -> RedisServer:
    """A server with a key of every kind."""
    return _filled(server)


@pytest.fixture(scope="module")
def debian() -> Iterator[RedisServer]:
    with redis_server(**AT_ONCE) as found:
        yield found


@pytest.fixture
def one(debian: RedisServer) -> RedisServer:
    """The same on one server, for what is of no version."""
    return _filled(debian)


@pytest.fixture
def storage(tmp_path: Path) -> FolderStorage:
    return FolderStorage(tmp_path / "backups")


def _filled(server: RedisServer) -> RedisServer:
    with _client(server) as client:
        client.execute_command("FLUSHALL")
        if _release(server)[1] >= 7:
            client.execute_command("FUNCTION", "FLUSH")
        for command in _everything(server):
            client.execute_command(*command)
    return server


@contextmanager
def _client(server: RedisServer, **options: Any) -> Iterator[Any]:
    with closing(server.connect(**options)) as client:
        yield client


def _release(server: RedisServer) -> tuple[str, int]:
    info = server.execute("INFO", "server")
    return (
        ("valkey", int(info["valkey_version"].split(".")[0]))
        if "valkey_version" in info
        else ("redis", int(info["redis_version"].split(".")[0]))
    )


def _everything(server: RedisServer) -> list[tuple[Any, ...]]:
    """Commands that make keys of every type, each as the server packs few and many, with edge values."""
    dice = random.Random(1)
    many = [f"member {number} {dice.random()}" for number in range(700)]
    far = int(time.time() * 1000) + 86_400_000
    found: list[tuple[Any, ...]] = [
        *[
            ("SET", f"string {number}", value)
            for number, value in enumerate(("", "0", "-128", "70000", "9223372036854775807", "01", "x" * 5000))
        ],
        ("SET", "binary", bytes(range(256)) * 300),
        ("SET", "noise", dice.randbytes(200_000)),
        ("SETBIT", "bits", 70_001, 1),
        ("PFADD", "loglog", *range(2000)),
        ("SET", "later", "v", "PX", 86_400_000),
        *[("SET", name, name) for name in ODD],
        ("RPUSH", "short list", "", "1", "-5", "long" * 30, b"\xff\x00"),
        ("RPUSH", "long list", *many, dice.randbytes(70_000)),
        ("SADD", "numbers", -BIG, 0, 7, 70_000),
        ("SADD", "short set", "a", "1", ""),
        ("SADD", "long set", *many),
        ("ZADD", "short zset", "-inf", "a", "inf", "b", "-0.0", "c", "1e300", "d", "0.1", "e", "3", "f"),
        ("ZADD", "long zset", *[word for number, member in enumerate(many) for word in (number / 7, member)]),
        ("GEOADD", "places", "13.361389", "38.115556", "Palermo", "15.087269", "37.502669", "Catania"),
        ("HSET", "short hash", "f", "", "", "v", "n", "-5"),
        ("HSET", "long hash", *many),
        ("PEXPIREAT", "long hash", far),
        *[("XADD", "stream", f"{number}-1", "field", number, "é", "") for number in range(1, 300)],
        ("XDEL", "stream", "7-1"),
        ("XGROUP", "CREATE", "stream", "readers", "0"),
        ("XREADGROUP", "GROUP", "readers", "me", "COUNT", "5", "STREAMS", "stream", ">"),
        ("XACK", "stream", "readers", "2-1"),
        ("XADD", "empty stream", "1-1", "a", "b"),
        ("XDEL", "empty stream", "1-1"),
        ("SELECT", 3),
        ("SET", "of three", "3"),
        ("SELECT", 11),
        ("HSET", "of eleven", "a", "b"),
        ("SELECT", 0),
    ]
    family, major = _release(server)
    if major >= 7:
        found += [("FUNCTION", "LOAD", "REPLACE", LIBRARY)]
    if (family, major) >= ("redis", 8):
        found += [
            ("HSET", "short fields", "stays", "1", "goes", "2"),
            ("HPEXPIREAT", "short fields", far, "FIELDS", 1, "goes"),
            ("HSET", "long fields", *many),
            ("HPEXPIREAT", "long fields", far, "FIELDS", 2, many[0], many[2]),
        ]
    if (family, major) == ("redis", 8):
        found += [("VADD", "vectors", "VALUES", 3, 1, 2, 3, "a"), ("XADD", "stream", "IDMPAUTO", "writer", "*", "once", "1")]
    return found


def _contents(server: RedisServer) -> dict[str, object]:
    """What a person would look at: all keys of all databases with their values and times, and the functions."""
    found: dict[str, object] = {}
    with _client(server) as client:
        for name, count in sorted(client.info("keyspace").items()):
            client.execute_command("SELECT", name.removeprefix("db"))
            found[name] = count["keys"]
            for key in sorted(client.keys("*")):
                found[f"{name} {key!r}"] = _value(client, key)
        if _release(server)[1] >= 7:
            found["functions"] = client.execute_command("FUNCTION", "LIST", "WITHCODE")
    return found


def _value(client: Any, key: bytes) -> object:
    kind = client.type(key).decode()
    match kind:
        case "string":
            value: object = client.get(key)
        case "list":
            value = client.lrange(key, 0, -1)
        case "set":
            value = client.smembers(key)
        case "zset":
            value = client.zrange(key, 0, -1, withscores=True)
        case "hash":
            fields = client.hgetall(key)
            times = client.execute_command("HPEXPIRETIME", key, "FIELDS", len(fields), *fields) if b"fields" in key else ()
            value = (fields, sorted(zip(fields, times, strict=False)))
        case "stream":
            groups = [(group["name"], group["pending"], group["last-delivered-id"]) for group in client.xinfo_groups(key)]
            pending = client.xpending_range(key, "readers", "-", "+", 100) if groups else []
            value = (client.xrange(key), groups, [(one["message_id"], one["consumer"], one["times_delivered"]) for one in pending])
        case _:
            value = client.execute_command("VDIM", key)
    return kind, value, _expires_at(client, key)


def _expires_at(client: Any, key: bytes) -> object:
    left = client.pttl(key)
    # Before 7 only the time that is left can be asked for.
    return left if left < 0 else round((time.time() * 1000 + left) / 60_000)


def _damage(server: RedisServer) -> None:
    with _client(server) as client:
        client.execute_command("DEL", "long hash", "noise")
        client.execute_command("SET", "string 1", "wrong")
        client.execute_command("SET", "new", "new")
        client.execute_command("SELECT", 3)
        client.execute_command("FLUSHDB")
        client.execute_command("SELECT", 5)
        client.execute_command("SET", "of five", "5")
        if _release(server)[1] >= 7:
            client.execute_command("FUNCTION", "LOAD", LIBRARY.replace("lib", "other").replace("twice", "thrice"))


def _repository(storage: FolderStorage) -> Repository:
    return Repository(storage, time.time)


def _engine(server: RedisServer) -> RedisBackups:
    return RedisBackups(ENVIRON, [server.program.parent])


SPOT_LINE = Line("re", "all")


async def _take(server: RedisServer, storage: FolderStorage, recipe: Recipe | None = None, proof: ProofLevel = ProofLevel.FULL) -> Backup:
    order = Order(server.target("re"), recipe=recipe or Recipe(), proof=proof)
    return await take(_engine(server), _repository(storage), order, CLOCK)


async def _plan(server: RedisServer, backup: Backup, **request: Any) -> LoadPlan:
    return await plan_restore(_engine(server), backup, RestoreOrder(server.target("re"), LoadRequest(**request)))


async def _restore(
    server: RedisServer, storage: FolderStorage, backup: Backup, keys: Keys | None = None, target: Target | None = None, **request: Any
) -> Restored:
    engine, order = _engine(server), RestoreOrder(target or server.target("re"), LoadRequest(**request), keys)
    plan = await plan_restore(engine, backup, order)
    return await restore(engine, _repository(storage), Spot(SPOT_LINE, backup.id), backup, order, plan, CLOCK)


@pytest.mark.parametrize("keys", [None, KEYS], ids=["plain", "encrypted"])
async def test_backup_damage_restore_compare(shop: RedisServer, storage: FolderStorage, keys: Keys | None) -> None:
    before = _contents(shop)
    backup = await _take(shop, storage, ENCRYPTED if keys else None)
    found = await verify(_repository(storage), Spot(SPOT_LINE, backup.id), Depth.DEEP, CLOCK, keys=keys)
    assert (found.faults, found.remarks) == ((), ())
    _damage(shop)
    assert _contents(shop) != before
    restored = await _restore(shop, storage, backup, keys, replace=True)
    assert restored.comparison.is_proof
    assert restored.comparison.hashed >= 8
    assert _contents(shop) == before
    again = await _take(shop, FolderStorage(storage.root / "again"))
    assert again.manifest.objects == backup.manifest.objects


async def test_the_manifest_tells_what_a_restore_has_to_prove(shop: RedisServer, storage: FolderStorage) -> None:
    backup = await _take(shop, storage)
    manifest = backup.manifest
    rows = {proof.name: proof.rows for proof in manifest.objects}
    assert rows["db0 string"] == 12 + len(ODD)
    expected = {"db0 list": 2, "db0 set": 3, "db0 stream": 2, "db3 string": 1, "db11 hash": 1, "db0 expiring": 2}
    assert {name: rows[name] for name in expected} == expected
    family, major = _release(shop)
    assert rows.get("functions") == (1 if major >= 7 else None)
    if (family, major) == ("redis", 8):
        assert [(proof.rows, proof.content_hash) for proof in manifest.objects if "module" in proof.name] == [(1, None)]
    assert [part.name for part in manifest.parts] == ["dump.rdb.zst"]
    start, info = dict(manifest.start), shop.execute("INFO", "replication")
    assert start["replid"] == info["master_replid"]
    assert start["offset"].isdecimal()
    assert start["rdb_version"] == {("redis", 6): "9", ("redis", 7): "10", ("redis", 8): "13", ("valkey", 9): "80"}[family, major]
    assert manifest.source.identity == shop.execute("INFO", "server")["run_id"]
    assert ("loaded scripts (SCRIPT LOAD)", "no snapshot holds them; programs load them again") in manifest.skipped
    assert manifest.server_time is not None
    assert abs(manifest.server_time - time.time()) < 600


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("diskless", ["yes", "no"])
async def test_a_server_sends_its_snapshot_from_memory_or_from_its_disk(storage: FolderStorage, version: str, diskless: str) -> None:
    with redis_server(version, repl_diskless_sync=diskless, repl_diskless_sync_delay="2") as server:
        _filled(server)
        backup = await _take(server, storage)
        assert (await _restore(server, storage, backup, replace=True)).comparison.is_proof


async def test_many_keys_while_they_change_show_one_moment(one: RedisServer, storage: FolderStorage) -> None:
    """While money moves between two keys, their sum in the backup is what it always was."""
    one.execute("MSET", "from", 1_000_000, "to", 0)
    with _client(one) as client:
        for begin in range(0, 60_000, 1000):
            client.mset({f"filler {number}": "x" * 50 for number in range(begin, begin + 1000)})
    ended, moved = threading.Event(), []

    def move() -> None:
        with _client(one) as client:
            while not ended.is_set():
                client.transaction(lambda both: (both.decr("from"), both.incr("to")))
                moved.append(1)

    threads = [threading.Thread(target=move) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        eventually(lambda: len(moved) > 5)
        backup = await _take(one, storage)
    finally:
        ended.set()
        for thread in threads:
            thread.join()
    with redis_server(**AT_ONCE) as other:
        restored = await _restore(one, storage, backup, target=other.target("re"))
        assert restored.comparison.is_proof
        first, second = (int(value) for value in other.execute("MGET", "from", "to"))
    assert first + second == 1_000_000
    assert second > 0


async def test_keys_whose_time_has_passed_are_proven_and_gone(shop: RedisServer, storage: FolderStorage) -> None:
    """The proof is of all that was saved; a server that is restored to holds what still has time."""
    shop.execute("SET", "brief", "v", "PX", 4000)
    with_fields = b"short fields" in shop.execute("KEYS", "*")
    if with_fields:
        shop.execute("HSET", "short fields", "brief", "3")
        shop.execute("HPEXPIRE", "short fields", 4000, "FIELDS", 1, "brief")
    backup = await _take(shop, storage)
    rows = {proof.name: proof.rows for proof in backup.manifest.objects}
    assert rows["db0 expiring"] == 3
    await asyncio.to_thread(eventually, lambda: not shop.execute("EXISTS", "brief"))
    await asyncio.to_thread(eventually, lambda: not with_fields or shop.execute("HLEN", "short fields") == 2)
    restored = await _restore(shop, storage, backup, replace=True)
    assert restored.comparison.is_proof
    assert not shop.execute("EXISTS", "brief")
    assert shop.execute("EXISTS", "later")
    assert not with_fields or sorted(shop.execute("HKEYS", "short fields")) == [b"goes", b"stays"]


async def test_a_test_restore_has_a_server_of_its_own(shop: RedisServer, storage: FolderStorage) -> None:
    backup = await _take(shop, storage)
    before = _contents(shop)
    shop.execute("SET", "new", "new")
    done = await drill(_engine(shop), _repository(storage), Spot(SPOT_LINE, backup.id), shop.target("re"), CLOCK)
    assert done.proves
    assert done.comparison.hashed >= 8
    shop.execute("DEL", "new")
    assert _contents(shop) == before
    assert [mark.command for mark in children() if "server.conf" in mark.command or "keeper" in mark.command] == []


async def test_a_snapshot_that_no_server_loads_is_damaged(one: RedisServer, storage: FolderStorage) -> None:
    """What lies in the storage is what was written there, and still no server can do anything with it."""
    backup = await _take(one, storage, Recipe(Compression.NONE), ProofLevel.NONE)
    engine, plan = _engine(one), await _plan(one, backup, replace=True)
    path = Path(backup.location) / "parts" / "dump.rdb"
    content = path.read_bytes()
    async with engine.loading(one.target("re"), backup.manifest, plan) as loading:
        with loading.sink(backup.manifest.parts[0]).opened(threading.Event()) as writer:
            at = content.index(b"short list")
            writer.write(content[:at] + b"long  list" + content[at + 10 :])
        with pytest.raises(DamagedError, match="a server does not load the snapshot: "):
            await loading.finish(lambda _: None, threading.Event())
    assert one.execute("GET", "string 1") == b"0"


async def test_what_is_there_is_replaced_only_by_who_says_so(one: RedisServer, storage: FolderStorage) -> None:
    backup = await _take(one, storage)
    with pytest.raises(RefusedError, match=r"this server holds \d+ keys in 3 databases; --drop-existing replaces all of it"):
        await _restore(one, storage, backup)
    _damage(one)
    plan = await _plan(one, backup, replace=True)
    assert plan.losses[-2] == "database 11, 1 keys (1 were there when it was saved)"
    assert plan.losses[1] == "database 5, 1 keys (0 were there when it was saved)"
    assert plan.losses[-1] == "2 libraries of functions"
    assert plan.writes == ("database 0", "database 3", "database 11")
    assert plan.tools[0].name == "redis-server"
    assert plan.needed_bytes is not None
    assert plan.free_bytes is not None


async def test_functions_alone_are_something_too(storage: FolderStorage) -> None:
    with redis_server(**AT_ONCE) as server:
        backup = await _take(server, storage)
        assert [(proof.name, proof.rows) for proof in backup.manifest.objects] == [("keys", 0)]
        server.execute("FUNCTION", "LOAD", LIBRARY)
        with pytest.raises(RefusedError, match="this server holds 1 libraries of functions"):
            await _restore(server, storage, backup)
        assert (await _restore(server, storage, backup, replace=True)).comparison.is_proof
        assert server.execute("FUNCTION", "LIST") == []


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (SaveRequest(tables=("a",)), "a part of a Redis server cannot be saved"),
        (SaveRequest(database="3"), "database 3 cannot be saved alone"),
        (SaveRequest(format=Format.CSV), "cannot be saved as csv yet"),
        (SaveRequest(method="aof"), "there is no method aof"),
    ],
)
async def test_what_cannot_be_saved_is_refused_in_words(one: RedisServer, request_: SaveRequest, words: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        await _engine(one).plan_save(one.target("re"), request_)
    assert caught.value.hint


async def test_a_snapshot_goes_into_no_other_database_and_not_in_part(one: RedisServer, storage: FolderStorage) -> None:
    backup = await _take(one, storage)
    with pytest.raises(UsageError, match="cannot be restored into database 5: it holds all databases with their numbers"):
        await _plan(one, backup, database="5")
    with pytest.raises(UsageError, match="a part of a Redis backup cannot be restored"):
        await _plan(one, backup, tables=("a",))


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_user_without_rights_is_told_the_statement_that_gives_them(storage: FolderStorage, version: str) -> None:
    """With exactly what the two statements give, a backup and a restore are done."""
    with redis_server(version, **AT_ONCE) as server:
        _filled(server)
        before = _contents(server)
        server.execute("ACL", "SETUSER", "keeper", "on", ">s3cret", "+info")
        target = server.target("re", user="keeper", password="s3cret")
        with pytest.raises(RedisError, match="user keeper may not do this") as caught:
            await take(_engine(server), _repository(storage), Order(target), CLOCK)
        assert caught.value.reason is FailureCode.PRIVILEGE
        assert caught.value.hint == "ACL SETUSER keeper +psync +replconf"
        assert list(storage.list()) == []
        server.execute(*caught.value.hint.split(" "))
        backup = await take(_engine(server), _repository(storage), Order(target, proof=ProofLevel.FULL), CLOCK)
        _damage(server)
        order = RestoreOrder(target, LoadRequest(replace=True))
        (obstacle,) = (await plan_restore(_engine(server), backup, order)).obstacles
        words = obstacle.removeprefix("this user may not restore: ")
        assert words.startswith("ACL SETUSER keeper ")
        server.execute(*words.split(" "))
        restored = await _restore(server, storage, backup, target=target, replace=True)
        assert restored.comparison.is_proof
        assert _contents(server) == before


async def test_a_server_that_gives_no_replication_is_told_as_such(storage: FolderStorage) -> None:
    for command in ("PSYNC", "REPLCONF"):
        with redis_server(rename_command=f"{command} ") as server:
            with pytest.raises(TargetError, match="gives its data to no replica of ours") as caught:
                await _take(server, storage)
            assert caught.value.reason is FailureCode.UNSUPPORTED
            assert "provider's own snapshots" in caught.value.hint


async def test_a_server_without_a_command_that_a_restore_needs_is_refused(one: RedisServer, storage: FolderStorage) -> None:
    backup = await _take(one, storage)
    with redis_server(rename_command="SWAPDB ", **AT_ONCE) as server:
        plan = await _plan(server, backup)
        assert plan.obstacles == ("this server lets nobody run swapdb, without which nothing is exchanged in one step",)


async def test_a_replica_is_saved_as_well_as_long_as_it_has_its_primary(storage: FolderStorage) -> None:
    with redis_server(**AT_ONCE) as primary, redis_server(replicaof=f"127.0.0.1 {primary.port}", **AT_ONCE) as server:
        _filled(primary)
        key_count = primary.execute("DBSIZE")
        await asyncio.to_thread(eventually, lambda: server.execute("DBSIZE") == key_count)
        plan = await _engine(server).plan_save(server.target("re"), SaveRequest())
        assert any("this is a replica of 127.0.0.1" in words for words in plan.warnings)
        backup = await _take(server, storage)
        assert dict(backup.manifest.start)["replid"] == primary.execute("INFO", "replication")["master_replid"]
        with pytest.raises(RefusedError, match=f"this server is a replica of 127.0.0.1:{primary.port}: restore into that one"):
            await _restore(server, storage, backup, replace=True)
        primary.kill()
        await asyncio.to_thread(eventually, lambda: server.execute("INFO", "replication")["master_link_status"] == "down")
        with pytest.raises(TargetError, match="is a replica that has lost its primary"):
            await _take(server, storage)


async def test_a_primary_is_found_by_its_sentinel_which_does_not_take_us_for_a_replica(storage: FolderStorage) -> None:
    with with_replicas(count=1) as (primary, replica), sentinel(primary) as watcher:
        _filled(primary)
        before = _contents(primary)
        target = Target(TargetId("re"), parse_location(f"redis://127.0.0.1:{watcher.port}/0?sentinel=mymaster"))
        backup = await take(_engine(primary), _repository(storage), Order(target, proof=ProofLevel.FULL), CLOCK)
        _damage(primary)
        plan = await plan_restore(_engine(primary), backup, RestoreOrder(target, LoadRequest(replace=True)))
        assert plan.warnings == ("1 replicas receive all of it as changes",)
        await _restore(primary, storage, backup, target=target, replace=True)
        assert _contents(primary) == before
        await asyncio.to_thread(eventually, lambda: _contents(replica) == before)
        # While a backup waits for its snapshot the server lists it, and a sentinel looks at that list.
        primary.execute("CONFIG", "SET", "repl-diskless-sync-delay", 600)
        work = asyncio.create_task(_take(primary, FolderStorage(storage.root / "again")))
        await asyncio.to_thread(eventually, lambda: primary.execute("INFO", "replication")["connected_slaves"] == 2)
        for _ in range(2):
            await asyncio.to_thread(eventually, _looked_again(watcher))
        assert len(watcher.execute("SENTINEL", "REPLICAS", "mymaster")) == 1
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work


def _looked_again(watcher: RedisServer) -> Callable[[], bool]:
    """Whether a sentinel has asked the primary anew what it is: the age of what it knows has become less."""
    ages: list[int] = []

    def looked() -> bool:
        with _client(watcher) as client:
            ages.append(int(client.execute_command("SENTINEL MASTER", "mymaster")["info-refresh"]))
        return len(ages) > 1 and ages[-1] < ages[-2]

    return looked


async def test_a_node_of_a_cluster_is_saved_and_not_restored_into(storage: FolderStorage) -> None:
    with redis_server(cluster_enabled="yes", **AT_ONCE) as node:
        node.execute("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
        await asyncio.to_thread(eventually, lambda: b"cluster_state:ok" in node.execute("CLUSTER", "INFO"))
        node.execute("SET", "a", "1")
        backup = await _take(node, storage)
        assert ("the other nodes of the cluster", "each primary is a target of its own") in backup.manifest.skipped
        plan = await _plan(node, backup, replace=True)
        assert plan.obstacles[0].startswith("this server is a node of a cluster")
        with redis_server(**AT_ONCE) as alone:
            await _restore(alone, storage, backup)
            assert alone.execute("GET", "a") == b"1"


async def test_tls_with_an_authority_and_a_certificate_of_ones_own(storage: FolderStorage, tmp_path: Path) -> None:
    authority = issuer(tmp_path, "authority")
    served = authority.issue("server", names="IP:127.0.0.1,DNS:localhost")
    ours = authority.issue("us")
    files: dict[str, Any] = {
        "tls_cert_file": str(served.certificate),
        "tls_key_file": str(served.key),
        "tls_ca_cert_file": str(authority.own.certificate),
    }
    secure = free_port()
    with redis_server(tls_port=str(secure), **files, **AT_ONCE) as server:
        _filled(server)
        options = f"ssl_ca_certs={authority.own.certificate}&ssl_certfile={ours.certificate}&ssl_keyfile={ours.key}"
        target = Target(TargetId("re"), parse_location(f"rediss://127.0.0.1:{secure}/0?{options}"), tls=TlsPolicy.PREFER)
        before = _contents(server)
        backup = await take(_engine(server), _repository(storage), Order(target, proof=ProofLevel.FULL), CLOCK)
        _damage(server)
        assert (await _restore(server, storage, backup, target=target, replace=True)).comparison.is_proof
        assert _contents(server) == before
        stranger = Target(TargetId("re"), parse_location(f"rediss://127.0.0.1:{secure}/0?ssl_ca_certs={ours.certificate}"))
        with pytest.raises(TargetError, match="is not trusted"):
            await _engine(server).plan_save(stranger, SaveRequest())


@pytest.mark.parametrize("settings", [{"appendonly": "yes"}, {"save": "3600 1"}, {"appendonly": "yes", "save": "3600 1"}])
@pytest.mark.parametrize("version", VERSIONS)
async def test_a_restart_after_the_restore_brings_the_restored_back(storage: FolderStorage, version: str, settings: dict[str, Any]) -> None:
    """A snapshot that is put beside a log of changes is ignored by the server: here the log has the restore too."""
    with redis_server(version, **settings, **AT_ONCE) as server:
        _filled(server)
        before = _contents(server)
        backup = await _take(server, storage)
        _damage(server)
        if "save" in settings:
            # The oldest server does not take it from its arguments.
            server.execute("CONFIG", "SET", "save", settings["save"])
        if "appendonly" not in settings:
            await asyncio.to_thread(eventually, lambda: _is_saved(server))
        await _restore(server, storage, backup, replace=True)
        server.kill()
        server.start()
        assert _contents(server) == before


def _is_saved(server: RedisServer) -> bool:
    """Whether it has been brought to the disk: the server refuses while its own snapshot for a replica is not over."""
    with _client(server) as client:
        try:
            return bool(client.save())
        except redis.ResponseError as error:
            if "in progress" not in str(error):
                raise
            return False


async def test_the_recovery_sheet_restores_it_without_us(shop: RedisServer, storage: FolderStorage, tmp_path: Path) -> None:
    backup = await _take(shop, storage)
    before = _contents(shop)
    sheet = (Path(backup.location) / "RECOVERY.txt").read_text()
    commands = [line.strip().split("    #")[0] for line in sheet.splitlines() if line.startswith("     ")]
    family, _ = _release(shop)
    # The program that only checks is the server's own under another name.
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / f"{family}-check-rdb").symlink_to(shop.program)
    around = {**ENVIRON, "PATH": f"{programs}:{shop.program.parent}:{ENVIRON['PATH']}"}
    with redis_server("7") as other:
        port = other.port
    commands = [command.replace("6380", str(port)) for command in commands]
    ran = await asyncio.to_thread(_run_all, commands, backup.location, around)
    restored = RedisServer(shop.program, tmp_path, port, {})
    try:
        assert "RDB looks OK" in ran or "CRC64" in ran or "Checksum OK" in ran
        await asyncio.to_thread(eventually, lambda: _answers(restored))
        assert _contents(restored) == before
    finally:
        await asyncio.to_thread(_end, restored)


def _end(server: RedisServer) -> None:
    """End a server that went into the background, also for whoever has inherited it."""
    with suppress(redis.RedisError):
        pid = server.execute("INFO", "server")["process_id"]
        with suppress(redis.RedisError):
            server.execute("SHUTDOWN", "NOSAVE")
        with suppress(ChildProcessError):
            os.waitpid(pid, 0)


def _answers(server: RedisServer) -> bool:
    with suppress(redis.RedisError, OSError):
        return int(server.execute("INFO", "persistence")["loading"]) == 0
    return False


def _run_all(commands: list[str], folder: str, around: dict[str, str]) -> str:
    said = ""
    for command in commands:
        done = subprocess.run(command, shell=True, cwd=folder, env=around, capture_output=True, text=True, check=False)
        assert done.returncode == 0, (command, done.stdout, done.stderr)
        said += done.stdout
    return said


async def test_a_damaged_part_leaves_the_old_data(one: RedisServer, storage: FolderStorage) -> None:
    backup = await _take(one, storage)
    _damage(one)
    before = _contents(one)
    path = Path(backup.location) / "parts" / backup.manifest.parts[0].name
    content = path.read_bytes()
    dice = random.Random(4)
    for _ in range(3):
        at = dice.randrange(len(content))
        path.write_bytes(content[:at] + bytes([content[at] ^ 4]) + content[at + 1 :])
        with pytest.raises(DamagedError, match=r"dump\.rdb\.zst"):
            await _restore(one, storage, backup, replace=True)
    path.write_bytes(content[:-1])
    with pytest.raises(DamagedError, match=r"dump\.rdb\.zst"):
        await _restore(one, storage, backup, replace=True)
    assert _contents(one) == before


async def test_a_key_that_the_server_does_not_take_is_named_and_the_old_data_stay(one: RedisServer, storage: FolderStorage) -> None:
    one.execute("SET", "the 'big' one", random.Random(2).randbytes(2_000_000))
    backup = await _take(one, storage)
    with redis_server(proto_max_bulk_len="1048576", **AT_ONCE) as small:
        small.execute("SET", "old", "1")
        with pytest.raises(BackupError) as caught:
            await _restore(one, storage, backup, target=small.target("re"), replace=True)
        assert "the 'big' one" in caught.value.message or "broke" in caught.value.message
        await asyncio.to_thread(eventually, lambda: small.execute("INFO", "keyspace") == {"db0": {"keys": 1, "expires": 0, "avg_ttl": 0}})
        assert small.execute("GET", "old") == b"1"


async def test_a_server_without_room_for_old_and_new_is_refused(one: RedisServer, storage: FolderStorage) -> None:
    one.execute("SET", "big", random.Random(2).randbytes(8_000_000))
    backup = await _take(one, storage)
    with redis_server(maxmemory="6mb", maxmemory_policy="allkeys-lru", **AT_ONCE) as small:
        small.execute("SET", "old", "1")
        plan = await _plan(small, backup, replace=True)
        assert plan.obstacles[0].startswith("maxmemory of this server is ")
        assert any("this server evicts keys" in words for words in plan.warnings)


async def test_a_server_that_evicts_meanwhile_is_given_up(one: RedisServer, storage: FolderStorage) -> None:
    """Its memory is made smaller after the restore was planned."""
    with _client(one) as client:
        client.mset({f"key {number}": random.Random(number).randbytes(2000) for number in range(2000)})
    backup = await _take(one, storage)
    with redis_server(**AT_ONCE) as small:
        small.execute("SET", "old", "1")
        engine, order = _engine(one), RestoreOrder(small.target("re"), LoadRequest(replace=True))
        plan = await plan_restore(engine, backup, order)
        small.execute("CONFIG", "SET", "maxmemory-policy", "allkeys-random")
        small.execute("CONFIG", "SET", "maxmemory", "3mb")
        with pytest.raises(BackupError):
            await restore(engine, _repository(storage), Spot(SPOT_LINE, backup.id), backup, order, plan, CLOCK)
        assert set(small.execute("INFO", "keyspace")) <= {"db0"}


async def test_databases_must_be_there_and_some_must_be_free(storage: FolderStorage) -> None:
    with redis_server(databases="40", **AT_ONCE) as many:
        many.execute("SET", "a", "1")
        with _client(many) as client:
            client.execute_command("SELECT", 30)
            client.execute_command("SET", "b", "1")
        backup = await _take(many, storage)
        with redis_server(**AT_ONCE) as few:
            plan = await _plan(few, backup)
            assert plan.obstacles == ("the backup has a database 30, and this server has 16 (databases in its configuration)",)
        many.execute("FLUSHALL")
        many.execute("SET", "a", "1")
        backup = await _take(many, FolderStorage(storage.root / "one"))
    with redis_server(databases="1", **AT_ONCE) as single:
        assert (await _restore(single, FolderStorage(storage.root / "one"), backup)).comparison.is_proof
        assert single.execute("KEYS", "*") == [b"a"]
        plan = await _plan(single, backup, replace=True)
        assert plan.obstacles[0].startswith("1 empty databases are needed to prepare the restore")


async def test_a_backup_goes_to_a_newer_server_and_to_no_older_or_foreign_one(storage: FolderStorage) -> None:
    with redis_server("6", **AT_ONCE) as old, redis_server("8", **AT_ONCE) as new, redis_server("valkey-9", **AT_ONCE) as valkey:
        _filled(old)
        backup = await _take(old, storage)
        for newer in (new, valkey):
            assert (await _restore(newer, storage, backup)).comparison.is_proof
            assert newer.execute("GET", "string 1") == b"0"
        later = FolderStorage(storage.root / "later")
        backup = await _take(_filled(new), later)
        for other, words in ((old, "Redis 6"), (valkey, "Valkey 9")):
            plan = await plan_restore(_engine(new), backup, RestoreOrder(other.target("re"), LoadRequest(replace=True)))
            assert plan.obstacles[0].startswith("the backup is of Redis 8")
            assert f"{words}." in plan.obstacles[0]
            assert plan.obstacles[0].endswith("does not read it")


async def test_a_server_for_the_proof_that_is_missing_or_too_old_is_told(storage: FolderStorage) -> None:
    with redis_server("8", **AT_ONCE) as server:
        backup = await _take(server, storage)
        engine = RedisBackups({"PATH": ""}, [require_redis("6").parent])
        with pytest.raises(ToolError, match=r"a server of Redis 8\.6 or newer is needed here") as caught:
            await plan_restore(engine, backup, RestoreOrder(server.target("re")))
        assert "Redis 6.2.14" in caught.value.message
        assert "which does not read it" in caught.value.message
        assert caught.value.hint.startswith("install redis-server (Debian)")


async def test_modules_of_the_backup_must_be_in_the_server(storage: FolderStorage) -> None:
    with redis_server("8", **AT_ONCE) as server:
        backup = await _take(_filled(server), storage)
        properties = tuple((name, value.replace("vectorset", "lacking")) for name, value in backup.manifest.annotations)
        other = replace(backup, manifest=replace(backup.manifest, annotations=properties))
        plan = await _plan(server, other, replace=True)
        assert plan.obstacles[0].startswith("the backup holds values of modules (")
        assert plan.obstacles[0].endswith("and this server lacks lacking")
        assert json.loads(dict(backup.manifest.annotations)["modules"]) == ["vectorset"]


async def test_two_restores_into_one_server_do_not_meet(one: RedisServer, storage: FolderStorage) -> None:
    backup = await _take(one, storage)
    before = _contents(one)
    with _client(one) as client:
        client.execute_command("SELECT", 15)
        client.mset({MARK: "1", ALIVE: "1"})
        plan = await _plan(one, backup, replace=True)
        assert plan.obstacles == ("another restore into this server is under way, in database 15",)
        with pytest.raises(BusyError, match="another restore into this server is under way"):
            async with _engine(one).loading(one.target("re"), backup.manifest, plan):
                raise AssertionError
        client.delete(ALIVE)
        plan = await _plan(one, backup, replace=True)
        assert plan.obstacles == ()
        assert plan.warnings == ("an earlier restore was interrupted: what it has left in database 15 is removed",)
    await _restore(one, storage, backup, replace=True)
    assert _contents(one) == before


async def test_who_empties_the_prepared_database_stops_the_exchange(one: RedisServer, storage: FolderStorage) -> None:
    backup = await _take(one, storage)
    _damage(one)
    before = _contents(one)
    engine, order = _engine(one), RestoreOrder(one.target("re"), LoadRequest(replace=True))
    plan = await plan_restore(engine, backup, order)

    def tell(step: Step) -> None:
        if step.stage is Stage.PUBLISHING:
            with _client(one) as client:
                client.execute_command("SELECT", 15)
                client.execute_command("FLUSHDB")

    with pytest.raises(BackupError, match="somebody else has emptied database 15"):
        await restore(engine, _repository(storage), Spot(SPOT_LINE, backup.id), backup, order, plan, CLOCK, tell=tell)
    assert _contents(one) == before


_KILLED = """
import asyncio, os, signal, sys, time
from pathlib import Path
from aishell_core.clock import SystemClock
from aishell_core.targets import Target, parse_location
from aishell_core.values import TargetId
from aishell_ops.backups.engines.contract import LoadRequest
from aishell_ops.backups.engines.redis import RedisBackups
from aishell_ops.backups.layout import Line, Spot
from aishell_ops.backups.progress import Stage, Step
from aishell_ops.backups.repository import Repository
from aishell_ops.backups.restore import RestoreOrder, plan_restore, restore
from aishell_ops.backups.storage.folder import FolderStorage
import threading

storage, url, last, folder = FolderStorage(Path(sys.argv[1])), sys.argv[2], int(sys.argv[3]), Path(sys.argv[4])
engine = RedisBackups(folders=[folder])
repository = Repository(storage, time.time)
backup = repository.scan().backups[0]
order = RestoreOrder(Target(TargetId("re"), parse_location(url)), LoadRequest(replace=True))
calls, within = 0, False
ASKING = {"begin", "publish", "_select"}

def count(frame, event, argument):
    '''Ends this process without a word at one of the steps by which a restore is prepared and put in its place.'''
    global calls
    if event != "call" or not within:
        return
    name, file, caller = frame.f_code.co_name, frame.f_code.co_filename, frame.f_back
    scratch = file.endswith(("redis_scratch.py", "kept_folder.py")) and name in ("watch", "proofs", "_not_loaded")
    filling = file.endswith("redis_staging.py") and name in ("flush", "_compare")
    asking = name == "ask" and caller.f_code.co_filename.endswith("redis_staging.py") and caller.f_code.co_name in ASKING
    if scratch or filling or asking:
        calls += 1
        if calls == last:
            os.kill(os.getpid(), signal.SIGKILL)

threading.setprofile(count)

async def main():
    global within
    plan = await plan_restore(engine, backup, order)
    within = True
    await restore(engine, repository, Spot(Line("re", "all"), backup.id), backup, order, plan, SystemClock())

asyncio.run(main())
print(calls)
"""


def _restored_until(server: RedisServer, storage: Path, call: int, temporary: Path) -> subprocess.CompletedProcess[str]:
    environment = {**ENVIRON, "PYTHONPATH": str(Path(__file__).parents[2]), "TMPDIR": str(temporary)}
    arguments = [str(storage), server.url(), str(call), str(server.program.parent)]
    return subprocess.run(
        [sys.executable, "-c", _KILLED, *arguments], env=environment, capture_output=True, text=True, timeout=300, check=False
    )


async def test_a_kill_at_any_moment_leaves_the_old_or_the_new_and_the_next_restore_tidies_up(
    shop: RedisServer, storage: FolderStorage, tmp_path: Path
) -> None:
    saved = _contents(shop)
    backup = await _take(shop, storage)
    temporary = tmp_path / "t"
    temporary.mkdir()
    done = await asyncio.to_thread(_restored_until, shop, storage.root, 0, temporary)
    assert done.returncode == 0, done.stderr
    calls = int(done.stdout)
    assert calls > 20
    assert _contents(shop) == saved
    _damage(shop)
    before, mark = _contents(shop), MARK.encode()
    seen = set()
    for call in sorted({*random.Random(5).sample(range(1, calls), 5), calls - 12, calls}):
        done = await asyncio.to_thread(_restored_until, shop, storage.root, call, temporary)
        assert done.returncode == -signal.SIGKILL, done.stderr
        found = _contents(shop)
        prepared = {name.split(" ")[0] for name in found if repr(mark) in name}
        untouched = {name: value for name, value in found.items() if name.split(" ")[0] not in prepared}
        assert untouched in (before, saved), call
        seen.add(untouched == saved)
        if untouched == saved:
            _damage(shop)
        with _client(shop) as client:
            for name in prepared:
                # As if the time had passed in which whoever has died might be alive.
                client.execute_command("SELECT", name.removeprefix("db"))
                client.delete(ALIVE)
        # The server for the proof has ended with its restore, and its folder is gone.
        await asyncio.to_thread(eventually, lambda: list(temporary.iterdir()) == [])
    assert False in seen
    assert (await _restore(shop, storage, backup, replace=True)).comparison.is_proof
    assert _contents(shop) == saved


async def test_the_password_is_in_no_process_list_and_in_no_object(storage: FolderStorage) -> None:
    with redis_server(requirepass="hunter2 #'\"$", **AT_ONCE) as server:
        with _client(server) as client:
            client.mset({f"key {number}": random.Random(number).randbytes(3000) for number in range(3000)})
        seen: list[str] = []

        def tell(step: Step) -> None:
            for kind in ("cmdline", "environ"):
                for path in Path("/proc").glob(f"[0-9]*/{kind}"):
                    with suppress(OSError):
                        if path.parent.name != str(server.pid):
                            seen.append(path.read_bytes().decode(errors="replace"))

        target = server.target("re", password=quote(server.password))
        order = Order(target, recipe=Recipe(Compression.NONE))
        backup = await take(_engine(server), _repository(storage), order, CLOCK, tell=tell)
        wanted = RestoreOrder(target, LoadRequest(replace=True))
        plan = await plan_restore(_engine(server), backup, wanted)
        await restore(_engine(server), _repository(storage), Spot(SPOT_LINE, backup.id), backup, wanted, plan, CLOCK, tell=tell)
        assert seen
        assert "hunter2" not in "".join(seen)
        assert "hunter2" not in repr((order, plan, wanted))
        for found in storage.list():
            if "/parts/" not in found.key:
                assert b"hunter2" not in storage.get(found.key)[0], found.key


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_server_that_dies_in_the_middle_is_told_and_leaves_nothing(storage: FolderStorage, version: str) -> None:
    with redis_server(version, **AT_ONCE) as server:
        with _client(server) as client:
            client.mset({f"key {number}": random.Random(number).randbytes(500_000) for number in range(120)})
        killed = threading.Event()

        def tell(step: Step) -> None:
            if step.stage is Stage.SAVING and step.plain_bytes > 4 << 20 and not killed.is_set():
                killed.set()
                server.kill()
                for child in psutil.process_iter(["cwd"]):
                    if child.info["cwd"] == str(server.folder):
                        child.kill()

        with pytest.raises((BackupError, TargetError)):
            await take(_engine(server), _repository(storage), Order(server.target("re"), proof=ProofLevel.FULL), CLOCK, tell=tell)
        assert killed.is_set()
        assert list(storage.list()) == []


async def test_a_server_that_stands_still_is_given_up(one: RedisServer) -> None:
    access = await reach(one.target("re"), ENVIRON)
    with open_wire(access, silence_seconds=0.5) as wire, one.frozen(), pytest.raises(RedisError, match="did not answer within"):
        wire.ask("PING")


async def test_a_backup_that_is_stopped_lets_go_of_the_server(one: RedisServer, storage: FolderStorage) -> None:
    with redis_server(repl_diskless_sync="yes", repl_diskless_sync_delay="600") as server:
        work = asyncio.create_task(_take(server, storage))
        await asyncio.to_thread(eventually, lambda: server.execute("INFO", "replication")["connected_slaves"] == 1)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        await asyncio.to_thread(eventually, lambda: server.execute("INFO", "replication")["connected_slaves"] == 0)
        assert list(storage.list()) == []


async def test_a_wrong_key_opens_nothing(one: RedisServer, storage: FolderStorage) -> None:
    backup = await _take(one, storage, ENCRYPTED)
    _damage(one)
    before = _contents(one)
    with pytest.raises(BackupError):
        await _restore(one, storage, backup, Keys((Secret(OTHER),)), replace=True)
    assert _contents(one) == before


@pytest.mark.parametrize("cloud", [s3, azure, google], ids=["s3", "azure", "gcs"])
async def test_backup_and_restore_by_way_of_a_cloud(cloud: Callable[[], AbstractContextManager[StorageAddress]], one: RedisServer) -> None:
    with cloud() as address:
        before = _contents(one)
        repository = Repository(open_storage(address), time.time)
        order = Order(one.target("re"), recipe=ENCRYPTED, proof=ProofLevel.FULL)
        backup = await take(_engine(one), repository, order, CLOCK)
        _damage(one)
        wanted = RestoreOrder(one.target("re"), LoadRequest(replace=True), KEYS)
        plan = await plan_restore(_engine(one), backup, wanted)
        restored = await restore(_engine(one), repository, Spot(SPOT_LINE, backup.id), backup, wanted, plan, CLOCK)
        assert restored.comparison.is_proof
        assert _contents(one) == before


def test_the_commands_save_test_and_restore_it(
    one: RedisServer, tmp_path: Path, aishell_home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (aishell_home / "config.yaml").write_text(
        f"targets: [{{name: cache, url: '{one.url()}', environment: development}}]\n"
        f"roles: [{{role: admin, users: [{getpass.getuser()}]}}]\n"
    )
    before = _contents(one)
    made = run_here(capsys, "backup", "create", "cache", "--proof", "full")
    assert made.code == 0, made.err
    tested = run_here(capsys, "backup", "test", "latest")
    assert tested.code == 0, tested.err
    _damage(one)
    refused = run_here(capsys, "backup", "restore", "latest", "--yes")
    assert refused.code == 77
    assert "--drop-existing" in refused.err
    other = run_here(capsys, "backup", "restore", "latest", "--target", "5", "--yes")
    assert other.code == 64
    assert "it holds all databases with their numbers" in other.err
    done = run_here(capsys, "backup", "restore", "latest", "--drop-existing", "--confirm", "cache")
    assert done.code == 0, done.err
    assert _contents(one) == before
