"""What the sessions of a target waited for over time, by class, and by statement, user, application and database."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from textual import on
from textual.app import ComposeResult

from aishell_core.units import format_duration
from aishell_core.values import Ability, TargetId
from aishell_tui.export import PaneData
from aishell_tui.frame import Frame, TargetView
from aishell_tui.look import Look
from aishell_tui.screens.base import DashboardScreen
from aishell_tui.screens.bindings import bindings_of
from aishell_tui.screens.health_data import event_marks
from aishell_tui.screens.sessions_rows import are_partly_hidden
from aishell_tui.screens.tables import copied_rows, table_data
from aishell_tui.screens.waits_data import (
    chart_heading,
    class_averages,
    class_signs,
    share_columns,
    share_row,
    stack_data,
    table_heading,
)
from aishell_tui.text import data_age_text, next_target, why_unknown
from aishell_tui.wait_history import WaitHistory
from aishell_tui.wait_profile import DIMENSIONS, Dimension, Only, WaitProfile, value_text, wait_shares
from widgets.chart_axis import ChartMark
from widgets.heading import Heading
from widgets.stacked_chart import StackData, StackedChart
from widgets.table import LineTable

_NARROWED_CHARACTERS = 32


class WaitsScreen(DashboardScreen):
    """The wait profile; enter narrows it to a row, esc widens it again."""

    SCREEN = "waits"
    TAB = "sessions"
    TRAVELS = True
    BINDINGS: ClassVar = bindings_of("waits")

    def __init__(self) -> None:
        super().__init__()
        self._dimension = Dimension.WAIT
        self._only: Only = ()
        self._of: TargetId | None = None
        self._history = WaitHistory()
        self._profile = WaitProfile(self._history)
        self._drawn: object = None
        self._data = StackData()
        self._average: float | None = None
        self._why = ""

    def compose_body(self) -> ComposeResult:
        """The chart, and under it the table."""
        yield StackedChart(heading=Heading("waits"), id="waits-chart")
        yield LineTable(share_columns(self._dimension), heading=Heading("top waits"), hold_order=False, id="waits")

    def show_body(self, frame: Frame, look: Look) -> None:
        """The profile of the window; drawn again only when there is a new reading or another look."""
        view = self.viewed(frame, look)
        if view is None:
            return
        history = self.dashboard.runtime.waits(view.name)
        if view.name != self._of or history is not self._history:
            self._of, self._history, self._profile, self._only = view.name, history, WaitProfile(history), ()
        chart = self.query_one("#waits-chart", StackedChart)
        # Up to the newest reading that the frame knows of, so that nothing moves between readings or while it is frozen.
        since, until = look.window(min(frame.at, history.last_at or frame.at))
        drawn = (since, until, self._dimension, self._only, chart.size, chart.palette, view.failures_by_tier, view.abilities)
        if drawn != self._drawn:
            self._drawn = drawn
            # The newest reading belongs to the window.
            self._compute(view, (since, until + 0.001), event_marks(frame.events, view.name, (since, until)))
        self._show_headings(view, frame, look)

    def _compute(self, view: TargetView, window: tuple[float, float], marks: tuple[ChartMark, ...]) -> None:
        chart, table = self.query_one("#waits-chart", StackedChart), self.query_one("#waits", LineTable)
        profile = self._profile.read(window, chart.bucket_count, self._only)
        # Of what the chart shows, which is a part of a bucket shorter: the two must not contradict each other.
        window = (max(window[0], profile.start), window[1])
        by_wait = shares = wait_shares(self._history, window, Dimension.WAIT, self._only)
        if self._dimension is not Dimension.WAIT:
            shares = wait_shares(self._history, window, self._dimension, self._only)
        self._average, self._data = by_wait.average, stack_data(profile, class_averages(by_wait), marks)
        self._why = why_no_waits(view, known=by_wait.average is not None)
        signs = class_signs(profile.classes)
        table.set_heading(table_heading(self._dimension, view.interval_seconds))
        table.set_empty_text(self._why)
        table.set_rows([share_row(row, signs, table.glyphs, coloured=chart.has_colours) for row in shares.rows])

    def _show_headings(self, view: TargetView, frame: Frame, look: Look) -> None:
        narrowed = [value_text(self._history, dimension, value)[:_NARROWED_CHARACTERS] for dimension, value in self._only]
        last, live = self._history.last_at, look.until is None
        fresh = f"live {round(max(0.0, frame.at - last))}s" if last is not None and live else ""
        stale = self._stale_text(view, frame.at) if live else ""
        hidden = are_partly_hidden(view, "waits")
        heading = chart_heading(look, frame.at, self._average, narrowed, fresh, stale, partly_hidden=hidden)
        self.query_one("#waits-chart", StackedChart).set_data(self._data, heading, self._why.partition("\n")[0])
        self.query_one("#waits", LineTable).set_stale(bool(stale))

    def _stale_text(self, view: TargetView, now: float) -> str:
        last, longest = self._history.last_at, 2 * view.interval_seconds + 0.5
        if view.is_stale(now):
            return data_age_text(view, now)
        return f"stale {format_duration(round(now - last))}" if last is not None and now - last > longest else ""

    def action_dimension(self, steps: int) -> None:
        """List by another dimension."""
        self._dimension = DIMENSIONS[(DIMENSIONS.index(self._dimension) + steps) % len(DIMENSIONS)]
        table = self.query_one("#waits", LineTable)
        table.select(None)
        table.set_columns(share_columns(self._dimension))
        self.show(self.dashboard.frame, self.dashboard.look)

    def action_next_target(self, steps: int) -> None:
        """The waits of the next target."""
        frame, look = self.dashboard.frame, self.dashboard.look
        self.dashboard.change_look(replace(look, target=next_target(frame, look.target, steps)))

    @on(LineTable.Opened)
    def _opened(self, message: LineTable.Opened) -> None:
        value = message.row_id.removeprefix("=")
        kept = tuple(pair for pair in self._only if pair[0] is not self._dimension)
        self._only = (*kept, (self._dimension, value))
        message.table.select(None)
        # By itself a row says no more; what it was that waited, or who, does.
        following = Dimension.STATEMENT if self._dimension is Dimension.WAIT else Dimension.WAIT
        self.action_dimension(DIMENSIONS.index(following) - DIMENSIONS.index(self._dimension))

    def action_back(self) -> None:
        """Widen to what was shown before the last narrowing, then as on every screen."""
        table = self.table
        if self._only and not (table is not None and table.filter_text):
            self._only = self._only[:-1]
            self.show(self.dashboard.frame, self.dashboard.look)
        else:
            super().action_back()

    def pane_data(self) -> PaneData | None:
        """The table."""
        return table_data(f"top {self._dimension}", self.query_one("#waits", LineTable))

    def copy_text(self) -> str:
        """The selected statement as far as it is kept, or the selected row."""
        table = self.query_one("#waits", LineTable)
        if self._dimension is Dimension.STATEMENT and table.selected_id is not None:
            return self._history.text(table.selected_id.removeprefix("="))
        return copied_rows(table)


def why_no_waits(view: TargetView, *, known: bool) -> str:
    """Why nothing is shown: the engine does not tell, it could not be read, or nothing was active; `known`: it was read."""
    failure = view.failure_of("waits") or view.failure_of("sessions") or view.target_failure
    if failure is not None:
        return why_unknown(failure)
    if view.lacks(Ability.WAITS):
        return "n/a: this engine does not tell what its sessions wait for"
    return "no session was active in this window" if known else "nothing was read in this window; waits are kept in memory for six hours"
