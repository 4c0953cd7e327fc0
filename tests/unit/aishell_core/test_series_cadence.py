"""A cadence that changes while series are kept: each part of a line holds for as long as its own readings last."""

from __future__ import annotations

import math

from aishell_core.catalogue import CONNECTIONS_USED, QUERIES_RATE
from aishell_core.series.keys import SeriesKey
from aishell_core.series.rates import NAN, rates
from aishell_core.series.snapshot import Snapshot
from aishell_core.series.store import SeriesStore
from aishell_core.values import Reading, Sample, TargetId, Tier

APP = TargetId("app")
NOW = 1_800_000_000.0
GAUGE = SeriesKey(CONNECTIONS_USED)
COUNTER = SeriesKey(QUERIES_RATE)


def add(store: SeriesStore, at: float, value: float, interval: float) -> None:
    store.add(Reading(APP, Tier.HOT, NOW + at, (Sample(CONNECTIONS_USED, value), Sample(QUERIES_RATE, 10 * at))), interval)


def seconds_known(snapshot: Snapshot, key: SeriesKey, span: int) -> list[int]:
    """The seconds from NOW on that a chart with a bucket for each shows a value of."""
    found = snapshot.buckets(key, NOW - 0.001, NOW + span - 0.001, span)
    assert (found.start, found.step_seconds) == (NOW, 1.0)
    return [second for second, value in enumerate(found.mean) if not math.isnan(value)]


def test_a_slow_part_has_no_holes_and_a_fast_part_behind_it_keeps_its_gaps() -> None:
    store = SeriesStore()
    for at in range(0, 301, 60):
        add(store, at, 1, 60.0)
    for at in (*range(301, 330), *range(360, 390)):
        add(store, at, 2, 1.0)
    snapshot = store.snapshot(APP)
    assert seconds_known(snapshot, GAUGE, 390) == [*range(334), *range(360, 390)]
    assert seconds_known(snapshot, COUNTER, 390) == [*range(60, 334), *range(361, 390)]


def test_a_slow_part_behind_a_fast_one_begins_without_a_hole() -> None:
    store = SeriesStore()
    for at in range(30):
        add(store, at, 1, 1.0)
    for at in (89, 149):
        add(store, at, 2, 60.0)
    snapshot = store.snapshot(APP)
    assert seconds_known(snapshot, GAUGE, 160) == list(range(160))
    assert seconds_known(snapshot, COUNTER, 160) == list(range(1, 160))
    assert snapshot.value(COUNTER) == 10


def test_slow_readings_are_kept_long_enough_for_a_rate() -> None:
    store = SeriesStore(fine_seconds=60)
    for at in range(0, 6000, 600):
        add(store, at, 1, 600.0)
    snapshot = store.snapshot(APP)
    assert snapshot.value(COUNTER) == 10
    assert len(snapshot.points(COUNTER, 0, NOW * 2).times) <= 5


def test_a_rate_over_a_change_of_cadence_may_take_as_long_as_the_slower_one() -> None:
    holds = [5.0, 5.0, 150.0, 150.0, 5.0, 5.0]
    found = rates([0, 1, 61, 121, 181, 241], [0, 1, 61, 121, 181, 241], holds)
    assert [None if math.isnan(value) else value for value in found] == [None, 1, 1, 1, 1, None]
    found = rates([0, 1, 2, 3], [5, NAN, 7, 1], [5.0, 5.0, 5.0, 5.0], {2})
    assert all(math.isnan(value) for value in found)
