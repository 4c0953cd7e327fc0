"""PostgreSQL's files: a whole server saved by pg_basebackup and restored into a new data folder that a server starts on."""

from __future__ import annotations

import asyncio
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from aishell_core.errors import RefusedError, TargetError, UsageError
from aishell_ops.backups.engines import postgres_physical as physical
from aishell_ops.backups.engines.contract import SaveRequest
from aishell_ops.backups.errors import BackupError, DamagedError
from aishell_ops.backups.models import Backup, BackupState, ProofLevel
from aishell_ops.backups.progress import Stage, Step
from aishell_ops.backups.restore import restore
from aishell_ops.backups.storage.folder import FolderStorage
from aishell_ops.backups.streams.contract import Keys, Recipe
from tests.servers.ports import free_port
from tests.servers.postgres import PostgresServer, own_folder, postgres
from tests.servers.postgres_backups import CLOCK, ENVIRON, Bench, moved
from tests.servers.postgres_binaries import server_user
from tests.unit.aishell_ops.backups.streams.test_store_and_fetch import ENCRYPTED, KEYS

ORDERS = "SELECT count(*), sum(hashtext(note)::bigint) FROM orders"


@pytest.fixture(scope="module", params=["15", "18"])
def server(request: pytest.FixtureRequest) -> Iterator[PostgresServer]:
    with postgres(request.param) as found:
        found.execute("CREATE DATABASE shop")
        found.execute(
            "CREATE TABLE orders AS SELECT i AS id, repeat(md5(i::text), 4) AS note FROM generate_series(1, 20000) AS i", database="shop"
        )
        yield found


@pytest.fixture
def spaced(server: PostgresServer) -> Iterator[PostgresServer]:
    """The server with a table in a tablespace of its own."""
    folder = own_folder("pgx-")
    server.execute(f"CREATE TABLESPACE cold LOCATION '{folder}'")
    server.execute("CREATE TABLE old TABLESPACE cold AS SELECT i AS id FROM generate_series(1, 5000) AS i", database="shop")
    try:
        yield server
    finally:
        server.execute("DROP TABLE old", database="shop")
        server.execute("DROP TABLESPACE cold")
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def bench(server: PostgresServer, tmp_path: Path) -> Bench:
    return Bench(server, FolderStorage(tmp_path / "backups"))


@pytest.fixture
def home() -> Iterator[Path]:
    """Where a server's user may have data folders."""
    folder = own_folder("pgr-")
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


async def _take(bench: Bench, recipe: Recipe | None = None, user: str = "postgres") -> Backup:
    return await bench.take(recipe, ProofLevel.NONE, method="physical", user=user)


@contextmanager
def _started(server: PostgresServer, home: Path, data: Path) -> Iterator[PostgresServer]:
    """A server on a data folder."""
    (home / "run").mkdir()
    user = server_user()
    if user is not None:
        shutil.chown(home / "run", user)
    (home / "run" / "data").symlink_to(data)
    other = moved(server, home / "run", free_port())
    try:
        other.start()
        yield other
    finally:
        other.stop()


def _slots(server: PostgresServer) -> list[list[object]]:
    return server.execute("SELECT slot_name FROM pg_replication_slots")


def _names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize("keys", [None, KEYS], ids=["plain", "encrypted"])
async def test_a_server_starts_on_what_was_restored(bench: Bench, home: Path, keys: Keys | None) -> None:
    before = bench.server.execute(ORDERS, database="shop")
    backup = await _take(bench, ENCRYPTED if keys else None)
    manifest = backup.manifest
    assert (manifest.source.database, [part.name.split(".")[0] for part in manifest.parts]) == ("", ["base"])
    assert dict(manifest.start)["timeline"] == dict(manifest.end)["timeline"] == "1"
    assert dict(manifest.start)["lsn"] != dict(manifest.end)["lsn"]
    await bench.restore(backup, keys, database=str(home / "new"))
    assert _names_in(home) == {"new"}
    with _started(bench.server, home, home / "new") as other:
        assert other.execute(ORDERS, database="shop") == before


@pytest.mark.parametrize("keys", [None, KEYS], ids=["plain", "encrypted"])
async def test_tablespaces_come_to_a_place_of_their_own(spaced: PostgresServer, bench: Bench, home: Path, keys: Keys | None) -> None:
    backup = await _take(bench, ENCRYPTED if keys else None)
    await bench.restore(backup, keys, database=str(home / "new"))
    assert _names_in(home) == {"new", "new.tablespaces"}
    with _started(bench.server, home, home / "new") as other:
        assert other.execute("SELECT count(*) FROM old", database="shop") == [[5000]]
        other.execute("DELETE FROM old", "CHECKPOINT", database="shop")
        (place,) = other.execute("SELECT pg_tablespace_location(oid) FROM pg_tablespace WHERE spcname = 'cold'")
        assert str(place[0]).startswith(str(home / "new.tablespaces"))
    assert spaced.execute("SELECT count(*) FROM old", database="shop") == [[5000]]


async def test_tablespaces_are_tried_out_away_from_the_server_that_has_them(spaced: PostgresServer, bench: Bench) -> None:
    backup = await _take(bench)
    done = await bench.test(backup)
    assert done.backup.state is BackupState.TESTED
    assert spaced.execute("SELECT count(*) FROM old", database="shop") == [[5000]]


async def test_the_recovery_sheet_restores_it_without_us(bench: Bench, home: Path) -> None:
    before = bench.server.execute(ORDERS, database="shop")
    await _follow(bench, await _take(bench), home)
    with _started(bench.server, home, home / "data") as other:
        assert other.execute(ORDERS, database="shop") == before


async def test_the_recovery_sheet_restores_tablespaces_without_us(spaced: PostgresServer, bench: Bench, home: Path) -> None:
    await _follow(bench, await _take(bench), home)
    with _started(bench.server, home, home / "data") as other:
        assert other.execute("SELECT count(*) FROM old", database="shop") == [[5000]]
        (place,) = other.execute("SELECT pg_tablespace_location(oid) FROM pg_tablespace WHERE spcname = 'cold'")
        assert str(place[0]).startswith(str(home / "spaces"))


async def _follow(bench: Bench, backup: Backup, home: Path) -> None:
    """Carry out what the sheet says, up to the start of a server."""
    commands = bench.commands(backup)
    assert commands[-1] == "pg_ctl -D data -w start"
    shutil.copytree(Path(backup.location) / "parts", home / "parts")
    # That of the embedded server's wheel does not even say its version.
    checks = physical.find_checker(backup.manifest, {**ENVIRON, "PATH": ""}, (bench.server.binaries.folder,)) is not None
    await asyncio.to_thread(bench.run_all, [one for one in commands[:-1] if checks or not one.startswith("pg_verifybackup")], home)
    await asyncio.to_thread(_give_to_servers_user, home)


def _give_to_servers_user(home: Path) -> None:
    user = server_user()
    if user is not None:
        for path in home.rglob("*"):
            if not path.is_symlink():
                shutil.chown(path, user)


async def test_a_test_starts_a_server_on_it_and_leaves_nothing(bench: Bench, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.server.execute("ALTER SYSTEM SET archive_command = 'touch /tmp/never'", "ALTER SYSTEM SET shared_preload_libraries = 'absent'")
    try:
        backup = await _take(bench)
    finally:
        bench.server.execute("ALTER SYSTEM RESET ALL")
    monkeypatch.setattr("tempfile.tempdir", str(home))
    done = await bench.test(backup)
    assert done.backup.state is BackupState.TESTED
    assert done.seconds > 0
    assert _names_in(home) == set()


async def test_it_is_whole_while_others_write_more_than_the_server_keeps(bench: Bench, home: Path) -> None:
    """Each transaction writes a pair; the log of changes that the backup needs would be gone without a slot."""
    server = bench.server
    server.execute("CREATE TABLE pairs (id int)", database="shop")
    server.execute("ALTER SYSTEM SET max_wal_size = '32MB'", "ALTER SYSTEM SET min_wal_size = '32MB'", "SELECT pg_reload_conf()")
    ended = threading.Event()

    def write() -> None:
        with_others = server.connect("shop")
        while not ended.is_set():
            with_others.run("INSERT INTO pairs SELECT i FROM generate_series(1, 2) AS i, generate_series(1, 20000)")
        with_others.close()

    thread = threading.Thread(target=write)
    thread.start()
    try:
        backup = await _take(bench)
    finally:
        ended.set()
        thread.join()
        server.execute("ALTER SYSTEM RESET ALL", "SELECT pg_reload_conf()")
        server.execute("DROP TABLE pairs", database="shop")
    assert _slots(server) == []
    await bench.restore(backup, database=str(home / "new"))
    with _started(server, home, home / "new") as other:
        ((first, second),) = other.execute(
            "SELECT count(*) FILTER (WHERE id = 1), count(*) FILTER (WHERE id = 2) FROM pairs", database="shop"
        )
        assert first == second


async def test_a_data_folder_is_never_replaced(bench: Bench, home: Path) -> None:
    backup = await _take(bench)
    (home / "old").mkdir()
    (home / "old" / "PG_VERSION").write_text("precious")
    with pytest.raises(RefusedError, match="is there and not empty; a data folder is never replaced"):
        await bench.restore(backup, database=str(home / "old"))
    with pytest.raises(RefusedError, match="name its path by --target"):
        await bench.restore(backup)
    with pytest.raises(RefusedError, match="single tables"):
        await bench.restore(backup, database=str(home / "new"), tables=("orders",))
    assert (home / "old" / "PG_VERSION").read_text() == "precious"


async def test_a_damaged_part_leaves_no_folder(bench: Bench, home: Path) -> None:
    backup = await _take(bench)
    path = Path(backup.location) / "parts" / backup.manifest.parts[0].name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(BackupError):
        await bench.restore(backup, database=str(home / "new"))
    assert _names_in(home) == set()
    with pytest.raises(BackupError):
        await bench.test(backup)
    assert bench.repository.read(bench.spot(backup)).state is BackupState.CORRUPT


async def test_a_file_that_is_not_as_the_server_gave_it_is_found(bench: Bench, home: Path) -> None:
    backup = await _take(bench, Recipe())
    order, plan = await bench.plan(backup, database=str(home / "new"))

    def spoil(step: Step) -> None:
        if step.stage is Stage.FINISHING:
            (staging,) = home.glob(".new.restoring-*")
            (staging / "data" / "global" / "pg_filenode.map").write_bytes(b"something else")

    with pytest.raises(DamagedError, match=r"pg_filenode\.map"):
        await restore(bench.engine, bench.repository, bench.spot(backup), backup, order, plan, CLOCK, tell=spoil)
    assert _names_in(home) == set()


_KILLED = """
import asyncio, os, sys, time
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

storage, url, programs, final, stage = sys.argv[1:]

def tell(step):
    if step.stage == stage:
        os.kill(os.getpid(), 9)

async def main():
    engine, repository = PostgresBackups(dict(os.environ), (Path(programs),)), Repository(FolderStorage(Path(storage)), time.time)
    (backup,) = repository.scan().backups
    order = RestoreOrder(Target(TargetId("pg"), parse_location(url)), LoadRequest(database=final))
    plan = await plan_restore(engine, backup, order)
    spot = Spot(Line("pg", backup.manifest.source.database), backup.id)
    await restore(engine, repository, spot, backup, order, plan, SystemClock(), tell=tell)

asyncio.run(main())
"""


@pytest.mark.parametrize("stage", [Stage.FINISHING, Stage.PUBLISHING])
async def test_what_a_killed_restore_has_left_is_swept_by_the_next(bench: Bench, home: Path, tmp_path: Path, stage: Stage) -> None:
    backup = await _take(bench, Recipe())
    killed = bench.begun_elsewhere(_KILLED, tmp_path, str(home / "new"), stage.value)
    await asyncio.to_thread(killed.communicate)
    assert killed.returncode == -9
    (left,) = _names_in(home)
    assert left.startswith(".new.restoring-")
    await bench.restore(backup, database=str(home / "new"))
    assert _names_in(home) == {"new"}


async def test_what_cannot_be_is_told_before_anything_begins(bench: Bench) -> None:
    target = bench.server.target("pg", database="shop")
    for request in (SaveRequest(method="physical", tables=("orders",)), SaveRequest(method="physical", database="shop")):
        with pytest.raises(UsageError, match="a physical backup is of the whole server"):
            await bench.engine.plan_save(target, request)
    with pytest.raises(UsageError, match="rows cannot be counted"):
        await bench.take(proof=ProofLevel.COUNTS, method="physical")
    assert list(bench.storage.list()) == []
    assert not list(bench.storage.root.rglob("parts"))
    assert _slots(bench.server) == []


async def test_a_role_without_the_right_gets_the_statement(bench: Bench) -> None:
    bench.server.execute("CREATE ROLE keeper LOGIN")
    try:
        with pytest.raises(TargetError) as caught:
            await _take(bench, user="keeper")
        assert caught.value.hint == 'ALTER ROLE "keeper" REPLICATION;'
        bench.server.execute(caught.value.hint)
        assert (await _take(bench, user="keeper")).manifest.parts[0].plain_bytes > 1 << 20
    finally:
        bench.server.execute("DROP ROLE keeper")


async def test_a_server_that_cannot_be_copied_says_what_must_be_set(tmp_path: Path) -> None:
    with postgres("15", settings={"wal_level": "minimal", "max_wal_senders": "0"}) as server:
        server.execute("CREATE DATABASE shop")
        with pytest.raises(UsageError) as caught:
            await _take(Bench(server, FolderStorage(tmp_path / "backups")))
        assert "wal_level = replica" in caught.value.hint


async def test_a_server_that_dies_in_the_middle_leaves_nothing(tmp_path: Path) -> None:
    with postgres("15") as server:
        server.execute("CREATE DATABASE shop")
        server.execute("CREATE TABLE big AS SELECT i, repeat(md5(i::text), 30) AS t FROM generate_series(1, 60000) AS i", database="shop")
        bench, killed = Bench(server, FolderStorage(tmp_path / "backups")), threading.Event()

        def tell(step: Step) -> None:
            if step.stage is Stage.SAVING and step.plain_bytes > 8 << 20 and not killed.is_set():
                killed.set()
                server.kill()

        with pytest.raises((BackupError, TargetError)):
            await bench.take(proof=ProofLevel.NONE, method="physical", tell=tell)
        assert killed.is_set()
        assert list(bench.storage.list()) == []
