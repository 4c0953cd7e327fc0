"""Screen 3: statement digests, the slow ones first."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import ClassVar

from textual import on
from textual.app import ComposeResult

from aishell_core.values import Part, Statement, TargetId
from aishell_tui.digests import DigestMode, DigestTable, Ranked, digest_key
from aishell_tui.export import PaneData
from aishell_tui.frame import Frame, TargetView
from aishell_tui.look import Look
from aishell_tui.part_ages import part_is_stale
from aishell_tui.screens.base import DashboardScreen
from aishell_tui.screens.bindings import bindings_of
from aishell_tui.screens.query_rows import (
    COLUMNS,
    MOST_ROWS,
    digest_table_row,
    known_columns,
    queries_heading,
    row_at_rest,
    shortfall_lines,
    statement_words,
    why_empty,
)
from aishell_tui.screens.tables import table_data
from aishell_tui.text import next_target
from collectors.contract import Demand
from widgets.heading import Heading
from widgets.prepared_search import PreparedSearch
from widgets.table import LineTable
from widgets.table_order import parse_pattern
from widgets.text_view import TextView

_MODES = tuple(DigestMode)


class QueriesScreen(DashboardScreen):
    """What takes the time, by statement; enter shows one with its plan."""

    SCREEN = "queries"
    BINDINGS: ClassVar = bindings_of("queries")

    def __init__(self) -> None:
        super().__init__()
        self._mode = DigestMode.LIVE
        self._shown: TargetId | None = None
        self._table = DigestTable()
        self._fitted: tuple[tuple[Statement, ...] | None, DigestMode | None] = (None, None)
        self._search: PreparedSearch[Ranked] = PreparedSearch(lambda ranked: statement_words(ranked.statement))

    def compose_body(self) -> ComposeResult:
        """The table, and under it what is missing from it."""
        yield LineTable(COLUMNS, heading=Heading("queries"), new_in_place=True, vanished=row_at_rest, id="queries")
        yield TextView(id="shortfall")

    def demand(self) -> Demand:
        """Statements alone: who runs one is asked when it is opened."""
        return frozenset({Part.STATEMENTS})

    def show_body(self, frame: Frame, look: Look) -> None:
        """The digests of the target that is looked at."""
        view = self.viewed(frame, look)
        if view is None:
            return
        table = self.query_one("#queries", LineTable)
        if view.name != self._shown:
            # Another target's rows must not stay as vanished ones.
            self._shown = view.name
            table.select(None)
            table.clear_marks()
        found = self._digests(view, table.filter_text)
        history = self.dashboard.digests.history(view.name)
        span, anew = history.span_seconds(self._mode), history.anew(self._mode)
        table.set_empty_text(why_empty(view, self._mode, span))
        table.set_heading(queries_heading(view, self._mode, span, found, frame.at, anew))
        table.set_stale(part_is_stale(view, Part.STATEMENTS, frame.at))
        if found is not self._table:
            self._table = found
            self._fit_columns(table, view)
            table.set_rows([digest_table_row(row) for row in found.rows])
        self._show_shortfall(view)

    def _digests(self, view: TargetView, search: str) -> DigestTable:
        """What the table shows: the heaviest digests, of those that the filter lets through where there are too many for the table."""
        history = self.dashboard.digests.history(view.name)
        pattern = parse_pattern(search) if len(view.statements or ()) > MOST_ROWS else None
        return history.table(self._mode, MOST_ROWS, search if pattern else "", partial(self._search.found, pattern=pattern))

    def _fit_columns(self, table: LineTable, view: TargetView) -> None:
        if self._fitted[0] is view.statements and self._fitted[1] is self._mode:
            return
        self._fitted = (view.statements, self._mode)
        columns = known_columns((view.statements or ())[:MOST_ROWS], self._mode)
        if view.statements and columns != table.columns:
            table.set_columns(columns)

    def _show_shortfall(self, view: TargetView) -> None:
        note = self.query_one("#shortfall", TextView)
        lines = shortfall_lines(view, self.size.width)
        if lines != note.lines:
            note.set_lines(lines)
            note.styles.height = len(lines)
            note.display = bool(lines)

    def filter_table(self, table: LineTable, text: str) -> str:
        """Look among all digests, also those that are not in the table."""
        error = super().filter_table(table, text)
        self.show(self.dashboard.frame, self.dashboard.look)
        return error

    def action_mode(self) -> None:
        """The next mode."""
        self._mode = _MODES[(_MODES.index(self._mode) + 1) % len(_MODES)]
        self.show(self.dashboard.frame, self.dashboard.look)

    def action_reset(self) -> None:
        """Count from now, in the mode that does."""
        view = self.viewed(self.dashboard.frame, self.dashboard.look)
        if view is not None:
            self.dashboard.digests.history(view.name).reset()
            self._mode = DigestMode.RESET
            self.show(self.dashboard.frame, self.dashboard.look)

    def action_next_target(self, steps: int) -> None:
        """The queries of the next target."""
        frame, look = self.dashboard.frame, self.dashboard.look
        self.dashboard.change_look(replace(look, target=next_target(frame, look.target, steps)))

    def action_explain(self) -> None:
        """Show the plan of the selected statement."""
        self.query_one("#queries", LineTable).action_open()

    def _statement(self, digest: str | None) -> Statement | None:
        view = self.viewed(self.dashboard.frame, self.dashboard.look)
        statements = view.statements if view is not None else None
        return next((each for each in statements or () if digest_key(each) == digest), None)

    @on(LineTable.Opened)
    def _opened(self, message: LineTable.Opened) -> None:
        view = self.viewed(self.dashboard.frame, self.dashboard.look)
        statement = self._statement(message.row_id)
        if view is not None and statement is not None:
            from aishell_tui.screens.query import QueryScreen

            self.app.push_screen(QueryScreen(view.name, statement))

    def pane_data(self) -> PaneData | None:
        """The table."""
        return table_data("queries", self.query_one("#queries", LineTable))

    def copy_text(self) -> str:
        """The selected statement's text."""
        statement = self._statement(self.query_one("#queries", LineTable).selected_id)
        return statement.text if statement is not None else ""
