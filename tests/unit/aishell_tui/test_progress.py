"""How fast an operation gets on, and when it ends."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aishell_core.values import Progress
from aishell_tui.progress import UNKNOWN_PACE, Pace, ProgressHistory, pace, share_done

VACUUM = "vacuum"


def step(done: float | None, total: float | None = 1000.0, phase: str = "scanning heap", session: str = "7") -> Progress:
    return Progress(session, VACUUM, phase, done, total, "public.orders", unit="blocks")


def test_the_rest_takes_as_long_as_the_pace_says() -> None:
    history = ProgressHistory()
    for second, done in enumerate((100, 150, 200, 250, 300)):
        history.add(1000.0 + second, (step(done),))
    assert history.pace(step(300)) == Pace(50.0, 14.0)


def test_nothing_is_told_of_what_was_seen_once_or_stands_still() -> None:
    history = ProgressHistory()
    history.add(1000, (step(100),))
    assert history.pace(step(100)) == UNKNOWN_PACE
    history.add(1010, (step(100),))
    assert history.pace(step(100)) == UNKNOWN_PACE


def test_another_phase_is_counted_anew() -> None:
    history = ProgressHistory()
    history.add(1000, (step(100),))
    history.add(1010, (step(900),))
    history.add(1020, (step(10, phase="vacuuming indexes"),))
    assert history.pace(step(10, phase="vacuuming indexes")) == UNKNOWN_PACE


def test_an_operation_that_ended_is_forgotten() -> None:
    history = ProgressHistory()
    history.add(1000, (step(100),))
    history.add(1010, ())
    history.add(1020, (step(900),))
    assert history.pace(step(900)) == UNKNOWN_PACE


def test_a_figure_that_goes_back_begins_anew() -> None:
    history = ProgressHistory()
    for at, done in ((1000, 100), (1010, 900), (1020, 50), (1030, 150)):
        history.add(at, (step(done),))
    assert history.pace(step(150)) == Pace(10.0, 85.0)


def test_an_unknown_end_gives_a_rate_but_no_eta() -> None:
    history = ProgressHistory()
    for at, done in ((1000, 100), (1010, 300)):
        history.add(at, (step(done, total=None),))
    assert history.pace(step(300, total=None)) == Pace(20.0, None)


def test_an_end_that_was_passed_says_nothing() -> None:
    assert pace([(0.0, 0.0), (10.0, 1100.0)], 1000.0) == Pace(110.0, None)


def test_two_sessions_with_the_same_work_are_not_mixed_up() -> None:
    history = ProgressHistory()
    for at, one, other in ((1000, 0, 500), (1010, 100, 510)):
        history.add(at, (step(one), step(other, session="8")))
    assert history.pace(step(100)).per_second == 10.0
    assert history.pace(step(510, session="8")).per_second == 1.0


@pytest.mark.parametrize(
    ("done", "total", "share"), [(50, 100, 0.5), (150, 100, 1.0), (None, 100, None), (5, None, None), (5, 0, None), (-1, 100, 0.0)]
)
def test_the_share_that_is_done(done: float | None, total: float | None, share: float | None) -> None:
    assert share_done(step(done, total)) == share


amounts = st.one_of(st.none(), st.floats(-1e9, 1e15))


@given(st.lists(st.tuples(st.floats(0.001, 1e4), amounts, amounts, st.sampled_from(["scanning heap", "vacuuming heap"])), max_size=30))
def test_no_pace_and_no_eta_is_ever_negative_or_endless(looks: list[tuple[float, float | None, float | None, str]]) -> None:
    history, at = ProgressHistory(), 1e9
    for pause, done, total, phase in looks:
        at += pause
        running = step(done, total, phase)
        history.add(at, (running,))
        found = history.pace(running)
        assert found.per_second is None or 0 < found.per_second < float("inf")
        assert found.eta_seconds is None or found.eta_seconds >= 0
        assert found.eta_seconds is None or (total is not None and done is not None and done <= total)
