"""Screen 8: one timeline of everything that happened."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult

from aishell_core.values import Event
from aishell_tui.export import PaneData, timestamp
from aishell_tui.frame import Frame
from aishell_tui.look import Look, at_moment
from aishell_tui.screens.base import DashboardScreen
from aishell_tui.screens.bindings import bindings_of
from aishell_tui.screens.tables import copied_rows, table_data
from aishell_tui.text import WORDS, moment_text
from widgets.format import wrap
from widgets.heading import Heading
from widgets.lines import Spans
from widgets.palette import severity_role
from widgets.table import LineTable
from widgets.table_model import Cell, Column, Row
from widgets.text_view import TextView

COLUMNS: tuple[Column, ...] = (
    Column("time", "TIME", 11, help="When it happened (UTC)"),
    Column("state", "STATE", 8, help="How bad it is"),
    Column("target", "TARGET", 16, priority=1, help="Which target"),
    Column("kind", "KIND", 10, priority=2, help="What sort of thing"),
    Column("text", "WHAT HAPPENED", None, 30, help="What happened, in words"),
)


def event_id(event: Event) -> str:
    """What tells an event from all others."""
    return f"{event.at:.6f}/{event.target}/{event.kind}/{event.text}"


def event_row(event: Event, now: float) -> Row:
    """One event as a row."""
    return Row(
        event_id(event),
        {
            "time": Cell(moment_text(event.at, now), "dim", timestamp(event.at)),
            "state": Cell(WORDS[event.severity], severity_role(event.severity)),
            "target": Cell(event.target, "bold"),
            "kind": Cell(event.kind, "label"),
            "text": Cell(event.text),
        },
        severity=event.severity,
    )


def event_lines(event: Event, now: float, width: int) -> tuple[Spans, ...]:
    """One event in full: when, what sort, of whom, and what happened in as many lines as it takes."""
    head: Spans = (
        (f" {moment_text(event.at, now)}  ", "dim"),
        (f"{WORDS[event.severity]}  ", severity_role(event.severity)),
        (f"{event.kind}  ", "label"),
        (event.target, "bold"),
    )
    return (head, *(((f" {line}", "text"),) for line in wrap(event.text, max(20, width - 2))))


class EventsScreen(DashboardScreen):
    """Restarts, state changes, settings, schema changes; enter goes to that moment on the Health charts."""

    SCREEN = "events"
    OF_ONE_TARGET = False
    BINDINGS: ClassVar = bindings_of("events")

    def __init__(self) -> None:
        super().__init__()
        self._shown: tuple[Event, ...] | None = None

    def compose_body(self) -> ComposeResult:
        """The table, and the selected event in full: a narrow column seldom holds all of it."""
        yield LineTable(
            COLUMNS, heading=Heading("events"), show_severity=True, hold_order=False, empty_text="nothing has happened yet", id="events"
        )
        yield TextView(id="event")

    def show_body(self, frame: Frame, look: Look) -> None:
        """Rows, only when something new happened."""
        if frame.events != self._shown:
            self._shown = frame.events
            self.query_one("#events", LineTable).set_rows([event_row(event, frame.at) for event in frame.events])
        self._show_detail(frame)

    def _selected(self, frame: Frame) -> Event | None:
        chosen = self.query_one("#events", LineTable).selected_id
        return next((event for event in frame.events if event_id(event) == chosen), None) if chosen is not None else None

    def _show_detail(self, frame: Frame) -> None:
        pane, event = self.query_one("#event", TextView), self._selected(frame)
        lines = event_lines(event, frame.at, self.size.width) if event is not None else ()
        if lines != pane.lines:
            pane.set_lines(lines)
            pane.display = bool(lines)
            pane.refresh(layout=True)

    @on(LineTable.Moved)
    def _moved(self) -> None:
        self._show_detail(self.dashboard.frame)

    @on(LineTable.Opened)
    def _opened(self, message: LineTable.Opened) -> None:
        frame = self.dashboard.frame
        event = next((event for event in frame.events if event_id(event) == message.row_id), None)
        if event is not None and frame.view(event.target) is not None:
            self.dashboard.change_look(at_moment(self.dashboard.look, event.target, event.at, frame.at))
            self.dashboard.go("health")

    def pane_data(self) -> PaneData | None:
        """The table."""
        return table_data("events", self.query_one("#events", LineTable))

    def copy_text(self) -> str:
        """The selected event."""
        return copied_rows(self.query_one("#events", LineTable))
