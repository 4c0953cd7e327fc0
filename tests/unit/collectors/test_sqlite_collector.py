"""What the collector says of real databases with real users."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from pathlib import Path

import pytest

from aishell_core.catalogue import (
    CONNECTIONS_USED,
    LOCKS_WAIT,
    LOCKS_WAITING,
    QUERIES_RATE,
    QUERY_DURATION,
    SESSIONS_ACTIVE,
    SQLITE_BUSY_RATE,
    SQLITE_CACHE_SIZE,
    SQLITE_FREE_RATIO,
    SQLITE_FREELIST_SIZE,
    SQLITE_PAGE_SIZE,
    SQLITE_READERS,
    SQLITE_TABLE_SIZE,
    SQLITE_WAL_PENDING,
    SQLITE_WAL_SIZE,
    SQLITE_WRITE_LOCK,
    TRANSACTIONS_RATE,
)
from aishell_core.clock import SystemClock
from aishell_core.engines.sqlite import SqliteSession
from aishell_core.engines.statement_log import default_log
from aishell_core.engines.statement_text import digest, normalise
from aishell_core.errors import TargetError
from aishell_core.targets import parse_location
from aishell_core.values import FailureCode, LockWait, Metric, Part, Reading, Session, TargetId, Tier
from aishell_tui.demo.launch import start_demo
from collectors.contract import EVERYTHING, NOTHING, Collector, Demand
from collectors.sqlite.collector import SqliteCollector, TierReader
from collectors.sqlite.place import place_of
from collectors.sqlite.slow import SlowTier
from tests.servers import sqlite as build
from tests.servers.sqlite_client import SqliteClient, client


@asynccontextmanager
async def _collector(path: Path, *options: tuple[str, str]) -> AsyncIterator[Collector]:
    collector = build.patient_collector(build.target_of(path, "app", *options))
    try:
        yield collector
    finally:
        await collector.close()


def _value(reading: Reading, metric: Metric) -> float | None:
    return next((sample.value for sample in reading.samples if sample.metric is metric), None)


def _session(reading: Reading, pid: int) -> Session:
    (found,) = (session for session in reading.sessions or () if session.id == str(pid))
    return found


async def _until(collector: Collector, condition: str, pid: int) -> Reading:
    """Readings until the session of this process is in that state."""
    async with asyncio.timeout(60):
        while True:
            reading = await collector.collect(Tier.HOT, EVERYTHING)
            if any(session.id == str(pid) and session.state == condition for session in reading.sessions or ()):
                return reading


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return build.make_database(tmp_path / "app.db", "wal")


@pytest.fixture
def application(path: Path) -> Iterator[SqliteClient]:
    with client(path, logged=True, timeout=30.0) as process:
        process.run("SELECT count(*) FROM users")
        process.flush()
        yield process


async def test_an_idle_application_is_a_session_with_its_program_and_user(path: Path, application: SqliteClient) -> None:
    async with _collector(path) as collector:
        reading = await collector.collect(Tier.HOT, EVERYTHING)
    session = _session(reading, application.pid)
    assert session.state == "idle"
    assert session.user
    assert session.client == "local"
    assert session.started_at is not None
    assert _value(reading, CONNECTIONS_USED) == 1
    assert _value(reading, SESSIONS_ACTIVE) == 0
    assert _value(reading, QUERY_DURATION) == 0
    assert reading.lock_waits == ()


@contextmanager
def _program(script: Path, path: Path) -> Iterator[int]:
    """The pid of a script that has said that it is ready."""
    with subprocess.Popen([sys.executable, script, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline()
            yield process.pid
        finally:
            process.kill()


async def test_another_dashboard_is_no_connection_though_it_holds_a_lock_and_the_demos_workload_is_one(tmp_path: Path) -> None:
    program = tmp_path / "aishell"
    program.write_text(
        "import sqlite3, sys\n"
        "connection = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "connection.execute('BEGIN')\n"
        "connection.execute('SELECT count(*) FROM sqlite_schema').fetchall()\n"
        "print(flush=True)\n"
        "sys.stdin.read()\n"
    )
    demo = start_demo(tmp_path / "demo")
    try:
        path = demo.target.location.path
        assert path is not None
        async with _collector(path) as collector, asyncio.timeout(60):
            while (_value(await collector.collect(Tier.HOT, EVERYTHING), CONNECTIONS_USED) or 0) < 2:
                pass
            with _program(program, path) as dashboard:
                during = await collector.collect(Tier.HOT, EVERYTHING)
    finally:
        demo.stop()
    sessions = {session.id for session in during.sessions or ()}
    assert len(sessions) >= 2, "the demo's clients"
    assert str(dashboard) not in sessions
    assert _value(during, CONNECTIONS_USED) == len(sessions)


async def test_a_reader_a_writer_and_the_age_of_its_lock_are_seen(path: Path, application: SqliteClient) -> None:
    with client(path) as reader:
        reader.run("BEGIN")
        reader.run("SELECT count(*) FROM users")
        async with _collector(path) as collector:
            application.run("BEGIN IMMEDIATE")
            first = await collector.collect(Tier.HOT, EVERYTHING)
            second = await collector.collect(Tier.HOT, EVERYTHING)
            application.run("COMMIT")
            third = await collector.collect(Tier.HOT, EVERYTHING)
    assert _session(first, reader.pid).state == "reading"
    assert _session(first, application.pid).state == "writing"
    assert _value(first, SQLITE_READERS) == 2, "the writer reads as well"
    assert _value(first, SQLITE_WRITE_LOCK) == 0
    assert (_value(second, SQLITE_WRITE_LOCK) or 0) > 0
    assert second.lock_waits == (LockWait("", str(application.pid), "database", "write", _value(second, SQLITE_WRITE_LOCK)),)
    assert _value(third, SQLITE_WRITE_LOCK) == 0


async def test_who_waits_for_whom_is_shown_with_both_statements(path: Path, application: SqliteClient) -> None:
    """One application leaves its transaction open, the other waits for its lock: both have a statement log."""
    with client(path, logged=True, timeout=30.0) as holder:
        holder.run("BEGIN IMMEDIATE")
        holder.run("UPDATE users SET name = 'held' WHERE id = 1")
        application.send("INSERT INTO users (name) VALUES ('waits')")
        async with _collector(path) as collector:
            await _until(collector, "waiting", application.pid)
            reading = await _until(collector, "idle in transaction", holder.pid)
            holder.run("COMMIT")
            application.answer()
            application.flush()
            after = await collector.collect(Tier.HOT, EVERYTHING)
    waiting, holding = _session(reading, application.pid), _session(reading, holder.pid)
    assert waiting.text == "INSERT INTO users(name) VALUES (?)"
    assert waiting.wait == f"write lock of pid {holder.pid}"
    assert (waiting.statement_seconds or 0) > 0.1
    assert holding.text == "UPDATE users SET name = ? WHERE id = ?"
    assert holding.transaction_seconds is not None
    ((wait),) = reading.lock_waits or ()
    assert (wait.waiter, wait.holder, wait.mode) == (str(application.pid), str(holder.pid), "write")
    assert (wait.wait_seconds or 0) > 0.1
    assert _value(reading, LOCKS_WAITING) == 1
    assert (_value(reading, LOCKS_WAIT) or 0) > 0.1
    assert (_value(reading, QUERY_DURATION) or 0) > 100
    assert _value(after, LOCKS_WAITING) == 0


_LONG = f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000000) SELECT count(*) AS {'long' * 1500} FROM n"


@pytest.mark.parametrize(
    "sql",
    [
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000000) SELECT count(*) FROM n -- counts",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000000) SELECT i FROM n WHERE i = 1 OR i < 0",
        _LONG,
    ],
    ids=["its first row comes late", "its last row comes late", "its text is long"],
)
async def test_who_runs_a_statement_is_told_by_the_digest_that_its_figures_have(sql: str, path: Path, application: SqliteClient) -> None:
    async with _collector(path) as collector:
        application.send(sql)
        async with asyncio.timeout(60):
            session = Session("")
            while session.statement_seconds is None:
                session = _session(await collector.collect(Tier.HOT, EVERYTHING), application.pid)
        application.answer()
        application.flush()
        after = await collector.collect(Tier.HOT, EVERYTHING)
    assert digest(normalise(session.text)) == (after.statements or ())[0].digest
    assert _session(after, application.pid).statement_seconds is None


async def test_statements_come_from_the_log_heaviest_first(path: Path, application: SqliteClient) -> None:
    application.run("PRAGMA synchronous = OFF")  # or a slow disk makes the insertions the heaviest
    application.run("SELECT count(*) FROM users a, orders b", times=2)
    application.run("INSERT INTO users (name) VALUES ('x')", times=5)
    application.flush()
    async with _collector(path) as collector:
        hot = await collector.collect(Tier.HOT, frozenset({Part.STATEMENTS}))
        warm = await collector.collect(Tier.WARM, NOTHING)
    first = (hot.statements or ())[0]
    assert first.text == "SELECT count(*) FROM users a, orders b"
    assert (first.calls, first.rows, first.errors) == (2, 2, 0)
    assert first.p95_milliseconds is not None
    assert first.max_milliseconds is not None
    assert first.max_milliseconds * 0.8 <= first.p95_milliseconds <= first.max_milliseconds
    assert first.histogram[-1] == 2
    assert hot.statements == warm.statements
    assert _value(hot, QUERIES_RATE) == 9
    assert _value(hot, SQLITE_BUSY_RATE) == 0
    assert {sample.labels for sample in warm.samples if sample.metric.name.startswith("statement.")} >= {(("digest", first.digest),)}


async def test_without_a_log_one_sentence_says_how_to_get_one(path: Path) -> None:
    async with _collector(path) as collector:
        warm = await collector.collect(Tier.WARM, EVERYTHING)
        hot = await collector.collect(Tier.HOT, NOTHING)
    (failure,) = (failure for failure in warm.failures if failure.part == "statements")
    assert failure.code is FailureCode.UNSUPPORTED
    assert "there is no statement log" in failure.message
    assert "from aishell_core.engines.statement_log import logged_connect" in failure.hint
    assert f"logged_connect('{path}')" in failure.hint
    assert _value(hot, QUERIES_RATE) is None
    assert _value(hot, LOCKS_WAITING) is None


async def test_a_file_that_is_no_log_is_refused_as_one(path: Path, tmp_path: Path) -> None:
    other = build.make_database(tmp_path / "other.db")
    async with _collector(path, ("log", str(other))) as collector:
        warm = await collector.collect(Tier.WARM, EVERYTHING)
    assert any("is no statement log" in failure.message for failure in warm.failures)


def test_the_log_can_lie_elsewhere(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    named = place_of(build.target_of(path, "app", ("log", "logs/x.db")))
    configured = place_of(build.target_of(path, "app", ("statement_log", "/srv/x.db")))
    assert named.log == tmp_path / "logs" / "x.db"
    assert configured.log == Path("/srv/x.db")
    assert place_of(build.target_of(path)).log == default_log(path)
    location = parse_location(f"sqlite://{path}?log=%2Fsrv%2Fy.db")
    assert location.option("log") == "/srv/y.db"


async def test_sizes_rows_and_free_space_of_tables_and_indexes(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("ANALYZE")
        connection.execute("CREATE VIRTUAL TABLE search USING fts5 (words)")
        connection.execute("CREATE TABLE gone AS SELECT hex(randomblob(500)) AS x FROM orders")
        connection.execute("DROP TABLE gone")
    async with _collector(path) as collector:
        cold = await collector.collect(Tier.COLD, NOTHING)
        warm = await collector.collect(Tier.WARM, NOTHING)
    relations = {relation.name: relation for relation in cold.relations or ()}
    with closing(sqlite3.connect(path)) as connection:
        sizes = dict(connection.execute("SELECT name, sum(pgsize) FROM dbstat GROUP BY name"))
        (free,) = connection.execute("PRAGMA freelist_count").fetchone()
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
    assert {name: relation.size_bytes for name, relation in relations.items() if name in sizes} == {
        name: size for name, size in sizes.items() if name != "sqlite_schema"
    }
    assert relations["orders"].rows == 2000
    assert relations["orders_by_user"].table == "orders"
    assert relations["search"].kind == "virtual table"
    assert relations["search"].size_bytes is None
    assert [relation.size_bytes or 0 for relation in cold.relations or ()] == sorted(
        (relation.size_bytes or 0 for relation in cold.relations or ()), reverse=True
    )
    table_sizes = {sample.labels: sample.value for sample in cold.samples if sample.metric is SQLITE_TABLE_SIZE}
    assert table_sizes[(("table", "orders"),)] == sizes["orders"] + sizes["orders_by_user"]
    assert free > 0
    assert _value(warm, SQLITE_FREELIST_SIZE) == free * 4096
    assert _value(warm, SQLITE_FREE_RATIO) == pytest.approx(free / pages)
    assert _value(warm, SQLITE_CACHE_SIZE) == 2000 * 1024


async def test_settings_tell_those_of_the_file_from_defaults(path: Path, application: SqliteClient) -> None:
    application.run("PRAGMA user_version = 42")
    async with _collector(path) as collector:
        cold = await collector.collect(Tier.COLD, NOTHING)
    settings = {setting.name: setting for setting in cold.settings or ()}
    assert (settings["journal_mode"].value, settings["journal_mode"].source) == ("wal", "file")
    assert (settings["user_version"].value, settings["user_version"].source) == ("42", "file")
    assert settings["cache_size"].unit == "KiB"
    assert settings["synchronous"].source == "default of a new connection"
    assert "compiled THREADSAFE" in settings


async def test_the_growing_log_and_what_waits_for_a_checkpoint(path: Path, application: SqliteClient) -> None:
    async with _collector(path) as collector:
        application.run("INSERT INTO users (name) VALUES ('x')", times=20)
        before = await collector.collect(Tier.HOT, NOTHING)
        application.run("PRAGMA wal_checkpoint(TRUNCATE)")
        after = await collector.collect(Tier.HOT, NOTHING)
    assert (_value(before, SQLITE_WAL_PENDING) or 0) >= 20
    assert (_value(before, SQLITE_WAL_SIZE) or 0) > 20 * 4096
    assert _value(after, SQLITE_WAL_PENDING) == 0
    assert _value(after, SQLITE_WAL_SIZE) == 0


async def test_a_rollback_database_has_no_figures_of_a_log(tmp_path: Path) -> None:
    async with _collector(build.make_database(tmp_path / "app.db", "delete")) as collector:
        reading = await collector.collect(Tier.HOT, NOTHING)
    assert _value(reading, SQLITE_WAL_SIZE) is None
    assert _value(reading, SQLITE_WAL_PENDING) is None
    assert _value(reading, TRANSACTIONS_RATE) is not None
    assert _value(reading, SQLITE_PAGE_SIZE) == 4096


async def test_an_empty_file_is_read_and_said_to_be_empty(tmp_path: Path) -> None:
    async with _collector(build.make_empty(tmp_path / "app.db")) as collector:
        hot, warm, cold = [await collector.collect(tier, EVERYTHING) for tier in Tier]
    for reading in (hot, warm, cold):
        assert [failure.code for failure in reading.failures if failure.part == "schema"] == [FailureCode.EMPTY]
    assert cold.relations == ()
    assert cold.settings
    assert _value(warm, SQLITE_FREE_RATIO) is None


async def test_a_file_that_was_emptied_while_it_was_watched_is_not_taken_for_a_new_one(tmp_path: Path) -> None:
    path = build.make_database(tmp_path / "app.db")
    async with _collector(path) as collector:
        before = await collector.collect(Tier.HOT, NOTHING)
        os.truncate(path, 0)
        after = await collector.collect(Tier.HOT, NOTHING)
    assert [failure for failure in before.failures if failure.part == "schema"] == []
    (failure,) = (failure for failure in after.failures if failure.part == "schema")
    assert failure.code is FailureCode.TRUNCATED
    assert "was emptied" in failure.message


@pytest.mark.parametrize("name", ["loop.db", "a\0b.db", "x" * 300, "file/app.db"])
async def test_a_path_that_leads_to_no_file_is_an_answer_in_each_tier(name: str, tmp_path: Path) -> None:
    build.make_loop(tmp_path / "loop.db")
    (tmp_path / "file").touch()
    for tier in Tier:
        with pytest.raises(TargetError) as caught:
            async with _collector(tmp_path / name) as collector:
                await collector.collect(tier, EVERYTHING)
        assert caught.value.reason in {FailureCode.MISSING, FailureCode.UNSUPPORTED}
        assert caught.value.hint


def test_a_statement_log_in_the_home_of_nobody_known_is_only_a_name(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    assert place_of(build.target_of(path, "app", ("log", "~nobody-of-this-name/s.db"))).log == tmp_path / "~nobody-of-this-name" / "s.db"


@pytest.mark.parametrize(
    ("log", "words"), [("loop.db", "lead round in circles"), ("x" * 300, "too long"), ("a\0b", "there is no statement log")]
)
async def test_a_statement_log_that_cannot_be_reached_costs_the_statements_only(log: str, words: str, tmp_path: Path) -> None:
    build.make_loop(tmp_path / "loop.db")
    async with _collector(build.make_database(tmp_path / "app.db"), ("log", log)) as collector:
        for tier in (Tier.HOT, Tier.WARM):
            failures = (await collector.collect(tier, EVERYTHING)).failures
            assert [words in failure.message for failure in failures if failure.part == Part.STATEMENTS] == [True]
            assert all(failure.part != "target" for failure in failures)


async def test_what_cannot_be_read_is_told_for_each_part_that_was_wanted(tmp_path: Path) -> None:
    async with _collector(build.make_hot_journal(tmp_path / "app.db")) as collector:
        wanted = await collector.collect(Tier.WARM, EVERYTHING)
        unwanted = await collector.collect(Tier.WARM, NOTHING)
    told = {failure.part for failure in wanted.failures if "waits to be rolled back" in failure.message}
    assert told == {"schema", "settings", "relations"}
    assert [failure.part for failure in unwanted.failures if "waits to be rolled back" in failure.message] == ["schema"]


async def test_a_database_that_begins_to_exist_is_read_from_then_on(tmp_path: Path) -> None:
    path = build.make_empty(tmp_path / "app.db")
    async with _collector(path) as collector:
        empty = await collector.collect(Tier.HOT, NOTHING)
        build.make_database(path)
        filled = await collector.collect(Tier.HOT, NOTHING)
    assert _value(empty, TRANSACTIONS_RATE) is None
    assert _value(filled, TRANSACTIONS_RATE) is not None
    assert not filled.failures


async def test_an_exclusively_locked_database_keeps_its_figures_and_says_who_holds_it(tmp_path: Path) -> None:
    path = build.make_database(tmp_path / "app.db", "delete")
    with client(path) as owner:
        owner.run("BEGIN EXCLUSIVE")
        async with _collector(path) as collector:
            readings = [await collector.collect(tier, EVERYTHING) for tier in Tier]
    for reading in readings:
        (failure,) = (failure for failure in reading.failures if failure.part == "schema")
        assert failure.code is FailureCode.LOCKED
        assert f"by pid {owner.pid}" in failure.message
    assert readings[0].samples


async def test_integrity_is_checked_on_demand(tmp_path: Path) -> None:
    good, bad = build.make_database(tmp_path / "good.db"), build.make_damaged(tmp_path / "bad.db")
    for path, sound in ((good, True), (bad, False)):
        async with _collector(path) as collector:
            assert isinstance(collector, SqliteCollector)
            findings = await collector.check_integrity(10.0)
        assert (not findings) == sound
        assert all(finding.code is FailureCode.DAMAGED and finding.message for finding in findings)


async def test_every_reading_tells_its_cost(path: Path, application: SqliteClient) -> None:
    async with _collector(path) as collector:
        quiet = [await collector.collect(Tier.HOT, NOTHING) for _ in range(2)][1]
        warm = await collector.collect(Tier.WARM, NOTHING)
    assert quiet.cost.queries == 0
    assert warm.cost.queries > 0
    assert 0 < warm.cost.seconds < 4.7


async def test_reading_leaves_no_thread_and_no_descriptor_per_reading(path: Path, application: SqliteClient) -> None:
    async with _collector(path) as collector:
        for tier in Tier:
            await collector.collect(tier, EVERYTHING)
        before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
        for _ in range(20):
            for tier in Tier:
                await collector.collect(tier, EVERYTHING)
        assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


class _HangingTier:
    """A file system that does not answer until the test lets it."""

    def __init__(self) -> None:
        self.gate = threading.Event()

    def read(self, demand: Demand) -> Reading:
        self.gate.wait()
        return Reading(TargetId("app"), Tier.HOT, 0.0)


async def test_a_file_system_that_hangs_costs_one_tier_and_is_named_and_read_again_when_it_is_back(path: Path) -> None:
    place, target, clock = place_of(build.target_of(path)), build.target_of(path), SystemClock()
    hanging = _HangingTier()
    tiers: dict[Tier, TierReader] = {Tier.HOT: hanging, Tier.WARM: SlowTier(place, clock, Tier.WARM, 2.0)}
    collector = SqliteCollector(target, tiers, SqliteSession(path), {Tier.HOT: 0.05, Tier.WARM: 4.7})
    with pytest.raises(TargetError, match="no answer within 50ms") as caught:
        await collector.collect(Tier.HOT, NOTHING)
    assert caught.value.reason is FailureCode.TIMEOUT
    assert (await collector.collect(Tier.WARM, NOTHING)).samples
    with pytest.raises(TargetError, match="an earlier read has not returned"):
        await collector.collect(Tier.HOT, NOTHING)
    hanging.gate.set()
    async with asyncio.timeout(60):
        while True:
            with suppress(TargetError):
                await collector.collect(Tier.HOT, NOTHING)
                break
            await asyncio.sleep(0)
    await collector.close()


async def test_commits_that_lock_the_file_again_and_again_are_no_state(tmp_path: Path) -> None:
    """A rollback journal locks the file exclusively for each commit: a look may fall on one, and another, and means nothing."""
    path = build.make_database(tmp_path / "app.db", "delete")
    with client(path, timeout=5.0) as writer:
        writer.run("PRAGMA synchronous = OFF")
        async with _collector(path) as collector:
            writer.send("INSERT INTO users (name) VALUES ('x')", times=3000)
            readings = [await collector.collect(Tier.HOT, EVERYTHING) for _ in range(40)]
            writer.answer()
    assert not [failure for reading in readings for failure in reading.failures if failure.part == "schema"]
