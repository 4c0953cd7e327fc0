"""Random conditions over random readings: the board and the program say what the slow evaluator says."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from aishell_core.catalogue import CATALOGUE
from aishell_core.values import Reading, Sample, TargetId, Tier
from alerts.board.board import Board
from alerts.board.program import Program
from alerts.language.checker import check_condition
from alerts.language.parser import parse_condition
from alerts.models import Absence, Health, InstanceKey, Level, Traits
from alerts.rule import Missing, Rule, Trigger
from tests.condition_reference import Reference, TooNearError

BEGIN = 1_000_000.0
TRAITS = {
    target: Traits(target, "postgres", role, environment)
    for target, role, environment in (
        (TargetId("a"), "primary", "production"),
        (TargetId("b"), "replica", "production"),
        (TargetId("c"), "replica", ""),
    )
}
CHANGING = (
    ("connections.used", (), 0, 9),
    ("sessions.state", (("state", "active"),), 0, 5),
    ("sessions.state", (("state", "idle"),), 0, 5),
    ("query.duration", (), 0, 9000),
    ("replication.lag.bytes", (("peer", "r1"),), 0, 5),
)

# Conditions

seconds = st.sampled_from(["3s", "5s", "10s", "40s", "2m"])
gauges = st.sampled_from(
    ["connections.used", "connections.max", "sessions.state", 'sessions.state{state="idle"}', 'connections.used{role=~"rep.*"}']
)
windowed = st.builds(
    "{}({}, {})".format,
    st.sampled_from(["avg", "min", "max", "sum", "count", "p50", "p95", "last", "delta", "changes", "resets"]),
    gauges,
    seconds,
)
counts = st.one_of(
    gauges,
    gauges,
    windowed,
    windowed,
    st.builds("quantile(0.3, {}, {})".format, gauges, seconds),
    # Odd factors, so that no rounding decides whether a result equals another.
    st.builds("predict_linear({}, {}, 7s) * 1.0137".format, gauges, seconds),
    st.builds("stddev({}, {}) * 1.0171".format, gauges, seconds),
    st.builds("increase(deadlocks, {})".format, seconds),
    st.builds("{} offset {}".format, st.one_of(gauges, windowed), st.sampled_from(["2s", "10s", "30s"])),
    st.integers(0, 9).map(str),
)


def _combined(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.builds("({} {} {})".format, inner, st.sampled_from(["+", "-"]), inner),
        st.builds("({} * {})".format, inner, st.integers(1, 3)),
        st.builds("({} / {})".format, inner, st.integers(1, 3)),
        st.builds("abs({})".format, inner),
        st.builds("clamp({}, 1, {})".format, inner, inner),
        st.builds("-({})".format, inner),
        st.builds("if({} {} {}, {}, {})".format, inner, st.sampled_from([">", "<="]), inner, inner, inner),
        st.builds("if($status >= $warning, {}, {})".format, inner, inner),
        st.builds(
            "{}({}) by ({})".format,
            st.sampled_from(["sum", "avg", "min", "max", "count"]),
            inner,
            st.sampled_from(["", "target", "role", "environment", "role, environment", "state", "target, state"]),
        ),
        st.builds("sum({})".format, inner),
    )


values = st.recursive(counts, _combined, max_leaves=4)
operators = st.sampled_from(["<", "<=", ">", ">=", "==", "!="])
comparisons = st.one_of(
    st.builds("{} {} {}".format, values, operators, values),
    st.builds("{} {} {}s".format, st.just("query.duration"), operators, st.integers(1, 8)),
    st.builds("rate(deadlocks, {}) {} 0.3/s".format, seconds, operators),
    st.builds("deadlocks.rate {} 0.3".format, operators),
    st.builds("max(replication.lag.bytes, {}) {} 3B".format, seconds, operators),
    st.builds("deriv(connections.used, {}) > 0.1".format, seconds),
    st.builds("absent({}, {})".format, gauges, seconds),
    st.builds("connections.used / connections.max {} {}%".format, operators, st.integers(1, 99)),
)


def _logic(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.builds("({}) {} ({})".format, inner, st.sampled_from(["and", "or", "unless"]), inner),
        st.builds("not ({})".format, inner),
    )


conditions = st.recursive(comparisons, _logic, max_leaves=3)


# Readings


def readings(seed: int, count: int, span: float) -> list[Reading]:
    """Readings of three targets at uneven moments: figures come and go, counters fall, and now and then nobody looks."""
    chance, found = random.Random(seed), list[Reading]()
    for target in TRAITS:
        at, deadlocks = BEGIN + chance.random(), 0
        for _ in range(count):
            at += chance.choice((1.0, 1.0, 1.0, 1.5, 3.0, 4.0, 9.0)) * span
            deadlocks = 0 if chance.random() < 0.08 else deadlocks + chance.choice((0, 0, 1, 3))
            samples = [Sample(CATALOGUE["connections.max"], 8.0), Sample(CATALOGUE["deadlocks.rate"], float(deadlocks))]
            samples += [
                Sample(CATALOGUE[name], float(chance.randint(low, high)), labels)
                for name, labels, low, high in CHANGING
                if chance.random() < 0.8
            ]
            found.append(Reading(target, Tier.HOT, at, tuple(samples)))
    return sorted(found, key=lambda reading: reading.at)


def program_of(text: str, board: Board) -> Program:
    """A rule that is watched, and one that tells what has no data by itself."""
    triggers = (Trigger(Level.WARNING, parse_condition(text)),)
    return Program((Rule("rule", triggers), Rule("telling", triggers, no_data=Missing(Absence.ALERT))), board)


def agree(text: str, taken: list[Reading], interval: float, moments: list[float], *, tells: bool) -> None:
    """Evaluate at each moment what was read until then, both ways, and compare every instance; with `tells` also what lacks data."""
    board, tree = Board(), parse_condition(text).tree
    program, reference = program_of(text, board), Reference([], {})
    statuses = {InstanceKey(TargetId("a")): 2, InstanceKey(TargetId("b"), (("state", "idle"),)): 3}
    left = list(taken)
    for now in moments:
        while left and left[0].at <= now:
            reading = left.pop(0)
            board.add(reading, interval, TRAITS[reading.target])
            reference.readings.append((reading, interval))
            reference.traits[reading.target] = TRAITS[reading.target]
        expected: dict[InstanceKey, bool | None] = {}
        for status in (0, 2, 3):
            reference.status = status
            found = reference.truths(tree, now)
            expected.update({key: holds for key, holds in found.items() if statuses.get(key, 0) == status})
        everything = program.judge(now, {"rule": list(expected)}, {"rule": statuses, "telling": statuses})
        judged = [judgement for judgement in everything if judgement.rule == "rule"]
        said = {judgement.key: True if judgement.level else None if judgement.health is Health.NO_DATA else False for judgement in judged}
        assert all(judgement.health is not Health.ERROR for judgement in judged), judged
        assert len(judged) == len(said), "each instance is judged once"
        assert said == expected, f"{text} at {now - BEGIN}"
        if tells and "$status" not in text:
            told = {judgement.key: judgement.health is Health.OK for judgement in everything if judgement.rule == "telling"}
            wanted = {key: holds is True for key, holds in expected.items() if holds is not False}
            assert told == wanted | dict.fromkeys(without_instance(text, expected, reference), False), f"{text} at {now - BEGIN}"


def without_instance(text: str, expected: dict[InstanceKey, bool | None], reference: Reference) -> list[InstanceKey]:
    """The targets that have nothing to judge, where the condition is about single targets."""
    there = {key.target for key in expected}
    if TargetId("") in there or check_condition(parse_condition(text)).engines is None:
        return []
    return [InstanceKey(target) for target in reference.traits if target not in there]


@settings(max_examples=150, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
@given(text=conditions, seed=st.integers(0, 10_000), offset=st.floats(0, 9))
def test_the_program_says_what_the_slow_evaluator_says(text: str, seed: int, offset: float) -> None:
    assume(not check_condition(parse_condition(text)).problems)
    # All before the first instance that its target does not report any more is let go.
    taken = readings(seed, 14, 1.0)
    moments = [BEGIN + offset + step for step in (2.0, 4.0, 5.0, 11.0, 12.0, 30.0, 31.0, 32.0, 33.0, 60.0, 250.0)]
    try:
        agree(text, taken, 1.0, moments, tells=True)
    except TooNearError:
        assume(False)


LONG = (
    "avg(connections.used, 20m) > 4.3",
    "min(connections.used, 30m) < 2",
    "max(sessions.state, 25m) > 4",
    "p95(connections.used, 1h) > 6.5",
    "stddev(connections.used, 16m) > 2.7",
    "count(connections.used, 20m) > 31",
    "sum(connections.used, 20m) > 130",
    "delta(connections.used, 20m) > 1",
    "last(connections.used, 20m) > 4",
    "deriv(connections.used, 40m) > 0.0001",
    "predict_linear(connections.used, 40m, 2h) > 5.3",
    "increase(deadlocks, 20m) > 25",
    "rate(deadlocks, 30m) > 0.025",
    "avg(deadlocks.rate, 30m) > 0.025",
    "avg(connections.used, 5m offset 15m) > 4.4",
    "max(connections.used, 20m) offset 3h > 8",
    "p50(connections.used, 3h) >= 5",
    "avg(query.duration, 20m) > 4500ms",
    "avg(connections.used, 20m) > 1.05 * avg(connections.used, 20m offset 20m)",
)


@pytest.mark.parametrize("text", LONG)
@pytest.mark.parametrize("seed", range(3))
def test_long_windows_are_those_of_whole_steps(text: str, seed: int) -> None:
    taken = readings(seed, 220, 17.0)
    moments = [BEGIN + at for at in (50.0, 700.0, 1500.0, 1513.0, 3600.0, 5000.0, 5010.0, 9000.0, 14_000.0, 30_000.0)]
    try:
        agree(text, taken, 17.0, moments, tells=False)
    except TooNearError:
        pytest.fail("the threshold of this condition has to be an odd one")


def test_an_outlier_leaves_no_trace_in_a_sum_that_it_has_left() -> None:
    board = Board()
    program = program_of("avg(disk.used, 10s) > 5B", board)
    spread = program_of("stddev(disk.used, 10s) > 1B", board)
    program = Program((program.rules[0], Rule("spread", spread.rules[0].triggers)), board)
    target = TargetId("a")
    for second in range(40):
        value = 1e17 if second == 5 else 3.0 + second % 2
        reading = Reading(target, Tier.HOT, BEGIN + second, (Sample(CATALOGUE["disk.used"], value),))
        board.add(reading, 1.0, TRAITS[target])
        judged = program.judge(BEGIN + second, {"rule": [InstanceKey(target)], "spread": [InstanceKey(target)]}, {})
    mean, deviation = judged
    assert mean.value == 3.5
    assert deviation.value is not None
    assert math.isclose(deviation.value, 0.5, rel_tol=1e-9)
