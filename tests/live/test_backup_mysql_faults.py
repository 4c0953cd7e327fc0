"""MySQL and MariaDB: faults, kills and locks in the middle leave the old database or the whole new one."""

from __future__ import annotations

import asyncio
import random
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from aishell_core.errors import TargetError
from aishell_ops.backups.engines.contract import LoadRequest
from aishell_ops.backups.errors import BackupError, BusyError
from aishell_ops.backups.models import ProofLevel
from aishell_ops.backups.progress import Stage, Step
from aishell_ops.backups.restore import RestoreOrder, plan_restore
from aishell_ops.backups.storage.folder import FolderStorage
from aishell_ops.backups.take import Order, take
from tests.servers.mysql import VERSIONS, MysqlServer, mysql
from tests.servers.mysql_backups import (
    CLOCK,
    ENVIRON,
    contents_of,
    damage,
    databases_of,
    engine_of,
    folders_of,
    put_back,
    repository_in,
    save,
)

pytest_plugins = ("tests.live.backup_mysql_fixtures",)


async def test_a_fault_in_the_middle_leaves_the_old_database_and_no_other(one: MysqlServer, storage: FolderStorage) -> None:
    backup = await save(one, storage)
    before = contents_of(one, "shop")
    path = Path(backup.location) / "parts" / backup.manifest.parts[0].name
    content = path.read_bytes()
    path.write_bytes(content[:-50] + b"x" * 50)
    with pytest.raises(BackupError, match=r"database\.sql\.zst"):
        await put_back(one, storage, backup, replace=True)
    assert contents_of(one, "shop") == before
    assert databases_of(one) == {"shop"}


async def test_what_cannot_be_put_in_place_brings_the_old_database_back(shop: MysqlServer, storage: FolderStorage) -> None:
    """A table that another session reads in a transaction cannot be moved away."""
    backup = await save(shop, storage)
    damage(shop)
    before = contents_of(shop, "shop")
    blocker = shop.connect("shop")
    blocker.run("BEGIN", "SELECT * FROM orders LIMIT 1")
    try:
        with pytest.raises(TargetError, match="lock"):
            await put_back(shop, storage, backup, replace=True)
    finally:
        blocker.run("ROLLBACK")
        blocker.close()
    assert contents_of(shop, "shop") == before
    assert databases_of(shop) == {"shop"}


async def test_two_restores_of_one_database_do_not_meet(one: MysqlServer, storage: FolderStorage) -> None:
    backup, engine = await save(one, storage), engine_of(one)
    order = RestoreOrder(one.target("my", database="shop"), LoadRequest(database="other"))
    plan = await plan_restore(engine, backup, order)
    async with engine.loading(order.target, backup.manifest, plan):
        with pytest.raises(BusyError, match="another restore of other is under way"):
            await put_back(one, storage, backup, database="other")


_KILLED = """
import asyncio, os, signal, sys, time
from pathlib import Path
from aishell_core.clock import SystemClock
from aishell_core.targets import Target, parse_location
from aishell_core.values import TargetId
from aishell_ops.backups.engines.contract import LoadRequest
from aishell_ops.backups.engines.mysql import MysqlBackups
from aishell_ops.backups.errors import BackupError, BusyError, ToolError
from aishell_ops.backups.layout import Line, Spot
from aishell_ops.backups.progress import Stage, Step
from aishell_ops.backups.repository import Repository
from aishell_ops.backups.restore import RestoreOrder, plan_restore, restore
from aishell_ops.backups.storage.address import StorageAddress
from aishell_ops.backups.storage.folder import FolderStorage
from aishell_ops.backups.storage.opening import open_storage

storage, url, last = FolderStorage(Path(sys.argv[1])), sys.argv[2], int(sys.argv[3])
engine = MysqlBackups(folders=[Path(folder) for folder in sys.argv[4:]])
repository = Repository(storage, time.time)
backup = repository.scan().backups[0]
order = RestoreOrder(Target(TargetId("my"), parse_location(url)), LoadRequest(replace=True))
calls, within = 0, False

def count(frame, event, argument):
    '''Ends this process without a word at one of the statements and programs by which the old database is replaced.'''
    global calls, within
    if event != "call":
        return
    name = frame.f_code.co_name
    if name == "_carry_out":
        within = True
    if within and name in ("execute", "_run", "_dumped") and frame.f_code.co_filename.endswith(("mysql_held.py", "mysql.py")):
        calls += 1
        if calls == last:
            os.kill(os.getpid(), signal.SIGKILL)

async def main():
    plan = await plan_restore(engine, backup, order)
    sys.setprofile(count)
    await restore(engine, repository, Spot(Line("my", "shop"), backup.id), backup, order, plan, SystemClock())

asyncio.run(main())
print(calls)
"""


def _restored_until(server: MysqlServer, storage: Path, call: int) -> subprocess.CompletedProcess[str]:
    environment = {**ENVIRON, "PYTHONPATH": str(Path(__file__).parents[2])}
    arguments = [str(storage), server.url(database="shop"), str(call), *map(str, folders_of(server))]
    return subprocess.run(
        [sys.executable, "-c", _KILLED, *arguments], env=environment, capture_output=True, text=True, timeout=300, check=False
    )


async def test_a_kill_while_it_is_put_in_its_place_is_undone_by_whoever_comes_next(
    shop: MysqlServer, storage: FolderStorage, tmp_path: Path
) -> None:
    backup = await save(shop, storage)
    done = await asyncio.to_thread(_restored_until, shop, tmp_path / "backups", 0)
    assert done.returncode == 0, done.stderr
    calls = int(done.stdout)
    assert calls > 10
    saved = contents_of(shop, "shop")
    damage(shop)
    before = contents_of(shop, "shop")
    engine, order = engine_of(shop), RestoreOrder(shop.target("my", database="shop"), LoadRequest(replace=True))
    for call in sorted(random.Random(5).sample(range(2, calls - 5), 4)):
        done = await asyncio.to_thread(_restored_until, shop, tmp_path / "backups", call)
        assert done.returncode == -signal.SIGKILL, done.stderr
        plan = await plan_restore(engine, backup, order)
        if databases_of(shop) != {"shop"}:
            async with engine.loading(order.target, backup.manifest, plan):
                pass
        found = contents_of(shop, "shop")
        assert found in (before, saved), call
        assert databases_of(shop) == {"shop"}
        if found == saved:
            damage(shop)
    restored = await put_back(shop, storage, backup, replace=True)
    assert restored.comparison.is_proof


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_server_that_dies_in_the_middle_is_told_and_leaves_nothing(storage: FolderStorage, version: str) -> None:
    with mysql(version) as server:
        server.execute("CREATE DATABASE shop", "CREATE TABLE shop.big (i int AUTO_INCREMENT PRIMARY KEY, t text)")
        server.execute("INSERT INTO shop.big (t) VALUES (REPEAT('x', 1000))", *["INSERT INTO shop.big (t) SELECT t FROM shop.big"] * 15)
        killed = threading.Event()

        def tell(step: Step) -> None:
            if step.stage is Stage.SAVING and step.plain_bytes > 4 << 20 and not killed.is_set():
                killed.set()
                server.kill()

        order = Order(server.target("my", database="shop"), proof=ProofLevel.COUNTS)
        with pytest.raises((BackupError, TargetError)):
            await take(engine_of(server), repository_in(storage), order, CLOCK, tell=tell)
        assert killed.is_set()
        assert list(storage.list()) == []


async def test_a_lock_that_is_not_given_ends_it_and_nothing_is_kept(storage: FolderStorage) -> None:
    with mysql("mysql-8.0") as server:
        server.execute("CREATE DATABASE shop", "CREATE TABLE shop.t (a int)")
        blocker = server.connect("shop")
        blocker.run("LOCK TABLES t WRITE")
        with pytest.raises(TargetError, match="no moment could be had in which nobody writes"):
            await save(server, storage)
        assert list(storage.list()) == []
        blocker.run("UNLOCK TABLES")
        server.execute("INSERT INTO shop.t VALUES (1)")  # nothing of ours waits or holds
