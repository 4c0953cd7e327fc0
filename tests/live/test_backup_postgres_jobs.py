"""PostgreSQL by several jobs: dumps into a folder that is packed meanwhile, and restores from a copy that is read at several places."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from aishell_core.errors import RefusedError, UsageError
from aishell_ops.backups.errors import BackupError
from aishell_ops.backups.models import Format
from aishell_ops.backups.progress import Stage, Step
from aishell_ops.backups.storage.folder import FolderStorage
from aishell_ops.backups.streams.contract import Keys
from tests.servers.postgres import PostgresServer, postgres
from tests.servers.postgres_backups import Bench
from tests.servers.sqlite_client import eventually
from tests.unit.aishell_ops.backups.streams.test_store_and_fetch import ENCRYPTED, KEYS

ODD = '"o d"."--jobs=1\npg_dump: finished item 1 TABLE DATA ""x"'
TABLES = ("public.orders", "public.lines", ODD)


@pytest.fixture(scope="module", params=["15", "18"])
def server(request: pytest.FixtureRequest) -> Iterator[PostgresServer]:
    with postgres(request.param) as found:
        yield found


@pytest.fixture
def bench(server: PostgresServer, tmp_path: Path) -> Bench:
    server.execute("DROP DATABASE IF EXISTS shop WITH (FORCE)", "DROP DATABASE IF EXISTS other WITH (FORCE)", "CREATE DATABASE shop")
    server.execute(
        "CREATE TABLE orders (id int PRIMARY KEY, note text)",
        "INSERT INTO orders SELECT i, repeat(md5(i::text), 3) FROM generate_series(1, 20000) AS i",
        "CREATE TABLE lines (id int PRIMARY KEY, of int REFERENCES orders)",
        "INSERT INTO lines SELECT i, 1 + i % 20000 FROM generate_series(1, 30000) AS i",
        "CREATE INDEX ON lines (of)",
        'CREATE SCHEMA "o d"',
        f"CREATE TABLE {ODD} AS SELECT 'x'::text AS t",
        "CREATE TABLE nothing (id int)",
        "SELECT lo_from_bytea(0, 'a large object')",
        database="shop",
    )
    return Bench(server, FolderStorage(tmp_path / "backups"))


def _contents(server: PostgresServer, database: str) -> list[object]:
    tables = [server.execute(f"SELECT count(*), sum(hashtext(t::text)::bigint) FROM {table} AS t", database=database) for table in TABLES]
    large = server.execute("SELECT convert_from(lo_get(oid), 'UTF8') FROM pg_largeobject_metadata", database=database)
    constraints = server.execute("SELECT conname::text FROM pg_constraint ORDER BY 1", database=database)
    return [*tables, large, constraints]


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where copies on the disk are made, and nothing else is."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


def _names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def _copies(folder: Path) -> set[str]:
    return {str(path) for path in folder.glob("aishell-*/d*")}


@pytest.mark.parametrize("method", ["", "directory"])
@pytest.mark.parametrize("keys", [None, KEYS], ids=["plain", "encrypted"])
async def test_what_several_jobs_restore_is_what_was_saved(bench: Bench, temporary: Path, method: str, keys: Keys | None) -> None:
    before, seen = _contents(bench.server, "shop"), set[str]()
    backup = await bench.take(ENCRYPTED if keys else None, method=method, jobs=2 if method else 1)
    assert len(backup.manifest.objects) == 5
    assert _names_in(temporary) == set()

    def tell(step: Step) -> None:
        if step.stage is Stage.FINISHING:
            seen.update(_copies(temporary))

    restored = await bench.restore(backup, keys, tell, database="other", jobs=2)
    assert restored.comparison.is_proof
    assert restored.comparison.hashed == 5
    assert _contents(bench.server, "other") == before
    # No plaintext of what is encrypted lies on a disk: then its copy is in memory.
    assert bool(seen) == (keys is None)
    assert _names_in(temporary) == set()


async def test_a_folder_is_written_by_several_jobs_in_one_moment(bench: Bench) -> None:
    """While money moves between two tables, the sum in every backup is the same."""
    server = bench.server
    server.execute("CREATE TABLE a AS SELECT 100000 AS money", "CREATE TABLE b AS SELECT 0 AS money", database="shop")
    ended, moved = threading.Event(), []

    def move() -> None:
        connection = server.connect("shop")
        while not ended.is_set():
            connection.run("BEGIN")
            connection.run("UPDATE a SET money = money - 1")
            connection.run("UPDATE b SET money = money + 1")
            connection.run("COMMIT")
            moved.append(1)
        connection.close()

    thread = threading.Thread(target=move)
    thread.start()
    try:
        backup = await bench.take(jobs=2)
    finally:
        ended.set()
        thread.join()
    assert backup.manifest.method == "pg_dump-directory"
    assert "--jobs=2" in backup.manifest.tools[0].arguments
    assert (await bench.restore(backup, database="other", jobs=2)).comparison.is_proof
    assert server.execute("SELECT (SELECT money FROM a) + (SELECT money FROM b)", database="other") == [[100000]]
    assert len(moved) > 1


async def test_a_part_of_it_can_be_written_by_several_jobs(bench: Bench) -> None:
    backup = await bench.take(jobs=2, tables=("lines",))
    assert [part.name for part in backup.manifest.parts] == ["definitions.dump.zst", "database.tar.zst"]
    assert [proof.name for proof in backup.manifest.objects] == ['"public"."lines"']
    assert (await bench.restore(backup, database="other", jobs=2)).comparison.is_proof


async def test_the_recovery_sheet_of_a_folder_restores_it_without_us(bench: Bench) -> None:
    before = _contents(bench.server, "shop")
    backup = await bench.take(jobs=2)
    commands = [line.replace("shop", "other") for line in bench.commands(backup) if "-f globals.sql" not in line]
    await asyncio.to_thread(bench.run_all, commands, backup.location)
    assert _contents(bench.server, "other") == before


async def test_what_cannot_be_done_by_several_jobs_is_told(bench: Bench) -> None:
    with pytest.raises(UsageError, match="a script is written by one job"):
        await bench.take(jobs=2, format=Format.SQL)
    with pytest.raises(UsageError, match="one stream is written by one job"):
        await bench.take(jobs=2, method="logical")
    with pytest.raises(UsageError, match="there is no method directroy") as caught:
        await bench.take(method="directroy")
    assert caught.value.hint == "did you mean directory?"
    script = await bench.take(format=Format.SQL)
    with pytest.raises(RefusedError, match="a script is restored by one job"):
        await bench.restore(script, database="other", jobs=2)


async def test_jobs_that_fail_leave_the_old_database_and_no_other(bench: Bench, temporary: Path) -> None:
    """Rows that no job can take, because their table has been given a constraint that they break."""
    bench.server.execute("CREATE FUNCTION fine(i int) RETURNS bool IMMUTABLE LANGUAGE sql AS 'SELECT true'", database="shop")
    bench.server.execute("ALTER TABLE lines ADD CHECK (fine(id))", database="shop")
    bench.server.execute("CREATE OR REPLACE FUNCTION fine(i int) RETURNS bool IMMUTABLE LANGUAGE sql AS 'SELECT false'", database="shop")
    before = _contents(bench.server, "shop")
    backup = await bench.take()
    with pytest.raises(BackupError, match=r"pg_restore failed.*violates check constraint"):
        await bench.restore(backup, replace=True, jobs=2)
    assert _contents(bench.server, "shop") == before
    assert bench.databases() == {"postgres", "template0", "template1", "shop"}
    assert _names_in(temporary) == set()


_RESTORING = """
import asyncio, sys, time
from pathlib import Path
from aishell_core.clock import SystemClock
from aishell_core.targets import Target, parse_location
from aishell_core.values import TargetId
from aishell_ops.backups.engines.contract import LoadRequest
from aishell_ops.backups.engines.postgres import PostgresBackups
from aishell_ops.backups.layout import Line, Spot
from aishell_ops.backups.repository import Repository
from aishell_ops.backups.restore import RestoreOrder, plan_restore, restore
from aishell_ops.backups.storage.folder import FolderStorage

async def main():
    repository = Repository(FolderStorage(Path(sys.argv[1])), time.time)
    backup = repository.scan().backups[0]
    engine = PostgresBackups(folders=[Path(sys.argv[3])])
    order = RestoreOrder(Target(TargetId("pg"), parse_location(sys.argv[2])), LoadRequest(replace=True, jobs=2))
    plan = await plan_restore(engine, backup, order)
    print(plan.staging, flush=True)
    await restore(engine, repository, Spot(Line("pg", "shop"), backup.id), backup, order, plan, SystemClock())

asyncio.run(main())
"""


async def test_a_kill_while_jobs_restore_leaves_the_old_database_and_the_next_restore_tidies(bench: Bench, temporary: Path) -> None:
    """The jobs are held up by a constraint that takes its time, so that they are surely at work when they are killed."""
    server = bench.server
    slow = "FUNCTION slow(i int) RETURNS bool IMMUTABLE LANGUAGE sql AS"
    server.execute(f"CREATE {slow} 'SELECT true'", "CREATE TABLE late (id int CHECK (slow(id)))", database="shop")
    server.execute("INSERT INTO late VALUES (1)", f"CREATE OR REPLACE {slow} 'SELECT pg_sleep(600) IS NOT NULL'", database="shop")
    before = _contents(server, "shop")
    await bench.take()
    process = bench.begun_elsewhere(_RESTORING, temporary)
    assert process.stdout is not None
    staging = (await asyncio.to_thread(process.stdout.readline)).strip()
    asleep = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{staging}' AND wait_event = 'PgSleep'"
    try:
        await asyncio.to_thread(eventually, lambda: server.execute(asleep) == [[1]])
        jobs = [one for one in psutil.Process(process.pid).children(recursive=True) if one.name() == "pg_restore"]
        assert jobs
    finally:
        os.kill(process.pid, signal.SIGKILL)
        await asyncio.to_thread(process.communicate)
    await asyncio.to_thread(eventually, lambda: not _names_in(temporary) and not any(_runs(one) for one in jobs))
    assert _contents(server, "shop") == before
    server.execute(f"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = '{staging}'")
    await asyncio.to_thread(
        eventually, lambda: server.execute(f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{staging}'") == [[0]]
    )
    server.execute("DROP TABLE late", database="shop")
    other = await bench.take()
    assert staging in bench.databases()
    await bench.restore(other, database="other", jobs=2)
    assert bench.databases() == {"postgres", "template0", "template1", "shop", "other"}


def _runs(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
