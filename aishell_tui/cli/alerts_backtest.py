"""aishell alerts backtest: what rules would have done over the figures that are kept."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aishell_core.errors import UsageError
from aishell_tui.cli.arguments import ConfigOption, JsonOption, choice, complete_target, configuration, examples, tell_problems
from aishell_tui.cli.encode import to_json
from aishell_tui.cli.terminal import say

if TYPE_CHECKING:
    # Loaded where it is used: --help and --version need none of it.
    from aishell_core.documents.problems import Problem
    from alerts.rule import Rule


def register(app: typer.Typer) -> None:
    """Add the command to the group of alerts."""
    app.command(
        "backtest",
        epilog=examples(
            "aishell alerts backtest --last 14d",
            "aishell alerts backtest rules.yaml --target orders",
            "aishell alerts backtest --rule postgres-connections --json",
        ),
    )(run_backtest)


def run_backtest(
    context: typer.Context,
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[FILE]...", help="Files or folders of rules; else the rules in force.", show_default=False),
    ] = None,
    rule: Annotated[
        list[str] | None, typer.Option("--rule", metavar="NAME", help="This rule alone; may be given several times.", show_default=False)
    ] = None,
    target: Annotated[
        str, typer.Option("--target", "-t", metavar="NAME", help="This target alone.", show_default=False, autocompletion=complete_target)
    ] = "",
    last: Annotated[str, typer.Option("--last", metavar="TIME", help="How far back, such as 24h or 14d; a month is kept.")] = "14d",
    config: ConfigOption = None,
    json: JsonOption = False,
) -> int:
    """What rules would have done over kept history.

    For each rule how often it would have fired, for how long, how often it changed, and the threshold at which it would
    have fired half as often. The figures are means: of ten seconds for the last day, of five minutes for a month before.
    A time in which no dashboard ran counts towards nothing. Roles are not kept: a rule that is for one is tried when --rule
    names it, on all targets. Rules that are wrong are told and left out.
    """
    import time
    from contextlib import closing

    from aishell_core.state.condense import KEPT_SECONDS
    from aishell_core.state.database import StateDatabase
    from aishell_core.units import parse_duration
    from aishell_tui.alert_past import kept_targets
    from aishell_tui.cli.reports.alert_backtest import backtest_report, backtest_text
    from aishell_tui.places import find_places
    from alerts.backtest import backtest

    span = parse_duration(last)
    if span <= 0:
        raise UsageError(f"{last} is no span", "write 24h or 14d")
    chosen = choice(context, config)
    rules, errors = _rules(files or [], rule or [], chosen.config)
    loaded, now = configuration(chosen), time.time()
    since = now - min(span, KEPT_SECONDS)
    with closing(StateDatabase.open(find_places().state, writable=False)) as database:
        targets = kept_targets(database, loaded, since, now, target)
        say_how_far = _tell if sys.stderr.isatty() else _be_quiet
        found = backtest(rules, targets, database.history, since, now, say_how_far, any_role=bool(rule))
    report = backtest_report(found, span)
    say(to_json(report) if json else backtest_text(report))
    tell_problems(chosen, errors)
    return 0


def _rules(files: list[Path], names: list[str], chosen: Path | None) -> tuple[list[Rule], tuple[Problem, ...]]:
    """The rules that are tried: those of files without the built-in ones, those in force, or those that are named.

    What is wrong with others keeps none from being tried, and comes with them.
    """
    from aishell_core.documents.problems import InvalidConfigError, nearest
    from aishell_tui.alert_files import look_at

    looked = look_at(files, chosen)
    known = {rule.name: rule for rule in looked.rules}
    found = [known[name] for name in dict.fromkeys(names) if name in known]
    if not names:
        found = [rule for rule in looked.rules if not files or not rule.builtin]
    for name in names:
        if name not in known and name not in looked.broken:
            raise UsageError(f"there is no rule {name!r}", nearest(name, known))
    if looked.errors and (not found or looked.broken.intersection(names)):
        raise InvalidConfigError(looked.errors)
    if not found:
        raise UsageError("there is no rule to try", "name a file of rules, or leave the files out for the rules in force")
    return found, looked.errors


def _tell(share: float) -> None:
    """How far it is, on one line of the terminal that the report then stands below."""
    sys.stderr.write(f"\r{share:4.0%} of the history{chr(10) if share >= 1 else ''}")
    sys.stderr.flush()


def _be_quiet(_share: float) -> None:
    """Nobody looks."""
