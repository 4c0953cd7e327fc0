"""aishell alerts check and test: rules are tried before they are trusted."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aishell_core.errors import ExitCode, UsageError
from aishell_tui.cli.arguments import ConfigOption, JsonOption, choice, examples
from aishell_tui.cli.encode import to_json
from aishell_tui.cli.terminal import say

FilesArgument = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="[FILE]...",
        help="Files or folders of rules, files of tests, or a configuration; else the configuration in force.",
        show_default=False,
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands to the group of alerts."""
    app.command("check", epilog=examples("aishell alerts check", "aishell alerts check rules/ tests.yaml", "aishell alerts check --json"))(
        check
    )
    app.command("test", epilog=examples("aishell alerts test rules-test.yaml", "aishell alerts test rules/*.yaml --json"))(run_tests)


def check(context: typer.Context, files: FilesArgument = None, config: ConfigOption = None, json: JsonOption = False) -> int:
    """Check rules, with the place of every error.

    All errors at once, each with file, line, column and a caret: syntax, unknown metrics with the nearest name, units
    that do not fit, windows longer than the kept history, conditions that always or never hold, and tests that say
    something wrong. Nothing is evaluated, and no secret is fetched.

    The exit code is 0 when there is no error, 78 when there is one.
    """
    from aishell_tui.alert_files import look_at
    from aishell_tui.cli.reports.alert_trying import check_report, check_text

    looked = look_at(files or (), choice(context, config).config)
    say(to_json(check_report(looked)) if json else check_text(looked))
    return int(ExitCode.CONFIG if looked.errors else ExitCode.OK)


def run_tests(context: typer.Context, files: FilesArgument = None, config: ConfigOption = None, json: JsonOption = False) -> int:
    """Run the unit tests of rules.

    Tests stand under tests: of a rule, of a file of rules, or in files of their own; docs/alerts-trying.md says how they
    are written. Each difference is told with what was expected, what there was, and its line.

    The exit code is 0 when all have passed, 1 when one has not, 64 when there is none, 78 when a file is wrong: the tests
    of the rules that are right are run all the same.
    """
    from aishell_core.documents.problems import InvalidConfigError
    from aishell_tui.alert_files import look_at
    from aishell_tui.cli.reports.alert_trying import trial_report, trial_text
    from alerts.trials.run import run_trial

    looked = look_at(files or (), choice(context, config).config)
    if looked.errors and not looked.tests:
        raise InvalidConfigError(looked.errors)
    if not looked.tests:
        raise UsageError("there is no test of a rule here", "write tests: into a rule or a file; see docs/alerts-trying.md")
    results = [run_trial(trial, suite.rules, suite.maintenance) for suite in looked.suites for trial in suite.trials]
    say(to_json(trial_report(results)) if json else trial_text(results))
    if looked.errors:
        # What can be tested was; a rule that is wrong is not tested by that.
        raise InvalidConfigError(looked.errors)
    return int(ExitCode.OK if all(result.has_passed for result in results) else ExitCode.WARNING)
