"""aishell query: one command in the language of a database."""

from __future__ import annotations

import sys
from functools import partial
from json import loads
from typing import TYPE_CHECKING, Annotated

import typer

from aishell_core.errors import AishellError, RefusedError, UsageError
from aishell_core.values import Ability, Limits, Value, frozen
from aishell_tui.cli.acting import (
    ConfirmOption,
    DryRunOption,
    YesOption,
    answered,
    how_to_confirm,
    only_target,
    risk_line,
    tell_damaged_log,
)
from aishell_tui.cli.arguments import (
    ConfigOption,
    DatabaseOption,
    JsonOption,
    ReadOnlyOption,
    TargetOption,
    choice,
    configuration,
    examples,
    selected,
    tell_warnings,
)
from aishell_tui.cli.terminal import note, say

if TYPE_CHECKING:
    from aishell_core.targets import Target
    from aishell_core.values import CommandResult
    from aishell_ops.commands.models import Command, Plan
    from aishell_tui.authority import Authority
    from aishell_tui.config.load import Configuration
    from collectors.contract import Collector

_MOST_ROWS = 1_000_000
_JSON = "json:"


def register(app: typer.Typer) -> None:
    """Add the command to the tree."""
    app.command(
        "query",
        # In single quotes, because a shell would take $1 for a variable of its own.
        epilog=examples(
            "aishell query -d app 'SELECT email FROM users WHERE id < $1' -p json:9",
            'aishell query -d app "SELECT count(*) FROM users" --json',
            'aishell query -d app "SELECT * FROM users" --rows 100000 --csv > users.csv',
            "echo 'SELECT 1' | aishell query -d app - --dry-run",
        ),
    )(query)


def query(
    context: typer.Context,
    command: Annotated[str, typer.Argument(metavar="COMMAND", help="SQL, a MongoDB operation as JSON, or a Redis command; - reads it.")],
    database: DatabaseOption = None,
    target: TargetOption = None,
    config: ConfigOption = None,
    parameter: Annotated[
        list[str] | None,
        typer.Option(
            "--param",
            "-p",
            metavar="VALUE",
            help="A value to bind, as text, or behind json: as JSON; may be given several times, in the order of the places: "
            "$1 for PostgreSQL, ? for MySQL and SQLite, :1 for Oracle; for Redis a further word.",
            show_default=False,
        ),
    ] = None,
    within: Annotated[
        str, typer.Option("--in", metavar="NAME", help="The database inside the server; else the target's own.", show_default=False)
    ] = "",
    rows: Annotated[int, typer.Option("--rows", min=1, max=_MOST_ROWS, help="How many rows at most.")] = 1000,
    size: Annotated[str, typer.Option("--bytes", metavar="SIZE", help="How many bytes of rows at most.")] = "4MiB",
    timeout: Annotated[
        str, typer.Option("--timeout", metavar="TIME", help="How long it may take; it is stopped then, where the server lets it be.")
    ] = "30s",
    csv: Annotated[bool, typer.Option("--csv", help="Print comma-separated values.")] = False,
    json: JsonOption = False,
    yes: YesOption = False,
    confirm: ConfirmOption = "",
    dry_run: DryRunOption = False,
    read_only: ReadOnlyOption = False,
) -> int:
    """Run one command on a database.

    Its risk is said first, on standard error; what your role may not do is not done. What only reads runs so that the
    server lets nothing be written. Every attempt is recorded: see aishell audit.

    The exit code is 0 when it ran, 3 when the database refused it, 77 when a role or a protection did.
    """
    from aishell_ops.commands.models import Command
    from aishell_tui.authority import authority_of

    del read_only  # `choice` takes it from the context, as what stands before the command's name
    if csv and json:
        raise UsageError("--csv and --json contradict each other", "leave one of them out")
    limits = _limits(rows, size, timeout)
    chosen = choice(context, config, target, database)
    loaded = configuration(chosen)
    one = only_target(selected(chosen, loaded))
    tell_warnings(chosen, loaded)
    asked = Command(_text(command), tuple(_bound(value) for value in parameter or ()), within, limits)
    work = _Query(one, authority_of(loaded, (one,)), asked, loaded)
    try:
        return work.run(yes=yes, confirm=confirm, dry_run=dry_run, form="csv" if csv else "json" if json else "table")
    except AishellError as error:
        if not json or work.plan is None:
            raise
        return _told(work.plan, error)


def _limits(rows: int, size: str, timeout: str) -> Limits:
    from aishell_core.units import parse_duration, parse_size

    limits = Limits(rows, int(parse_size(size)), parse_duration(timeout))
    if limits.seconds <= 0 or limits.bytes <= 0:
        raise UsageError("--timeout and --bytes are above zero", "leave them out for 30s and 4MiB")
    return limits


def _told(plan: Plan, error: AishellError) -> int:
    """Tell an error with what was judged before it; the exit code."""
    from aishell_tui.cli.reports.query import error_json

    note(error_json(plan, error))
    return int(error.exit_code)


def _text(command: str) -> str:
    text = sys.stdin.read() if command == "-" else command
    if not text.strip():
        raise UsageError("there is no command to run", 'write it behind the options: aishell query -d app "SELECT 1"')
    return text


def _bound(word: str) -> Value:
    """The value that a word of the command line stands for; raises UsageError for what is no JSON behind `json:`."""
    if not word.startswith(_JSON):
        return word
    try:
        return frozen(loads(word.removeprefix(_JSON)))
    except ValueError as error:
        raise UsageError(f"{word!r} holds no JSON: {error}", 'write json:7, json:null, json:true or json:"text"') from error


class _Query:
    """One command on one target."""

    def __init__(self, target: Target, authority: Authority, command: Command, loaded: Configuration) -> None:
        self._target, self._authority, self._command, self._loaded = target, authority, command, loaded
        self._narrates = True
        self.plan: Plan | None = None
        """What was judged, once it was."""

    def run(self, *, yes: bool, confirm: str, dry_run: bool, form: str) -> int:
        """Plan, say, ask, do, print; the exit code."""
        from aishell_tui.cli.reports import query as reports
        from aishell_tui.oneshot import run

        self._narrates = form != "json"
        plan, result = run(self._carry_out(yes=yes, confirm=confirm, dry_run=dry_run))
        if result is None:
            if form == "json":
                say(reports.query_json(plan, None))
            if not plan.decision.allowed:
                raise RefusedError(plan.decision.message, plan.decision.hint)
            self._tell(f"allowed{f' to {plan.decision.role}' if plan.decision.role else ''}; nothing was done")
            return 0
        say(reports.query_json(plan, result) if form == "json" else reports.rows_text(result, csv=form == "csv"))
        self._tell(reports.summary(result, plan.command.limits))
        return 0

    def _tell(self, words: str) -> None:
        """Say something beside the data; under --json it is in the data."""
        if self._narrates:
            note(f"aishell: {words}")

    async def _carry_out(self, *, yes: bool, confirm: str, dry_run: bool) -> tuple[Plan, CommandResult | None]:
        from aishell_core.clock import SystemClock
        from aishell_core.engines.base import Runnable
        from aishell_ops.commands.service import record_unanswered, run_plan
        from collectors.registry import open_collector

        clock = SystemClock()
        collector = open_collector(self._target, clock)
        try:
            if not isinstance(collector, Runnable):
                raise UsageError(f"{self._target.name} takes no commands", "its figures are shown by aishell status and the dashboard")
            plan = self.plan = await self._plan(collector)
            self._tell(risk_line(plan.risk))
            if dry_run:
                return plan, None
            log = self._authority.log
            tell_damaged_log(log, as_json=not self._narrates)
            unanswered = partial(record_unanswered, plan, log)
            confirmed = plan.decision.allowed and answered(
                plan.confirmation, plan.place, "run this command", yes=yes, typed=confirm, record_unanswered=unanswered
            )
            with how_to_confirm(plan.decision, plan.place):
                return plan, await run_plan(plan, collector, log, clock, confirmed=confirmed)
        finally:
            await collector.close()

    async def _plan(self, collector: Collector) -> Plan:
        """The plan, with the planner's estimate where the engine has one and the command could be understood."""
        from aishell_core.safety.languages import named_databases
        from aishell_ops.commands.service import database_of, estimated_rows, plan_of
        from aishell_tui.config.roles import place_within

        target, command, who = self._target, self._command, self._authority
        database = database_of(command, collector, target.location.database)
        reached = {database, *named_databases(target.engine, command.text, command.parameters)}
        place = place_within(target, who.place(target), reached, self._loaded)
        judged = partial(plan_of, command, target.engine, place=place, actor=who.actor, policy=who.policy, database=database)
        plan = judged()
        if not plan.risk.understood or not plan.decision.allowed or Ability.EXPLAIN not in collector.abilities:
            return plan
        return judged(estimated_rows=await estimated_rows(command, collector.explain, collector))
