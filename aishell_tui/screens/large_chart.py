"""One chart alone, as large as the terminal allows."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from textual.app import ComposeResult

from aishell_core.catalogue import CATALOGUE
from aishell_core.units import format_value
from aishell_core.values import TargetId
from aishell_tui.charts import ChartSpec, combined_value
from aishell_tui.export import PaneData, timestamp
from aishell_tui.frame import Frame
from aishell_tui.look import Look
from aishell_tui.screens.base import DashboardScreen
from aishell_tui.screens.bindings import bindings_of
from aishell_tui.screens.health_data import buckets_of, event_marks, stacked_chart
from aishell_tui.screens.kept import KeptHistory
from aishell_tui.text import span_text
from widgets.big_chart import plot_lines
from widgets.chart import ChartData
from widgets.heading import Heading
from widgets.stacked_chart import StackedChart
from widgets.text_view import TextView


class LargeChartScreen(DashboardScreen):
    """The maximised pane; z or esc goes back."""

    SCREEN = "chart"
    TRAVELS = True
    TAB = "health"
    AUTO_FOCUS = ""
    BINDINGS: ClassVar = [*bindings_of("chart"), ("z", "back", "back")]

    def __init__(self, spec: ChartSpec, target: TargetId, kept: KeptHistory) -> None:
        super().__init__()
        self._spec = spec
        self._target = target
        self.kept = kept
        self._drawn: object = None

    def compose_body(self) -> ComposeResult:
        """The chart's lines."""
        if self._spec.stacked_by:
            yield StackedChart(heading=Heading(self._spec.title), id="large-stack")
        else:
            yield TextView(heading=Heading(self._spec.title), id="large")

    def _series(self, frame: Frame, look: Look, count: int) -> tuple[list[float], list[float]]:
        view = frame.view(self._target)
        if view is None:
            return [], []
        history = self.kept.of(self._target, look, frame.at)
        buckets = buckets_of(self._spec, view.snapshot, history, look.window(frame.at), count)
        if buckets is None:
            return [], []
        return [buckets.start + index * buckets.step_seconds for index in range(len(buckets.mean))], list(buckets.mean)

    def show_body(self, frame: Frame, look: Look) -> None:
        """Draw again only when a new point or another size asks for it."""
        if self._spec.stacked_by:
            self._show_stack(frame, look)
            return
        pane = self.query_one("#large", TextView)
        width, height = pane.size
        if width < 20 or height < 6:
            return
        self.recall(self._target)
        view, metric = frame.view(self._target), CATALOGUE[self._spec.metric]
        value = combined_value(view.snapshot, self._spec.metric, self._spec.combine, self._spec.labels) if view is not None else None
        detail = f"{self._target}   last {span_text(look.span_seconds)}   now {format_value(value, metric.unit)}"
        pane.set_heading(Heading(self._spec.title, ((detail, "label"),)))
        times, values = self._series(frame, look, width)
        window = look.window(frame.at)
        marks = [mark.at for mark in event_marks(frame.events, self._target, window)]
        drawn = (width, height, times[-1:], values, marks, look)
        if drawn != self._drawn:
            self._drawn = drawn
            limit = view.limits(metric).warning if view is not None else None
            lines = plot_lines(
                "",
                metric.unit,
                [(self._spec.title, times, values)],
                width,
                height - 1,
                limit=_near(limit, values),
                window=window,
                marks=marks,
                unicode=pane.glyphs.unicode,
            )
            pane.set_lines([((line, "chart1"),) for line in lines])

    def _show_stack(self, frame: Frame, look: Look) -> None:
        self.recall(self._target)
        chart = self.query_one("#large-stack", StackedChart)
        data = self._stack(frame, look, chart.bucket_count)
        if data is not None and data.stack is not None:
            detail = f"{self._target}   last {data.span_text}   now {data.now_text or 'n/a'}"
            heading = Heading(data.title, ((detail, "label"),), stale=data.stale)
            chart.set_data(replace(data.stack, marks=data.marks), heading, "no figures in this window")

    def _stack(self, frame: Frame, look: Look, count: int) -> ChartData | None:
        view = frame.view(self._target)
        if view is None:
            return None
        marks = event_marks(frame.events, self._target, look.window(frame.at))
        return stacked_chart(self._spec, view, self.kept.of(self._target, look, frame.at), look, frame.at, count, marks)

    def _stack_data(self) -> PaneData | None:
        data = self._stack(self.dashboard.frame, self.dashboard.look, 720)
        if data is None or data.stack is None:
            return None
        stack = data.stack
        unknown: tuple[float | None, ...] = (None,) * len(stack.layers)
        rows = tuple((timestamp(stack.start + place * stack.step_seconds), *(each or unknown)) for place, each in enumerate(stack.buckets))
        return PaneData(f"{data.title} {self._target}", ("time", *(layer.name for layer in stack.layers)), rows)

    def pane_data(self) -> PaneData | None:
        """The points of the chart."""
        if self._spec.stacked_by:
            return self._stack_data()
        dashboard = self.dashboard
        times, values = self._series(dashboard.frame, dashboard.look, 720)
        unit = CATALOGUE[self._spec.metric].unit
        rows = tuple((timestamp(at), None if value != value else value) for at, value in zip(times, values, strict=True))
        return PaneData(f"{self._spec.title} {self._target}", ("time", f"{self._spec.metric} ({unit})"), rows)


def _near(limit: float | None, values: list[float]) -> float | None:
    return limit if limit is not None and any(value >= limit * 0.4 for value in values) else None
