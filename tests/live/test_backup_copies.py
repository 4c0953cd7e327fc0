"""Copies in clouds: verified there, with their records, and let go of by the same rules as the backups that they are copies of."""

from __future__ import annotations

import getpass
import io
import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, redirect_stderr, redirect_stdout
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from aishell_core.state.store import Store
from aishell_ops.backups.errors import StorageError, StorageFault
from aishell_ops.backups.models import BackupState
from aishell_ops.backups.repository import Repository
from aishell_ops.backups.storage.address import StorageAddress
from aishell_ops.backups.storage.contract import Storage, Writer
from aishell_ops.backups.storage.folder import FolderStorage
from aishell_ops.backups.storage.opening import open_storage
from aishell_tui.cli import boundary
from aishell_tui.cli.arguments import Choice
from aishell_tui.cli.tree import app
from aishell_tui.places import find_places
from tests.command_line import Ran
from tests.servers.clouds import azure, google, s3

_PARTS = "/parts/"


class World:
    """A configured database whose backups are copied to `far`; two are kept in each storage."""

    def __init__(self, home: Path, far: Callable[[], Storage]) -> None:
        self.near, self.far = home / "near", far
        self.opens_near: Callable[[Path], Storage] = FolderStorage
        self.path = home / "shop.db"
        with closing(sqlite3.connect(self.path)) as connection, connection:
            connection.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, note TEXT)")
            connection.executemany("INSERT INTO orders (note) VALUES (?)", [(f"note {number}",) for number in range(200)])
        (home / "config.yaml").write_text(
            f"targets: [{{name: shop, url: '{self.path}'}}]\nroles: [{{role: admin, users: [{getpass.getuser()}]}}]\n"
            f"backup:\n  storage: {self.near}\n  cloud: s3://far\n  retention: {{last: 2}}\n"
        )

    def create(self) -> tuple[int, dict[str, Any], str]:
        """Make a backup and a copy: the exit code, what scripts are told, what people are told."""
        ran = self.run("create", "shop", "--output", str(self.near), "--cloud", "--json")
        return ran.code, json.loads(ran.out.splitlines()[-1]), ran.err

    def run(self, *words: str) -> Ran:
        """A command of backups."""
        out, err, given = io.StringIO(), io.StringIO(), Choice(opens=self._open)
        with redirect_stdout(out), redirect_stderr(err):
            code = boundary.run(partial(get_command(app), obj=given), ("backup", *words))
        return Ran(code, out.getvalue(), err.getvalue())

    def states(self, storage: Storage) -> dict[str, BackupState]:
        """The backups of a storage."""
        return {str(one.id): one.state for one in Repository(storage, lambda: 0.0).scan().backups}

    def _open(self, address: StorageAddress) -> Storage:
        return self.opens_near(address.path) if address.path is not None else self.far()


@pytest.mark.parametrize("cloud", [s3, azure, google], ids=["s3", "azure", "gcs"])
def test_copies_are_verified_in_their_cloud_and_old_ones_go_there_too(cloud: Any, aishell_home: Path) -> None:
    with cloud() as address:
        world = World(aishell_home, lambda: open_storage(address))
        made = [world.create() for _ in range(4)]
        assert [code for code, _, _ in made] == [0] * 4, made[-1][2]
        ids = [report["backup"]["id"] for _, report, _ in made]
        removed = [[one["removed"] for one in report["copies_retained"]] for _, report, _ in made]
        assert removed == [[[]], [[]], [ids[:1]], [ids[1:2]]]
        with closing(open_storage(address)) as storage:
            assert world.states(storage) == dict.fromkeys(ids[2:], BackupState.VERIFIED)
            levels = [record.level for one in Repository(storage, lambda: 0.0).scan().backups for record in one.records]
            assert levels == ["deep", "stored"] * 2
        assert world.states(FolderStorage(world.near)) == dict.fromkeys(ids[2:], BackupState.VERIFIED)


def test_what_does_not_verify_is_copied_nowhere_and_removes_nothing(aishell_home: Path) -> None:
    far = FolderStorage(aishell_home / "far")
    world = World(aishell_home, lambda: far)
    for _ in range(2):
        assert world.create()[0] == 0
    good = world.states(far)
    world.opens_near = Spoiling
    code, report, told = world.create()
    assert (code, report["backup"]["state"], report["copies"], report["removed"]) == (1, "corrupt", [], [])
    assert any("is not copied" in doubt for doubt in report["doubts"]), told
    assert world.states(far) == good
    assert set(good) < set(world.states(FolderStorage(world.near)))


def test_a_copy_that_does_not_read_back_is_told_and_never_counted_on(aishell_home: Path) -> None:
    far = aishell_home / "far"
    world = World(aishell_home, lambda: Spoiling(far))
    for _ in range(3):
        code, report, _ = world.create()
        assert (code, report["backup"]["state"], report["copies"], report["removed"]) == (1, "verified", [], [])
        assert any("the copy in" in doubt and "damaged" in doubt for doubt in report["doubts"])
    assert set(world.states(FolderStorage(far)).values()) == {BackupState.CORRUPT}
    assert len(world.states(FolderStorage(world.near))) == 3


@pytest.fixture
def pair(aishell_home: Path) -> World:
    """Two backups, each with a copy in `far`."""
    far = FolderStorage(aishell_home / "far")
    world = World(aishell_home, lambda: far)
    for _ in range(2):
        assert world.create()[0] == 0
    return world


def _latest(world: World) -> str:
    return str(json.loads(world.run("info", "latest", "--json").out)["backup"]["id"])


def _spoil(storage: Storage, id_: str, name: str) -> Path:
    """Change the middle of an object of a backup."""
    (path,) = Path(storage.address).glob(f"shop/*/{id_}/{name}")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    return path


def test_verify_looks_at_every_copy_and_names_each(pair: World) -> None:
    ran = pair.run("verify", "latest", "--deep")
    assert (ran.code, [line.rpartition(" in ")[2].split()[0] for line in ran.out.splitlines()]) == (0, [str(pair.near), "s3://far"]), (
        ran.out
    )
    _spoil(pair.far(), _latest(pair), "parts/*")
    ran = pair.run("verify", "latest", "--deep")
    good, bad, *faults = ran.out.splitlines()
    assert (ran.code, "is whole in" in good, "is DAMAGED in s3://far" in bad, bool(faults)) == (2, True, True, True), ran.out
    rows = [json.loads(line) for line in pair.run("verify", "latest", "--deep", "--json").out.splitlines() if '"whole"' in line]
    assert [row["whole"] for row in rows] == [True, False]
    assert pair.run("verify", "latest", "--deep", "--storage", str(pair.near)).code == 0


def test_info_looks_at_every_copy_too_and_tells_the_state_of_each(pair: World) -> None:
    assert pair.run("info", "latest", "--verify").code == 0
    (part,) = Path(pair.far().address).glob(f"shop/*/{_latest(pair)}/parts/*")
    part.write_bytes(part.read_bytes()[:-1])
    ran = pair.run("info", "latest", "--verify", "--json")
    assert (ran.code, [one["state"] for one in json.loads(ran.out)["backup"]["copies"]]) == (2, ["verified", "corrupt"]), ran.out


def test_a_copy_that_cannot_be_believed_is_damage_beside_one_that_is_whole(pair: World) -> None:
    path = _spoil(pair.far(), _latest(pair), "manifest.json")
    ran = pair.run("verify", "latest")
    assert (ran.code, "is whole in" in ran.out, f"DAMAGED: {path}" in ran.out) == (2, True, True), ran.out
    rows = [json.loads(line) for line in pair.run("verify", "latest", "--json").out.splitlines() if '"whole"' in line]
    assert [row["whole"] for row in rows] == [False, True]


def test_a_storage_that_cannot_be_looked_into_is_told_beside_a_copy_that_is_whole(pair: World) -> None:
    far = Path(pair.far().address)
    far.rename(far.with_name("away"))
    far.write_text("no folder")
    ran = pair.run("verify", "latest")
    assert (ran.code, "is whole in" in ran.out, "not looked at:" in ran.err) == (1, True, True), ran.err


def test_a_test_restore_says_of_which_copy_it_was(pair: World) -> None:
    ran = pair.run("test", "latest")
    assert (ran.code, f"from {pair.near}" in ran.out, "the copy in s3://far was not tested" in ran.err) == (0, True, True), ran.err
    _spoil(FolderStorage(pair.near), _latest(pair), "parts/*")
    assert pair.run("verify", "latest", "--deep").code == 2
    ran = pair.run("test", "latest")
    assert (ran.code, f"from {pair.far().address}" in ran.out, f"the copy in {pair.near} was not tested" in ran.err) == (0, True, True)


def test_a_restore_takes_the_copy_that_is_good_and_names_what_is_not(pair: World) -> None:
    _spoil(FolderStorage(pair.near), _latest(pair), "parts/*")
    assert pair.run("verify", "latest", "--deep").code == 2
    ran = pair.run("restore", "latest", "--target", "beside.db", "--yes")
    assert (ran.code, ran.err.count(f"mind: the copy in {pair.near} is corrupt")) == (0, 2), ran.err


def test_a_restore_of_the_latest_names_a_newer_one_that_is_damaged(pair: World) -> None:
    newest = _latest(pair)
    (older,) = set(pair.states(pair.far())) - {newest}
    for storage in (pair.far(), FolderStorage(pair.near)):
        _spoil(storage, newest, "manifest.json")
    shown = json.loads(pair.run("restore", "latest", "--target", "beside.db", "--dry-run", "--json").out)
    assert (shown["backup"]["id"], [newest in warning for warning in shown["warnings"]]) == (older, [True, True]), shown
    ran = pair.run("restore", "latest", "--target", "beside.db", "--yes", "--json")
    done = json.loads(ran.out.splitlines()[-1])
    assert (done["backup"]["id"], done["warnings"]) == (older, shown["warnings"])
    # Of one that was named nothing newer matters.
    named = json.loads(pair.run("restore", older, "--target", "third.db", "--dry-run", "--json").out)
    assert not any(newest in warning for warning in named["warnings"])


def _copies(world: World, id_: str) -> list[tuple[str, str, str]]:
    """What the list tells of the storages of a backup: kind, state, reason."""
    rows = json.loads(world.run("list", "--json").out)["backups"]
    (copies,) = (row["copies"] for row in rows if row["id"] == id_)
    return [("s3" if one["storage"] == "s3://far" else "near", one["state"], one["reason"]) for one in copies]


@pytest.fixture
def lacking(aishell_home: Path) -> World:
    """A world whose far storage takes nothing but what it is asked for."""
    return World(aishell_home, lambda: Full(aishell_home / "far"))


def _mend(world: World) -> FolderStorage:
    far = FolderStorage(Path(world.far().address))
    world.far = lambda: far
    return far


def test_a_copy_that_failed_is_told_with_its_reason_and_made_up_for_by_the_next_backup(lacking: World) -> None:
    code, report, _ = lacking.create()
    first = report["backup"]["id"]
    assert (code, report["copies"]) == (1, [])
    assert _copies(lacking, first) == [("near", "verified", ""), ("s3", "missing", "there is no room left")]
    assert "missing in s3://far" in " ".join(lacking.run("list").out.split())
    told = lacking.run("info", first)
    assert ("s3://far  missing: there is no room left" in told.out, f"aishell backup copy {first}" in told.out) == (True, True), told.out
    assert "s3://far missing" in lacking.run("list", "--output", "csv").out
    far = _mend(lacking)
    code, report, err = lacking.create()
    assert (code, report["made_up"]) == (0, [{"id": first, "storage": "s3://far"}]), err
    assert lacking.states(far) == dict.fromkeys([first, report["backup"]["id"]], BackupState.VERIFIED)
    assert _copies(lacking, first) == [("near", "verified", ""), ("s3", "verified", "")]
    assert lacking.create()[1]["made_up"] == []


def test_a_copy_that_failed_is_made_up_for_by_a_command(lacking: World) -> None:
    lacking.create()
    refused = lacking.run("copy", "latest")
    assert (refused.code, "there is no room left" in refused.err) == (74, True), refused.err
    far = _mend(lacking)
    made = lacking.run("copy", "latest", "--json")
    last = json.loads(made.out.splitlines()[-1])
    assert (made.code, last["storage"], list(lacking.states(far).values())) == (0, "s3://far", [BackupState.VERIFIED]), made.err
    nothing = lacking.run("copy", "latest")
    assert (nothing.code, nothing.out, "no copy of" in nothing.err) == (0, "", True), nothing.err


def test_a_copy_that_was_removed_is_not_missing_and_does_not_come_back(pair: World) -> None:
    id_ = _latest(pair)
    assert pair.run("delete", id_, "--storage", "s3://far", "--cloud", "--force").code == 0
    assert _copies(pair, id_) == [("near", "verified", "")]
    assert pair.create()[1]["made_up"] == []
    assert pair.run("copy", id_, "--cloud").code == 0
    assert _copies(pair, id_) == [("near", "verified", ""), ("s3", "verified", "")]


def test_a_copy_that_an_ended_program_did_not_come_to_is_made_up_for(pair: World) -> None:
    """As after kill -9 between the backup and its copy: the copy is not there, and no attempt at it is known."""
    id_ = _latest(pair)
    assert pair.run("delete", id_, "--storage", "s3://far", "--cloud", "--force").code == 0
    with closing(Store.open(find_places().state)) as store:
        store.transact(lambda connection: connection.execute("DELETE FROM backup_attempt WHERE what = 'copy' AND backup = ?", (id_,)))
    assert _copies(pair, id_)[1:] == [("s3", "missing", "the program ended before it was made")]
    assert [one["id"] for one in pair.create()[1]["made_up"]] == [id_]


def test_a_storage_that_nobody_could_look_into_is_not_said_to_lack_a_copy(pair: World) -> None:
    far = Path(pair.far().address)
    far.rename(far.with_name("away"))
    far.write_text("no folder")
    assert _copies(pair, _latest(pair)) == [("near", "verified", "")]


def test_a_copy_that_failed_is_told_while_its_storage_is_away_too(lacking: World) -> None:
    id_ = lacking.create()[1]["backup"]["id"]
    far = Path(lacking.far().address)
    if far.exists():
        far.rename(far.with_name("away"))
    far.write_text("no folder")
    assert _copies(lacking, id_) == [("near", "verified", ""), ("s3", "missing", "there is no room left")]
    told = lacking.run("info", id_)
    assert (told.code, "there is no room left" in told.out, "not looked into" in told.err) == (0, True, True), told


class Full(FolderStorage):
    """A folder on a disk that is full."""

    @contextmanager
    def writing(self, key: str) -> Iterator[Writer]:
        if _PARTS in key:
            raise StorageError(StorageFault.FULL, "there is no room left")
        with super().writing(key) as writer:
            yield writer


class Spoiling(FolderStorage):
    """A folder on a disk that changes a byte of every part."""

    @contextmanager
    def writing(self, key: str) -> Iterator[Writer]:
        with super().writing(key) as writer:
            yield _Spoiler(writer) if _PARTS in key else writer


class _Spoiler:
    def __init__(self, writer: Writer) -> None:
        self._writer, self._is_spoilt = writer, False

    def write(self, data: bytes | memoryview) -> None:
        content = bytearray(data)
        if content and not self._is_spoilt:
            content[len(content) // 2] ^= 1
            self._is_spoilt = True
        self._writer.write(bytes(content))
