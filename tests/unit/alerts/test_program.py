"""Rules over a board: levels, thresholds, hysteresis, and what is said of instances that do not breach."""

from __future__ import annotations

from typing import Any, NoReturn

import pytest

from aishell_core.values import NO_LABELS, TargetId
from alerts.language.parser import parse_condition
from alerts.language.problems import ConditionError
from alerts.models import Absence, Health, InstanceKey, Level
from alerts.rule import Missing, Rule, Selector, Trigger
from tests.board_values import BEGIN, Bench, key_of, rule_of, sample, traits_of


def test_the_worst_trigger_that_holds_gives_the_level_and_its_threshold() -> None:
    bench = Bench(rule_of("pool.usage > 90%", "pool.usage > 80%", "pool.usage > 70%"))
    for at, (value, level, threshold) in enumerate(
        [(0.95, Level.CRITICAL, 0.9), (0.85, Level.WARNING, 0.8), (0.75, Level.INFO, 0.7), (0.5, None, 0.7)]
    ):
        bench.read(at, sample("pool.usage", value))
        judged = bench.one(at)
        assert (judged.level, judged.value, judged.threshold, judged.unit) == (level, value, threshold, "ratio")
        assert judged.is_clear is (level is None)


def test_each_instance_is_judged_once_and_unwatched_ones_only_when_they_breach() -> None:
    bench = Bench(rule_of("host.disk.usage > 90%"))
    mounts = {name: (("mount", name),) for name in ("/", "/srv", "/tmp")}
    host = traits_of("web", "host")
    values = zip(mounts.values(), (0.95, 0.5, 0.2), strict=True)
    bench.read(0, *(sample("host.disk.usage", value, labels) for labels, value in values), traits=host)
    judged = bench.judge(0, key_of("web", mounts["/"]), key_of("web", mounts["/srv"]))
    assert [(judgement.key, judgement.level) for judgement in judged] == [
        (key_of("web", mounts["/"]), Level.CRITICAL),
        (key_of("web", mounts["/srv"]), None),
    ]


def test_a_rule_that_clears_lower_is_clear_only_there() -> None:
    bench = Bench(rule_of("pool.usage > 90%", clear="pool.usage < 75%"))
    for at, (value, level, is_clear) in enumerate([(0.95, Level.CRITICAL, False), (0.8, None, False), (0.7, None, True)]):
        bench.read(at, sample("pool.usage", value))
        judged = bench.one(at)
        assert (judged.level, judged.is_clear, judged.health) == (level, is_clear, Health.OK)


def test_a_clear_condition_that_is_not_known_clears_nothing() -> None:
    bench = Bench(rule_of("pool.usage > 90%", clear="sessions.active < 5"))
    bench.read(0, sample("pool.usage", 0.5))
    judged = bench.one(0)
    assert (judged.level, judged.is_clear, judged.health) == (None, False, Health.NO_DATA)
    assert judged.reason == "there is no value of sessions.active"


def test_a_condition_may_hold_on_to_the_level_that_its_alert_has() -> None:
    bench = Bench(rule_of("pool.usage > if($status >= $critical, 85%, 95%)", "pool.usage > if($status >= $warning, 70%, 80%)"))
    bench.read(0, sample("pool.usage", 0.75))
    bench.read(0, sample("pool.usage", 0.9), traits=traits_of("other"))
    calm = {judgement.key.target: judgement.level for judgement in bench.judge(0)}
    assert calm == {"other": Level.WARNING}
    standing = bench.judge(0, statuses={key_of(): 2, key_of("other"): 3})
    assert {judgement.key.target: judgement.level for judgement in standing} == {"orders": Level.WARNING, "other": Level.CRITICAL}


@pytest.mark.parametrize(
    ("text", "value", "threshold", "unit"),
    [
        ("query.duration > 5s", 6000.0, 5000.0, "ms"),
        ("5s < query.duration", 6.0, 5.0, "s"),
        ("not query.duration <= 5s", 6000.0, 5000.0, "ms"),
        ("pool.usage > 99% or query.duration > 5s", 6000.0, 5000.0, "ms"),
        ("query.duration > 5s and pool.usage > 10%", 6000.0, 5000.0, "ms"),
        ("query.duration > 10 * transaction.duration", 6000.0, 5000.0, "ms"),
        ("absent(replication.lag)", None, None, ""),
    ],
)
def test_the_value_is_told_in_the_unit_in_which_it_is_compared(text: str, value: float | None, threshold: float | None, unit: str) -> None:
    bench = Bench(rule_of(text))
    for at in (0, 61):
        bench.read(at, sample("query.duration", 6000.0), sample("transaction.duration", 0.5), sample("pool.usage", 0.5))
    (judged,) = bench.judge(61)
    assert (judged.value, judged.threshold, judged.unit) == (value, threshold, unit)


def test_a_rule_is_for_the_targets_that_it_selects() -> None:
    targets = {
        "a-1": traits_of("a-1", role="primary", environment="production", tags=("shop",)),
        "a-2": traits_of("a-2", "redis", role="replica", environment="staging", tags=("shop", "eu")),
        "b-1": traits_of("b-1", "mysql", role="primary", environment="staging"),
    }
    selectors = {
        Selector(names=("a-*",)): {"a-1", "a-2"},
        Selector(engines=("redis", "mysql")): {"a-2", "b-1"},
        Selector(roles=("primary",), environments=("staging",)): {"b-1"},
        Selector(tags=("eu", "us")): {"a-2"},
        Selector(names=("c",)): set(),
        Selector(): set(targets),
    }
    for selector, expected in selectors.items():
        bench = Bench(rule_of("pool.usage > 90%", targets=selector))
        for own in targets.values():
            bench.read(0, sample("pool.usage", 0.95), traits=own)
        assert {judgement.key.target for judgement in bench.judge(0)} == expected


def test_an_alert_of_a_target_that_is_not_selected_any_more_is_clear() -> None:
    bench = Bench(rule_of("pool.usage > 90%", targets=Selector(roles=("primary",))))
    bench.read(0, sample("pool.usage", 0.95), traits=traits_of(role="primary"))
    assert bench.one(0).level
    bench.read(1, sample("pool.usage", 0.95), traits=traits_of(role="replica"))
    judged = bench.one(1)
    assert (judged.level, judged.is_clear, judged.reason) == (None, True, "the rule is not for this target any more")


def test_a_group_goes_across_the_targets_of_its_rule_alone() -> None:
    bench = Bench(
        rule_of("sum(connections.used) by (environment) > 1", name="all"),
        rule_of("sum(connections.used) by (environment) > 1", name="some", targets=Selector(names=("a",))),
    )
    for name, used in (("a", 10), ("b", 20)):
        bench.read(0, sample("connections.used", used), traits=traits_of(name, environment="production"))
    judged = {judgement.rule: (judgement.key, judgement.value) for judgement in bench.judge(0)}
    key = InstanceKey(TargetId(""), (("environment", "production"),))
    assert judged == {"all": (key, 30.0), "some": (key, 10.0)}


def test_a_figure_beside_that_of_its_group() -> None:
    bench = Bench(rule_of("connections.used > 1.5 * avg(connections.used) by (engine)"))
    for name, used in (("a", 10), ("b", 40), ("c", 10)):
        bench.read(0, sample("connections.used", used), traits=traits_of(name))
    (judged,) = bench.judge(0)
    assert (judged.key, judged.value, judged.threshold) == (key_of("b"), 40.0, 30.0)


def missing(policy: Absence) -> dict[str, Any]:
    return {"no_data": Missing(policy)}


def test_instances_without_data_are_told_where_the_rule_wants_it() -> None:
    peer = (("peer", "a"),)
    for policy, expected in ((Absence.KEEP, set()), (Absence.ALERT, {key_of(), key_of("orders", peer)}), (Absence.OK, {key_of()})):
        bench = Bench(rule_of("replication.lag.bytes > 1GiB", **missing(policy)))
        bench.board.know(traits_of(), BEGIN)
        bench.board.know(traits_of("file", "sqlite"), BEGIN)
        never = {judgement.key for judgement in bench.judge(0)}
        assert never == ({key_of()} if policy is not Absence.KEEP else set()), "a file has no such figure"
        bench.read(1, sample("replication.lag.bytes", 1.0, peer))
        assert bench.judge(1) == []
        later = bench.judge(30)
        assert all(judgement.health is Health.NO_DATA and not judgement.is_clear for judgement in later)
        assert {judgement.key for judgement in later} == ({key_of("orders", peer)} if expected else set())


def test_a_division_by_zero_is_no_data() -> None:
    bench = Bench(rule_of("connections.used / connections.max > 90%"))
    bench.read(0, sample("connections.used", 5), sample("connections.max", 0))
    bench.read(0, sample("connections.used", 95), sample("connections.max", 100), traits=traits_of("other"))
    assert [judgement.key for judgement in bench.judge(0)] == [key_of("other")]
    judged = bench.one(0)
    assert (judged.health, judged.is_clear) == (Health.NO_DATA, False)
    assert "division by zero" in judged.reason


def test_what_is_known_decides_where_it_can() -> None:
    bench = Bench(
        rule_of("pool.usage > 90% or locks.waiting > 5", name="or"),
        rule_of("pool.usage > 90% and locks.waiting > 5", name="and"),
        rule_of("not locks.waiting > 5", name="not"),
    )
    bench.read(0, sample("pool.usage", 0.95))
    high = {judgement.rule: (judgement.level is not None, judgement.health) for judgement in bench.judge(0, key_of())}
    assert high == {"or": (True, Health.OK), "and": (False, Health.NO_DATA), "not": (False, Health.NO_DATA)}
    bench.read(1, sample("pool.usage", 0.5))
    low = {judgement.rule: judgement.health for judgement in bench.judge(1, key_of())}
    assert low == {"or": Health.NO_DATA, "and": Health.OK, "not": Health.NO_DATA}


def test_a_window_with_too_few_readings_is_no_data() -> None:
    bench = Bench(rule_of("max(pool.usage, 10s) > 90%", min_samples=3))
    for at, health in enumerate((Health.NO_DATA, Health.NO_DATA, Health.OK)):
        bench.read(at, sample("pool.usage", 0.95))
        assert bench.one(at).health is health
    assert bench.one(2).level


def test_a_rule_that_fails_is_an_error_of_its_own_and_the_others_are_judged() -> None:
    class Lost(dict[InstanceKey, int]):
        def values(self) -> NoReturn:
            raise RuntimeError("the levels are lost")

    bench = Bench(rule_of("pool.usage > if($status > 1, 70%, 80%)", name="bad"), rule_of("pool.usage > 90%", name="good"))
    bench.read(0, sample("pool.usage", 0.95))
    bad, good = bench.program.judge(BEGIN, {"bad": [key_of()]}, {"bad": Lost({key_of(): 1})})
    assert (bad.rule, bad.health, bad.level, bad.is_clear) == ("bad", Health.ERROR, None, False)
    assert bad.reason == "RuntimeError: the levels are lost"
    assert (good.rule, good.health) == ("good", Health.OK)


def test_an_evaluation_in_which_nothing_changed_says_the_same_without_judging_again() -> None:
    bench = Bench(rule_of("pool.usage > 90%"))
    for at in (0, 1):
        bench.read(at, sample("pool.usage", 0.95))
        judged = bench.judge(at)
        again = bench.judge(at + 0.5)
        assert again == judged
        assert again[0] is judged[0]


def test_a_rule_with_a_faulty_condition_is_refused() -> None:
    with pytest.raises(ConditionError, match="no metric"):
        Bench(Rule("rule", (Trigger(Level.WARNING, parse_condition("pool.usag > 1%")),)))


def test_instances_without_labels_have_none() -> None:
    bench = Bench(rule_of("pool.usage > 90%"))
    bench.read(0, sample("pool.usage", 0.95))
    assert bench.judge(0)[0].key.labels == NO_LABELS
