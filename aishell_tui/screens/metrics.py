"""All metrics of one target with value, unit, and what they mean."""

from __future__ import annotations

import math
from typing import ClassVar

from textual.app import ComposeResult

from aishell_core.units import format_duration, format_value
from aishell_core.values import Kind, Severity
from aishell_tui.export import PaneData
from aishell_tui.frame import Frame, TargetView
from aishell_tui.look import Look
from aishell_tui.screens.base import DashboardScreen
from aishell_tui.screens.bindings import bindings_of
from aishell_tui.screens.health_data import shortfall_lines
from aishell_tui.screens.tables import copied_rows
from widgets.heading import Heading
from widgets.palette import severity_role
from widgets.table import LineTable
from widgets.table_model import Cell, Column, Row
from widgets.text_view import TextView

COLUMNS: tuple[Column, ...] = (
    Column("metric", "METRIC", 30, help="The metric's name"),
    Column("value", "VALUE", 12, align="right", help="Newest value; the rate of a counter"),
    Column("raw", "COUNTER", 12, align="right", priority=3, help="The raw counter"),
    Column("age", "AGE", 5, align="right", priority=1, help="Age of the value"),
    Column("help", "WHAT IT IS", None, 30, help="Which one of several it is, by its labels, and what it means"),
)


def metric_rows(view: TargetView, now: float) -> list[Row]:
    """One row per series of the target."""
    rows = []
    for key in sorted(view.snapshot.keys(), key=lambda key: (key.metric.name, key.labels)):
        value, raw, at = view.snapshot.value(key), view.snapshot.raw(key), view.snapshot.updated_at(key)
        labels = ",".join(f'{name}="{text}"' for name, text in key.labels)
        # Beside the meaning, where there is room: behind the name they would be cut off, and rows of one metric look alike.
        which = ", ".join(f"{name} {text}" for name, text in key.labels)
        severity = view.limits(key.metric).judge(value) if value is not None else Severity.OK
        counter = key.metric.kind is Kind.COUNTER and raw is not None
        rows.append(
            Row(
                f"{key.metric.name}{{{labels}}}",
                {
                    "metric": Cell(key.metric.name),
                    "value": Cell(
                        format_value(value, key.metric.unit),
                        severity_role(severity) if severity is not Severity.OK else "bold",
                        math.nan if value is None else value,
                    ),
                    "raw": Cell(f"{raw:.0f}", "dim", raw) if counter else Cell(),
                    "age": Cell(
                        format_duration(max(0, round(now - at))) if at is not None else "–", "dim", math.nan if at is None else now - at
                    ),
                    "help": Cell(f"{which}: {key.metric.help}" if which else key.metric.help, "label"),
                },
            )
        )
    return rows


def metrics_data(view: TargetView, now: float) -> PaneData:
    """The metrics as plain data, values in the metric's own unit."""
    rows = []
    for key in sorted(view.snapshot.keys(), key=str):
        at = view.snapshot.updated_at(key)
        labels = ",".join(f"{name}={text}" for name, text in key.labels)
        rows.append((key.metric.name, labels, view.snapshot.value(key), str(key.metric.unit), None if at is None else round(now - at, 3)))
    return PaneData(f"metrics {view.name}", ("metric", "labels", "value", "unit", "age_seconds"), tuple(rows))


class MetricsScreen(DashboardScreen):
    """The table of all metrics, and what could not be read; esc goes back."""

    SCREEN = "metrics"
    TAB = "health"
    BINDINGS: ClassVar = bindings_of("metrics")

    def compose_body(self) -> ComposeResult:
        """The table."""
        yield LineTable(COLUMNS, heading=Heading("all metrics"), empty_text="no metrics yet", id="metrics")
        yield TextView(heading=Heading("what could not be read"), id="unread")

    def show_body(self, frame: Frame, look: Look) -> None:
        """The newest values."""
        view = self.viewed(frame, look)
        if view is not None:
            table = self.query_one("#metrics", LineTable)
            table.set_stale(view.is_stale(frame.at))
            table.set_rows(metric_rows(view, frame.at))
            self._show_unread(view)

    def _show_unread(self, view: TargetView) -> None:
        """All that could not be read, in full, so that there is one place where each hint can be read at any size."""
        pane = self.query_one("#unread", TextView)
        lines = [line for each in view.failures for line in shortfall_lines(view, each, self.size.width, self.SCREEN)]
        if tuple(lines) != pane.lines:
            pane.set_lines(lines)
            pane.display = bool(lines)
            pane.refresh(layout=True)

    def pane_data(self) -> PaneData | None:
        """The metrics."""
        view = self.viewed(self.dashboard.frame, self.dashboard.look)
        return metrics_data(view, self.dashboard.frame.at) if view is not None else None

    def copy_text(self) -> str:
        """The selected metric."""
        return copied_rows(self.query_one("#metrics", LineTable))

    def mending_text(self) -> str:
        """What would bring all that could not be read."""
        view = self.viewed(self.dashboard.frame, self.dashboard.look)
        return "" if view is None else "\n".join(dict.fromkeys(each.hint for each in view.failures if each.hint))
