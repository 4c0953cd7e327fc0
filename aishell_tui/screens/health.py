"""Screen 2: one target, its key figures, its charts, and what is wrong with it."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from textual import on
from textual.app import ComposeResult

from aishell_core.errors import AishellError
from aishell_core.values import Ability, Part, TargetId
from aishell_tui.charts import chart_specs
from aishell_tui.export import PaneData
from aishell_tui.frame import Frame
from aishell_tui.look import Look
from aishell_tui.screens.base import DashboardScreen
from aishell_tui.screens.bindings import bindings_of
from aishell_tui.screens.chart_grid import ChartGrid
from aishell_tui.screens.health_data import chart_data, event_marks, figures, status_lines, unread_parts
from aishell_tui.screens.metrics import MetricsScreen, metrics_data
from aishell_tui.text import next_target
from collectors.contract import Demand
from widgets.chart import ChartData
from widgets.figures import KeyFigures
from widgets.text_view import TextView

_STATUS_ROWS = 3
_TALL_ROWS = 6
_TALL_SCREEN = 36
_FAILED_ROWS = 8


class HealthScreen(DashboardScreen):
    """The health of one target."""

    SCREEN = "health"
    TRAVELS = True
    AUTO_FOCUS = ""
    BINDINGS: ClassVar = bindings_of("health")

    def compose_body(self) -> ComposeResult:
        """Figures, charts, sentences."""
        yield KeyFigures(id="figures")
        yield ChartGrid(id="charts")
        yield TextView(id="status")

    def demand(self) -> Demand:
        """The status lines name the slowest statement, who waits, and how long a vacuum takes yet."""
        return frozenset({Part.STATEMENTS, Part.LOCKS, Part.SESSIONS, Part.PROGRESS})

    def show_body(self, frame: Frame, look: Look) -> None:
        """The target's figures and charts of the window that is looked at."""
        view = self.viewed(frame, look)
        if view is None:
            return
        self.recall(view.name)
        self.query_one("#figures", KeyFigures).set_figures(figures(view, look, frame.at))
        specs = chart_specs(view, frame.host)
        window = look.window(frame.at)
        marks = event_marks(frame.events, view.name, window)

        def make(index: int, count: int) -> ChartData:
            spec, owner = specs[index]
            return chart_data(spec, owner, self.kept.of(owner.name, look, frame.at), look, frame.at, count, marks)

        self.query_one("#charts", ChartGrid).set_charts(len(specs), make)
        status = self.query_one("#status", TextView)
        rows = self._status_rows(failed=view.target_failure is not None)
        status.set_class(rows == _FAILED_ROWS, "-failed")
        status.set_class(rows == _TALL_ROWS, "-tall")
        operations, digests = self.dashboard.progress.history(view.name), self.dashboard.digests.history(view.name)
        status.set_lines(status_lines(view, frame, status.size.width, rows, operations, digests))

    def past_note(self, frame: Frame, look: Look) -> str:
        """Also that the sentences are not those of the moment that the charts show."""
        told = super().past_note(frame, look)
        return "; ".join(filter(None, (told, "the sentences below are of now"))) if look.until is not None else ""

    def _status_rows(self, *, failed: bool) -> int:
        if failed:
            return _FAILED_ROWS
        return _TALL_ROWS if self.size.height >= _TALL_SCREEN else _STATUS_ROWS

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

    def action_pools(self) -> None:
        """Show the pools of a connection pooler, or say that the target is none."""
        from aishell_tui.screens.pools import PoolsScreen
        from aishell_tui.screens.pools_rows import no_pools

        view = self.viewed(self.dashboard.frame, self.dashboard.look)
        if view is not None and view.lacks(Ability.POOLS):
            self.say(no_pools(view))
        else:
            self.app.push_screen(PoolsScreen())

    def action_replication(self) -> None:
        """Show who follows whom and how far behind."""
        from aishell_tui.screens.replication import ReplicationScreen

        self.app.push_screen(ReplicationScreen())

    def action_maintenance(self) -> None:
        """Show what runs in the server and what keeps dead rows."""
        from aishell_tui.screens.maintenance import MaintenanceScreen

        self.app.push_screen(MaintenanceScreen())

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

            self.app.push_screen(LargeChartScreen(spec, owner.name, self.kept))

    def action_charts(self, rows: int) -> None:
        """Show later or earlier charts."""
        self.query_one("#charts", ChartGrid).scroll_charts(rows)
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
        """The reasons why the target is not well, then what could not be read and what would mend it, each on a line."""
        view = self.viewed(self.dashboard.frame, self.dashboard.look)
        if view is None:
            return ""
        reasons = [f"{view.name}: {reason.severity}: {reason.text}" for reason in view.assessment.reasons]
        failures = [text for each in unread_parts(view) for text in (f"{view.name}: {each.part}: {each.message}", each.hint) if text]
        return "\n".join((*reasons, *failures))
