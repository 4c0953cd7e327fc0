"""SQLite files: backup, damage, restore, compare, on every storage, plain and encrypted, beside writers, through kills."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from pathlib import Path

import pytest

from aishell_core.clock import SystemClock
from aishell_core.engines.sqlite_copy import copy_whole
from aishell_core.errors import RefusedError, TargetError, UsageError
from aishell_core.targets import Location, Target
from aishell_core.values import FailureCode, TargetId
from aishell_ops.backups.engines.contract import LoadRequest, SaveRequest
from aishell_ops.backups.engines.sqlite import SqliteBackups
from aishell_ops.backups.errors import BackupError
from aishell_ops.backups.layout import Line, Spot
from aishell_ops.backups.models import Backup, Format, ProofLevel
from aishell_ops.backups.progress import Stage
from aishell_ops.backups.repository import Repository
from aishell_ops.backups.restore import Restored, RestoreOrder, plan_restore, restore
from aishell_ops.backups.rows.engines.sqlite import SqliteTables
from aishell_ops.backups.storage.address import StorageAddress, StorageKind
from aishell_ops.backups.storage.contract import Storage
from aishell_ops.backups.storage.folder import FolderStorage
from aishell_ops.backups.storage.opening import open_storage
from aishell_ops.backups.streams.contract import Keys, Recipe
from aishell_ops.backups.take import Order, take
from aishell_ops.backups.verify import Depth, verify
from tests.servers.clouds import azure, google, s3
from tests.servers.sqlite_client import client, eventually
from tests.unit.aishell_ops.backups.streams.test_store_and_fetch import ENCRYPTED, KEYS

CLOCK = SystemClock()
CLOUDS: dict[str, Callable[[], AbstractContextManager[StorageAddress]]] = {"s3": s3, "azure": azure, "google": google}
ODD = 'it\'s "odd" [b]é\u202e\x1b[31m\n'


@pytest.fixture(scope="module", params=["folder", *CLOUDS])
def address(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StorageAddress]:
    if request.param == "folder":
        yield StorageAddress(StorageKind.FOLDER, path=tmp_path_factory.mktemp("storage") / "backups")
        return
    with CLOUDS[request.param]() as found:
        yield found


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return open_storage(StorageAddress(StorageKind.FOLDER, path=tmp_path / "backups"))


@pytest.fixture(params=["wal", "delete"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A database in which there is something of every kind."""
    path = tmp_path / "shop.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"PRAGMA journal_mode = {request.param}")
        connection.executescript(
            """
            CREATE TABLE orders (id INTEGER PRIMARY KEY, note TEXT, price REAL, photo BLOB);
            CREATE TABLE "an ""odd"" name" (a, b);
            CREATE TABLE empty (x);
            CREATE INDEX by_note ON orders (note);
            CREATE VIEW dear AS SELECT * FROM orders WHERE price > 10;
            CREATE TRIGGER t AFTER DELETE ON orders BEGIN INSERT INTO empty VALUES (old.id); END;
            CREATE VIRTUAL TABLE words USING fts5 (body);
            INSERT INTO words VALUES ('some words to be found');
            """
        )
        rows = ((number, ODD * (number % 3), number / 7, os.urandom(number % 50)) for number in range(5000))
        connection.executemany("INSERT INTO orders VALUES (?, ?, ?, ?)", rows)
        connection.execute("""INSERT INTO "an ""odd"" name" VALUES (NULL, ?)""", (ODD,))
    return path


def _target(path: Path) -> Target:
    return Target(TargetId("shop"), Location("sqlite", path=path))


def _dump(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump())


async def _take(
    storage: Storage, path: Path, recipe: Recipe | None = None, proof: ProofLevel = ProofLevel.FULL, **request: object
) -> Backup:
    order = Order(_target(path), SaveRequest(**request), recipe=recipe or Recipe(), proof=proof)  # type: ignore[arg-type]
    return await take(SqliteBackups(), Repository(storage, time.time), order, CLOCK)


async def _restore(storage: Storage, path: Path, backup: Backup, keys: Keys | None = None, **request: object) -> Restored:
    engine, order = SqliteBackups(), RestoreOrder(_target(path), LoadRequest(**request), keys)  # type: ignore[arg-type]
    plan = await plan_restore(engine, backup, order)
    spot = Spot(Line("shop", path.name), backup.id)
    return await restore(engine, Repository(storage, time.time), spot, backup, order, plan, CLOCK)


@pytest.mark.parametrize("keys", [None, KEYS], ids=["plain", "encrypted"])
async def test_backup_damage_restore_compare(address: StorageAddress, database: Path, keys: Keys | None) -> None:
    storage, before = open_storage(address), _dump(database)
    backup = await _take(storage, database, ENCRYPTED if keys else None)
    found = await verify(Repository(storage, time.time), Spot(Line("shop", "shop.db"), backup.id), Depth.DEEP, CLOCK, keys=keys)
    assert (found.faults, found.remarks) == ((), ())
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("DELETE FROM orders WHERE id % 2")
        connection.execute("DROP TABLE empty")
    restored = await _restore(storage, database, backup, keys, replace=True)
    assert restored.comparison.is_proof
    assert restored.comparison.hashed >= 3
    assert _dump(database) == before


async def test_the_proofs_are_of_every_table(storage: Storage, database: Path) -> None:
    backup = await _take(storage, database)
    rows = {proof.name: proof.rows for proof in backup.manifest.objects}
    assert (rows["orders"], rows['an "odd" name'], rows["empty"]) == (5000, 1, 0)
    assert all(proof.content_hash for proof in backup.manifest.objects)


async def test_a_busy_writer_is_not_disturbed_and_every_backup_shows_one_moment(storage: Storage, database: Path) -> None:
    """A writer moves money between two accounts: whatever is saved, the sum is the same."""
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("CREATE TABLE account (id INTEGER PRIMARY KEY, money INTEGER)")
        connection.execute("INSERT INTO account VALUES (1, 1000), (2, 0)")
    with client(database, timeout=60) as writer:
        for number in range(4):
            writer.send("UPDATE account SET money = money + CASE id WHEN 1 THEN -1 ELSE 1 END", 100)
            backup = await _take(storage, database)
            writer.answer()
            await _restore(storage, database, backup, database=f"copy{number}.db")
            with closing(sqlite3.connect(database.with_name(f"copy{number}.db"))) as connection:
                assert connection.execute("SELECT sum(money) FROM account").fetchone() == (1000,)
        assert writer.run("SELECT money FROM account WHERE id = 2") == [["400"]]


async def test_a_backup_that_waits_for_a_writer_is_cancelled_at_once_and_leaves_nothing(storage: Storage, tmp_path: Path) -> None:
    path = tmp_path / "locked.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE t (x)")
    with client(path) as writer:
        writer.run("BEGIN EXCLUSIVE")
        running = asyncio.create_task(_take(storage, path))
        await asyncio.to_thread(eventually, lambda: Repository(storage, CLOCK.now).scan().unfinished)
        running.cancel()
        assert isinstance((await asyncio.gather(running, return_exceptions=True))[0], asyncio.CancelledError)
        found = Repository(storage, CLOCK.now).scan()
        assert (found.backups, found.unfinished) == ((), ())
        assert writer.run("SELECT count(*) FROM t") == [["0"]]


def test_a_copy_gives_up_on_a_writer_that_does_not_end(tmp_path: Path) -> None:
    path = tmp_path / "locked.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE t (x)")
    with client(path) as writer:
        writer.run("BEGIN EXCLUSIVE")
        with pytest.raises(TargetError, match="is locked by a writer") as caught:
            copy_whole(path, tmp_path / "copy.db", 0.0, lambda: True)
        assert caught.value.reason is FailureCode.LOCKED


def _damage(database: Path) -> None:
    content = bytearray(database.read_bytes())
    content[3 * 4096 : 3 * 4096 + 2000] = random.Random(1).randbytes(2000)
    database.write_bytes(content)


async def test_an_index_that_has_lost_rows_is_seen_where_all_is_proven(storage: Storage, database: Path) -> None:
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("CREATE TABLE tags (word TEXT)")
        connection.execute("CREATE INDEX by_word ON tags (word)")
        connection.execute("PRAGMA writable_schema = ON")
        hidden = connection.execute("SELECT * FROM sqlite_schema WHERE name = 'by_word'").fetchone()
        connection.execute("DELETE FROM sqlite_schema WHERE name = 'by_word'")
        connection.execute("PRAGMA writable_schema = RESET")
        connection.execute("INSERT INTO tags VALUES ('lost')")
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("INSERT INTO sqlite_schema VALUES (?, ?, ?, ?, ?)", hidden)
        connection.execute("PRAGMA writable_schema = RESET")
    with pytest.raises(BackupError, match=r"the database is damaged: .*by_word"):
        await _take(storage, database)
    backup = await _take(storage, database, proof=ProofLevel.COUNTS)
    done = await _restore(storage, database, backup, replace=True)
    assert done.comparison.is_proof


@pytest.mark.parametrize("proof", [ProofLevel.COUNTS, ProofLevel.FULL])
async def test_a_damaged_page_is_seen_by_either_proof(storage: Storage, database: Path, proof: ProofLevel) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    _damage(database)
    with pytest.raises(BackupError, match="the database is damaged"):
        await _take(storage, database, proof=proof)
    assert list(storage.list()) == []


async def test_no_file_is_left_beside_the_database(storage: Storage, database: Path) -> None:
    beside = sorted(path.name for path in database.parent.iterdir())
    backup = await _take(storage, database)
    await _restore(storage, database, backup, replace=True)
    assert sorted(path.name for path in database.parent.iterdir() if path.name != "backups") == beside


async def test_a_file_that_is_there_is_replaced_only_by_who_says_so(storage: Storage, database: Path) -> None:
    backup = await _take(storage, database)
    with pytest.raises(RefusedError, match="--drop-existing replaces it"):
        await _restore(storage, database, backup)
    await _restore(storage, database, backup, database="other.db")
    assert _dump(database.with_name("other.db")) == _dump(database)


async def test_a_whole_path_names_a_file_of_another_folder(storage: Storage, database: Path, tmp_path: Path) -> None:
    (tmp_path / "else where").mkdir()
    new = tmp_path / "else where" / "new.db"
    backup = await _take(storage, database)
    restored = await _restore(storage, database, backup, database=str(new))
    assert restored.comparison.is_proof
    assert _dump(new) == _dump(database)
    with pytest.raises(RefusedError, match=r"new\.db is there; --drop-existing replaces it"):
        await _restore(storage, database, backup, database=str(new))
    with pytest.raises(RefusedError, match=r"the folder .*/none is missing"):
        await _restore(storage, database, backup, database=str(tmp_path / "none" / "new.db"))


async def test_what_no_file_can_be_called_and_what_is_no_file_is_told(storage: Storage, database: Path, tmp_path: Path) -> None:
    (tmp_path / "folder.db").mkdir()
    os.mkfifo(tmp_path / "pipe.db")
    backup = await _take(storage, database)
    for name, words in (
        ("folder.db", "is a folder, and is never replaced"),
        ("..", "neither the name of a file nor a whole path"),
        ("sub/new.db", "neither the name of a file nor a whole path"),
        ("pipe.db", "is no usual file, and is never replaced"),
        ("n" * 300, "there can be no file .*name too long"),
        (str(database / "new.db"), "there can be no file .*not a directory"),
        ("a\0b", "there can be no file .*null"),
    ):
        with pytest.raises(UsageError, match=words):
            await SqliteBackups().plan_load(_target(database), backup.manifest, LoadRequest(name, replace=True))
        with pytest.raises(UsageError, match=words):
            await SqliteTables().survey(_target(database), name, ())


async def test_a_file_that_is_no_database_is_never_replaced(storage: Storage, database: Path, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear all, " * 100)
    backup = await _take(storage, database)
    with pytest.raises(RefusedError, match=r"letter\.txt is no SQLite database, and is never replaced"):
        await _restore(storage, database, backup, database="letter.txt", replace=True)
    assert (tmp_path / "letter.txt").read_text() == "dear all, " * 100


async def test_a_file_that_a_program_has_open_is_not_taken_away_from_it(storage: Storage, database: Path) -> None:
    backup = await _take(storage, database)
    with client(database) as reader:
        reader.run("SELECT count(*) FROM orders")
        with pytest.raises(RefusedError, match=r"has shop\.db open"):
            await _restore(storage, database, backup, replace=True)


async def test_what_cannot_be_saved_is_told_before_anything_is_written(storage: Storage, tmp_path: Path, database: Path) -> None:
    (tmp_path / "text.db").write_text("this is no database, though it is long enough to be one of them, or so one might think")
    (tmp_path / "none.db").touch()
    for path, request, words in (
        (tmp_path / "text.db", {}, "no SQLite database"),
        (tmp_path / "none.db", {}, "empty or no SQLite database"),
        (database, {"tables": ("orders",)}, "a part of an SQLite database"),
        (database, {"format": Format.JSON}, "cannot be saved as json"),
    ):
        with pytest.raises(UsageError, match=words):
            await _take(storage, path, **request)
    assert list(storage.list()) == []


_PROGRAM = """
import asyncio, sys, time
from pathlib import Path
from aishell_core.clock import SystemClock
from aishell_core.targets import Location, Target
from aishell_core.values import TargetId
from aishell_ops.backups.engines.sqlite import SqliteBackups
from aishell_ops.backups.repository import Repository
from aishell_ops.backups.storage.folder import FolderStorage
from aishell_ops.backups.take import Order, take

storage, database = FolderStorage(Path(sys.argv[1])), Path(sys.argv[2])
calls, last = 0, int(sys.argv[3])

def count(frame, event, argument):
    '''Ends this process without a word at one of the calls into the storage.'''
    global calls
    if event == "call" and frame.f_code.co_filename.endswith("folder.py"):
        calls += 1
        if calls == last:
            import os, signal
            os.kill(os.getpid(), signal.SIGKILL)

import threading
threading.setprofile(count)
sys.setprofile(count)
order = Order(Target(TargetId("shop"), Location("sqlite", path=database)))
asyncio.run(take(SqliteBackups(), Repository(storage, time.time), order, SystemClock()))
print(calls)
"""


def _killed_at(call: int, storage: Path, database: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    arguments = [sys.executable, "-c", _PROGRAM, str(storage), str(database), str(call)]
    return subprocess.run(arguments, env=environment, capture_output=True, text=True, timeout=300, check=False)


async def test_a_kill_at_any_moment_leaves_a_whole_backup_or_none_and_the_next_one_comes_right(tmp_path: Path) -> None:
    database = tmp_path / "shop.db"
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.executescript("CREATE TABLE t (a); INSERT INTO t VALUES (1), (2);")
    whole = _killed_at(0, tmp_path / "whole", database)
    assert whole.returncode == 0, whole.stderr
    calls = int(whole.stdout)
    for call in sorted(random.Random(11).sample(range(1, calls), min(14, calls - 1))):
        folder = tmp_path / f"killed-{call}"
        assert _killed_at(call, folder, database).returncode == -signal.SIGKILL
        storage = open_storage(StorageAddress(StorageKind.FOLDER, path=folder))
        repository = Repository(storage, time.time)
        for backup in repository.scan().backups:
            assert (await verify(repository, Spot(Line("shop", "shop.db"), backup.id), Depth.DEEP, CLOCK)).is_whole
        backup = await _take(storage, database)
        found = repository.scan()
        assert backup in found.backups
        assert (found.unfinished, found.damaged) == ((), ())
        assert not [path for path in folder.rglob(".*") if path.name.endswith(".part")]


_RESTORED = """
import asyncio, os, sys, time
from pathlib import Path
from aishell_core.clock import SystemClock
from aishell_core.targets import Location, Target
from aishell_core.values import TargetId
from aishell_ops.backups.engines.contract import LoadRequest
from aishell_ops.backups.engines.sqlite import SqliteBackups
from aishell_ops.backups.layout import Line, Spot
from aishell_ops.backups.repository import Repository
from aishell_ops.backups.restore import RestoreOrder, plan_restore, restore
from aishell_ops.backups.storage.folder import FolderStorage

storage, database, stage = sys.argv[1:]

def tell(step):
    if step.stage == stage:
        os.kill(os.getpid(), 9)

async def main():
    engine, repository = SqliteBackups(), Repository(FolderStorage(Path(storage)), time.time)
    (backup,) = repository.scan().backups
    order = RestoreOrder(Target(TargetId("shop"), Location("sqlite", path=Path(database))), LoadRequest(replace=True))
    plan = await plan_restore(engine, backup, order)
    await restore(engine, repository, Spot(Line("shop", "shop.db"), backup.id), backup, order, plan, SystemClock(), tell=tell)

asyncio.run(main())
"""


@pytest.mark.parametrize("stage", [Stage.FINISHING, Stage.PROVING, Stage.PUBLISHING])
async def test_what_a_killed_restore_has_left_is_swept_by_the_next(tmp_path: Path, stage: Stage) -> None:
    database, backups = tmp_path / "shop.db", tmp_path / "backups"
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.executescript("CREATE TABLE t (a); INSERT INTO t VALUES (1), (2);")
    # In a process of its own: whoever has looked at a file keeps it open, and a restore is refused where somebody else has.
    saved = _dump(database)
    assert _killed_at(0, backups, database).returncode == 0
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("DELETE FROM t")
    old, environment = _dump(database), {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    arguments = [sys.executable, "-c", _RESTORED, str(backups), str(database), stage.value]
    killed = await asyncio.to_thread(subprocess.run, arguments, env=environment, capture_output=True, text=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert _dump(database) == old
    (left,) = _hidden(tmp_path)
    assert left.name.startswith(".shop.db.restoring-")
    (backup,) = Repository(FolderStorage(backups), time.time).scan().backups
    await _restore(FolderStorage(backups), database, backup, replace=True)
    assert _dump(database) == saved
    assert _hidden(tmp_path) == []


def _hidden(folder: Path) -> list[Path]:
    """What restores have left beside what they make."""
    return [path for path in folder.iterdir() if path.name.startswith(".")]
