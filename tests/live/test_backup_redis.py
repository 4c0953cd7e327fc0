"""Redis and Valkey: backup, damage, restore, compare on real servers, beside writers, by way of clouds."""

from __future__ import annotations

import asyncio
import getpass
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any

import pytest
import redis

from aishell_ops.backups.drill import drill
from aishell_ops.backups.engines.contract import LoadRequest
from aishell_ops.backups.layout import Spot
from aishell_ops.backups.models import ProofLevel
from aishell_ops.backups.repository import Repository
from aishell_ops.backups.restore import RestoreOrder, plan_restore, restore
from aishell_ops.backups.storage.address import StorageAddress
from aishell_ops.backups.storage.folder import FolderStorage
from aishell_ops.backups.storage.opening import open_storage
from aishell_ops.backups.streams.contract import Keys
from aishell_ops.backups.take import Order, take
from aishell_ops.backups.verify import Depth, verify
from tests.command_line import run_here
from tests.processes import children
from tests.servers.clouds import azure, google, s3
from tests.servers.redis import VERSIONS, RedisServer, redis_server
from tests.servers.redis_backups import (
    AT_ONCE,
    CLOCK,
    ENVIRON,
    ODD,
    SPOT_LINE,
    client_of,
    contents_of,
    damage,
    engine_of,
    filled,
    put_back,
    release_of,
    repository_in,
    save,
)
from tests.servers.sqlite_client import eventually
from tests.unit.aishell_ops.backups.streams.test_store_and_fetch import ENCRYPTED, KEYS


@pytest.fixture(scope="module", params=VERSIONS)
def server(request: pytest.FixtureRequest) -> Iterator[RedisServer]:
    with redis_server(request.param, **AT_ONCE) as found:
        yield found


@pytest.fixture
def shop(server: RedisServer) -> RedisServer:
    """A server with a key of every kind."""
    return filled(server)


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


@pytest.mark.parametrize("keys", [None, KEYS], ids=["plain", "encrypted"])
async def test_backup_damage_restore_compare(shop: RedisServer, storage: FolderStorage, keys: Keys | None) -> None:
    before = contents_of(shop)
    backup = await save(shop, storage, ENCRYPTED if keys else None)
    found = await verify(repository_in(storage), Spot(SPOT_LINE, backup.id), Depth.DEEP, CLOCK, keys=keys)
    assert (found.faults, found.remarks) == ((), ())
    damage(shop)
    assert contents_of(shop) != before
    restored = await put_back(shop, storage, backup, keys, replace=True)
    assert restored.comparison.is_proof
    assert restored.comparison.hashed >= 8
    assert contents_of(shop) == before
    again = await save(shop, FolderStorage(storage.root / "again"))
    assert again.manifest.objects == backup.manifest.objects


async def test_the_manifest_tells_what_a_restore_has_to_prove(shop: RedisServer, storage: FolderStorage) -> None:
    backup = await save(shop, storage)
    manifest = backup.manifest
    rows = {proof.name: proof.rows for proof in manifest.objects}
    assert rows["db0 string"] == 12 + len(ODD)
    expected = {"db0 list": 2, "db0 set": 3, "db0 stream": 2, "db3 string": 1, "db11 hash": 1, "db0 expiring": 2}
    assert {name: rows[name] for name in expected} == expected
    family, major = release_of(shop)
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
        filled(server)
        backup = await save(server, storage)
        assert (await put_back(server, storage, backup, replace=True)).comparison.is_proof


async def test_many_keys_while_they_change_show_one_moment(one: RedisServer, storage: FolderStorage) -> None:
    """While money moves between two keys, their sum in the backup is what it always was."""
    one.execute("MSET", "from", 1_000_000, "to", 0)
    with client_of(one) as client:
        for begin in range(0, 60_000, 1000):
            client.mset({f"filler {number}": "x" * 50 for number in range(begin, begin + 1000)})
    ended, moved = threading.Event(), []

    def move() -> None:
        with client_of(one) as client:
            while not ended.is_set():
                client.transaction(lambda both: (both.decr("from"), both.incr("to")))
                moved.append(1)

    threads = [threading.Thread(target=move) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        eventually(lambda: len(moved) > 5)
        backup = await save(one, storage)
    finally:
        ended.set()
        for thread in threads:
            thread.join()
    with redis_server(**AT_ONCE) as other:
        restored = await put_back(one, storage, backup, target=other.target("re"))
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
    backup = await save(shop, storage)
    rows = {proof.name: proof.rows for proof in backup.manifest.objects}
    assert rows["db0 expiring"] == 3
    await asyncio.to_thread(eventually, lambda: not shop.execute("EXISTS", "brief"))
    await asyncio.to_thread(eventually, lambda: not with_fields or shop.execute("HLEN", "short fields") == 2)
    restored = await put_back(shop, storage, backup, replace=True)
    assert restored.comparison.is_proof
    assert not shop.execute("EXISTS", "brief")
    assert shop.execute("EXISTS", "later")
    assert not with_fields or sorted(shop.execute("HKEYS", "short fields")) == [b"goes", b"stays"]


async def test_a_test_restore_has_a_server_of_its_own(shop: RedisServer, storage: FolderStorage) -> None:
    backup = await save(shop, storage)
    before = contents_of(shop)
    shop.execute("SET", "new", "new")
    done = await drill(engine_of(shop), repository_in(storage), Spot(SPOT_LINE, backup.id), shop.target("re"), CLOCK)
    assert done.proves
    assert done.comparison.hashed >= 8
    shop.execute("DEL", "new")
    assert contents_of(shop) == before
    assert [mark.command for mark in children() if "server.conf" in mark.command or "keeper" in mark.command] == []


@pytest.mark.parametrize("settings", [{"appendonly": "yes"}, {"save": "3600 1"}, {"appendonly": "yes", "save": "3600 1"}])
@pytest.mark.parametrize("version", VERSIONS)
async def test_a_restart_after_the_restore_brings_the_restored_back(storage: FolderStorage, version: str, settings: dict[str, Any]) -> None:
    """A snapshot that is put beside a log of changes is ignored by the server: here the log has the restore too."""
    with redis_server(version, **settings, **AT_ONCE) as server:
        filled(server)
        before = contents_of(server)
        backup = await save(server, storage)
        damage(server)
        if "save" in settings:
            # The oldest server does not take it from its arguments.
            server.execute("CONFIG", "SET", "save", settings["save"])
        if "appendonly" not in settings:
            await asyncio.to_thread(eventually, lambda: _is_saved(server))
        await put_back(server, storage, backup, replace=True)
        server.kill()
        server.start()
        assert contents_of(server) == before


def _is_saved(server: RedisServer) -> bool:
    """Whether it has been brought to the disk: the server refuses while its own snapshot for a replica is not over."""
    with client_of(server) as client:
        try:
            return bool(client.save())
        except redis.ResponseError as error:
            if "in progress" not in str(error):
                raise
            return False


async def test_the_recovery_sheet_restores_it_without_us(shop: RedisServer, storage: FolderStorage, tmp_path: Path) -> None:
    backup = await save(shop, storage)
    before = contents_of(shop)
    sheet = (Path(backup.location) / "RECOVERY.txt").read_text()
    commands = [line.strip().split("    #")[0] for line in sheet.splitlines() if line.startswith("     ")]
    family, _ = release_of(shop)
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
        assert contents_of(restored) == before
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


@pytest.mark.parametrize("cloud", [s3, azure, google], ids=["s3", "azure", "gcs"])
async def test_backup_and_restore_by_way_of_a_cloud(cloud: Callable[[], AbstractContextManager[StorageAddress]], one: RedisServer) -> None:
    with cloud() as address:
        before = contents_of(one)
        repository = Repository(open_storage(address), time.time)
        order = Order(one.target("re"), recipe=ENCRYPTED, proof=ProofLevel.FULL)
        backup = await take(engine_of(one), repository, order, CLOCK)
        damage(one)
        wanted = RestoreOrder(one.target("re"), LoadRequest(replace=True), KEYS)
        plan = await plan_restore(engine_of(one), backup, wanted)
        restored = await restore(engine_of(one), repository, Spot(SPOT_LINE, backup.id), backup, wanted, plan, CLOCK)
        assert restored.comparison.is_proof
        assert contents_of(one) == before


def test_the_commands_save_test_and_restore_it(
    one: RedisServer, tmp_path: Path, aishell_home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (aishell_home / "config.yaml").write_text(
        f"targets: [{{name: cache, url: '{one.url()}', environment: development}}]\n"
        f"roles: [{{role: admin, users: [{getpass.getuser()}]}}]\n"
    )
    before = contents_of(one)
    made = run_here(capsys, "backup", "create", "cache", "--proof", "full")
    assert made.code == 0, made.err
    tested = run_here(capsys, "backup", "test", "latest")
    assert tested.code == 0, tested.err
    damage(one)
    refused = run_here(capsys, "backup", "restore", "latest", "--yes")
    assert refused.code == 77
    assert "--drop-existing" in refused.err
    other = run_here(capsys, "backup", "restore", "latest", "--target", "5", "--yes")
    assert other.code == 64
    assert "it holds all databases with their numbers" in other.err
    done = run_here(capsys, "backup", "restore", "latest", "--drop-existing", "--confirm", "cache")
    assert done.code == 0, done.err
    assert contents_of(one) == before
