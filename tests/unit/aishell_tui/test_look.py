"""What is looked at: spans, moments, intervals."""

from hypothesis import given
from hypothesis import strategies as st

from aishell_core.values import TargetId
from aishell_tui.look import INTERVALS_SECONDS, KEPT_SECONDS, SPANS_SECONDS, Look, at_moment, moved, slower, widened

NOW = 1_800_000_000.0
looks = st.builds(
    Look,
    span_seconds=st.sampled_from(SPANS_SECONDS),
    until=st.none() | st.floats(NOW - KEPT_SECONDS, NOW - 1),
    interval_seconds=st.sampled_from(INTERVALS_SECONDS),
)


@given(looks, st.integers(-10, 10))
def test_moving_in_time_never_shows_the_future_nor_more_than_is_kept(look: Look, quarters: int) -> None:
    since, until = moved(look, quarters, NOW).window(NOW)
    assert until <= NOW
    assert since >= NOW - KEPT_SECONDS - 1


def test_going_back_and_forward_again_is_live_again() -> None:
    look = Look()
    back = moved(look, -2, NOW)
    assert back.until == NOW - 450
    assert moved(back, 2, NOW).until is None
    assert moved(moved(look, -1, NOW), 1, NOW + 3).until is None, "the present has moved on by three seconds"
    assert moved(moved(look, -2, NOW), 1, NOW + 3).until == NOW - 225


def test_the_span_stops_at_its_ends() -> None:
    look = Look()
    for _ in range(10):
        look = widened(look, 1)
    assert look.span_seconds == 86_400
    for _ in range(10):
        look = widened(look, -1)
    assert look.span_seconds == 60


def test_the_interval_goes_through_its_steps() -> None:
    assert slower(Look(interval_seconds=1.0), 1).interval_seconds == 2.0
    assert slower(Look(interval_seconds=0.5), -1).interval_seconds == 0.5


def test_memory_is_enough_only_for_a_live_window_of_15_minutes() -> None:
    assert not Look(span_seconds=900).needs_history(NOW)
    assert Look(span_seconds=3600).needs_history(NOW)
    assert Look(span_seconds=60, until=NOW - 3600).needs_history(NOW)


def test_a_step_back_inside_memory_keeps_the_fine_readings() -> None:
    assert not Look(span_seconds=60, until=NOW - 15).needs_history(NOW)


def test_after_a_restart_even_a_short_window_is_completed_from_the_history() -> None:
    assert Look(span_seconds=900, memory_since=NOW - 20).needs_history(NOW)
    assert not Look(span_seconds=900, memory_since=NOW - 901).needs_history(NOW)


def test_an_old_event_is_shown_with_the_time_after_it() -> None:
    look = at_moment(Look(span_seconds=900), TargetId("a"), NOW - 3600, NOW)
    since, until = look.window(NOW)
    assert since < NOW - 3600 < until
    assert look.target == "a"


def test_an_event_of_just_now_keeps_the_screen_live() -> None:
    assert at_moment(Look(span_seconds=900), TargetId("a"), NOW - 10, NOW).until is None
