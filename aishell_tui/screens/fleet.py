"""Screen 1: one row per target, the worst first."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.strip import Strip

from aishell_core.values import TargetId
from aishell_tui.export import PaneData
from aishell_tui.frame import Frame
from aishell_tui.keys import SCREENS
from aishell_tui.look import Look
from aishell_tui.screens.base import DashboardScreen
from aishell_tui.screens.bindings import bindings_of
from aishell_tui.screens.fleet_rows import COLUMNS, FleetRows, fleet_columns, fleet_data, host_line, own_line
from aishell_tui.screens.tables import copied_rows
from widgets.heading import Heading
from widgets.line_view import LineView
from widgets.lines import Spans
from widgets.table import LineTable

_ONE_TARGET = {name for _, name, _ in SCREENS} - {"fleet", "alerts", "events"}
"""The screens of one target that a reason may lead to."""


class TwoSidedLine(LineView):
    """One line with a text at each end."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._sides: tuple[Spans, Spans] = ((), ())

    def set_sides(self, left: Spans, right: Spans) -> None:
        """Show other texts."""
        if (left, right) != self._sides:
            self._sides = (left, right)
            self.update_lines()

    def draw(self, width: int, height: int) -> list[Strip]:
        """The line."""
        return [self.two_sided(*self._sides, width)]


class FleetScreen(DashboardScreen):
    """All targets; enter opens the health of one."""

    SCREEN = "fleet"
    OF_ONE_TARGET = False
    BINDINGS: ClassVar = bindings_of("fleet")

    def __init__(self) -> None:
        super().__init__()
        self._rows = FleetRows()
        self._frame: Frame | None = None

    def compose_body(self) -> ComposeResult:
        """The table, and the machine below it."""
        yield LineTable(
            COLUMNS,
            heading=Heading("targets"),
            show_severity=True,
            empty_text="no targets: add one with  aishell connect URL --save NAME",
            id="fleet",
        )
        yield TwoSidedLine(id="host")

    def show_body(self, frame: Frame, look: Look) -> None:
        """Rows and the host's line."""
        table = self.query_one("#fleet", LineTable)
        if frame is not self._frame:
            self._frame, columns = frame, fleet_columns(frame)
            if columns != table.columns:
                table.set_columns(columns)
        table.set_rows(self._rows.rows(frame, table.glyphs))
        self.query_one("#host", TwoSidedLine).set_sides(host_line(frame), own_line(frame))

    @on(LineTable.Opened)
    def _opened(self, message: LineTable.Opened) -> None:
        view = self.dashboard.frame.view(TargetId(message.row_id))
        reasons = view.assessment.reasons if view is not None else ()
        leads_to = reasons[0].leads_to if reasons else ""
        self.dashboard.open_target(TargetId(message.row_id), leads_to if leads_to in _ONE_TARGET else "health")

    @on(LineTable.Moved)
    def _moved(self, message: LineTable.Moved) -> None:
        """The digits lead to the screens of the target under the cursor."""
        if message.row_id is not None:
            self.dashboard.look = replace(self.dashboard.look, target=TargetId(message.row_id))

    def pane_data(self) -> PaneData | None:
        """The table."""
        return fleet_data(self.dashboard.frame)

    def copy_text(self) -> str:
        """The selected target's line with its reasons."""
        return copied_rows(self.query_one("#fleet", LineTable))
