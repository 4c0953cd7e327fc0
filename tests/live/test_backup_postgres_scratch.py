"""Test restores of PostgreSQL: in a server of their own where its programs are here, which nobody else reaches and nothing is left of."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from aishell_ops.backups.drill import drill
from aishell_ops.backups.engines.postgres import PostgresBackups
from aishell_ops.backups.errors import ToolError
from aishell_ops.backups.layout import Line, Spot
from aishell_ops.backups.models import BackupState, Format, Manifest, ProofLevel
from aishell_ops.backups.progress import Stage, Step
from aishell_ops.backups.storage.folder import FolderStorage
from aishell_ops.backups.streams.contract import Keys
from aishell_ops.backups.take import Order, take
from tests.servers.postgres import PostgresServer, own_folder, postgres
from tests.servers.postgres_backups import CLOCK, ENVIRON, Bench
from tests.servers.sqlite_client import eventually
from tests.unit.aishell_ops.backups.streams.test_store_and_fetch import ENCRYPTED, KEYS


@pytest.fixture(scope="module", params=["15", "18"])
def server(request: pytest.FixtureRequest) -> Iterator[PostgresServer]:
    with postgres(request.param) as found:
        found.execute('CREATE ROLE "odd ""role"', "CREATE DATABASE shop")
        found.execute(
            "CREATE TABLE orders (id int PRIMARY KEY, note text)",
            "INSERT INTO orders SELECT i, md5(i::text) FROM generate_series(1, 5000) AS i",
            'ALTER TABLE orders OWNER TO "odd ""role"',
            'CREATE POLICY mine ON orders TO "odd ""role" USING (true)',
            database="shop",
        )
        yield found


@pytest.fixture
def bench(server: PostgresServer, tmp_path: Path) -> Bench:
    return Bench(server, FolderStorage(tmp_path / "backups"))


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where servers for tests have their folders, and nothing else is; the server's user has to reach it."""
    folder = own_folder("pgq-")
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def _with(manifest: Manifest, **annotations: str) -> Manifest:
    return replace(manifest, annotations=tuple((dict(manifest.annotations) | annotations).items()))


@pytest.mark.parametrize("keys", [None, KEYS], ids=["plain", "encrypted"])
@pytest.mark.parametrize("form", [Format.NATIVE, Format.SQL])
async def test_a_test_has_a_server_of_its_own_and_leaves_nothing(bench: Bench, temporary: Path, form: Format, keys: Keys | None) -> None:
    backup = await bench.take(ENCRYPTED if keys else None, format=form)
    before, beside = bench.databases(), set[str]()

    def tell(step: Step) -> None:
        if step.stage is Stage.PROVING:
            beside.update(bench.databases() - before)

    done = await bench.test(backup, keys, tell)
    assert done.proves
    assert done.comparison.hashed == 1
    assert done.backup.state is BackupState.TESTED
    assert beside == set()
    assert done.place != bench.server.target("pg", database="shop").location.redacted()
    assert _names_in(temporary) == set()


async def test_the_server_has_the_roles_of_the_backup_and_no_network(bench: Bench) -> None:
    backup = await bench.take()
    async with bench.engine.scratch(bench.server.target("pg", database="shop"), backup.manifest) as place:
        folder = Path(place.location.host)
        assert place.location.database == "shop"
        assert _mode(folder) == 0o700
        (process,) = [one for one in psutil.Process().children() if _runs_in(one, folder)]
        assert [one for one in process.net_connections() if one.family.name.startswith("AF_INET")] == []
    assert _mode(folder) is None
    assert not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


async def test_a_database_that_every_server_has_is_tested_under_another_name(bench: Bench) -> None:
    target = bench.server.target("pg", database="postgres")
    backup = await take(bench.engine, bench.repository, Order(target, proof=ProofLevel.COUNTS), CLOCK)
    done = await drill(bench.engine, bench.repository, Spot(Line("pg", "postgres"), backup.id), target, CLOCK)
    assert done.backup.state is BackupState.TESTED


async def test_where_no_server_can_take_it_a_database_of_the_same_server_does(bench: Bench, temporary: Path) -> None:
    """Such as one with an extension that is not on this machine."""
    backup = await bench.take()
    before = bench.databases()
    target = bench.server.target("pg", database="shop")
    async with bench.engine.scratch(target, _with(backup.manifest, extensions='["plpgsql", "of_a_vendor"]')) as place:
        assert place.location.port == bench.server.port
        assert place.location.database.startswith("aishell_test_")
        assert _names_in(temporary) == set()
    assert bench.databases() == before


async def test_programs_that_are_on_the_path_alone_are_enough(bench: Bench) -> None:
    engine = PostgresBackups({**ENVIRON, "PATH": f"{bench.server.binaries.folder}:{ENVIRON['PATH']}"})
    target = bench.server.target("pg", database="shop")
    backup = await take(engine, bench.repository, Order(target), CLOCK)
    done = await drill(engine, bench.repository, bench.spot(backup), target, CLOCK)
    assert done.proves


async def test_without_its_programs_a_database_of_the_same_server_takes_it_and_files_are_refused(bench: Bench) -> None:
    backup = await bench.take()
    later = replace(backup.manifest, source=replace(backup.manifest.source, server_version="99.1"))
    target = bench.server.target("pg", database="shop")
    engine = PostgresBackups({**ENVIRON, "PATH": "/nonexistent"})
    async with engine.scratch(target, later) as place:
        assert place.location.port == bench.server.port
    with pytest.raises(ToolError, match="files of PostgreSQL 99 are tried out by its own server alone") as caught:
        async with engine.scratch(target, replace(later, method="pg_basebackup")):
            pass
    assert "install postgresql-99" in caught.value.hint


_TESTING = """
import asyncio, sys, time
from pathlib import Path
from aishell_core.clock import SystemClock
from aishell_core.targets import Target, parse_location
from aishell_core.values import TargetId
from aishell_ops.backups.drill import drill
from aishell_ops.backups.engines.postgres import PostgresBackups
from aishell_ops.backups.layout import Line, Spot
from aishell_ops.backups.progress import Stage
from aishell_ops.backups.repository import Repository
from aishell_ops.backups.storage.folder import FolderStorage

def tell(step):
    if step.stage is (Stage.PROVING if sys.argv[4] else Stage.FINISHING):
        print("now", flush=True)
        time.sleep(600)

async def main():
    repository = Repository(FolderStorage(Path(sys.argv[1])), time.time)
    backup = repository.scan().backups[0]
    spot = Spot(Line("pg", backup.manifest.source.database), backup.id)
    target = Target(TargetId("pg"), parse_location(sys.argv[2]))
    await drill(PostgresBackups(folders=[Path(sys.argv[3])]), repository, spot, target, SystemClock(), tell=tell)

asyncio.run(main())
"""


@pytest.mark.parametrize("method", ["", "physical"])
async def test_nothing_is_left_of_it_when_aishell_is_killed(bench: Bench, temporary: Path, method: str) -> None:
    await bench.take(proof=ProofLevel.NONE if method else ProofLevel.FULL, method=method)
    before = bench.databases()
    process = bench.begun_elsewhere(_TESTING, temporary, "" if method else "running")
    assert process.stdout is not None
    try:
        assert (await asyncio.to_thread(process.stdout.readline)).strip() == "now"
        servers = [one for one in psutil.Process(process.pid).children(recursive=True) if one.name() == "postgres"]
        assert bool(servers) == (not method)
        assert len(_names_in(temporary)) == 1
    finally:
        os.kill(process.pid, signal.SIGKILL)
        await asyncio.to_thread(process.communicate)
    await asyncio.to_thread(eventually, lambda: not _names_in(temporary) and not any(_runs(one) for one in servers))
    assert bench.databases() == before


def _runs_in(process: psutil.Process, folder: Path) -> bool:
    """Whether it is a server on a folder; what an earlier test has left to be reaped is none."""
    try:
        return process.name() == "postgres" and str(folder) in " ".join(process.cmdline())
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return False


def _mode(folder: Path) -> int | None:
    return folder.stat().st_mode & 0o777 if folder.exists() else None


def _names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def _runs(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
