"""aishell sessions: who is connected, what they do, and who waits for whom."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from aishell_core.units import format_value
from aishell_core.values import LockWait, Part, Session, Tier, Unit
from aishell_tui.cli.arguments import (
    AllOption,
    ConfigOption,
    DatabaseOption,
    JsonOption,
    TargetOption,
    choice,
    examples,
)
from aishell_tui.cli.encode import to_json, utc_text
from aishell_tui.cli.looking import Looked, exit_code, failure_lines, failure_rows, look
from aishell_tui.cli.shapes import LockWaitRow, SessionRow, SessionsReport, TargetSessions
from aishell_tui.cli.terminal import fit, printable, say, table

if TYPE_CHECKING:
    from aishell_tui.frame import TargetView

_TEXT_COLUMNS = 50


def register(app: typer.Typer) -> None:
    """Add the command to the tree."""
    app.command(
        "sessions",
        epilog=examples("aishell sessions --database app", "aishell sessions --waiting", "aishell sessions --all --json"),
    )(sessions)


def sessions(
    context: typer.Context,
    database: DatabaseOption = None,
    everything: AllOption = False,
    target: TargetOption = None,
    config: ConfigOption = None,
    waiting: Annotated[bool, typer.Option("--waiting", help="Only sessions that wait for a lock, or hold one that is waited for.")] = False,
    json: JsonOption = False,
) -> int:
    """Who is connected, and who waits for whom.

    Each session with what it does, and the locks that are waited for.

    The exit code is the worst state of the targets: 0 ok, 1 warning, 2 critical, 3 unknown.
    """
    chosen = choice(context, config, target, database, everything)
    looked = look(chosen, "0", tiers=(Tier.WARM,), demand=frozenset({Part.SESSIONS, Part.LOCKS}))
    report = sessions_report(looked, waiting=waiting)
    say(to_json(report) if json else sessions_text(looked, report))
    return exit_code(looked.state)


def sessions_report(looked: Looked, *, waiting: bool = False) -> SessionsReport:
    """The report as scripts get it."""
    return SessionsReport(utc_text(looked.at), tuple(_target_sessions(view, waiting) for view in looked.views))


def _target_sessions(view: TargetView, waiting: bool) -> TargetSessions:
    found = view.sessions
    if found is not None and waiting:
        involved = {name for wait in view.lock_waits or () if wait.waiter for name in (wait.waiter, wait.holder)}
        found = tuple(session for session in found if session.id in involved)
    return TargetSessions(
        name=view.name,
        engine=view.target.engine,
        state=view.assessment.severity.value,
        sessions=None if found is None else tuple(_row(session) for session in found),
        lock_waits=None if view.lock_waits is None else tuple(_wait(wait) for wait in view.lock_waits),
        failures=failure_rows(view.failures),
    )


def _row(session: Session) -> SessionRow:
    return SessionRow(
        id=session.id,
        user=session.user,
        client=session.client,
        application=session.application,
        database=session.database,
        state=session.state,
        wait=session.wait,
        statement_seconds=session.statement_seconds,
        transaction_seconds=session.transaction_seconds,
        text=session.text,
    )


def _wait(wait: LockWait) -> LockWaitRow:
    return LockWaitRow(wait.waiter, wait.holder, wait.object, wait.mode, wait.wait_seconds)


def sessions_text(looked: Looked, report: SessionsReport) -> str:
    """The report as people get it."""
    lines = []
    for view, target in zip(looked.views, report.targets, strict=True):
        lines.append(f"{printable(target.name)}  {target.engine}")
        if target.sessions:
            lines.append(table(("  ID", "USER", "APPLICATION", "STATE", "TIME", "WAIT", "STATEMENT"), map(_cells, target.sessions), (4,)))
        elif target.sessions is not None:
            lines.append("  no session")
        elif not view.failures:
            lines.append("  this target does not list its sessions")
        lines.extend(printable(_sentence(wait)) for wait in target.lock_waits or ())
        lines.extend(printable(line) for line in failure_lines(view.failures))
        lines.append("")
    return "\n".join(lines).rstrip()


def _cells(row: SessionRow) -> tuple[str, ...]:
    statement = fit(" ".join(printable(row.text).split()), _TEXT_COLUMNS)
    seconds = "-" if row.statement_seconds is None else format_value(row.statement_seconds, Unit.SECONDS)
    return (f"  {row.id}", row.user, row.application, row.state, seconds, row.wait, statement)


def _sentence(wait: LockWaitRow) -> str:
    if not wait.waiter:
        return f"  {wait.holder} holds {wait.object} {wait.mode}"
    waited = "" if wait.wait_seconds is None else f" for {format_value(wait.wait_seconds, Unit.SECONDS)}"
    return f"  {wait.waiter} waits{waited} behind {wait.holder}: {wait.object} {wait.mode}"
