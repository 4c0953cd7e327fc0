"""MongoDB on FerretDB: a server that is killed, a restore that is killed at any step, two at once; nothing of the old is lost."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from aishell_core.errors import TargetError
from aishell_core.targets import Target
from aishell_ops.backups.engines.contract import LoadRequest
from aishell_ops.backups.errors import BackupError, BusyError
from aishell_ops.backups.models import Compression
from aishell_ops.backups.progress import Stage, Step
from aishell_ops.backups.restore import RestoreOrder, plan_restore
from aishell_ops.backups.storage.folder import FolderStorage
from aishell_ops.backups.streams.contract import Recipe
from tests.live.backup_mongodb_kit import ENVIRON, OURS, contents, damage, databases, engine, fill, names, planned, restored, taken
from tests.servers.mongodb_ferretdb import FerretServer, ferretdb


@pytest.fixture
def server() -> Iterator[FerretServer]:
    with ferretdb() as found:
        yield found


@pytest.fixture
def shop(server: FerretServer) -> Target:
    fill(server, orders=300)
    return server.target(database="shop")


@pytest.fixture
def storage(tmp_path: Path) -> FolderStorage:
    return FolderStorage(tmp_path / "backups")


async def test_a_server_that_is_killed_leaves_no_backup(server: FerretServer, shop: Target, storage: FolderStorage) -> None:
    fill(server, orders=20_000)
    killed = False

    def kill(step: Step) -> None:
        nonlocal killed
        if step.stage is Stage.SAVING and step.part.startswith("orders") and not killed:
            killed = True
            server.kill()

    try:
        # More than a megabyte, so that there is a step in the midst of it.
        with pytest.raises((TargetError, BackupError)):
            await taken(shop, storage, Recipe(Compression.NONE), tell=kill)
        assert killed
    finally:
        server.start()
    assert list(storage.list()) == []


async def test_a_server_that_is_killed_during_a_restore_keeps_the_old_database(
    server: FerretServer, shop: Target, storage: FolderStorage
) -> None:
    backup = await taken(shop, storage)
    damage(server)
    before = contents(server)

    def kill(step: Step) -> None:
        if step.stage is Stage.PUBLISHING:
            server.kill()

    try:
        with pytest.raises((TargetError, BackupError)):
            await restored(shop, storage, backup, replace=True, tell=kill)
    finally:
        server.start()
    assert {name: value for name, value in contents(server).items() if not name.startswith(OURS)} == before
    assert any(name.startswith(OURS) for name in names(server))
    plan = await plan_restore(engine(), backup, RestoreOrder(shop, LoadRequest(replace=True)))
    assert "an earlier restore was interrupted: what it has put aside is brought back first" in plan.warnings
    assert (await restored(shop, storage, backup, replace=True)).comparison.is_proof
    assert not any(name.startswith(OURS) for name in names(server))


async def test_a_restore_that_is_cancelled_leaves_nothing(server: FerretServer, shop: Target, storage: FolderStorage) -> None:
    backup = await taken(shop, storage)
    before = contents(server)
    reached = asyncio.Event()
    loop = asyncio.get_running_loop()

    def note(step: Step) -> None:
        if step.stage is Stage.LOADING:
            loop.call_soon_threadsafe(reached.set)

    running = asyncio.create_task(restored(shop, storage, backup, replace=True, tell=note))
    await reached.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert contents(server) == before
    assert databases(server) == {"shop"}


async def test_two_restores_of_one_database_do_not_meet(server: FerretServer, shop: Target, storage: FolderStorage) -> None:
    backup = await taken(shop, storage)
    order = RestoreOrder(shop, LoadRequest(database="other"))
    plan = await plan_restore(engine(), backup, order)
    async with engine().loading(shop, backup.manifest, plan):
        with pytest.raises(BusyError, match="another restore into other is under way") as caught:
            await restored(shop, storage, backup, database="other")
        (journal,) = [name for name in names(server, "other") if name.startswith("aishell_restore_")]
        assert f'db.getCollection("{journal}").deleteOne({{_id: "holder"}})' in caught.value.hint
        assert await planned(shop, backup, database="other")
    assert (await restored(shop, storage, backup, database="other")).comparison.is_proof


_KILLED = """
import asyncio, os, signal, sys, time
from pathlib import Path
from aishell_core.clock import SystemClock
from aishell_core.targets import Target, parse_location
from aishell_core.values import TargetId
from aishell_ops.backups.engines.contract import LoadRequest
from aishell_ops.backups.engines.mongodb import MongodbBackups
from aishell_ops.backups.layout import Line, Spot
from aishell_ops.backups.repository import Repository
from aishell_ops.backups.restore import RestoreOrder, plan_restore, restore
from aishell_ops.backups.storage.folder import FolderStorage
import threading

storage, url, last = FolderStorage(Path(sys.argv[1])), sys.argv[2], int(sys.argv[3])
engine = MongodbBackups({"PATH": ""})
repository = Repository(storage, time.time)
backup = repository.scan().backups[0]
order = RestoreOrder(Target(TargetId("ferret"), parse_location(url)), LoadRequest(replace=True))
calls, within = 0, False

def count(frame, event, argument):
    '''Ends this process without a word at one of the commands by which the old database is replaced.'''
    global calls, within
    if event != "call":
        return
    name = frame.f_code.co_name
    if name == "_put_aside":
        within = True
    if within and name in ("command", "insert") and frame.f_code.co_filename.endswith("mongodb_held.py"):
        calls += 1
        if calls == last:
            os.kill(os.getpid(), signal.SIGKILL)

async def main():
    plan = await plan_restore(engine, backup, order)
    assert not plan.obstacles, plan
    await restore(engine, repository, Spot(Line("ferret", "shop"), backup.id), backup, order, plan, SystemClock())

threading.setprofile(count)
asyncio.run(main())
print(calls)
"""


def _restored_until(server: FerretServer, storage: Path, call: int) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    arguments = [str(storage), server.url("shop"), str(call)]
    return subprocess.run(
        [sys.executable, "-c", _KILLED, *arguments], env=environment, capture_output=True, text=True, timeout=300, check=False
    )


async def test_a_kill_while_it_is_put_in_its_place_is_undone_by_whoever_comes_next(
    server: FerretServer, shop: Target, storage: FolderStorage, tmp_path: Path
) -> None:
    backup = await taken(shop, storage)
    saved = contents(server)
    done = await asyncio.to_thread(_restored_until, server, tmp_path / "backups", 0)
    assert done.returncode == 0, done.stderr
    calls = int(done.stdout)
    assert calls > 20
    assert contents(server) == saved
    damage(server)
    before = contents(server)
    order = RestoreOrder(shop, LoadRequest(replace=True))
    for call in sorted(random.Random(7).sample(range(1, calls // 2), 5)):
        done = await asyncio.to_thread(_restored_until, server, tmp_path / "backups", call)
        assert done.returncode == -signal.SIGKILL, done.stderr
        plan = await plan_restore(engine(), backup, order)
        assert any("an earlier restore was interrupted" in words for words in plan.warnings)
        async with engine().loading(shop, backup.manifest, plan):
            # Whoever begins has put in order what was left: all is as it was before the kill.
            there = {name: value for name, value in contents(server).items() if not name.startswith(OURS)}
            assert there == before, f"killed at command {call}"
        assert contents(server) == before
    assert (await restored(shop, storage, backup, replace=True)).comparison.is_proof
    assert contents(server) == saved


_SAVING = """
import asyncio, os, signal, sys, time
from pathlib import Path
from aishell_core.clock import SystemClock
from aishell_core.targets import Target, parse_location
from aishell_core.values import TargetId
from aishell_ops.backups.engines.mongodb import MongodbBackups
from aishell_ops.backups.repository import Repository
from aishell_ops.backups.storage.folder import FolderStorage
from aishell_ops.backups.take import Order, take

def tell(step):
    if step.part.startswith(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)

target = Target(TargetId("ferret"), parse_location(sys.argv[2]))
repository = Repository(FolderStorage(Path(sys.argv[1])), time.time)
asyncio.run(take(MongodbBackups({"PATH": ""}), repository, Order(target), SystemClock(), tell=tell))
"""


@pytest.mark.parametrize("part", ["definitions", "orders"])
async def test_a_backup_that_is_killed_is_none(
    server: FerretServer, shop: Target, storage: FolderStorage, tmp_path: Path, part: str
) -> None:
    arguments = [sys.executable, "-c", _SAVING, str(tmp_path / "backups"), server.url("shop"), part]
    around = {**ENVIRON, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = await asyncio.to_thread(subprocess.run, arguments, env=around, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert not any(one.key.endswith("manifest.json") for one in storage.list())
    backup = await taken(shop, storage)
    assert {one.key.split("/")[2] for one in storage.list() if "/parts/" in one.key} == {backup.id}
