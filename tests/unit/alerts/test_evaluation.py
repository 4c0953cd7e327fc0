"""One evaluation of all alerts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from aishell_core.values import TargetId
from alerts.evaluation import TEXTS_SECONDS, Surroundings, evaluated, watched
from alerts.models import Absence, Acknowledgement, Alert, ChangeKind, Health, InstanceKey, Matcher, MatchOperator, Phase
from alerts.rule import Inhibition, Missing
from alerts.silences import new_silence
from tests.alert_values import KEY, NOW, OF_ORDERS, ORDERS, TRAITS, a_rule, an_alert, breach, clear, missing

HIGH = a_rule()
SILENCE = new_silence("s1", (OF_ORDERS,), NOW - 10, NOW + 10, "ana", "", NOW - 10)


def around(**fields: Any) -> Surroundings:
    plain: dict[str, Any] = {"rules": {"high": HIGH}, "traits": {ORDERS: TRAITS}}
    return Surroundings(**(plain | fields))


def of(*alerts: Alert) -> dict[str, Alert]:
    return {alert.fingerprint: alert for alert in alerts}


def test_what_breaches_becomes_an_alert_and_what_goes_on_is_no_change() -> None:
    first = evaluated({}, [breach()], around(), NOW)
    (alert,) = first.alerts.values()
    assert (first.changed, [change.kind for change in first.changes]) == ((alert,), [ChangeKind.FIRED])
    second = evaluated(first.alerts, [breach()], around(), NOW + 1)
    assert (second.alerts, second.changed, second.gone, second.changes) == (first.alerts, (), (), ())


def test_what_is_dropped_is_gone() -> None:
    waiting = a_rule(for_seconds=5)
    first = evaluated({}, [breach()], around(rules={"high": waiting}), NOW)
    second = evaluated(first.alerts, [clear()], around(rules={"high": waiting}), NOW + 1)
    assert (second.alerts, second.gone) == ({}, tuple(first.alerts))


def test_an_alert_that_starts_silenced_shows_it_at_once() -> None:
    found = evaluated({}, [breach()], around(silences=(SILENCE,)), NOW)
    assert [change.kind for change in found.changes] == [ChangeKind.FIRED, ChangeKind.SILENCED]
    assert all(change.after.silenced_by == ("s1",) for change in found.changes)
    assert [alert.silenced_by for alert in found.changed] == [("s1",)]


def test_what_people_said_is_heard_once_and_ends_with_the_alert() -> None:
    alert = an_alert()
    said = {alert.fingerprint: Acknowledgement("ana", "on it", NOW)}
    first = evaluated(of(alert), [breach()], around(acknowledgements=said), NOW + 1)
    assert ([change.kind for change in first.heard], first.changes) == ([ChangeKind.ACKNOWLEDGED], ())
    assert first.alerts[alert.fingerprint].acknowledgement == said[alert.fingerprint]
    second = evaluated(first.alerts, [breach()], around(acknowledgements=said), NOW + 2)
    assert (second.heard, second.changes) == ((), ())
    third = evaluated(second.alerts, [breach()], around(), NOW + 3)
    assert [change.kind for change in third.heard] == [ChangeKind.UNACKNOWLEDGED]
    over = evaluated(second.alerts, [clear()], around(acknowledgements=said), NOW + 3)
    assert ([change.kind for change in over.changes], over.heard) == ([ChangeKind.RESOLVED], ())
    assert over.alerts[alert.fingerprint].acknowledgement is None
    assert evaluated(over.alerts, [], around(acknowledgements=said), NOW + 4).heard == ()


def test_an_alert_without_a_judgement_has_no_figures() -> None:
    found = evaluated(of(an_alert()), [], around(), NOW + 1)
    (alert,) = found.alerts.values()
    assert (alert.phase, alert.health) == (Phase.FIRING, Health.NO_DATA)
    assert [change.kind for change in found.changes] == [ChangeKind.NO_DATA]


def test_in_the_first_minute_missing_figures_say_nothing_and_the_time_counts_towards_nothing() -> None:
    rule = a_rule(for_seconds=10, no_data=Missing(Absence.OK))
    settling = around(rules={"high": rule}, is_settling=True)
    alert = an_alert(rule, phase=Phase.PENDING, since=NOW, fired_at=None, evaluated_at=NOW + 4)
    first = evaluated(of(alert), [missing()], settling, NOW + 30)
    second = evaluated(first.alerts, [], settling, NOW + 50)
    assert (first.changes, second.changes) == ((), ())
    (waiting,) = second.alerts.values()
    assert (waiting.phase, waiting.since, waiting.health) == (Phase.PENDING, NOW + 46, Health.OK)
    third = evaluated(second.alerts, [breach()], settling, NOW + 55)
    assert third.changes == ()
    fourth = evaluated(third.alerts, [breach()], settling, NOW + 56)
    assert [change.kind for change in fourth.changes] == [ChangeKind.FIRED]


def test_an_alert_of_a_rule_that_is_gone_is_resolved_with_the_reason() -> None:
    for surroundings, reason in (
        (around(rules={}), "its rule is gone or switched off"),
        (around(traits={}), "its target is not watched any more"),
    ):
        found = evaluated(of(an_alert()), [breach()], surroundings, NOW + 1)
        assert [(change.kind, change.reason) for change in found.changes] == [(ChangeKind.RESOLVED, reason)]


def test_an_alert_of_a_rule_that_was_changed_into_a_wrong_one_stays_as_it_is() -> None:
    surroundings = around(rules={}, broken={"high": "unknown metric"})
    rule = a_rule(for_seconds=10)
    alerts = of(an_alert(), an_alert(rule, key=InstanceKey(ORDERS, (("x", "1"),)), phase=Phase.PENDING, fired_at=None))
    first = evaluated(alerts, [], surroundings, NOW + 100)
    assert {change.kind for change in first.changes} == {ChangeKind.ERROR}
    assert {(alert.phase, alert.health, alert.health_reason) for alert in first.alerts.values()} == {
        (Phase.FIRING, Health.ERROR, "unknown metric"),
        (Phase.PENDING, Health.ERROR, "unknown metric"),
    }
    assert evaluated(first.alerts, [], surroundings, NOW + 101).changes == ()
    mended = evaluated(first.alerts, [breach()], around(rules={"high": rule}), NOW + 101)
    assert ChangeKind.HEALTHY in {change.kind for change in mended.changes}
    assert {alert.phase for alert in mended.alerts.values()} == {Phase.FIRING, Phase.PENDING}


def test_what_an_alert_of_a_rule_that_is_wrong_just_now_mutes_it_goes_on_to_mute() -> None:
    rules = {"down": a_rule("down", inhibits=(Inhibition((OF_ORDERS,)),)), "high": a_rule()}
    found = evaluated(of(an_alert(rules["down"]), an_alert()), [breach(rule="down"), breach()], around(rules=rules), NOW)
    assert {alert.rule: alert.is_muted for alert in found.alerts.values()} == {"down": False, "high": True}
    wrong = around(rules={"high": a_rule()}, broken={"down": "unknown metric"})
    for second in (1, 2):
        found = evaluated(found.alerts, [breach()], wrong, NOW + second)
        assert {alert.rule: alert.is_muted for alert in found.alerts.values()} == {"down": False, "high": True}
    gone = evaluated(found.alerts, [breach()], around(rules={"high": a_rule()}), NOW + 3)
    assert ChangeKind.UNINHIBITED in {change.kind for change in gone.changes}


def test_a_judgement_of_a_rule_or_target_that_is_not_known_is_left_out() -> None:
    strange = breach(key=InstanceKey(TargetId("strange")))
    assert evaluated({}, [strange, breach(rule="strange")], around(), NOW).alerts == {}


def test_what_is_over_goes_after_its_time() -> None:
    over = an_alert(phase=Phase.RESOLVED, resolved_at=NOW)
    assert evaluated(of(over), [], around(), NOW + 899).alerts == of(over)
    assert evaluated(of(over), [], around(), NOW + 900).gone == (over.fingerprint,)


def test_what_is_watched_is_all_that_lives() -> None:
    alerts = [an_alert(phase=phase, key=InstanceKey(ORDERS, (("x", str(phase)),))) for phase in Phase]
    assert [dict(key.labels)["x"] for key in watched(alerts)["high"]] == ["pending", "firing", "recovering"]
    assert watched([replace(an_alert(key=KEY, phase=Phase.INACTIVE), unhealthy_since=NOW)]) == {"high": [KEY]}


def test_the_labels_that_a_rule_is_given_reach_what_fires_already_so_that_a_silence_on_them_holds_it() -> None:
    begun = evaluated({}, [breach()], around(), NOW)
    ours = around(rules={"high": replace(HIGH, labels=(("team", "dba"),))})
    alerts, moment = begun.alerts, NOW
    for moment in (NOW + second for second in range(1, TEXTS_SECONDS + 1)):
        alerts = evaluated(alerts, [breach()], ours, moment).alerts
    (alert,) = alerts.values()
    assert dict(alert.labels)["team"] == "dba"
    assert alert.fingerprint == next(iter(begun.alerts))
    quiet = new_silence("s2", (Matcher("team", MatchOperator.EQUAL, "dba"),), NOW, NOW + 99, "ana", "", NOW)
    found = evaluated(alerts, [breach()], replace(ours, silences=(quiet,)), moment + 1)
    assert [change.kind for change in found.changes] == [ChangeKind.SILENCED]
    waiting = replace(HIGH, for_seconds=5)
    pending = evaluated({}, [breach()], around(rules={"high": waiting}), NOW)
    named = around(rules={"high": replace(waiting, labels=(("team", "ops"),))})
    fired = evaluated(pending.alerts, [breach()], named, NOW + 5)
    assert [(change.kind, dict(change.after.labels)["team"]) for change in fired.changes] == [(ChangeKind.FIRED, "ops")]
