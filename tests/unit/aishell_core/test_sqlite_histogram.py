"""Durations on a log scale: each bucket begins where the one before ends, and quantiles are never too low."""

from __future__ import annotations

import math
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from aishell_core.engines.histogram import LAST_BUCKET, bucket_limits, bucket_of, cumulative, cumulative_minus, quantile

_DURATIONS = st.floats(min_value=0, max_value=1e8, allow_nan=False)


@given(_DURATIONS)
def test_a_duration_lies_within_its_bucket(milliseconds: float) -> None:
    low, high = bucket_limits(bucket_of(milliseconds))
    assert low * (1 - 1e-12) <= milliseconds <= high * (1 + 1e-12)


@given(st.integers(1, LAST_BUCKET))
def test_buckets_join_without_a_gap(bucket: int) -> None:
    assert bucket_limits(bucket - 1)[1] == bucket_limits(bucket)[0]


@given(st.floats())
def test_any_number_has_a_bucket(milliseconds: float) -> None:
    assert 0 <= bucket_of(milliseconds) <= LAST_BUCKET


@given(st.lists(_DURATIONS.filter(lambda value: value > 0.001), min_size=1, max_size=200), st.floats(0.01, 1.0))
def test_a_quantile_is_the_true_one_or_up_to_19_percent_more(durations: list[float], share: float) -> None:
    true = sorted(durations)[math.ceil(share * len(durations) - 1e-9) - 1]
    found = quantile(_counted(durations), share)
    assert found is not None
    assert true * (1 - 1e-9) <= found <= true * 1.19


@given(st.lists(_DURATIONS, min_size=1, max_size=200), st.floats(0.01, 1.0))
def test_a_quantile_is_never_above_the_longest_call(durations: list[float], share: float) -> None:
    found = quantile(_counted(durations), share, max(durations))
    assert found is not None
    assert found <= max(durations)


@given(st.lists(_DURATIONS), st.lists(_DURATIONS, min_size=1))
def test_the_difference_of_two_readings_is_the_histogram_of_the_calls_in_between(before: list[float], added: list[float]) -> None:
    found = cumulative_minus(_counted(before + added), _counted(before))
    assert [quantile(found, share) for share in (0.01, 0.5, 0.95, 1.0)] == [
        quantile(_counted(added), share) for share in (0.01, 0.5, 0.95, 1.0)
    ]


@given(st.lists(st.integers(0, LAST_BUCKET)), st.lists(st.integers(0, LAST_BUCKET)))
def test_no_difference_goes_back_whatever_the_readings_are(now: list[int], before: list[int]) -> None:
    found = cumulative_minus(cumulative(Counter(now)), cumulative(Counter(before)))
    assert list(found) == sorted(found)
    assert all(calls >= 0 for calls in found)


def test_a_histogram_that_began_anew_has_no_difference() -> None:
    assert cumulative_minus((0, 1), (0, 3)) == ()
    assert cumulative_minus((5,), (0, 3)) == ()


def test_a_bucket_beyond_the_last_one_costs_no_memory() -> None:
    assert len(cumulative({10**12: 4.0, 3: 2.0})) == LAST_BUCKET + 1


def test_no_calls_have_no_quantile() -> None:
    assert quantile((), 0.95) is None
    assert cumulative({3: 0.0}) == ()


def _counted(durations: list[float]) -> tuple[int, ...]:
    return cumulative(Counter(bucket_of(duration) for duration in durations))
