"""Whether a replica catches up."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aishell_tui.catch_up import UNKNOWN_TREND, trend, trend_words

MIB = 2.0**20


def test_a_lag_that_shrinks_ends_where_its_line_meets_zero() -> None:
    times = [float(second) for second in range(11)]
    found = trend(times, [(100 - 5 * second) * MIB for second in range(11)])
    assert found.bytes_per_second == pytest.approx(-5 * MIB)
    assert found.eta_seconds == pytest.approx(10)
    assert trend_words(found) == "catches up by 5 MiB/s, there in 10s"


def test_a_lag_that_grows_has_no_end() -> None:
    found = trend([0, 5, 10], [0, 5 * MIB, 10 * MIB])
    assert found.eta_seconds is None
    assert trend_words(found) == "falls back by 1 MiB/s"


def test_a_lag_that_trembles_has_no_trend() -> None:
    found = trend([0, 2, 4, 6, 8], [100 * MIB, 100.2 * MIB, 99.9 * MIB, 100.1 * MIB, 100 * MIB])
    assert (found.bytes_per_second, trend_words(found)) == (0.0, "")


def test_nothing_is_told_of_a_moment_or_of_gaps() -> None:
    assert trend([], []) == UNKNOWN_TREND
    assert trend([0, 1, 2], [9, 5, 1]) == UNKNOWN_TREND
    assert trend([0, 10, 20], [math.nan, 5, math.nan]) == UNKNOWN_TREND
    assert trend_words(UNKNOWN_TREND) == ""


@given(st.lists(st.tuples(st.floats(0.5, 60), st.floats(0, 1e13)), max_size=40))
def test_the_time_until_it_is_there_is_never_negative(steps: list[tuple[float, float]]) -> None:
    times, at = [], 1e9
    for pause, _ in steps:
        at += pause
        times.append(at)
    found = trend(times, [lag for _, lag in steps])
    assert found.eta_seconds is None or (found.eta_seconds >= 0 and (found.bytes_per_second or 0) < 0)
