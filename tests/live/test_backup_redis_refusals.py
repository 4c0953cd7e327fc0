"""Redis and Valkey: what cannot be saved, or not be restored there, is refused in words before anything happens."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from aishell_core.engines.redis_errors import RedisError
from aishell_core.errors import RefusedError, TargetError, UsageError
from aishell_core.values import FailureCode
from aishell_ops.backups.engines.contract import LoadRequest, SaveRequest
from aishell_ops.backups.engines.redis import RedisBackups
from aishell_ops.backups.engines.redis_staging import ALIVE, MARK
from aishell_ops.backups.errors import BackupError, BusyError, ToolError
from aishell_ops.backups.layout import Spot
from aishell_ops.backups.models import Format, ProofLevel
from aishell_ops.backups.restore import RestoreOrder, plan_restore, restore
from aishell_ops.backups.storage.folder import FolderStorage
from aishell_ops.backups.take import Order, take
from tests.servers.redis import VERSIONS, RedisServer, redis_server, require_redis
from tests.servers.redis_backups import (
    AT_ONCE,
    CLOCK,
    LIBRARY,
    SPOT_LINE,
    client_of,
    contents_of,
    damage,
    engine_of,
    filled,
    plan_for,
    put_back,
    repository_in,
    save,
)


@pytest.fixture(scope="module")
def debian() -> Iterator[RedisServer]:
    with redis_server(**AT_ONCE) as found:
        yield found


@pytest.fixture
def one(debian: RedisServer) -> RedisServer:
    """The same on one server, for what is of no version."""
    return filled(debian)


@pytest.fixture
def storage(tmp_path: Path) -> FolderStorage:
    return FolderStorage(tmp_path / "backups")


async def test_what_is_there_is_replaced_only_by_who_says_so(one: RedisServer, storage: FolderStorage) -> None:
    backup = await save(one, storage)
    with pytest.raises(RefusedError, match=r"this server holds \d+ keys in 3 databases; --drop-existing replaces all of it"):
        await put_back(one, storage, backup)
    damage(one)
    plan = await plan_for(one, backup, replace=True)
    assert plan.losses[-2] == "database 11, 1 keys (1 were there when it was saved)"
    assert plan.losses[1] == "database 5, 1 keys (0 were there when it was saved)"
    assert plan.losses[-1] == "2 libraries of functions"
    assert plan.writes == ("database 0", "database 3", "database 11")
    assert plan.tools[0].name == "redis-server"
    assert plan.needed_bytes is not None
    assert plan.free_bytes is not None


async def test_functions_alone_are_something_too(storage: FolderStorage) -> None:
    with redis_server(**AT_ONCE) as server:
        backup = await save(server, storage)
        assert [(proof.name, proof.rows) for proof in backup.manifest.objects] == [("keys", 0)]
        server.execute("FUNCTION", "LOAD", LIBRARY)
        with pytest.raises(RefusedError, match="this server holds 1 libraries of functions"):
            await put_back(server, storage, backup)
        assert (await put_back(server, storage, backup, replace=True)).comparison.is_proof
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
        await engine_of(one).plan_save(one.target("re"), request_)
    assert caught.value.hint


async def test_a_snapshot_goes_into_no_other_database_and_not_in_part(one: RedisServer, storage: FolderStorage) -> None:
    backup = await save(one, storage)
    with pytest.raises(UsageError, match="cannot be restored into database 5: it holds all databases with their numbers"):
        await plan_for(one, backup, database="5")
    with pytest.raises(UsageError, match="a part of a Redis backup cannot be restored"):
        await plan_for(one, backup, tables=("a",))


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_user_without_rights_is_told_the_statement_that_gives_them(storage: FolderStorage, version: str) -> None:
    """With exactly what the two statements give, a backup and a restore are done."""
    with redis_server(version, **AT_ONCE) as server:
        filled(server)
        before = contents_of(server)
        server.execute("ACL", "SETUSER", "keeper", "on", ">s3cret", "+info")
        target = server.target("re", user="keeper", password="s3cret")
        with pytest.raises(RedisError, match="user keeper may not do this") as caught:
            await take(engine_of(server), repository_in(storage), Order(target), CLOCK)
        assert caught.value.reason is FailureCode.PRIVILEGE
        assert caught.value.hint == "ACL SETUSER keeper +psync +replconf"
        assert list(storage.list()) == []
        server.execute(*caught.value.hint.split(" "))
        backup = await take(engine_of(server), repository_in(storage), Order(target, proof=ProofLevel.FULL), CLOCK)
        damage(server)
        order = RestoreOrder(target, LoadRequest(replace=True))
        (obstacle,) = (await plan_restore(engine_of(server), backup, order)).obstacles
        words = obstacle.removeprefix("this user may not restore: ")
        assert words.startswith("ACL SETUSER keeper ")
        server.execute(*words.split(" "))
        restored = await put_back(server, storage, backup, target=target, replace=True)
        assert restored.comparison.is_proof
        assert contents_of(server) == before


async def test_a_server_that_gives_no_replication_is_told_as_such(storage: FolderStorage) -> None:
    for command in ("PSYNC", "REPLCONF"):
        with redis_server(rename_command=f"{command} ") as server:
            with pytest.raises(TargetError, match="gives its data to no replica of ours") as caught:
                await save(server, storage)
            assert caught.value.reason is FailureCode.UNSUPPORTED
            assert "provider's own snapshots" in caught.value.hint


async def test_a_server_without_a_command_that_a_restore_needs_is_refused(one: RedisServer, storage: FolderStorage) -> None:
    backup = await save(one, storage)
    with redis_server(rename_command="SWAPDB ", **AT_ONCE) as server:
        plan = await plan_for(server, backup)
        assert plan.obstacles == ("this server lets nobody run swapdb, without which nothing is exchanged in one step",)


async def test_a_server_without_room_for_old_and_new_is_refused(one: RedisServer, storage: FolderStorage) -> None:
    one.execute("SET", "big", random.Random(2).randbytes(8_000_000))
    backup = await save(one, storage)
    with redis_server(maxmemory="6mb", maxmemory_policy="allkeys-lru", **AT_ONCE) as small:
        small.execute("SET", "old", "1")
        plan = await plan_for(small, backup, replace=True)
        assert plan.obstacles[0].startswith("maxmemory of this server is ")
        assert any("this server evicts keys" in words for words in plan.warnings)


async def test_a_server_that_evicts_meanwhile_is_given_up(one: RedisServer, storage: FolderStorage) -> None:
    """Its memory is made smaller after the restore was planned."""
    with client_of(one) as client:
        client.mset({f"key {number}": random.Random(number).randbytes(2000) for number in range(2000)})
    backup = await save(one, storage)
    with redis_server(**AT_ONCE) as small:
        small.execute("SET", "old", "1")
        engine, order = engine_of(one), RestoreOrder(small.target("re"), LoadRequest(replace=True))
        plan = await plan_restore(engine, backup, order)
        small.execute("CONFIG", "SET", "maxmemory-policy", "allkeys-random")
        small.execute("CONFIG", "SET", "maxmemory", "3mb")
        with pytest.raises(BackupError):
            await restore(engine, repository_in(storage), Spot(SPOT_LINE, backup.id), backup, order, plan, CLOCK)
        assert set(small.execute("INFO", "keyspace")) <= {"db0"}


async def test_databases_must_be_there_and_some_must_be_free(storage: FolderStorage) -> None:
    with redis_server(databases="40", **AT_ONCE) as many:
        many.execute("SET", "a", "1")
        with client_of(many) as client:
            client.execute_command("SELECT", 30)
            client.execute_command("SET", "b", "1")
        backup = await save(many, storage)
        with redis_server(**AT_ONCE) as few:
            plan = await plan_for(few, backup)
            assert plan.obstacles == ("the backup has a database 30, and this server has 16 (databases in its configuration)",)
        many.execute("FLUSHALL")
        many.execute("SET", "a", "1")
        backup = await save(many, FolderStorage(storage.root / "one"))
    with redis_server(databases="1", **AT_ONCE) as single:
        assert (await put_back(single, FolderStorage(storage.root / "one"), backup)).comparison.is_proof
        assert single.execute("KEYS", "*") == [b"a"]
        plan = await plan_for(single, backup, replace=True)
        assert plan.obstacles[0].startswith("1 empty databases are needed to prepare the restore")


async def test_a_backup_goes_to_a_newer_server_and_to_no_older_or_foreign_one(storage: FolderStorage) -> None:
    with redis_server("6", **AT_ONCE) as old, redis_server("8", **AT_ONCE) as new, redis_server("valkey-9", **AT_ONCE) as valkey:
        filled(old)
        backup = await save(old, storage)
        for newer in (new, valkey):
            assert (await put_back(newer, storage, backup)).comparison.is_proof
            assert newer.execute("GET", "string 1") == b"0"
        later = FolderStorage(storage.root / "later")
        backup = await save(filled(new), later)
        for other, words in ((old, "Redis 6"), (valkey, "Valkey 9")):
            plan = await plan_restore(engine_of(new), backup, RestoreOrder(other.target("re"), LoadRequest(replace=True)))
            assert plan.obstacles[0].startswith("the backup is of Redis 8")
            assert f"{words}." in plan.obstacles[0]
            assert plan.obstacles[0].endswith("does not read it")


async def test_a_server_for_the_proof_that_is_missing_or_too_old_is_told(storage: FolderStorage) -> None:
    with redis_server("8", **AT_ONCE) as server:
        backup = await save(server, storage)
        engine = RedisBackups({"PATH": ""}, [require_redis("6").parent])
        with pytest.raises(ToolError, match=r"a server of Redis 8\.6 or newer is needed here") as caught:
            await plan_restore(engine, backup, RestoreOrder(server.target("re")))
        assert "Redis 6.2.14" in caught.value.message
        assert "which does not read it" in caught.value.message
        assert caught.value.hint.startswith("install redis-server (Debian)")


async def test_modules_of_the_backup_must_be_in_the_server(storage: FolderStorage) -> None:
    with redis_server("8", **AT_ONCE) as server:
        backup = await save(filled(server), storage)
        properties = tuple((name, value.replace("vectorset", "lacking")) for name, value in backup.manifest.annotations)
        other = replace(backup, manifest=replace(backup.manifest, annotations=properties))
        plan = await plan_for(server, other, replace=True)
        assert plan.obstacles[0].startswith("the backup holds values of modules (")
        assert plan.obstacles[0].endswith("and this server lacks lacking")
        assert json.loads(dict(backup.manifest.annotations)["modules"]) == ["vectorset"]


async def test_two_restores_into_one_server_do_not_meet(one: RedisServer, storage: FolderStorage) -> None:
    backup = await save(one, storage)
    before = contents_of(one)
    with client_of(one) as client:
        client.execute_command("SELECT", 15)
        client.mset({MARK: "1", ALIVE: "1"})
        plan = await plan_for(one, backup, replace=True)
        assert plan.obstacles == ("another restore into this server is under way, in database 15; where it died, wait two minutes",)
        assert not any("database 15" in loss for loss in plan.losses)
        with pytest.raises(BusyError, match="another restore into this server is under way"):
            async with engine_of(one).loading(one.target("re"), backup.manifest, plan):
                raise AssertionError
        client.delete(ALIVE)
        plan = await plan_for(one, backup, replace=True)
        assert plan.obstacles == ()
        assert plan.warnings == ("an earlier restore was interrupted: what it has left in database 15 is removed",)
    await put_back(one, storage, backup, replace=True)
    assert contents_of(one) == before
