"""What `aishell connections` prints."""

from __future__ import annotations

from aishell_core.targets import Target
from aishell_core.values import Severity
from aishell_tui.cli.reports.looked import glyph
from aishell_tui.cli.shapes import ConnectionRow, ConnectionsReport
from aishell_tui.cli.terminal import printable, table
from aishell_tui.frame import TargetView


def connection_row(target: Target, view: TargetView | None = None) -> ConnectionRow:
    """One target, with its state where it was read."""
    return ConnectionRow(
        name=target.name,
        engine=target.engine,
        url=target.location.redacted() if target.obstacle is None else target.obstacle.address,
        environment=target.environment.value,
        tags=target.tags,
        origin=target.origin,
        state=view.assessment.severity.value if view else None,
        version=view.facts.version if view and view.facts and view.facts.version else None,
        reasons=_reasons(target, view),
    )


def _reasons(target: Target, view: TargetView | None) -> tuple[str, ...]:
    if view is not None:
        return tuple(reason.text for reason in view.assessment.reasons)
    return (target.obstacle.message,) if target.obstacle is not None else ()


def connections_report(rows: tuple[ConnectionRow, ...]) -> ConnectionsReport:
    """The report as scripts get it."""
    return ConnectionsReport(rows)


def connections_text(rows: tuple[ConnectionRow, ...], health: bool, *, unicode: bool) -> str:
    """The report as people get it."""
    headings = (*(("STATE",) if health else ()), "NAME", "ENGINE", "ENVIRONMENT", "URL", "CONFIGURED IN")
    lines = table(headings, (_cells(row, unicode) for row in rows)).splitlines()
    shown = [lines[0]]
    for row, line in zip(rows, lines[1:], strict=True):
        shown.append(line)
        shown.extend(f"  {printable(reason)}" for reason in row.reasons)
    return "\n".join(shown)


def _cells(row: ConnectionRow, unicode: bool) -> tuple[str, ...]:
    state = (f"{glyph(Severity(row.state), unicode)} {row.state}",) if row.state else ()
    engine = f"{row.engine} {row.version}" if row.version else row.engine
    return (*state, row.name, engine, row.environment, row.url, row.origin)
