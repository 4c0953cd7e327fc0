"""Buckets: a grid that does not move with the clock, figures that hold together, and history joined with memory."""

from __future__ import annotations

import math
from array import array
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aishell_core.series.buckets import Grid, Points, fill_buckets, merge_history, roll_up
from aishell_core.series.rates import NAN
from aishell_core.series.rollup import NO_ROLLUPS, Rollups

NOW = 1_800_000_000.0

values = st.floats(-1e15, 1e15) | st.just(NAN)
steps = st.lists(st.tuples(st.floats(0.001, 30.0), values), max_size=60)


def points(steps: list[tuple[float, float]], start: float = NOW, hold_seconds: float = 0.0) -> Points:
    times = accumulate((span for span, _ in steps), initial=start)
    next(times)
    return Points(array("d", times), array("d", (value for _, value in steps)), hold_seconds)


def every(seconds: float, found: list[float], start: float = NOW, hold_seconds: float = 0.0) -> Points:
    return points([(seconds, value) for value in found], start - seconds, hold_seconds)


def rollups(start: float, means: list[float], step_seconds: float = 10.0) -> Rollups:
    return Rollups(
        step_seconds,
        array("d", (start + index * step_seconds for index in range(len(means)))),
        array("f", (mean - 1 for mean in means)),
        array("f", (mean + 1 for mean in means)),
        array("f", means),
        array("f", (mean + 0.5 for mean in means)),
    )


def shown(column: array[float]) -> list[float | None]:
    return [None if math.isnan(value) else value for value in column]


def window(seconds: float) -> tuple[float, float]:
    """A window whose buckets begin at NOW, where its steps divide NOW: it ends just before the next bucket."""
    return NOW - 0.001, NOW + seconds - 0.001


def test_each_bucket_has_its_lowest_highest_mean_and_last_value() -> None:
    found = fill_buckets(every(1, [1, 5, 3, 9, 2, 4]), *window(6), 2)
    assert (found.start, found.step_seconds) == (NOW, 3.0)
    assert [list(column) for column in (found.low, found.high, found.mean, found.last)] == [[1, 2], [5, 9], [3, 5], [3, 4]]


def test_a_bucket_without_a_value_is_empty_and_not_zero() -> None:
    found = fill_buckets(every(10, [1, NAN, 3]), NOW, NOW + 29, 29)
    assert [index for index, value in enumerate(found.mean) if not math.isnan(value)] == [
        index for index in range(29) if found.start + index in {NOW, NOW + 20}
    ]


def test_a_value_stands_until_the_next_one_but_not_for_ever() -> None:
    found = fill_buckets(every(2, [1, 2], hold_seconds=3.5), NOW, NOW + 9, 9)
    at = {round(found.start + index - NOW): value for index, value in enumerate(shown(found.last))}
    assert [at[second] for second in range(1, 10)] == [1, 2, 2, 2, 2, None, None, None, None]


def test_a_gap_ends_what_a_value_stands_for() -> None:
    found = fill_buckets(every(2, [1, NAN, 3], hold_seconds=60), NOW, NOW + 9, 9)
    at = {round(found.start + index - NOW): value for index, value in enumerate(shown(found.last))}
    assert [at[second] for second in range(1, 7)] == [1, None, None, 3, 3, 3]


def test_what_is_later_than_the_window_is_not_shown() -> None:
    found = fill_buckets(every(1, [1, 2, 3, 99]), NOW - 10, NOW + 2, 4)
    assert max(value for value in found.high if not math.isnan(value)) == 3


@pytest.mark.parametrize(("until", "count"), [(NOW - 1, 5), (NOW + 1, 0)])
def test_a_window_that_makes_no_sense_is_refused(until: float, count: int) -> None:
    with pytest.raises(ValueError, match="no grid"):
        fill_buckets(Points(), NOW, until, count)


@given(steps, st.integers(1, 50), st.floats(0, 900), st.floats(0, 60))
def test_the_mean_and_the_last_lie_between_the_lowest_and_the_highest(
    taken: list[tuple[float, float]], count: int, span: float, hold: float
) -> None:
    found = fill_buckets(points(taken, hold_seconds=hold), NOW, NOW + span, count)
    for low, high, mean, last in zip(found.low, found.high, found.mean, found.last, strict=True):
        assert math.isnan(mean) or (low <= mean <= high and low <= last <= high)


@given(st.integers(1, 500), st.integers(1, 86_400), st.floats(0, 5000))
def test_the_last_bucket_holds_the_end_and_borders_are_multiples_of_the_step(count: int, span: int, moved: float) -> None:
    until = NOW + moved
    grid = Grid.over(until - span, until, count)
    assert grid.start_milliseconds % grid.step_milliseconds == 0
    assert grid.border(count - 1) <= until < grid.border(count) + 0.001
    assert grid.border(0) <= until - span + grid.step_seconds
    assert grid.borders() == [grid.border(index) for index in range(count + 1)]


@given(steps, st.integers(1, 60), st.sampled_from([60, 300, 900, 3600]), st.floats(0, 1000), st.floats(0, 120), st.floats(0, 30))
def test_buckets_that_are_complete_stay_as_they_are_while_time_moves_on(
    taken: list[tuple[float, float]], count: int, span: int, begin: float, moved: float, hold: float
) -> None:
    until, later = NOW + begin, NOW + begin + moved
    series = points(taken, hold_seconds=hold)
    before, after = (fill_buckets(series, end - span, end, count) for end in (until, later))
    assert before.step_seconds == after.step_seconds
    shift = round((after.start - before.start) / before.step_seconds)
    assert after.start == pytest.approx(before.start + shift * before.step_seconds, abs=1e-6)
    for index in range(max(count - 1 - shift, 0)):
        assert shown(after.mean)[index] == shown(before.mean)[index + shift]
        assert shown(after.high)[index] == shown(before.high)[index + shift]


@given(steps)
def test_windows_lie_on_the_grid_in_order_and_lose_no_extreme(taken: list[tuple[float, float]]) -> None:
    found = roll_up(points(taken), 10.0)
    assert all(at % 10.0 == 0 for at in found.times)
    assert list(found.times) == sorted(set(found.times))
    known = [value for _, value in taken if not math.isnan(value)]
    assert (max(found.high, default=None), min(found.low, default=None)) == (max(known, default=None), min(known, default=None))


def merged(history: Rollups, tail: Points) -> list[float | None]:
    """The means of an hour before NOW in windows of 10 seconds."""
    return shown(merge_history(history, tail, NOW - 3600.001, NOW - 0.001, 360).mean)


def test_memory_and_history_make_one_line() -> None:
    found = merged(rollups(NOW - 3600, [1.0] * 330), every(1, [2.0] * 600, NOW - 600))
    assert found == [1.0] * 300 + [2.0] * 60


def test_a_window_that_both_know_counts_once_and_the_memory_wins() -> None:
    found = merge_history(rollups(NOW, [100.0, 100.0]), every(1, [2.0] * 10, NOW), *window(20), 1)
    assert (found.start, found.low[0], found.high[0], found.mean[0]) == (NOW, 2.0, 101.0, 51.0)


def test_history_fills_what_memory_has_lost() -> None:
    tail = Points(array("d", [NOW, NOW + 60]), array("d", [1.0, 1.0]))
    found = merge_history(rollups(NOW, [5.0] * 7), tail, *window(70), 7)
    assert shown(found.mean) == [1.0, 5.0, 5.0, 5.0, 5.0, 5.0, 1.0]


def test_either_may_be_missing() -> None:
    assert merged(NO_ROLLUPS, Points()) == [None] * 360
    assert merged(rollups(NOW - 600, [1.0] * 60), Points()) == [None] * 300 + [1.0] * 60
    assert merged(NO_ROLLUPS, every(1, [2.0] * 60, NOW - 60)) == [None] * 354 + [2.0] * 6


def test_an_outage_between_history_and_memory_stays_empty() -> None:
    found = merged(rollups(NOW - 3600, [1.0] * 60), every(1, [2.0] * 600, NOW - 600))
    assert found[:60] == [1.0] * 60
    assert found[63:300] == [None] * 237
    assert found[300:] == [2.0] * 60


@pytest.mark.parametrize("hours", [1, 6, 24])
def test_the_mean_weighs_a_second_of_memory_as_much_as_a_second_of_history(hours: int) -> None:
    """An hour bucket of which the last quarter is in memory second by second, the rest in the history by tens of seconds."""
    past = rollups(NOW - (hours - 1) * 3600, [4.0] * (hours * 360 - 90))
    found = merge_history(past, every(1, [8.0] * 900, NOW + 2700), NOW - (hours - 1) * 3600 - 0.001, NOW + 3599.999, hours)
    assert list(found.mean) == [4.0] * (hours - 1) + [5.0]


@given(st.lists(st.floats(-1e6, 1e6), max_size=40), steps, st.integers(1, 40))
def test_a_merged_bucket_holds_together(old: list[float], taken: list[tuple[float, float]], count: int) -> None:
    found = merge_history(rollups(NOW - 300, old), points(taken), NOW - 300, NOW + 300, count)
    for low, high, mean in zip(found.low, found.high, found.mean, strict=True):
        assert math.isnan(mean) or low <= mean <= high
