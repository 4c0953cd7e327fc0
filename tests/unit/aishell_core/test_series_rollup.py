"""Parts of a series that were kept apart become one again: in order, each window once, gaps where there were gaps."""

from __future__ import annotations

import math
from array import array

from hypothesis import given
from hypothesis import strategies as st

from aishell_core.series.rollup import NO_ROLLUPS, Rollups, merged, together, windows

NAN = math.nan


def part(*found: tuple[float, float], step: float = 10.0) -> Rollups:
    """Windows with a mean each, one less as low, one more as high, a half more as last."""
    means = [mean for _, mean in found]
    columns = ([mean + by for mean in means] for by in (-1, 1, 0, 0.5))
    return Rollups(step, array("d", (at for at, _ in found)), *(array("f", column) for column in columns))


def means(rollups: Rollups) -> list[tuple[float, float | None]]:
    return [(at, None if math.isnan(mean) else mean) for at, mean in zip(rollups.times, rollups.mean, strict=True)]


def test_nothing_merged_is_nothing() -> None:
    assert merged([]) == merged([Rollups(60.0)]) == NO_ROLLUPS


def test_one_part_is_left_as_it_is() -> None:
    one = part((0, 1), (10, 2))
    assert merged([Rollups(), one]) is one


def test_parts_follow_each_other_in_time_in_whatever_order_they_come() -> None:
    found = merged([part((40, 5), (50, 6)), part((0, 1), (10, 2)), part((20, 3))])
    assert means(found) == [(0, 1), (10, 2), (20, 3), (40, 5), (50, 6)]
    assert list(found.high) == [2, 3, 4, 6, 7]


def test_two_parts_of_a_window_are_put_together() -> None:
    """As when a dashboard ends in the middle of a window and another one begins there."""
    found = merged([part((0, 1), (10, 2)), part((10, 6), (20, 7))])
    assert list(windows(found)) == [(0, 0, 2, 1, 1.5), (10, 1, 7, 4, 6.5), (20, 6, 8, 7, 7.5)]


def test_a_part_that_knows_nothing_takes_nothing_from_the_other() -> None:
    unknown, known = (0.0, NAN, NAN, NAN, NAN), (0.0, 1.0, 3.0, 2.0, 1.0)
    assert together(unknown, known) == together(known, unknown) == known


def test_where_the_cadence_changed_each_part_keeps_its_gaps() -> None:
    fast = part((0, 1), (10, 1), (60, 1), (70, 1))
    slow = part((120, 2), (180, 2), step=60.0)
    found = merged([fast, slow])
    assert found.step_seconds == 60
    assert means(found) == [(0, 1), (10, 1), (35, None), (60, 1), (70, 1), (95, None), (120, 2), (180, 2)]


def test_a_fast_part_without_gaps_stays_whole_beside_a_slow_one() -> None:
    found = merged([part((0, 2), (60, 2), step=60.0), part((120, 1), (130, 1))])
    assert means(found) == [(0, 2), (60, 2), (120, 1), (130, 1)]


rows = st.lists(st.tuples(st.integers(0, 30).map(lambda number: number * 10.0), st.floats(-1e6, 1e6, width=32)), max_size=10)


@given(st.lists(rows.map(lambda found: sorted(dict(found).items())), max_size=6))
def test_every_window_is_there_once_and_no_extreme_is_lost(parts: list[list[tuple[float, float]]]) -> None:
    found = merged([part(*each) for each in parts])
    expected: dict[float, list[float]] = {}
    for each in parts:
        for at, mean in each:
            expected.setdefault(at, []).append(mean)
    assert list(found.times) == sorted(expected)
    for at, low, high, mean, _ in windows(found):
        assert low <= mean <= high
        assert (low, high) == (part((0, min(expected[at]))).low[0], part((0, max(expected[at]))).high[0])
