"""Several programs that open the state database to write at the same moment."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from aishell_core.state.database import StateDatabase
from aishell_core.state.opening import NAME, connect, open_to_write
from aishell_core.state.upgrade import checked_version, shipped_steps, upgrade
from aishell_core.values import Event, EventKind, Severity, TargetId

NOW = 1_800_000_000.0
EVENT = Event(NOW, TargetId("app"), EventKind.RESTART, Severity.WARNING, "restarted")

# Opens the database of a folder when it is told to, and writes into it.
OPENER = """
import sqlite3, sys
from pathlib import Path
from aishell_core.state.opening import NAME, open_to_write
from aishell_core.state.upgrade import shipped_steps
print("ready", flush=True)
sys.stdin.readline()
connection = open_to_write(Path(sys.argv[1]) / NAME, shipped_steps(), float(sys.argv[2]), 60.0)
connection.execute("INSERT INTO event (at, target, kind, severity, text) VALUES (1, 'a', 'state', 'ok', ?)", (sys.argv[2],))
connection.close()
"""


@pytest.mark.parametrize("is_new", [True, False])
def test_one_makes_or_upgrades_it_and_the_others_wait_for_that(tmp_path: Path, is_new: bool) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    if not is_new:
        with closing(StateDatabase.open(folder, steps=shipped_steps()[:2])) as database:
            database.append_events([EVENT])
    openers = [
        subprocess.Popen([sys.executable, "-c", OPENER, str(folder), str(number)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for number in range(4)
    ]
    try:
        for opener in openers:
            assert opener.stdout is not None
            assert opener.stdout.readline() == "ready\n"
        for opener in openers:
            assert opener.stdin is not None
            opener.stdin.write("go\n")
            opener.stdin.flush()
        assert [opener.communicate()[0] for opener in openers] == [""] * 4
        assert [opener.returncode for opener in openers] == [0] * 4
    finally:
        for opener in openers:
            opener.kill()
            opener.wait()
    assert len(list(folder.glob(f"{NAME}.v*"))) == (0 if is_new else 1)
    with closing(sqlite3.connect(folder / NAME)) as raw:
        assert raw.execute("PRAGMA user_version").fetchone() == (len(shipped_steps()),)
        assert raw.execute("SELECT count(*) FROM event").fetchone() == (4 if is_new else 5,)


def test_nothing_is_left_in_the_folder_and_nothing_locked(tmp_path: Path) -> None:
    open_to_write(tmp_path / NAME, shipped_steps(), NOW).close()
    assert [path.name for path in tmp_path.iterdir()] == [NAME]
    descriptor = os.open(tmp_path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        os.close(descriptor)


def test_who_looks_while_another_process_makes_the_tables_finds_a_database_that_is_not_made_yet(tmp_path: Path) -> None:
    """Its version is read before, its tables after: both are of one moment, and so it is no database of somebody else's."""
    path = tmp_path / NAME
    path.touch()
    maker = connect(path, "rw")
    maker.execute("PRAGMA journal_mode = WAL")
    steps = shipped_steps()

    class Interrupted(sqlite3.Connection):
        """The other process is through with its making right after the first question."""

        def execute(self, sql: str, parameters: Any = ()) -> sqlite3.Cursor:
            answer = super().execute(sql, parameters)
            if sql == "PRAGMA user_version":
                rows = answer.fetchall()
                upgrade(maker, path, steps, 0.0)
                return super().execute(f"SELECT {rows[0][0]}")
            return answer

    with closing(maker), closing(sqlite3.connect(path, factory=Interrupted, isolation_level=None)) as reader:
        assert checked_version(reader, path, steps) == 0
        assert not reader.in_transaction
    with closing(connect(path, "ro")) as later:
        assert checked_version(later, path, steps) == len(steps)
