"""Alerts that mute others: by rule and by who depends on whom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from aishell_core.values import TargetId
from alerts.inhibition import AFTERMATH_SECONDS, inhibited
from alerts.language.parser import parse_condition
from alerts.models import Alert, ChangeKind, Level, Matcher, MatchOperator, Phase, Traits
from alerts.mutes import Mutes, muted
from alerts.rule import Inhibition, Reach, Rule, Selector, Trigger
from tests.alert_values import NOW, a_rule, an_alert, key_of

LAG = Matcher("alertname", MatchOperator.EQUAL, "lag")
ANY = Matcher("alertname", MatchOperator.MATCHES, ".+")


def traits_of(name: str, host: str = "", upstream: str = "") -> tuple[TargetId, Traits]:
    return TargetId(name), Traits(TargetId(name), host=host, upstream=TargetId(upstream) if upstream else None)


TRAITS = dict(
    [
        traits_of("machine", host="m1"),
        traits_of("primary", host="m1"),
        traits_of("replica", host="m2", upstream="primary"),
        traits_of("cascade", host="m3", upstream="replica"),
        traits_of("other", host="m2"),
    ]
)


def on(target: str, rule: Rule, **fields: Any) -> Alert:
    return an_alert(rule, key=key_of(target), traits=TRAITS[TargetId(target)], **fields)


DOWN = a_rule("down", inhibits=(Inhibition((LAG,), of=Reach.REPLICAS), Inhibition((ANY,))))
HOST_DOWN = a_rule("host_down", inhibits=(Inhibition((ANY,), of=Reach.DATABASES),))
LAGS = a_rule("lag")
FULL = a_rule("full")
RULES = {rule.name: rule for rule in (DOWN, HOST_DOWN, LAGS, FULL)}


def quiet(*alerts: Alert, now: float = NOW, rules: dict[str, Rule] | None = None) -> set[tuple[str, str]]:
    """Rule and target of the alerts that are muted."""
    found = inhibited(alerts, RULES if rules is None else rules, TRAITS, now)
    return {(alert.rule, alert.key.target) for alert in alerts if found.get(alert.fingerprint)}


def test_a_primary_that_is_down_mutes_the_lag_of_its_replicas_however_far_and_nothing_else_of_them() -> None:
    alerts = (on("primary", DOWN), on("replica", LAGS), on("cascade", LAGS), on("replica", FULL), on("other", LAGS))
    assert quiet(*alerts) == {("lag", "replica"), ("lag", "cascade")}


def test_a_host_that_is_down_mutes_all_of_its_databases_and_not_itself() -> None:
    alerts = (on("machine", HOST_DOWN), on("machine", FULL), on("primary", FULL), on("primary", DOWN), on("other", FULL))
    assert quiet(*alerts) == {("full", "primary"), ("down", "primary")}


def test_what_is_muted_mutes_in_turn() -> None:
    assert quiet(on("machine", HOST_DOWN), on("primary", DOWN), on("replica", LAGS)) == {("down", "primary"), ("lag", "replica")}


def test_without_a_known_host_nothing_is_muted_by_it() -> None:
    lost = {name: Traits(name) for name in TRAITS}
    alerts = (on("machine", HOST_DOWN), on("primary", FULL))
    assert inhibited(alerts, RULES, lost, NOW) == {}


def test_a_ring_of_replicas_ends_and_nobody_mutes_himself() -> None:
    ring = dict([traits_of("a", upstream="b"), traits_of("b", upstream="a")])
    alerts = tuple(an_alert(rule, key=key_of(target)) for rule in (DOWN, LAGS) for target in "ab")
    found = inhibited(alerts, RULES, ring, NOW)
    assert {(alert.rule, alert.key.target) for alert in alerts if found.get(alert.fingerprint)} == {("lag", "a"), ("lag", "b")}


def test_on_its_own_target_an_alert_mutes_where_the_labels_agree() -> None:
    rule = a_rule("disk", inhibits=(Inhibition((Matcher("alertname", MatchOperator.EQUAL, "full"),), equal=("target", "mount")),))
    rules = {"disk": rule, "full": FULL}
    source = an_alert(rule, key=key_of("primary", (("mount", "/"),)))
    same = an_alert(FULL, key=key_of("primary", (("mount", "/"),)))
    elsewhere = an_alert(FULL, key=key_of("primary", (("mount", "/data"),)))
    assert set(inhibited((source, same, elsewhere), rules, TRAITS, NOW)) == {same.fingerprint}
    assert inhibited((source, same), rules, TRAITS, NOW)[same.fingerprint] == (source.fingerprint,)


def test_an_alert_that_only_waits_mutes_nothing_and_one_that_recovers_does() -> None:
    assert quiet(on("primary", DOWN, phase=Phase.PENDING), on("replica", LAGS)) == set()
    assert quiet(on("primary", DOWN, phase=Phase.RECOVERING), on("replica", LAGS)) == {("lag", "replica")}


def test_it_mutes_for_some_seconds_after_its_end_because_what_it_caused_ends_later() -> None:
    over = on("primary", DOWN, phase=Phase.RESOLVED, resolved_at=NOW)
    assert quiet(over, on("replica", LAGS), now=NOW + AFTERMATH_SECONDS - 1) == {("lag", "replica")}
    assert quiet(over, on("replica", LAGS), now=NOW + AFTERMATH_SECONDS) == set()


def test_of_two_that_mute_each_other_the_worse_is_told() -> None:
    rules = {name: a_rule(name, inhibits=(Inhibition((ANY,)),)) for name in ("one", "two")}
    mild = an_alert(rules["one"], key=key_of("primary"), level=Level.WARNING)
    bad = an_alert(rules["two"], key=key_of("primary"), level=Level.CRITICAL, fired_at=NOW + 5)
    assert quiet(mild, bad, rules=rules) == {("one", "primary")}


def test_the_change_is_told_once_and_undone_when_the_cause_is_gone() -> None:
    down, lag = on("primary", DOWN), on("replica", LAGS)
    mutes = Mutes(RULES, traits=TRAITS)
    (still,), (change,) = muted((down, lag), mutes, NOW)
    assert (still.inhibited_by, change.kind, change.reason) == ((down.fingerprint,), ChangeKind.INHIBITED, down.fingerprint)
    assert muted((down, still), mutes, NOW) == ((), ())
    (loud,), (change,) = muted((still,), mutes, NOW)
    assert (loud.is_muted, change.kind) == (False, ChangeKind.UNINHIBITED)


names = st.sampled_from(["machine", "primary", "replica", "cascade", "other"])
inhibitions = st.builds(
    Inhibition,
    st.sampled_from([(LAG,), (ANY,), (Matcher("alertname", MatchOperator.MATCHES, "r[0-2]"),)]),
    of=st.sampled_from(Reach),
    equal=st.sampled_from([("target",), ()]),
)
rule_sets = st.lists(st.lists(inhibitions, max_size=2), min_size=1, max_size=5).map(
    lambda found: {f"r{place}": a_rule(f"r{place}", inhibits=tuple(each)) for place, each in enumerate(found)}
)


@given(rule_sets, st.data())
def test_whatever_the_rules_for_each_muted_alert_somebody_is_told_of_one_that_led_to_it(
    rules: dict[str, Rule], data: st.DataObject
) -> None:
    chosen = data.draw(st.sets(st.tuples(st.sampled_from(sorted(rules)), names), max_size=12))
    alerts = [on(target, rules[rule]) for rule, target in sorted(chosen)]
    found = inhibited(alerts, rules, TRAITS, NOW)
    told = {alert.fingerprint for alert in alerts} - set(found)
    reached = set(told)
    for _ in alerts:
        reached |= {muted for muted, sources in found.items() if reached & set(sources)}
    assert reached == {alert.fingerprint for alert in alerts}
    assert all(muted not in sources for muted, sources in found.items())


GONE = Rule(
    "gone",
    (Trigger(Level.CRITICAL, parse_condition("absent(uptime, 1m)")),),
    inhibits=(Inhibition((LAG,), of=Reach.REPLICAS),),
    targets=Selector(names=("primary", "other")),
)
SILENT = {TargetId("primary"): NOW - 40.0}
POSTGRES = {name: replace(own, engine="postgres") for name, own in TRAITS.items()}


def waits(*alerts: Alert, now: float = NOW, rule: Rule = GONE, silent: Mapping[TargetId, float] = SILENT) -> set[tuple[str, str]]:
    """Rule and target of the alerts that wait for a target that does not answer."""
    found = inhibited(alerts, {rule.name: rule, "lag": LAGS, "full": FULL}, POSTGRES, now, silent)
    return {(alert.rule, alert.key.target) for alert in alerts if found.get(alert.fingerprint)}


def test_the_lag_of_a_replica_waits_while_its_primary_does_not_answer_and_is_not_known_to_be_down_yet() -> None:
    """The consequence is there before its cause: a lag takes half a minute, an absence a whole one."""
    lags = (on("replica", LAGS, fired_at=NOW - 5), on("cascade", LAGS, fired_at=NOW), on("other", LAGS, fired_at=NOW))
    assert waits(*lags) == {("lag", "replica"), ("lag", "cascade")}
    assert waits(*lags, silent={}) == set()
    assert waits(*lags, silent={TargetId("other"): NOW}) == set()


def test_it_does_not_wait_for_ever_and_not_for_a_rule_that_is_not_for_the_primary() -> None:
    lag = on("replica", LAGS, fired_at=NOW + 50)
    assert waits(lag, now=NOW + 45) == {("lag", "replica")}
    assert waits(lag, now=NOW + 55) == set()
    assert waits(lag, rule=replace(GONE, targets=Selector(names=("other",)))) == set()
    assert waits(lag, rule=replace(GONE, triggers=(Trigger(Level.CRITICAL, parse_condition("uptime < 1m")),))) == set()


def test_what_was_told_before_the_primary_fell_silent_stays_told() -> None:
    assert waits(on("replica", LAGS, fired_at=NOW - 300)) == set()


def test_the_alert_of_the_primary_takes_over_under_the_same_name() -> None:
    lag = on("replica", LAGS, fired_at=NOW - 5)
    rules = {"gone": GONE, "lag": LAGS}
    gone = an_alert(GONE, key=key_of("primary"), traits=POSTGRES[TargetId("primary")])
    before = inhibited((lag,), rules, POSTGRES, NOW, SILENT)
    after = inhibited((lag, gone), rules, POSTGRES, NOW, SILENT)
    assert before == after == {lag.fingerprint: (gone.fingerprint,)}
