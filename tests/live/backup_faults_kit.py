"""A configured database with backups in a folder and in a cloud, for commands of which one call fails; and what must be true after each."""

from __future__ import annotations

import getpass
import io
import secrets
import shutil
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import closing, redirect_stderr, redirect_stdout
from functools import cache, partial
from pathlib import Path

import pyrage
from typer.main import get_command

from aishell_core.state.store import Store
from aishell_core.targets import Secret
from aishell_ops.backups import book
from aishell_ops.backups.holder import lives
from aishell_ops.backups.manifest import decode
from aishell_ops.backups.models import Backup, BackupState, Holder, RecordKind
from aishell_ops.backups.repository import Repository
from aishell_ops.backups.storage.address import StorageAddress
from aishell_ops.backups.storage.contract import Storage
from aishell_ops.backups.storage.folder import FolderStorage
from aishell_ops.backups.streams.contract import Keys
from aishell_ops.backups.streams.fetch import fetch
from aishell_ops.backups.streams.nowhere import Nowhere
from aishell_tui.backup_aftercare import spot_of_backup
from aishell_tui.cli import boundary
from aishell_tui.cli.arguments import Choice
from aishell_tui.cli.tree import app
from tests.command_line import Ran
from tests.unit.aishell_ops.backups.faulty_storage import Fault, FaultyFolder, FaultyStorage

MARK = f"what nobody else may read {secrets.token_hex(8)}".encode()
OLD, SAVED = ("old one", "old two"), ("first", "second", "third")
ME = getpass.getuser()
_MEMORY = Path("/dev/shm")  # where copies lie that may not touch a disk


class World:
    """A home with its state, a database and two storages; `reset` makes all of it as it was when `keep` was called."""

    def __init__(self, home: Path) -> None:
        self.home, self.work = home, home / "work"
        self.path, self.near, self.far = self.work / "shop.db", home / "near", home / "far"
        self.other = home / "other"
        self._kept = home.with_name(f"{home.name}-kept")
        self._identity = pyrage.x25519.Identity.generate()
        self.work.mkdir(parents=True)
        (home / "key.txt").write_text(str(self._identity))
        (home / "key.txt").chmod(0o600)
        self.configure()

    def configure(self, *, last: int = 7) -> None:
        """Write the configuration: how many backups are kept is what differs."""
        (self.home / "config.yaml").write_text(
            f"targets: [{{name: shop, url: '{self.path}'}}]\n"
            f"roles: [{{role: admin, users: [{ME}]}}]\n"
            f"backup:\n  storage: {self.near}\n  cloud: s3://far\n  encrypt: true\n  retention: {{last: {last}}}\n"
            f"  encryption: {{recipients: [{self._identity.to_public()}], identities: [{{file: {self.home / 'key.txt'}}}]}}\n"
        )

    def fill(self, notes: tuple[str, ...]) -> None:
        """Make the database hold these rows and no others."""
        with closing(sqlite3.connect(self.path)) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS orders (id INTEGER PRIMARY KEY, note TEXT)")
            connection.execute("DELETE FROM orders")
            connection.executemany("INSERT INTO orders (note) VALUES (?)", [(f"{note}: {MARK.decode()}",) for note in notes])
            connection.commit()

    def notes(self, path: Path | None = None) -> tuple[str, ...]:
        """The rows of a database, which must be sound."""
        with closing(sqlite3.connect(path or self.path)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            return tuple(note.partition(":")[0] for (note,) in connection.execute("SELECT note FROM orders ORDER BY id"))

    def make_due(self, name: str, expression: str) -> None:
        """As if a schedule had been known for an hour, and never been run."""
        with closing(Store.open(self.home / "state")) as store:
            store.transact(lambda connection: connection.execute("DELETE FROM backup_run"))
            store.transact(lambda connection: book.remove_mark(connection, name))
            store.transact(lambda connection: book.note_schedule(connection, name, expression, time.time() - 3600))

    def keep(self) -> None:
        """What `reset` comes back to."""
        shutil.rmtree(self._kept, ignore_errors=True)
        shutil.copytree(self.home, self._kept)

    def reset(self) -> None:
        """Everything as it was when it was kept."""
        shutil.rmtree(self.home)
        shutil.copytree(self._kept, self.home)

    def run(self, *arguments: str, fault: Fault | None = None) -> Ran:
        """Run a command of backups, with a fault or none."""
        out, err, given = io.StringIO(), io.StringIO(), Choice(opens=self._opening(fault or Fault()))
        with redirect_stdout(out), redirect_stderr(err):
            code = boundary.run(partial(_tree(), obj=given), ("backup", *arguments))
        return Ran(code, out.getvalue(), err.getvalue())

    def _opening(self, fault: Fault) -> Callable[[StorageAddress], Storage]:
        def opens(address: StorageAddress) -> Storage:
            if address.path is not None:
                return FaultyFolder(FolderStorage(address.path), fault)
            return FaultyStorage(FolderStorage(self.far), fault)

        return opens

    def backups(self, place: Path | None = None) -> tuple[Backup, ...]:
        """The backups of a storage, each read and found whole down to its plain bytes."""
        repository = Repository(FolderStorage(place or self.near), time.time)
        found = repository.scan()
        assert found.damaged == ()
        for backup in found.backups:
            assert backup.state is not BackupState.CORRUPT
            self._expect_whole(repository, backup)
        return found.backups

    def _expect_whole(self, repository: Repository, backup: Backup) -> None:
        spot, keys, compression = spot_of_backup(backup), Keys((Secret(str(self._identity)),)), backup.manifest.compression
        for part in backup.manifest.parts:
            stop, key = threading.Event(), spot.part_key(part.name)
            fetch(part, repository.storage, key, Nowhere(), lambda _: None, stop, compression=compression, keys=keys)

    def ids(self, place: Path | None = None) -> tuple[str, ...]:
        """The ids of the whole backups of a storage, the oldest first."""
        return tuple(str(one.id) for one in sorted(self.backups(place), key=lambda one: one.manifest.started_at))

    def leftovers(self) -> list[str]:
        """What lies in the storages and is no backup: what was begun, leases of somebody living, hidden files of writers."""
        found: list[str] = []
        for place in (self.near, self.far, self.other):
            found += [str(one.spot.id) for one in Repository(FolderStorage(place), time.time).scan().unfinished]
            found += [str(path) for path in place.rglob("*.part")]
            found += [str(path) for path in place.rglob("lease.json") if lives(decode(Holder, path.read_bytes(), str(path))) is not False]
        return found

    def records(self, kind: RecordKind, place: Path) -> int:
        """How many records of a kind there are in a storage."""
        return sum(record.kind is kind for one in self.backups(place) for record in one.records)

    def plain_files(self) -> list[str]:
        """Files that hold what nobody else may read, apart from the databases themselves."""
        places = [path for path in self.home.rglob("*") if path.suffix != ".db"]
        return [str(path) for path in places if path.is_file() and MARK in path.read_bytes()]

    def hidden(self) -> list[str]:
        """What restores and copies leave beside what they make, or in the places for what is needed for a while."""
        scratch = [path for folder in (_MEMORY, Path(tempfile.gettempdir())) for path in folder.glob("aishell-*/*")]
        mine = [str(path) for path in scratch if _is_mine(path)]
        return mine + [str(path) for path in self.work.iterdir() if path.name.startswith(".")]


@cache
def _tree() -> Callable[..., object]:
    """The commands, made once: that takes longer than most of them do."""
    return get_command(app)


def _is_mine(path: Path) -> bool:
    """Whether a file in a scratch folder is of this world: other tests have theirs beside it, which may be gone meanwhile."""
    try:
        return path.is_file() and MARK in path.read_bytes()
    except OSError:
        return False
