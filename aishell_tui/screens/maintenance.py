"""The server's upkeep: what runs, what keeps dead rows, how far the ids are, checkpoints, archiver, settings."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult

from aishell_core.values import Ability, Part, TargetId
from aishell_tui.export import CellValue, PaneData
from aishell_tui.frame import Frame, TargetView, without_earlier
from aishell_tui.look import Look
from aishell_tui.part_ages import fresh_and_stale
from aishell_tui.progress import ProgressHistory
from aishell_tui.screens.base import DashboardScreen
from aishell_tui.screens.bindings import bindings_of
from aishell_tui.screens.upkeep_lines import upkeep_lines
from aishell_tui.text import server_text
from collectors.contract import Demand
from widgets.heading import Heading
from widgets.text_view import TextView

_COLUMNS = ("what", "name", "phase", "database", "done", "total", "unit", "per_second", "eta_seconds", "transactions", "seconds")


_CLOSE = (Part.PROGRESS, Part.HORIZON)
"""What is read only while it is looked at."""


def maintenance_heading(view: TargetView, now: float) -> Heading:
    """The pane's title with how old the oldest of what it shows is."""
    return Heading("maintenance", ((str(view.name), "label"),), *fresh_and_stale(view, _CLOSE, now))


def maintenance_data(view: TargetView, history: ProgressHistory) -> PaneData:
    """Operations and holders of the horizon as plain data."""
    rows: list[tuple[CellValue, ...]] = []
    for each in view.progress or ():
        found = history.pace(each)
        figures = (each.done, each.total, each.unit, found.per_second, found.eta_seconds, None, None)
        rows.append((each.operation, each.object, each.phase, each.database, *figures))
    rows += [
        (f"horizon: {holder.kind}", holder.name, None, holder.database, *(None,) * 5, holder.transactions, holder.seconds)
        for holder in view.horizon or ()
    ]
    return PaneData(f"maintenance {view.name}", _COLUMNS, tuple(rows))


class MaintenanceScreen(DashboardScreen):
    """Running operations with their end, the horizon, wraparound, checkpoints, archiver; esc goes back."""

    SCREEN = "maintenance"
    TAB = "health"
    AUTO_FOCUS = "TextView"
    BINDINGS: ClassVar = bindings_of("maintenance")

    _looked: tuple[TargetId, float] | None = None
    """The target that is looked at without a break, and since when."""

    def compose_body(self) -> ComposeResult:
        """The page, which scrolls."""
        yield TextView(heading=Heading("maintenance"), id="upkeep")

    def demand(self) -> Demand:
        """What runs, who holds the horizon, which settings wait."""
        return frozenset({Part.PROGRESS, Part.HORIZON, Part.SETTINGS})

    def show_body(self, frame: Frame, look: Look) -> None:
        """The newest state."""
        view = self._seen(frame, look)
        if view is None:
            return
        page = self.query_one("#upkeep", TextView)
        page.set_heading(maintenance_heading(view, frame.at))
        if view.lacks(Ability.PROGRESS) and view.lacks(Ability.HORIZON):
            page.set_lines([(("  ", "text"), (f"n/a: {server_text(view)} tells nothing of its upkeep", "unknown"))])
            return
        page.set_lines(upkeep_lines(view, self.dashboard.progress.history(view.name), page.size.width, page.glyphs))

    def _seen(self, frame: Frame, look: Look) -> TargetView | None:
        """The target that is looked at, without what was read for an earlier look: that may have ended long ago."""
        view = self.viewed(frame, look)
        if view is None:
            return None
        if self._looked is None or self._looked[0] != view.name:
            self._looked = (view.name, frame.at)
        return without_earlier(view, _CLOSE, self._looked[1])

    def on_screen_suspend(self) -> None:
        """The next look is another one."""
        self._looked = None

    def pane_data(self) -> PaneData | None:
        """Operations and holders."""
        view = self._seen(self.dashboard.frame, self.dashboard.look)
        return maintenance_data(view, self.dashboard.progress.history(view.name)) if view is not None else None

    def copy_text(self) -> str:
        """The page as text."""
        lines = self.query_one("#upkeep", TextView).lines
        return "\n".join("".join(text for text, _ in line).rstrip() for line in lines)
