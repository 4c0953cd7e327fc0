"""Averages by class over time, and by who and what."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aishell_core.engines.statement_text import normalise
from aishell_core.values import WaitCount
from aishell_tui.screens.waits_data import class_signs, sampling_words
from aishell_tui.wait_history import WaitHistory
from aishell_tui.wait_profile import Dimension, WaitProfile, class_order, wait_shares
from tests.scripted_sessions import UPDATE, WAITS

START = 1_700_000_000.0


def filled(seconds: int = 60, *, without: range = range(0)) -> WaitHistory:
    """A minute of readings, some left out."""
    history = WaitHistory()
    for second in range(seconds):
        if second not in without:
            history.add(START + second, WAITS)
    return history


def test_buckets_hold_average_active_sessions_by_class_with_the_cpu_at_the_bottom() -> None:
    profile = WaitProfile(filled()).read((START, START + 60), 6)
    assert profile.classes == ("CPU", "IO", "Lock")
    assert profile.buckets == ((2.0, 1.0, 3.0),) * 6
    assert profile.step_seconds == 10.0


def test_a_stretch_without_readings_is_a_gap_and_not_zero() -> None:
    profile = WaitProfile(filled(without=range(20, 40))).read((START, START + 60), 6)
    assert [bucket is None for bucket in profile.buckets] == [False, False, True, True, False, False]


def test_a_server_that_does_nothing_is_zero_and_not_a_gap() -> None:
    history = WaitHistory()
    history.add(START, ())
    history.add(START + 1, ())
    assert WaitProfile(history).read((START, START + 2), 1).buckets == ((),)


def test_buckets_that_can_no_longer_change_are_remembered_and_the_newest_is_not() -> None:
    history = filled(55)
    profile = WaitProfile(history)
    profile.read((START, START + 60), 6)
    for second in range(55, 60):
        history.add(START + second, (WaitCount("CPU", "", 8),))
    assert profile.read((START, START + 60), 6).buckets[-1] == (5.0, 0.5, 1.5)


def test_the_picture_moves_by_whole_buckets() -> None:
    profile = WaitProfile(filled())
    one, other = profile.read((START, START + 50), 5), profile.read((START + 3, START + 53), 5)
    assert (other.start - one.start) % one.step_seconds == 0


@given(st.floats(-600, 700), st.integers(1, 40), st.sampled_from([60.0, 300.0, 21_600.0]))
def test_the_chart_and_the_table_of_a_window_are_of_the_same_readings(until: float, count: int, span: float) -> None:
    """Also in the past, where more was read since: what lies behind the window is in neither."""
    history = WaitHistory()
    for second in range(60):
        history.add(START + second, (WaitCount("CPU", "", second + 1),))
    end = START + until
    profile = WaitProfile(history).read((end - span, end), count)
    shares = wait_shares(history, (profile.start, end), Dimension.WAIT)
    shown = [bucket[0] for bucket in profile.buckets if bucket is not None]
    assert bool(shown) == (shares.average is not None)
    if len(shown) == 1:
        assert shares.average == pytest.approx(shown[0])


@pytest.mark.parametrize(
    ("dimension", "top", "share"),
    [
        (Dimension.WAIT, "Lock:transactionid", 0.5),
        (Dimension.STATEMENT, " ".join(normalise(UPDATE).split()), 0.5),
        (Dimension.USER, "shop", 5 / 6),
        (Dimension.APPLICATION, "shop-web", 5 / 6),
        (Dimension.DATABASE, "orders", 1.0),
    ],
)
def test_each_dimension_has_its_largest_first(dimension: Dimension, top: str, share: float) -> None:
    shares = wait_shares(filled(), (START, START + 60), dimension)
    assert shares.rows[0].text == top
    assert shares.rows[0].share == pytest.approx(share)
    assert sum(row.share for row in shares.rows) == pytest.approx(1.0)
    assert shares.average == 6.0


def test_a_profile_is_narrowed_to_one_value_of_one_or_more_dimensions() -> None:
    history, window = filled(), (START, START + 60)
    only = ((Dimension.USER, "shop"),)
    assert [row.text for row in wait_shares(history, window, Dimension.WAIT, only).rows] == ["Lock:transactionid", "CPU (running)"]
    both = (*only, (Dimension.WAIT, "CPU"))
    assert WaitProfile(history).read(window, 1, both).buckets == ((2.0,),)
    assert wait_shares(history, window, Dimension.STATEMENT, both).average == 2.0


def test_a_window_before_all_readings_says_that_nothing_is_known() -> None:
    assert wait_shares(filled(), (START - 90, START - 30), Dimension.WAIT).average is None


def test_unknown_classes_come_above_the_known_ones() -> None:
    assert class_order({"zfs", "Lock", "CPU", "Abc"}) == ("CPU", "Lock", "Abc", "zfs")


def test_every_class_has_a_sign_of_its_own_in_letter_and_in_look() -> None:
    signs = class_signs(("CPU", "IO", "Lock", "Quux", "Other"))
    assert len({sign.letter for sign in signs.values()}) == len(signs)
    assert len({(sign.role, sign.block) for sign in signs.values()}) == len(signs)
    assert class_signs(("CPU",))["Lock"] == signs["Lock"]
    assert [signs[name].block for name in ("CPU", "Lock", "IO", "LWLock")] == ["█", "▓", "▒", "░"]


def test_the_words_of_caution_name_the_interval() -> None:
    assert sampling_words(1.0) == "sampled once per second: short waits are seen by chance"
    assert sampling_words(5.0) == "sampled every 5s: short waits are seen by chance"
