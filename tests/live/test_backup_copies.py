"""Copies in clouds: verified there, with their records, and let go of by the same rules as the backups that they are copies of."""

from __future__ import annotations

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

from aishell_ops.backups.models import BackupState
from aishell_ops.backups.repository import Repository
from aishell_ops.backups.storage.address import StorageAddress
from aishell_ops.backups.storage.contract import Storage, Writer
from aishell_ops.backups.storage.folder import FolderStorage
from aishell_ops.backups.storage.opening import open_storage
from aishell_tui.cli import boundary
from aishell_tui.cli.arguments import Choice
from aishell_tui.cli.tree import app
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
            f"targets: [{{name: shop, url: '{self.path}'}}]\nbackup:\n  storage: {self.near}\n  cloud: s3://far\n  retention: {{last: 2}}\n"
        )

    def create(self) -> tuple[int, dict[str, Any], str]:
        """Make a backup and a copy: the exit code, what scripts are told, what people are told."""
        out, err, given = io.StringIO(), io.StringIO(), Choice(opens=self._open)
        with redirect_stdout(out), redirect_stderr(err):
            code = boundary.run(
                partial(get_command(app), obj=given), ("backup", "create", "shop", "--output", str(self.near), "--cloud", "--json")
            )
        return code, json.loads(out.getvalue().splitlines()[-1]), err.getvalue()

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
