"""Each rule that ships fires at figures at which it should, at the level that it should, stays quiet just below, and ends.

Their tests are files of YAML that ship beside them; `aishell alerts test` runs them as it runs anybody's.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib.resources import files

import pytest

from aishell_core.documents.document import parse_document
from alerts.rules.builtin import BUILTIN_SETS
from alerts.rules.load import load_book
from alerts.trials.models import Trial
from alerts.trials.read import TrialFile, trial_file
from alerts.trials.run import run_trial


@cache
def file_of(name: str) -> TrialFile:
    """The tests of a set."""
    text = (files("alerts") / "builtin" / "tests" / f"{name}.yaml").read_text(encoding="utf-8")
    return trial_file(parse_document(f"{name}.yaml", text), builtin=[name])


def trials() -> Iterator[tuple[str, Trial]]:
    for name in BUILTIN_SETS:
        yield from ((name, trial) for trial in file_of(name).trials)


@pytest.mark.parametrize("name", BUILTIN_SETS)
def test_every_rule_is_seen_to_be_quiet_and_to_fire(name: str) -> None:
    file = file_of(name)
    assert file.problems == ()
    checks = [check for trial in file.trials for check in trial.checks]
    rules = {rule.name for rule in load_book([], builtin=[name]).rules}
    assert {check.rule for check in checks if check.alerts} == rules
    assert {check.rule for check in checks if not check.alerts} == rules


@pytest.mark.parametrize(("name", "trial"), [pytest.param(name, trial, id=trial.name) for name, trial in trials()])
def test_it_does_what_it_should(name: str, trial: Trial) -> None:
    result = run_trial(trial, file_of(name).book.rules)
    assert [str(problem) for problem in result.differences] == []
