"""Rules are read from YAML with all that they leave out filled in."""

from __future__ import annotations

import pytest

from alerts.language.parser import parse_condition
from alerts.models import Absence, Level, Matcher, MatchOperator, Step
from alerts.rule import Damping, Escalation, Hours, Inhibition, Missing, Reach, Rule, Selector
from alerts.rules.fields import ROLES
from alerts.rules.matchers import format_matcher, parse_matcher
from tests.unit.alerts.rule_documents import book, told

EVERYTHING = """
rules:
  - name: "Pool is nearly full"
    condition: avg(pool.usage, 5m) > 95%
    severity: critical
    warn: "> 80%"
    clear: "< 75%"
    for: 2m
    keep_firing_for: 5m
    min_samples: 3
    targets: {name: [orders-*, shop], engine: postgres, role: primary, environment: production, tags: [eu]}
    labels: {team: shop, tier: 1}
    annotations:
      summary: "{{ target }} has {{ value }} in use, team {{ labels.team }}"
    channels: [slack, email]
    group_by: [alertname, team]
    repeat: 4h
    escalate: {after: 15m, channels: [slack]}
    no_data: {policy: alert, after: 3m}
    on_error: ok
    inhibits:
      - {match: ['severity="warning"', "team=~shop|cart"], equal: [team]}
      - {match: alertname="lag", of: replicas}
    damping: {first: 30s, factor: 3, most: 10m, window: 20m, free_flips: 1}
    active_hours: {days: mon-fri, times: "08:00-18:00", timezone: Europe/Berlin}
    runbook: https://wiki.example/pool
    reason: New connections are refused soon.
    steps:
      - Look at the screen.
      - {text: "Who holds them?", command: "aishell sessions -d {{ target }}"}
"""


def _rule(text: str) -> Rule:
    found = book("rules:\n" + text)
    assert not found.broken, told(found.broken[0])
    (rule,) = found.rules
    return rule


def test_every_key_comes_into_the_rule() -> None:
    (rule,) = book(EVERYTHING).rules
    assert [(trigger.level, trigger.condition) for trigger in rule.triggers] == [
        (Level.CRITICAL, parse_condition("avg(pool.usage, 5m) > 95%")),
        (Level.WARNING, parse_condition("avg(pool.usage, 5m) > 80%")),
    ]
    assert rule.clear == parse_condition("avg(pool.usage, 5m) < 75%")
    assert (rule.for_seconds, rule.keep_firing_seconds, rule.repeat_seconds, rule.min_samples) == (120.0, 300.0, 14_400.0, 3)
    assert rule.targets == Selector(("orders-*", "shop"), ("postgres",), ("primary",), ("production",), ("eu",))
    assert rule.labels == (("team", "shop"), ("tier", "1"))
    assert rule.annotations == (("summary", "{{ target }} has {{ value }} in use, team {{ labels.team }}"),)
    assert (rule.channels, rule.group_by) == (("slack", "email"), ("alertname", "team"))
    assert rule.escalations == (Escalation(900.0, ("slack",)),)
    assert (rule.no_data, rule.on_error) == (Missing(Absence.ALERT, 180.0), Missing(Absence.OK))
    warning = Matcher("severity", MatchOperator.EQUAL, "warning")
    team = Matcher("team", MatchOperator.MATCHES, "shop|cart")
    lag = Matcher("alertname", MatchOperator.EQUAL, "lag")
    assert rule.inhibits == (Inhibition((warning, team), ("team",)), Inhibition((lag,), of=Reach.REPLICAS))
    assert rule.damping == Damping(30.0, 3.0, 600.0, 1200.0, 1)
    assert rule.active_hours == (Hours(((480, 1080),), (0, 1, 2, 3, 4), timezone="Europe/Berlin"),)
    assert (rule.runbook, rule.reason) == ("https://wiki.example/pool", "New connections are refused soon.")
    assert rule.steps == (Step("Look at the screen."), Step("Who holds them?", "aishell sessions -d {{ target }}"))
    assert (rule.builtin, rule.origin) == ("", "FILE:3")


def test_a_rule_needs_a_name_and_a_condition_only() -> None:
    rule = _rule("  - {name: a, condition: pool.usage > 0.9}")
    condition = parse_condition("pool.usage > 0.9")
    assert (rule.triggers[0].level, rule.triggers[0].condition) == (Level.WARNING, condition)
    assert rule == Rule("a", rule.triggers)


@pytest.mark.parametrize(
    ("keys", "triggers"),
    [
        ("condition: pool.usage > 90%, severity: info", {Level.INFO: "pool.usage > 90%"}),
        ("condition: pool.usage, warn: '> 80%', crit: '> 90%'", {Level.CRITICAL: "pool.usage > 90%", Level.WARNING: "pool.usage > 80%"}),
        ("condition: pool.usage, crit: '> 90%'", {Level.CRITICAL: "pool.usage > 90%"}),
        ("condition: pool.usage > 90%, warn: '> 80%'", {Level.CRITICAL: "pool.usage > 90%", Level.WARNING: "pool.usage > 80%"}),
        ("condition: pool.usage > 80%, crit: '> 90%'", {Level.CRITICAL: "pool.usage > 90%", Level.WARNING: "pool.usage > 80%"}),
        ("crit: locks.waiting > 9, warn: pool.usage > 80%", {Level.CRITICAL: "locks.waiting > 9", Level.WARNING: "pool.usage > 80%"}),
        (
            "condition: pool.usage > 70%, severity: info, warn: '> 80%', crit: '> 90%'",
            {},
        ),
    ],
)
def test_levels_come_from_severity_warn_and_crit(keys: str, triggers: dict[Level, str]) -> None:
    """The worst one first. Where a condition has a level of its own beside both others, it says too much."""
    found = book(f"rules:\n  - {{name: a, {keys}}}")
    assert [{trigger.level: trigger.condition.text for trigger in rule.triggers} for rule in found.rules] == (
        [triggers] if triggers else []
    )


def test_short_forms_mean_the_same_as_long_ones() -> None:
    short = _rule("  - {name: a, condition: pool.usage > 0.9, targets: shop, no_data: alert, channels: slack, steps: [x]}")
    long = _rule(
        "  - {name: a, condition: pool.usage > 0.9, targets: {name: [shop]}, no_data: {policy: alert},\n"
        "     channels: [slack], steps: [{text: x}]}"
    )
    assert short == long


def test_nobody_and_the_default_are_told_apart() -> None:
    assert _rule("  - {name: a, condition: pool.usage > 0.9, channels: []}").channels == ()
    assert _rule("  - {name: a, condition: pool.usage > 0.9}").channels is None


def test_a_night_goes_on_into_the_next_day() -> None:
    rule = _rule("  - {name: a, condition: pool.usage > 0.9, active_hours: {days: 'fri, sun', times: ['22:00-06:00', '12:00-13:00']}}")
    assert rule.active_hours == (Hours(((720, 780), (1320, 1440)), (4, 6)), Hours(((0, 360),), (0, 5)))


@pytest.mark.parametrize(
    ("entry", "hours"),
    [
        ("{days: sat-mon}", Hours(weekdays=(0, 5, 6))),
        ("{days: [Monday, wed]}", Hours(weekdays=(0, 2))),
        ("{months: 'nov-feb, 7'}", Hours(months=(1, 2, 7, 11, 12))),
        ("{days_of_month: [1-3, -1]}", Hours(days=(-1, 1, 2, 3))),
        ("{days_of_month: -3--1}", Hours(days=(-3, -2, -1))),
        ("{times: 20:00-24:00}", Hours(((1200, 1440),))),
        ("{times: 20:00-00:00}", Hours(((1200, 1440),))),
    ],
)
def test_times_of_the_week_read_as_people_write_them(entry: str, hours: Hours) -> None:
    rule = _rule(f"  - {{name: a, condition: pool.usage > 0.9, active_hours: {entry}}}")
    assert rule.active_hours == (hours,)


@pytest.mark.parametrize(
    "entry",
    [
        *("{times: 8-18}", "{times: 08:00}", "{times: 25:00-26:00}", "{times: 08:00-08:00}", "{times: 24:00-08:00}", "{days: mun}"),
        *("{days_of_month: 32}", "{days_of_month: 7-1}", "{days_of_month: 0}", "{days_of_month: x}", "{months: 13}", "{months: foo}"),
        *("{timezone: ../../etc/passwd}", "{timezone: /etc/localtime}", "{times: 22:00-06:00, days_of_month: 1}", "{day: mon}", "[]x"),
    ],
)
def test_times_that_are_none_are_refused(entry: str) -> None:
    found = book(f"rules:\n  - name: a\n    condition: pool.usage > 0.9\n    active_hours: {entry!s}\n" if entry != "[]x" else "rules: 5")
    assert (found.rules, len(found.broken)) == ((), 1)


@pytest.mark.parametrize(
    ("text", "matcher"),
    [
        ('severity="warning"', Matcher("severity", MatchOperator.EQUAL, "warning")),
        ("severity = warning", Matcher("severity", MatchOperator.EQUAL, "warning")),
        ("target=~'orders-.*'", Matcher("target", MatchOperator.MATCHES, "orders-.*")),
        ('a!="x \\"y\\""', Matcher("a", MatchOperator.NOT_EQUAL, 'x "y"')),
        ("a!~x|y", Matcher("a", MatchOperator.NOT_MATCHES, "x|y")),
        ("a=", Matcher("a", MatchOperator.EQUAL, "")),
    ],
)
def test_matchers_are_read_and_written(text: str, matcher: Matcher) -> None:
    assert parse_matcher(text) == matcher
    assert parse_matcher(format_matcher(matcher)) == matcher


def test_a_channel_that_is_not_configured_keeps_no_rule_from_running() -> None:
    found = book("rules:\n  - {name: a, condition: pool.usage > 0.9, channels: [slack, pagerduty]}")
    assert [rule.channels for rule in found.rules] == [("slack", "pagerduty")]
    (warning,) = found.warnings
    assert (warning.line, warning.column, warning.what) == (2, 62, "the channel 'pagerduty' is not configured")


def test_a_label_that_no_alert_is_known_to_have_is_a_warning() -> None:
    """A server may know labels of which no help text speaks."""
    found = book("rules:\n  - {name: a, condition: host.disk.usage > 0.9, annotations: {summary: '{{ labels.mont }}'}, group_by: [moun]}")
    assert len(found.rules) == 1
    assert [warning.what for warning in found.warnings] == [
        "no alert of this rule is known to have the label 'mont'",
        "no alert of this rule is known to have the label 'moun'",
    ]
    assert all("did you mean mount?" in warning.hint for warning in found.warnings)


def test_a_window_that_nobody_keeps_is_refused() -> None:
    found = book("rules:\n  - {name: a, condition: 'avg(pool.usage, 600d) > 90%'}")
    assert found.rules == ()
    assert "600d" in told(found.broken[0])


def test_all_that_is_wrong_within_one_key_is_told_each_at_its_place() -> None:
    text = (
        "rules:\n  - name: r\n    condition: pool.usage > 90%\n"
        "    labels: {alertname: x, target: y, 'a b': 5, good: [1]}\n"
        "    annotations: {'c d': [1]}\n"
        "    targets: {engine: [postgress, redis, mysq], environment: [produktion, stagin]}\n"
        "    group_by: ['a b', ok, 'c d']\n"
    )
    (broken,) = book(text).broken
    assert [problem.place for problem in broken.problems] == [
        f"FILE:{place}" for place in ("4:14", "4:28", "4:39", "4:55", "5:19", "5:26", "6:24", "6:42", "6:63", "6:75", "7:16", "7:27")
    ]


@pytest.mark.parametrize(
    "runbook",
    [
        "https://wiki.example/pool",
        "http://wiki/pool",
        "mailto:dba@example.org",
        "wiki: the page of the pool",
        "/srv/runbooks/pool.md",
        "DBA-17",
    ],
)
def test_a_runbook_is_a_page_or_words(runbook: str) -> None:
    found = book(f"rules:\n  - {{name: a, condition: pool.usage > 90%, runbook: '{runbook}', annotations: {{runbook: '{runbook}'}}}}\n")
    assert found.errors == ()
    assert found.rules[0].runbook == runbook


@pytest.mark.parametrize(
    "runbook", ["JavaScript:alert(1)", " javascript:x", "java\\tscript:x", "vbscript:x", "file:///etc/passwd", "ssh://db1"]
)
def test_no_other_address_is_a_runbook(runbook: str) -> None:
    for key in ("runbook", "annotations: {runbook"):
        end = "}" if "{" in key else ""
        found = book(f'rules:\n  - name: a\n    condition: pool.usage > 90%\n    {key}: "{runbook}"{end}\n')
        assert len(found.errors) == 1, key
        assert found.rules == ()


def test_each_role_that_a_target_can_have_may_be_named() -> None:
    for role in ROLES:
        assert book(f"rules:\n  - {{name: a, condition: pool.usage > 90%, targets: {{role: {role}}}}}\n").errors == ()
