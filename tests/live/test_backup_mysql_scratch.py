"""A server of MariaDB for a test restore is gone with aishell, also when that is killed."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from aishell_core.clock import SystemClock
from aishell_ops.backups.drill import drill
from aishell_ops.backups.engines.mysql import MysqlBackups
from aishell_ops.backups.layout import Line, Spot
from aishell_ops.backups.models import BackupState, ProofLevel
from aishell_ops.backups.repository import Repository
from aishell_ops.backups.storage.folder import FolderStorage
from aishell_ops.backups.take import Order, take
from tests.servers.mysql import MARIADB, MysqlServer, mysql
from tests.servers.sqlite_client import eventually

ENVIRON = {name: value for name, value in os.environ.items() if not name.startswith("MYSQL")}
_TESTING = """
import asyncio, sys, time
from pathlib import Path
from aishell_core.targets import Target, parse_location
from aishell_core.values import TargetId
from aishell_ops.backups.engines.mysql import MysqlBackups
from aishell_ops.backups.repository import Repository
from aishell_ops.backups.storage.folder import FolderStorage

async def main():
    backup = Repository(FolderStorage(Path(sys.argv[1])), time.time).scan().backups[0]
    async with MysqlBackups().scratch(Target(TargetId("my"), parse_location(sys.argv[2])), backup.manifest):
        print("now", flush=True)
        time.sleep(600)

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def server() -> Iterator[MysqlServer]:
    with mysql(MARIADB) as found:
        found.execute("CREATE DATABASE shop", "CREATE TABLE shop.orders (id int PRIMARY KEY)", "INSERT INTO shop.orders VALUES (1)")
        yield found


def _begun(server: MysqlServer, storage: FolderStorage, temporary: Path) -> subprocess.Popen[str]:
    around = {**ENVIRON, "PYTHONPATH": str(Path(__file__).parents[2]), "TMPDIR": str(temporary)}
    command = [sys.executable, "-c", _TESTING, str(storage.root), server.url(database="shop")]
    return subprocess.Popen(command, env=around, stdout=subprocess.PIPE, text=True)


def _is_over(process: psutil.Process) -> bool:
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.mark.parametrize("is_there", [True, False], ids=["beside the database", "where it is gone"])
async def test_without_a_program_of_that_server_its_own_takes_the_test_in_a_database_beside(tmp_path: Path, *, is_there: bool) -> None:
    """No program of MySQL is in PATH here: the database that was saved is neither in the way nor touched."""
    storage, engine = FolderStorage(tmp_path / "backups"), MysqlBackups(ENVIRON)
    with mysql("mysql-8.0") as server:
        server.execute("CREATE DATABASE shop", "CREATE TABLE shop.orders (id int PRIMARY KEY)", "INSERT INTO shop.orders VALUES (1)")
        target, repository = server.target("my", database="shop"), Repository(storage, time.time)
        backup = await take(engine, repository, Order(target, proof=ProofLevel.FULL), SystemClock())
        server.execute("INSERT INTO shop.orders VALUES (2)" if is_there else "DROP DATABASE shop")
        before = server.execute("SHOW DATABASES")
        tested = await drill(engine, repository, Spot(Line("my", "shop"), backup.id), target, SystemClock())
        assert (tested.comparison.counted, tested.backup.state) == (1, BackupState.TESTED)
        assert server.execute("SHOW DATABASES") == before
        assert not is_there or server.execute("SELECT COUNT(*) FROM shop.orders") == [(2,)]


async def test_nothing_is_left_of_it_when_aishell_is_killed(server: MysqlServer, tmp_path: Path) -> None:
    storage, temporary = FolderStorage(tmp_path / "backups"), tmp_path / "t"
    temporary.mkdir()
    order = Order(server.target("my", database="shop"), proof=ProofLevel.COUNTS)
    await take(MysqlBackups(ENVIRON), Repository(storage, time.time), order, SystemClock())
    process = _begun(server, storage, temporary)
    assert process.stdout is not None
    try:
        assert (await asyncio.to_thread(process.stdout.readline)).strip() == "now"
        servers = [one for one in psutil.Process(process.pid).children() if str(temporary) in " ".join(one.cmdline())]
        assert {one.name() for one in servers} & {"mariadbd", "mysqld"}
    finally:
        os.kill(process.pid, signal.SIGKILL)
        await asyncio.to_thread(process.communicate)
    await asyncio.to_thread(eventually, lambda: not any(temporary.iterdir()) and all(_is_over(one) for one in servers))
