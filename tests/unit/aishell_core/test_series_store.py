"""The series of targets in memory: what a snapshot tells, across gaps, resets, clock jumps and new labels."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aishell_core.catalogue import CONNECTIONS_USED, POLL_QUERIES, PROCESS_MEMORY, QUERIES_RATE, REPLICATION_LAG
from aishell_core.series.keys import SeriesKey
from aishell_core.series.roller import KEPT_WINDOWS
from aishell_core.series.snapshot import Snapshot
from aishell_core.series.store import SeriesStore
from aishell_core.values import Failure, FailureCode, Labels, Metric, Reading, Sample, TargetId, Tier

APP = TargetId("app")
NOW = 1_800_000_000.0
GAUGE = SeriesKey(CONNECTIONS_USED)
COUNTER = SeriesKey(QUERIES_RATE)


def memory_of(pid: int) -> SeriesKey:
    return SeriesKey(PROCESS_MEMORY, (("pid", str(pid)),))


def add(store: SeriesStore, at: float, *samples: Sample, interval: float = 1.0, tier: Tier = Tier.HOT) -> None:
    store.add(Reading(APP, tier, NOW + at, samples), interval)


def sample(key: SeriesKey, value: float) -> Sample:
    return Sample(key.metric, value, key.labels)


def filled(key: SeriesKey, values: Sequence[float], interval: float = 1.0) -> SeriesStore:
    store = SeriesStore()
    for index, value in enumerate(values):
        add(store, index * interval, sample(key, value), interval=interval)
    return store


def line(snapshot: Snapshot, key: SeriesKey, since: float = -1e9, until: float = 1e9) -> list[tuple[float, float | None]]:
    found = snapshot.points(key, NOW + since, NOW + until)
    return [(at - NOW, None if math.isnan(value) else value) for at, value in zip(found.times, found.values, strict=True)]


def test_a_target_that_nobody_has_read_has_no_series() -> None:
    snapshot = SeriesStore().snapshot(APP)
    assert snapshot.keys() == ()
    assert snapshot.find("connections.used") == ()
    assert (snapshot.value(GAUGE), snapshot.raw(GAUGE), snapshot.updated_at(GAUGE)) == (None,) * 3
    assert line(snapshot, GAUGE) == []
    assert all(math.isnan(value) for value in snapshot.buckets(GAUGE, NOW, NOW + 60, 6).mean)


def test_a_gauge_tells_its_newest_value_and_how_old_it_is() -> None:
    snapshot = filled(GAUGE, [3, 4, 5]).snapshot(APP)
    assert (snapshot.value(GAUGE), snapshot.raw(GAUGE), snapshot.updated_at(GAUGE)) == (5, 5, NOW + 2)
    assert line(snapshot, GAUGE) == [(0, 3), (1, 4), (2, 5)]
    assert line(snapshot, GAUGE, 1, 1) == [(1, 4)]


def test_a_counter_tells_its_rate_and_keeps_its_raw_value() -> None:
    snapshot = filled(COUNTER, [100, 110, 130]).snapshot(APP)
    assert (snapshot.value(COUNTER), snapshot.raw(COUNTER)) == (20, 130)
    assert line(snapshot, COUNTER) == [(0, None), (1, 10), (2, 20)]
    assert line(snapshot, COUNTER, 1, 1) == [(1, 10)]


def test_the_first_reading_of_a_counter_has_no_rate() -> None:
    assert filled(COUNTER, [100]).snapshot(APP).value(COUNTER) is None


@pytest.mark.parametrize("rows", [1, 200])
def test_what_is_not_told_any_more_after_a_gap_stood_before_it(rows: int) -> None:
    """A server that has another role since a moment ago must not be judged by what it was before."""
    store, lag = filled(COUNTER, [10 * index for index in range(rows)]), SeriesKey(REPLICATION_LAG)
    add(store, rows, sample(COUNTER, 10 * rows), sample(lag, 35))
    store.gap(APP)
    assert store.snapshot(APP).value(lag) == 35
    add(store, rows + 1, sample(COUNTER, 10 * rows))
    assert store.snapshot(APP).value(lag) is None
    assert store.snapshot(APP).raw(lag) == 35
    add(store, rows + 2, sample(COUNTER, 10 * rows), sample(lag, 1))
    add(store, rows + 3, sample(COUNTER, 10 * rows))
    assert store.snapshot(APP).value(lag) == 1, "it was told since"


def refused(why: str = "permission denied for view counted") -> Failure:
    return Failure("counters", FailureCode.PRIVILEGE, why)


def test_what_a_server_begins_to_refuse_stands_no_longer_and_the_rest_goes_on() -> None:
    """Figures that a role may not read any more must not be shown as if they were fresh, not even for a few seconds."""
    store, lag = filled(COUNTER, [10, 20]), SeriesKey(REPLICATION_LAG)
    add(store, 2, sample(COUNTER, 30), sample(lag, 35))
    store.add(Reading(APP, Tier.HOT, NOW + 3, (sample(COUNTER, 40),), failures=(refused(),)), 1.0)
    assert store.snapshot(APP).value(lag) is None
    assert store.snapshot(APP).raw(lag) == 35
    assert store.snapshot(APP).value(COUNTER) == 10, "it is read as before"
    store.add(Reading(APP, Tier.HOT, NOW + 4, (sample(COUNTER, 50), sample(lag, 36)), failures=(refused(),)), 1.0)
    store.add(Reading(APP, Tier.HOT, NOW + 5, (sample(COUNTER, 60),), failures=(refused(),)), 1.0)
    assert store.snapshot(APP).value(lag) == 36, "that refusal is known, and what a reading misses is bridged"
    store.add(Reading(APP, Tier.HOT, NOW + 6, (), failures=(refused("permission denied for view other"),)), 1.0)
    assert store.snapshot(APP).value(COUNTER) is None, "it brought nothing"
    add(store, 2.5, sample(COUNTER, 31))
    assert store.snapshot(APP).value(COUNTER) is None, "the clock went back"
    add(store, 3.5, sample(COUNTER, 32))
    assert store.snapshot(APP).value(COUNTER) == 1


def test_a_server_that_only_failed_once_is_bridged() -> None:
    store = filled(GAUGE, [3])
    failure = Failure("counters", FailureCode.TIMEOUT, "no answer within 2s")
    store.add(Reading(APP, Tier.HOT, NOW + 1, (sample(COUNTER, 1),), failures=(failure,)), 1.0)
    assert store.snapshot(APP).value(GAUGE) == 3


def test_a_counter_reset_is_a_gap() -> None:
    store = filled(COUNTER, [1000, 1010, 4])
    assert store.snapshot(APP).value(COUNTER) is None
    add(store, 3, sample(COUNTER, 10))
    assert line(store.snapshot(APP), COUNTER) == [(0, None), (1, 10), (2, None), (3, 6)]


def test_no_rate_crosses_a_restart_even_where_the_counter_rose() -> None:
    store = filled(COUNTER, [10, 20])
    store.gap(APP)
    add(store, 2, sample(COUNTER, 500))
    assert store.snapshot(APP).value(COUNTER) is None
    add(store, 3, sample(COUNTER, 501))
    assert line(store.snapshot(APP), COUNTER) == [(0, None), (1, 10), (2, None), (3, 1)]


def test_no_rate_crosses_a_restart_after_which_the_counter_was_unknown_at_first() -> None:
    store = filled(COUNTER, [10, 20])
    store.gap(APP)
    add(store, 2, sample(GAUGE, 1))
    add(store, 3, sample(COUNTER, 500))
    assert store.snapshot(APP).value(COUNTER) is None


def test_no_line_crosses_a_restart() -> None:
    store = filled(GAUGE, [1, 2])
    store.gap(APP)
    store.gap(APP)
    add(store, 2, sample(GAUGE, 3))
    assert line(store.snapshot(APP), GAUGE) == [(0, 1), (1, 2), (1.5, None), (2, 3)]


def test_no_line_and_no_rate_crosses_an_outage() -> None:
    store = filled(GAUGE, [1, 2])
    add(store, 61, sample(GAUGE, 3), sample(COUNTER, 5))
    add(store, 121, sample(GAUGE, 4), sample(COUNTER, 500))
    snapshot = store.snapshot(APP)
    assert line(snapshot, GAUGE) == [(0, 1), (1, 2), (31, None), (61, 3), (91, None), (121, 4)]
    assert snapshot.value(COUNTER) is None


def test_a_reading_that_failed_is_bridged_for_counters_and_shown_as_unknown() -> None:
    store = SeriesStore()
    add(store, 0, sample(COUNTER, 10), sample(GAUGE, 1))
    add(store, 1, Sample(POLL_QUERIES, 1))
    add(store, 2, sample(COUNTER, 30), sample(GAUGE, 1))
    snapshot = store.snapshot(APP)
    assert snapshot.value(COUNTER) == 10
    assert line(snapshot, COUNTER) == [(0, None), (1, None), (2, 10)]
    assert line(snapshot, GAUGE) == [(0, 1), (1, None), (2, 1)]


def test_a_value_that_is_not_reported_any_more_stands_for_a_while_and_is_unknown_then() -> None:
    """Five seconds at one reading per second; what it was and when stays known."""
    store, known = filled(GAUGE, [7]), []
    add(store, 0.25, sample(COUNTER, 5), sample(GAUGE, 7))
    add(store, 1, sample(COUNTER, 8), sample(GAUGE, 7))
    for second in range(2, 40):
        add(store, second, Sample(POLL_QUERIES, second))
        snapshot = store.snapshot(APP)
        known.append((snapshot.value(GAUGE), snapshot.value(COUNTER)))
        assert (snapshot.raw(GAUGE), snapshot.updated_at(GAUGE), snapshot.raw(COUNTER)) == (7, NOW + 1, 8)
        assert {GAUGE, COUNTER} <= set(snapshot.keys())
        assert snapshot.find("connections.used") == (GAUGE,)
    assert known == [(7, 4)] * 5 + [(None, None)] * 33


def test_a_value_of_a_rare_reading_stands_until_the_next_one() -> None:
    store = filled(COUNTER, range(1200))
    add(store, 0, sample(GAUGE, 7), interval=600.0, tier=Tier.COLD)
    assert store.snapshot(APP).value(GAUGE) == 7


def test_a_snapshot_stays_as_it_was() -> None:
    store = SeriesStore(fine_seconds=60)
    taken = []
    for second in range(400):
        if second == 200:
            store.gap(APP)
        if second == 300:
            add(store, second - 0.5, sample(memory_of(second), 1))
        add(store, second, sample(GAUGE, second))
        snapshot = store.snapshot(APP)
        taken.append((snapshot, snapshot.keys(), snapshot.value(GAUGE), line(snapshot, GAUGE)))
    add(store, 100, sample(GAUGE, 0))
    for snapshot, keys, value, points in taken:
        assert (snapshot.keys(), snapshot.value(GAUGE), line(snapshot, GAUGE)) == (keys, value, points)


def test_what_is_kept_covers_the_retention_and_not_much_more() -> None:
    for interval, rows in ((1.0, 900), (5.0, 180), (600.0, 2)):
        snapshot = filled(GAUGE, range(2000), interval).snapshot(APP)
        assert rows <= len(line(snapshot, GAUGE)) <= rows + 60


def test_another_cadence_tears_nothing_and_forgets_nothing_too_soon() -> None:
    store = filled(COUNTER, range(0, 9000, 10))
    for index in range(100):
        add(store, 899 + (index + 1) * 5, sample(COUNTER, 8990 + (index + 1) * 50), interval=5.0)
    points = line(store.snapshot(APP), COUNTER)
    assert points[0][0] <= 899 + 500 - 900
    assert {value for _, value in points[1:]} == {10}


def test_readings_out_of_turn_are_rows_like_others() -> None:
    store = filled(COUNTER, [0, 10])
    add(store, 1.25, sample(COUNTER, 20))
    assert store.snapshot(APP).value(COUNTER) == 40


def test_a_second_reading_of_the_same_moment_replaces_the_first_and_keeps_the_rest() -> None:
    store = filled(COUNTER, [0, 10, 30])
    add(store, 2, sample(COUNTER, 40))
    assert line(store.snapshot(APP), COUNTER) == [(0, None), (1, 10), (2, 30)]


def test_a_clock_that_goes_back_keeps_what_was_before_and_tears_the_series() -> None:
    store = filled(COUNTER, range(0, 1000, 10))
    add(store, 49.5, sample(COUNTER, 1000))
    add(store, 50.5, sample(COUNTER, 1007))
    points = line(store.snapshot(APP), COUNTER)
    assert len(points) == 52
    assert points[-3:] == [(49, 10), (49.5, None), (50.5, 7)]


def test_a_clock_that_was_wrong_for_a_while_costs_only_that_while() -> None:
    store = filled(GAUGE, range(100))
    for second in range(20):
        add(store, 86_400 + second, sample(GAUGE, 0))
    add(store, 120, sample(GAUGE, 5))
    points = line(store.snapshot(APP), GAUGE)
    assert points[:100] == [(second, second) for second in range(100)]
    assert points[-1] == (120, 5)


@given(st.lists(st.tuples(st.floats(-50, 20), st.booleans()), max_size=120))
def test_times_never_fall_whatever_the_clock_does(moves: list[tuple[float, bool]]) -> None:
    store, at = SeriesStore(fine_seconds=60), 0.0
    for move, torn in moves:
        at += move
        if torn:
            store.gap(APP)
        add(store, at, sample(GAUGE, at), sample(COUNTER, at + 1e4))
        snapshot = store.snapshot(APP)
        for key in (GAUGE, COUNTER):
            times = [moment for moment, _ in line(snapshot, key)]
            assert times == sorted(times)
        assert snapshot.value(GAUGE) == at
        assert snapshot.updated_at(GAUGE) == NOW + at


def test_a_series_that_comes_later_has_gaps_before() -> None:
    store = filled(GAUGE, [1, 2])
    add(store, 2, sample(GAUGE, 3), sample(memory_of(1), 10))
    snapshot = store.snapshot(APP)
    assert line(snapshot, memory_of(1)) == [(0, None), (1, None), (2, 10)]
    assert line(snapshot, GAUGE) == [(0, 1), (1, 2), (2, 3)]
    assert snapshot.find("process.memory.used") == (memory_of(1),)


def test_labels_that_are_gone_for_the_whole_retention_are_forgotten() -> None:
    """A new process each second for an hour: memory knows those of the retention, not all that ever were."""
    store = SeriesStore(fine_seconds=60)
    for second in range(3600):
        add(store, second, sample(GAUGE, second), sample(memory_of(second), 1))
        assert len(store.snapshot(APP).keys()) <= 1 + 60 + 30 + 1
    assert store.snapshot(APP).value(GAUGE) == 3599


def test_labels_are_forgotten_also_when_nothing_new_comes() -> None:
    store = SeriesStore(fine_seconds=60)
    add(store, 0, *(sample(memory_of(pid), 1) for pid in range(1000)))
    for second in range(1, 200):
        add(store, second, sample(GAUGE, second))
    assert store.snapshot(APP).keys() == (GAUGE,)


def test_a_value_that_is_no_number_is_unknown() -> None:
    store = filled(GAUGE, [1])
    add(store, 1, sample(GAUGE, math.inf), sample(COUNTER, -math.inf))
    snapshot = store.snapshot(APP)
    assert (snapshot.value(GAUGE), snapshot.updated_at(GAUGE), snapshot.raw(COUNTER)) == (1, NOW, None)


def test_a_series_of_several_tiers_is_one_series_of_the_most_frequent() -> None:
    store = SeriesStore()
    add(store, 0.5, sample(GAUGE, 99), interval=600, tier=Tier.COLD)
    add(store, 0, sample(GAUGE, 1))
    snapshot = store.snapshot(APP)
    assert snapshot.keys() == snapshot.find("connections.used") == (GAUGE,)
    assert (snapshot.value(GAUGE), snapshot.updated_at(GAUGE)) == (1, NOW)


def test_a_tier_that_does_not_report_a_series_any_more_gives_way_to_a_slower_one() -> None:
    store = filled(GAUGE, [1])
    add(store, 0, sample(GAUGE, 99), interval=600, tier=Tier.COLD)
    for second in range(1, 20):
        add(store, second, sample(COUNTER, second))
    assert store.snapshot(APP).value(GAUGE) == 99


def test_a_second_reading_of_the_moment_after_a_restart_is_after_the_restart_too() -> None:
    store = filled(COUNTER, [0, 10])
    store.gap(APP)
    add(store, 2, sample(COUNTER, 500))
    add(store, 2, sample(COUNTER, 600))
    assert line(store.snapshot(APP), COUNTER) == [(0, None), (1, 10), (2, None)]


def test_a_reading_that_makes_no_sense_harms_nothing_that_is_kept() -> None:
    store = filled(GAUGE, range(30))
    with pytest.raises(TypeError):
        add(store, 30, Sample(CONNECTIONS_USED, None))  # type: ignore[arg-type]
    assert len(line(store.snapshot(APP), GAUGE)) == 30
    add(store, 31, sample(GAUGE, 31))
    assert store.snapshot(APP).value(GAUGE) == 31


def test_targets_are_apart_and_can_be_forgotten() -> None:
    store = filled(GAUGE, [1])
    other = TargetId("other")
    store.add(Reading(other, Tier.HOT, NOW, (sample(GAUGE, 2),)), 1.0)
    store.forget(APP)
    store.forget(APP)
    store.gap(APP)
    assert (store.snapshot(APP).value(GAUGE), store.snapshot(other).value(GAUGE)) == (None, 2)


def test_a_reading_without_samples_leaves_no_trace() -> None:
    store = SeriesStore()
    add(store, 0)
    assert store.snapshot(APP).tracks == ()


def test_buckets_of_a_counter_are_rates_from_the_first_bucket_on() -> None:
    snapshot = filled(COUNTER, range(0, 3000, 10)).snapshot(APP)
    found = snapshot.buckets(COUNTER, NOW + 100 - 0.001, NOW + 160 - 0.001, 6)
    assert (found.start, list(found.mean)) == (NOW + 100, [10] * 6)


def test_finer_buckets_than_readings_have_no_holes() -> None:
    snapshot = filled(GAUGE, [5] * 20, interval=15.0).snapshot(APP)
    assert list(snapshot.buckets(GAUGE, NOW + 200 - 0.001, NOW + 260 - 0.001, 60).mean) == [5] * 60


Figures = tuple[float, list[float | None]]


def windows(store: SeriesStore, key: SeriesKey, *, include_open: bool = False, tier: Tier = Tier.HOT) -> list[Figures]:
    found: list[Figures] = []
    for batch in store.take_rollups(include_open=include_open):
        assert batch.target == APP
        if batch.tier is tier and key in batch.keys:
            place = 4 * batch.keys.index(key)
            for row in batch.rows:
                assert len(row.values) == 4 * len(batch.keys)
                found.append((row.at - NOW, [None if math.isnan(value) else value for value in row.values[place : place + 4]]))
    return found


def test_each_ten_seconds_leave_lowest_highest_mean_and_last() -> None:
    store = filled(GAUGE, [*range(10), *[5] * 10, 7])
    assert windows(store, GAUGE) == [(0, [0, 9, 4.5, 9]), (10, [5, 5, 5, 5])]
    assert windows(store, GAUGE) == []
    assert windows(store, GAUGE, include_open=True) == [(20, [7, 7, 7, 7])]


def test_rollups_of_a_counter_are_rates_also_from_one_window_to_the_next() -> None:
    store = filled(COUNTER, [second * second for second in range(31)])
    assert windows(store, COUNTER) == [(0, [1, 17, 9, 17]), (10, [19, 37, 28, 37]), (20, [39, 57, 48, 57])]


def test_a_reset_leaves_no_mark_in_a_rollup() -> None:
    store = filled(COUNTER, [*range(1000, 1005), *range(5), 5])
    add(store, 11, sample(COUNTER, 6))
    assert windows(store, COUNTER) == [(0, [1, 1, 1, 1])]


def test_rare_readings_leave_one_row_each_at_once() -> None:
    store = filled(GAUGE, [1, 2, 3], interval=15.0)
    assert windows(store, GAUGE) == [(0, [1] * 4), (10, [2] * 4), (30, [3] * 4)]
    batch = filled(GAUGE, [1], interval=600.0).take_rollups()[0]
    assert batch.step_seconds == 600


def test_a_window_keeps_its_values_when_labels_come_and_go() -> None:
    store = SeriesStore()
    for second in range(11):
        add(store, second, sample(COUNTER, 10 * second), sample(memory_of(second % 5), second))
    taken = windows(store, COUNTER)
    assert taken == [(0, [10] * 4)]


def test_a_series_without_a_value_in_a_window_is_unknown_there() -> None:
    store = filled(GAUGE, [1] * 10)
    for second in range(10, 21):
        add(store, second, sample(COUNTER, second))
    assert windows(store, GAUGE) == [(0, [1] * 4), (10, [None] * 4)]


def test_the_rest_of_an_open_window_that_was_taken_comes_later() -> None:
    store = filled(GAUGE, [1, 2, 3])
    assert windows(store, GAUGE, include_open=True) == [(0, [1, 3, 2, 3])]
    for second in range(3, 11):
        add(store, second, sample(GAUGE, 4))
    assert windows(store, GAUGE) == [(0, [4, 4, 4, 4])]


def test_a_window_holds_together_across_a_clock_that_goes_back_a_little() -> None:
    store = filled(COUNTER, range(0, 80, 10))
    for second in (6.5, 7.5, 8.5, 9.5, 10.5):
        add(store, second, sample(COUNTER, 100 + 10 * second))
    assert windows(store, COUNTER) == [(0, [10] * 4)]


def test_a_run_that_keeps_no_history_does_not_pile_up_rollups() -> None:
    assert len(windows(filled(GAUGE, range(20_000)), GAUGE)) == KEPT_WINDOWS


@given(st.lists(st.tuples(st.floats(0.01, 4.0), st.integers(0, 1000)), min_size=1, max_size=200))
def test_windows_say_of_a_counter_what_its_points_say(moves: list[tuple[float, int]]) -> None:
    store, at, count, taken = SeriesStore(), 0.0, 0, []
    for span, increase in moves:
        at, count = at + span, count + increase
        add(store, at, sample(COUNTER, count))
        taken += windows(store, COUNTER)
    points = line(store.snapshot(APP), COUNTER)
    for start, (low, high, _, last) in taken:
        rates = [value for moment, value in points if start <= moment < start + 10 and value is not None]
        expected = (min(rates), max(rates), rates[-1]) if rates else (None, None, None)
        assert (low, high, last) == (pytest.approx(expected, rel=1e-5) if rates else expected)


def labelled(metric: Metric, count: int) -> list[tuple[Metric, Labels]]:
    return [(metric, (("pid", str(index)),)) for index in range(count)]


def test_many_labels_of_one_metric_are_found_together() -> None:
    store = SeriesStore()
    add(store, 0, sample(GAUGE, 1), *(Sample(metric, 1, labels) for metric, labels in labelled(PROCESS_MEMORY, 100)))
    snapshot = store.snapshot(APP)
    assert snapshot.find("process.memory.used") == tuple(SeriesKey(*each) for each in labelled(PROCESS_MEMORY, 100))
    assert len(snapshot.keys()) == 101
