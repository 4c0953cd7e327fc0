"""What a target that answers does not report any more is over; what cannot be seen is not."""

from __future__ import annotations

from typing import Any

import pytest

from aishell_core.values import Failure, FailureCode, Reading, Sample, Tier
from alerts.lifecycle import step
from alerts.models import Absence, Alert, ChangeKind, Health, Phase
from alerts.rule import Missing, Rule
from tests.board_values import BEGIN, Bench, key_of, rule_of, sample, traits_of

MOUNT = (("mount", "/srv"),)
OTHER = (("mount", "/"),)
FULL = sample("host.disk.usage", 0.99, MOUNT)
FINE = sample("host.disk.usage", 0.10, OTHER)
HOST = traits_of("db1", "host")
SRV = key_of("db1", MOUNT)
DOWN = Failure("target", FailureCode.REFUSED, "no answer")
TIMEOUT = Failure("disks", FailureCode.TIMEOUT, "no answer")


def _rule(**fields: Any) -> Rule:
    return rule_of("host.disk.usage > 90%", **fields)


def _read(bench: Bench, at: float, *samples: Sample, failures: tuple[Failure, ...] = (), tier: Tier = Tier.HOT, every: float = 1.0) -> None:
    bench.board.add(Reading(HOST.target, tier, BEGIN + at, samples, failures=failures), every, HOST)


def _bench(rule: Rule | None = None, seconds: int = 5) -> Bench:
    bench = Bench(rule or _rule())
    for at in range(seconds):
        _read(bench, at, FULL, FINE)
    return bench


def test_an_instance_that_is_gone_while_its_target_answers_is_over_after_a_minute() -> None:
    bench = _bench()
    for at in range(5, 120):
        _read(bench, at, FINE)
        found = bench.one(at, SRV)
        assert found.is_over == (at >= 64), at
    assert found.reason == "it is no longer reported"


def test_a_figure_that_comes_back_in_between_is_not_over() -> None:
    bench = _bench()
    for at in range(5, 120):
        _read(bench, at, FINE, *([FULL] if at % 50 == 0 else []))
        assert not bench.one(at, SRV).is_over


@pytest.mark.parametrize("failure", [DOWN, TIMEOUT])
def test_what_cannot_be_read_is_not_over_however_long_that_takes(failure: Failure) -> None:
    bench = _bench()
    for at in range(5, 1000):
        _read(bench, at, *([] if failure is DOWN else [FINE]), failures=(failure,))
        assert not bench.one(at, SRV).is_over, at


def test_a_target_that_is_not_read_any_more_keeps_it() -> None:
    bench = _bench()
    assert not any(bench.one(at, SRV).is_over for at in range(5, 1000, 5))


def test_one_that_comes_back_without_the_figure_has_its_minute_from_then_on() -> None:
    bench = _bench()
    for at in range(5, 700):
        _read(bench, at, *([] if at < 600 else [FINE]), failures=(DOWN,) if at < 600 else ())
        assert bench.one(at, SRV).is_over == (at >= 660), at


def test_what_failed_already_while_the_figure_was_there_hides_nothing() -> None:
    bench = Bench(_rule())
    for at in range(200):
        _read(bench, at, FINE, *([FULL] if at < 5 else []), failures=(TIMEOUT,))
    assert bench.one(199, SRV).is_over


def test_a_slow_tier_has_three_readings() -> None:
    bench = Bench(_rule())
    for at in range(0, 3000, 10):
        _read(bench, at, sample("host.load.1m", 1.0), every=10.0)
        if at % 300 == 0:
            _read(bench, at + 1, FINE, *([FULL] if at < 600 else []), tier=Tier.COLD, every=300.0)
        assert bench.one(at + 2, SRV).is_over == (at >= 1200), at


def test_an_alert_of_before_the_start_is_over_when_every_tier_goes_on_without_its_figure() -> None:
    bench = Bench(_rule())
    for at in range(0, 2000, 10):
        _read(bench, at, FINE, every=10.0)
        if at % 300 == 0:
            _read(bench, at + 1, tier=Tier.COLD, every=300.0)
        assert bench.one(at + 2, SRV).is_over == (at >= 600), at


def test_a_rule_over_all_instances_is_judged_by_those_that_are_left() -> None:
    bench = _bench(rule_of("max(host.disk.usage) by (target) > 90%"))
    for at in range(5, 120):
        _read(bench, at, FINE)
    found = bench.one(119, key_of("db1"))
    assert found.health is Health.OK
    assert found.is_clear


def _fired(rule: Rule) -> Alert:
    bench = _bench(rule)
    (breach,) = [found for found in bench.judge(4) if found.key == SRV]
    alert, _ = step(rule, None, breach, BEGIN + 4, HOST)
    assert alert is not None
    assert alert.phase is Phase.FIRING
    return alert


def _after_it_left(rule: Rule) -> tuple[Alert | None, list[tuple[ChangeKind, str]]]:
    bench, alert, told = _bench(rule), _fired(rule), list[tuple[ChangeKind, str]]()
    for at in range(5, 120):
        _read(bench, at, FINE)
        if alert is not None and alert.phase.is_active:
            alert, changes = step(rule, alert, bench.one(at, SRV), BEGIN + at, HOST)  # type: ignore[assignment]
            told += [(change.kind, change.reason) for change in changes]
    return alert, told


def test_its_alert_is_resolved_with_the_reason() -> None:
    alert, told = _after_it_left(_rule())
    assert alert is not None
    assert alert.phase is Phase.RESOLVED
    assert alert.health is Health.OK
    assert told[-1] == (ChangeKind.RESOLVED, "it is no longer reported")


def test_a_rule_that_alerts_on_missing_figures_goes_on() -> None:
    alert, _ = _after_it_left(_rule(no_data=Missing(Absence.ALERT, 0.0)))
    assert alert is not None
    assert alert.phase is Phase.FIRING


@pytest.mark.parametrize("function", ["avg", "max", "increase"])
def test_a_window_of_a_target_that_does_not_answer_has_no_data(function: str) -> None:
    """What it was counts for nothing while nobody knows what it is; when it answers again, the window is there again."""
    metric = "deadlocks" if function == "increase" else "pool.usage"
    name = "deadlocks.rate" if function == "increase" else metric
    bench, key = Bench(rule_of(f"{function}({metric}, 10s) > 0")), key_of("orders")
    for at in range(12):
        bench.read(at, sample(name, float(at)))
    assert bench.one(11, key).level is not None
    for at in range(12, 17):
        bench.board.add(Reading(key.target, Tier.HOT, BEGIN + at, failures=(DOWN,)), 1.0, traits_of())
    assert bench.one(16, key).level is not None
    assert bench.one(16.5, key).health is Health.NO_DATA
    bench.read(17, sample(name, 30.0))
    assert bench.one(17, key).level is not None
