"""aishell connections: what is configured, and with --health whether it can be read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from aishell_core.values import Severity
from aishell_tui.cli.arguments import (
    ADD_ONE,
    AllOption,
    ConfigOption,
    DatabaseOption,
    JsonOption,
    TargetOption,
    choice,
    configuration,
    examples,
    selected,
)
from aishell_tui.cli.encode import to_json
from aishell_tui.cli.looking import exit_code, glyph, look
from aishell_tui.cli.shapes import ConnectionRow, ConnectionsReport
from aishell_tui.cli.terminal import note, printable, say, speaks_unicode, table

if TYPE_CHECKING:
    from aishell_core.targets import Target
    from aishell_tui.frame import TargetView


def register(app: typer.Typer) -> None:
    """Add the command to the tree."""
    app.command(
        "connections",
        epilog=examples("aishell connections", "aishell connections --health", "aishell connections --json"),
    )(connections)


def connections(
    context: typer.Context,
    database: DatabaseOption = None,
    everything: AllOption = False,
    target: TargetOption = None,
    config: ConfigOption = None,
    health: Annotated[bool, typer.Option("--health", help="Read each of them once and say how it is.")] = False,
    json: JsonOption = False,
) -> int:
    """The configured databases.

    Name, engine, URL without password, environment, and the file and line that configures each.

    With --health the exit code is the worst state: 0 ok, 1 warning, 2 critical, 3 unknown; without it 0.
    """
    chosen = choice(context, config, target, database, everything)
    if health:
        looked = look(chosen, "0")
        rows, code = tuple(_row(view.target, view) for view in looked.views), exit_code(looked.state)
    else:
        rows, code = tuple(_row(item) for item in selected(chosen, configuration(chosen), needed=False)), 0
    if json:
        say(to_json(ConnectionsReport(rows)))
    elif rows:
        say(_text(rows, health, speaks_unicode()))
    else:
        note(f"no database is configured; {ADD_ONE}")
    return code


def _row(target: Target, view: TargetView | None = None) -> ConnectionRow:
    return ConnectionRow(
        name=target.name,
        engine=target.engine,
        url=target.location.redacted(),
        environment=target.environment.value,
        tags=target.tags,
        origin=target.origin,
        state=view.assessment.severity.value if view else None,
        version=view.facts.version if view and view.facts and view.facts.version else None,
        reasons=tuple(reason.text for reason in view.assessment.reasons) if view else (),
    )


def _text(rows: tuple[ConnectionRow, ...], health: bool, unicode: bool) -> str:
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
