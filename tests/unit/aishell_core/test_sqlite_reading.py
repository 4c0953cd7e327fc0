"""Reading never delays a writer, never makes a file, and never gives a mixture of two states."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from aishell_core.engines.sqlite_reading import Queries, SqliteReader, Way, way_to_read
from aishell_core.errors import TargetError
from aishell_core.values import FailureCode
from tests.servers import sqlite as build
from tests.servers.sqlite_client import ClientError, client


def _count(queries: Queries) -> int:
    ((found,),) = queries.rows("SELECT count(*) FROM users")
    assert isinstance(found, int)
    return found


def test_a_reader_in_the_middle_does_not_make_a_rollback_writer_fail(tmp_path: Path) -> None:
    """With an ordinary read-only connection the commit below fails with SQLITE_BUSY: the next test shows it."""
    path = build.make_database(tmp_path / "app.db", "delete")
    with client(path) as writer:

        def read_while_it_writes(queries: Queries) -> int:
            before = _count(queries)
            if before == 500:
                writer.run("INSERT INTO users (name) VALUES ('meanwhile')")
            return before

        assert SqliteReader(path).read(read_while_it_writes, 5.0) == 501


def test_the_same_writer_fails_beside_an_ordinary_reader(tmp_path: Path) -> None:
    path = build.make_database(tmp_path / "app.db", "delete")
    with client(path) as writer, closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as reader:
        cursor = reader.execute("SELECT * FROM users")
        cursor.fetchone()
        with pytest.raises(ClientError, match="SQLITE_BUSY"):
            writer.run("INSERT INTO users (name) VALUES ('meanwhile')")


def test_a_state_that_changes_under_every_try_is_given_up_with_its_reason(tmp_path: Path) -> None:
    path = build.make_database(tmp_path / "app.db", "truncate")
    with client(path) as writer:

        def always_disturbed(queries: Queries) -> int:
            writer.run("INSERT INTO users (name) VALUES ('again')")
            return _count(queries)

        with pytest.raises(TargetError, match="was written during each try") as caught:
            SqliteReader(path).read(always_disturbed, 5.0)
    assert caught.value.reason is FailureCode.LOCKED


def test_a_live_log_is_read_beside_an_open_write_transaction(tmp_path: Path) -> None:
    path = build.make_database(tmp_path / "app.db", "wal")
    with client(path) as writer:
        writer.run("BEGIN IMMEDIATE")
        writer.run("INSERT INTO users (name) VALUES ('not yet')")
        reader = SqliteReader(path)
        assert way_to_read(reader.look()) is Way.LIVE
        assert reader.read(_count, 1.0) == 500
        writer.run("COMMIT")
        assert reader.read(_count, 1.0) == 501


@pytest.mark.parametrize("journal", build.JOURNAL_MODES)
def test_nothing_can_be_written_through_a_reading(journal: str, tmp_path: Path) -> None:
    path = build.make_database(tmp_path / "app.db", journal)
    with client(path) as other:
        other.run("SELECT count(*) FROM users")
        with pytest.raises(TargetError):
            SqliteReader(path).read(lambda queries: queries.rows("DELETE FROM users"), 1.0)
        assert other.run("SELECT count(*) FROM users") == [["500"]]


@pytest.mark.parametrize("journal", build.JOURNAL_MODES)
def test_a_question_without_end_is_interrupted_at_its_deadline(journal: str, tmp_path: Path) -> None:
    path = build.make_database(tmp_path / "app.db", journal)
    endless = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    with pytest.raises(TargetError) as caught:
        SqliteReader(path).read(lambda queries: queries.rows(endless), 0.05)
    assert caught.value.reason is FailureCode.TIMEOUT


def test_one_slow_question_does_not_use_up_the_time_of_the_others(tmp_path: Path) -> None:
    endless = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    path = build.make_database(tmp_path / "app.db")

    def both(queries: Queries) -> tuple[object, int]:
        return queries.rows_if_quick(endless, (), 0.02), _count(queries)

    assert SqliteReader(path).read(both, 30.0) == (None, 500)


def test_every_statement_bears_the_mark_of_aishell(tmp_path: Path) -> None:
    path = build.make_database(tmp_path / "app.db")
    with closing(sqlite3.connect(path)) as connection:
        seen: list[str] = []
        connection.set_trace_callback(seen.append)
        Queries(connection, time.monotonic() + 5).rows("SELECT ?", ("x",))
    assert seen == ["/* aishell */ SELECT 'x'"]


def test_what_reading_cost_is_told_once(tmp_path: Path) -> None:
    reader = SqliteReader(build.make_database(tmp_path / "app.db"))
    reader.read(_count, 1.0)
    assert reader.take_cost().queries == 1
    assert reader.take_cost().queries == 0


def test_a_text_that_is_no_unicode_is_readable(tmp_path: Path) -> None:
    path = build.make_database(tmp_path / "app.db")
    assert SqliteReader(path).read(lambda queries: queries.rows("SELECT CAST(x'61ff' AS TEXT)"), 1.0) == [("a\ufffd",)]


@pytest.mark.parametrize("sql", ["SELECT 1; SELECT 2", "SELECT ?", "SELECT '\x00", ""])
def test_what_python_refuses_by_itself_is_an_error_in_words_too(sql: str, tmp_path: Path) -> None:
    reader = SqliteReader(build.make_database(tmp_path / "app.db"))
    if sql:
        with pytest.raises(TargetError, match="does not answer"):
            reader.read(lambda queries: queries.rows(sql), 1.0)
    else:
        assert reader.read(lambda queries: queries.rows(sql), 1.0) == []
