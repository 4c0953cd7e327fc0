"""Unit tests of rules: their notation, what they say of a difference, and that they judge as production does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aishell_core.documents.document import parse_document
from aishell_core.values import Unit
from alerts.trials.models import TrialResult
from alerts.trials.notation import Gap, NotationError, parse_amount, parse_series
from alerts.trials.read import TrialFile, read_trial_file, trial_file
from alerts.trials.run import run_trial

MISSING, STALE = Gap.MISSING, Gap.STALE
POOL = """
rules:
  - name: pool
    condition: pool.usage
    warn: "> 80%"
    crit: "> 95%"
    clear: "< 75%"
    for: 30s
    targets: {engine: postgres}
    annotations: {summary: "{{ target }} at {{ value | raw }}"}
"""


def file_of(text: str, rules: str = POOL) -> TrialFile:
    """The file of these rules and tests."""
    return trial_file(parse_document("rules.yaml", rules + text))


def results(text: str, rules: str = POOL) -> list[TrialResult]:
    """What comes of the tests, none of which is wrong."""
    file = file_of(text, rules)
    assert file.problems == ()
    return [run_trial(trial, file.book.rules, file.book.settings.maintenance) for trial in file.trials]


def differences(text: str, rules: str = POOL) -> list[str]:
    (result,) = results(text, rules)
    return [problem.line_text for problem in result.differences]


def one(checks: str, values: str = "50%x5 90%x9 99%x9 78%x9 70%x9") -> str:
    return f"tests:\n  - series: {{pool.usage: {values}}}\n    checks: [{checks}]\n"


@pytest.mark.parametrize(
    ("text", "unit", "values"),
    [
        ("1 2 3", Unit.COUNT, (1, 2, 3)),
        ("0+10x3", Unit.COUNT, (0, 10, 20, 30)),
        ("10-5x2", Unit.COUNT, (10, 5, 0)),
        ("1x4", Unit.COUNT, (1, 1, 1, 1, 1)),
        ("1 _x3 2 _ stale", Unit.COUNT, (1, MISSING, MISSING, MISSING, 2, MISSING, STALE)),
        ("-2 -1+1x1", Unit.COUNT, (-2, -1, 0)),
        ("50%x1 0.6", Unit.RATIO, (0.5, 0.5, 0.6)),
        ("1s+500msx2", Unit.MILLISECONDS, (1000, 1500, 2000)),
        ("2m", Unit.SECONDS, (120,)),
        ("1KiB-512x1 -1KiB", Unit.BYTES, (1024, 512, -1024)),
        ("1e3 1.5e-1", Unit.COUNT, (1000, 0.15)),
        ("+5x1 +1-2x1", Unit.COUNT, (5, 5, 1, -1)),
    ],
)
def test_series_are_read(text: str, unit: Unit, values: tuple[float | Gap, ...]) -> None:
    assert parse_series(text, unit) == pytest.approx(values) if not set(values) & {MISSING, STALE} else parse_series(text, unit) == values


@pytest.mark.parametrize(
    ("text", "start", "message"),
    [
        ("", 0, "no value"),
        ("1 two 3", 2, "'two' is no value"),
        ("1 0+10", 2, "how often"),
        ("1 5x", 2, "no value and no run"),
        ("1x200000", 0, "more than 100,000 values"),
        ("0 90%", 2, "does not fit a figure in count"),
        ("5parsecs", 0, "parsecs"),
    ],
)
def test_a_fault_in_a_series_is_told_with_its_place(text: str, start: int, message: str) -> None:
    unit = Unit.SECONDS if "parsecs" in text else Unit.COUNT
    with pytest.raises(NotationError) as caught:
        parse_series(text, unit)
    assert caught.value.span.start == start
    assert message in caught.value.message


@given(st.text(max_size=40), st.sampled_from(Unit))
def test_any_text_is_a_series_or_a_notation_error(text: str, unit: Unit) -> None:
    try:
        assert parse_series(text, unit)
    except NotationError as error:
        assert error.message  # noqa: PT017 - either is right


@given(st.floats(-1e9, 1e9), st.integers(0, 50), st.floats(0, 1e6))
def test_a_run_has_its_first_value_and_as_many_more_as_it_says(first: float, count: int, step: float) -> None:
    found = parse_series(f"{first!r}+{step!r}x{count}", Unit.COUNT)
    assert found == pytest.approx(tuple(first + place * step for place in range(count + 1)))


def test_an_amount_takes_the_units_that_fit() -> None:
    assert (parse_amount("95%", Unit.RATIO), parse_amount("20s", Unit.MILLISECONDS), parse_amount("7", Unit.BYTES)) == (0.95, 20_000, 7)


def test_it_judges_as_production_does_from_pending_to_resolved() -> None:
    text = one(
        "{at: 50s, alerts: none}, {at: 1m, alerts: [{phase: pending, level: warning}]}, {at: 80s, alerts: pending},"
        " {at: 90s, alerts: [{level: warning, value: 90%}]}, {at: 180s, alerts: warning},"
        " {at: 190s, alerts: [{level: critical, labels: {severity: critical},"
        ' annotations: {summary: "test at 0.99"}}]}, {at: 270s, alerts: warning}, {at: 390s, alerts: resolved}, {at: 6m, alerts: none}'
    )
    assert differences(text) == []


def test_each_difference_says_what_was_expected_and_what_there_was_at_its_line() -> None:
    found = differences(one("{at: 50s, alerts: critical}, {at: 2m, alerts: none}, {at: 2m, alerts: [{level: critical, value: 1}]}"))
    assert found == [
        "rules.yaml:13:32: at 50s expected firing critical alert of pool, got none",
        "rules.yaml:13:60: at 2m00s nothing more was expected, got pool firing at warning for 30s on test with 0.9 (90%)",
        "rules.yaml:13:85: at 2m00s pool on test: expected level critical, got warning; expected the value 1, got 0.9 (90%)",
    ]


def test_annotations_labels_health_and_state_are_held_against_what_there_is() -> None:
    text = one(
        "{at: 2m, alerts: [{phase: pending, health: no_data, muted: true, labels: {team: shop, engine: mysql},"
        " annotations: {summary: full}}]}"
    )
    (found,) = differences(text)
    assert found.partition("on test: ")[2] == (
        "expected pending, got firing; expected health no_data, got ok; expected it to be muted, it is told; it has no label team;"
        " expected the label engine 'mysql', got 'postgres'; expected the annotation summary 'full', got 'test at 0.9'"
    )


@pytest.mark.parametrize(("values", "expected"), [("95%x3 _x4", "warning"), ("95%x3 stale 95%", "resolved"), ("95%x1 _x9", "resolved")])
def test_a_missing_value_is_bridged_for_a_while_and_a_stale_one_is_not(values: str, expected: str) -> None:
    rules = "rules:\n  - {name: high, condition: pool.usage > 90%, no_data: ok}\n"
    assert differences(one(f"{{at: 40s, alerts: {expected}}}", values), rules) == []


KEEPS = """
rules:
  - name: K
    condition: pool.usage > 80%
    no_data: {policy}
"""


@pytest.mark.parametrize("policy", ["keep", "ok", "alert"])
@pytest.mark.parametrize(
    "series",
    [
        "{pool.usage: 90%x20 _x60}",
        "{pool.usage: 90%x20}",
        "{pool.usage: 90%x20 _x60, up: 1x20 _x60}",
        "{pool.usage: 90%x20 _x60, up: 1x20 0x60}",
        "{pool.usage: 90%x20 stale _x60, up: 1x20 stale _x60}",
        "{pool.usage: 90%x80, up: 1x20 _x60}",
    ],
)
def test_a_target_that_does_not_answer_is_what_the_rule_makes_of_no_data(series: str, policy: str) -> None:
    alerts = "[{phase: resolved}]" if policy == "ok" else "[{phase: firing, health: no_data}]"
    text = f"tests: [{{interval: 10s, series: {series}, checks: [{{at: 3m, alerts: warning}}, {{at: 10m, alerts: {alerts}}}]}}]"
    assert differences(text, KEEPS.format(policy=policy)) == []


@pytest.mark.parametrize(
    "series",
    [
        "{pool.usage: 90%x20 _x60, up: 1x80}",
        "{pool.usage: 90%x20 stale}",
        "{pool.usage: 90%x20 stale _x60}",
        "{pool.usage: 90%x20 _x60, connections.used: 5x80}",
    ],
)
def test_a_figure_that_its_target_goes_on_without_is_over(series: str) -> None:
    text = f"tests: [{{interval: 10s, series: {series}, checks: [{{at: 3m, alerts: warning}}, {{at: 10m, alerts: resolved}}]}}]"
    assert differences(text, KEEPS.format(policy="keep")) == []


def test_a_figure_is_there_again_when_its_target_answers_again() -> None:
    series = "{pool.usage: 90%x20 _x30 90%x9 10%x9, up: 1x20 _x30 1x20}"
    checks = "[{at: 7m, alerts: [{health: no_data}]}, {at: 9m, alerts: [{health: ok}]}, {at: 11m, alerts: resolved}]"
    text = f"tests: [{{interval: 10s, series: {series}, checks: {checks}}}]"
    assert differences(text, KEEPS.format(policy="keep")) == []


def test_a_counter_is_written_as_what_it_stands_at_and_begins_anew_after_stale() -> None:
    rules = "rules:\n  - {name: locks, condition: deadlocks.rate > 0.5}\n"
    checks = "{at: 10s, alerts: [{target: a, value: 1}]}, {at: 50s, alerts: resolved}"
    text = f"tests:\n  - series: {{'deadlocks{{target=\"a\"}}': 0+10x2 20x2 stale 900}}\n    checks: [{checks}]\n"
    assert differences(text, rules) == []


def test_several_targets_have_alerts_of_their_own_and_mute_each_other() -> None:
    rules = """
rules:
  - {name: down, condition: "absent(connections.used, 30s)", targets: {role: primary}, inhibits: {match: alertname="lag", of: replicas}}
  - {name: lag, condition: replication.lag > 10s}
"""
    text = """
tests:
  - targets:
      - {name: first, engine: postgres, role: primary}
      - {name: second, engine: postgres, role: replica, replicates_from: first}
    series:
      connections.used{target="first"}: 5x3 _x9
      replication.lag{target="second"}: 0x3 20x9
    checks:
      - {at: 30s, alerts: none}
      - {at: 80s, alerts: [{rule: down, target: first, muted: false}, {rule: lag, target: second, muted: true}]}
"""
    assert differences(text, rules) == []


def test_maintenance_and_hours_go_by_the_moment_at_which_a_test_begins() -> None:
    rules = POOL + "maintenance:\n  - {name: night, hours: {times: 02:00-04:00}, match: target=~'.*'}\n"
    for begin, muted in (("2027-01-15T03:00:00Z", "true"), ("2027-01-15T12:00:00Z", "false")):
        text = (
            f"tests:\n  - starts_at: {begin}\n    series: {{pool.usage: 99%x9}}\n    checks: [{{at: 40s, alerts: [{{muted: {muted}}}]}}]\n"
        )
        assert differences(text, rules) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (one("{at: 5m, rule: pol, alerts: none}"), "there is no rule 'pol' here"),
        (one("{at: 5m, alerts: worse}"), "neither a level nor a state"),
        (one(""), "without a check"),
        (one("{at: 5m, alerts: [{target: other}]}"), "there is no target 'other'"),
        ("tests: [{series: {pool.use: 1}, checks: [{at: 5m, alerts: none}]}]", "there is no metric 'pool.use'"),
        ("tests: [{series: {'avg(pool.usage, 5m)': 1}, checks: [{at: 5m, alerts: none}]}]", "is no figure"),
        ("tests: [{series: {pool.usage: 1 two}, checks: [{at: 5m, alerts: none}]}]", "'two' is no value"),
        ("tests: [{series: {pool.usage: 1}, check: []}]", "unknown key 'check'"),
        ("tests: [{interval: 1s, series: {pool.usage: 1}, checks: [{at: 20d, alerts: none}]}]", "more than 200,000 readings"),
        ("tests: [5]", "a test is a set of keys"),
    ],
)
def test_what_is_wrong_with_a_test_is_told_at_its_place(text: str, message: str) -> None:
    problems = file_of(text).problems
    assert any(message in problem.what for problem in problems), problems
    assert all(problem.line > 10 and problem.column for problem in problems)


def test_a_file_of_tests_names_files_of_rules_and_built_in_sets(tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "pool.yaml").write_text(POOL)
    tests = tmp_path / "tests.yaml"
    tests.write_text(
        "rule_files: [rules]\nbuiltin: [sqlite]\ntests:\n"
        "  - series: {pool.usage: 99%x9}\n    checks: [{at: 1m, rule: pool, alerts: critical}]\n"
        "  - series: {sqlite.wal.size: 100MiBx20}\n    checks: [{at: 2m, rule: sqlite-wal-size, alerts: warning}]\n"
    )
    file = read_trial_file(tests)
    assert file.problems == ()
    assert [run_trial(trial, file.book.rules).has_passed for trial in file.trials] == [True, True]
    tests.write_text("rule_files: [rule]\nbuiltin: [postgress]\ntests: []\n")
    assert [problem.line for problem in read_trial_file(tests).problems] == [2, 1]
    assert "did you mean postgres?" in read_trial_file(tests).problems[0].hint


def test_a_rule_that_is_wrong_is_told_and_its_tests_are_not_run() -> None:
    file = file_of("    tests: [{series: {pool.usage: 1}, checks: [{at: 5m, alerts: none}]}]\n", POOL.replace("> 80%", "> 80 s"))
    assert len(file.problems) == 1
    assert file.trials == ()


def test_a_figure_that_is_gone_is_one_alert_under_a_rule_that_alerts_on_missing_figures() -> None:
    """Also when it is so long ago that the target is known to have no such figure at all."""
    rules = "rules: [{name: gone, condition: 'redis.keys{database=\"7\"} > 10', no_data: alert, targets: {engine: redis}}]\n"
    alike = "alerts: [{phase: firing, labels: {database: '7'}}]"
    text = (
        "tests: [{interval: 5s, series: {'redis.keys{database=\"7\"}': 20x12 stale, up: 1x200, redis.clients.blocked: 0x200},"
        f" checks: [{{at: 3m, {alike}}}, {{at: 8m, {alike}}}, {{at: 15m, {alike}}}]}}]\n"
    )
    assert differences(text, rules) == []


def test_the_example_of_the_page_passes(tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs" / "alerts-trying.md").read_text(encoding="utf-8")
    (tmp_path / "rules.yaml").write_text(page.partition("```yaml\n")[2].partition("```")[0])
    file = read_trial_file(tmp_path / "rules.yaml")
    assert file.problems == ()
    assert [run_trial(trial, file.book.rules).differences for trial in file.trials] == [()]


def test_a_value_as_it_is_told_agrees_with_itself() -> None:
    """Six digits are told: what is written as it was printed must not differ by what was not printed."""
    rules = "rules: [{name: spread, condition: 'stddev(sessions.active, 1m) > 1', targets: {engine: postgres}}]\n"
    text = "tests: [{interval: 10s, series: {sessions.active: 1 2 3 5 8 13 21 34}, checks: [{at: 70s, alerts: [{value: VALUE}]}]}]\n"
    (wrong,) = differences(text.replace("VALUE", "1"), rules)
    told = re.search(r"got ([0-9.]+)", wrong)
    assert told is not None
    assert len(told[1].replace(".", "")) == 6
    assert differences(text.replace("VALUE", told[1]), rules) == []


DOWN_MUTES = """\
rules:
  - {name: plain, condition: redis.keys > 10, targets: {engine: redis}}
  - {name: gone, condition: 'absent(up, 1m)', targets: {engine: redis}, inhibits: [{match: 'alertname="plain"'}]}
"""


def test_a_target_whose_figures_are_read_is_up_unless_its_test_says_otherwise() -> None:
    told = "checks: [{at: 31m, rule: plain, alerts: [{muted: MUTED}]}]"
    text = f"tests: [{{interval: 10s, series: {{redis.keys: 20x900}}, {told}}}]\n"
    assert differences(text.replace("MUTED", "false"), DOWN_MUTES) == []
    down = text.replace("redis.keys: 20x900", "redis.keys: 20x900, up: 1x3")
    assert differences(down.replace("MUTED", "true"), DOWN_MUTES) == []
    (result,) = results(down.replace("MUTED", "false"), DOWN_MUTES)
    assert result.differences[0].what.endswith("expected it to be told, it is muted")
    assert result.differences[0].hint.endswith(", muted by gone on test")
