"""A primary that dies is told of, and not the lag of its replica, whichever is seen first."""

from __future__ import annotations

from aishell_core.values import Failure, FailureCode, Reading, TargetId, Tier
from alerts.evaluation import Alerts, Surroundings, evaluated
from alerts.judging import Judging
from alerts.models import ChangeKind, Traits
from alerts.rules.load import load_book
from tests.board_values import BEGIN, sample

PRIMARY = Traits(TargetId("primary"), "redis", role="primary")
REPLICA = Traits(TargetId("replica"), "redis", role="replica", upstream=PRIMARY.target)
TRAITS = {own.target: own for own in (PRIMARY, REPLICA)}
DIES_AT = 120
DOWN = Failure("target", FailureCode.REFUSED, "no answer")


def _readings(at: int) -> list[tuple[Reading, Traits]]:
    """Both once a second; the primary dies, and its replica says so and falls behind."""
    is_dead = at >= DIES_AT
    up = sample("up", 1.0)
    of_primary = Reading(PRIMARY.target, Tier.HOT, BEGIN + at, () if is_dead else (up,), failures=(DOWN,) if is_dead else ())
    behind = float(max(0, at - DIES_AT))
    samples = (up, sample("replication.lag", behind), sample("redis.replication.link.down", behind))
    return [(of_primary, PRIMARY), (Reading(REPLICA.target, Tier.HOT, BEGIN + at, samples), REPLICA)]


def _told() -> list[tuple[str, TargetId]]:
    book = load_book([], builtin=("redis",))
    rules = {rule.name: rule for rule in book.rules}
    judging, told = Judging(), list[tuple[str, TargetId]]()
    known: Alerts = {}
    judging.use(book.rules)
    for at in range(DIES_AT + 180):
        for reading, traits in _readings(at):
            judging.add(reading, 1.0, traits)
        judgements = judging.judge(BEGIN + at, known.values(), TRAITS)
        found = evaluated(known, judgements, Surroundings(rules, TRAITS, silent=judging.silent()), BEGIN + at)
        known = found.alerts
        told += [
            (change.after.rule, change.after.key.target)
            for change in found.changes
            if change.kind in {ChangeKind.FIRED, ChangeKind.UNINHIBITED} and not change.after.is_muted
        ]
    return told


def test_the_cause_is_told_and_its_consequences_are_not() -> None:
    assert _told() == [("redis-down", PRIMARY.target)]
