"""What is made by itself: when it is due next, how it went last, why it is not in force."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult

from aishell_core.units import format_duration
from aishell_core.values import Severity
from aishell_tui.export import PaneData
from aishell_tui.frame import Frame
from aishell_tui.look import Look
from aishell_tui.screens.backups_acts import BackupActingScreen
from aishell_tui.screens.bindings import bindings_of
from aishell_tui.screens.tables import copied_rows, table_data
from aishell_tui.text import moment_text
from widgets.heading import Heading
from widgets.lines import Spans
from widgets.table import LineTable
from widgets.table_model import Cell, Column, Row

if TYPE_CHECKING:
    # Loaded with what works on backups, when a screen of them is opened.
    from aishell_core.targets import Target
    from aishell_tui.backup_schedules import Scheduled
    from aishell_tui.backup_shelf import Copies
    from aishell_tui.backup_view import BackupsView

COLUMNS: tuple[Column, ...] = (
    Column("name", "NAME", None, 10, help="Its name"),
    Column("when", "WHEN", None, 14, help="When it is due, as a cron expression in its time zone"),
    Column("next", "NEXT", 8, align="right", help="How long until it begins next"),
    Column("last", "LAST", 8, align="right", priority=1, help="How long ago its last run began"),
    Column("outcome", "OUTCOME", 11, help="How that ended"),
    Column("targets", "TARGETS", None, 10, priority=2, help="Of which targets"),
    Column("at", "NEXT AT", 11, priority=3, help="When it begins next (UTC)"),
    Column("origin", "FROM", None, 12, priority=4, help="Where it is written"),
)
_SEVERITIES = {"done": Severity.OK, "running": Severity.OK, "doubtful": Severity.WARNING, "interrupted": Severity.WARNING}
_NOTHING = "nothing is scheduled: aishell backup schedule, or schedule: under backups: in the configuration"


def schedule_row(one: Scheduled, now: float) -> Row:
    """One schedule; under it why it is not in force, or what went wrong."""
    last = one.last
    severity = Severity.UNKNOWN if last is None else _SEVERITIES.get(last.outcome.value, Severity.CRITICAL)
    role = {Severity.OK: "ok", Severity.WARNING: "warning", Severity.CRITICAL: "critical"}.get(severity, "dim")
    note = one.note or (last.message if last is not None and severity is not Severity.OK else "")
    return Row(
        one.name,
        {
            "name": Cell(one.name, "bold"),
            "when": Cell(f"{one.expression} {one.timezone}".strip()),
            "next": _until(one.next_at, now),
            "last": _since(None if last is None else last.started_at, now),
            "outcome": Cell("never run", "dim") if last is None else Cell(last.outcome.value, role),  # type: ignore[arg-type]
            "targets": Cell(f"{'all: ' if one.of_all else ''}{', '.join(one.targets) or '–'}", "label"),
            "at": Cell("–", "dim", math.nan) if one.next_at is None else Cell(moment_text(one.next_at, now), "dim", one.next_at),
            "origin": Cell(one.origin, "dim"),
        },
        note=((note, "warning"),) if note else (),
        severity=severity,
    )


def _until(moment: float | None, now: float) -> Cell:
    if moment is None:
        return Cell("–", "dim", math.nan)
    return Cell(format_duration(max(0.0, float(round(moment - now)))), "text", moment)


def _since(moment: float | None, now: float) -> Cell:
    return (
        Cell("–", "dim", math.nan) if moment is None else Cell(format_duration(max(0.0, float(round(now - moment)))), "dim", now - moment)
    )


def who_runs(view: BackupsView | None) -> Spans:
    """Whether anybody runs them."""
    if view is None or not view.schedules:
        return ()
    return (("run by a program", "label"),) if view.is_hosted else (("nobody runs them: aishell backup run-scheduler does", "warning"),)


class SchedulesScreen(BackupActingScreen):
    """All schedules; esc goes back."""

    SCREEN = "schedules"
    BINDINGS: ClassVar = bindings_of("schedules")

    def compose_body(self) -> ComposeResult:
        """The table."""
        yield LineTable(COLUMNS, heading=Heading("schedules"), show_severity=True, empty_text=_NOTHING, id="schedules")

    def show_body(self, frame: Frame, look: Look) -> None:
        """What is known of them now."""
        view, table = self.room.view, self.query_one("#schedules", LineTable)
        table.set_heading(Heading("schedules", who_runs(view)))
        table.set_empty_text(_NOTHING if view is not None else "looking …")
        table.set_rows([schedule_row(one, frame.at) for one in view.schedules] if view is not None else [])
        self.look_if_due()

    def chosen(self) -> Copies | None:
        """No backup is chosen among schedules."""
        return None

    def chosen_target(self) -> Target | None:
        """Nor a target."""
        return None

    def pane_data(self) -> PaneData | None:
        """The table."""
        return table_data("schedules", self.query_one("#schedules", LineTable))

    def copy_text(self) -> str:
        """The selected schedule."""
        return copied_rows(self.query_one("#schedules", LineTable))
