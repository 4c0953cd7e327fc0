"""One command of a person on a real SQLite file: what it brings, its limits, and what a read-only one cannot do."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from aishell_core.engines.base import Runnable
from aishell_core.engines.sqlite import SqliteSession
from aishell_core.errors import TargetError
from aishell_core.values import CommandResult, FailureCode, Limits, Value

_ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT {} FROM n"


@pytest.fixture(params=["delete", "wal"])
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "app.db"
    with closing(sqlite3.connect(path)) as client:
        client.execute(f"PRAGMA journal_mode = {request.param}")
        client.executescript("CREATE TABLE kept (id INTEGER PRIMARY KEY, note TEXT); INSERT INTO kept VALUES (1, 'one'), (2, NULL);")
        yield path


async def run(file: Path, command: str, *parameters: Value, limits: Limits | None = None, write: bool = False) -> CommandResult:
    session = SqliteSession(file)
    assert isinstance(session, Runnable)
    try:
        return await session.run(command, parameters, limits or Limits(), read_only=not write)
    finally:
        await session.close()


async def refusal(file: Path, command: str, *parameters: Value, limits: Limits | None = None, write: bool = False) -> TargetError:
    with pytest.raises(TargetError) as caught:
        await run(file, command, *parameters, limits=limits, write=write)
    return caught.value


def content(file: Path) -> bytes:
    return file.read_bytes()


def rows_kept(file: Path) -> int:
    with closing(sqlite3.connect(file)) as client:
        return int(client.execute("SELECT count(*) FROM kept").fetchone()[0])


async def test_values_come_as_they_are_kept(file: Path) -> None:
    found = await run(file, "SELECT 1 AS a, 1.5 AS b, 'x' AS c, NULL AS d, x'00ff' AS e")
    assert (found.columns, found.rows) == (("a", "b", "c", "d", "e"), ((1, 1.5, "x", None, b"\x00\xff"),))
    assert (found.affected, found.cut) == (None, "")


async def test_a_value_is_bound_and_never_part_of_the_statement(file: Path) -> None:
    evil = "'; DROP TABLE kept; --"
    assert (await run(file, "SELECT ?", evil)).rows == ((evil,),)
    error = await refusal(file, "SELECT ?", {"a": 1})
    assert error.reason is FailureCode.UNSUPPORTED


async def test_text_that_is_no_unicode_is_shown_as_far_as_it_can_be(file: Path) -> None:
    assert (await run(file, "SELECT CAST(x'61ff' AS TEXT)")).rows == (("a\ufffd",),)


async def test_rows_and_bytes_beyond_the_limits_are_cut_and_said(file: Path) -> None:
    few = await run(file, _ENDLESS.format("i"), limits=Limits(rows=3))
    assert (few.rows, few.cut) == (((1,), (2,), (3,)), "rows")
    large = await run(file, _ENDLESS.format("zeroblob(10000)"), limits=Limits(rows=10**9, bytes=100_000))
    assert large.cut == "bytes"
    assert 10 <= len(large.rows) <= 100


@pytest.mark.parametrize("write", [False, True])
async def test_a_statement_that_takes_too_long_is_stopped(file: Path, write: bool) -> None:
    error = await refusal(file, _ENDLESS.format("count(*)"), limits=Limits(seconds=0.5), write=write)
    assert (error.reason, error.message) == (FailureCode.TIMEOUT, "the statement took longer than 0.5 s and was stopped")


@pytest.mark.parametrize(
    "command",
    [
        "INSERT INTO kept VALUES (3, 'x')",
        "DELETE FROM kept",
        "DROP TABLE kept",
        "PRAGMA user_version = 7",
        "VACUUM",
        "ATTACH 'other.db' AS other",
        "VACUUM INTO 'other.db'",
    ],
)
async def test_a_read_only_run_changes_nothing_and_creates_no_file(file: Path, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(file.parent)
    before = content(file)
    await refusal(file, command)
    assert content(file) == before
    assert not (file.parent / "other.db").exists()


async def test_more_than_one_statement_is_refused_before_any_of_them_runs(file: Path) -> None:
    error = await refusal(file, "DELETE FROM kept; SELECT 1", write=True)
    assert "one statement" in error.message
    assert rows_kept(file) == 2


async def test_a_write_says_how_many_rows_it_changed(file: Path) -> None:
    assert (await run(file, "INSERT INTO kept(note) VALUES (?), (?)", "a", "b", write=True)).affected == 2
    assert (await run(file, "DELETE FROM kept WHERE id > 2 RETURNING id", write=True)).rows == ((3,), (4,))
    assert (await run(file, "VACUUM", write=True)).affected is None
    assert rows_kept(file) == 2


async def test_a_write_waits_for_the_lock_and_then_says_that_it_could_not_have_it(file: Path) -> None:
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        error = await refusal(file, "DELETE FROM kept", limits=Limits(seconds=0.5), write=True)
        assert error.reason in {FailureCode.LOCKED, FailureCode.TIMEOUT}
        other.execute("ROLLBACK")
    assert rows_kept(file) == 2


async def test_a_write_creates_no_database_where_there_is_none(tmp_path: Path) -> None:
    error = await refusal(tmp_path / "none.db", "CREATE TABLE t (a)", write=True)
    assert error.reason is FailureCode.MISSING
    assert not (tmp_path / "none.db").exists()


async def test_a_mistake_is_told_in_the_words_of_the_database(file: Path) -> None:
    assert "no such table: kpt" in (await refusal(file, "SELECT * FROM kpt")).message
