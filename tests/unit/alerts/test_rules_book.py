"""A book of rules: wrong ones are left out and told, built-in ones can be changed, and what stays the same stays itself."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aishell_core.documents.document import parse_document
from aishell_core.documents.problems import InvalidConfigError
from alerts.models import Level
from alerts.rules.book import BrokenRule
from alerts.rules.load import MOST_RULES, load_book
from alerts.rules.sections import Section, section_of
from alerts.rules.spec import RuleSpec
from tests.unit.alerts.rule_documents import book, section, told

GOOD = "  - {name: good, condition: pool.usage > 90%}\n"


def test_a_bad_rule_is_left_out_and_the_others_run() -> None:
    found = book(f"rules:\n  - {{name: bad, condition: pool.usag > 90%}}\n{GOOD}")
    assert [rule.name for rule in found.rules] == ["good"]
    assert [broken.name for broken in found.broken] == ["bad"]
    assert len(found.errors) == 1


def test_a_rule_without_a_name_is_known_by_its_place() -> None:
    found = book(f"rules:\n{GOOD}  - {{condition: pool.usage > 90%}}\n")
    assert [broken.name for broken in found.broken] == ["FILE:3"]


def test_of_two_rules_with_one_name_the_first_counts() -> None:
    """Also of those in different files: nobody could say which alert is meant."""
    found = book(f"rules:\n{GOOD}", "rules:\n  - {name: good, condition: pool.usage > 10%}\n")
    assert [rule.triggers[0].condition.text for rule in found.rules] == ["pool.usage > 90%"]
    assert told(found.broken[0]).startswith("FILE1:2:12: another rule is named 'good'; the first is in FILE:2")


def test_the_name_of_a_built_in_rule_is_taken() -> None:
    found = book("rules:\n  - {name: sqlite-busy, condition: pool.usage > 10%}\n", builtin=("sqlite",))
    assert "override" in told(found.broken[0])
    assert not book("rules:\n  - {name: sqlite-busy, condition: pool.usage > 10%}\n").broken


def test_a_rule_that_is_switched_off_is_read_and_not_evaluated() -> None:
    found = book("rules:\n  - {name: a, condition: pool.usage > 10%, enabled: false}\n  - {name: b, condition: x, enabled: false}\n")
    assert (found.rules, found.disabled) == ((), ("a",))
    assert [broken.name for broken in found.broken] == ["b"]


def test_without_alerts_no_rule_is_in_force() -> None:
    found = book(f"rules:\n{GOOD}", builtin=("sqlite",), is_enabled=False)
    assert found.rules == ()
    assert not found.broken


def test_each_value_of_a_built_in_rule_can_be_changed() -> None:
    override = 'override:\n  postgres-connections: {warn: "> 70%", for: 5m, channels: [slack], targets: {environment: production}}\n'
    before = {rule.name: rule for rule in book(builtin=("postgres",)).rules}
    after = {rule.name: rule for rule in book(override, builtin=("postgres",)).rules}
    changed = after["postgres-connections"]
    assert {trigger.level: trigger.condition.text for trigger in changed.triggers} == {
        Level.CRITICAL: "max(pool.usage, 2m) > 95%",
        Level.WARNING: "max(pool.usage, 2m) > 70%",
    }
    assert (changed.for_seconds, changed.channels, changed.targets.environments) == (300.0, ("slack",), ("production",))
    assert changed.targets.engines == ("postgres",)
    assert changed.clear == before["postgres-connections"].clear
    assert {name for name in before if before[name] != after[name]} == {"postgres-connections"}


def test_of_two_overrides_of_one_value_the_later_one_counts() -> None:
    found = book("override: {sqlite-busy: {for: 5m, repeat: 1h}}", "override: {sqlite-busy: {for: 7m}}", builtin=("sqlite",))
    (rule,) = (rule for rule in found.rules if rule.name == "sqlite-busy")
    assert (rule.for_seconds, rule.repeat_seconds) == (420.0, 3600.0)


def test_a_built_in_rule_can_be_switched_off() -> None:
    found = book("override: {sqlite-busy: {enabled: false}}", builtin=("sqlite",))
    assert "sqlite-busy" not in {rule.name for rule in found.rules}
    assert found.disabled == ("sqlite-busy",)


def test_a_wrong_override_is_told_at_its_place_and_the_rule_runs_as_it_ships() -> None:
    text = 'override:\n  postgres-connections: {warn: "> 70MiB", fr: 5m}\n'
    found = book(text, builtin=("postgres",))
    assert [rule for rule in found.rules if rule.name == "postgres-connections"] == [
        rule for rule in book(builtin=("postgres",)).rules if rule.name == "postgres-connections"
    ]
    (broken,) = found.broken
    assert broken.name == "postgres-connections"
    assert [problem.place for problem in broken.problems] == ["FILE:2:33", "FILE:2:43"]


def test_what_is_right_in_an_override_holds_beside_what_is_wrong() -> None:
    text = 'override: {postgres-connections: {warn: "> 70MiB", for: 5m, channels: [], fr: 5m}, sqlite-busy: {enabled: false, fr: 5m}}\n'
    found = book(text, builtin=("postgres", "sqlite"))
    (rule,) = (rule for rule in found.rules if rule.name == "postgres-connections")
    assert (rule.for_seconds, rule.channels, {trigger.condition.text for trigger in rule.triggers}) == (
        300.0,
        (),
        {"max(pool.usage, 2m) > 95%", "max(pool.usage, 2m) > 80%"},
    )
    assert found.disabled == ("sqlite-busy",)


@pytest.mark.parametrize(
    "wrong",
    [
        *("channels: 5", "targets: {nam: x}", "enabled: perhaps", "escalate: x", "active_hours: x", "labels: 5"),
        *("chanels: [slack]", "enabledd: false", "target: x", "active_hour: {}", "notify: [slack]"),
    ],
)
def test_a_built_in_rule_of_which_it_is_not_clear_for_whom_it_is_is_not_in_force(wrong: str) -> None:
    found = book(f"override: {{sqlite-busy: {{{wrong}, for: 5m}}}}", builtin=("sqlite",))
    assert "sqlite-busy" not in {rule.name for rule in found.rules}
    assert [broken.name for broken in found.broken] == ["sqlite-busy"]


def test_a_figure_out_of_its_range_is_told_with_the_range() -> None:
    found = book("rules: [{name: a, condition: pool.usage > 90%, damping: {free_flips: 10000}}]")
    assert "10000 is out of range: at most 1000 is wanted here" in told(found.broken[0])


OVERRIDDEN = "override: {sqlite-busy: {enabled: false}, sqlite-freelist: {channels: [slack]}}\n"
NIGHTS = "maintenance: [{name: nightly, hours: {times: 01:00-02:00}, match: 'target=a'}]\n"


@pytest.mark.parametrize(
    "text", ["rules: []", "override: []\nmaintenance: {}", "override: {sqlite-busy: 5}\nmaintenance: [{name: nightly, hors: 5}]"]
)
def test_what_was_laid_over_built_in_rules_and_maintenance_hold_while_they_cannot_be_read(text: str) -> None:
    before = book(OVERRIDDEN, NIGHTS, builtin=("sqlite",))
    found = book(text, builtin=("sqlite",), before=before, hides_files=text == "rules: []")
    assert found.rules == before.rules
    assert found.disabled == before.disabled
    assert found.settings.maintenance == before.settings.maintenance
    after = book("rules: []", builtin=("sqlite",), before=found)
    assert (after.disabled, after.settings.maintenance) == ((), ())


def test_what_can_be_read_counts_beside_a_file_that_cannot() -> None:
    before = book(OVERRIDDEN, builtin=("sqlite",))
    found = book("override: {sqlite-busy: {enabled: true, for: 7m}}", NIGHTS, builtin=("sqlite",), before=before, hides_files=True)
    assert {rule.name: rule.for_seconds for rule in found.rules}["sqlite-busy"] == 420.0
    assert [window.name for window in found.settings.maintenance] == ["nightly"]


def test_a_wrong_override_of_a_set_that_is_not_switched_on_is_told_too() -> None:
    found = book('override:\n  postgres-connections: {warn: "> 70MiB", fr: 5m}\n', builtin=("redis",))
    (broken,) = found.broken
    assert [problem.place for problem in broken.problems] == ["FILE:2:33", "FILE:2:43"]
    assert not book("override: {postgres-connections: {for: 5m}}", builtin=("redis",)).broken


def test_a_name_to_be_muted_that_no_rule_has_is_a_warning() -> None:
    """The rule runs: what it mutes may be still to be written."""
    rule = "  - {{name: a, condition: pool.usage > 90%, inhibits: {{match: 'alertname=\"{0}\"'}}}}\n"
    found = book("rules:\n" + rule.format("b") + "  - {name: b, condition: pool.usage > 80%}\n")
    assert not found.warnings
    assert not book("rules:\n" + rule.format("postgres-replication-lag")).warnings
    (warning,) = book("rules:\n" + rule.format("postgres-replicaton-lag")).warnings
    assert warning.line_text == "FILE:2: 'a' mutes 'postgres-replicaton-lag', which is no rule"
    assert "did you mean postgres-replication-lag?" in warning.hint


def test_more_readings_than_a_window_can_hold_are_refused() -> None:
    text = "rules:\n  - {{name: a, condition: 'avg(pool.usage, 10s) > 90%', min_samples: {0}}}\n"
    assert "a window of 10s never has 100,000 readings" in told(book(text.format(100_000)).broken[0])
    assert not book(text.format(10)).broken


def test_a_set_is_in_force_only_where_it_is_named() -> None:
    assert {rule.builtin for rule in book(builtin=("redis", "host")).rules} == {"redis", "host"}
    assert book().rules == ()


def test_rules_that_did_not_change_are_the_same_objects() -> None:
    """Also when they moved in their file: their alerts live on, and nothing is computed anew."""
    first = book(f"rules:\n{GOOD}  - {{name: b, condition: pool.usage > 80%}}\n", builtin=("sqlite",))
    second = book(f"# a comment\nrules:\n\n{GOOD}  - {{name: b, condition: pool.usage > 85%}}\n", builtin=("sqlite",), before=first)
    old = {rule.name: rule for rule in first.rules}
    assert [rule.name for rule in second.rules if rule is not old[rule.name]] == ["b"]


def test_more_rules_than_anybody_writes_are_left_out_with_a_word() -> None:
    def rules(first: int, last: int) -> str:
        return "rules:\n" + "".join(f"- {{name: r{number}, condition: x}}\n" for number in range(first, last))

    half = MOST_RULES // 2
    sections = [section(rules(0, half)), section(rules(half, MOST_RULES)), section(rules(MOST_RULES, MOST_RULES + 5), "LAST")]
    found = load_book(sections)
    assert found.broken[0].name == "LAST:2"
    assert "10,005 rules are more than 10,000" in told(found.broken[0])
    assert len(found.broken) == MOST_RULES + 1


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("- {name: a}", "a file of rules has keys, but a list was found"),
        ("rule: []", "a file of rules has no key 'rule'"),
        ("alerts: {channels: {}}", "a file of rules has no key 'channels'"),
        ("rules: []\nalerts: {}", "a file of rules has no key 'alerts'"),
    ],
)
def test_a_file_that_is_none_of_rules_is_told(text: str, what: str) -> None:
    found = section_of(parse_document("FILE", text))
    assert isinstance(found, BrokenRule)
    assert found.problems[0].what == what


@pytest.mark.parametrize(("text", "name"), [("rules: {a: b}", "FILE"), ("override: []", "override"), ("maintenance: 5", "maintenance")])
def test_a_part_of_another_kind_is_told(text: str, name: str) -> None:
    found = book(text)
    assert [broken.name for broken in found.broken] == [name]
    assert "is wanted here" in told(found.broken[0])


@pytest.mark.parametrize("text", ["# nothing\n", "rules:\n", "alerts: {rules: }", "rules: []\noverride: {}\nmaintenance: []\n"])
def test_parts_with_nothing_in_them_are_empty(text: str) -> None:
    assert not book(text).errors


def test_rules_below_alerts_are_read_too() -> None:
    assert [rule.name for rule in book(f"alerts:\n  rules:\n  {GOOD.strip()}\n".replace("\n  -", "\n    -")).rules] == ["good"]


def test_maintenance_is_read() -> None:
    text = "maintenance:\n  - {name: reports, hours: {days: sun, times: 22:00-04:00}, match: 'environment=\"staging\"', comment: why}\n"
    (found,) = book(text).settings.maintenance
    assert (found.name, found.comment, len(found.hours)) == ("reports", "why", 2)
    assert [matcher.label for matcher in found.matchers] == ["environment"]


_PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=10,
)
_KEYS = st.sampled_from([field.alias or name for name, field in RuleSpec.model_fields.items()])


@given(rule=st.dictionaries(_KEYS, _PLAIN, max_size=6))
def test_any_values_make_a_rule_or_a_broken_one(rule: dict[str, object]) -> None:
    """Nothing but a problem with a place ever comes of them."""
    try:
        document = parse_document("FILE", json.dumps({"rules": [rule]}))
    except InvalidConfigError:
        return
    found = load_book([Section(document)])
    assert len(found.rules) + len(found.disabled) + len(found.broken) == 1
    assert all(str(problem).startswith("FILE") for problem in found.errors)
