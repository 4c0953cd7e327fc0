"""The life of an alert: each way from one state to the next."""

from __future__ import annotations

import pytest

from alerts.judgement import Judgement
from alerts.lifecycle import RESOLVED_SECONDS, aged, ended, fingerprint_of, is_watched, labels_of, step
from alerts.models import Absence, Acknowledgement, Alert, AlertChange, ChangeKind, Health, InstanceKey, Level, Phase, Traits
from alerts.rule import Missing, Rule
from tests.alert_values import KEY, NOW, ORDERS, TRAITS, a_rule, an_alert, between, breach, clear, key_of, missing

BOTH = (Level.CRITICAL, Level.WARNING)


def lived(rule: Rule, *seen: tuple[float, Judgement], alert: Alert | None = None) -> tuple[Alert | None, list[AlertChange]]:
    """The alert after evaluations at so many seconds after NOW, and all that happened."""
    happened: list[AlertChange] = []
    for after, judgement in seen:
        alert, changes = step(rule, alert, judgement, NOW + after, TRAITS)
        happened += changes
    return alert, happened


def kinds(changes: list[AlertChange]) -> list[str]:
    return [str(change.kind) for change in changes]


def test_without_a_wait_it_fires_at_the_first_evaluation() -> None:
    alert, changes = lived(a_rule(), (0, breach(value=7.0)))
    assert alert is not None
    assert (alert.phase, alert.since, alert.fired_at, alert.value, alert.threshold) == (Phase.FIRING, NOW, NOW, 7.0, 1.0)
    assert kinds(changes) == ["fired"]
    assert changes[0].after == alert


def test_it_waits_for_as_long_as_the_rule_says_and_fires_at_the_evaluation_at_which_that_is_reached() -> None:
    rule = a_rule(for_seconds=10)
    alert, changes = lived(rule, (0, breach()), (9, breach()))
    assert (alert and alert.phase, kinds(changes)) == (Phase.PENDING, ["pending"])
    alert, changes = lived(rule, (0, breach()), (9, breach()), (13, breach()))
    assert kinds(changes) == ["pending", "fired"]
    assert alert is not None
    assert (alert.since, alert.fired_at) == (NOW, NOW + 13)


@pytest.mark.parametrize("ends", [clear(), between()])
def test_a_condition_that_fails_while_it_waits_begins_anew(ends: Judgement) -> None:
    rule = a_rule(for_seconds=10)
    alert, changes = lived(rule, (0, breach()), (9, ends))
    assert (alert, kinds(changes)) == (None, ["pending", "dropped"])
    assert changes[1].after.phase is Phase.INACTIVE
    alert, changes = lived(rule, (0, breach()), (9, ends), (10, breach()), (19, breach()))
    assert alert is not None
    assert (alert.phase, alert.since) == (Phase.PENDING, NOW + 10)


def test_what_never_breached_is_nothing() -> None:
    assert lived(a_rule(), (0, clear()), (1, between()), (2, missing())) == (None, [])


def test_between_trigger_and_clear_condition_a_firing_alert_stays() -> None:
    alert, changes = lived(a_rule(), (0, breach()), (1, between()), (2, between()), (3, clear()))
    assert kinds(changes) == ["fired", "resolved"]
    assert alert is not None
    assert (alert.phase, alert.resolved_at, alert.value) == (Phase.RESOLVED, NOW + 3, 0.0)


def test_between_trigger_and_clear_condition_the_level_is_the_lowest_whichever_way_the_figure_came() -> None:
    rule = a_rule(levels=BOTH)
    steeply, changes = lived(rule, (0, breach(Level.CRITICAL)), (1, between()))
    slowly, _ = lived(rule, (0, breach(Level.CRITICAL)), (0.5, breach(Level.WARNING)), (1, between()))
    assert kinds(changes) == ["fired", "level"]
    assert steeply is not None
    assert slowly is not None
    assert steeply.level is slowly.level is Level.WARNING


def test_a_change_of_level_is_one_change_of_the_same_alert() -> None:
    alert, changes = lived(a_rule(levels=BOTH), (0, breach()), (1, breach()), (2, breach(Level.CRITICAL)), (3, breach(Level.CRITICAL)))
    assert kinds(changes) == ["fired", "level"]
    before, after = changes[1].before, changes[1].after
    assert before is not None
    assert before.fingerprint == after.fingerprint
    assert (before.level, after.level) == (Level.WARNING, Level.CRITICAL)
    assert ("severity", "critical") in after.labels
    assert alert == after


def levels_of(*seen: tuple[float, Judgement]) -> list[tuple[str, str]]:
    """What happened, and at which level, under a rule of two levels that waits for five seconds."""
    _alert, changes = lived(a_rule(levels=BOTH, for_seconds=5), *seen)
    for change in changes:
        assert dict(change.after.labels)["severity"] == str(change.after.level)
    return [(str(change.kind), str(change.after.level)) for change in changes]


def test_the_worse_level_is_reached_when_it_has_been_seen_for_as_long_as_the_rule_says() -> None:
    worse = breach(Level.CRITICAL)
    waiting = ("pending", "warning")
    assert levels_of((0, worse), (5, worse)) == [("pending", "critical"), ("fired", "critical")]
    assert levels_of((0, breach()), (2, worse), (5, worse)) == [waiting, ("fired", "warning")]
    assert levels_of((0, breach()), (2, worse), (5, worse), (7, worse)) == [waiting, ("fired", "warning"), ("level", "critical")]
    assert levels_of((0, breach()), (5, breach()), (6, worse), (7, breach())) == [waiting, ("fired", "warning")]
    again = [(0, breach()), (5, breach()), (6, worse), (8, breach()), (9, worse), (12, worse)]
    assert levels_of(*again) == [waiting, ("fired", "warning")]
    assert levels_of(*again, (14, worse)) == [waiting, ("fired", "warning"), ("level", "critical")]


def test_the_time_without_figures_counts_for_no_level() -> None:
    worse = breach(Level.CRITICAL)
    seen = [(0, breach()), (5, breach()), (6, worse), (9, missing()), (12, missing()), (13, worse)]
    assert [kind for kind, level in levels_of(*seen) if level == "critical"] == []
    assert levels_of(*seen, (17, worse))[-1] == ("level", "critical")


def test_it_goes_on_for_a_while_after_it_is_clear_and_a_new_breach_ends_the_recovery() -> None:
    rule = a_rule(keep_firing_seconds=10)
    alert, changes = lived(rule, (0, breach()), (1, clear()), (10, clear()))
    assert (alert and alert.phase, kinds(changes)) == (Phase.RECOVERING, ["fired", "recovering"])
    _, changes = lived(rule, (0, breach()), (1, clear()), (10, clear()), (11, clear()))
    assert kinds(changes) == ["fired", "recovering", "resolved"]
    alert, changes = lived(rule, (0, breach()), (1, clear()), (10, breach()), (11, clear()), (20, clear()))
    assert kinds(changes) == ["fired", "recovering", "refired", "recovering"]
    assert alert is not None
    assert alert.recovering_since == NOW + 11


def test_a_recovery_ends_when_the_clear_condition_holds_no_more() -> None:
    rule = a_rule(keep_firing_seconds=10)
    alert, changes = lived(rule, (0, breach()), (1, clear()), (5, between()), (11, clear()))
    assert kinds(changes) == ["fired", "recovering", "refired", "recovering"]
    assert alert is not None
    assert (alert.recovering_since, alert.fired_at) == (NOW + 11, NOW)


@pytest.mark.parametrize("health", [Health.NO_DATA, Health.ERROR])
def test_missing_figures_end_nothing_and_the_alert_keeps_its_last_value(health: Health) -> None:
    alert, changes = lived(a_rule(), (0, breach(value=7.0)), (1, missing(health)), (500, missing(health)), (501, breach(value=8.0)))
    assert kinds(changes) == ["fired", str(health), "healthy"]
    dark = changes[1].after
    assert (dark.phase, dark.health, dark.value, dark.unhealthy_since) == (Phase.FIRING, health, 7.0, NOW + 1)
    assert changes[1].reason == "the server does not answer"
    assert dark.fingerprint == changes[0].after.fingerprint
    assert alert is not None
    assert (alert.health, alert.health_reason, alert.unhealthy_since, alert.value) == (Health.OK, "", None, 8.0)


def test_time_without_figures_counts_towards_neither_firing_nor_recovering() -> None:
    rule = a_rule(for_seconds=10, keep_firing_seconds=10)
    alert, _ = lived(rule, (0, breach()), (5, breach()), (6, missing()), (100, missing()), (101, breach()))
    assert (alert and alert.phase) is Phase.PENDING
    alert, _ = lived(rule, (0, breach()), (5, breach()), (6, missing()), (100, missing()), (101, breach()), (105, breach()))
    assert (alert and alert.phase) is Phase.FIRING
    alert, changes = lived(rule, (106, clear()), (107, missing()), (300, missing()), (309, clear()), alert=alert)
    assert (alert and alert.phase, kinds(changes)[-1]) == (Phase.RECOVERING, "healthy")
    alert, _ = lived(rule, (310, clear()), alert=alert)
    assert (alert and alert.phase) is Phase.RESOLVED


def test_a_rule_may_take_missing_figures_for_clear_after_a_while() -> None:
    rule = a_rule(no_data=Missing(Absence.OK, 10))
    alert, _ = lived(rule, (0, breach()), (1, missing()), (10, missing()))
    assert (alert and alert.phase) is Phase.FIRING
    _, changes = lived(rule, (0, breach()), (1, missing()), (10, missing()), (11, missing()))
    assert kinds(changes) == ["fired", "no_data", "resolved"]
    assert changes[-1].reason == "the server does not answer"


def test_an_error_has_a_policy_of_its_own() -> None:
    rule = a_rule(no_data=Missing(Absence.OK), on_error=Missing(Absence.KEEP))
    assert kinds(lived(rule, (0, breach()), (1, missing(Health.ERROR)), (99, missing(Health.ERROR)))[1]) == ["fired", "error"]
    assert kinds(lived(rule, (0, breach()), (1, missing(Health.NO_DATA)))[1]) == ["fired", "no_data", "resolved"]


def test_a_rule_may_alert_on_missing_figures_and_its_wait_goes_for_that_too() -> None:
    rule = a_rule(levels=BOTH, for_seconds=10, no_data=Missing(Absence.ALERT, 5))
    alert, changes = lived(rule, (0, missing()), (4, missing()))
    assert (changes, alert and alert.phase) == ([], Phase.INACTIVE)
    assert alert is not None
    assert is_watched(alert)
    alert, changes = lived(rule, (5, missing()), (14, missing()), (15, missing()), (99, missing()), alert=alert)
    assert kinds(changes) == ["pending", "fired"]
    assert alert is not None
    assert (alert.level, alert.health, alert.fingerprint) == (Level.CRITICAL, Health.NO_DATA, fingerprint_of("high", KEY))
    _, changes = lived(rule, (100, clear()), alert=alert)
    assert kinds(changes) == ["healthy", "resolved"]


def test_figures_that_come_back_before_the_alert_on_missing_ones_leave_nothing() -> None:
    rule = a_rule(no_data=Missing(Absence.ALERT, 5))
    assert lived(rule, (0, missing()), (4, clear())) == (None, [])


def test_missing_figures_do_not_change_the_level_of_a_firing_alert() -> None:
    rule = a_rule(levels=BOTH, no_data=Missing(Absence.ALERT))
    alert, changes = lived(rule, (0, breach()), (1, missing()), (50, missing()))
    assert (alert and alert.level, kinds(changes)) == (Level.WARNING, ["fired", "no_data"])


def test_an_acknowledgement_ends_when_the_alert_is_resolved() -> None:
    mine = Acknowledgement("ana", "on it", NOW)
    rule = a_rule(levels=BOTH, keep_firing_seconds=5)
    alert, _ = lived(rule, (1, breach(Level.CRITICAL)), (2, missing()), (3, clear()), alert=an_alert(rule, acknowledgement=mine))
    assert alert is not None
    assert alert.acknowledgement == mine
    alert, changes = lived(rule, (8, clear()), alert=alert)
    assert kinds(changes) == ["resolved"]
    assert changes[0].before is not None
    assert changes[0].before.acknowledgement == mine
    assert alert is not None
    assert alert.acknowledgement is None


def test_a_resolved_alert_is_seen_for_a_quarter_of_an_hour_and_remembered_while_its_flips_count() -> None:
    rule = a_rule()
    alert, _ = lived(rule, (0, breach()), (1, clear()))
    assert alert is not None
    assert not is_watched(alert)
    assert aged(rule, alert, NOW + RESOLVED_SECONDS) == alert
    later = aged(rule, alert, NOW + 1 + RESOLVED_SECONDS)
    assert later is not None
    assert (later.phase, later.flips) == (Phase.INACTIVE, (NOW, NOW + 1))
    assert aged(rule, later, NOW + 1 + rule.damping.window_seconds) is None
    assert aged(None, later, NOW + RESOLVED_SECONDS) is None


def test_a_resolved_alert_that_breaches_again_is_the_same_alert() -> None:
    rule = a_rule(for_seconds=5)
    resolved, _ = lived(rule, (0, breach()), (5, breach()), (6, clear()))
    again, changes = lived(rule, (10, breach()), (15, breach()), alert=resolved)
    assert kinds(changes) == ["pending", "fired"]
    assert again is not None
    assert resolved is not None
    assert again.fingerprint == resolved.fingerprint
    assert (again.resolved_at, again.fired_at, len(again.flips)) == (None, NOW + 15, 3)


def test_a_resolved_alert_that_only_waited_again_is_still_seen_as_resolved() -> None:
    rule = a_rule(for_seconds=5)
    resolved, _ = lived(rule, (0, breach()), (5, breach()), (6, clear()))
    again, changes = lived(rule, (10, breach()), (11, clear()), alert=resolved)
    assert kinds(changes) == ["pending", "dropped"]
    assert again is not None
    assert (again.phase, again.resolved_at) == (Phase.RESOLVED, NOW + 6)


def test_a_longer_wait_after_a_reload_leaves_what_fires_alone() -> None:
    alert, _ = lived(a_rule(), (0, breach()))
    alert, changes = lived(a_rule(for_seconds=600), (1, breach()), alert=alert)
    assert (alert and alert.phase, changes) == (Phase.FIRING, [])


def test_an_alert_that_nobody_judges_any_more_is_resolved_with_the_reason() -> None:
    over, (change,) = ended(an_alert(acknowledgement=Acknowledgement("ana", "", NOW)), NOW + 9, "its rule is gone")
    assert over is not None
    assert (over.phase, over.resolved_at, over.acknowledgement) == (Phase.RESOLVED, NOW + 9, None)
    assert (change.kind, change.reason) == (ChangeKind.RESOLVED, "its rule is gone")
    gone, (change,) = ended(an_alert(phase=Phase.PENDING, fired_at=None), NOW + 9, "its rule is gone")
    assert (gone, change.kind) == (None, ChangeKind.DROPPED)
    assert ended(an_alert(phase=Phase.INACTIVE), NOW, "") == (None, ())
    resolved = an_alert(phase=Phase.RESOLVED, resolved_at=NOW)
    assert ended(resolved, NOW + 1, "") == (resolved, ())


def test_a_fingerprint_tells_rules_targets_and_labels_apart_and_nothing_else() -> None:
    keys = [key_of("a"), key_of("b"), key_of("a", (("x", "1"),)), key_of("a", (("x", "2"),)), key_of("a", (("x1", ""),))]
    prints = {fingerprint_of(rule, key) for rule in ("r", "s") for key in keys}
    assert len(prints) == 10
    assert all(len(each) == 16 for each in prints)
    assert fingerprint_of("r", key_of("caf\udce9")) == fingerprint_of("r", InstanceKey(key_of("caf\udce9").target))


def test_labels_are_those_of_the_rule_the_figure_and_the_target() -> None:
    rule = a_rule(labels=(("team", "dba"), ("database", "of the rule"), ("severity", "of the rule")))
    found = labels_of(rule, InstanceKey(ORDERS, (("database", "app"),)), Traits(ORDERS, engine="e"), Level.INFO)
    assert found == (
        ("alertname", "high"),
        ("database", "app"),
        ("engine", "e"),
        ("severity", "info"),
        ("target", "orders"),
        ("team", "dba"),
    )
