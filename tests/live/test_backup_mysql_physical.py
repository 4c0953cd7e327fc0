"""MariaDB's files: the whole server saved by mariadb-backup and restored into a new data folder that a server starts on."""

from __future__ import annotations

import asyncio
import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from aishell_core.clock import SystemClock
from aishell_core.errors import RefusedError, TargetError, UsageError
from aishell_ops.backups.engines.contract import LoadRequest, SaveRequest
from aishell_ops.backups.engines.mysql import MysqlBackups
from aishell_ops.backups.errors import BackupError, DamagedError, ToolError
from aishell_ops.backups.layout import Line, Spot
from aishell_ops.backups.models import Backup, ProofLevel
from aishell_ops.backups.repository import Repository
from aishell_ops.backups.restore import RestoreOrder, plan_restore, restore
from aishell_ops.backups.storage.folder import FolderStorage
from aishell_ops.backups.streams.contract import Keys, Recipe
from aishell_ops.backups.streams.starting import started_by
from aishell_ops.backups.take import Order, take
from tests.servers.mysql import MARIADB, MysqlServer, mysql
from tests.servers.ports import free_port
from tests.servers.required import require_server
from tests.unit.aishell_ops.backups.faulty_starts import FaultyStarts, Way
from tests.unit.aishell_ops.backups.streams.test_store_and_fetch import ENCRYPTED, KEYS

CLOCK = SystemClock()
ENVIRON = {name: value for name, value in os.environ.items() if not name.startswith("MYSQL")}


@pytest.fixture(scope="module")
def server() -> Iterator[MysqlServer]:
    require_server("mariadb-backup", "mariadb-backup")
    with mysql(MARIADB, settings={"log-bin": "binlog", "server-id": "7"}) as found:
        found.execute("CREATE DATABASE shop", "CREATE TABLE shop.orders (id int PRIMARY KEY, note text)")
        found.execute("INSERT INTO orders SELECT seq, REPEAT(SHA2(seq, 256), 4) FROM seq_1_to_20000", database="shop")
        yield found


@pytest.fixture
def storage(tmp_path: Path) -> FolderStorage:
    return FolderStorage(tmp_path / "backups")


async def _take(
    server: MysqlServer, storage: FolderStorage, recipe: Recipe | None = None, user: str = "root", password: str = ""
) -> Backup:
    order = Order(
        server.target("my", user=user, password=password), SaveRequest(method="physical"), recipe=recipe or Recipe(), proof=ProofLevel.NONE
    )
    return await take(MysqlBackups(ENVIRON), Repository(storage, time.time), order, CLOCK)


async def _restore(server: MysqlServer, storage: FolderStorage, backup: Backup, folder: Path, keys: Keys | None = None) -> None:
    engine = MysqlBackups(ENVIRON)
    order = RestoreOrder(server.target("my"), LoadRequest(database=str(folder)), keys)
    plan = await plan_restore(engine, backup, order)
    await restore(engine, Repository(storage, time.time), Spot(Line("my", ""), backup.id), backup, order, plan, CLOCK)


def _rows_on(server: MysqlServer, folder: Path, data: Path) -> object:
    """What a server that is started on a data folder says of the rows."""
    (folder / "run").mkdir()
    other = replace(server, folder=folder / "run", port=free_port(), process=None, _clients=[])
    (folder / "run" / "data").symlink_to(data)
    other.start()
    try:
        return other.execute("SELECT COUNT(*), SUM(CRC32(note)) FROM shop.orders")
    finally:
        other.discard()


def _names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize("keys", [None, KEYS], ids=["plain", "encrypted"])
async def test_a_server_starts_on_what_was_restored(server: MysqlServer, storage: FolderStorage, tmp_path: Path, keys: Keys | None) -> None:
    before = server.execute("SELECT COUNT(*), SUM(CRC32(note)) FROM shop.orders")
    backup = await _take(server, storage, ENCRYPTED if keys else None)
    assert dict(backup.manifest.end)["file"] == "binlog.000001"
    assert backup.manifest.source.database == ""
    await _restore(server, storage, backup, tmp_path / "new", keys)
    assert _rows_on(server, tmp_path, tmp_path / "new") == before
    assert _names_in(tmp_path) == {"backups", "new", "run"}


async def test_the_recovery_sheet_restores_it_without_us(server: MysqlServer, storage: FolderStorage, tmp_path: Path) -> None:
    before = server.execute("SELECT COUNT(*), SUM(CRC32(note)) FROM shop.orders")
    backup = await _take(server, storage)
    sheet = (Path(backup.location) / "RECOVERY.txt").read_text()
    lines = [line.strip().split("    #")[0] for line in sheet.splitlines() if line.startswith("     ")]
    commands = [line.replace(str(server.data), str(tmp_path / "copied")) for line in lines if not line.startswith("chown")]

    def run_all() -> None:
        for command in commands:
            subprocess.run(command, shell=True, cwd=backup.location, env=ENVIRON, check=True, capture_output=True)

    await asyncio.to_thread(run_all)
    assert _rows_on(server, tmp_path, tmp_path / "copied") == before


async def test_a_program_that_does_nothing_is_told_and_leaves_nothing(server: MysqlServer, storage: FolderStorage, tmp_path: Path) -> None:
    """Whichever of them, of all that saving and restoring take: none is believed on its exit code alone."""
    with started_by(plain := FaultyStarts()):
        backup = await _take(server, storage)
    with started_by(again := FaultyStarts()):
        await _restore(server, storage, backup, tmp_path / "new")
    assert {"mariadb-backup", "mbstream"} <= {*plain.names, *again.names}
    for number in range(len(plain.names)):
        with started_by(starts := FaultyStarts(number, Way.IDLE)), pytest.raises(BackupError) as caught:
            await _take(server, storage)
        assert starts.failed in caught.value.message
    for number in range(len(again.names)):
        with started_by(starts := FaultyStarts(number, Way.IDLE)), pytest.raises(BackupError) as caught:
            await _restore(server, storage, backup, tmp_path / "other")
        assert starts.failed in caught.value.message
        assert not isinstance(caught.value, DamagedError)
        assert _names_in(tmp_path) == {"backups", "new"}
    assert [one.id for one in Repository(storage, time.time).scan().backups] == [backup.id]


async def test_a_data_folder_is_never_replaced(server: MysqlServer, storage: FolderStorage, tmp_path: Path) -> None:
    backup = await _take(server, storage)
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "ibdata1").write_text("precious")
    with pytest.raises(RefusedError, match="is there and not empty; a data folder is never replaced"):
        await _restore(server, storage, backup, tmp_path / "old")
    assert (tmp_path / "old" / "ibdata1").read_text() == "precious"


async def test_a_damaged_part_leaves_no_folder(server: MysqlServer, storage: FolderStorage, tmp_path: Path) -> None:
    backup = await _take(server, storage)
    path = Path(backup.location) / "parts" / backup.manifest.parts[0].name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(BackupError):
        await _restore(server, storage, backup, tmp_path / "new")
    assert _names_in(tmp_path) == {"backups"}


async def test_what_cannot_be_is_told_before_anything_begins(server: MysqlServer, storage: FolderStorage) -> None:
    engine = MysqlBackups(ENVIRON)
    with pytest.raises(UsageError, match="a physical backup is of the whole server"):
        await engine.plan_save(server.target("my"), SaveRequest(method="physical", tables=("orders",)))
    with pytest.raises(ToolError, match=r"mariadb-backup of MariaDB 10\.11 is needed") as caught:
        await MysqlBackups({**ENVIRON, "PATH": "/nonexistent"}).plan_save(server.target("my"), SaveRequest(method="physical"))
    assert "install mariadb-backup" in caught.value.hint
    with pytest.raises(UsageError, match="rows cannot be counted"):
        await take(engine, Repository(storage, time.time), Order(server.target("my"), SaveRequest(method="physical")), CLOCK)
    assert list(storage.list()) == []


async def test_an_account_without_the_rights_gets_the_grant(server: MysqlServer, storage: FolderStorage) -> None:
    server.execute("CREATE OR REPLACE USER keeper@'127.0.0.1' IDENTIFIED BY 'x'", "GRANT RELOAD, PROCESS ON *.* TO keeper@'127.0.0.1'")
    with pytest.raises(TargetError) as caught:
        await _take(server, storage, user="keeper", password="x")
    assert caught.value.hint == "GRANT LOCK TABLES, BINLOG MONITOR ON *.* TO 'keeper'@'127.0.0.1';"
    server.execute(caught.value.hint)
    assert (await _take(server, storage, user="keeper", password="x")).manifest.parts[0].plain_bytes > 1 << 20
