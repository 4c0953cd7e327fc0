"""Who holds which lock, seen without taking one."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from aishell_core.engines.file_holders import FileHolders, describe, open_files, program_name, still_holding
from aishell_core.engines.sqlite_locks import WRITING, Lock, active_locks, holders, is_held
from aishell_core.engines.sqlite_reading import Look, SqliteReader
from tests.servers.sqlite import make_database
from tests.servers.sqlite_client import SqliteClient, client


@pytest.fixture(params=["wal", "delete"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return make_database(tmp_path / "app.db", request.param)


@pytest.fixture
def application(path: Path) -> Iterator[SqliteClient]:
    with client(path) as process:
        process.run("SELECT count(*) FROM users")
        yield process


def _look(path: Path) -> Look:
    return SqliteReader(path).look()


def _active(look: Look) -> frozenset[int]:
    return holders(look.locks, *active_locks(look.file.in_wal_mode))


def test_an_idle_application_does_nothing(path: Path, application: SqliteClient) -> None:
    assert not _active(_look(path))


def test_a_writer_is_named_until_it_commits(path: Path, application: SqliteClient) -> None:
    application.run("BEGIN IMMEDIATE")
    assert holders(_look(path).locks, *WRITING) == {application.pid}
    application.run("COMMIT")
    assert not is_held(_look(path).locks, *WRITING)


def test_all_readers_are_named_not_only_the_first(path: Path, application: SqliteClient) -> None:
    with client(path) as other, client(path) as third:
        for process in (application, other, third):
            process.run("BEGIN")
            process.run("SELECT count(*) FROM users")
        look = _look(path)
        reading = Lock.READ if look.file.in_wal_mode else Lock.SHARED
        assert holders(look.locks, reading) == {application.pid, other.pid, third.pid}
        application.run("COMMIT")
        assert holders(_look(path).locks, reading) == {other.pid, third.pid}


def test_an_exclusive_transaction_is_seen(path: Path, application: SqliteClient) -> None:
    application.run("BEGIN EXCLUSIVE")
    assert holders(_look(path).locks, *WRITING) == {application.pid}


def test_a_killed_process_holds_nothing(path: Path, application: SqliteClient) -> None:
    application.run("BEGIN IMMEDIATE")
    application.kill()
    assert not _look(path).locks


def test_looking_takes_no_lock(path: Path, application: SqliteClient) -> None:
    reader = SqliteReader(path)
    for _ in range(50):
        reader.look()
        application.run("BEGIN EXCLUSIVE")
        reader.look()
        application.run("COMMIT")


def test_locks_of_this_process_are_not_counted(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as own:
        own.execute("BEGIN IMMEDIATE")
        assert not holders(_look(path).locks, *Lock)


def test_the_processes_that_hold_a_file_are_found_and_described(path: Path, application: SqliteClient) -> None:
    identity = _look(path).file.file.identity
    found = FileHolders().of(identity, 10.0)
    assert found is not None
    assert found.pids == {application.pid}
    (holder,) = describe(found.pids)
    assert holder.pid == application.pid
    assert "python" in holder.program
    assert "sqlite3" in holder.command
    assert holder.started_at > 0


def test_a_process_that_closed_the_file_is_no_holder_any_more(path: Path, application: SqliteClient) -> None:
    identity = _look(path).file.file.identity
    assert still_holding([application.pid], identity) == {application.pid}
    application.close()
    assert not still_holding([application.pid, 2**22 + 1], identity)
    assert open_files(application.pid) == set()


def test_one_scan_serves_many_files_for_a_while(path: Path, application: SqliteClient) -> None:
    now = [100.0]
    scans = FileHolders(lambda: now[0])
    identity = _look(path).file.file.identity
    first = scans.of(identity, 10.0)
    application.close()
    now[0] += 9.0
    assert scans.of(identity, 10.0) == first
    now[0] += 2.0
    later = scans.of(identity, 10.0)
    assert later is not None
    assert not later.pids


def test_our_own_process_is_no_holder(path: Path) -> None:
    with closing(sqlite3.connect(path)) as own:
        own.execute("SELECT count(*) FROM users").fetchall()
        found = FileHolders().of(_look(path).file.file.identity, 10.0)
    assert found is not None
    assert os.getpid() not in found.pids


@pytest.mark.parametrize(
    ("command", "program"),
    [
        (["/usr/bin/python3.11", "-u", "/srv/app/worker.py", "--fast"], "worker.py"),
        (["python", "-m", "uvicorn", "app:main"], "uvicorn"),
        (["python3", "-c", "import x"], "python3"),
        (["/usr/bin/node", "server.js"], "server.js"),
        (["/usr/bin/sqlite3", "app.db"], "sqlite3"),
        (["python3"], "python3"),
        ([], "python3"),
    ],
)
def test_a_program_is_called_by_its_script_not_by_its_interpreter(command: list[str], program: str) -> None:
    name = Path(command[0]).name if command else "python3"
    assert program_name(name, command) == program
