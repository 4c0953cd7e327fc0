"""aishell alerts builtin: the rules that ship, each with its values, its reason and its first steps."""

from __future__ import annotations

from typing import Annotated

import typer

from aishell_core.errors import UsageError
from aishell_tui.cli.arguments import JsonOption, examples
from aishell_tui.cli.encode import to_json
from aishell_tui.cli.terminal import say


def complete_rule(incomplete: str) -> list[str]:
    """The names of built-in rules and sets that begin with a word, for the shell."""
    from alerts.rules.builtin import BUILTIN_SETS
    from alerts.rules.load import load_book

    names = (*BUILTIN_SETS, *(rule.name for rule in load_book([], builtin=BUILTIN_SETS).rules))
    return [name for name in names if name.startswith(incomplete)]


def register(app: typer.Typer) -> None:
    """Add the command to the group of alerts."""
    app.command(
        "builtin",
        epilog=examples("aishell alerts builtin", "aishell alerts builtin postgres", "aishell alerts builtin postgres-connections"),
    )(builtin)


def builtin(
    name: Annotated[
        str, typer.Argument(metavar="[NAME]", help="A rule, or a set such as postgres.", show_default=False, autocompletion=complete_rule)
    ] = "",
    json: JsonOption = False,
) -> int:
    """The rules that ship, with values and reasons.

    All of them, those of a set, or one with the first things to look at. Each value is changed under alerts: override: by
    the rule's name.
    """
    from aishell_core.documents.problems import nearest
    from aishell_tui.cli.reports.alert_builtin import builtin_report, builtin_text, rule_text
    from alerts.rules.builtin import BUILTIN_SETS
    from alerts.rules.load import load_book

    rules = load_book([], builtin=BUILTIN_SETS).rules
    shown = [rule for rule in rules if name in {"", rule.builtin, rule.name}]
    if not shown:
        raise UsageError(f"there is no built-in rule or set {name!r}", nearest(name, (*BUILTIN_SETS, *(rule.name for rule in rules))))
    if json:
        say(to_json(builtin_report(shown)))
    else:
        say(rule_text(shown[0]) if name == shown[0].name else builtin_text(shown))
    return 0
