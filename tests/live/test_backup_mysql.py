"""MySQL and MariaDB: backup, damage, restore, compare on real servers."""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pymysql
import pytest

from aishell_core.errors import RefusedError, UsageError
from aishell_ops.backups.engines.contract import LoadRequest, SaveRequest
from aishell_ops.backups.errors import ToolError
from aishell_ops.backups.layout import Line, Spot
from aishell_ops.backups.models import Format, ProofLevel
from aishell_ops.backups.repository import Repository
from aishell_ops.backups.restore import RestoreOrder, plan_restore, restore
from aishell_ops.backups.storage.address import StorageAddress
from aishell_ops.backups.storage.folder import FolderStorage
from aishell_ops.backups.storage.opening import open_storage
from aishell_ops.backups.streams.contract import Keys
from aishell_ops.backups.take import Order, take
from aishell_ops.backups.verify import Depth, verify
from tests.servers.clouds import azure, google, s3
from tests.servers.mysql import MARIADB, MysqlServer, mysql
from tests.servers.mysql_backups import (
    CLOCK,
    ENVIRON,
    ODD,
    contents_of,
    damage,
    databases_of,
    engine_of,
    everything,
    folders_of,
    put_back,
    repository_in,
    save,
)
from tests.unit.aishell_ops.backups.streams.test_store_and_fetch import ENCRYPTED, KEYS

pytest_plugins = ("tests.live.backup_mysql_fixtures",)


@pytest.mark.parametrize("keys", [None, KEYS], ids=["plain", "encrypted"])
async def test_backup_damage_restore_compare(shop: MysqlServer, storage: FolderStorage, keys: Keys | None) -> None:
    before = contents_of(shop, "shop")
    backup = await save(shop, storage, ENCRYPTED if keys else None, format=Format.SQL if keys else Format.NATIVE)
    found = await verify(repository_in(storage), Spot(Line("my", "shop"), backup.id), Depth.DEEP, CLOCK, keys=keys)
    assert (found.faults, found.remarks) == ((), ())
    damage(shop)
    restored = await put_back(shop, storage, backup, keys, replace=True)
    assert restored.comparison.is_proof
    assert restored.comparison.hashed == 8
    assert contents_of(shop, "shop") == before
    assert databases_of(shop) == {"shop"}


async def test_the_manifest_tells_what_a_restore_has_to_prove(shop: MysqlServer, storage: FolderStorage) -> None:
    backup = await save(shop, storage)
    manifest = backup.manifest
    rows = {proof.name: proof.rows for proof in manifest.objects}
    expected = {"customers": 3, "orders": 300, ODD: 2, "parted": 2, "isam": 2, "remembered": 1, "uuids": 2}
    assert {name: rows[name] for name in expected} == expected
    assert {"view `dear`", "trigger `upper_note`", "function `twice`", "procedure `many`"} <= rows.keys()
    assert [part.name for part in manifest.parts] == ["database.sql.zst", "events.sql.zst"]
    assert dict(manifest.start)["file"].startswith("binlog.")
    assert manifest.tools[0].name in ("mariadb-dump", "mysqldump")
    assert manifest.source.identity or shop.binaries.version == MARIADB
    assert ("accounts and their rights", "they belong to the server and to no database") in manifest.skipped
    assert manifest.server_time is not None
    assert abs(manifest.server_time - time.time()) < 600


async def test_the_plan_warns_of_what_no_dump_holds(one: MysqlServer) -> None:
    plan = await engine_of(one).plan_save(one.target("my", database="shop"), SaveRequest())
    assert any("isam (myisam), remembered (memory) know no transactions: who writes to them waits" in words for words in plan.warnings)
    assert any(f"{ODD}.--x are of type FLOAT: the server gives six digits" in words for words in plan.warnings)


def _run_all(commands: list[str], folder: str, around: dict[str, str]) -> None:
    for command in commands:
        subprocess.run(command, shell=True, cwd=folder, env=around, check=True, capture_output=True)


async def test_the_recovery_sheet_restores_it_without_us(shop: MysqlServer, storage: FolderStorage, tmp_path: Path) -> None:
    backup = await save(shop, storage)
    before = contents_of(shop, "shop")
    sheet = (Path(backup.location) / "RECOVERY.txt").read_text()
    commands = [line.strip().split("    #")[0].replace("shop", "other") for line in sheet.splitlines() if line.startswith("     ")]
    (tmp_path / ".my.cnf").write_text(f"[client]\nuser=root\nsocket={shop.socket}\nskip-ssl\n")
    around = {**ENVIRON, "HOME": str(tmp_path)}
    around["PATH"] = ":".join([*map(str, folders_of(shop)), around["PATH"]])
    await asyncio.to_thread(_run_all, commands, backup.location, around)
    assert contents_of(shop, "other") == before


async def test_what_is_there_is_replaced_only_by_who_says_so(one: MysqlServer, storage: FolderStorage) -> None:
    backup = await save(one, storage)
    with pytest.raises(RefusedError, match="the database shop is there; --drop-existing replaces it"):
        await put_back(one, storage, backup)
    damage(one)
    plan = await plan_restore(engine_of(one), backup, RestoreOrder(one.target("my", database="shop"), LoadRequest(replace=True)))
    assert plan.losses[0].startswith("the database shop, ")
    assert plan.losses[1] == "not in the backup: late"
    assert plan.server_version[:1].isdigit()
    assert plan.needed_bytes is not None
    assert plan.free_bytes is not None
    assert plan.needed_bytes < plan.free_bytes


async def test_a_part_of_it_can_be_saved(shop: MysqlServer, storage: FolderStorage) -> None:
    backup = await save(shop, storage, tables=("shop.orders", ODD))
    assert [proof.name for proof in backup.manifest.objects] == [ODD, "orders", "trigger `upper_note`"]
    assert [part.name for part in backup.manifest.parts] == ["database.sql.zst"]
    with pytest.raises(UsageError) as caught:
        await save(shop, storage, tables=("order",))
    assert caught.value.hint == "did you mean orders?"
    with pytest.raises(UsageError) as caught:
        await engine_of(shop).plan_save(shop.target("my", database="sho"), SaveRequest(database="shopp"))
    assert "shop" in caught.value.hint


async def test_single_tables_are_put_back_among_the_others(shop: MysqlServer, storage: FolderStorage) -> None:
    before = contents_of(shop, "shop")
    backup = await save(shop, storage)
    shop.execute("DELETE FROM orders", "DROP TRIGGER upper_note", "INSERT INTO customers VALUES (9, 'new', 'new')", database="shop")
    shop.execute(f"DROP TABLE `{ODD}`", database="shop")
    now = contents_of(shop, "shop")
    with pytest.raises(RefusedError, match="the tables orders are there; --drop-existing replaces them"):
        await put_back(shop, storage, backup, tables=("orders", ODD))
    restored = await put_back(shop, storage, backup, tables=("orders", ODD), replace=True)
    assert (restored.comparison.hashed, restored.comparison.differences) == (2, ())
    after = contents_of(shop, "shop")
    back = {"orders", ODD, "definition of orders", f"definition of {ODD}", "triggers", "dear"}
    assert {name: after[name] for name in back} == {name: before[name] for name in back}
    assert {name: value for name, value in after.items() if name not in back} == {
        name: value for name, value in now.items() if name not in back
    }
    assert databases_of(shop) == {"shop"}
    with pytest.raises(pymysql.err.IntegrityError):
        shop.execute("INSERT INTO orders (customer) VALUES (77)", database="shop")
    with pytest.raises(UsageError) as caught:
        await put_back(shop, storage, backup, tables=("ordres",), replace=True)
    assert caught.value.hint == "did you mean orders?"


async def test_a_table_that_others_refer_to_is_not_taken_from_under_them(one: MysqlServer, storage: FolderStorage) -> None:
    backup = await save(one, storage)
    with pytest.raises(RefusedError, match=r"the table shop\.orders refers to customers by a foreign key"):
        await put_back(one, storage, backup, tables=("customers",), replace=True)
    one.execute("CREATE DATABASE other")
    one.execute("CREATE TABLE fans (c int, FOREIGN KEY (c) REFERENCES shop.customers (id))", database="other")
    with pytest.raises(RefusedError, match=r"the table other\.fans refers to customers"):
        await put_back(one, storage, backup, replace=True)


async def test_events_do_not_run_before_the_database_is_in_its_place(one: MysqlServer, storage: FolderStorage) -> None:
    one.execute("CREATE EVENT eats ON SCHEDULE EVERY 1 SECOND DO DELETE FROM orders LIMIT 100", database="shop")
    backup = await save(one, storage)
    restored = await put_back(one, storage, backup, database="other")
    assert restored.comparison.is_proof
    names = one.execute("SELECT event_name FROM information_schema.events WHERE event_schema = 'other' ORDER BY 1")
    assert names == [("clean",), ("eats",)]


async def test_code_that_names_its_database_is_told_when_it_gets_another_name(one: MysqlServer, storage: FolderStorage) -> None:
    one.execute("CREATE PROCEDURE knows() SELECT COUNT(*) FROM shop.orders", database="shop")
    backup = await save(one, storage)
    plan = await plan_restore(engine_of(one), backup, RestoreOrder(one.target("my"), LoadRequest(database="other")))
    assert "knows name the database shop in their code and go on meaning that one" in plan.warnings
    plan = await plan_restore(engine_of(one), backup, RestoreOrder(one.target("my"), LoadRequest(replace=True)))
    assert not any("knows" in words for words in plan.warnings)


@pytest.mark.parametrize("name", ["--help", 'o`d\' "d"\n\t;é€', "a.b", "%_x"])
async def test_odd_names_are_names(shop: MysqlServer, storage: FolderStorage, name: str) -> None:
    quoted = "`" + name.replace("`", "``") + "`"
    shop.execute(f"CREATE DATABASE {quoted}")
    shop.execute(f"CREATE TABLE {quoted} (`a b` int)", f"INSERT INTO {quoted} VALUES (1), (2)", database=name)
    order = Order(shop.target("my", database=name), proof=ProofLevel.FULL)
    backup = await take(engine_of(shop), repository_in(storage), order, CLOCK)
    shop.execute(f"DELETE FROM {quoted}", database=name)
    for request in (LoadRequest(replace=True), LoadRequest(replace=True, tables=(name,))):
        wanted = RestoreOrder(shop.target("my", database=name), request)
        plan = await plan_restore(engine_of(shop), backup, wanted)
        spot = Spot(Line("my", name), backup.id)
        restored = await restore(engine_of(shop), repository_in(storage), spot, backup, wanted, plan, CLOCK)
        assert restored.comparison.is_proof
        assert shop.execute(f"SELECT * FROM {quoted} ORDER BY 1", database=name) == [(1,), (2,)]


async def test_a_test_restore_has_a_server_of_its_own(shop: MysqlServer, storage: FolderStorage) -> None:
    backup, engine = await save(shop, storage), engine_of(shop)
    async with engine.scratch(shop.target("my", database="shop"), backup.manifest) as place:
        order = RestoreOrder(place, LoadRequest(database=place.location.database))
        plan = await plan_restore(engine, backup, order)
        restored = await restore(engine, repository_in(storage), Spot(Line("my", "shop"), backup.id), backup, order, plan, CLOCK)
        assert restored.comparison.is_proof
        socket = Path(str(place.location.option("socket")))
        assert await asyncio.to_thread(socket.is_socket)
    assert not await asyncio.to_thread(socket.parent.exists)
    assert databases_of(shop) == {"shop"}


async def test_mariadbs_program_does_not_save_what_it_would_lose_of_mysql(storage: FolderStorage) -> None:
    with mysql("mysql-8.0") as server:
        server.execute("CREATE DATABASE shop", "CREATE TABLE shop.t (a int, b int AS (a + 1))", "CREATE TABLE shop.u (a int)")
        with pytest.raises(ToolError, match="does not save generated and invisible columns of MySQL rightly, as t have them") as caught:
            await save(server, storage)
        assert "install mysqldump of MySQL" in caught.value.hint
        assert (await save(server, storage, tables=("u",))).manifest.tables == ("u",)


async def test_a_backup_goes_to_a_newer_server_and_to_no_older_or_other_one(storage: FolderStorage) -> None:
    with mysql(MARIADB) as old, mysql("mariadb-11.4") as new, mysql("mysql-8.0") as other:
        for server in (old, new):
            server.execute("CREATE DATABASE shop")
            server.execute(*everything(server), database="shop")
        backup = await save(old, storage)
        restored = await put_back(new, storage, backup, replace=True)
        assert restored.comparison.is_proof
        with pytest.raises(RefusedError, match=r"the backup is of MariaDB 10\.11\.\d+, and this server is MySQL 8"):
            await put_back(other, storage, backup)
        later = FolderStorage(storage.root / "later")
        backup = await save(new, later)
        with pytest.raises(RefusedError, match=r"the backup is of MariaDB 11\.4\.5, and this server is older"):
            await put_back(old, later, backup, replace=True)


@pytest.mark.parametrize("cloud", [s3, azure, google], ids=["s3", "azure", "gcs"])
async def test_backup_and_restore_by_way_of_a_cloud(cloud: Callable[[], AbstractContextManager[StorageAddress]]) -> None:
    with mysql(MARIADB) as server, cloud() as address:
        server.execute("CREATE DATABASE shop")
        server.execute(*everything(server), database="shop")
        before = contents_of(server, "shop")
        repository = Repository(open_storage(address), time.time)
        order = Order(server.target("my", database="shop"), recipe=ENCRYPTED, proof=ProofLevel.FULL)
        backup = await take(engine_of(server), repository, order, CLOCK)
        damage(server)
        wanted = RestoreOrder(server.target("my", database="shop"), LoadRequest(replace=True), KEYS)
        plan = await plan_restore(engine_of(server), backup, wanted)
        restored = await restore(engine_of(server), repository, Spot(Line("my", "shop"), backup.id), backup, wanted, plan, CLOCK)
        assert restored.comparison.is_proof
        assert contents_of(server, "shop") == before
