"""Older history: whole hours become windows of five minutes, which say what the fine ones said."""

from __future__ import annotations

import math
import random
import sqlite3
from array import array
from collections import defaultdict
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aishell_core.catalogue import QUERIES_RATE, SQLITE_WAL_SIZE
from aishell_core.series.keys import SeriesKey
from aishell_core.series.rollup import RollupBatch, RollupRow
from aishell_core.state.codec import encode_keys, encode_rows
from aishell_core.state.condense import COARSE_SECONDS, coarse_rows
from aishell_core.state.database import StateDatabase
from aishell_core.values import TargetId, Tier

APP = TargetId("app")
DAY = 86_400.0
NOW = 1_800_000_000.0
HOUR = NOW - NOW % 3600 - 48 * 3600
KEYS = (SeriesKey(SQLITE_WAL_SIZE), SeriesKey(QUERIES_RATE))
NAN = math.nan


def batch(first: float, count: int, step: float = 10.0) -> RollupBatch:
    """Windows whose figures rise: low n, high n + 3, mean n + 1, last n + 2; the second series is 1000 higher."""
    rows = tuple(
        RollupRow(first + index * step, array("f", [index + of + figure for of in (0, 1000) for figure in (0, 3, 1, 2)]))
        for index in range(count)
    )
    return RollupBatch(APP, Tier.HOT, step, KEYS, rows)


def stored(folder: Path) -> list[tuple[float, int]]:
    with closing(sqlite3.connect(folder / "state.db")) as raw:
        return list(raw.execute("SELECT step_seconds, windows FROM rollup ORDER BY since"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state"


def test_an_hour_of_the_day_before_becomes_twelve_windows(folder: Path) -> None:
    with closing(StateDatabase.open(folder)) as database:
        database.write_rollups([batch(HOUR, 360)])
        database.prune(NOW)
        kept = database.history(APP, HOUR, HOUR + 3599).rollups(KEYS[1])
    assert stored(folder) == [(COARSE_SECONDS, 12)]
    assert list(kept.times) == [HOUR + 300 * index for index in range(12)]
    assert list(kept.low)[:2] == [1000, 1030]
    assert list(kept.high)[:2] == [1029 + 3, 1059 + 3]
    assert list(kept.mean)[:2] == [1015.5, 1045.5]
    assert list(kept.last)[:2] == [1031, 1061]


def test_the_last_day_stays_fine_and_the_hour_that_is_not_over_waits(folder: Path) -> None:
    with closing(StateDatabase.open(folder)) as database:
        database.write_rollups([batch(NOW - 7200, 720)])
        database.prune(NOW)
        assert {step for step, _ in stored(folder)} == {10.0}
        later = NOW + DAY + 600 - 1800
        database.prune(later)
        border = math.floor((later - DAY - 600) / 3600) * 3600
        times = database.history(APP, 0, later).rollups(KEYS[0]).times
    assert {step for step, _ in stored(folder)} == {10.0, COARSE_SECONDS}
    assert all(at % COARSE_SECONDS == 0 for at in times if at < border)
    assert sum(at >= border for at in times) > 100


def test_what_was_condensed_is_kept_for_a_month_and_read_with_what_is_fine(folder: Path) -> None:
    with closing(StateDatabase.open(folder)) as database:
        database.write_rollups([batch(HOUR, 360), batch(NOW - 60, 6)])
        database.prune(NOW)
        times = list(database.history(APP, 0, NOW).rollups(KEYS[0]).times)
        assert times[:12] == [HOUR + 300 * index for index in range(12)]
        assert times[-6:] == [NOW - 60 + 10 * index for index in range(6)]
        for day in range(1, 33):
            database.prune(NOW + day * DAY)
        assert database.history(APP, 0, NOW * 2).begins_at is None


def test_condensing_again_changes_nothing(folder: Path) -> None:
    with closing(StateDatabase.open(folder)) as database:
        database.write_rollups([batch(HOUR, 720)])
        database.prune(NOW)
        once = stored(folder)
        database.prune(NOW + 61)
        assert stored(folder) == once == [(COARSE_SECONDS, 12), (COARSE_SECONDS, 12)]


def test_more_than_fits_into_one_step_is_condensed_in_the_next(folder: Path) -> None:
    with closing(StateDatabase.open(folder)) as database:
        database.write_rollups([batch(HOUR - 119 * 3600, 120 * 60, step=60.0)])
        database.prune(NOW)
        assert {step for step, _ in stored(folder)} == {60.0, COARSE_SECONDS}
        database.prune(NOW + 61)
        assert stored(folder) == [(COARSE_SECONDS, 12)] * 120


def test_what_is_read_each_ten_minutes_is_coarse_already(folder: Path) -> None:
    with closing(StateDatabase.open(folder)) as database:
        database.write_rollups([batch(HOUR, 6, step=600.0)])
        before = stored(folder)
        database.prune(NOW)
        assert stored(folder) == before


Figures = tuple[float, float, float, float]


def expected(windows: list[tuple[float, Figures]]) -> dict[float, tuple[float, float, float, float] | None]:
    grouped: dict[float, list[Figures]] = defaultdict(list)
    for at, figures in sorted(windows, key=lambda each: each[0]):
        grouped[at - at % COARSE_SECONDS].append(figures)
    found: dict[float, tuple[float, float, float, float] | None] = {}
    for at, parts in grouped.items():
        known = [part for part in parts if not math.isnan(part[2])]
        found[at] = (
            (min(p[0] for p in known), max(p[1] for p in known), sum(p[2] for p in known) / len(known), known[-1][3]) if known else None
        )
    return found


_FIGURE = st.integers(-1000, 1000).map(float)
_WINDOW = st.one_of(st.tuples(_FIGURE, _FIGURE, _FIGURE, _FIGURE), st.just((NAN, NAN, NAN, NAN)))


@given(st.dictionaries(st.integers(0, 359).map(lambda place: HOUR + 10 * place), _WINDOW, min_size=1), st.randoms(use_true_random=False))
def test_whatever_is_condensed_keeps_its_lowest_highest_mean_and_last(windows: dict[float, Figures], order: random.Random) -> None:
    """Also where the clock went back, so that bodies are not in order."""
    items = list(windows.items())
    order.shuffle(items)
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE TABLE layout (id INTEGER PRIMARY KEY, keys TEXT)")
        connection.execute("INSERT INTO layout VALUES (1, ?)", (encode_keys(KEYS[:1]),))
        bodies = [(encode_rows([RollupRow(at, array("f", figures))]),) for at, figures in items]
        rows = coarse_rows(connection, 1, bodies)
    wanted = expected(items)
    assert [row.at for row in rows] == sorted(wanted)
    for row in rows:
        figures = wanted[row.at]
        if figures is None:
            assert all(math.isnan(each) for each in row.values)
        else:
            assert list(row.values) == pytest.approx(list(figures), rel=1e-5)
