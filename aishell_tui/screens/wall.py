"""The wall screen: one target at a time in large figures, the worst first, for days."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Horizontal

from aishell_core.units import format_value
from aishell_core.values import Severity
from aishell_tui.charts import FIGURES, chart_specs, combined_value, severity_of
from aishell_tui.frame import Frame, TargetView
from aishell_tui.look import Look
from aishell_tui.screens.base import DashboardScreen
from aishell_tui.screens.bindings import bindings_of
from aishell_tui.screens.chart_grid import ChartGrid
from aishell_tui.screens.health_data import chart_data
from aishell_tui.text import WORDS, worst_first
from widgets.big_figure import BigFigure, BigFigureState
from widgets.chart import ChartData
from widgets.lines import Spans
from widgets.palette import severity_role
from widgets.text_view import TextView

DWELL_SECONDS = 10.0
_FIGURES = 4


def wall_order(frame: Frame) -> list[TargetView]:
    """What the wall cycles through: all targets when all are well, else each bad one between every two good ones."""
    views = worst_first(frame)
    bad = [view for view in views if view.assessment.severity is not Severity.OK]
    good = [view for view in views if view.assessment.severity is Severity.OK]
    if not bad or not good:
        return views
    order: list[TargetView] = []
    for index, view in enumerate(good):
        order += [bad[index % len(bad)], view]
    return order + bad[len(good) :]


def wall_target(frame: Frame, shown_since: float) -> TargetView | None:
    """The target whose turn it is; the wall begins with the worst one."""
    order = wall_order(frame)
    return order[int(max(0.0, frame.at - shown_since) // DWELL_SECONDS) % len(order)] if order else None


def wall_figures(view: TargetView) -> list[BigFigureState]:
    """The first figures that the target has, the ones past a threshold before the others."""
    found, snapshot = [], view.snapshot
    for spec in FIGURES:
        keys = snapshot.find(spec.metric)
        value = combined_value(snapshot, spec.metric, spec.combine) if keys else None
        if value is not None:
            found.append((severity_of(view, spec.metric), spec.label, format_value(value, keys[0].metric.unit).replace(" ", "")))
    found.sort(key=lambda each: -each[0].rank)
    return [BigFigureState(label, text, severity=severity) for severity, label, text in found[:_FIGURES]]


def wall_sentences(view: TargetView) -> tuple[Spans, ...]:
    """The state in a word and the reasons."""
    severity = view.assessment.severity
    lines: list[Spans] = [((f" {view.name}", "title"), (f"   {WORDS[severity]}", severity_role(severity)))]
    lines += [((f" {reason.text}", severity_role(reason.severity)),) for reason in view.assessment.reasons[:3]]
    return tuple(lines)


class WallScreen(DashboardScreen):
    """Cycles by severity without a cursor."""

    SCREEN = "wall"
    TAB = "fleet"
    OF_ONE_TARGET = False
    AUTO_FOCUS = ""
    BINDINGS: ClassVar = bindings_of("wall")

    def compose_body(self) -> ComposeResult:
        """State, figures, charts."""
        yield TextView(id="wall-state")
        with Horizontal(id="wall-figures"):
            for index in range(_FIGURES):
                yield BigFigure(id=f"wall-{index}")
        yield ChartGrid(id="charts")

    def show_body(self, frame: Frame, look: Look) -> None:
        """The target whose turn it is."""
        view = wall_target(frame, look.memory_since)
        if view is None:
            return
        self.query_one("#wall-state", TextView).set_lines(wall_sentences(view))
        states = wall_figures(view)
        for index in range(_FIGURES):
            self.query_one(f"#wall-{index}", BigFigure).set_state(states[index] if index < len(states) else None)
        specs = chart_specs(view, None)

        def make(index: int, count: int) -> ChartData:
            spec, owner = specs[index]
            return chart_data(spec, owner, None, look, frame.at, count)

        self.query_one("#charts", ChartGrid).set_charts(len(specs), make)
