"""Replication of one target: who follows whom, how far behind, and what log is kept for it."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult

from aishell_core.values import Part
from aishell_tui.export import PaneData
from aishell_tui.frame import Frame
from aishell_tui.look import Look
from aishell_tui.part_ages import part_is_stale
from aishell_tui.screens.base import DashboardScreen
from aishell_tui.screens.bindings import bindings_of
from aishell_tui.screens.replication_rows import COLUMNS, detail_lines, known_columns, peer_rows, replication_heading, why_none
from aishell_tui.screens.tables import copied_rows, table_data
from aishell_tui.screens.upkeep_lines import archiver_lines
from collectors.contract import Demand
from widgets.format import wrap
from widgets.heading import Heading
from widgets.lines import Spans
from widgets.table import LineTable
from widgets.text_view import TextView


class ReplicationScreen(DashboardScreen):
    """Standbys, upstream, slots, subscriptions; esc goes back."""

    SCREEN = "replication"
    TAB = "health"
    BINDINGS: ClassVar = bindings_of("replication")

    def compose_body(self) -> ComposeResult:
        """The peers, what else is known of the one under the cursor, and the archiver."""
        yield LineTable(COLUMNS, heading=Heading("replication"), show_severity=True, id="peers")
        yield TextView(id="peer")

    def demand(self) -> Demand:
        """Replication, and settings to say whether the log is archived."""
        return frozenset({Part.REPLICATION, Part.SETTINGS})

    def show_body(self, frame: Frame, look: Look) -> None:
        """The newest state of all links."""
        view = self.viewed(frame, look)
        if view is None:
            return
        table = self.query_one("#peers", LineTable)
        table.set_heading(replication_heading(view, frame.at))
        table.set_empty_text(why_none(view))
        table.set_stale(part_is_stale(view, Part.REPLICATION, frame.at))
        columns = known_columns(view.replication or ())
        if columns != table.columns:
            table.set_columns(columns)
        table.set_rows(peer_rows(view, frame.at, table.glyphs, self.size.width))
        failure = view.failure_of(Part.REPLICATION)
        shortfall: tuple[Spans, ...] = ()
        if failure is not None and view.replication:
            text = f"{failure.message}. {failure.hint}".strip()
            shortfall = tuple(((f" {line}", "warning"),) for line in wrap(text, max(20, self.size.width - 2)))
        lines = (*detail_lines(view, table.selected_id, self.size.width), *shortfall, *archiver_lines(view))
        pane = self.query_one("#peer", TextView)
        grown = len(lines) != len(pane.lines)
        pane.set_lines(lines)
        if grown:
            pane.refresh(layout=True)

    @on(LineTable.Moved)
    def _moved(self) -> None:
        self.show(self.dashboard.frame, self.dashboard.look)

    def pane_data(self) -> PaneData | None:
        """The table."""
        return table_data("replication", self.query_one("#peers", LineTable))

    def copy_text(self) -> str:
        """The selected row."""
        return copied_rows(self.query_one("#peers", LineTable))
