"""Rows beside writers, through kills, with keys, and in bounded memory."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from aishell_core.errors import TargetError
from aishell_ops.backups.engines.contract import LoadRequest
from aishell_ops.backups.errors import BackupError, BusyError, DamagedError
from aishell_ops.backups.models import Compression, Format
from aishell_ops.backups.repository import Repository
from aishell_ops.backups.storage.folder import FolderStorage
from aishell_ops.backups.streams.contract import Recipe
from tests.live.backup_rows_kit import my_side, pg_side, sqlite_side
from tests.row_world import CLOCK, Side
from tests.servers.mysql import MARIADB, MysqlServer, mysql
from tests.servers.postgres import PostgresServer, postgres
from tests.servers.sqlite_client import eventually
from tests.unit.aishell_ops.backups.streams.test_store_and_fetch import ENCRYPTED, KEYS

ROWS = 20_000


@pytest.fixture
def storage(tmp_path: Path) -> FolderStorage:
    return FolderStorage(tmp_path / "backups")


@pytest.fixture(scope="module")
def pg() -> Iterator[PostgresServer]:
    with postgres("15") as found:
        yield found


@pytest.fixture(scope="module")
def my() -> Iterator[MysqlServer]:
    with mysql(MARIADB) as found:
        yield found


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "many.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE many (id INTEGER PRIMARY KEY, note TEXT)")
        connection.executemany("INSERT INTO many VALUES (?, ?)", ((number, f"note {number} " * 10) for number in range(ROWS)))
    return path


@pytest.fixture(params=["postgres", "mysql", "sqlite"])
def other(request: pytest.FixtureRequest, pg: PostgresServer, my: MysqlServer, tmp_path: Path) -> Side:
    """A place of each engine in which a table of that name has one row that must stay."""
    if request.param == "postgres":
        pg.execute("DROP DATABASE IF EXISTS shop WITH (FORCE)", "CREATE DATABASE shop")
        pg.execute("CREATE TABLE many (x int)", "INSERT INTO many VALUES (7)", database="shop")
        return pg_side(pg)
    if request.param == "mysql":
        my.execute(
            "DROP DATABASE IF EXISTS shop", "CREATE DATABASE shop", "CREATE TABLE shop.many (x int)", "INSERT INTO shop.many VALUES (7)"
        )
        return my_side(my)
    with closing(sqlite3.connect(tmp_path / "there.db")) as connection, connection:
        connection.execute("CREATE TABLE many (x INT)")
        connection.execute("INSERT INTO many VALUES (7)")
        connection.execute("CREATE TABLE stays (y)")
    return sqlite_side(tmp_path / "there.db")


async def _rows(side: Side, storage: FolderStorage) -> int | None:
    """How many rows the table has, by a backup of it."""
    backup = await side.save(storage, tables=("many",))
    return backup.manifest.objects[0].rows


async def test_what_is_damaged_leaves_the_old_as_it_was(storage: FolderStorage, file: Path, other: Side) -> None:
    backup = await sqlite_side(file).save(storage, recipe=Recipe(compression=Compression.NONE))
    part = next((file.parent / "backups").rglob("parts/*"))
    whole = part.read_bytes()
    part.chmod(0o600)
    part.write_bytes(whole[:-5000] + b"x" + whole[-4999:])
    with pytest.raises(DamagedError):
        await other.load(storage, backup, LoadRequest(replace=True))
    part.write_bytes(whole)
    assert await _rows(other, storage) == 1
    await other.load(storage, backup, LoadRequest(replace=True))
    assert await _rows(other, storage) == ROWS


_KILLED = """
import asyncio, os, sys
from pathlib import Path
from aishell_ops.backups.engines.contract import LoadRequest
from aishell_ops.backups.progress import Stage
from aishell_ops.backups.rows import restoring
from aishell_ops.backups.storage.folder import FolderStorage
from aishell_ops.backups.repository import Repository
from tests.row_world import Side
from aishell_core.targets import Target, parse_location
from aishell_core.values import TargetId
from {module} import {engine}

class Dies:
    def __init__(self, inner, step):
        self._inner, self._step = inner, step
    def __getattr__(self, name):
        return getattr(self._inner, name)
    async def load(self, placed, rows):
        await self._inner.load(placed, rows)
        if self._step == "load":
            os.kill(os.getpid(), 9)
    async def finish(self, placed):
        if self._step == "finish":
            os.kill(os.getpid(), 9)
        await self._inner.finish(placed)
    async def publish(self, placed):
        os.kill(os.getpid(), 9)

class Loading(restoring._Loading):
    def __init__(self, engine, staging, *rest):
        super().__init__(engine, Dies(staging, sys.argv[1]), *rest)

restoring._Loading = Loading
storage = FolderStorage(Path({storage!r}))
(backup,) = [one for one in Repository(storage, lambda: 0.0).scan().backups if one.id == {id!r}]
side = Side({engine}(), Target(TargetId("place"), parse_location({url!r})))
asyncio.run(side.load(storage, backup, LoadRequest(replace=True)))
"""


def _hidden(folder: Path) -> list[Path]:
    """What restores have left beside what they make."""
    return list(folder.glob(".*.restoring-*"))


@pytest.mark.parametrize("step", ["load", "finish", "publish"])
async def test_a_kill_in_the_middle_leaves_the_old_as_it_was_and_the_next_restore_goes_well(
    storage: FolderStorage, file: Path, other: Side, step: str, pg: PostgresServer, my: MysqlServer
) -> None:
    backup = await sqlite_side(file).save(storage)
    name, module = type(other.engine).__name__, type(other.engine).__module__
    urls = {"PostgresTables": pg.url("shop"), "MysqlTables": my.url("shop")}
    where = urls.get(name) or str(other.target.location.path)
    script = _KILLED.format(module=module, engine=name, storage=str(file.parent / "backups"), id=str(backup.id), url=where)
    environ = {key: value for key, value in os.environ.items() if not key.startswith(("PG", "MYSQL"))}
    ran = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", script, step], capture_output=True, text=True, env=environ, check=False
    )
    assert ran.returncode == -9, ran.stderr
    assert len(_hidden(file.parent)) == (1 if name == "SqliteTables" else 0)
    assert await _rows(other, storage) == 1
    # The server has noticed that the killed one is gone when its lock is free again.
    for _ in range(100):
        try:
            await other.load(storage, backup, LoadRequest(replace=True))
        except BusyError:
            await asyncio.sleep(0.1)
        else:
            break
    assert await _rows(other, storage) == ROWS
    assert _hidden(file.parent) == []
    assert not [row for row in my.execute("SHOW DATABASES") if row[0].startswith("aishell")]
    left = "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'aishell%'"
    assert name != "PostgresTables" or pg.execute(left, database="shop") == [[0]]


@pytest.mark.parametrize("form", [Format.JSON, Format.CSV])
async def test_encrypted_rows_touch_the_disk_only_encrypted_and_open_with_the_key(storage: FolderStorage, file: Path, form: Format) -> None:
    backup = await sqlite_side(file).save(storage, form, recipe=ENCRYPTED)
    assert b"note 19999" not in b"".join(path.read_bytes() for path in (file.parent / "backups").rglob("*") if path.is_file())
    done = await sqlite_side(file.with_name("again.db")).load(storage, backup, keys=KEYS)
    assert done.comparison.is_proof
    with pytest.raises(BackupError):
        await sqlite_side(file.with_name("none.db")).load(storage, backup)


async def test_a_backup_beside_a_writer_shows_one_moment(storage: FolderStorage, pg: PostgresServer, tmp_path: Path) -> None:
    """A writer moves money between two tables: whatever is saved, the sum is the same."""
    pg.execute("DROP DATABASE IF EXISTS shop WITH (FORCE)", "CREATE DATABASE shop")
    pg.execute(
        "CREATE TABLE a (money int)",
        "INSERT INTO a VALUES (1000)",
        "CREATE TABLE b (money int)",
        "INSERT INTO b VALUES (0)",
        database="shop",
    )
    stop, moved = threading.Event(), threading.Event()

    def move() -> None:
        while not stop.is_set():
            pg.execute("UPDATE a SET money = money - 1; UPDATE b SET money = money + 1", database="shop")
            moved.set()

    writer = threading.Thread(target=move)
    writer.start()
    try:
        for number in range(3):
            moved.clear()
            await asyncio.to_thread(eventually, moved.is_set)
            backup = await pg_side(pg).save(storage)
            copy = sqlite_side(tmp_path / f"copy{number}.db")
            await copy.load(storage, backup)
            with closing(sqlite3.connect(str(copy.target.location.path))) as connection:
                assert connection.execute("SELECT (SELECT money FROM a) + (SELECT money FROM b)").fetchone() == (1000,)
    finally:
        stop.set()
        writer.join()


async def test_a_server_that_is_killed_while_it_is_read_gives_no_backup(storage: FolderStorage) -> None:
    with postgres("15") as server:
        server.execute("CREATE TABLE many AS SELECT i, repeat(md5(i::text), 50) AS t FROM generate_series(1, 200000) AS i")
        side = pg_side(server, "postgres")
        saving = asyncio.create_task(side.save(storage, recipe=Recipe(compression=Compression.NONE)))
        asking = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'COPY%'"
        await asyncio.to_thread(eventually, lambda: server.execute(asking) != [[0]] or saving.done())
        server.kill()
        with pytest.raises((TargetError, BackupError)):
            await saving
        assert not Repository(storage, CLOCK.now).scan().backups
        server.start()
        server.execute("CREATE TABLE few (x int)", "INSERT INTO few VALUES (1)")
        assert (await side.save(storage, tables=("few",))).manifest.objects[0].rows == 1


_MEASURED = """
import asyncio, sys
from pathlib import Path
from aishell_core.targets import Target, parse_location
from aishell_core.values import TargetId
from aishell_ops.backups.models import Compression, Format
from aishell_ops.backups.rows.engines.postgres import PostgresTables
from aishell_ops.backups.rows.engines.sqlite import SqliteTables
from aishell_ops.backups.storage.folder import FolderStorage
from aishell_ops.backups.streams.contract import Recipe
from tests.row_world import Side

async def main():
    storage = FolderStorage(Path(sys.argv[1]))
    file = Side(SqliteTables(), Target(TargetId("file"), parse_location(sys.argv[2])))
    place = Side(PostgresTables(), Target(TargetId("pg"), parse_location(sys.argv[3])))
    backup = await file.save(storage, recipe=Recipe(compression=Compression.NONE))
    await place.load(storage, backup)
    await place.save(storage, Format.CSV, recipe=Recipe(compression=Compression.NONE))

asyncio.run(main())
# What getrusage tells is the peak of whoever started this program, where that was higher.
peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:"))
print(int(peak.split()[1]) * 1024)
"""


async def test_memory_does_not_grow_with_the_rows(pg: PostgresServer, tmp_path: Path) -> None:
    """250 MB are read, written, taken into another engine and saved again in less than that."""
    with closing(sqlite3.connect(tmp_path / "large.db")) as connection, connection:
        connection.execute("CREATE TABLE large (id INTEGER PRIMARY KEY, note TEXT)")
        connection.executemany("INSERT INTO large VALUES (?, ?)", ((number, f"{number:010}" * 10_000) for number in range(2500)))
    pg.execute("DROP DATABASE IF EXISTS shop WITH (FORCE)")
    environ = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
    arguments = [sys.executable, "-c", _MEASURED, str(tmp_path / "backups"), str(tmp_path / "large.db"), pg.url("shop")]
    ran = await asyncio.to_thread(subprocess.run, arguments, capture_output=True, text=True, env=environ, check=False)
    assert ran.returncode == 0, ran.stderr
    assert int(ran.stdout) < 200e6
