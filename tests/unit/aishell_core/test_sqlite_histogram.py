"""Durations on a log scale: each bucket begins where the one before ends, and quantiles are never too low."""

from __future__ import annotations

import math
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from aishell_core.engines.histogram import LAST_BUCKET, bucket_limits, bucket_of, quantile

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
    found = quantile(Counter(bucket_of(duration) for duration in durations), share)
    assert found is not None
    assert true * (1 - 1e-9) <= found <= true * 1.19


def test_no_calls_have_no_quantile() -> None:
    assert quantile({}, 0.95) is None
    assert quantile({3: 0.0}, 0.95) is None
