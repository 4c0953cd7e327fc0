"""The pools of a connection pooler: who waits for a server connection, and why."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult

from aishell_core.values import Part
from aishell_tui.export import PaneData
from aishell_tui.frame import Frame, TargetView
from aishell_tui.look import Look
from aishell_tui.part_ages import part_is_stale
from aishell_tui.screens.base import DashboardScreen
from aishell_tui.screens.bindings import bindings_of
from aishell_tui.screens.pools_rows import (
    COLUMNS,
    detail_lines,
    pool_id,
    pool_row,
    pools_heading,
    trouble_lines,
    why_no_pools,
    worst_first,
)
from aishell_tui.screens.tables import copied_rows, table_data
from collectors.contract import Demand
from widgets.heading import Heading
from widgets.table import LineTable
from widgets.text_view import TextView

_TROUBLE_ROWS = 4


class PoolsScreen(DashboardScreen):
    """The pools of one target, worst first, with the details of the selected one; esc goes back."""

    SCREEN = "pools"
    TAB = "health"
    BINDINGS: ClassVar = bindings_of("pools")

    def compose_body(self) -> ComposeResult:
        """The table, what is the matter, and the selected pool."""
        yield LineTable(COLUMNS, heading=Heading("pools"), show_severity=True, id="pools")
        yield TextView(id="pools-trouble")
        yield TextView(id="pool")

    def demand(self) -> Demand:
        """Pools are read only while they are looked at."""
        return frozenset({Part.POOLS})

    def show_body(self, frame: Frame, look: Look) -> None:
        """The newest state of the pools."""
        view = self.viewed(frame, look)
        if view is None:
            return
        table, pools = self.query_one("#pools", LineTable), view.pools or ()
        table.set_stale(part_is_stale(view, Part.POOLS, frame.at))
        table.set_heading(pools_heading(view, pools, frame.at))
        table.set_empty_text(why_no_pools(view))
        table.set_rows([pool_row(pool, view) for pool in worst_first(pools)])
        trouble = self.query_one("#pools-trouble", TextView)
        trouble.set_lines(trouble_lines(view, self.size.width, _TROUBLE_ROWS) if view.pools is not None else ())
        trouble.display = bool(trouble.lines)
        self._show_detail(view)

    def _show_detail(self, view: TargetView) -> None:
        pane, chosen = self.query_one("#pool", TextView), self.query_one("#pools", LineTable).selected_id
        pool = next((each for each in view.pools or () if pool_id(each) == chosen), None)
        pane.display = pool is not None
        if pool is not None:
            pane.set_heading(Heading(pool_id(pool)))
            lines = detail_lines(pool, self.size.width)
            grown = len(lines) != len(pane.lines)
            pane.set_lines(lines)
            if grown:
                pane.refresh(layout=True)

    @on(LineTable.Moved)
    def _moved(self) -> None:
        view = self.viewed(self.dashboard.frame, self.dashboard.look)
        if view is not None:
            self._show_detail(view)

    def pane_data(self) -> PaneData | None:
        """The table."""
        return table_data("pools", self.query_one("#pools", LineTable))

    def copy_text(self) -> str:
        """The selected row."""
        return copied_rows(self.query_one("#pools", LineTable))
