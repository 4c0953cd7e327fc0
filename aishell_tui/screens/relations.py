"""Tables and indexes of one target: sizes, dead rows, uses, and what there is to say against them."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult

from aishell_core.values import Part, Relation
from aishell_tui.export import PaneData
from aishell_tui.frame import Frame, TargetView
from aishell_tui.look import Look
from aishell_tui.screens.base import DashboardScreen
from aishell_tui.screens.bindings import bindings_of
from aishell_tui.screens.relation_rows import (
    COLUMNS,
    MOST_ROWS,
    RelationMode,
    detail_lines,
    first_mode,
    has_lists,
    known_columns,
    of_mode,
    relation_row,
    relation_words,
    relations_heading,
    why_empty,
)
from aishell_tui.screens.tables import copied_rows, table_data
from collectors.contract import Demand
from widgets.heading import Heading
from widgets.prepared_search import PreparedSearch
from widgets.table import LineTable
from widgets.table_order import parse_pattern
from widgets.text_view import TextView

_SERVER_MODES = (RelationMode.TABLES, RelationMode.INDEXES, RelationMode.FINDINGS)
_MODES = (RelationMode.ALL, *_SERVER_MODES)
_AGES_SECONDS = 60.0


class RelationsScreen(DashboardScreen):
    """The tables and indexes; esc goes back."""

    SCREEN = "tables"
    TAB = "health"
    BINDINGS: ClassVar = bindings_of("tables")

    def __init__(self) -> None:
        super().__init__()
        self._mode: RelationMode | None = None
        self._made: tuple[object, str, float] | None = None
        self._ordered: tuple[Relation, ...] = ()
        self._search = PreparedSearch(relation_words)
        self._counted = (0, 0)
        self._listed: dict[str, Relation] = {}

    def compose_body(self) -> ComposeResult:
        """The table, and what else is known of the row under the cursor."""
        yield LineTable(COLUMNS, heading=Heading("tables and indexes"), id="relations")
        yield TextView(id="relation")

    def withheld_actions(self) -> frozenset[str]:
        """What has neither tables nor indexes has one list alone."""
        view = self.viewed(self.dashboard.frame, self.dashboard.look)
        one = view is not None and bool(view.relations) and not has_lists(view.relations or ())
        return super().withheld_actions() | (frozenset({"mode"}) if one else frozenset())

    def demand(self) -> Demand:
        """Sizes are read only while they are looked at."""
        return frozenset({Part.RELATIONS})

    def show_body(self, frame: Frame, look: Look) -> None:
        """The newest sizes, the largest first."""
        view = self.viewed(frame, look)
        if view is None:
            return
        table = self.query_one("#relations", LineTable)
        if self._mode is None and view.relations:
            self._mode = first_mode(view.relations)
        mode = self._mode or RelationMode.ALL
        self._list(table, view, mode, frame.at)
        table.set_empty_text(why_empty(view, mode))
        table.set_heading(relations_heading(view, mode, *self._counted, frame.at))
        lines = detail_lines(view, self._listed.get(table.selected_id or ""), self.size.width)
        pane = self.query_one("#relation", TextView)
        grown = len(lines) != len(pane.lines)
        pane.set_lines(lines)
        if grown:
            pane.refresh(layout=True)

    def _list(self, table: LineTable, view: TargetView, mode: RelationMode, now: float) -> None:
        """Make the rows anew, only where something has changed: there can be thousands."""
        relations = view.relations or ()
        search = table.filter_text if len(relations) > MOST_ROWS else ""
        of = (view.name, view.part_at.get(Part.RELATIONS), mode)
        made = (of, search, now // _AGES_SECONDS)
        if made == self._made:
            return
        if self._made is None or of != self._made[0]:
            self._ordered = of_mode(relations, mode)
        self._made = made
        found = self._search.found(self._ordered, parse_pattern(search))
        shown = found[:MOST_ROWS]
        self._counted = (len(shown), len(found))
        columns = known_columns(shown, mode)
        if shown and columns != table.columns:
            table.set_columns(columns)
        rows = [relation_row(each, now) for each in shown]
        self._listed = {row.id: each for row, each in zip(rows, shown, strict=True)}
        table.set_rows(rows)

    def action_mode(self) -> None:
        """Tables, indexes, or those with a finding."""
        view = self.viewed(self.dashboard.frame, self.dashboard.look)
        if "mode" in self.withheld_actions():
            return
        modes = _SERVER_MODES if view is not None and first_mode(view.relations or ()) is RelationMode.TABLES else _MODES
        mode = self._mode or modes[0]
        self._mode = modes[(modes.index(mode) + 1) % len(modes)] if mode in modes else modes[0]
        self.query_one("#relations", LineTable).select(None)
        self.show(self.dashboard.frame, self.dashboard.look)

    @on(LineTable.Moved)
    def _moved(self) -> None:
        self.show(self.dashboard.frame, self.dashboard.look)

    def filter_table(self, table: LineTable, text: str) -> str:
        """Look among all relations, also those that are not in the table."""
        error = super().filter_table(table, text)
        self.show(self.dashboard.frame, self.dashboard.look)
        return error

    def pane_data(self) -> PaneData | None:
        """The table."""
        return table_data("tables", self.query_one("#relations", LineTable))

    def copy_text(self) -> str:
        """The selected row."""
        return copied_rows(self.query_one("#relations", LineTable))
