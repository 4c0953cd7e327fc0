"""Screen 3: statement digests, the slow ones first."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import ClassVar

from textual import on
from textual.app import ComposeResult

from aishell_core.units import format_count, format_duration, format_value
from aishell_core.values import Part, Statement, TargetId, Unit
from aishell_tui.digests import DigestMode, DigestRow
from aishell_tui.export import PaneData
from aishell_tui.frame import Frame, TargetView
from aishell_tui.look import Look
from aishell_tui.screens.base import DashboardScreen
from aishell_tui.screens.bindings import bindings_of
from aishell_tui.screens.tables import table_data
from aishell_tui.text import data_age_text, next_target
from collectors.contract import Demand
from widgets.heading import Heading
from widgets.palette import Role
from widgets.table import LineTable
from widgets.table_model import Cell, Column, Row

COLUMNS: tuple[Column, ...] = (
    Column("time_share", "%TIME", 6, align="right", help="Share of all time that statements took"),
    Column("calls_per_second", "CALLS/S", 8, align="right", help="Calls per second"),
    Column("calls", "CALLS", 7, align="right", priority=3, help="Calls"),
    Column("mean_milliseconds", "MEAN", 7, align="right", help="Mean time of a call"),
    Column("p95_milliseconds", "P95", 7, align="right", priority=1, help="95th percentile of a call's time"),
    Column("max_milliseconds", "MAX", 7, align="right", priority=4, help="Longest call"),
    Column("rows_per_call", "ROWS", 6, align="right", priority=2, help="Rows per call"),
    Column("errors", "ERR", 5, align="right", priority=5, help="Calls that failed"),
    Column("text", "STATEMENT", None, 30, help="The normalised text"),
)
_MODES = tuple(DigestMode)
_SLOW_MILLISECONDS = 100.0
_VERY_SLOW_MILLISECONDS = 1000.0


def _milliseconds(value: float | None) -> Cell:
    if value is None:
        return Cell("–", "dim", math.nan)
    role: Role = "text"
    if value >= _VERY_SLOW_MILLISECONDS:
        role = "critical"
    elif value >= _SLOW_MILLISECONDS:
        role = "warning"
    return Cell(format_duration(value / 1000), role, value)


def _count(value: float | None) -> Cell:
    return Cell("–", "dim", math.nan) if value is None else Cell(format_count(value), "text", value)


def digest_table_row(row: DigestRow) -> Row:
    """One digest as a table row."""
    statement = row.statement
    return Row(
        statement.digest,
        {
            "time_share": Cell(format_value(row.time_share, Unit.RATIO), "bold", row.time_share),
            "calls_per_second": _count(row.calls_per_second),
            "calls": _count(row.calls),
            "mean_milliseconds": _milliseconds(row.mean_milliseconds),
            "p95_milliseconds": _milliseconds(statement.p95_milliseconds),
            "max_milliseconds": _milliseconds(statement.max_milliseconds),
            "rows_per_call": _count(row.rows_per_call),
            "errors": Cell("–", "dim", 0.0) if not row.errors else Cell(format_count(row.errors), "warning", row.errors),
            "text": Cell(" ".join(statement.text.split())),
        },
    )


def queries_heading(view: TargetView, mode: DigestMode, span_seconds: float | None, now: float) -> Heading:
    """The pane's title: mode and its span, and how fresh the figures are."""
    span = f"last {format_duration(round(span_seconds))}" if span_seconds else ""
    detail = f"{mode}{', ' + span if span else ''}   t: live, since reset, total"
    age = view.part_at.get(Part.STATEMENTS)
    fresh = f"live {round(max(0.0, now - age))}s" if age is not None else ""
    stale = data_age_text(view, now) if view.is_stale(now) else ""
    return Heading("queries", ((detail, "label"),), fresh, stale)


def why_empty(view: TargetView, mode: DigestMode) -> str:
    """Why there are no rows: what could not be read and what to do, or that nothing ran."""
    failure = view.failure_of("statements") or view.target_failure
    if failure is not None:
        return f"n/a: {failure.message}. {failure.hint}".strip()
    return "no statement ended in this span" if mode is not DigestMode.TOTAL and view.statements else "no statements yet"


class QueriesScreen(DashboardScreen):
    """What takes the time, by statement; enter shows one with its plan."""

    SCREEN = "queries"
    BINDINGS: ClassVar = bindings_of("queries")

    def __init__(self) -> None:
        super().__init__()
        self._mode = DigestMode.LIVE
        self._shown: TargetId | None = None

    def compose_body(self) -> ComposeResult:
        """The table."""
        yield LineTable(COLUMNS, heading=Heading("queries"), id="queries")

    def demand(self) -> Demand:
        """Statements, and sessions to say who runs one."""
        return frozenset({Part.STATEMENTS, Part.SESSIONS})

    def show_body(self, frame: Frame, look: Look) -> None:
        """The digests of the target that is looked at."""
        view = self.viewed(frame, look)
        if view is None:
            return
        history = self.dashboard.digests.history(view.name)
        table = self.query_one("#queries", LineTable)
        if view.name != self._shown:
            # Another target's rows must not stay as vanished ones.
            self._shown = view.name
            table.select(None)
            table.clear_marks()
        table.set_empty_text(why_empty(view, self._mode))
        table.set_heading(queries_heading(view, self._mode, history.span_seconds(self._mode), frame.at))
        table.set_stale(view.is_stale(frame.at))
        table.set_rows([digest_table_row(row) for row in history.rows(self._mode)])

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
        return next((each for each in statements or () if each.digest == digest), None)

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
