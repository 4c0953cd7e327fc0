"""The time in which alerts are counted."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from alerts.timeline import JUMP_SECONDS, LONGEST_SECONDS, Tick, Timeline
from tests.alert_values import NOW


def test_time_passes_as_steadily_as_the_steady_clock() -> None:
    line = Timeline(NOW, 50.0)
    assert line.tick(NOW + 1.0, 51.0) == Tick(NOW + 1)
    assert line.tick(NOW + 2.4, 52.0) == Tick(NOW + 2)
    assert line.tick(NOW + 2.1, 53.0) == Tick(NOW + 3)


def test_a_wall_clock_that_is_set_is_told_once_and_time_goes_on_from_there() -> None:
    line = Timeline(NOW, 50.0)
    assert line.tick(NOW + 86_401.0, 51.0) == Tick(NOW + 86_401, 86_400.0)
    assert line.tick(NOW + 86_402.0, 52.0) == Tick(NOW + 86_402)
    assert line.tick(NOW - 3_597.0, 53.0) == Tick(NOW - 3_597, -90_000.0)


def test_an_evaluator_that_stood_still_has_not_watched() -> None:
    line = Timeline(NOW, 50.0)
    assert line.tick(NOW + LONGEST_SECONDS, 50.0 + LONGEST_SECONDS) == Tick(NOW + LONGEST_SECONDS)
    later = LONGEST_SECONDS + 3600
    assert line.tick(NOW + later, 50.0 + later) == Tick(NOW + later, 0.0, 3600)


def test_a_machine_that_was_suspended_is_like_a_clock_that_was_set() -> None:
    """The steady clock stands still with the machine."""
    line = Timeline(NOW, 50.0)
    assert line.tick(NOW + 30_001, 51.0) == Tick(NOW + 30_001, 30_000.0)


@given(st.lists(st.tuples(st.integers(0, 100), st.integers(-5_000, 5_000)), max_size=30))
def test_it_is_never_far_from_the_wall_clock_and_tells_every_second_of_a_difference(steps: list[tuple[int, int]]) -> None:
    line = Timeline(NOW, 0.0)
    wall, steady, told = NOW, 0.0, 0.0
    for seconds, jump in steps:
        wall, steady = wall + seconds + jump, steady + seconds
        tick = line.tick(wall, steady)
        told += tick.set_by_seconds
        assert abs(tick.now - wall) <= JUMP_SECONDS
        assert tick.now == NOW + steady + told


def test_between_two_ticks_it_is_known_what_time_it_is_unless_the_next_one_has_something_to_say() -> None:
    line = Timeline(NOW, 50.0)
    line.tick(NOW + 1.0, 51.0)
    assert line.between(NOW + 1.6, 51.5) == NOW + 1.5
    assert line.between(NOW + 3_601.5, 51.5) is None
    assert line.between(NOW - 3_600.0, 51.5) is None
    assert line.between(NOW + 3_600.0, 51.0 + 3_599.0) is None
    assert line.tick(NOW + 2.0, 52.0) == Tick(NOW + 2)
