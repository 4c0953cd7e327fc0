"""Screen 5 of the whole program in a real terminal: a configured database is saved, damaged and restored by keys alone."""

from __future__ import annotations

import getpass
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from aishell_core.clock import SystemClock
from aishell_ops.backups.repository import Inventory, Repository
from aishell_ops.backups.storage.folder import FolderStorage
from tests.servers.sqlite_client import client, eventually
from tests.terminal import AISHELL, opened, surroundings

PATIENCE_SECONDS = 120.0


class World:
    """A home with a configured database and a role for whoever runs the tests."""

    def __init__(self, folder: Path) -> None:
        self.home, self.path = folder / "home", folder / "shop.db"
        self.home.mkdir()
        with closing(sqlite3.connect(self.path)) as connection, connection:
            connection.execute("CREATE TABLE goods (id INTEGER PRIMARY KEY, name TEXT)")
            connection.execute("INSERT INTO goods (name) VALUES ('first')")
        text = f"targets: [{{name: shop, url: '{self.path}'}}]\nroles: [{{role: admin, users: [{getpass.getuser()}]}}]\n"
        (self.home / "config.yaml").write_text(text)

    def names(self) -> list[str]:
        with closing(sqlite3.connect(self.path)) as connection:
            return [name for (name,) in connection.execute("SELECT name FROM goods ORDER BY id")]

    def empty(self) -> None:
        with closing(sqlite3.connect(self.path)) as connection, connection:
            connection.execute("DELETE FROM goods")

    def inventory(self) -> Inventory:
        with closing(FolderStorage(self.home / "backups")) as storage:
            return Repository(storage, SystemClock().now).scan()


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_a_database_is_saved_lost_and_brought_back_at_80x24(world: World, tmp_path: Path) -> None:
    with opened([AISHELL], surroundings(world.home), columns=80, rows=24, cwd=tmp_path) as terminal:
        terminal.wait_for("1 Fleet", PATIENCE_SECONDS)
        terminal.send("5")
        terminal.wait_for("there are no backups yet: b makes one", PATIENCE_SECONDS)
        terminal.send("b")
        terminal.wait_for("y yes", PATIENCE_SECONDS)
        terminal.send("y")
        terminal.wait_for(lambda text: "last good" in text and "1 backup," in text, PATIENCE_SECONDS)
        world.empty()
        terminal.send("j")
        terminal.wait_for("▸", PATIENCE_SECONDS)
        terminal.send("r")
        terminal.wait_for("in place of what is there now", PATIENCE_SECONDS)
        terminal.send("\r")
        terminal.wait_for("goes on with a question", PATIENCE_SECONDS)
        terminal.send("\r")
        terminal.wait_for("to go on, then enter", PATIENCE_SECONDS)
        terminal.send("shop\r")
        terminal.wait_for("restored in", PATIENCE_SECONDS)
        assert world.names() == ["first"]
        terminal.send("q")
        assert terminal.wait_for_end(PATIENCE_SECONDS) == 0
    (backup,) = world.inventory().backups
    assert [record.kind.value for record in backup.records] == ["verified", "restored"]


def test_a_program_that_is_told_to_end_cleans_up_what_it_was_saving(world: World, tmp_path: Path) -> None:
    with client(world.path, timeout=60) as other, opened([AISHELL], surroundings(world.home), cwd=tmp_path) as terminal:
        terminal.wait_for("1 Fleet", PATIENCE_SECONDS)
        terminal.send("5")
        terminal.wait_for("there are no backups yet", PATIENCE_SECONDS)
        terminal.send("b")
        terminal.wait_for("y yes", PATIENCE_SECONDS)
        other.run("BEGIN EXCLUSIVE")
        terminal.send("y")
        terminal.wait_for("running", PATIENCE_SECONDS)
        eventually(lambda: world.inventory().unfinished, PATIENCE_SECONDS)
        terminal.process.signal(signal.SIGTERM)
        assert terminal.wait_for_end(PATIENCE_SECONDS) == 128 + signal.SIGTERM
        assert other.run("SELECT count(*) FROM goods") == [["1"]]
    found = world.inventory()
    assert (found.backups, found.unfinished) == ((), ())
