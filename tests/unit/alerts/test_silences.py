"""Silences, maintenance windows, active hours, and what they do to alerts."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aishell_core.errors import UsageError
from alerts.hours import holds, within, zone
from alerts.matchers import matches, problem_of
from alerts.models import Alert, ChangeKind, Matcher, MatchOperator, Phase, Silence
from alerts.mutes import Mutes, muted
from alerts.rule import Hours, Maintenance
from alerts.silences import ended_early, extended, is_active, new_silence, silencers
from tests.alert_values import KEY, NOW, OF_ORDERS, a_rule, an_alert

EQUAL, NOT_EQUAL, FITS, FITS_NOT = MatchOperator


def a_silence(starts_at: float = NOW, ends_at: float = NOW + 3600, matchers: tuple[Matcher, ...] = (OF_ORDERS,)) -> Silence:
    return new_silence("s1", matchers, starts_at, ends_at, "ana", "upgrade", NOW)


@pytest.mark.parametrize(
    ("operator", "value", "fits"),
    [
        (EQUAL, "orders", True),
        (EQUAL, "order", False),
        (NOT_EQUAL, "orders", False),
        (NOT_EQUAL, "pay", True),
        (FITS, "ord.*", True),
        (FITS, "ord", False),
        (FITS, "pay|orders", True),
        (FITS_NOT, "ord.*", False),
        (FITS_NOT, "pay", True),
        (FITS, "(", False),
    ],
)
def test_a_matcher_fits_the_whole_value(operator: MatchOperator, value: str, fits: bool) -> None:
    assert matches((Matcher("target", operator, value),), {"target": "orders"}) is fits


def test_a_label_that_is_missing_is_an_empty_one() -> None:
    assert matches((Matcher("role", EQUAL, ""), Matcher("role", FITS, ".*"), Matcher("role", NOT_EQUAL, "x")), {"target": "orders"})
    assert not matches((Matcher("role", NOT_EQUAL, ""),), {})


def test_all_matchers_have_to_fit() -> None:
    assert not matches((OF_ORDERS, Matcher("severity", EQUAL, "critical")), {"target": "orders", "severity": "warning"})


@pytest.mark.parametrize(
    "pattern", ["(", "\\", "[[a]]", "(a+)+b", "(a|aa)*b", "((a*))*", "(a*){9}", r"(a)\1", "(?P<x>a)(?P=x)", "a*a*a*a*a*b", "a" * 201]
)
def test_a_pattern_that_is_wrong_or_might_take_for_ever_is_refused(pattern: str) -> None:
    assert problem_of(Matcher("target", FITS, pattern))
    assert problem_of(Matcher("target", EQUAL, pattern)) == ""
    assert not matches((Matcher("target", FITS, pattern),), {"target": "a" * 40})


@pytest.mark.parametrize("pattern", ["", "orders-.*", "(orders|pay)-[0-9]+", r"a\.b\(\*c", "[*+(]x", "x{2,3}", "(a*)?"])
def test_plain_patterns_are_fine(pattern: str) -> None:
    assert problem_of(Matcher("target", FITS, pattern)) == ""


@example("\\")
@given(st.text(alphabet="ab(|)*+?{}[]\\.^$1,:=P<>!", max_size=40))
def test_whatever_the_pattern_a_matcher_raises_nothing_and_answers(pattern: str) -> None:
    matches((Matcher("target", FITS, pattern),), {"target": "ab" * 30})


def test_a_silence_holds_from_its_start_up_to_its_end() -> None:
    silence = a_silence(NOW + 10, NOW + 20)
    assert [is_active(silence, NOW + after) for after in (9, 10, 19.9, 20)] == [False, True, True, False]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"matchers": ()}, "every alert"),
        ({"matchers": (Matcher("target", FITS, ".*"),)}, "every alert"),
        ({"matchers": (Matcher("target", FITS, "("),)}, "pattern cannot be read"),
        ({"author": " "}, "author"),
        ({"ends_at": NOW}, "over before it began"),
        ({"starts_at": NOW + 50, "ends_at": NOW + 50}, "over before it began"),
    ],
)
def test_a_silence_that_nobody_can_have_meant_is_refused(fields: dict[str, Any], message: str) -> None:
    plain: dict[str, Any] = {"matchers": (OF_ORDERS,), "starts_at": NOW, "ends_at": NOW + 60, "author": "ana", "comment": ""}
    with pytest.raises(UsageError, match=message):
        new_silence("s1", now=NOW, **(plain | fields))


def test_a_silence_can_be_ended_early_once() -> None:
    over = ended_early(a_silence(), "bob", NOW + 5)
    assert (over.ends_at, over.ended_by, is_active(over, NOW + 5)) == (NOW + 5, "bob", False)
    with pytest.raises(UsageError, match="over already"):
        ended_early(over, "bob", NOW + 6)


def test_a_silence_that_is_ended_before_it_begins_never_does() -> None:
    over = ended_early(a_silence(NOW + 100, NOW + 200), "bob", NOW + 5)
    assert not any(is_active(over, NOW + after) for after in range(0, 300, 5))


def test_a_silence_can_be_extended_while_it_holds() -> None:
    assert extended(a_silence(), NOW + 9000, NOW + 5).ends_at == NOW + 9000
    with pytest.raises(UsageError, match="past"):
        extended(a_silence(), NOW + 4, NOW + 5)
    with pytest.raises(UsageError, match="over already"):
        extended(a_silence(), NOW + 9000, NOW + 3600)


def at(text: str, name: str = "UTC") -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(name)).timestamp()


NIGHT = Hours(times=((0, 6 * 60), (22 * 60, 24 * 60)), weekdays=(0, 1, 2, 3, 4))


@pytest.mark.parametrize(
    ("moment", "inside"),
    [
        ("2026-11-20T21:59:59", False),
        ("2026-11-20T22:00", True),
        ("2026-11-20T23:59:59", True),
        ("2026-11-21T00:00", False),
        ("2026-11-23T05:59", True),
        ("2026-11-23T06:00", False),
    ],
)
def test_times_of_the_week_hold_from_the_first_minute_up_to_the_last(moment: str, inside: bool) -> None:
    assert holds(NIGHT, at(moment)) is inside


def test_times_are_those_of_the_zone_in_summer_and_in_winter() -> None:
    office = Hours(times=((8 * 60, 18 * 60),), timezone="Europe/Berlin")
    assert holds(office, at("2026-07-01T06:00"))
    assert not holds(office, at("2026-01-01T06:59"))
    assert holds(office, at("2026-01-01T07:00"))
    assert holds(office, at("2026-03-29T08:00", "Europe/Berlin"))


def test_days_of_the_month_count_from_its_end_too() -> None:
    last = Hours(days=(-1,))
    assert [holds(last, at(f"2026-02-{day}T12:00")) for day in (27, 28)] == [False, True]
    assert holds(last, at("2028-02-29T12:00"))
    assert holds(Hours(days=(1,), months=(2,)), at("2026-02-01T00:00"))
    assert not holds(Hours(days=(1,), months=(2,)), at("2026-03-01T00:00"))


def test_empty_hours_are_always_and_no_hours_never() -> None:
    assert within((Hours(),), NOW)
    assert not within((), NOW)


def test_an_unknown_zone_is_an_error_of_its_own() -> None:
    for name in ("Nowhere/Town", "../etc/passwd", ""):
        with pytest.raises(ValueError, match="time zone"):
            zone(name)


def test_silencers_are_named_by_what_they_are() -> None:
    rule = a_rule(active_hours=(Hours(times=((0, 1),)),))
    window = Maintenance("nightly", (Hours(),), (OF_ORDERS,))
    others = Maintenance("others", (Hours(),), (Matcher("target", EQUAL, "pay"),))
    moment = at("2026-11-20T12:00")
    silence = a_silence(NOW, moment + 60 if moment > NOW else NOW + 60)
    found = silencers({"target": "orders"}, rule, (replace(silence, starts_at=moment),), (window, others), moment)
    assert found == ("hours:high", "maintenance:nightly", "s1")


def test_what_is_silenced_lives_on_and_is_told_of_when_the_silence_ends() -> None:
    mutes = Mutes({}, (a_silence(NOW, NOW + 10),))
    alert = an_alert()
    (quiet,), (change,) = muted((alert,), mutes, NOW)
    assert (quiet.phase, quiet.silenced_by, quiet.is_muted) == (Phase.FIRING, ("s1",), True)
    assert (change.kind, change.before, change.after, change.reason) == (ChangeKind.SILENCED, alert, quiet, "s1")
    assert muted((quiet,), mutes, NOW + 9) == ((), ())
    (loud,), (change,) = muted((quiet,), mutes, NOW + 10)
    assert (loud.is_muted, change.kind) == (False, ChangeKind.UNSILENCED)


def test_a_second_silence_is_no_change_to_tell_of() -> None:
    other = replace(a_silence(), id="s2")
    quiet: Alert = an_alert(silenced_by=("s1",))
    (both,), changes = muted((quiet,), Mutes({}, (a_silence(), other)), NOW)
    assert (both.silenced_by, changes) == (("s1", "s2"), ())


@pytest.mark.parametrize("phase", [Phase.PENDING, Phase.RESOLVED, Phase.INACTIVE])
def test_what_does_not_fire_is_left_as_it_is(phase: Phase) -> None:
    assert muted((an_alert(phase=phase, key=KEY),), Mutes({}, (a_silence(),)), NOW) == ((), ())


@pytest.mark.parametrize(
    "matchers",
    [
        (Matcher("alertname", FITS, ".+"),),
        (Matcher("target", FITS, ".*"),),
        (Matcher("alertname", FITS, ".+"), Matcher("severity", NOT_EQUAL, "")),
        (Matcher("alertname", FITS, "[^\n]+"), Matcher("table", FITS, ".*")),
    ],
)
def test_a_silence_for_all_there_is_is_refused_also_as_a_pattern(matchers: tuple[Matcher, ...]) -> None:
    with pytest.raises(UsageError, match="a silence for every alert is refused") as caught:
        a_silence(matchers=matchers)
    assert "=~" not in caught.value.hint


@pytest.mark.parametrize(
    "matchers",
    [
        (Matcher("table", FITS, ".+"),),
        (Matcher("alertname", FITS, "mysql-.*"),),
        (Matcher("alertname", FITS, ".+"), Matcher("target", EQUAL, "orders")),
        (Matcher("target", FITS, ".+"), Matcher("severity", NOT_EQUAL, "critical")),
    ],
)
def test_a_silence_that_leaves_something_out_is_taken(matchers: tuple[Matcher, ...]) -> None:
    assert a_silence(matchers=matchers).matchers == matchers


@pytest.mark.parametrize("label", ["severity", "target", "engine", "environment", "alertname", "role"])
@pytest.mark.parametrize("operator", [MatchOperator.NOT_EQUAL, MatchOperator.NOT_MATCHES])
def test_all_but_some_can_be_silenced_by_a_label_that_every_alert_has(label: str, operator: MatchOperator) -> None:
    but = {"severity": "critical", "environment": "staging"}.get(label, "redis")
    made = new_silence("s", (Matcher(label, operator, but),), NOW, NOW + 60, "ana", "", NOW, {"orders", "redis"})
    assert silencers({label: "postgres"}, None, [made], (), NOW) == ("s",)
    assert silencers({label: but}, None, [made], (), NOW) == ()


@pytest.mark.parametrize(
    "matcher",
    [
        Matcher("severity", NOT_EQUAL, "foo"),
        Matcher("severity", FITS, "warning|critical|info"),
        Matcher("engine", NOT_EQUAL, "mssql"),
        Matcher("environment", FITS_NOT, "prod"),
        Matcher("target", NOT_EQUAL, "zzz"),
        Matcher("target", FITS_NOT, "zzz.*"),
    ],
)
def test_a_silence_for_all_but_what_there_is_not_is_one_for_all(matcher: Matcher) -> None:
    with pytest.raises(UsageError, match="a silence for every alert is refused"):
        new_silence("s", (matcher,), NOW, NOW + 60, "ana", "", NOW, {"orders", "pay"})
    both = (matcher, Matcher("target", EQUAL, "orders"))
    assert new_silence("s", both, NOW, NOW + 60, "ana", "", NOW, {"orders", "pay"}).matchers == both


@pytest.mark.parametrize(
    "matchers",
    [
        (Matcher("svrity", MatchOperator.NOT_EQUAL, "critical"),),
        (Matcher("team", EQUAL, ""),),
        (Matcher("target", FITS, ".*"), Matcher("team", MatchOperator.NOT_MATCHES, "shop")),
    ],
)
def test_a_label_that_few_alerts_have_cannot_silence_all_others(matchers: tuple[Matcher, ...]) -> None:
    """Else one that is mistyped would silence everything; beside another matcher it may stand."""
    with pytest.raises(UsageError, match=f"every alert without the label {matchers[-1].label!r} is refused"):
        new_silence("s", matchers, NOW, NOW + 60, "ana", "", NOW)
    assert new_silence("s", (*matchers, Matcher("target", EQUAL, "orders")), NOW, NOW + 60, "ana", "", NOW)
