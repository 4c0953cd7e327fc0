"""Screen 2: one target, its key figures, its charts, and what is wrong with it."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from textual import on
from textual.app import ComposeResult

from aishell_core.errors import AishellError
from aishell_core.state.history import History
from aishell_core.values import Part, TargetId
from aishell_tui.charts import ChartSpec, chart_specs
from aishell_tui.export import PaneData
from aishell_tui.frame import Frame, TargetView
from aishell_tui.look import Look
from aishell_tui.screens.base import DashboardScreen
from aishell_tui.screens.bindings import bindings_of
from aishell_tui.screens.chart_grid import ChartGrid
from aishell_tui.screens.health_data import chart_data, event_marks, figures, status_lines
from aishell_tui.screens.metrics import MetricsScreen, metrics_data
from aishell_tui.text import next_target
from collectors.contract import Demand
from widgets.chart import ChartData
from widgets.figures import KeyFigures
from widgets.text_view import TextView

_HISTORY_FRESH_SECONDS = 30.0
_STATUS_ROWS = 3


class HealthScreen(DashboardScreen):
    """The health of one target."""

    SCREEN = "health"
    AUTO_FOCUS = ""
    BINDINGS: ClassVar = bindings_of("health")

    def __init__(self) -> None:
        super().__init__()
        self._history: History | None = None
        self._history_for: tuple[TargetId, float, float] | None = None
        self._specs: tuple[tuple[ChartSpec, str], ...] = ()

    def compose_body(self) -> ComposeResult:
        """Figures, charts, sentences."""
        yield KeyFigures(id="figures")
        yield ChartGrid(id="charts")
        yield TextView(id="status")

    def demand(self) -> Demand:
        """The status lines name the slowest statement and who waits."""
        return frozenset({Part.STATEMENTS, Part.LOCKS, Part.SESSIONS})

    def show_body(self, frame: Frame, look: Look) -> None:
        """The target's figures and charts of the window that is looked at."""
        view = self.viewed(frame, look)
        if view is None:
            return
        self._want_history(view, frame.at, look)
        self.query_one("#figures", KeyFigures).set_figures(figures(view, look, frame.at))
        specs = chart_specs(view, frame.host)
        window = look.window(frame.at)
        marks = event_marks(frame.events, view.name, window)

        def make(index: int, count: int) -> ChartData:
            spec, owner = specs[index]
            return chart_data(spec, owner, self._history_of(owner.name, look), look, frame.at, count, marks)

        self.query_one("#charts", ChartGrid).set_charts(len(specs), make)
        self.query_one("#status", TextView).set_lines(status_lines(view, frame, _STATUS_ROWS))

    def _history_of(self, target: TargetId, look: Look) -> History | None:
        if not look.needs_history or self._history is None or self._history.target != target:
            return None
        return self._history

    def _want_history(self, view: TargetView, now: float, look: Look) -> None:
        """Read the kept history in the background when the window needs it and what is there does not cover it."""
        if not look.needs_history:
            return
        since, until = look.window(now)
        have = self._history_for
        if have is not None and have[0] == view.name and have[1] <= since and until - have[2] <= _HISTORY_FRESH_SECONDS:
            return
        self._history_for = (view.name, since - look.span_seconds, until)
        self.run_worker(self._read_history(view.name, since - look.span_seconds, until), group="history", exclusive=True)

    async def _read_history(self, target: TargetId, since: float, until: float) -> None:
        self._history = await self.dashboard.runtime.history(target, since, until)
        self.show(self.dashboard.frame, self.dashboard.look)

    @on(ChartGrid.Chosen)
    def _chosen(self) -> None:
        self.show(self.dashboard.frame, self.dashboard.look)

    def action_next_target(self, steps: int) -> None:
        """Show the next target."""
        frame, look = self.dashboard.frame, self.dashboard.look
        self.dashboard.change_look(replace(look, target=next_target(frame, look.target, steps)))
        self.on_screen_resume()

    def action_metrics(self) -> None:
        """List all metrics of the target."""
        self.app.push_screen(MetricsScreen())

    def action_tables(self) -> None:
        """List tables and indexes."""
        from aishell_tui.screens.relations import RelationsScreen

        self.app.push_screen(RelationsScreen())

    def action_maximise(self) -> None:
        """Show the chosen chart large, the first one when none is chosen."""
        frame, look = self.dashboard.frame, self.dashboard.look
        view = self.viewed(frame, look)
        if view is None:
            return
        specs = chart_specs(view, frame.host)
        if specs:
            index = self.query_one("#charts", ChartGrid).chosen or 0
            spec, owner = specs[min(index, len(specs) - 1)]
            from aishell_tui.screens.large_chart import LargeChartScreen

            self.app.push_screen(LargeChartScreen(spec, owner.name, lambda: self._history))

    def action_charts(self, charts: int) -> None:
        """Show later or earlier charts."""
        self.query_one("#charts", ChartGrid).scroll_charts(charts)
        self.show(self.dashboard.frame, self.dashboard.look)

    def action_integrity(self) -> None:
        """Check the database's integrity in the background and say what was found."""
        view = self.viewed(self.dashboard.frame, self.dashboard.look)
        if view is not None:
            self.say(f"checking {view.name} …")
            self.run_worker(self._check(view.name), group="integrity", exclusive=True)

    async def _check(self, target: TargetId) -> None:
        try:
            found = await self.dashboard.runtime.check_integrity(target)
        except AishellError as error:
            self.say_error(error)
            return
        if found:
            self.say(f"{target} is damaged: {found[0].message}" + (f" (+{len(found) - 1} more)" if len(found) > 1 else ""), bad=True)
        else:
            self.say(f"{target}: the integrity check found nothing wrong")

    def pane_data(self) -> PaneData | None:
        """All metrics of the target."""
        view = self.viewed(self.dashboard.frame, self.dashboard.look)
        return metrics_data(view, self.dashboard.frame.at) if view is not None else None

    def copy_text(self) -> str:
        """The reasons why the target is not well."""
        view = self.viewed(self.dashboard.frame, self.dashboard.look)
        return "\n".join(f"{view.name}: {reason.severity}: {reason.text}" for reason in view.assessment.reasons) if view is not None else ""
