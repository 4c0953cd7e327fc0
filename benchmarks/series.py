"""What series cost in memory, on disk and in time: `python -m benchmarks.series`."""

from __future__ import annotations

import random
import sys
import tempfile
import time
from array import array
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
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
_COLUMNS = 140
_RUNS = 3


def _keys(count: int) -> tuple[SeriesKey, ...]:
    """Half counters and half gauges."""
    metrics = (PROCESS_CPU, PROCESS_MEMORY)
    return tuple(SeriesKey(metrics[number % 2], (("pid", str(number // 2)),)) for number in range(count))


def _reading(target: str, at: float) -> Reading:
    samples = tuple(Sample(key.metric, at - _START + place, key.labels) for place, key in enumerate(_keys(SERIES)))
    return Reading(TargetId(target), Tier.HOT, at, samples)


def add_microseconds(interval_seconds: float, *, new_labels: bool = False) -> float:
    """CPU time of one reading of 100 samples, rollups included, over many readings of one target; the best of some runs."""
    readings = [_reading("one", _START + number * interval_seconds) for number in range(_READINGS)]
    if new_labels:
        readings = [_with_a_new_process(reading, number) for number, reading in enumerate(readings)]
    best = float("inf")
    for _ in range(_RUNS):
        store = SeriesStore()
        began = time.process_time()
        for reading in readings:
            store.add(reading, interval_seconds)
        best = min(best, time.process_time() - began)
    return best / _READINGS * 1e6


def _with_a_new_process(reading: Reading, number: int) -> Reading:
    return replace(reading, samples=(*reading.samples, Sample(PROCESS_CPU, number, (("pid", f"new {number}"),))))


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


def reading_figures() -> tuple[Figure, ...]:
    """What a screen pays for looking at a target whose 15 minutes are full."""
    store, key = SeriesStore(), _keys(1)[0]
    for row in range(_ROWS):
        store.add(_reading("one", _START + row), 1.0)
    target, until = TargetId("one"), _START + _ROWS - 1
    snapshot = store.snapshot(target)
    anew = _milliseconds(lambda: store.snapshot(target).points(key, until - 900, until))
    spans = iter(range(900, 900 + _RUNS))
    first = min(_milliseconds(lambda: snapshot.buckets(key, until - next(spans), until, _COLUMNS), 1) for _ in range(_RUNS))
    live = []
    for row in range(_ROWS, _ROWS + 100):
        store.add(_reading("one", _START + row), 1.0)
        now, later = store.snapshot(target), _START + row
        live.append(_milliseconds(lambda now=now, later=later: now.buckets(key, later - 900, later, _COLUMNS), 1))  # type: ignore[misc]
    return (
        Figure("taking a snapshot", f"{_milliseconds(lambda: store.snapshot(target), 1000) * 1000:.1f} µs"),
        Figure("the newest rate of a counter", f"{_milliseconds(lambda: snapshot.value(key), 1000) * 1000:.1f} µs"),
        Figure("all points of a counter over 15 minutes of seconds", f"{anew * 1000:.0f} µs"),
        Figure(f"its {_COLUMNS} buckets for the first time", f"{first * 1000:.0f} µs"),
        Figure("its buckets a second later, on average", f"{sum(live) / len(live) * 1000:.0f} µs"),
    )


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
        Figure("a reading at 1 s that has a new label each time", f"{add_microseconds(1.0, new_labels=True):.0f} µs"),
        bounded("memory per series, 1 s for 15 minutes", size / 1024, 400 * 1024 / 50_000, "KiB"),
        *reading_figures(),
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
