"""The wall screen: one target at a time in large figures, the worst first, for days."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Horizontal

from aishell_core.units import format_value
from aishell_core.values import Severity
from aishell_tui.alert_news import SEVERITIES, alert_words, firing
from aishell_tui.charts import FIGURES, chart_specs, combined_value, severity_of
from aishell_tui.frame import Frame, TargetView
from aishell_tui.look import Look
from aishell_tui.screens.base import DashboardScreen
from aishell_tui.screens.bindings import bindings_of
from aishell_tui.screens.chart_grid import ChartGrid
from aishell_tui.screens.health_data import chart_data
from aishell_tui.text import WORDS, worst_first
from alerts.models import Alert
from widgets.big_figure import BigFigure, BigFigureState
from widgets.chart import ChartData
from widgets.lines import Spans
from widgets.palette import severity_role
from widgets.text_view import TextView

DWELL_SECONDS = 10.0
_FIGURES = 4
_SENTENCES = 3


def wall_order(frame: Frame) -> list[TargetView]:
    """What the wall cycles through: all targets when all are well, else each bad one, or one with an alert, between every two good ones."""
    views, alarmed = worst_first(frame), {alert.key.target for alert in _firing(frame)}
    bad = [view for view in views if view.assessment.severity is not Severity.OK or view.name in alarmed]
    good = [view for view in views if view.assessment.severity is Severity.OK and view.name not in alarmed]
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


def _firing(frame: Frame) -> tuple[Alert, ...]:
    return firing(frame.alerts.alerts) if frame.alerts is not None else ()


def wall_sentences(view: TargetView, alerts: tuple[Alert, ...] = ()) -> tuple[Spans, ...]:
    """The state in a word, then the alerts that fire and the reasons, as many as there is room for."""
    severity = view.assessment.severity
    lines: list[Spans] = [((f" {view.name}", "title"), (f"   {WORDS[severity]}", severity_role(severity)))]
    told = {alert_words(alert): SEVERITIES[alert.level] for alert in alerts if alert.key.target == view.name}
    told |= {reason.text: reason.severity for reason in view.assessment.reasons}
    lines += [((f" {text}", severity_role(each)),) for text, each in list(told.items())[:_SENTENCES]]
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
        self.query_one("#wall-state", TextView).set_lines(wall_sentences(view, _firing(frame)))
        states = wall_figures(view)
        for index in range(_FIGURES):
            self.query_one(f"#wall-{index}", BigFigure).set_state(states[index] if index < len(states) else None)
        specs = chart_specs(view, None)

        def make(index: int, count: int) -> ChartData:
            spec, owner = specs[index]
            return chart_data(spec, owner, None, look, frame.at, count)

        self.query_one("#charts", ChartGrid).set_charts(len(specs), make)
