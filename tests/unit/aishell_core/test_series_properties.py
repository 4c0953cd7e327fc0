"""What must hold for any series whatever readings come: three ways to the same figures, and snapshots that never change."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aishell_core.catalogue import CONNECTIONS_USED, PROCESS_CPU, QUERIES_RATE
from aishell_core.series.buckets import Buckets, Points, fill_buckets, roll_up
from aishell_core.series.keys import SeriesKey
from aishell_core.series.snapshot import Snapshot
from aishell_core.series.store import SeriesStore
from aishell_core.values import Reading, Sample, TargetId, Tier

APP = TargetId("app")
NOW = 1_800_000_000.0
GAUGE = SeriesKey(CONNECTIONS_USED)
COUNTER = SeriesKey(QUERIES_RATE)
LABELLED = SeriesKey(PROCESS_CPU, (("pid", "1"),))


@dataclass(frozen=True)
class Step:
    """One reading: how long after the last, with what, and whether a restart lies before it."""

    seconds: float
    gauge: float | None
    increase: float | None
    labels: frozenset[int]
    torn: bool
    reset: bool


def rarely() -> st.SearchStrategy[bool]:
    return st.integers(0, 15).map(lambda number: number == 0)


steps = st.lists(
    st.builds(
        Step,
        seconds=st.floats(0.2, 3.0) | st.floats(0.2, 40.0),
        gauge=st.none() | st.floats(-1e9, 1e9),
        increase=st.none() | st.integers(0, 10**6).map(float),
        labels=st.frozensets(st.integers(0, 12), max_size=4),
        torn=rarely(),
        reset=rarely(),
    ),
    max_size=60,
)


class Run:
    """Feeds steps to a store."""

    def __init__(self, interval_seconds: float = 1.0, fine_seconds: float = 1e6) -> None:
        self.store = SeriesStore(fine_seconds=fine_seconds)
        self.at, self.newest_at, self.count = NOW, NOW, 0.0
        self.interval_seconds = interval_seconds
        self.began_at, self._torn = NOW, False
        """When the first row since the last gap was read."""

    def take(self, step: Step) -> Snapshot:
        if step.torn:
            self.store.gap(APP)
            self._torn = True
        self.at += step.seconds
        self.count = 0.0 if step.reset else self.count + (step.increase or 0.0)
        samples = [Sample(PROCESS_CPU, self.count + pid, (("pid", str(pid)),)) for pid in step.labels]
        if step.gauge is not None:
            samples.append(Sample(CONNECTIONS_USED, step.gauge))
        if step.increase is not None:
            samples.append(Sample(QUERIES_RATE, self.count))
        if samples:
            self.newest_at = self.at
            self.began_at, self._torn = self.at if self._torn else self.began_at, False
        self.store.add(Reading(APP, Tier.HOT, self.at, tuple(samples)), self.interval_seconds)
        return self.store.snapshot(APP)


def all_points(snapshot: Snapshot, key: SeriesKey) -> Points:
    return snapshot.points(key, 0, NOW * 2)


def shown(buckets: Buckets) -> list[list[float | None]]:
    return [
        [None if math.isnan(value) else value for value in column] for column in (buckets.low, buckets.high, buckets.mean, buckets.last)
    ]


@given(steps)
def test_windows_say_what_the_fine_points_say(taken: list[Step]) -> None:
    run, snapshot, found = Run(), None, {}
    for step in taken:
        snapshot = run.take(step)
        for batch in run.store.take_rollups():
            found.update({(row.at, key): row.values[4 * i : 4 * i + 4] for row in batch.rows for i, key in enumerate(batch.keys)})
    for batch in run.store.take_rollups(include_open=True):
        found.update({(row.at, key): row.values[4 * i : 4 * i + 4] for row in batch.rows for i, key in enumerate(batch.keys)})
    known = {place: list(figures) for place, figures in found.items() if not math.isnan(figures[0])}
    expected = {}
    for key in snapshot.keys() if snapshot is not None else ():
        rolled = roll_up(all_points(snapshot, key), 10.0) if snapshot is not None else None
        for at, *figures in zip(rolled.times, rolled.low, rolled.high, rolled.mean, rolled.last, strict=True) if rolled else ():
            expected[at, key] = pytest.approx(figures, rel=1e-5, abs=1e-4)
    assert known == expected


@given(steps, st.sampled_from([(20.0, 7), (60.0, 60), (300.0, 20), (900.0, 140)]), st.booleans())
def test_remembered_buckets_are_those_that_the_points_give(taken: list[Step], window: tuple[float, int], counter: bool) -> None:
    """The same chart again and again while readings come, as a screen asks for it, against computing it from the points."""
    run, (span, count), key = Run(), window, COUNTER if counter else GAUGE
    for step in taken:
        snapshot = run.take(step)
        for until in (run.at - 10, run.at + 0.3):
            found = snapshot.buckets(key, until - span, until, count)
            expected = fill_buckets(all_points(snapshot, key), until - span, until, count)
            assert found.start == expected.start
            assert shown(found) == shown(expected)


@given(steps, st.floats(5, 100))
def test_a_snapshot_that_is_held_says_the_same_for_ever(taken: list[Step], fine_seconds: float) -> None:
    """Also after its blocks were trimmed, grew columns, were torn, and a later snapshot was asked the same."""
    run, held = Run(fine_seconds=fine_seconds), []
    for index, step in enumerate(taken):
        snapshot = run.take(step)
        if index % 7 == 3:
            held.append((snapshot, run.at, told(snapshot, run.at)))
    for snapshot, at, before in held:
        assert told(snapshot, at) == before


def told(snapshot: Snapshot, at: float) -> list[object]:
    found: list[object] = [snapshot.keys(), snapshot.find("process.cpu.rate")]
    for key in (GAUGE, COUNTER, LABELLED):
        points = all_points(snapshot, key)
        buckets = snapshot.buckets(key, at - 60, at + 1, 30)
        found += [snapshot.value(key), snapshot.raw(key), snapshot.updated_at(key), repr(points), shown(buckets)]
    return found


@given(steps)
def test_the_newest_rate_is_the_last_of_the_points_while_it_is_fresh(taken: list[Step]) -> None:
    run = Run()
    for step in taken:
        snapshot = run.take(step)
        points, at = all_points(snapshot, COUNTER), snapshot.updated_at(COUNTER)
        last = next((value for moment, value in zip(points.times, points.values, strict=True) if moment == at), math.nan)
        fresh = at is not None and run.newest_at - at <= 5.0 and at >= run.began_at
        assert snapshot.value(COUNTER) == (last if fresh and not math.isnan(last) else None)


@given(steps)
def test_rates_times_their_seconds_never_say_more_than_the_counter_rose(taken: list[Step]) -> None:
    run, snapshot, rose = Run(), None, 0.0
    for step in taken:
        snapshot = run.take(step)
        rose += (step.increase or 0.0) if not step.reset else 0.0
    if snapshot is None:
        return
    points = all_points(snapshot, COUNTER)
    raw_at = [at for at, step in zip(accumulated(taken), taken, strict=True) if step.increase is not None]
    spans = {later: later - earlier for earlier, later in pairwise(raw_at)}
    total = math.fsum(rate * spans[at] for at, rate in zip(points.times, points.values, strict=True) if not math.isnan(rate))
    assert all(math.isnan(rate) or rate >= 0 for rate in points.values)
    assert total <= rose * (1 + 1e-6) + 1e-3


def accumulated(taken: list[Step]) -> list[float]:
    times, at = [], NOW
    for step in taken:
        at += step.seconds
        times.append(at)
    return times
