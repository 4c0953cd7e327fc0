"""Windows that move over readings give what the readings inside of them give when they are looked at anew."""

from __future__ import annotations

import math
import statistics
from fractions import Fraction

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from alerts.board.lines import Ahead, Slope, Spread
from alerts.board.ring import Ring
from alerts.board.windows import Difference, Highest, Lowest, Mean, Newest, Ordered, PerSecond, Total, Window

values = st.one_of(
    st.integers(-5, 5).map(float),
    st.floats(-1e9, 1e9, allow_nan=False).map(lambda value: round(value, 3)),
    st.sampled_from((0.0, 1e15, -1e15, 1e-9, 3.5)),
)
steps = st.lists(st.tuples(st.sampled_from((0.5, 1.0, 1.0, 2.0, 7.0)), values, st.integers(0, 3)), min_size=1, max_size=60)
spans = st.sampled_from((1.0, 3.0, 10.0, 60.0))
offsets = st.sampled_from((0.0, 0.0, 2.0, 15.0))


def near(found: float, exact: Fraction | float | None, size: float) -> bool:
    """Whether a result is right within what floating point can do with values of this size."""
    if exact is None:
        return math.isnan(found)
    return abs(found - float(exact)) <= 1e-9 * max(1.0, size)


def quantile(ordered: list[float], share: float) -> float:
    place = share * (len(ordered) - 1)
    low, high = ordered[math.floor(place)], ordered[math.ceil(place)]
    return low + (high - low) * (place - math.floor(place))


def line(points: list[tuple[float, float]]) -> tuple[Fraction, Fraction, Fraction] | None:
    """Mean of the times, mean of the values and slope, in exact fractions."""
    times, heights = [Fraction(at) for at, _ in points], [Fraction(value) for _, value in points]
    if len(set(times)) < 2:
        return None
    middle, mean = statistics.mean(times), statistics.mean(heights)
    across = sum((at - middle) * (value - mean) for at, value in zip(times, heights, strict=True))
    return middle, mean, Fraction(across / sum((at - middle) ** 2 for at in times))


@settings(deadline=None, derandomize=True, max_examples=150)
@given(taken=steps, span=spans, offset=offsets)
@example(  # a sum that is made anew while a large value is in it
    taken=[(0.5, 0.0, 0)] * 4 + [(1.0, 67108863.0, 0), (0.5, 0.0, 0), (0.5, 1.938, 0), (2.0, 0.0, 0), (0.5, 0.0, 3)], span=3.0, offset=2.0
)
def test_every_window_is_as_if_made_anew(taken: list[tuple[float, float, int]], span: float, offset: float) -> None:
    ring = Ring(span + offset)
    windows = [kind(ring, span, offset) for kind in (Total, Mean, Lowest, Highest, Ordered, Newest, Difference, Spread, Window)]
    now, points = 1_000_000.0, list[tuple[float, float]]()
    for pause, value, looks in taken:
        now += pause
        ring.push(now, value)
        points.append((now, value))
        for look in range(looks):
            moment = now + look * 0.75
            inside = [value for at, value in points if moment - offset - span < at <= moment - offset]
            for window in windows:
                window.advance(moment)
            found = [window.result(0.4, moment) for window in windows]
            size = max((abs(value) for value in inside), default=0.0)
            exact = [Fraction(value) for value in inside]
            expected: list[Fraction | float | None] = [None] * 9
            if inside:
                spread = math.sqrt(statistics.pvariance(exact))
                ends = inside[-1] - inside[0] if len(inside) > 1 else None
                expected = [sum(exact), statistics.mean(exact), min(inside), max(inside), quantile(sorted(inside), 0.4)]
                expected += [inside[-1], ends, spread, float(len(inside))]
            scale = size * max(1, len(inside))
            for window, result, wanted in zip(windows, found, expected, strict=True):
                assert near(result, wanted, scale), (type(window).__name__, result, wanted, inside)


@settings(deadline=None, derandomize=True, max_examples=100)
@given(taken=steps, span=st.sampled_from((5.0, 20.0, 60.0)))
def test_the_line_is_that_of_least_squares(taken: list[tuple[float, float, int]], span: float) -> None:
    ring = Ring(span)
    slope, ahead = Slope(ring, span, 0.0), Ahead(ring, span, 0.0)
    now, points = 1_000_000.0, list[tuple[float, float]]()
    for pause, value, looks in taken:
        now += pause
        ring.push(now, value)
        points.append((now, value))
        if looks:
            inside = [(at, value) for at, value in points if now - span < at]
            exact = line(inside)
            slope.advance(now)
            ahead.advance(now)
            size = max(abs(value) for _, value in inside) * 100
            assert near(slope.result(0.0, now), exact and exact[2], size)
            assert near(ahead.result(30.0, now), exact and exact[1] + exact[2] * (Fraction(now + 30.0) - exact[0]), size)


def test_what_left_with_a_large_value_leaves_no_rounding_behind() -> None:
    ring = Ring(10.0)
    windows = [kind(ring, 10.0, 0.0) for kind in (Mean, Spread, Slope)]
    for second in range(60):
        ring.push(float(second), 1e18 if second == 3 else 2.0 + (second % 2))
        for window in windows:
            window.advance(float(second))
    mean, spread, slope = (window.result(0.0, 59.0) for window in windows)
    assert mean == 2.5
    assert spread == pytest.approx(0.5, rel=1e-12)
    assert slope == pytest.approx(0.0303030303, rel=1e-6)


def test_a_window_follows_a_past_that_changes() -> None:
    ring = Ring(100.0)
    windows = [kind(ring, 50.0, 0.0) for kind in (Total, Lowest, Ordered, Spread)]
    for second in range(10, 20):
        ring.push(float(second), float(second))
    assert [window.advance(20.0) for window in windows] == [True] * 4
    ring.take_back(15.0)
    assert [(window.advance(20.0), window.size) for window in windows] == [(True, 5)] * 4
    ring.put_before([5.0, 6.0, 12.0], [50.0, 60.0, 70.0])
    for window in windows:
        window.advance(20.0)
    total, lowest, ordered, _ = windows
    assert total.result(0.0, 20.0) == 50 + 60 + sum(range(10, 15))
    assert lowest.result(0.0, 20.0) == 10.0
    assert ordered.result(1.0, 20.0) == 60.0


def test_time_that_goes_back_opens_a_window_anew() -> None:
    ring = Ring(100.0)
    window = Total(ring, 10.0, 0.0)
    for second in range(30):
        ring.push(float(second), 1.0)
    window.advance(29.0)
    window.advance(12.0)
    assert window.result(0.0, 12.0) == 10.0


def test_a_ring_keeps_what_is_within_reach_and_one_before_it() -> None:
    ring = Ring(10.0)
    for second in range(1000):
        ring.push(float(second), float(second))
        assert ring.times[0] <= max(0.0, second - 10.0)
    assert len(ring.times) < 140
    assert ring.end == 1000


def test_a_counter_rises_per_second_of_the_time_that_was_seen() -> None:
    gains, seconds = Ring(60.0), Ring(60.0)
    window = PerSecond(gains, 60.0, 0.0)
    window.seconds = Total(seconds, 60.0, 0.0)
    assert math.isnan(window.result(0.0, 0.0))
    for at, gain, spent in ((10.0, 5.0, 10.0), (40.0, 10.0, 5.0)):
        gains.push(at, gain)
        seconds.push(at, spent)
    assert window.advance(40.0)
    assert window.result(0.0, 40.0) == 1.0
