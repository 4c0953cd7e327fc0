"""Everything that is wrong with a condition is known before it is ever evaluated."""

from __future__ import annotations

import pytest

from aishell_core.catalogue import CATALOGUE
from aishell_core.values import Kind, Unit
from alerts.language.checker import Kept, check_condition, plan_of
from alerts.language.functions import FUNCTIONS
from alerts.language.names import SHORT_NAMES, find_figure, labels_of, raw_name
from alerts.language.parser import parse_condition
from alerts.language.patterns import PatternError, compile_pattern, matches_whole
from alerts.language.quantities import quantity_of
from alerts.language.resolver import Shape

GOOD = {
    # The examples that people are shown have to work as they stand.
    "query.duration > 5000": "ms",
    "pool.usage > 0.9": "ratio",
    "avg(pool.usage, 5m) > 90%": "ratio",
    "avg(pool.usage, 2m) > 90%": "ratio",
    "predict_linear(disk.free, 3h, 24h) < 0": "bytes",
    "rate(deadlocks, 1m) > 0.1": "1/s",
    "query.latency > 2 * avg(query.latency, 1h offset 7d)": "ms",
    "query.latency > 2 * avg(query.latency, 1h) offset 1d": "ms",
    'repl.lag{role="replica"} > 10s': "s",
    "pool.usage > if($status >= $WARNING, 75%, 85%)": "ratio",
    "query.duration > 5s": "ms",
    "5s < query.duration": "s",
    "connections.used / connections.max > 90%": "ratio",
    "redis.memory.usage > 100%": "ratio",
    "pool.usage > 110%": "ratio",
    "increase(deadlocks, 5m) > 3": "count",
    "increase(wal.bytes, 1h) > 10GiB": "bytes",
    "wal.bytes.rate > 10MiB/s": "bytes/s",
    "wal.bytes.rate > 10MiB / 1s": "bytes/s",
    "deriv(disk.used, 10m) > 1MiB/s": "bytes/s",
    "disk.free / deriv(host.memory.used, 1h) < 1d": "s",
    "process.cpu.rate > 90%": "ms/s",
    "query.duration / transaction.duration > 0.5": "ratio",
    "sum(connections.used) by (environment) > 100": "count",
    "count(pool.usage > 90%) by (role) >= 2": "count",
    "absent(uptime, 1m)": "",
    "sqrt(connections.used) > 5": "",
    "pool.usage > 90% unless absent(replication.lag)": "ratio",
}


@pytest.mark.parametrize(("text", "unit"), GOOD.items())
def test_good_conditions_have_a_unit_and_no_problem(text: str, unit: str) -> None:
    checked = check_condition(parse_condition(text))
    assert not checked.problems
    assert checked.shape is Shape.CONDITION
    assert checked.unit == unit
    assert checked.metrics


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("pool.usag > 90%", "no metric 'pool.usag'", "pool.usage"),
        ("xyzzy > 1", "no metric 'xyzzy'", "aishell metrics --catalogue"),
        ("avge(pool.usage, 5m) > 90%", "no function 'avge'", "avg"),
        ("pool.usage > $warnin", "no $warnin", "$warning"),
        ("disk.used > 5s", "bytes", "a plain number takes"),
        ("connections.used > 90%", "a count", "connections.used / connections.max"),
        ("wal.bytes.rate > 10MiB", "bytes per second", "10MiB/s"),
        ("avg(pool.usage, 60d) > 90%", "longer than figures are kept", "30d"),
        ("avg(pool.usage, 5d offset 28d) > 90%", "with its offset", "30d"),
        ("pool.usage offset 40d > 90%", "more than is kept", "30d"),
        ("changes(uptime, 1h) > 1", "longer than", "needs each reading"),
        ("absent(uptime, 1h)", "longer than", "needs each reading"),
        ("pool.usage > 90", "never holds", "90%"),
        ("redis.memory.usage > 90", "never holds", "90%"),
        ("cache.hit_ratio > 100%", "never holds", ""),
        ("pool.usage >= 0", "always holds", ""),
        ("rate(deadlocks, 5m) < 0", "never holds", ""),
        ("avg(connections.used, 5m) < 0", "never holds", ""),
        ("5 > 3", "always holds", ""),
        ("2 * 3 == 5", "never holds", ""),
        ("pool.usage", "a value, not a condition", "compare it"),
        ("$status > 1", "no figure", "name a metric"),
        ("deadlocks > 5", "only ever rises", "deadlocks.rate"),
        ("avg(deadlocks, 5m) > 5", "only ever rises", "avg(deadlocks.rate"),
        ("rate(deadlocks.rate, 5m) > 1", "a rate already", "rate(deadlocks"),
        ("rate(disk.used, 5m) > 1", "no counter", "delta(disk.used"),
        ("changes(deadlocks.rate, 5m) > 1", "says little", "changes(deadlocks"),
        ("avg(pool.usage + 1, 5m) > 1", "not over a computed value", "avg(figure, window)"),
        ("avg(pool.usage, 5) > 1", "a time as in 5m", "avg(figure, window)"),
        ("avg(pool.usage, 0s) > 1", "a time as in 5m", ""),
        ("quantile(95, pool.usage, 5m) > 1%", "a share from 0 to 1", ""),
        ("rate(deadlocks) > 1", "takes 2 arguments", "rate(counter, window)"),
        ("abs(pool.usage, 1) > 1%", "takes 1 argument", "abs(value)"),
        ("rate(deadlocks, 5m) by (role) > 1", "makes no groups", "rate(counter, window)"),
        ("sum(pool.usage, 1) by (role) > 1", "takes one value", ""),
        ("sum(pool.usage > 1%) by (role) > 1", "needs values", "count(condition)"),
        ("(pool.usage > 50%) > 1", "a condition, where a value", "if(condition, 1, 0)"),
        ("pool.usage and disk.used > 5", "a value, where a condition", "compare it"),
        ("not pool.usage", "a value, where a condition", "compare it"),
        ("host.cpu.usage > pool.usage", "no target has both", "across targets"),
        ("replication.lag.bytes{per='x'} > 1GiB", "no label 'per'", "peer"),
        ("sum(replication.lag.bytes) by (per) > 1GiB", "no figure here has the label 'per'", "peer"),
        ("replication.lag.bytes{peer=~'(a+)+'} > 1GiB", "may not be repeated", ""),
        ("replication.lag.bytes{peer=~'('} > 1GiB", "cannot be read", ""),
        ("pool.usage / 0 > 1", "no value", ""),
        ("absent(pool.usage offset 5m)", "the present alone", ""),
        ("clamp(pool.usage, 5s, 1) > 1%", "a ratio", ""),
        ("if(pool.usage > 50%, 5s, 1GiB) > 1", "a time", ""),
    ],
)
def test_a_fault_is_named_with_what_to_write_instead(text: str, message: str, hint: str) -> None:
    problems = check_condition(parse_condition(text)).problems
    assert any(message in problem.message and hint in problem.hint for problem in problems), problems


def test_all_faults_are_told_at_once_in_the_order_of_the_text() -> None:
    text = "pool.usag > 90% and avge(pool.usage, 5m) > 1% and disk.used > 5s"
    problems = check_condition(parse_condition(text)).problems
    assert [text[problem.span.start : problem.span.end] for problem in problems] == ["pool.usag", "avge", "disk.used > 5s"]


def test_a_figure_that_the_rules_targets_cannot_have_is_a_fault() -> None:
    condition = parse_condition("pool.usage > 90%")
    assert not check_condition(condition, ["postgres", "redis"]).problems
    (problem,) = check_condition(condition, ["sqlite", "host"]).problems
    assert problem.message == "pool.usage is no figure of host, sqlite"


def test_without_history_a_window_may_only_be_as_long_as_readings_are_kept() -> None:
    condition = parse_condition("avg(pool.usage, 1h) > 90%")
    assert not check_condition(condition).problems
    assert check_condition(condition, kept=Kept(stored_seconds=900.0)).problems


def test_how_far_back_a_condition_looks_is_the_longest_of_its_windows() -> None:
    text = "avg(pool.usage, 5m) > 90% and max(pool.usage, 1h) offset 1d > 1% and absent(uptime, 2m)"
    assert check_condition(parse_condition(text)).longest_seconds == 86_400 + 3_600


def test_conditions_that_mean_the_same_have_the_same_plan() -> None:
    same = ["query.duration > 5s", "query.duration > 5000", "query.duration > 5000ms", "(query.duration)  >  (5s)"]
    assert len({plan_of(parse_condition(text)) for text in same}) == 1
    assert plan_of(parse_condition("pool.usage > 90%")) == plan_of(parse_condition("pool.usage > 0.9"))


def test_every_metric_has_one_name_in_a_condition() -> None:
    for metric in CATALOGUE.values():
        assert find_figure(metric.name) == (metric, False)
        if metric.kind is Kind.COUNTER:
            assert metric.name.endswith(".rate")
            assert find_figure(raw_name(metric)) == (metric, True), "the counter's name is another metric's"
    for short, full in SHORT_NAMES.items():
        assert short not in CATALOGUE
        assert find_figure(short) == (CATALOGUE[full], False)


def test_labels_are_known_where_the_catalogue_names_them() -> None:
    assert labels_of("host.disk.free") == {"mount"}
    assert labels_of("postgres.io.read.rate") == {"backend", "object", "context"}
    assert labels_of("pool.usage") == frozenset()
    for metric in CATALOGUE.values():
        if "by the label" in metric.help:
            assert labels_of(metric.name), metric.help


def test_every_unit_is_a_quantity_of_its_own() -> None:
    assert len({quantity_of(unit) for unit in Unit}) == len(Unit)
    assert [str(quantity_of(unit)) for unit in Unit] == [unit.value for unit in Unit]


def test_every_function_is_explained() -> None:
    for name, function in FUNCTIONS.items():
        assert function.usage.startswith(f"{name}(")
        assert function.help.endswith(".")


@pytest.mark.parametrize(
    "pattern",
    ["a.*", "a|b", "(?:db|cache)-[0-9]+", "a{1,3}", "x?", r"\d+\.\d+", "(ab)?", "[^]*+]*", "eu-[0-9]+-[a-z]+-db.*", "|".join("abcdefgh")],
)
def test_simple_patterns_are_taken(pattern: str) -> None:
    assert compile_pattern(pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+",
        "(a|aa)*",
        "(a*){5}",
        r"(a)\1",
        "(?=a)",
        "(?P<x>a)",
        "a*a*a*a*",
        "a?" * 30 + "a" * 30,
        ".*.*.*x?y?z?",
        "(",
        "[",
        "a" * 201,
        "(?:(?:a+)b)+",
    ],
)
def test_patterns_that_could_be_slow_are_refused(pattern: str) -> None:
    with pytest.raises(PatternError):
        compile_pattern(pattern)


def test_the_slowest_pattern_that_is_taken_ends() -> None:
    assert not matches_whole(".*.*.*x", "a" * 5000)


def test_a_pattern_matches_the_whole_value() -> None:
    assert matches_whole("db-.*", "db-1")
    assert not matches_whole("db", "db-1")
