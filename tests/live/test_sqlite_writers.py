"""Beside real writers: every commit is counted, no writer is ever disturbed, nothing is left on disk."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from aishell_core.catalogue import TRANSACTIONS_RATE
from aishell_core.values import Reading, Tier
from collectors.contract import EVERYTHING, Collector
from tests.servers import sqlite as build
from tests.servers.sqlite_client import client

_COMMITS = 1500
# Without a busy timeout, so that the slightest disturbance is an error and not a delay.
_WRITER = """
import json, sqlite3, sys, time
path, journal, commits = json.loads(sys.argv[1])
connection = sqlite3.connect(path, timeout=0, isolation_level=None)
connection.execute(f"PRAGMA journal_mode = {journal}").fetchall()
connection.execute("PRAGMA synchronous = OFF")
print("ready", flush=True)
sys.stdin.readline()
busy = done = 0
while done < commits:
    try:
        connection.execute("INSERT INTO users (name) VALUES (hex(randomblob(40)))")
        done += 1
    except sqlite3.OperationalError:
        busy += 1
    time.sleep(0.001)
print(json.dumps([done, busy]), flush=True)
sys.stdin.readline()
connection.close()
"""


def _commits(reading: Reading) -> float:
    (value,) = (sample.value for sample in reading.samples if sample.metric is TRANSACTIONS_RATE)
    return value


async def _poll(collector: Collector, writer: subprocess.Popen[str]) -> tuple[list[float], str]:
    """Twenty readings of every tier a second, until the writer is done."""
    answer = asyncio.create_task(asyncio.to_thread(_line, writer))
    counts: list[float] = []
    while not answer.done():
        readings = await asyncio.gather(*(collector.collect(tier, EVERYTHING) for tier in Tier))
        counts.append(_commits(readings[0]))
        await asyncio.sleep(0.05)
    counts.append(_commits(await collector.collect(Tier.HOT, EVERYTHING)))
    return counts, await answer


def _writer(arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", _WRITER, arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def _go_on(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


@pytest.mark.parametrize("journal", build.JOURNAL_MODES)
async def test_every_commit_is_counted_and_no_writer_is_disturbed(journal: str, tmp_path: Path) -> None:
    path = build.make_database(tmp_path / "app.db", journal)
    before = set(build.files_beside(path))
    collector = build.patient_collector(build.target_of(path))
    arguments = json.dumps([str(path), journal, _COMMITS])
    with _writer(arguments) as writer:
        assert _line(writer) == "ready\n"
        first = _commits(await collector.collect(Tier.HOT, EVERYTHING))
        _go_on(writer)
        counts, answer = await _poll(collector, writer)
        _go_on(writer)
    assert json.loads(answer) == [_COMMITS, 0], "the writer was disturbed"
    assert counts == sorted(counts)
    assert counts[-1] - first == _COMMITS
    await collector.collect(Tier.WARM, EVERYTHING)
    await collector.close()
    assert set(build.files_beside(path)) == before


async def test_applications_that_come_and_go_do_not_lose_the_count(tmp_path: Path) -> None:
    """With a log, every first connection begins a new index that counts from 0."""
    path = build.make_database(tmp_path / "app.db", "wal")
    collector = build.patient_collector(build.target_of(path))
    seen: list[float] = []
    for commits in (3, 5, 2):
        with client(path) as application:
            application.run("INSERT INTO users (name) VALUES ('x')", times=commits)
            seen.append(_commits(await collector.collect(Tier.HOT, EVERYTHING)))
            application.close()
        await collector.collect(Tier.HOT, EVERYTHING)
    await collector.close()
    assert [later - earlier for earlier, later in pairwise(seen)] == [5, 2]


async def test_a_crash_and_its_recovery_do_not_lose_the_count(tmp_path: Path) -> None:
    path = build.make_database(tmp_path / "app.db", "wal")
    collector = build.patient_collector(build.target_of(path))
    with client(path) as application:
        application.run("INSERT INTO users (name) VALUES ('x')", times=4)
        first = _commits(await collector.collect(Tier.HOT, EVERYTHING))
        application.kill()
    with client(path) as application:
        application.run("INSERT INTO users (name) VALUES ('x')", times=3)
        assert _commits(await collector.collect(Tier.HOT, EVERYTHING)) - first == 3
    await collector.close()


async def test_a_replaced_file_counts_as_a_restart(tmp_path: Path) -> None:
    path = build.make_database(tmp_path / "app.db")
    collector = build.patient_collector(build.target_of(path))
    first = (await collector.collect(Tier.HOT, EVERYTHING)).facts
    again = (await collector.collect(Tier.HOT, EVERYTHING)).facts
    build.make_database(tmp_path / "new.db").replace(path)
    after = (await collector.collect(Tier.HOT, EVERYTHING)).facts
    path.unlink()
    with pytest.raises(Exception, match="there is no file"):
        await collector.collect(Tier.HOT, EVERYTHING)
    await collector.close()
    assert first is not None
    assert again is not None
    assert after is not None
    assert first.started_at == again.started_at != after.started_at
