"""What is wrong with a state folder is told in a sentence with something to do, and nothing that was kept is lost."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from array import array
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from aishell_core.catalogue import QUERIES_RATE
from aishell_core.errors import StateError
from aishell_core.series.keys import SeriesKey
from aishell_core.series.rollup import RollupBatch, RollupRow
from aishell_core.state.database import StateDatabase
from aishell_core.state.upgrade import shipped_steps
from aishell_core.values import Event, EventKind, Severity, TargetId, Tier

APP = TargetId("app")
NOW = 1_800_000_000.0
KEY = SeriesKey(QUERIES_RATE)
EVENT = Event(NOW, APP, EventKind.RESTART, Severity.WARNING, "restarted")


def batch(first: float, count: int) -> RollupBatch:
    rows = []
    for index in range(count):
        noise = array("f")
        noise.frombytes(bytes(byte & 0x3F for byte in os.urandom(16)))
        rows.append(RollupRow(first + 10 * index, noise))
    return RollupBatch(APP, Tier.HOT, 10.0, (KEY,), tuple(rows))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 704 KiB: room for a database of all versions, and not for much besides."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small tmpfs needs root")
    place = tmp_path / "small"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=704k", "tmpfs", str(place)], capture_output=True).returncode:
        pytest.skip("this machine lets nobody mount a tmpfs")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def fill(database: StateDatabase) -> None:
    for index in range(1, 500):
        database.append_events([Event(NOW + index, APP, EventKind.STATE, Severity.OK, os.urandom(2000).hex())])


def follow(hint: str) -> None:
    """Do what a hint says, in a shell as a person would."""
    subprocess.run(["sh", "-c", hint.partition(": ")[2]], capture_output=True)


def remount(place: Path, how: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{how}", str(place)], check=True)


def test_a_damaged_file_is_named_and_not_destroyed(folder: Path) -> None:
    folder.mkdir()
    path = folder / "state.db"
    path.write_bytes(b"this is no database, but somebody's file" * 50)
    before = path.read_bytes()
    with pytest.raises(StateError, match="damaged") as caught:
        StateDatabase.open(folder)
    assert path.read_bytes() == before
    follow(caught.value.hint)
    with closing(StateDatabase.open(folder)) as database:
        database.append_events([EVENT])
    assert (folder / "state.db.damaged" / "state.db").read_bytes() == before


def test_a_file_cut_short_is_told_and_left_alone(folder: Path) -> None:
    with closing(StateDatabase.open(folder)) as database:
        database.append_events([Event(NOW + second, APP, EventKind.STATE, Severity.OK, "x" * 500) for second in range(200)])
    path = folder / "state.db"
    path.write_bytes(path.read_bytes()[:8192])
    before = path.read_bytes()
    with pytest.raises(StateError, match="damaged") as caught, closing(StateDatabase.open(folder)) as database:
        database.events(0, NOW * 2)
    assert path.read_bytes() == before
    follow(caught.value.hint)
    with closing(StateDatabase.open(folder)) as database:
        assert database.events(0, NOW * 2) == ()


def test_somebody_elses_database_is_refused_and_left_alone(folder: Path) -> None:
    folder.mkdir()
    with closing(sqlite3.connect(folder / "state.db")) as raw:
        raw.execute("CREATE TABLE customers (name TEXT)")
    before = (folder / "state.db").read_bytes()
    with pytest.raises(StateError, match="not one of aishell"):
        StateDatabase.open(folder)
    assert (folder / "state.db").read_bytes() == before


def test_a_newer_database_with_changes_in_its_log_is_left_alone(folder: Path) -> None:
    """Its writer was killed: the version is in the write-ahead log only, and closing must not copy that into the file."""
    StateDatabase.open(folder).close()
    script = (
        "import os, sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('PRAGMA user_version = 99');"
        "c.commit(); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", script, str(folder / "state.db")])
    files = {name: (folder / name).read_bytes() for name in ("state.db", "state.db-wal")}
    with pytest.raises(StateError, match="schema version 99"):
        StateDatabase.open(folder)
    assert {name: (folder / name).read_bytes() for name in files} == files


def test_rows_that_are_damaged_are_left_out_and_the_others_shown(folder: Path) -> None:
    with closing(StateDatabase.open(folder)) as database:
        database.write_rollups([batch(NOW, 18)])
        with closing(sqlite3.connect(folder / "state.db")) as raw, raw:
            raw.execute("UPDATE rollup SET body = x'00' WHERE since = ?", (NOW,))
            raw.execute("UPDATE rollup SET body = zeroblob(9) WHERE since = ?", (NOW + 60,))
        assert list(database.history(APP, 0, NOW * 2).rollups(KEY).times) == [NOW + 120 + 10 * window for window in range(6)]
        database.write_rollups([batch(NOW, 6)])
        assert len(database.history(APP, 0, NOW * 2).rollups(KEY).times) == 12
        with closing(sqlite3.connect(folder / "state.db")) as raw, raw:
            raw.execute("UPDATE layout SET keys = '{'")
        assert database.history(APP, 0, NOW * 2).series == {}


def test_a_folder_that_is_a_file_is_an_error_with_a_hint(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    with pytest.raises(StateError, match=f"cannot open {tmp_path}") as caught:
        StateDatabase.open(tmp_path / "state")
    assert "AISHELL_HOME" in caught.value.hint


def test_a_database_that_another_program_locks_is_told_as_busy(folder: Path) -> None:
    with closing(StateDatabase.open(folder)) as database, closing(sqlite3.connect(folder / "state.db")) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StateError, match="locked") as caught:
            database.append_events([EVENT])
        other.rollback()
        assert "again" in caught.value.hint
        database.append_events([EVENT])
        assert database.events(0, NOW) == (EVENT,)


def test_nothing_can_be_asked_of_a_closed_database(folder: Path) -> None:
    database = StateDatabase.open(folder)
    database.close()
    database.close()
    assert not database.is_writer
    assert not database.try_become_writer()
    with pytest.raises(StateError, match="closed"):
        database.events(0, NOW)
    with pytest.raises(StateError):
        database.append_events([EVENT])


def test_a_full_disk_loses_nothing_that_was_kept_and_is_told(small_disk: Path) -> None:
    filler = small_disk / "filler"
    with closing(StateDatabase.open(small_disk / "state")) as database:
        database.append_events([EVENT])
        filler.write_bytes(os.urandom(200_000))
        with pytest.raises(StateError, match="the disk is full") as caught:
            fill(database)
        assert str(small_disk) in caught.value.hint
        with pytest.raises(StateError, match="the disk is full"):
            database.write_rollups([batch(NOW, 5000)])
        kept = len(database.events(0, NOW * 2, 10_000))
        assert kept > 1
        assert database.history(APP, 0, NOW * 2).series == {}
        filler.unlink()
        database.write_rollups([batch(NOW, 6)])
        database.append_events([EVENT])
        assert len(database.history(APP, 0, NOW * 2).rollups(KEY).times) == 6
        assert len(database.events(0, NOW * 2, 10_000)) == kept + 1
    with closing(sqlite3.connect(small_disk / "state" / "state.db")) as raw:
        assert raw.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_disk_that_is_full_from_the_start_is_told(small_disk: Path) -> None:
    with pytest.raises(OSError, match="No space"):
        (small_disk / "filler").write_bytes(bytes(2**20))
    with pytest.raises(StateError, match="the disk is full"):
        StateDatabase.open(small_disk / "state")
    (small_disk / "filler").unlink()
    with closing(StateDatabase.open(small_disk / "state")) as database:
        database.append_events([EVENT])
        assert database.events(0, NOW) == (EVENT,)


def test_an_upgrade_for_which_there_is_no_room_leaves_the_old_version(small_disk: Path) -> None:
    folder = small_disk / "state"
    for begin in (0, 90):
        with closing(StateDatabase.open(folder, steps=shipped_steps()[:1])) as database:
            events = [Event(NOW + begin + second, APP, EventKind.STATE, Severity.OK, os.urandom(1000).hex()) for second in range(90)]
            database.append_events(events)
    with pytest.raises(StateError, match="the disk is full"):
        StateDatabase.open(folder)
    assert not list(folder.glob("state.db.v*"))
    with closing(StateDatabase.open(folder, steps=shipped_steps()[:1])) as database:
        assert len(database.events(0, NOW * 2)) == 180


def test_a_read_only_state_folder_is_told_with_a_way_out(small_disk: Path) -> None:
    folder = small_disk / "state"
    StateDatabase.open(folder).close()
    remount(small_disk, "ro")
    with pytest.raises(StateError, match="Read-only file system") as caught:
        StateDatabase.open(folder)
    assert "AISHELL_HOME" in caught.value.hint
    with pytest.raises(StateError, match="Read-only file system"):
        StateDatabase.open(small_disk / "other")


def test_a_disk_that_becomes_read_only_is_told_and_works_again_afterwards(small_disk: Path) -> None:
    folder = small_disk / "state"
    with closing(StateDatabase.open(folder)) as database:
        database.append_events([EVENT])
    subprocess.run(["mount", "--bind", str(folder), str(folder)], check=True)
    try:
        with closing(StateDatabase.open(folder)) as database:
            assert database.events(0, NOW) == (EVENT,)
        subprocess.run(["mount", "-o", "remount,ro,bind", str(folder)], check=True)
        with pytest.raises(StateError, match="Read-only"):
            StateDatabase.open(folder)
        subprocess.run(["mount", "-o", "remount,rw,bind", str(folder)], check=True)
        with closing(StateDatabase.open(folder)) as database:
            database.append_events([EVENT])
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write every folder")
def test_a_folder_without_the_right_to_write_is_told(folder: Path) -> None:
    folder.mkdir(mode=0o500)
    with pytest.raises(StateError, match="Permission denied") as caught:
        StateDatabase.open(folder)
    assert "AISHELL_HOME" in caught.value.hint
