"""The state database on real files: versions, one writer, faults."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from array import array
from contextlib import closing
from pathlib import Path

import pytest

from aishell_core.catalogue import QUERIES_RATE, SQLITE_TABLE_SIZE, SQLITE_WAL_SIZE
from aishell_core.errors import StateError
from aishell_core.series.keys import SeriesKey
from aishell_core.series.rollup import RollupBatch, RollupRow
from aishell_core.state.database import StateDatabase
from aishell_core.state.upgrade import shipped_steps
from aishell_core.values import Event, EventKind, Severity, TargetId, Tier

APP = TargetId("app")
NOW = 1_800_000_000.0
KEYS = (SeriesKey(SQLITE_WAL_SIZE), SeriesKey(QUERIES_RATE), SeriesKey(SQLITE_TABLE_SIZE, (("table", "o'r[/]ders\n"),)))
EVENT = Event(NOW, APP, EventKind.RESTART, Severity.WARNING, "restarted [/] \x1b")


def batch(first: float, count: int, keys: tuple[SeriesKey, ...] = KEYS, step: float = 10.0) -> RollupBatch:
    rows = tuple(
        RollupRow(first + index * step, array("f", [float(index + 4 * column + figure) for column in range(len(keys)) for figure in range(4)]))
        for index in range(count)
    )
    return RollupBatch(APP, Tier.HOT, step, keys, rows)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state"


def test_what_is_written_is_read_back_after_a_restart(folder: Path) -> None:
    with closing(StateDatabase.open(folder)) as database:
        database.write_rollups([batch(NOW, 3), batch(NOW + 30, 2)])
        database.append_events([EVENT])
    with closing(StateDatabase.open(folder)) as database:
        history = database.history(APP, NOW - 5, NOW + 100)
        assert list(history.rollups(KEYS[0]).times) == [NOW, NOW + 10, NOW + 20, NOW + 30, NOW + 40]
        assert list(history.rollups(KEYS[2]).mean) == [10, 11, 12, 10, 11]
        assert database.events(NOW - 1, NOW + 1) == (EVENT,)
        assert database.history(TargetId("other"), 0, NOW * 2).series == {}


def test_files_are_private(folder: Path) -> None:
    with closing(StateDatabase.open(folder)) as database:
        database.append_events([EVENT])
        assert folder.stat().st_mode & 0o777 == 0o700
        assert (folder / "state.db").stat().st_mode & 0o777 == 0o600
        assert (folder / "state.lock").stat().st_mode & 0o777 == 0o600


def test_a_series_goes_on_when_the_columns_change(folder: Path) -> None:
    with closing(StateDatabase.open(folder)) as database:
        database.write_rollups([batch(NOW, 2), batch(NOW + 20, 2, KEYS[:1])])
        assert list(database.history(APP, NOW, NOW + 60).rollups(KEYS[0]).times) == [NOW, NOW + 10, NOW + 20, NOW + 30]


def test_a_metric_of_another_version_is_left_out(folder: Path) -> None:
    with closing(StateDatabase.open(folder)) as database:
        database.write_rollups([batch(NOW, 2)])
    with closing(sqlite3.connect(folder / "state.db")) as raw, raw:
        raw.execute("UPDATE layout SET keys = replace(keys, 'sqlite.wal.size', 'metric.of.tomorrow')")
    with closing(StateDatabase.open(folder)) as database:
        history = database.history(APP, NOW, NOW + 60)
        assert [key.metric.name for key in history.series] == ["queries.rate", "sqlite.table.size"]
        assert list(history.rollups(KEYS[1]).last) == [7, 8]


def test_a_newer_schema_is_refused_and_the_file_left_alone(folder: Path) -> None:
    StateDatabase.open(folder).close()
    with closing(sqlite3.connect(folder / "state.db")) as raw:
        raw.execute("PRAGMA user_version = 99")
    before = (folder / "state.db").read_bytes()
    with pytest.raises(StateError, match="schema version 99") as caught:
        StateDatabase.open(folder)
    assert "update aishell" in caught.value.hint
    assert (folder / "state.db").read_bytes() == before


def test_an_older_schema_is_upgraded_after_a_copy(folder: Path) -> None:
    with closing(StateDatabase.open(folder)) as database:
        database.append_events([EVENT])
    steps = (*shipped_steps(), "ALTER TABLE event ADD COLUMN owner TEXT NOT NULL DEFAULT 'nobody';")
    with closing(StateDatabase.open(folder, steps=steps, now=lambda: NOW)) as database:
        assert database.events(0, NOW * 2) == (EVENT,)
    with closing(sqlite3.connect(folder / "state.db")) as raw:
        assert raw.execute("SELECT owner FROM event").fetchall() == [("nobody",)]
    (copy,) = folder.glob("state.db.v*")
    assert copy.name == "state.db.v1-20270115T080000Z"
    with closing(sqlite3.connect(copy)) as raw:
        assert raw.execute("PRAGMA user_version").fetchone() == (1,)
        assert raw.execute("SELECT count(*) FROM event").fetchone() == (1,)


def test_a_failed_upgrade_leaves_the_old_version(folder: Path) -> None:
    with closing(StateDatabase.open(folder)) as database:
        database.append_events([EVENT])
    steps = (*shipped_steps(), "ALTER TABLE event ADD COLUMN owner TEXT; SELECT * FROM missing_table;")
    with pytest.raises(StateError):
        StateDatabase.open(folder, steps=steps)
    with closing(StateDatabase.open(folder)) as database:
        assert database.events(0, NOW * 2) == (EVENT,)


def test_a_damaged_file_is_named_and_not_destroyed(folder: Path) -> None:
    folder.mkdir()
    path = folder / "state.db"
    path.write_bytes(b"this is no database, but somebody's file" * 50)
    before = path.read_bytes()
    with pytest.raises(StateError, match="damaged") as caught:
        StateDatabase.open(folder)
    assert f"mv {path}" in caught.value.hint
    assert path.read_bytes() == before


def test_what_is_too_old_is_dropped(folder: Path) -> None:
    with closing(StateDatabase.open(folder)) as database:
        database.write_rollups([batch(NOW - 100_000, 2), batch(NOW - 100, 2)])
        database.append_events([Event(NOW - 40 * 86_400, APP, EventKind.STATE, Severity.OK, "old"), EVENT])
        database.prune(NOW)
        assert list(database.history(APP, 0, NOW).rollups(KEYS[0]).times) == [NOW - 100, NOW - 90]
        assert database.events(0, NOW) == (EVENT,)


def test_a_folder_that_is_a_file_is_an_error_with_a_hint(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    with pytest.raises(StateError) as caught:
        StateDatabase.open(tmp_path / "state")
    assert "AISHELL_HOME" in caught.value.hint


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small tmpfs needs root")
def test_a_full_disk_loses_nothing_that_was_kept_and_is_told(tmp_path: Path) -> None:
    mount = tmp_path / "small"
    mount.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(mount)], capture_output=True).returncode:
        pytest.skip("this machine lets nobody mount a tmpfs")
    try:
        with closing(StateDatabase.open(mount / "state")) as database:
            database.append_events([EVENT])
            (mount / "filler").write_bytes(os.urandom(200_000))
            with pytest.raises(StateError, match="full"):
                for index in range(500):
                    database.append_events([Event(NOW + index, APP, EventKind.STATE, Severity.OK, os.urandom(2000).hex())])
            kept = len(database.events(0, NOW * 2, 10_000))
            (mount / "filler").unlink()
            database.append_events([EVENT])
            assert len(database.events(0, NOW * 2, 10_000)) == kept + 1
    finally:
        subprocess.run(["umount", "-l", str(mount)], check=True)


HOLDER = """
import sys, time
from pathlib import Path
from aishell_core.state.database import StateDatabase
database = StateDatabase.open(Path(sys.argv[1]))
print(database.is_writer, flush=True)
sys.stdin.read()
"""


def test_a_second_dashboard_reads_and_takes_over_when_the_first_is_killed(folder: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == b"True\n"
        with closing(StateDatabase.open(folder)) as second:
            assert not second.is_writer
            assert second.events(0, NOW) == ()
            assert not second.try_become_writer()
            with pytest.raises(StateError):
                second.append_events([EVENT])
            first.send_signal(signal.SIGKILL)
            first.wait()
            assert second.try_become_writer()
            second.append_events([EVENT])
            assert second.events(0, NOW * 2) == (EVENT,)
