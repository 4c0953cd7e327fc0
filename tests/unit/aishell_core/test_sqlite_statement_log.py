"""The statement log counts what an application does, survives whatever happens, and never gets in its way."""

from __future__ import annotations

import gc
import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from aishell_core.engines.logged_connection import LoggedConnection, LoggedCursor
from aishell_core.engines.statement_log import default_log, flush_statements, logged_connect, record_statement
from aishell_core.engines.statement_recorder import Recorder, recorder_of
from aishell_core.engines.statement_store import APPLICATION_ID
from aishell_core.engines.statement_text import digest, normalise
from tests.servers.sqlite import logged_calls, make_database
from tests.servers.sqlite_client import client, eventually

_ROOT = Path(__file__).parents[3]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return make_database(tmp_path / "app.db", "wal")


@contextmanager
def _logged(path: Path) -> Iterator[LoggedConnection]:
    with closing(logged_connect(path)) as connection:
        yield connection


def _read(path: Path, sql: str) -> dict[str, float]:
    """Calls, errors, busy, rows, total_ms and max_ms of one statement in the log; empty when it is not there."""
    assert flush_statements(default_log(path))
    with closing(sqlite3.connect(default_log(path))) as log:
        log.row_factory = sqlite3.Row
        row = log.execute("SELECT * FROM statement WHERE digest = ?", (digest(normalise(sql)),)).fetchone()
    return {} if row is None else {key: row[key] for key in ("calls", "errors", "busy", "rows", "total_ms", "max_ms")}


def test_statements_of_one_shape_are_one_line_with_calls_and_rows(path: Path) -> None:
    with _logged(path) as connection:
        for number in range(5):
            assert connection.execute("SELECT * FROM users WHERE id < ?", (number,)).fetchall()[:1] is not None
        connection.execute("SELECT * FROM users WHERE id < 3").fetchall()
    found = _read(path, "SELECT * FROM users WHERE id < ?")
    assert found["calls"] == 6
    assert found["rows"] == 0 + 1 + 2 + 3 + 4 + 3
    assert found["total_ms"] >= found["max_ms"] > 0


@pytest.mark.parametrize("how", ["fetchall", "fetchone", "fetchmany", "iteration", "dropped", "closed"])
def test_a_call_is_counted_once_however_its_rows_are_fetched(how: str, path: Path) -> None:
    with _logged(path) as connection:
        cursor = connection.execute("SELECT id FROM users WHERE id < 10")
        assert isinstance(cursor, LoggedCursor)
        match how:
            case "fetchall":
                cursor.fetchall()
            case "fetchone":
                while cursor.fetchone() is not None:
                    pass
            case "fetchmany":
                while cursor.fetchmany(3):
                    pass
            case "iteration":
                assert [row[0] for row in cursor] == list(range(10))
            case "closed":
                cursor.fetchmany(10)
                cursor.close()
            case _:
                cursor.fetchmany(10)
                del cursor
    assert _read(path, "SELECT id FROM users WHERE id < 1") | {"total_ms": 0, "max_ms": 0} == {
        "calls": 1,
        "errors": 0,
        "busy": 0,
        "rows": 10,
        "total_ms": 0,
        "max_ms": 0,
    }


def test_changes_many_scripts_and_commits_are_counted(path: Path) -> None:
    with _logged(path) as connection:
        with connection:
            connection.executemany("INSERT INTO users (name) VALUES (?)", (("a",), ("b",), ("c",)))
        connection.executescript("CREATE TABLE one (x); CREATE TABLE two (x);")
        connection.execute("UPDATE users SET mail = 'x' WHERE id < 5")
        connection.rollback()
        connection.commit()  # nothing to commit, so nothing to count
    assert _read(path, "INSERT INTO users (name) VALUES (?)")["rows"] == 3
    assert _read(path, "UPDATE users SET mail = ? WHERE id < ?")["rows"] == 5
    assert _read(path, "CREATE TABLE one (x); CREATE TABLE two (x)")["calls"] == 1
    assert _read(path, "COMMIT")["calls"] == 1
    assert _read(path, "ROLLBACK")["calls"] == 1


def test_errors_reach_the_application_and_are_counted(path: Path) -> None:
    with _logged(path) as connection:
        with pytest.raises(sqlite3.OperationalError, match="no such table"):
            connection.execute("SELECT * FROM nowhere")
        with pytest.raises(sqlite3.IntegrityError), connection:
            connection.execute("INSERT INTO users (id) VALUES (1)")
        assert not connection.in_transaction
    assert _read(path, "SELECT * FROM nowhere")["errors"] == 1
    assert _read(path, "INSERT INTO users (id) VALUES (1)")["errors"] == 1


def test_giving_up_on_a_lock_is_counted_as_busy(path: Path) -> None:
    with client(path) as other, closing(logged_connect(path, timeout=0)) as connection:
        other.run("BEGIN IMMEDIATE")
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            connection.execute("INSERT INTO users (name) VALUES ('x')")
    found = _read(path, "INSERT INTO users (name) VALUES ('x')")
    assert (found["errors"], found["busy"]) == (1, 1)


def test_two_lives_of_a_process_add_up(path: Path) -> None:
    program = (
        "import sys\nfrom aishell_core.engines.statement_log import logged_connect\n"
        "connection = logged_connect(sys.argv[1])\n"
        "for _ in range(4): connection.execute('SELECT 1').fetchall()\n"
    )
    for _ in range(2):
        subprocess.run([sys.executable, "-c", program, str(path)], check=True, env=os.environ | {"PYTHONPATH": str(_ROOT)})
    assert logged_calls(default_log(path)) == 8
    assert _read(path, "SELECT 1")["calls"] == 8


def test_the_log_is_written_by_itself(path: Path) -> None:
    with _logged(path) as connection:
        connection.execute("SELECT 1").fetchall()
        eventually(lambda: logged_calls(default_log(path)) == 1)


def test_a_locked_log_delays_nothing_and_loses_nothing(path: Path) -> None:
    log = default_log(path)
    with _logged(path) as connection:
        connection.execute("SELECT 1").fetchall()
        assert flush_statements(log)
        with client(log) as other:
            other.run("BEGIN EXCLUSIVE")
            connection.execute("SELECT 1").fetchall()
            assert not flush_statements(log)
            connection.execute("SELECT 1").fetchall()
            assert not flush_statements(log)
            other.run("ROLLBACK")
    assert _read(path, "SELECT 1")["calls"] == 3


def test_a_log_that_cannot_be_written_is_the_log_s_own_trouble(path: Path) -> None:
    nowhere = path.parent / "missing" / "log.db"
    with closing(logged_connect(path, nowhere)) as connection:
        assert connection.execute("SELECT count(*) FROM users").fetchone() == (500,)
    assert not flush_statements(nowhere)
    assert "unable to open" in recorder_of(nowhere).trouble
    nowhere.parent.mkdir()
    assert flush_statements(nowhere)
    assert logged_calls(nowhere) == 1


def test_a_log_that_is_deleted_begins_anew(path: Path) -> None:
    log = default_log(path)
    with _logged(path) as connection:
        connection.execute("SELECT 1").fetchall()
        assert flush_statements(log)
        for file in path.parent.glob(f"{log.name}*"):
            file.unlink()
        connection.execute("SELECT 1").fetchall()
        assert _read(path, "SELECT 1")["calls"] == 1


def test_a_foreign_database_is_never_taken_for_a_log(path: Path) -> None:
    foreign = make_database(path.with_name("foreign.db"))
    before = foreign.read_bytes()
    record_statement(foreign, "SELECT 1", 0.1)
    assert not flush_statements(foreign)
    assert foreign.read_bytes() == before
    assert "not a statement log" in recorder_of(foreign).trouble


def test_the_database_cannot_be_its_own_log(path: Path) -> None:
    with pytest.raises(ValueError, match="cannot be the database itself"):
        logged_connect(path, path)
    with pytest.raises(ValueError, match="needs the name"):
        logged_connect(":memory:")


def test_what_other_means_ran_can_be_recorded(path: Path) -> None:
    log = default_log(path)
    record_statement(log, "SELECT 7", 0.25, rows=3)
    record_statement(log, "SELECT 8", float("nan"), error=ValueError("x"))
    found = _read(path, "SELECT 1")
    assert (found["calls"], found["rows"], found["errors"]) == (2, 3, 1)
    assert found["total_ms"] == pytest.approx(250)


def test_memory_stays_bounded_whatever_is_run(tmp_path: Path) -> None:
    """While the log cannot be written, statements beyond a thousand shapes are counted together."""
    recorder = Recorder(tmp_path / "missing" / "log.db")
    for number in range(3000):
        recorder.record(recorder.shape(f"SELECT a{number} FROM t"), 0.001, 1)
    assert not recorder.flush()
    for number in range(3000):
        recorder.record(recorder.shape(f"SELECT b{number} FROM t"), 0.001, 1)
    assert not recorder.flush()
    (tmp_path / "missing").mkdir()
    assert recorder.flush()
    recorder.close()
    with closing(sqlite3.connect(recorder.path)) as log:
        assert log.execute("SELECT calls FROM totals").fetchall() == [(6000.0,)]
        assert log.execute("SELECT sum(calls) FROM statement").fetchall() == [(6000.0,)]
        assert log.execute("SELECT sum(calls) FROM latency").fetchall() == [(6000.0,)]
        ((shapes,),) = log.execute("SELECT count(*) FROM statement")
    assert shapes <= 1001


def test_cursors_that_end_as_garbage_are_counted(path: Path) -> None:
    with _logged(path) as connection:
        for _ in range(3):
            cursor = connection.execute("SELECT id FROM users WHERE id < 10")
            cursor.fetchmany(4)
            cycle: list[object] = [cursor]
            cycle.append(cycle)
            del cursor, cycle
        gc.collect()
    found = _read(path, "SELECT id FROM users WHERE id < 10")
    assert (found["calls"], found["rows"]) == (3, 12)


def test_a_huge_statement_is_counted_by_its_beginning(path: Path) -> None:
    with _logged(path) as connection:
        connection.execute("INSERT INTO users (name) VALUES ('" + "x" * 3_000_000 + "')")
        connection.execute("INSERT INTO users (name) VALUES ('" + "y" * 2_000_000 + "')")
        connection.commit()
    assert flush_statements(default_log(path))
    assert logged_calls(default_log(path)) == 3
    assert default_log(path).stat().st_size < 200_000


def test_a_long_statement_shows_while_it_runs_and_not_afterwards(path: Path) -> None:
    endless = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    log = default_log(path)
    connection = logged_connect(path, check_same_thread=False)
    runner = threading.Thread(target=_until_interrupted, args=(connection, endless))
    runner.start()
    eventually(lambda: _active(log) == [("running", normalise(endless), 0)])
    connection.interrupt()
    runner.join()
    connection.close()
    eventually(lambda: _active(log) == [])


def test_a_write_transaction_left_open_shows_with_its_last_statement(path: Path) -> None:
    log = default_log(path)
    with _logged(path) as connection:
        connection.execute("INSERT INTO users (name) VALUES ('x')")
        connection.execute("SELECT 1").fetchall()
        eventually(lambda: [(state, holds) for state, _, holds in _active(log)] == [("in transaction", 1)])
        connection.rollback()
        eventually(lambda: _active(log) == [])


def _until_interrupted(connection: sqlite3.Connection, sql: str) -> None:
    with pytest.raises(sqlite3.OperationalError, match="interrupted"):
        connection.execute(sql).fetchall()


def _active(log: Path) -> list[tuple[str, str, int]]:
    if not logged_calls(log) and not log.exists():
        return []
    with closing(sqlite3.connect(f"file:{log}?mode=ro", uri=True)) as reader:
        try:
            return reader.execute("SELECT state, text, holds_lock FROM active").fetchall()
        except sqlite3.OperationalError:
            return []


def test_a_child_process_counts_for_itself(path: Path) -> None:
    """After a fork the child must neither write what the parent counted nor touch its open log."""
    program = (
        "import os, sys\nfrom aishell_core.engines.statement_log import default_log, flush_statements, logged_connect\n"
        "connection = logged_connect(sys.argv[1])\n"
        "connection.execute('SELECT 1').fetchall()\n"
        "flush_statements(default_log(sys.argv[1]))\n"
        "connection.execute('SELECT 1').fetchall()\n"
        "child = os.fork()\n"
        "own = logged_connect(sys.argv[1]) if child == 0 else connection\n"
        "own.execute('SELECT 1').fetchall()\n"
        "if child: assert os.waitpid(child, 0)[1] == 0\n"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", program, str(path)], check=True, env=os.environ | {"PYTHONPATH": str(_ROOT)})
    assert logged_calls(default_log(path)) == 4


def test_a_connection_is_still_the_standard_library_s(path: Path) -> None:
    with _logged(path) as connection:
        connection.row_factory = sqlite3.Row
        assert connection.execute("SELECT 1 AS one").fetchone()["one"] == 1
        assert type(connection.cursor(sqlite3.Cursor)) is sqlite3.Cursor
        assert connection.execute("SELECT 1").connection is connection
        with pytest.raises(sqlite3.ProgrammingError):
            connection.execute("SELECT ?", ())
        assert next(iter(connection.iterdump())) == "BEGIN TRANSACTION;"


def test_the_log_needs_nothing_but_the_standard_library(path: Path) -> None:
    program = (
        "import sys\nbefore = set(sys.modules)\n"
        "import aishell_core.engines.statement_log\n"
        "foreign = {name.split('.')[0] for name in set(sys.modules) - before} - sys.stdlib_module_names - {'aishell_core'}\n"
        "sys.exit(', '.join(foreign) or 0)\n"
    )
    subprocess.run([sys.executable, "-S", "-c", program], check=True, env=os.environ | {"PYTHONPATH": str(_ROOT)})


def test_a_log_tells_that_it_is_one(path: Path) -> None:
    with _logged(path) as connection:
        connection.execute("SELECT 1").fetchall()
    _read(path, "SELECT 1")
    with closing(sqlite3.connect(default_log(path))) as log:
        assert log.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
        assert log.execute("PRAGMA journal_mode").fetchone() == ("wal",)
