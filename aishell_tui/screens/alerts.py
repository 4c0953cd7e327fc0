"""Screen 7: what fires, what is about to, what is silenced, what is over, and the rules that cannot be evaluated."""

from __future__ import annotations

from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from aishell_core.errors import StateError
from aishell_tui.export import PaneData
from aishell_tui.frame import Frame
from aishell_tui.look import Look
from aishell_tui.screens.alert_acts import AlertActingScreen
from aishell_tui.screens.alert_lines import AlertFile, broken_lines, detail_lines
from aishell_tui.screens.alert_rows import (
    BROKEN,
    COLUMNS,
    WIDE_CELLS,
    AlertRows,
    Tries,
    alert_columns,
    alerts_heading,
    empty_text,
    is_judged_now,
    last_tries,
    trouble_text,
)
from aishell_tui.screens.bindings import bindings_of
from aishell_tui.screens.tables import copied_rows, table_data
from alerts.models import Alert, Evidence, Fingerprint
from alerts.notify.models import ChannelState
from alerts.ports import AlertsView
from alerts.rules.book import BrokenRule
from widgets.heading import Heading
from widgets.lines import Spans
from widgets.table import LineTable
from widgets.text_view import TextView

_READ_SECONDS = 5.0
_FRAME_CELLS = 2
_MOST_TRIES = 400
_DETAIL_ROWS, _TALL_DETAIL_ROWS, _TALL_ROWS = 5, 12, 36


class AlertTable(LineTable):
    """A table on which `s` is the screen's; it sorts by another key."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("s", "screen.silence", "silence", show=False)]


class AlertsScreen(AlertActingScreen):
    """All alerts; enter shows one with what was seen when it fired."""

    SCREEN = "alerts"
    BINDINGS: ClassVar = bindings_of("alerts")

    def __init__(self) -> None:
        super().__init__()
        self._told: dict[Fingerprint, Tries] = {}
        self._channels: tuple[ChannelState, ...] = ()
        self._evidence: dict[Fingerprint, Evidence | None] = {}
        self._read_at = -_READ_SECONDS
        self._rows = AlertRows()

    def compose_body(self) -> ComposeResult:
        """The table, and the selected alert in sentences."""
        yield AlertTable(COLUMNS, heading=Heading("alerts"), show_severity=True, empty_text=empty_text(None, None), id="alerts")
        yield TextView(id="alert-detail")

    def show_body(self, frame: Frame, look: Look) -> None:
        """The newest state."""
        table, view = self.query_one("#alerts", LineTable), frame.alerts
        feed = self.dashboard.runtime.alerts
        table.set_heading(alerts_heading(view, "there are no alerts in this session" if feed is None else feed.note, frame.names))
        table.set_empty_text(empty_text(view, view.book if view is not None else None))
        columns = alert_columns(self.size.width - _FRAME_CELLS)
        if columns != table.columns:
            table.set_columns(columns)
        if view is not None:
            table.set_rows(self._rows.rows(view, frame.at, self._told, wide=self.size.width - _FRAME_CELLS >= WIDE_CELLS))
            self._read(frame.at)
        self._show_detail(frame)

    def _read(self, now: float) -> None:
        """Look up who was told, every few seconds."""
        if not 0 <= now - self._read_at < _READ_SECONDS:
            self._read_at = now
            self.run_worker(self._read_ledger(), group="ledger", exclusive=True)

    async def _read_ledger(self) -> None:
        feed = self.dashboard.runtime.alerts
        service = feed.service if feed is not None else None
        if service is None or not self.app.is_running:
            return
        # Before anything is waited for: at the end the table is taken down meanwhile.
        chosen = self._selected_alert()
        try:
            attempts = await service.tries(_MOST_TRIES)
            self._channels = await service.channels()
            if chosen is not None:
                self._evidence[chosen.fingerprint] = await service.evidence(chosen)
        except StateError:
            return  # the service says what ails the state
        newest = last_tries(attempts)
        # Equal ones stay the same objects, so that their rows are not made anew.
        self._told = {name: self._told[name] if self._told.get(name) == attempt else attempt for name, attempt in newest.items()}
        self.show(self.dashboard.frame, self.dashboard.look)

    def acted(self) -> None:
        """Who was told, and the rest, is looked up with the next frame."""
        self._read_at = -_READ_SECONDS

    def past_note(self, frame: Frame, look: Look) -> str:
        """Also what is wrong with the alerts themselves."""
        view = frame.alerts
        return "; ".join(filter(None, (super().past_note(frame, look), trouble_text(view, self._channels) if view is not None else "")))

    @property
    def _view(self) -> AlertsView | None:
        return self.dashboard.frame.alerts

    def _alert(self, fingerprint: str | None) -> Alert | None:
        view = self._view
        return next((alert for alert in view.alerts if alert.fingerprint == fingerprint), None) if view is not None else None

    def _selected_alert(self) -> Alert | None:
        return self._alert(self.query_one("#alerts", LineTable).selected_id)

    def _broken(self, row_id: str | None) -> BrokenRule | None:
        view = self._view
        if view is None or row_id is None or not row_id.startswith(BROKEN):
            return None
        place = int(row_id.removeprefix(BROKEN))
        return view.broken[place] if place < len(view.broken) else None

    def _show_detail(self, frame: Frame) -> None:
        pane = self.query_one("#alert-detail", TextView)
        lines = self._detail(frame)
        if lines != pane.lines:
            pane.set_lines(lines)
            pane.display = bool(lines)
            pane.refresh(layout=True)

    def _detail(self, frame: Frame) -> tuple[Spans, ...]:
        selected = self.query_one("#alerts", LineTable).selected_id
        broken, alert, view = self._broken(selected), self._alert(selected), frame.alerts
        if broken is not None:
            return broken_lines(broken)
        if alert is None or view is None:
            return ()
        seen = self._evidence.get(alert.fingerprint)
        is_judged = is_judged_now(alert, view)
        known = AlertFile(alert, self.rule_of(alert), seen, silences=view.silences, others=view.alerts, is_judged=is_judged)
        rows = _TALL_DETAIL_ROWS if self.size.height >= _TALL_ROWS else _DETAIL_ROWS
        return detail_lines(known, frame.at, self.size.width, rows)

    def on_resize(self, event: events.Resize) -> None:
        """Give the names more room where there is more."""
        super().on_resize(event)
        self.show(self.dashboard.frame, self.dashboard.look)

    @on(LineTable.Moved)
    def _moved(self, message: LineTable.Moved) -> None:
        if message.row_id is not None and message.row_id not in self._evidence:
            self._read_at = -_READ_SECONDS
            self._read(self.dashboard.frame.at)
        self._show_detail(self.dashboard.frame)

    @on(LineTable.Opened)
    def _opened(self, message: LineTable.Opened) -> None:
        alert, broken = self._alert(message.row_id), self._broken(message.row_id)
        if alert is not None:
            from aishell_tui.screens.alert import AlertScreen

            self.app.push_screen(AlertScreen(alert))
        elif broken is not None:
            self.say(f"{broken.name} is not evaluated until its file is mended; it is read again within seconds")

    def action_sort_table(self) -> None:
        """Sort by the column of the cursor."""
        self.query_one("#alerts", LineTable).action_sort()

    def chosen_alerts(self) -> tuple[Alert, ...]:
        """The marked ones in the order of the rows, else the selected one; while none is, the first, as `enter` takes it."""
        table = self.query_one("#alerts", LineTable)
        if table.selected_id is None and not table.marked_ids:
            first = next((each for each in table.shown_ids if self._alert(each) is not None), None)
            if first is not None:
                table.select(first)
        wanted = table.marked_ids or {table.selected_id}
        found = (self._alert(each) for each in table.shown_ids if each in wanted)
        return tuple(alert for alert in found if alert is not None)

    def pane_data(self) -> PaneData | None:
        """The table."""
        return table_data("alerts", self.query_one("#alerts", LineTable))

    def copy_text(self) -> str:
        """The marked rows, or the selected one; of a broken rule everything that is wrong with it."""
        table = self.query_one("#alerts", LineTable)
        broken = self._broken(table.selected_id)
        return "\n".join(str(problem) for problem in broken.problems) if broken is not None else copied_rows(table)
