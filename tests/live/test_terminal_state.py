"""A state folder that cannot be used costs the history, not the dashboard."""

from __future__ import annotations

import re
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from tests.terminal import AISHELL, opened, surroundings

READ = re.compile(r"\bwal\s+\d")
# Own mounts in a namespace of their own: nothing has to be undone, and root is bound by them too.
MOUNT = {
    "full": 'mount -t tmpfs -o size=64k none "$1" && head -c 65536 /dev/zero >"$1/filler"',
    "read-only": 'mount -t tmpfs -o ro none "$1"',
}


def can_mount() -> bool:
    return shutil.which("unshare") is not None and subprocess.run(["unshare", "-rm", "true"], capture_output=True).returncode == 0


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Somebody's own database."""
    path = tmp_path / "app.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("PRAGMA journal_mode = WAL; CREATE TABLE notes (id INTEGER PRIMARY KEY, body TEXT);")
    return path


@pytest.mark.skipif(not can_mount(), reason="no namespace of our own for a full or read-only folder")
@pytest.mark.parametrize("kind", MOUNT)
def test_a_folder_that_takes_nothing_costs_only_the_history(database: Path, tmp_path: Path, kind: str) -> None:
    home = tmp_path / "home"
    home.mkdir()
    inside = f'{MOUNT[kind]} && shift && exec "$@"'
    command: list[str | Path] = ["unshare", "-rm", "sh", "-c", inside, "sh", home, AISHELL, "--target", f"sqlite://{database}"]
    with opened(command, surroundings(home), columns=120, rows=30, cwd=tmp_path) as terminal:
        terminal.wait_for(re.compile("history", re.IGNORECASE))
        terminal.wait_for(READ)
        terminal.send("q")
        assert terminal.wait_for_end() == 0


def test_a_file_where_the_folder_should_be_costs_only_the_history(database: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.write_text("not a folder")
    with opened([AISHELL, "--target", f"sqlite://{database}"], surroundings(home), columns=120, rows=30, cwd=tmp_path) as terminal:
        terminal.wait_for(re.compile("history", re.IGNORECASE))
        terminal.wait_for(READ)
        terminal.send("q")
        assert terminal.wait_for_end() == 0


def test_a_usable_folder_is_not_complained_about(database: Path, tmp_path: Path) -> None:
    with opened(
        [AISHELL, "--target", f"sqlite://{database}"], surroundings(tmp_path / "home"), columns=120, rows=30, cwd=tmp_path
    ) as terminal:
        screen = terminal.wait_for(READ)
        assert "no history" not in screen
        terminal.send("q")
        assert terminal.wait_for_end() == 0
    assert (tmp_path / "home" / "state" / "state.db").exists()
