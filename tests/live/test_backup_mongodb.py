"""MongoDB on FerretDB: backup, damage, restore, compare; parts of it, odd names, writers, storages, recovery without us."""

from __future__ import annotations

import asyncio
import datetime as dt
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bson
import pytest
from bson.binary import Binary
from bson.timestamp import Timestamp

from aishell_core.errors import RefusedError, UsageError
from aishell_core.targets import Target
from aishell_ops.backups.drill import drill
from aishell_ops.backups.errors import BackupError, DamagedError
from aishell_ops.backups.models import BackupState, Compression, Format
from aishell_ops.backups.storage.folder import FolderStorage
from aishell_ops.backups.storage.opening import open_storage
from aishell_ops.backups.streams.contract import Keys, Recipe
from aishell_ops.backups.verify import Depth, verify
from tests.live.backup_mongodb_kit import (
    CLOCK,
    ODD,
    contents,
    damage,
    databases,
    engine,
    fill,
    names,
    planned,
    repository,
    restored,
    spot,
    taken,
)
from tests.servers.clouds import azure, google, s3
from tests.servers.mongodb_ferretdb import FerretServer, ferretdb
from tests.servers.sqlite_client import eventually
from tests.unit.aishell_ops.backups.streams.test_store_and_fetch import ENCRYPTED, KEYS


@pytest.fixture(scope="module")
def server() -> Iterator[FerretServer]:
    with ferretdb() as found:
        yield found


@pytest.fixture
def shop(server: FerretServer) -> Target:
    fill(server)
    return server.target(database="shop")


@pytest.fixture
def storage(tmp_path: Path) -> FolderStorage:
    return FolderStorage(tmp_path / "backups")


@pytest.mark.parametrize("keys", [None, KEYS], ids=["plain", "encrypted"])
async def test_backup_damage_restore_compare(server: FerretServer, shop: Target, storage: FolderStorage, keys: Keys | None) -> None:
    before = contents(server)
    backup = await taken(shop, storage, ENCRYPTED if keys else None, format=Format.JSON if keys else Format.NATIVE)
    found = await verify(repository(storage), spot(shop, backup), Depth.DEEP, CLOCK, keys=keys)
    assert (found.faults, found.remarks) == ((), ())
    damage(server)
    assert contents(server) != before
    done = await restored(shop, storage, backup, keys, replace=True)
    assert done.comparison.is_proof
    assert done.comparison.hashed == 5
    assert contents(server) == before
    assert databases(server) == {"shop"}


@pytest.mark.parametrize("cloud", [s3, azure, google])
async def test_backup_damage_restore_compare_in_a_cloud(server: FerretServer, shop: Target, cloud: Any) -> None:
    before = contents(server)
    with cloud() as address:
        storage = open_storage(address)
        backup = await taken(shop, storage, ENCRYPTED)
        damage(server)
        assert (await restored(shop, storage, backup, KEYS, replace=True)).comparison.is_proof
    assert contents(server) == before


async def test_the_manifest_tells_what_a_restore_has_to_prove_and_what_is_no_moment(shop: Target, storage: FolderStorage) -> None:
    manifest = (await taken(shop, storage)).manifest
    assert {proof.name: proof.rows for proof in manifest.objects} == {"orders": 1500, "customers": 2, ODD: 1, "empty": 0, "capped": 5}
    assert all(proof.content_hash and proof.definition_hash for proof in manifest.objects)
    assert manifest.parts[0].name == "definitions.json.zst"
    assert {part.name for part in manifest.parts} >= {"orders.json.zst", "empty.json.zst"}
    assert manifest.method == "mongodb_export"
    reasons = dict(manifest.skipped)
    assert reasons["one moment"] == "each collection shows its own, because this server is no member of a replica set"
    assert "users and roles" in reasons
    assert manifest.server_time is not None


EDGES: dict[str, object] = {
    "identifier": bson.ObjectId(b"\xff" * 12),
    "int": -(2**31),
    "long": 2**63 - 1,
    "small long": bson.Int64(5),
    "double": 1e-300,
    "whole double": 3.0,
    "text": '"\\\n\0\u2028é😀',
    "empty": "",
    "binary": b"\0\xff",
    "uuid": Binary(b"0123456789abcdef", 4),
    "own binary": Binary(b"x", 128),
    "old date": dt.datetime(1, 1, 1, tzinfo=dt.UTC),
    "far date": dt.datetime(9999, 12, 31, 23, 59, 59, 999_000, tzinfo=dt.UTC),
    "timestamp": Timestamp(2**32 - 1, 0),
    "regular": bson.Regex("^a/\\d", "im"),
    "nothing": None,
    "false": False,
    "inside": {"b": {"": [{"a": 1}, {}]}, "a": []},
}


async def test_every_type_of_the_server_comes_back_as_it_was(server: FerretServer, shop: Target, storage: FolderStorage) -> None:
    server.ask({"insert": "types", "documents": [{"_id": name, "v": value} for name, value in EDGES.items()]}, "shop")
    ids = [{"_id": one} for one in (None, b"x", {"a": 1, "b": 2}, 1.5, dt.datetime(2000, 1, 1, tzinfo=dt.UTC), bson.ObjectId())]
    server.ask({"insert": "ids", "documents": ids}, "shop")
    before = contents(server)
    backup = await taken(shop, storage, Recipe(Compression.NONE))
    server.ask({"drop": "types"}, "shop")
    assert (await restored(shop, storage, backup, replace=True)).comparison.is_proof
    assert contents(server) == before


async def test_another_name_and_a_test_restore_leave_the_old_one_alone(server: FerretServer, shop: Target, storage: FolderStorage) -> None:
    backup = await taken(shop, storage)
    before = contents(server)
    server.ask({"insert": "since", "documents": [{"_id": 1}]}, "shop")
    done = await restored(shop, storage, backup, database="other-one")
    assert done.database == "other-one"
    assert contents(server, "other-one") == before
    assert "since" in names(server)
    tested = await drill(engine(), repository(storage), spot(shop, backup), shop, CLOCK)
    assert tested.proves
    assert tested.backup.state is BackupState.TESTED
    assert databases(server) == {"shop", "other-one"}


async def test_what_is_there_is_replaced_only_by_who_says_so(server: FerretServer, shop: Target, storage: FolderStorage) -> None:
    backup = await taken(shop, storage)
    with pytest.raises(RefusedError, match="the database shop is there; --drop-existing replaces it"):
        await restored(shop, storage, backup)
    damage(server)
    plan = await planned(shop, backup, replace=True)
    assert plan.obstacles == ()
    assert "shop.orders, 1000 documents" in plan.losses
    assert "not in the backup: late" in plan.losses
    assert any("does not show one moment" in words for words in plan.warnings)
    with pytest.raises(UsageError, match="admin is a database of the server's own"):
        await planned(shop, backup, database="admin")
    with pytest.raises(UsageError, match="cannot be the name of a database"):
        await planned(shop, backup, database="a.b")
    assert (await planned(shop, backup, database="SHOP")).obstacles == (
        "there is a database shop, and names that differ in case alone cannot be there both",
    )


async def test_a_part_of_it_can_be_saved(shop: Target, storage: FolderStorage) -> None:
    backup = await taken(shop, storage, tables=("shop.orders", ODD))
    assert [proof.name for proof in backup.manifest.objects] == [ODD, "orders"]
    with pytest.raises(UsageError) as caught:
        await taken(shop, storage, tables=("ordres",))
    assert caught.value.hint == "did you mean orders?"
    with pytest.raises(UsageError) as caught:
        await taken(shop, storage, database="shopp")
    assert caught.value.hint == "did you mean shop?"
    with pytest.raises(UsageError, match="cannot be saved as csv"):
        await taken(shop, storage, format=Format.CSV)
    with pytest.raises(UsageError, match="config is a database of the server's own"):
        await taken(shop, storage, database="config")


async def test_without_a_database_those_that_are_there_are_named(server: FerretServer, shop: Target, storage: FolderStorage) -> None:
    with pytest.raises(UsageError, match="no database is named") as caught:
        await taken(server.target(), storage)
    assert caught.value.hint == "name one: shop"


async def test_single_collections_are_put_back_among_the_others(server: FerretServer, shop: Target, storage: FolderStorage) -> None:
    before = contents(server)
    backup = await taken(shop, storage)
    damage(server)
    server.ask({"insert": "empty", "documents": [{"_id": 1}]}, "shop")
    now = contents(server)
    with pytest.raises(RefusedError, match="the collections orders are there; --drop-existing replaces them"):
        await restored(shop, storage, backup, tables=("orders", "customers"))
    done = await restored(shop, storage, backup, tables=("orders", "customers"), replace=True)
    assert (done.comparison.hashed, done.comparison.differences) == (2, ())
    assert contents(server) == {**now, "orders": before["orders"], "customers": before["customers"]}
    with pytest.raises(UsageError) as caught:
        await planned(shop, backup, tables=("order",))
    assert caught.value.hint == "did you mean orders?"


async def test_counts_and_hashes_are_those_of_what_was_saved_beside_writers(
    server: FerretServer, shop: Target, storage: FolderStorage
) -> None:
    ended, written = threading.Event(), [0]

    def write() -> None:
        while not ended.is_set():
            server.ask({"insert": "orders", "documents": [{"_id": f"w{written[0]}", "price": f"w{written[0]}"}]}, "shop")
            written[0] += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        await asyncio.to_thread(eventually, lambda: written[0] > 3)
        backup = await taken(shop, storage)
    finally:
        ended.set()
        writer.join()
    rows = {proof.name: proof.rows for proof in backup.manifest.objects}["orders"]
    assert rows is not None
    assert 1500 < rows <= 1500 + written[0]
    assert (await restored(shop, storage, backup, database="other")).comparison.is_proof
    assert server.ask({"count": "orders"}, "other")["n"] == rows


def _expect_program(name: str) -> None:
    """What stands in the sheet is tried where its programs are."""
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")


def _commands(location: str) -> list[str]:
    sheet = (Path(location) / "RECOVERY.txt").read_text()
    return [line.strip().split("    #")[0] for line in sheet.splitlines() if line.startswith("     ")]


@pytest.mark.parametrize("keys", [None, KEYS], ids=["plain", "encrypted"])
async def test_the_recovery_sheet_restores_it_without_us(
    server: FerretServer, shop: Target, storage: FolderStorage, keys: Keys | None
) -> None:
    if keys is not None:
        _expect_program("age")
    backup = await taken(shop, storage, ENCRYPTED if keys else None)
    before = contents(server)
    if keys is not None:
        (Path(backup.location) / "key.txt").write_text(keys.identities[0].reveal() + "\n")
    lines = [line for line in _commands(backup.location) if line.split()[0] in {"echo", "zstd", "age", "python3"}]
    assert len(lines) == 2 * len(backup.manifest.parts) + 1
    script = lines.pop().replace("python3", sys.executable).replace("mongodb://localhost shop", f"{server.url()} recovered")
    for command in (*lines, script):
        await asyncio.to_thread(subprocess.run, command, shell=True, cwd=backup.location, check=True, capture_output=True)
    assert contents(server, "recovered") == before


async def test_the_lines_are_json_that_other_programs_read(shop: Target, storage: FolderStorage) -> None:
    _expect_program("jq")
    backup = await taken(shop, storage)
    command = "zstd -dc parts/orders.json.zst | jq -r 'select(.city == \"A\") | .price | to_entries[0].key' | sort | uniq -c"
    done = await asyncio.to_thread(subprocess.run, command, shell=True, cwd=backup.location, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["500", "$numberDouble"]


@pytest.mark.parametrize("how", ["truncated", "flipped", "swapped"])
async def test_a_damaged_part_is_named_and_nothing_is_replaced(
    server: FerretServer, shop: Target, storage: FolderStorage, how: str
) -> None:
    backup = await taken(shop, storage)
    part, other = (Path(backup.location) / "parts" / f"{name}.json.zst" for name in ("orders", "customers"))
    content = part.read_bytes()
    if how == "swapped":
        part.write_bytes(other.read_bytes())
        other.write_bytes(content)
    else:
        part.write_bytes(content[:-9] if how == "truncated" else content[:500] + bytes((content[500] ^ 1,)) + content[501:])
    before = contents(server)
    with pytest.raises(DamagedError, match=r"orders\.json\.zst|customers\.json\.zst"):
        await restored(shop, storage, backup, replace=True)
    assert contents(server) == before
    found = await verify(repository(storage), spot(shop, backup), Depth.DEEP, CLOCK)
    assert any("orders.json.zst" in fault for fault in found.faults)


async def test_a_wrong_key_opens_nothing_and_nothing_is_replaced(server: FerretServer, shop: Target, storage: FolderStorage) -> None:
    import pyrage

    from aishell_core.targets import Secret

    backup = await taken(shop, storage, ENCRYPTED)
    before = contents(server)
    wrong = Keys((Secret(str(pyrage.x25519.Identity.generate())),))
    for keys in (wrong, None):
        with pytest.raises(BackupError):
            await restored(shop, storage, backup, keys, replace=True)
    assert contents(server) == before
