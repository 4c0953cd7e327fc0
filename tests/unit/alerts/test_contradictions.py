"""Conditions that nobody can have meant are told when they are read."""

from __future__ import annotations

import pytest

from alerts.language.checker import check_condition
from alerts.language.parser import parse_condition
from tests.unit.alerts.rule_documents import book, told


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("pool.usage > 90% and pool.usage < 80%", "this never holds"),
        ("pool.usage > 90% and not pool.usage > 90%", "this never holds"),
        ("pool.usage > 90% unless pool.usage > 80%", "this never holds"),
        ("uptime < 5m and sessions.active > 3 and uptime > 10m", "this never holds"),
        ("90% < pool.usage and pool.usage <= 90%", "this never holds"),
        ("pool.usage > 90% or pool.usage <= 90%", "this always holds"),
        ("pool.usage > 80% or pool.usage < 90%", "this always holds"),
        ("not (pool.usage > 90% and pool.usage < 80%)", "this never holds"),
        ("pool.usage * 0 > 1", "this never holds"),
        ("connections.used * 0 > 1", "this never holds"),
        ("replication.lag * 0 > 1s", "this never holds"),
        ("pool.usage * -1 > 0", "this never holds"),
        ("cache.hit_ratio / 2 > 50%", "this never holds"),
        ("pool.usage / -2 > 0", "this never holds"),
        ("1 - pool.usage > 1", "this never holds"),
        ("2 * cache.hit_ratio - 1 > 1", "this never holds"),
        ("cache.hit_ratio - 1 <= 0", "this always holds"),
        ("host.memory.usage + host.swap.usage <= 2", "this always holds"),
        ("pool.usage > pool.usage", "both sides are the same"),
        ('pool.usage{rol="x"} > 5%', "pool.usage has no label 'rol'"),
        ("sum(connections.used) by (enviroment) > 5", "no figure here has the label 'enviroment'"),
    ],
)
def test_what_cannot_be_meant_is_told(text: str, message: str) -> None:
    assert [problem.message for problem in check_condition(parse_condition(text)).problems] == [message]


@pytest.mark.parametrize(
    "text",
    [
        "pool.usage > 80% and pool.usage < 90%",
        "pool.usage > 90% or pool.usage < 10%",
        "pool.usage >= 90% and pool.usage <= 90%",
        "pool.usage * 2 > 1",
        "pool.usage * 2 >= 2",
        "1 - cache.hit_ratio > 5%",
        "connections.used - connections.max > -5",
        "replication.lag * -1 > 1s",
        "pool.usage / cache.hit_ratio > 5",
        "1 / (pool.usage - 1) > 5",
        "pool.usage > 90% and max(pool.usage, 5m) < 80%",
        'host.disk.usage{mount="/"} > 90% and host.disk.usage{mount="/srv"} < 80%',
        "pool.usage > 90% and (pool.usage < 80% or uptime > 1m)",
        "pool.usage > pool.usage offset 1d",
        'pool.usage{role="primary"} > 5%',
    ],
)
def test_what_can_be_meant_is_taken(text: str) -> None:
    assert not check_condition(parse_condition(text)).problems


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("up == 0", "never holds"),
        ("up < 1", "never holds"),
        ("min(up, 5m) < 1", "never holds"),
        ("up > 0", "always holds"),
        ("down > 0", "no metric 'down'"),
        ("alive == 1", "no metric 'alive'"),
    ],
)
def test_asking_whether_a_target_is_up_is_answered(text: str, message: str) -> None:
    (problem,) = check_condition(parse_condition(text)).problems
    assert message in problem.message
    assert problem.hint == "absent(up, 1m) says that a target does not answer"


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ('condition: pool.usage, warn: "> 90%", crit: "> 80%"', "there would never be a warning"),
        ('condition: pool.usage, warn: "> 80%", crit: "> 80%"', "there would never be a warning"),
        ('condition: cache.hit_ratio, warn: "< 80%", crit: "< 90%"', "there would never be a warning"),
        ('condition: pool.usage > 90%, clear: "> 95%"', "this holds while the rule fires"),
        ('condition: pool.usage > 90%, clear: "< 95%"', "this holds while the rule fires"),
    ],
)
def test_levels_and_ends_in_the_wrong_order_are_told(keys: str, message: str) -> None:
    found = book(f"rules:\n  - {{name: a, {keys}}}\n")
    assert message in told(found.broken[0])


@pytest.mark.parametrize(
    "keys",
    [
        'condition: pool.usage, warn: "> 80%", crit: "> 90%", clear: "< 75%"',
        'condition: cache.hit_ratio, warn: "< 90%", crit: "< 80%", clear: "> 95%"',
        'condition: pool.usage > 90%, clear: "<= 90%"',
        'condition: "max(pool.usage, 2m) > 90%", clear: "max(pool.usage, 5m) < 95%"',
        "condition: pool.usage > 90%, clear: uptime > 5m",
    ],
)
def test_levels_and_ends_in_their_order_are_taken(keys: str) -> None:
    assert not book(f"rules:\n  - {{name: a, {keys}}}\n").broken
