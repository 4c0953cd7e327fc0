"""How the telling of an alert that goes up and down is put off."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from alerts.flapping import delay_seconds, flipped, risen
from alerts.lifecycle import step
from alerts.models import Alert, ChangeKind, Level
from alerts.rule import Damping
from tests.alert_values import NOW, TRAITS, a_rule, an_alert, breach, clear

PLAIN = Damping()
TWO_FREE = Damping(free_flips=2)


def test_the_delay_grows_with_each_flip_up_to_the_cap() -> None:
    assert [delay_seconds(flips, TWO_FREE) for flips in range(9)] == [0, 0, 0, 60, 120, 240, 480, 900, 900]
    assert delay_seconds(10**6, Damping(factor=1e300)) == PLAIN.most_seconds


def test_the_first_flips_are_told_at_once_and_later_ones_are_put_off() -> None:
    alert = an_alert()
    held = []
    for second in range(4):
        alert = flipped(alert, NOW + second, TWO_FREE)
        held.append(alert.held_until)
    assert held == [None, None, NOW + 2 + 60, NOW + 3 + 120]
    assert alert.held_since == NOW + 2


def test_flips_that_are_long_ago_do_not_count() -> None:
    alert = an_alert(flips=tuple(NOW - PLAIN.window_seconds - second for second in range(9)))
    assert flipped(alert, NOW, PLAIN).held_until is None


@given(st.lists(st.integers(1, 120), min_size=30, max_size=60))
def test_an_alert_that_flaps_without_end_is_told_of_in_the_end(seconds: list[int]) -> None:
    """Whenever it is looked at, the next telling is not further away than the cap from the first flip that was put off."""
    alert, now, begun = an_alert(), NOW, None
    for passed in seconds:
        now += passed
        is_over = alert.held_until is not None and alert.held_until <= now
        alert = flipped(alert, now, PLAIN)
        if alert.held_until is None:
            begun = None
            continue
        begun = now if begun is None or is_over else begun
        assert alert.held_until <= begun + PLAIN.most_seconds


def leveled(*levels: Level) -> list[bool]:
    """Whether each change of level counts as a flip."""
    rule = a_rule(levels=(Level.CRITICAL, Level.WARNING))
    alert: Alert | None = an_alert(rule, value=0.0)
    counted = []
    for second, level in enumerate(levels, start=1):
        assert alert is not None
        flips = len(alert.flips)
        alert, (change,) = step(rule, alert, breach(level, float(second)), NOW + second, TRAITS)
        assert change.kind is ChangeKind.LEVEL
        assert alert is not None
        counted.append(len(alert.flips) > flips)
    return counted


def test_a_level_that_rises_or_falls_is_no_flip_and_one_that_rises_again_is() -> None:
    up, down = Level.CRITICAL, Level.WARNING
    assert leveled(up, down, up, down, up) == [False, False, True, False, True]


def test_what_is_worse_than_it_has_been_since_it_began_to_flap_is_told_at_once() -> None:
    alert = risen(flipped(an_alert(), NOW, TWO_FREE), NOW, TWO_FREE)
    for second in range(1, 4):
        alert = risen(flipped(alert, NOW + second, TWO_FREE), NOW + second, TWO_FREE)
    assert alert.is_held(NOW + 4)
    worse = risen(flipped(replace(alert, level=Level.CRITICAL), NOW + 4, TWO_FREE), NOW + 4, TWO_FREE)
    assert not worse.is_held(NOW + 4)
    again = risen(flipped(worse, NOW + 5, TWO_FREE), NOW + 5, TWO_FREE)
    assert again.is_held(NOW + 6)


def test_the_worst_level_of_a_time_that_is_long_over_does_not_count() -> None:
    alert = an_alert(flips=(NOW - PLAIN.window_seconds - 1,), peak=Level.CRITICAL)
    assert risen(flipped(alert, NOW, PLAIN), NOW, PLAIN).peak is Level.WARNING


def delays(*seconds: float) -> list[float]:
    """An alert that fires and is over by turns, at these times: how long each is not told."""
    rule = a_rule()
    alert: Alert | None = None
    found = []
    for place, second in enumerate(seconds):
        judgement = breach(Level.WARNING) if place % 2 == 0 else clear()
        alert, changes = step(rule, alert, judgement, NOW + second, TRAITS)
        assert alert is not None
        assert changes[-1].kind is (ChangeKind.FIRED if place % 2 == 0 else ChangeKind.RESOLVED)
        found.append(max(0.0, (alert.held_until or 0.0) - NOW - second))
    return found


def test_what_fires_after_its_end_was_told_is_told_at_once_however_often_and_later_ends_are_put_off() -> None:
    assert delays(0, 300, 700, 800, 1000, 1100, 1700) == [0, 0, 0, 0, 0, 120, 0]


def test_what_fires_again_before_its_end_is_told_goes_on_to_be_put_off() -> None:
    assert delays(0, 10, 20, 30, 40, 50, 60, 70) == [0, 0, 0, 0, 0, 120, 240, 480]
