"""Which rules are judged: those that can say something of a target that is there, or of an alert that is."""

from __future__ import annotations

from aishell_core.values import Reading, Sample, Tier
from alerts.judging import Judging
from alerts.models import Level, Traits
from alerts.rule import Selector
from tests.alert_values import an_alert
from tests.board_values import BEGIN, key_of, rule_of, sample, traits_of

MYSQL = Selector(engines=("mysql",))
SHOP, ORDERS = traits_of("shop", "mysql"), traits_of("orders", "postgres")


def _read(judging: Judging, traits: Traits, at: float, *samples: Sample) -> None:
    judging.add(Reading(traits.target, Tier.HOT, BEGIN + at, samples), 1.0, traits)


def test_a_rule_for_an_engine_speaks_from_the_first_reading_of_such_a_target_on() -> None:
    judging = Judging()
    judging.use((rule_of("max(pool.usage, 10s) > 90%", name="mysql-pool", targets=MYSQL), rule_of("pool.usage > 90%", name="any-pool")))
    _read(judging, ORDERS, 0, sample("pool.usage", 0.95))
    found = judging.judge(BEGIN, (), {ORDERS.target: ORDERS})
    assert [(judged.rule, judged.key.target) for judged in found] == [("any-pool", "orders")]
    _read(judging, SHOP, 1, sample("pool.usage", 0.95))
    _read(judging, SHOP, 2, sample("pool.usage", 0.1))
    found = judging.judge(BEGIN + 2, (), {ORDERS.target: ORDERS, SHOP.target: SHOP})
    assert [(judged.rule, judged.key.target) for judged in found] == [("mysql-pool", "shop"), ("any-pool", "orders")]


def test_a_target_that_was_never_read_is_missed() -> None:
    judging = Judging()
    judging.use((rule_of("absent(connections.used, 10s)", name="mysql-down", targets=MYSQL),))
    assert judging.judge(BEGIN, (), {SHOP.target: SHOP}) == []
    assert [judged.key.target for judged in judging.judge(BEGIN + 60, (), {SHOP.target: SHOP})] == ["shop"]


def test_an_alert_of_a_target_that_is_not_there_any_more_is_judged_all_the_same() -> None:
    judging = Judging()
    rule = rule_of("pool.usage > 90%", name="mysql-pool", targets=MYSQL)
    judging.use((rule,))
    left = an_alert(rule, key_of("shop"), level=Level.CRITICAL)
    (judged,) = judging.judge(BEGIN, (left,), {ORDERS.target: ORDERS})
    assert (judged.rule, judged.key.target, judged.level) == ("mysql-pool", "shop", None)
