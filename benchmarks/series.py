"""What series cost in memory, on disk and in time: `python -m benchmarks.series`."""

from __future__ import annotations

import random
import sys
import tempfile
import time
from array import array
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import psutil

from aishell_core.catalogue import PROCESS_CPU, PROCESS_MEMORY
from aishell_core.series.buckets import merge_history
from aishell_core.series.keys import SeriesKey
from aishell_core.series.rollup import RollupBatch, RollupRow
from aishell_core.series.store import SeriesStore
from aishell_core.state.database import StateDatabase
from aishell_core.values import Reading, Sample, TargetId, Tier
from benchmarks.report import Figure, Section, bounded, machine, render

SERIES = 100
HISTORY_SERIES = 50
BAR_ADD_MICROSECONDS = 60.0
BAR_HISTORY_MILLISECONDS = 300.0
_TARGETS = 50
_ROWS = 930
_READINGS = 3000
_START = 1_800_000_000.0
_DAY_SECONDS = 86_400.0
_MINUTES = 1440
_COLUMNS = 150


def _keys(count: int) -> tuple[SeriesKey, ...]:
    """Half counters and half gauges."""
    metrics = (PROCESS_CPU, PROCESS_MEMORY)
    return tuple(SeriesKey(metrics[number % 2], (("pid", str(number // 2)),)) for number in range(count))


def _reading(target: str, at: float) -> Reading:
    samples = tuple(Sample(key.metric, at - _START + place, key.labels) for place, key in enumerate(_keys(SERIES)))
    return Reading(TargetId(target), Tier.HOT, at, samples)


def add_microseconds(interval_seconds: float) -> float:
    """CPU time of one reading of 100 samples, rollups included, over many readings of one target."""
    readings = [_reading("one", _START + number * interval_seconds) for number in range(_READINGS)]
    store = SeriesStore()
    began = time.process_time()
    for reading in readings:
        store.add(reading, interval_seconds)
    return (time.process_time() - began) / _READINGS * 1e6


def bytes_per_series() -> float:
    """Resident memory that a series takes at one reading per second when its 15 minutes are full."""
    process, store = psutil.Process(), SeriesStore()
    before = process.memory_info().rss
    for row in range(_ROWS):
        samples = _reading("", _START + row).samples
        for target in range(_TARGETS):
            store.add(Reading(TargetId(str(target)), Tier.HOT, _START + row, samples), 1.0)
    return (process.memory_info().rss - before) / (_TARGETS * SERIES)


def _milliseconds(work: Callable[[], object], times: int = 5) -> float:
    best = float("inf")
    for _ in range(times):
        began = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - began)
    return best * 1000


def chart_milliseconds() -> float:
    """The buckets of one counter over 15 minutes of seconds."""
    store = SeriesStore()
    for row in range(_ROWS):
        store.add(_reading("one", _START + row), 1.0)
    snapshot, until = store.snapshot(TargetId("one")), _START + _ROWS
    return _milliseconds(lambda: snapshot.buckets(_keys(1)[0], until - 900, until, _COLUMNS), 50)


def _day(database: StateDatabase, target: TargetId) -> None:
    """A day of rollups: half of the series stand still, the others walk at random."""
    chance, keys = random.Random(1), _keys(HISTORY_SERIES)
    values = [chance.uniform(0, 1e6) for _ in keys]
    for minute in range(_MINUTES):
        rows = []
        for window in range(6):
            figures: list[float] = []
            for place in range(0, HISTORY_SERIES, 2):
                values[place] *= chance.uniform(0.98, 1.02)
                figures += (values[place] * share for share in (0.95, 1.05, 1.0, 1.01))
                figures += (values[place + 1],) * 4
            rows.append(RollupRow(_START + minute * 60 + window * 10, array("f", figures)))
        database.write_rollups([RollupBatch(target, Tier.HOT, 10.0, keys, tuple(rows))])


def history_figures() -> tuple[Figure, ...]:
    """Writing, keeping and reading a day of 50 series."""
    target, until = TargetId("one"), _START + _DAY_SECONDS
    with tempfile.TemporaryDirectory() as name, closing(StateDatabase.open(Path(name))) as database:
        began = time.perf_counter()
        _day(database, target)
        written = (time.perf_counter() - began) / _MINUTES * 1000
        read = _milliseconds(lambda: database.history(target, _START, until))
        rollups, tail = database.history(target, _START, until).rollups(_keys(1)[0]), SeriesStore().snapshot(target)
        nothing = tail.points(_keys(1)[0], _START, until)
        merged = _milliseconds(lambda: merge_history(rollups, nothing, _START, until, _COLUMNS))
        size = sum(path.stat().st_size for path in Path(name).iterdir() if not path.name.endswith(("-wal", "-shm")))
    return (
        bounded(f"reading a day of {HISTORY_SERIES} series", read, BAR_HISTORY_MILLISECONDS, "ms"),
        Figure(f"writing a minute of {HISTORY_SERIES} series, making it up included", f"{written:.1f} ms"),
        Figure("buckets of a chart over a day", f"{merged:.1f} ms"),
        Figure(f"disk for a day of {HISTORY_SERIES} series, half of which stand still", f"{size / 2**20:.1f} MiB"),
    )


def series_section() -> Section:
    """All measurements as a table."""
    size = bytes_per_series()
    figures = (
        bounded(f"a reading of {SERIES} samples at 1 s, rollups included", add_microseconds(1.0), BAR_ADD_MICROSECONDS, "µs", digits=0),
        Figure(f"a reading of {SERIES} samples at 5 s, rollups included", f"{add_microseconds(5.0):.0f} µs"),
        bounded("memory per series, 1 s for 15 minutes", size / 1024, 400 * 1024 / 50_000, "KiB"),
        Figure("buckets of a chart over 15 minutes of seconds", f"{chart_milliseconds():.2f} ms"),
        *history_figures(),
    )
    return Section("Series and history", "python -m benchmarks.series", figures)


def main() -> int:
    """Print the table; exit code 1 when a bar is not reached."""
    section = series_section()
    print(render((section,), machine(), datetime.now(UTC).date().isoformat()))
    return 0 if all(figure.reached is not False for figure in section.figures) else 1


if __name__ == "__main__":
    sys.exit(main())
