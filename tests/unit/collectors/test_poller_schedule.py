"""The arithmetic of due moments and of back-off."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aishell_core.values import Tier
from collectors.schedule import START_SPREAD_SECONDS, Schedule, back_off_seconds, first_due, next_due

MOMENTS = st.floats(0, 1e8)
INTERVALS = st.floats(0.05, 86_400)
SHARES = st.floats(0, 1)


@given(MOMENTS, INTERVALS, MOMENTS, st.floats(0, 1e6))
def test_the_next_moment_lies_ahead_on_the_grid_and_within_an_interval_and_a_quarter(
    anchor: float, interval: float, started: float, took: float
) -> None:
    now = started + took
    due = next_due(anchor, interval, started, now)
    steps = (due - anchor) / interval
    assert due > now
    assert due - started >= interval / 4
    assert due <= max(now, started + interval / 4) + interval * (1 + 1e-6) + 1e-6
    assert steps == pytest.approx(round(steps), abs=1e-5 * max(1.0, abs(steps)))


@given(MOMENTS, INTERVALS, SHARES)
def test_the_first_reading_comes_within_the_spread(now: float, interval: float, phase: float) -> None:
    assert now <= first_due(now, interval, phase) <= now + min(interval, START_SPREAD_SECONDS)


@given(st.integers(0, 10_000), INTERVALS, INTERVALS)
def test_a_back_off_grows_up_to_its_cap_and_never_below_the_cadence(failures: int, interval: float, cap: float) -> None:
    pause = back_off_seconds(failures, interval, cap, 0.0)
    assert interval <= pause <= max(interval, cap)
    assert pause <= back_off_seconds(failures + 1, interval, cap, 0.0)


@given(st.integers(1, 100), INTERVALS, INTERVALS, SHARES)
def test_the_spread_shortens_a_back_off_by_a_quarter_at_most(failures: int, interval: float, cap: float, spread: float) -> None:
    whole = back_off_seconds(failures, interval, cap, 0.0)
    assert 0.75 * whole <= back_off_seconds(failures, interval, cap, spread) <= whole


def test_a_back_off_doubles() -> None:
    assert [back_off_seconds(number, 1, 60, 0.0) for number in range(1, 9)] == [1, 2, 4, 8, 16, 32, 60, 60]


@pytest.mark.parametrize("name", [item.name for item in fields(Schedule)])
@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_a_schedule_of_no_time_is_refused(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=name):
        replace(Schedule(), **{name: value})


def test_each_tier_has_its_own_cadence_and_deadline() -> None:
    schedule = Schedule(1, 2, 3, 4, 5, 6)
    assert [schedule.interval(tier) for tier in Tier] == [1, 2, 3]
    assert [schedule.deadline(tier) for tier in Tier] == [4, 5, 6]
