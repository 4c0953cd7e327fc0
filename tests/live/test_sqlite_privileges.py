"""What somebody is told who may not read: tried by a process that is really somebody else."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import sqlite as build
from tests.servers.sqlite_client import client

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")

# Everything is loaded while still root, by reading a database that may be read: the interpreter itself may lie in a private folder.
_PROGRAM = """
import asyncio, encodings.ascii, os, sys
from pathlib import Path
from aishell_core.clock import SystemClock
from aishell_core.errors import TargetError
from aishell_core.values import Tier
from collectors.contract import EVERYTHING
from collectors.sqlite.collector import open_sqlite
from tests.servers.sqlite import target_of

async def look(path):
    collector = open_sqlite(target_of(Path(path)), SystemClock())
    try:
        for tier in Tier:
            for failure in (await collector.collect(tier, EVERYTHING)).failures:
                yield failure
    except TargetError as error:
        yield error.failure("target", 0.0)
    await collector.close()

async def main():
    async for failure in look(sys.argv[1]): pass
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
    async for failure in look(sys.argv[2]): print(failure.part, failure.code, failure.message, "|", failure.hint)

asyncio.run(main())
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that everybody can reach, unlike pytest's own."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def _told(folder: Path, path: Path) -> str:
    (folder / "public").mkdir()
    warm_up = build.make_database(folder / "public" / "warm.db")
    result = subprocess.run(
        [sys.executable, "-c", _PROGRAM, str(warm_up), str(path)],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        check=False,
        timeout=180,
    )
    assert not result.stderr
    return result.stdout


def test_a_file_that_may_not_be_read_names_its_mode_and_owner(folder: Path) -> None:
    path = build.make_database(folder / "app.db")
    path.chmod(0o600)
    told = _told(folder, path)
    assert told.startswith(f"target privilege {path} may not be read by nobody")
    assert "its mode is 600, its owner root" in told


def test_a_folder_that_may_not_be_entered_is_named(folder: Path) -> None:
    (folder / "private").mkdir(mode=0o700)
    told = _told(folder, build.make_database(folder / "private" / "app.db"))
    assert told.startswith("target privilege")
    assert f"enter the folder {folder / 'private'}" in told


@pytest.mark.parametrize("side", ["-wal", "-shm"])
def test_files_beside_the_database_that_may_not_be_read_cost_their_parts_only(side: str, folder: Path) -> None:
    path = build.make_database(folder / "app.db", "wal")
    with client(path) as application:
        application.run("INSERT INTO users (name) VALUES ('x')")
        path.with_name(path.name + side).chmod(0o600)
        told = _told(folder, path)
    assert "pages privilege" in told
    assert "target" not in told


def test_processes_of_others_are_counted_as_unknown(folder: Path) -> None:
    path = build.make_database(folder / "app.db")
    path.chmod(0o644)
    with client(path) as application:
        application.run("SELECT count(*) FROM users")
        told = _told(folder, path)
    assert "sessions privilege" in told
    assert "processes of other users cannot be looked into" in told
    assert "memory privilege" in told


_COMMANDS = """
import contextlib, io, os, sys
from aishell_tui.cli import boundary
from aishell_tui.cli.tree import app

def run(*arguments):
    return boundary.run(app, arguments)

with contextlib.redirect_stdout(io.StringIO()):
    for command in (("status", "--window", "0", "-t"), ("connect",)):  # loads all that is needed while still root
        run(*command, sys.argv[1])
os.setgroups([]); os.setgid(65534); os.setuid(65534)
for path in sys.argv[2:]:
    print("rc", run("connect", path))
print("rc", run("status", "--window", "0", *(word for path in sys.argv[1:] for word in ("-t", path))))
"""


def test_commands_name_each_path_that_leads_nowhere_and_read_the_others(folder: Path) -> None:
    """Run as nobody: a folder that may not be entered, links in circles, a name too long; none is a fault of aishell."""
    well = build.make_database(folder / "well.db")
    well.chmod(0o644)
    (folder / "private").mkdir(mode=0o700)
    private = build.make_database(folder / "private" / "app.db")
    (folder / "entry.db").symlink_to(private)
    loop = build.make_loop(folder / "loop.db")
    paths = (private, folder / "private" / "none.db", folder / "entry.db", loop, folder / ("x" * 300 + ".db"))
    (folder / "home").mkdir(mode=0o777)
    (folder / "home").chmod(0o777)
    result = subprocess.run(
        [sys.executable, "-c", _COMMANDS, str(well), *map(str, paths)],
        capture_output=True,
        text=True,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "AISHELL_HOME": str(folder / "home"), "COLUMNS": "400"},
        check=False,
        timeout=180,
    )
    assert not result.stderr
    codes = [line for line in result.stdout.splitlines() if line.startswith("rc ")]
    assert codes == ["rc 3", "rc 3", "rc 3", "rc 2", "rc 2", "rc 2"]
    assert result.stdout.count("may not be read by nobody") == 6
    assert result.stdout.count(f"let nobody enter the folder {folder / 'private'}") == 3
    assert result.stdout.count("lead round in circles") == 2
    assert result.stdout.count("the name is too long") == 2
    assert "ok" in next(line for line in result.stdout.splitlines() if " well.db " in line)
