"""One program that fails, whichever it is and however, in each command that starts one on a real PostgreSQL server."""

from __future__ import annotations

import getpass
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from aishell_ops.backups.models import BackupState
from aishell_ops.backups.repository import Repository
from aishell_ops.backups.storage.folder import FolderStorage
from aishell_ops.backups.streams.starting import started_by
from tests.command_line import Ran, run_here
from tests.servers.postgres import PostgresServer, own_folder, postgres
from tests.servers.sqlite_client import eventually
from tests.unit.aishell_ops.backups.faulty_starts import FaultyStarts, Way

Capture = pytest.CaptureFixture[str]
ROWS, SAVED = "SELECT count(*), sum(id) FROM orders", [[1000, 500500]]
_OWN = {"postgres", "template0", "template1", "shop"}


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with postgres("15") as found:
        found.execute("CREATE DATABASE shop")
        found.execute("CREATE TABLE orders AS SELECT i AS id FROM generate_series(1, 1000) AS i", database="shop")
        yield found


@dataclass(frozen=True)
class Place:
    """A server, a home with its backups, and folders for what is restored and for what is needed for a while."""

    server: PostgresServer
    home: Path
    folder: Path
    capsys: Capture

    def run(self, *arguments: str, starts: FaultyStarts | None = None) -> Ran:
        words = [word.replace("FOLDER", str(self.folder)) for word in arguments]
        with started_by(starts or FaultyStarts()):
            return run_here(self.capsys, "backup", *words)

    def backups(self) -> list[str]:
        """The backups that lie there, none of which is said to be damaged."""
        found = Repository(FolderStorage(self.home / "backups"), time.time).scan()
        assert (found.damaged, found.unfinished) == ((), ())
        assert all(one.state is not BackupState.CORRUPT for one in found.backups)
        return [str(one.id) for one in found.backups]

    def clear(self) -> None:
        """Take away what a restore has made."""
        self.server.execute("DROP DATABASE IF EXISTS again WITH (FORCE)")
        shutil.rmtree(self.folder / "new", ignore_errors=True)

    def expect_sound(self) -> None:
        """The database is as it was, what was restored is whole or not there, and nothing is left of anything else."""
        assert self.server.execute(ROWS, database="shop") == SAVED
        databases = {str(row[0]) for row in self.server.execute("SELECT datname FROM pg_database")}
        assert databases <= _OWN | {"again"}
        if "again" in databases:
            assert self.server.execute(ROWS, database="again") == SAVED
        # A keeper's program that was killed by another's fault may take a moment to go.
        eventually(lambda: {path.name for path in self.folder.iterdir()} <= {"new"})
        assert not (self.folder / "new").exists() or (self.folder / "new" / "PG_VERSION").exists()


@pytest.fixture
def place(server: PostgresServer, aishell_home: Path, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    folder = own_folder("pgf-")
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    (aishell_home / "config.yaml").write_text(
        f"targets: [{{name: shop, url: '{server.url(database='shop')}'}}]\n"
        f"roles: [{{role: admin, users: [{getpass.getuser()}]}}]\nbackup: {{verify: false}}\n"
    )
    found = Place(server, aishell_home, folder, capsys)
    yield found
    found.clear()
    shutil.rmtree(folder, ignore_errors=True)


LOGICAL, JOBS, PHYSICAL = ("create", "shop"), ("create", "shop", "--jobs", "2"), ("create", "shop", "--method", "physical")
TEST = ("test", "latest")
TO_NAME = ("restore", "latest", "--target", "again", "--yes")
CASES = {
    "create": (LOGICAL, LOGICAL),
    "create-jobs": (LOGICAL, JOBS),
    "create-physical": (LOGICAL, PHYSICAL),
    "test": (LOGICAL, TEST),
    "test-physical": (PHYSICAL, TEST),
    "restore": (LOGICAL, TO_NAME),
    "restore-jobs": (LOGICAL, (*TO_NAME, "--jobs", "2")),
    "restore-tables": (LOGICAL, ("restore", "latest", "--tables", "orders", "--drop-existing", "--confirm", "shop")),
    "restore-physical": (PHYSICAL, ("restore", "latest", "--target", "FOLDER/new", "--yes")),
}
"""What is saved first, and the command whose programs fail."""


def _sweep(place: Place, name: str, ways: tuple[Way, ...]) -> None:
    first, command = CASES[name]
    assert place.run(*first).code == 0
    plain = FaultyStarts()
    assert place.run(*command, starts=plain).code == 0, "without a fault"
    assert plain.names
    for way in ways:
        for number, program in enumerate(plain.names):
            place.clear()
            before, starts = place.backups(), FaultyStarts(number, way)
            ran = place.run(*command, starts=starts)
            told = f"{program} ({number}) {way}: exit {ran.code}: {ran.err}"
            assert starts.failed, told
            assert "Traceback" not in ran.err, told
            assert "this should not have happened" not in ran.err, told
            _expect_told(ran, command, program, way, told)
            after = place.backups()
            assert set(before) <= set(after), told
            assert ran.code == 0 or command[0] != "create" or after == before, told
            place.expect_sound()
        place.clear()
        again = place.run(*command)
        assert again.code == 0, f"{way}: {again.err}"
        place.backups()
        place.expect_sound()


def _expect_told(ran: Ran, command: tuple[str, ...], program: str, way: Way, told: str) -> None:
    """What failed is told by its name, but what was done in another way then, or only watched, or was looked at again."""
    if ran.code == 0:
        elsewhere = command == TEST and program in ("initdb", "postgres")
        assert elsewhere or program == "sh", told
    elif way in (Way.MISSING, Way.FAILS, Way.KILLED, Way.IDLE) and program not in ("initdb", "postgres"):
        assert program in ran.err, told


@pytest.mark.parametrize(
    ("name", "way"),
    [
        ("create", Way.LATE),
        ("create-jobs", Way.MISSING),
        ("test-physical", Way.KILLED),
        ("restore", Way.LATE),
        ("restore-physical", Way.MISSING),
        ("test", Way.IDLE),
        ("restore-jobs", Way.IDLE),
        ("restore-tables", Way.IDLE),
        ("restore-physical", Way.IDLE),
    ],
)
def test_a_program_that_fails_is_told_and_leaves_nothing(place: Place, name: str, way: Way) -> None:
    _sweep(place, name, (way,))


@pytest.mark.soak
@pytest.mark.parametrize("name", CASES)
def test_every_program_that_fails_in_any_way_is_told_and_leaves_nothing(place: Place, name: str) -> None:
    _sweep(place, name, tuple(Way))
