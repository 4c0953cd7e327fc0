"""MySQL and MariaDB: what an account may do, one moment for dump and counts, and a password that nobody sees."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from aishell_core.errors import TargetError, UsageError
from aishell_ops.backups.engines.contract import LoadRequest, SaveRequest
from aishell_ops.backups.errors import BackupError
from aishell_ops.backups.layout import Line, Spot
from aishell_ops.backups.models import Backup, Compression, ProofLevel
from aishell_ops.backups.progress import Step
from aishell_ops.backups.restore import RestoreOrder, plan_restore, restore
from aishell_ops.backups.storage.folder import FolderStorage
from aishell_ops.backups.streams.contract import Recipe
from aishell_ops.backups.take import Order, take
from tests.servers.mysql import MysqlServer
from tests.servers.mysql_backups import (
    CLOCK,
    READING,
    engine_of,
    make_keeper,
    put_back,
    repository_in,
)
from tests.servers.sqlite_client import eventually

pytest_plugins = ("tests.live.backup_mysql_fixtures",)


async def _with_writers(server: MysqlServer, storage: FolderStorage, order: Order) -> tuple[Backup, int]:
    """A backup that is taken while money moves between two tables."""
    server.execute("CREATE TABLE a (money int)", "INSERT INTO a VALUES (100000)", database="shop")
    server.execute("CREATE TABLE b (money int)", "INSERT INTO b VALUES (0)", database="shop")
    ended, moved = threading.Event(), []

    def move() -> None:
        client = server.connect("shop")
        while not ended.is_set():
            client.run("BEGIN", "UPDATE a SET money = money - 1", "UPDATE b SET money = money + 1", "COMMIT")
            moved.append(1)
        client.close()

    threads = [threading.Thread(target=move) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        eventually(lambda: len(moved) > 5)
        return await take(engine_of(server), repository_in(storage), order, CLOCK), len(moved)
    finally:
        ended.set()
        for thread in threads:
            thread.join()


@pytest.mark.parametrize("grants", ["ALL PRIVILEGES ON *.*", f"{READING}, LOCK TABLES ON shop.*"], ids=["mighty", "locks its tables alone"])
async def test_the_whole_backup_shows_one_moment(shop: MysqlServer, storage: FolderStorage, grants: str) -> None:
    """While money moves between two tables, the sum in every backup is the same, and the counts are those of the dump."""
    make_keeper(shop, grants)
    order = Order(shop.target("my", database="shop", user="keeper", password="x"), proof=ProofLevel.FULL)
    if "ALL" not in grants:
        shop.execute("DROP FUNCTION twice", "DROP PROCEDURE many", "DROP VIEW dear", database="shop")
    backup, moved = await _with_writers(shop, storage, order)
    restored = await put_back(shop, storage, backup, database="other")
    assert restored.comparison.is_proof
    assert shop.execute("SELECT (SELECT money FROM a) + (SELECT money FROM b)", database="other") == [(100000,)]
    assert shop.execute("SELECT money FROM b", database="other")[0][0] > 0
    assert moved > 5


async def _as_soon_as_still(taken: Callable[[], Awaitable[Backup]]) -> Backup:
    for _ in range(20):
        with suppress(BackupError):
            return await taken()
    return await taken()


async def test_counts_of_another_moment_are_refused_with_the_grant_that_would_do(shop: MysqlServer, storage: FolderStorage) -> None:
    make_keeper(shop, f"{READING} ON shop.*")
    shop.execute("DROP FUNCTION twice", "DROP PROCEDURE many", "DROP VIEW dear", "DROP TABLE isam, remembered", database="shop")
    target = shop.target("my", database="shop", user="keeper", password="x")
    if not shop.mariadb:
        with pytest.raises(BackupError, match="cannot be counted in the moment that the dump shows") as caught:
            await take(engine_of(shop), repository_in(storage), Order(target, proof=ProofLevel.FULL), CLOCK)
        assert "GRANT LOCK TABLES ON `shop`.* TO 'keeper'@'127.0.0.1';" in caught.value.hint
        assert list(storage.list()) == []
        assert [child.name() for child in psutil.Process().children() if "dump" in child.name()] == []
    else:
        # The places in the log that our transaction and that of the dump stand at are the same as soon as nobody writes:
        # the server itself tidies up for a while after what was dropped above.
        backup = await _as_soon_as_still(lambda: take(engine_of(shop), repository_in(storage), Order(target, proof=ProofLevel.FULL), CLOCK))
        assert (await put_back(shop, storage, backup, database="other")).comparison.is_proof
    backup = await take(engine_of(shop), repository_in(storage), Order(target, proof=ProofLevel.NONE), CLOCK)
    assert backup.manifest.objects == ()


async def test_an_account_that_does_not_see_all_is_told_the_grant(shop: MysqlServer, storage: FolderStorage) -> None:
    make_keeper(shop, "SELECT, TRIGGER ON shop.customers")
    target = shop.target("my", database="shop", user="keeper", password="x")
    with pytest.raises(TargetError, match="does not see all of the database shop") as caught:
        await take(engine_of(shop), repository_in(storage), Order(target), CLOCK)
    assert caught.value.hint == f"GRANT {READING} ON `shop`.* TO 'keeper'@'127.0.0.1';"
    with pytest.raises(UsageError, match="there is no table orders"):
        await take(engine_of(shop), repository_in(storage), Order(target, SaveRequest(tables=("orders",))), CLOCK)
    order = Order(target, SaveRequest(tables=("customers",)), proof=ProofLevel.NONE)
    assert (await take(engine_of(shop), repository_in(storage), order, CLOCK)).manifest.tables == ("customers",)


async def test_tables_that_know_no_transactions_are_not_proven_where_they_cannot_be_locked(
    one: MysqlServer, storage: FolderStorage
) -> None:
    server_wide = "RELOAD ON *.*"
    make_keeper(one, f"{READING} ON shop.*", server_wide)
    one.execute("DROP FUNCTION twice", "DROP PROCEDURE many", "DROP VIEW dear", database="shop")
    target = one.target("my", database="shop", user="keeper", password="x")
    plan = await engine_of(one).plan_save(target, SaveRequest())
    assert any("GRANT LOCK TABLES ON `shop`.* TO" in words for words in plan.warnings)
    backup = await take(engine_of(one), repository_in(storage), Order(target, proof=ProofLevel.FULL), CLOCK)
    rows = {proof.name: proof.rows for proof in backup.manifest.objects}
    assert (rows["isam"], rows["remembered"], rows["orders"]) == (None, None, 300)


async def test_the_password_is_in_no_process_list_and_in_no_object(one: MysqlServer, storage: FolderStorage) -> None:
    one.execute("DROP USER IF EXISTS secretive@'127.0.0.1'", "CREATE USER secretive@'127.0.0.1' IDENTIFIED BY 'hunter2\\\\#\"''hunter2'")
    one.execute("GRANT ALL ON *.* TO secretive@'127.0.0.1' WITH GRANT OPTION", "CREATE TABLE shop.big (t longtext)")
    one.execute("INSERT INTO shop.big SELECT REPEAT(SHA2(id, 256), 3000) FROM shop.orders")
    seen: list[str] = []

    def tell(step: Step) -> None:
        for kind in ("cmdline", "environ"):
            for path in Path("/proc").glob(f"[0-9]*/{kind}"):
                with suppress(OSError):
                    seen.append(path.read_bytes().decode(errors="replace"))

    target = one.target("my", database="shop", user="secretive", password="hunter2\\#\"'hunter2")
    order = Order(target, recipe=Recipe(Compression.NONE))
    backup = await take(engine_of(one), repository_in(storage), order, CLOCK, tell=tell)
    wanted = RestoreOrder(target, LoadRequest(database="other"))
    plan = await plan_restore(engine_of(one), backup, wanted)
    await restore(engine_of(one), repository_in(storage), Spot(Line("my", "shop"), backup.id), backup, wanted, plan, CLOCK, tell=tell)
    assert any("-dump" in line for line in seen)
    assert any("--binary-mode" in line for line in seen)
    assert "hunter2" not in "".join(seen)
    assert "hunter2" not in repr((order, plan, wanted))
    for found in storage.list():
        if "/parts/" not in found.key:
            assert b"hunter2" not in storage.get(found.key)[0], found.key
