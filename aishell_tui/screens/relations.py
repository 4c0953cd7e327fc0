"""Tables and indexes of one target with their sizes."""

from __future__ import annotations

import math
from typing import ClassVar

from textual.app import ComposeResult

from aishell_core.units import format_bytes, format_count
from aishell_core.values import Part, Relation
from aishell_tui.export import PaneData
from aishell_tui.frame import Frame
from aishell_tui.look import Look
from aishell_tui.screens.base import DashboardScreen
from aishell_tui.screens.bindings import bindings_of
from aishell_tui.screens.tables import copied_rows, table_data
from collectors.contract import Demand
from widgets.heading import Heading
from widgets.table import LineTable
from widgets.table_model import Cell, Column, Row

COLUMNS: tuple[Column, ...] = (
    Column("name", "NAME", None, 20, help="The table or index"),
    Column("kind", "KIND", 8, help="Table or index"),
    Column("table", "TABLE", 20, priority=2, help="The table that an index belongs to"),
    Column("size_bytes", "SIZE", 10, align="right", help="Bytes on disk"),
    Column("free_bytes", "UNUSED", 10, align="right", priority=1, help="Bytes inside its pages that hold nothing"),
    Column("rows", "ROWS", 9, align="right", help="Rows, as last counted by ANALYZE"),
)


def _bytes(value: float | None) -> Cell:
    return Cell("–", "dim", math.nan) if value is None else Cell(format_bytes(value), "text", value)


def relation_row(relation: Relation) -> Row:
    """One table or index as a row."""
    return Row(
        f"{relation.kind}/{relation.table}/{relation.name}",
        {
            "name": Cell(relation.name, "bold"),
            "kind": Cell(relation.kind, "label"),
            "table": Cell(relation.table, "dim"),
            "size_bytes": _bytes(relation.size_bytes),
            "free_bytes": _bytes(relation.free_bytes),
            "rows": Cell("–", "dim", math.nan) if relation.rows is None else Cell(format_count(relation.rows), "text", relation.rows),
        },
    )


class RelationsScreen(DashboardScreen):
    """The tables and indexes; esc goes back."""

    SCREEN = "tables"
    TAB = "health"
    BINDINGS: ClassVar = bindings_of("tables")

    def compose_body(self) -> ComposeResult:
        """The table."""
        yield LineTable(COLUMNS, heading=Heading("tables and indexes"), id="relations")

    def demand(self) -> Demand:
        """Sizes are read only while they are looked at."""
        return frozenset({Part.RELATIONS})

    def show_body(self, frame: Frame, look: Look) -> None:
        """The newest sizes, the largest first."""
        view = self.viewed(frame, look)
        if view is None:
            return
        table = self.query_one("#relations", LineTable)
        failure = view.failure_of(Part.RELATIONS) or view.target_failure
        table.set_empty_text(
            f"n/a: {failure.message}. {failure.hint}" if failure is not None else "reading …" if view.relations is None else "no tables"
        )
        relations = sorted(view.relations or (), key=lambda each: -(each.size_bytes or 0.0))
        table.set_rows([relation_row(each) for each in relations])

    def pane_data(self) -> PaneData | None:
        """The table."""
        return table_data("tables", self.query_one("#relations", LineTable))

    def copy_text(self) -> str:
        """The selected row."""
        return copied_rows(self.query_one("#relations", LineTable))
