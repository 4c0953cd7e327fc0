"""Several dashboards on one state folder: real processes, one of which writes."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from aishell_core.errors import StateError
from aishell_core.state.database import StateDatabase
from aishell_core.state.upgrade import shipped_steps
from aishell_core.values import Event, EventKind, Severity, TargetId

NOW = 1_800_000_000.0
EVENT = Event(NOW, TargetId("app"), EventKind.RESTART, Severity.WARNING, "restarted")

# Opens the state, then writes an event for each line it is sent.
FIRST = """
import sys
from pathlib import Path
from aishell_core.state.database import StateDatabase
from aishell_core.values import Event, EventKind, Severity, TargetId
database = StateDatabase.open(Path(sys.argv[1]))
print(database.is_writer, flush=True)
for number, line in enumerate(sys.stdin):
    database.append_events([Event(1.8e9 + number, TargetId("app"), EventKind.STATE, Severity.OK, line.strip())])
    print("kept", flush=True)
database.close()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state"


class Other:
    """Another dashboard, in a process of its own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.is_writer = self.answer() == "True"

    def answer(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def keep(self, text: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()
        assert self.answer() == "kept"

    def end(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        assert self.process.wait() == 0

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@contextmanager
def another(folder: Path) -> Iterator[Other]:
    with subprocess.Popen([sys.executable, "-c", FIRST, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Other(process)
        finally:
            process.kill()


def set_version(folder: Path, version: int) -> None:
    with closing(sqlite3.connect(folder / "state.db")) as raw:
        raw.execute(f"PRAGMA user_version = {version}")


def texts(database: StateDatabase) -> list[str]:
    return [event.text for event in database.events(0, NOW * 2)]


def test_a_second_dashboard_reads_what_the_first_writes_and_does_not_disturb_it(folder: Path) -> None:
    with another(folder) as first:
        assert first.is_writer
        with closing(StateDatabase.open(folder)) as second:
            assert not second.is_writer
            assert not second.try_become_writer()
            assert texts(second) == []
            for number in range(3):
                first.keep(str(number))
                assert texts(second) == [str(each) for each in range(number, -1, -1)]
            with pytest.raises(StateError, match="another aishell"):
                second.append_events([EVENT])
            with pytest.raises(StateError, match="another aishell"):
                second.prune(NOW)
        first.keep("undisturbed")
        first.end()


def test_a_second_dashboard_takes_over_when_the_first_ends(folder: Path) -> None:
    with another(folder) as first, closing(StateDatabase.open(folder)) as second:
        first.keep("by the first")
        first.end()
        assert second.try_become_writer()
        second.append_events([EVENT])
        assert sorted(texts(second)) == ["by the first", "restarted"]


def test_a_second_dashboard_takes_over_when_the_first_is_killed(folder: Path) -> None:
    with another(folder) as first, closing(StateDatabase.open(folder)) as second:
        first.keep("by the first")
        first.kill()
        assert second.try_become_writer()
        second.append_events([EVENT])
        assert sorted(texts(second)) == ["by the first", "restarted"]


def test_only_one_takes_over(folder: Path) -> None:
    with another(folder) as first, another(folder) as second, closing(StateDatabase.open(folder)) as third:
        assert (first.is_writer, second.is_writer) == (True, False)
        first.kill()
        assert third.try_become_writer()
        with another(folder) as fourth:
            assert not fourth.is_writer


def test_a_reader_that_was_first_at_the_door_sees_the_database_when_it_is_made(folder: Path) -> None:
    """The first one holds the lock already, but its database is not there yet."""
    folder.mkdir()
    with closing(StateDatabase.open(folder, writable=False)) as reader:
        assert (texts(reader), reader.history(TargetId("app"), 0, NOW).series) == ([], {})
        (folder / "state.db").touch()
        assert texts(reader) == []
        with closing(StateDatabase.open(folder, steps=shipped_steps()[:1])) as older:
            older.append_events([EVENT])
            assert texts(reader) == []
        with closing(StateDatabase.open(folder)):
            assert texts(reader) == ["restarted"]


def test_one_that_only_reads_makes_nothing_and_never_writes(folder: Path) -> None:
    with closing(StateDatabase.open(folder, writable=False)) as reader:
        assert not reader.is_writer
        assert not reader.try_become_writer()
        assert texts(reader) == []
        with pytest.raises(StateError):
            reader.append_events([EVENT])
    assert not folder.exists()


def test_a_take_over_that_fails_leaves_the_right_to_write_to_others(folder: Path) -> None:
    with another(folder) as first, closing(StateDatabase.open(folder)) as second:
        first.kill()
        set_version(folder, 99)
        with pytest.raises(StateError, match="schema version 99"):
            second.try_become_writer()
        assert not second.is_writer
        with pytest.raises(StateError, match="another aishell"):
            second.append_events([EVENT])
        set_version(folder, len(shipped_steps()))
        with another(folder) as third:
            assert third.is_writer
