"""The state database under load and under violence: killed writers, busy readers, and users without rights."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from aishell_core.catalogue import SQLITE_TABLE_SIZE
from aishell_core.series.keys import SeriesKey
from aishell_core.state.database import StateDatabase
from aishell_core.values import TargetId

NOW = 1_800_000_000.0
TARGETS = 5
KEYS = 8
KILLS = 12

# Writes minute after minute: in each transaction six windows of each of five targets, every figure the number of the
# minute. Says so after each one.
WRITER = """
import sys
from array import array
from pathlib import Path
from aishell_core.catalogue import SQLITE_TABLE_SIZE
from aishell_core.series.keys import SeriesKey
from aishell_core.series.rollup import RollupBatch, RollupRow
from aishell_core.state.database import StateDatabase
from aishell_core.values import Event, EventKind, Severity, TargetId, Tier

folder, first, last, targets, width = Path(sys.argv[1]), *map(int, sys.argv[2:])
keys = tuple(SeriesKey(SQLITE_TABLE_SIZE, (("table", str(number)),)) for number in range(width))
database = StateDatabase.open(folder)
assert database.is_writer
for minute in range(first, last):
    rows = tuple(RollupRow(1.8e9 + 60 * minute + 10 * window, array("f", [minute] * 4 * width)) for window in range(6))
    database.write_rollups([RollupBatch(TargetId(f"db{number}"), Tier.HOT, 10.0, keys, rows) for number in range(targets)])
    database.append_events([Event(1.8e9 + minute, TargetId("db0"), EventKind.STATE, Severity.OK, str(minute))])
    database.prune(1.8e9 + 60 * minute)
    print(minute, flush=True)
database.close()
"""

# Reads everything again and again until it is told to stop; says what it saw, or the error that it met.
READER = """
import select, sys
from pathlib import Path
from aishell_core.state.database import StateDatabase
from aishell_core.values import TargetId

folder, reads, seen = Path(sys.argv[1]), 0, 0
database = StateDatabase.open(folder, writable=False)
print("ready", flush=True)
while not select.select([sys.stdin], [], [], 0)[0]:
    for number in range(5):
        series = database.history(TargetId(f"db{number}"), 0, 2e9).series
        counts = {len(rollups.times) for rollups in series.values()}
        assert len(counts) <= 1 and all(count % 6 == 0 for count in counts), counts
        seen = max(seen, *counts, 0)
    database.events(0, 2e9)
    reads += 1
print(reads, seen, flush=True)
"""


def start(script: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def minutes_kept(folder: Path) -> set[int]:
    """The minutes that are there, after a check that each is there as a whole."""
    kept: list[set[int]] = []
    with closing(StateDatabase.open(folder)) as database:
        assert database.is_writer
        for number in range(TARGETS):
            history = database.history(TargetId(f"db{number}"), 0, NOW * 2)
            for key in range(KEYS if history.series else 0):
                found = history.rollups(SeriesKey(SQLITE_TABLE_SIZE, (("table", str(key)),)))
                minutes = {round(at - NOW) // 60 for at in found.times}
                assert list(found.times) == [NOW + 60 * minute + 10 * window for minute in sorted(minutes) for window in range(6)]
                assert list(found.mean) == list(found.last) == [minute for minute in sorted(minutes) for _ in range(6)]
                kept.append(minutes)
    assert all(minutes == kept[0] for minutes in kept)
    return kept[0] if kept else set()


def test_a_writer_that_is_killed_in_the_middle_of_writes_leaves_whole_batches(tmp_path: Path) -> None:
    """Killed again and again at whatever it does: what it said it had written is there, all of it or nothing of the next."""
    folder, begin = tmp_path / "state", 0
    for kill in range(KILLS):
        with start(WRITER, folder, begin, begin + 10_000, TARGETS, KEYS) as writer:
            said = -1
            for _ in range(1 + kill * 3):
                said = int(line(writer))
            writer.send_signal(signal.SIGKILL)
            assert writer.stdout is not None
            rest = writer.stdout.read().split("\n")[:-1]
            said = int(rest[-1]) if rest else said
        kept = minutes_kept(folder)
        assert kept == set(range(said + 1)) or kept == set(range(said + 2))
        begin = len(kept)
    with closing(sqlite3.connect(folder / "state.db")) as raw:
        assert raw.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_readers_beside_a_busy_writer_meet_no_lock_and_see_whole_batches(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    with ExitStack() as stack:
        writer = stack.enter_context(start(WRITER, folder, 0, 300, TARGETS, KEYS))
        assert line(writer) == "0"
        readers = [stack.enter_context(start(READER, folder)) for _ in range(2)]
        assert [line(reader) for reader in readers] == ["ready", "ready"]
        assert [line(writer) for _ in range(299)][-1] == "299"
        told = [reader.communicate("\n") for reader in readers]
        assert (writer.wait(), writer.stderr and writer.stderr.read()) == (0, "")
    for (said, errors), reader in zip(told, readers, strict=True):
        assert (reader.returncode, errors) == (0, "")
        reads, seen = map(int, said.split())
        assert reads > 0
        assert seen > 6
    assert minutes_kept(folder) == set(range(300))


# Becomes somebody who owns nothing, then says what opening the state gives.
NOBODY = """
import os, sys
from pathlib import Path
from aishell_core.errors import StateError
from aishell_core.state.database import StateDatabase
# Whatever is imported late is imported now: nobody may perhaps not read where Python is.
StateDatabase.open(Path(sys.argv[2])).close()
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
for writable in (True, False):
    try:
        database = StateDatabase.open(Path(sys.argv[1]), writable=writable)
        print(database.is_writer, len(database.events(0, 2e9)))
        database.close()
    except StateError as error:
        print("told:", error.message, "|", error.hint)
"""


@pytest.fixture
def for_all(tmp_path: Path) -> Path:
    """A folder that others may go through."""
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.geteuid() and folder.name.startswith(("pytest-", tmp_path.name)):
            folder.chmod(0o755)
    return tmp_path


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become somebody else")
@pytest.mark.parametrize("mode", [0o555, 0o500])
def test_somebody_without_the_right_to_write_is_told_what_to_do(for_all: Path, mode: int) -> None:
    folder = for_all / "state"
    with start(WRITER, folder, 0, 2, TARGETS, KEYS) as writer:
        assert (line(writer), line(writer), writer.wait()) == ("0", "1", 0)
    for path in folder.iterdir():
        path.chmod(0o444)
    folder.chmod(mode)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with start(NOBODY, folder, for_all / "warm") as nobody:
        said, errors = nobody.communicate()
    assert errors == ""
    to_write, to_read = said.splitlines()
    assert to_write.startswith("told: cannot open ")
    assert "AISHELL_HOME" in to_write
    assert to_read.startswith("told: cannot ")
    assert "AISHELL_HOME" in to_read
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
