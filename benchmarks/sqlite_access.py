"""What reading an SQLite file costs, by which library it is best read, and what the statement log adds to a statement.

    python -m benchmarks.sqlite_access            # aiosqlite's column needs that package: pip install aiosqlite

Measured on two cores, Python 3.11, SQLite 3.40.1: a reading that opens, asks twice and closes takes 0.30 ms with the
standard library in a thread (0.55 ms with the state of the file and its locks judged first) and 0.67 ms with aiosqlite
0.22, with CPU time to match. aiosqlite starts a thread for each connection, sends each call through it, and has no way to
give up a call that hangs; so the standard library it is. The figures of the run are printed.
"""

from __future__ import annotations

import asyncio
import importlib.util
import sqlite3
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from statistics import median

from aishell_core.clock import SystemClock
from aishell_core.engines.sqlite_reading import Queries, SqliteReader
from aishell_core.engines.statement_log import logged_connect
from aishell_core.engines.worker import DatabaseThread
from aishell_core.values import Tier
from benchmarks.report import Figure, Section, bounded
from collectors.contract import EVERYTHING, NOTHING, Demand
from collectors.sqlite.collector import open_sqlite
from tests.servers.sqlite import make_database, target_of
from tests.servers.sqlite_client import client

_COMMAND = "python -m benchmarks.sqlite_access"
_QUESTIONS = ("SELECT count(*) FROM sqlite_schema", "SELECT freelist_count FROM pragma_freelist_count")
_ROUNDS = 400
_STATEMENTS = 20_000
_REPEATS = 5
_SELECT = "SELECT name FROM users WHERE id = ?"


async def _cost(read: Callable[[], Awaitable[object]], rounds: int = _ROUNDS) -> tuple[float, float]:
    """Milliseconds of time and of CPU for one reading."""
    for _ in range(20):
        await read()
    cpu, begun = time.process_time(), time.perf_counter()
    for _ in range(rounds):
        await read()
    return (time.perf_counter() - begun) / rounds * 1000, (time.process_time() - cpu) / rounds * 1000


def _ask(queries: Queries) -> list[object]:
    return [queries.rows(question) for question in _QUESTIONS]


async def _library(path: Path) -> tuple[float, float]:
    thread, reader = DatabaseThread("bench"), SqliteReader(path)
    cost = await _cost(lambda: thread.run(partial(reader.read, _ask, 5.0), 5.0))
    thread.close()
    return cost


def _plain(path: Path) -> list[object]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=0)) as connection:
        return [connection.execute(question).fetchall() for question in _QUESTIONS]


async def _plain_in_thread(path: Path) -> tuple[float, float]:
    thread = DatabaseThread("bench")
    cost = await _cost(lambda: thread.run(partial(_plain, path), 5.0))
    thread.close()
    return cost


async def _aiosqlite(path: Path) -> tuple[float, float] | None:
    if importlib.util.find_spec("aiosqlite") is None:
        return None
    connect = importlib.import_module("aiosqlite").connect

    async def read() -> list[object]:
        async with connect(f"file:{path}?mode=ro", uri=True, timeout=0) as connection:
            return [await connection.execute_fetchall(question) for question in _QUESTIONS]

    return await _cost(read)


def access(path: Path) -> Section:
    """The same reading by three means."""
    ours, plain, other = asyncio.run(_library(path)), asyncio.run(_plain_in_thread(path)), asyncio.run(_aiosqlite(path))
    peers = (f"{other[0]:.2f} ms", f"{other[1]:.2f} ms") if other is not None else ("not installed",) * 2
    return Section(
        "One reading of an SQLite file: open, ask twice, close",
        _COMMAND,
        (
            Figure("time, standard library in a thread", f"{plain[0]:.2f} ms", peer=peers[0]),
            Figure("CPU, standard library in a thread", f"{plain[1]:.2f} ms", peer=peers[1]),
            Figure("time, the same with the state of the file judged first", f"{ours[0]:.2f} ms", peer=peers[0]),
            Figure("CPU, the same with the state of the file judged first", f"{ours[1]:.2f} ms", peer=peers[1]),
        ),
        peer_name="aiosqlite",
    )


def tiers(path: Path) -> Section:
    """What a reading of each tier costs, beside an application that has the file open."""

    async def measure(tier: Tier, demand: Demand) -> float:
        collector = open_sqlite(target_of(path), SystemClock())
        cost = await _cost(lambda: collector.collect(tier, demand), 100)
        await collector.close()
        return cost[1]

    with client(path, logged=True) as application:
        application.run(_SELECT.replace("?", "1"), times=10)
        application.flush()
        figures = (
            bounded("hot, nobody looks", asyncio.run(measure(Tier.HOT, NOTHING)), 2.0, "ms CPU", digits=2),
            bounded("hot, every part is looked at", asyncio.run(measure(Tier.HOT, EVERYTHING)), 5.0, "ms CPU", digits=2),
            bounded("warm, every part is looked at", asyncio.run(measure(Tier.WARM, EVERYTHING)), 10.0, "ms CPU", digits=2),
            bounded("cold", asyncio.run(measure(Tier.COLD, NOTHING)), 20.0, "ms CPU", digits=2),
        )
    return Section("One reading of an SQLite target", _COMMAND, figures)


def _microseconds(connection: sqlite3.Connection) -> float:
    """The time of one small SELECT by primary key, fetched, in microseconds: the median of several runs."""
    runs = []
    for _ in range(_REPEATS):
        begun = time.perf_counter()
        for number in range(_STATEMENTS):
            connection.execute(_SELECT, (number % 500,)).fetchall()
        runs.append((time.perf_counter() - begun) / _STATEMENTS * 1e6)
    return median(runs)


def statement_log(path: Path) -> Section:
    """What the log adds to the cheapest of statements."""
    with closing(sqlite3.connect(path)) as plain, closing(logged_connect(path)) as logged:
        bare, counted = _microseconds(plain), _microseconds(logged)
    return Section(
        "The statement log, on a SELECT by primary key",
        _COMMAND,
        (
            Figure("without the log", f"{bare:.1f} µs"),
            Figure("with the log", f"{counted:.1f} µs"),
            bounded("added to each statement", counted - bare, 15.0, "µs"),
        ),
        ("This is the worst case: nothing that SQLite does takes less time than this statement.",),
    )


def measure_all() -> tuple[Section, ...]:
    """All tables of this module."""
    with tempfile.TemporaryDirectory() as folder:
        path = make_database(Path(folder) / "app.db", "wal")
        with client(path) as application:
            application.run("SELECT count(*) FROM users")
            first = access(path)
        return first, tiers(path), statement_log(path)


if __name__ == "__main__":
    from benchmarks.__main__ import write_results

    write_results(measure_all(), None)
