"""Counters to rates: resets, restarts, missed readings, and what must hold for any counter."""

from __future__ import annotations

import math
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aishell_core.series.rates import NAN, gap_seconds, quick_rates, rate, rates, steady_spans

LONGEST = 5.0

spans = st.floats(0.01, 20.0)
known = st.floats(-1e300, 1e300)
unknown = st.just(NAN)
rows = st.lists(st.tuples(spans, known | unknown), max_size=40)
breaks = st.sets(st.integers(0, 40), max_size=5)


def the_times(steps: list[float]) -> list[float]:
    return [1_800_000_000.0 + passed for passed in accumulate(steps)]


def same(found: float, expected: float) -> bool:
    return found == expected or (math.isnan(found) and math.isnan(expected))


def test_a_rate_is_the_increase_per_second() -> None:
    assert list(rates([0.0, 1.0, 3.0], [10.0, 12.0, 20.0], LONGEST))[1:] == [2.0, 4.0]


def test_the_first_point_has_no_rate() -> None:
    assert math.isnan(rates([0.0], [10.0], LONGEST)[0])
    assert list(rates([], [], LONGEST)) == []


def test_a_fall_is_a_gap_of_one_point_and_never_a_negative_spike() -> None:
    found = rates([0.0, 1.0, 2.0, 3.0], [1000.0, 1010.0, 3.0, 8.0], LONGEST)
    assert found[1] == 10.0
    assert math.isnan(found[2])
    assert found[3] == 5.0


def test_a_restart_that_is_known_is_a_gap_even_where_the_counter_rose() -> None:
    found = rates([0.0, 1.0, 2.0], [10.0, 20.0, 30.0], LONGEST, {1})
    assert math.isnan(found[1])
    assert found[2] == 10.0


def test_one_missed_reading_is_bridged_by_the_mean_rate() -> None:
    found = rates([0.0, 1.0, 2.0], [10.0, NAN, 14.0], LONGEST)
    assert math.isnan(found[1])
    assert found[2] == 2.0


def test_too_long_without_a_value_is_a_gap() -> None:
    assert math.isnan(rates([0.0, 5.1], [0.0, 10.0], LONGEST)[1])
    assert rates([0.0, 5.0], [0.0, 10.0], LONGEST)[1] == 2.0


@pytest.mark.parametrize(("interval", "longest"), [(1.0, 5.0), (2.0, 5.0), (5.0, 12.5), (15.0, 37.5), (600.0, 1500.0)])
def test_two_missed_readings_tear_a_series_but_never_sooner_than_five_seconds(interval: float, longest: float) -> None:
    assert gap_seconds(interval) == longest


def test_a_clock_that_stands_still_gives_no_rate() -> None:
    assert math.isnan(rate(1.0, 5.0, 1.0, 6.0, LONGEST))
    assert math.isnan(rates([1.0, 1.0], [5.0, 6.0], LONGEST)[1])


@given(rows, breaks)
def test_a_rate_is_never_negative_and_never_infinite(counted: list[tuple[float, float]], torn: set[int]) -> None:
    found = rates(the_times([span for span, _ in counted]), [value for _, value in counted], LONGEST, torn)
    assert len(found) == len(counted)
    assert all(math.isnan(each) or 0.0 <= each < math.inf for each in found)


@given(st.lists(st.tuples(st.floats(0.01, LONGEST), st.integers(0, 10**9)), min_size=2, max_size=40))
def test_rates_times_their_seconds_add_up_to_the_increase(counted: list[tuple[float, int]]) -> None:
    times = list(accumulate(span for span, _ in counted))
    values = [float(value) for value in accumulate(value for _, value in counted)]
    found = rates(times, values, LONGEST * 1.01)
    total = math.fsum(each * (later - earlier) for each, earlier, later in zip(found[1:], times, times[1:], strict=False))
    assert total == pytest.approx(values[-1] - values[0], rel=1e-6, abs=1e-3)


@given(rows, breaks)
def test_every_rate_is_the_one_between_two_neighbours_that_are_known(counted: list[tuple[float, float]], torn: set[int]) -> None:
    """The quick way over whole columns and the slow way over single points tell the same."""
    times, values = the_times([span for span, _ in counted]), [value for _, value in counted]
    found, last = rates(times, values, LONGEST, torn), None
    for index, (at, value) in enumerate(zip(times, values, strict=True)):
        last = None if index in torn else last
        expected = NAN if last is None or math.isnan(value) else rate(times[last], values[last], at, value, LONGEST)
        assert same(found[index], expected)
        last = last if math.isnan(value) else index


def test_the_quick_way_leaves_falls_unknowns_and_gaps_to_the_slow_one() -> None:
    assert steady_spans([0.0, 1.0, 9.0], LONGEST) is None
    assert steady_spans([0.0, 1.0, 2.0], LONGEST, {1}) is None
    assert steady_spans([0.0], LONGEST) is None
    assert quick_rates([3.0, 2.0, 4.0], [1.0, 1.0]) is None
    assert quick_rates([3.0, NAN, 4.0], [1.0, 1.0]) is None
    assert quick_rates([3.0, 4.0, 8.0], [1.0, 2.0]) == [1.0, 2.0]
