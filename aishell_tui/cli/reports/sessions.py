"""What `aishell sessions` prints."""

from __future__ import annotations

from aishell_core.units import format_value
from aishell_core.values import LockWait, Session, Unit
from aishell_tui.cli.encode import utc_text
from aishell_tui.cli.reports.looked import Looked, failure_lines, failure_rows
from aishell_tui.cli.shapes import LockWaitRow, SessionRow, SessionsReport, TargetSessions
from aishell_tui.cli.terminal import fit, printable, table
from aishell_tui.frame import TargetView

_TEXT_COLUMNS = 50


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
