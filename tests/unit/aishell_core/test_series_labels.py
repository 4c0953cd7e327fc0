"""Labels that come and go: nothing is lost, nothing grows, and what a snapshot holds stays as it is."""

from __future__ import annotations

import math
import tracemalloc

from aishell_core.catalogue import CONNECTIONS_USED, PROCESS_CPU, PROCESS_MEMORY, QUERIES_RATE
from aishell_core.series.keys import SeriesKey
from aishell_core.series.store import SeriesStore
from aishell_core.values import Reading, Sample, TargetId, Tier

APP = TargetId("app")
NOW = 1_800_000_000.0
GAUGE = SeriesKey(CONNECTIONS_USED)
COUNTER = SeriesKey(QUERIES_RATE)


def memory_of(pid: int) -> SeriesKey:
    return SeriesKey(PROCESS_MEMORY, (("pid", str(pid)),))


def add(store: SeriesStore, at: float, *values: tuple[SeriesKey, float], interval: float = 1.0) -> None:
    store.add(Reading(APP, Tier.HOT, NOW + at, tuple(Sample(key.metric, value, key.labels) for key, value in values)), interval)


def known(store: SeriesStore, key: SeriesKey) -> list[tuple[float, float]]:
    found = store.snapshot(APP).points(key, 0, NOW * 2)
    return [(at - NOW, value) for at, value in zip(found.times, found.values, strict=True) if not math.isnan(value)]


def churn(store: SeriesStore, seconds: range, lives: int = 1) -> None:
    """Twenty series that stay, and a new process each second that lives for so many seconds."""
    stay = [SeriesKey(PROCESS_CPU, (("pid", str(number)),)) for number in range(20)]
    for second in seconds:
        pids = range(max(0, second - lives + 1), second + 1)
        add(store, second, *((key, second * 10.0) for key in stay), *((memory_of(pid), second) for pid in pids))


def test_a_new_label_each_second_for_an_hour_grows_neither_memory_nor_blocks() -> None:
    store, kept = SeriesStore(), []
    tracemalloc.start()
    try:
        for begin in range(0, 3600, 900):
            churn(store, range(begin, begin + 900))
            store.take_rollups()
            kept.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    (track,) = store.snapshot(APP).tracks
    assert len(track.blocks) < 900 / 30 + 5
    assert max(kept[1:]) < 1.2 * kept[0]
    assert max(kept) < 3 * 2**20, "21 series that stay cost 150 KiB, each name of one that went half a KiB"


def test_while_labels_churn_nothing_of_the_retention_is_lost() -> None:
    store = SeriesStore()
    churn(store, range(2000), lives=3)
    steady = known(store, SeriesKey(PROCESS_CPU, (("pid", "7"),)))
    assert len(steady) >= 900
    assert {rate for _, rate in steady} == {10.0}
    assert [at for at, _ in steady] == list(range(2000 - len(steady), 2000))
    for pid in range(1100, 1997):
        assert known(store, memory_of(pid)) == [(pid, pid), (pid + 1, pid + 1), (pid + 2, pid + 2)]


def test_labels_that_went_are_found_while_they_are_kept_and_no_longer() -> None:
    store = SeriesStore(fine_seconds=60)
    churn(store, range(500))
    found = {int(dict(key.labels)["pid"]) for key in store.snapshot(APP).find("process.memory.used")}
    assert set(range(440, 500)) <= found
    assert min(found) >= 440 - 20
    assert found == {int(dict(key.labels)["pid"]) for key in store.snapshot(APP).keys() if key.metric is PROCESS_MEMORY}  # noqa: SIM118


def test_a_series_that_is_reported_now_and_then_is_found_all_the_time() -> None:
    store = SeriesStore()
    for second in range(1800):
        add(store, second, (COUNTER, second), *([(memory_of(1), second)] if second % 100 == 0 else []))
        snapshot = store.snapshot(APP)
        assert snapshot.find("process.memory.used") == (memory_of(1),)
        assert snapshot.updated_at(memory_of(1)) == NOW + second // 100 * 100
    assert [at for at, _ in known(store, memory_of(1))][-9:] == list(range(900, 1800, 100))


def test_a_snapshot_does_not_see_series_that_come_after_it() -> None:
    store, taken = SeriesStore(), []
    for second in range(200):
        add(store, second, (GAUGE, second), *((memory_of(pid), pid) for pid in range(second // 3)))
        snapshot = store.snapshot(APP)
        keys = set(snapshot.keys())
        taken.append((snapshot, keys, list(snapshot.points(memory_of(5), 0, NOW * 2).values)))
        assert keys == {GAUGE, *(memory_of(pid) for pid in range(second // 3))}
    for snapshot, keys, points in taken:
        assert set(snapshot.keys()) == keys
        assert repr(list(snapshot.points(memory_of(5), 0, NOW * 2).values)) == repr(points)
        assert len(snapshot.find("process.memory.used")) == len(keys) - 1


def figures(store: SeriesStore) -> dict[SeriesKey, list[tuple[float, list[float]]]]:
    """The windows of each series that know anything of it."""
    found: dict[SeriesKey, list[tuple[float, list[float]]]] = {}
    for batch in store.take_rollups(include_open=True):
        for row in batch.rows:
            for index, key in enumerate(batch.keys):
                values = list(row.values[4 * index : 4 * index + 4])
                if not math.isnan(values[0]):
                    found.setdefault(key, []).append((row.at - NOW, values))
    return found


def test_a_label_that_appears_in_a_window_takes_nothing_from_the_others() -> None:
    store = SeriesStore()
    for second in range(20):
        add(store, second, (COUNTER, 7 * second), (GAUGE, second), *([(memory_of(1), 3)] if second >= 14 else []))
    found = figures(store)
    assert found[COUNTER] == [(0, [7] * 4), (10, [7] * 4)]
    assert found[GAUGE] == [(0, [0, 9, 4.5, 9]), (10, [10, 19, 14.5, 19])]
    assert found[memory_of(1)] == [(10, [3] * 4)]


def test_labels_that_live_for_a_second_are_in_the_windows_all_the_same() -> None:
    store = SeriesStore()
    found: dict[SeriesKey, list[tuple[float, list[float]]]] = {}
    for second in range(600):
        add(store, second, (COUNTER, 7 * second), (memory_of(second), second))
        if second % 30 == 29:
            for key, rows in figures(store).items():
                found.setdefault(key, []).extend(rows)
    assert [row for row in found[COUNTER] if row[1] != [7] * 4] == []
    assert len(found[COUNTER]) == 60
    assert all(found[memory_of(pid)] == [(pid // 10 * 10, [pid] * 4)] for pid in range(600))


def test_a_label_that_comes_back_in_the_same_window_is_one_series_there() -> None:
    store = SeriesStore()
    for second, pids in enumerate(((1, 2), (3, 4), (5, 6), (7, 8, 9), (1, 10), (11, 12, 13, 14, 15), (2,))):
        add(store, second, *((memory_of(pid), second) for pid in pids))
    found = figures(store)
    assert found[memory_of(1)] == [(0, [0, 4, 2, 4])]
    assert found[memory_of(2)] == [(0, [0, 6, 3, 6])]
    assert {key: rows[0][1][3] for key, rows in found.items()} == {
        memory_of(pid): last for pid, last in ((1, 4), (2, 6), (3, 1), (4, 1), (5, 2), (6, 2), (7, 3), (8, 3), (9, 3), (10, 4))
    } | {memory_of(pid): 5 for pid in range(11, 16)}


def test_the_windows_of_one_call_are_one_batch_whatever_labels_they_have() -> None:
    """The names of the series are kept with each batch and cost more than its figures."""
    store = SeriesStore()
    churn(store, range(31))
    (batch,) = store.take_rollups()
    assert [row.at - NOW for row in batch.rows] == [0, 10, 20]
    assert all(len(row.values) == 4 * len(batch.keys) for row in batch.rows)
    assert len(set(batch.keys)) == len(batch.keys) == 20 + 30


def test_windows_before_and_after_a_clock_that_went_back_are_batches_of_their_own() -> None:
    store = SeriesStore()
    for at in (*range(40), *range(5, 30)):
        add(store, at, (GAUGE, 1))
    batches = store.take_rollups()
    assert [[row.at - NOW for row in batch.rows] for batch in batches] == [[0, 10, 20, 30], [0, 10]]
