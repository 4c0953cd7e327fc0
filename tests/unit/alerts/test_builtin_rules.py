"""The rules that ship: right, complete, and naming nothing that does not exist."""

from __future__ import annotations

import re
import shlex
from dataclasses import asdict
from importlib.resources import files

import pytest

from aishell_core.catalogue.declare import DATABASES
from aishell_tui.cli.pages import command_tree
from aishell_tui.keys import KEYS
from alerts.language.checker import understood
from alerts.language.plan import Absent, every_plan
from alerts.models import Level
from alerts.rule import Rule
from alerts.rules.book import RuleBook
from alerts.rules.builtin import BUILTIN_SETS, builtin_documents
from alerts.rules.load import load_book
from alerts.rules.shipped import shipped_book
from alerts.templates import Facts, render
from tests.builtin_rules import rules_file

BOOK = load_book([], builtin=BUILTIN_SETS)
each_rule = pytest.mark.parametrize("rule", BOOK.rules, ids=lambda rule: rule.name)


def test_all_of_them_are_right() -> None:
    assert not BOOK.errors
    assert not BOOK.warnings
    assert not BOOK.disabled


def test_what_a_dashboard_reads_is_what_stands_in_the_files() -> None:
    kept = (files("alerts") / "builtin" / "rules.json").read_text(encoding="utf-8")
    assert kept == rules_file(), "make it anew: python -m tests.builtin_rules > alerts/builtin/rules.json"
    assert asdict(shipped_book(RuleBook())) == asdict(BOOK)


def test_there_is_a_set_for_every_engine_and_the_machine() -> None:
    assert set(builtin_documents()) == set(BUILTIN_SETS) == {rule.builtin for rule in BOOK.rules}
    assert set(BUILTIN_SETS) >= {"backup", "host", "postgres", "pgbouncer", "mysql", "mongodb", "redis", "oracle", "sqlite"}


@each_rule
def test_each_is_named_after_its_set_and_is_for_its_engine_alone(rule: Rule) -> None:
    assert re.fullmatch(rf"{rule.builtin}-[a-z]+(-[a-z]+)*", rule.name)
    assert rule.targets.engines == (DATABASES if rule.builtin == "backup" else (rule.builtin,))


@each_rule
def test_each_has_a_summary_a_reason_and_three_steps(rule: Rule) -> None:
    summary = dict(rule.annotations)["summary"]
    assert "{{" in summary
    assert not summary.endswith(".")
    assert rule.reason.endswith(".")
    assert len(rule.steps) == 3
    assert any(step.command for step in rule.steps)
    shown = render(summary, Facts(rule=rule.name, target="orders", value=1.0, unit="", labels={}))
    assert "{{" not in shown


@each_rule
def test_that_a_target_is_down_rests_on_nothing_that_one_which_is_well_may_lack(rule: Rule) -> None:
    plans = [node for trigger in rule.triggers for node in every_plan(understood(trigger.condition).plan)]
    assert {node.metric for node in plans if isinstance(node, Absent)} <= {"up"}


@pytest.mark.parametrize("builtin", [name for name in BUILTIN_SETS if name != "backup"])
def test_each_set_of_an_engine_has_one_rule_for_a_target_that_does_not_answer(builtin: str) -> None:
    found = [rule.name for rule in BOOK.rules if rule.builtin == builtin and rule.triggers[0].condition.text == "absent(up, 1m)"]
    assert found == ["sqlite-unreadable" if builtin == "sqlite" else f"{builtin}-down"]


@each_rule
def test_each_can_end_otherwise_than_it_began(rule: Rule) -> None:
    """Hysteresis: a clear condition of its own, a time that it has to hold, or one for which it fires on."""
    lasting = rule.for_seconds or rule.keep_firing_seconds or rule.clear is not None
    is_state = all("absent" in trigger.condition.text or "> 0" in trigger.condition.text for trigger in rule.triggers)
    assert lasting or is_state


@each_rule
def test_the_worse_level_has_the_worse_limit(rule: Rule) -> None:
    limits = {trigger.level: understood(trigger.condition) for trigger in rule.triggers}
    assert all(not checked.problems for checked in limits.values())
    assert set(limits) <= {Level.INFO, Level.WARNING, Level.CRITICAL}
    assert [trigger.level.rank for trigger in rule.triggers] == sorted((level.rank for level in limits), reverse=True)


def _is_command(words: list[str]) -> bool:
    """Whether the words call a command that there is, with options that it has."""
    commands = dict(command_tree())
    name = max((" ".join(words[:length]) for length in range(1, len(words) + 1) if " ".join(words[:length]) in commands), key=len)
    options = {option for parameter in commands[name].params for option in parameter.opts}
    rest = words[name.count(" ") + 1 :]
    return name != "aishell" and all(word in options for word in rest if word.startswith("-"))


@each_rule
def test_each_step_names_commands_and_keys_that_exist(rule: Rule) -> None:
    keys = {key for entry in KEYS for key in entry.keys}
    for step in rule.steps:
        words = shlex.split(render(step.command, Facts(target="orders")))
        if not words:
            continue
        if words[0] == "keys":
            screen, *pressed = [word.strip(",") for word in words[1:]]
            assert screen in "12348"
            assert set(pressed) <= keys, step.command
        else:
            assert words[0] == "aishell"
            assert _is_command(words), step.command


def test_a_step_with_an_option_that_does_not_exist_would_be_found() -> None:
    assert not _is_command(["aishell", "sessions", "--no-such-option"])
