"""The commands of backups on a real PostgreSQL server: by several jobs, of its files, and what cannot be is refused."""

from __future__ import annotations

import getpass
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from aishell_core.state.store import Store
from aishell_ops.backups import book
from tests.command_line import Ran, run_here
from tests.servers.postgres import PostgresServer, own_folder, postgres

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with postgres("15") as found:
        found.execute("CREATE DATABASE shop")
        found.execute("CREATE TABLE orders AS SELECT i AS id FROM generate_series(1, 1000) AS i", database="shop")
        yield found


@pytest.fixture
def home(server: PostgresServer, tmp_path: Path, aishell_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Two configured databases, one of them of SQLite; where a server's user may have data folders."""
    monkeypatch.chdir(tmp_path)
    with closing(sqlite3.connect(tmp_path / "other.db")) as connection:
        connection.execute("CREATE TABLE t (id)")
        connection.commit()
    (aishell_home / "config.yaml").write_text(
        "targets:\n"
        f"- {{name: shop, url: '{server.url(database='shop')}', environment: development}}\n"
        f"- {{name: other, url: '{tmp_path / 'other.db'}', environment: development}}\n"
        f"roles: [{{role: admin, users: [{getpass.getuser()}]}}]\n"
    )
    folder = own_folder("pgh-")
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def _done(capsys: Capture, *arguments: str) -> Ran:
    ran = run_here(capsys, "backup", *arguments)
    assert ran.code == 0, ran.err
    return ran


def test_several_jobs_save_test_and_restore_it(server: PostgresServer, home: Path, capsys: Capture) -> None:
    planned = _done(capsys, "create", "shop", "--jobs", "2", "--dry-run")
    assert "by 2 jobs" in planned.out
    _done(capsys, "create", "shop", "--jobs", "2")
    assert "pg_dump-directory" in _done(capsys, "info", "latest").out
    _done(capsys, "test", "latest", "--validate-data")
    _done(capsys, "restore", "latest", "--target", "copied", "--jobs", "2", "--yes")
    assert server.execute("SELECT count(*) FROM orders", database="copied") == [[1000]]


def test_files_are_saved_without_a_count_tested_and_restored(server: PostgresServer, home: Path, capsys: Capture) -> None:
    _done(capsys, "create", "shop", "--method", "physical")
    tested = run_here(capsys, "backup", "test", "latest", "--validate-data")
    assert tested.code == 64
    assert "nothing was counted" in tested.err
    _done(capsys, "test", "latest")
    _done(capsys, "restore", "latest", "--target", str(home / "new"), "--yes")
    assert (home / "new" / "PG_VERSION").read_text().strip() == str(server.binaries.major)
    again = run_here(capsys, "backup", "restore", "latest", "--target", str(home / "new"), "--yes")
    assert again.code == 77
    assert "a data folder is never replaced" in again.err


def test_what_has_one_job_and_one_way_says_so(home: Path, capsys: Capture) -> None:
    refused = run_here(capsys, "backup", "create", "other", "--jobs", "2")
    assert (refused.code, "taken by one job" in refused.err) == (64, True)
    unknown = run_here(capsys, "backup", "create", "other", "--method", "physical")
    assert (unknown.code, "there is no method physical" in unknown.err) == (64, True)
    _done(capsys, "create", "other")
    restored = run_here(capsys, "backup", "restore", "latest", "--target", "copy.db", "--jobs", "2", "--yes")
    assert (restored.code, "restored by one job" in restored.err) == (77, True)
    assert run_here(capsys, "backup", "create", "other", "--jobs", "0").code == 64


def test_schedules_are_run_by_the_method_and_jobs_that_they_name(
    server: PostgresServer, home: Path, aishell_home: Path, capsys: Capture
) -> None:
    path = aishell_home / "config.yaml"
    path.write_text(f"{path.read_text()}backups: [{{name: files, schedule: '0 * * * *', databases: [shop], method: physical}}]\n")
    _done(capsys, "schedule", "0 * * * *", "-n", "tables", "-d", "shop", "--jobs", "2", "--method", "directory", "--proof", "full")
    with closing(Store.open(aishell_home / "state")) as store:
        for name in ("files", "tables"):
            store.transact(lambda connection, name=name: book.note_schedule(connection, name, "0 * * * *", time.time() - 3600))  # type: ignore[misc]
    _done(capsys, "run-scheduler", "--once")
    listed = _done(capsys, "list", "--json").json()["backups"]
    assert isinstance(listed, list)
    made = {}
    for row in listed:
        assert isinstance(row, dict)
        made[row["job"]] = (_done(capsys, "info", str(row["id"]), "--json").json()["method"], row["proof"])
    assert made == {"files": ("pg_basebackup", "none"), "tables": ("pg_dump-directory", "full")}
