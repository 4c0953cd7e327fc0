"""Screen 5: how each target stands, what runs, and all backups of all storages."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, ClassVar

from textual import events, on
from textual.app import ComposeResult

from aishell_core.targets import Target
from aishell_core.units import format_duration
from aishell_tui.export import PaneData
from aishell_tui.frame import Frame
from aishell_tui.look import Look
from aishell_tui.screens.backups_acts import BackupActingScreen
from aishell_tui.screens.backups_lines import Standing, empty_text, fault_lines, job_lines, standing_lines, standing_of
from aishell_tui.screens.backups_rows import COLUMNS, catalogue_columns, catalogue_rows, others_text, totals_text
from aishell_tui.screens.bindings import bindings_of
from aishell_tui.screens.choices import ChoiceScreen
from aishell_tui.screens.tables import copied_rows, table_data
from widgets.heading import Heading
from widgets.lines import Spans
from widgets.table import LineTable
from widgets.text_view import TextView

if TYPE_CHECKING:
    # Loaded with what works on backups, when this screen is opened.
    from aishell_ops.backups.unmade import Unmade
    from aishell_tui.backup_room import BackupRoom
    from aishell_tui.backup_shelf import Copies

_TALL_ROWS = 36
_LINES, _TALL_LINES = 3, 8


class _Lines(TextView, can_focus=False):
    """Lines above the table."""


class BackupsScreen(BackupActingScreen):
    """The catalogue of backups; enter shows one in full."""

    SCREEN = "backups"
    BINDINGS: ClassVar = bindings_of("backups")

    def __init__(self) -> None:
        super().__init__()
        self._shows_all = False

    def compose_body(self) -> ComposeResult:
        """How targets stand, what runs, what could not be read, the catalogue."""
        yield _Lines(id="backup-targets")
        yield _Lines(id="backup-jobs")
        yield _Lines(id="backup-faults")
        yield LineTable(
            COLUMNS, heading=Heading("backups"), show_severity=True, empty_text=empty_text(None, None, may_act=False), id="backups"
        )

    def show_body(self, frame: Frame, look: Look) -> None:
        """The newest state."""
        room, view, table = self.room, self.room.view, self.query_one("#backups", LineTable)
        one = self._target_name(look)
        rows = _TALL_LINES if self.size.height >= _TALL_ROWS else _LINES
        self._show_lines("#backup-targets", standing_lines(self._standings(look), frame.at, rows, table.glyphs))
        others = [each for each in self._others(room) if one in (None, each.target)]
        self._show_lines("#backup-jobs", job_lines(room.tasks.running, room.tasks.over, others, frame.at, rows, table.glyphs))
        self._show_lines("#backup-faults", fault_lines(room.trouble, view, self.size.width)[:rows])
        columns = catalogue_columns(one_target=one is not None)
        if columns != table.columns:
            table.set_columns(columns)
        table.set_heading(self._heading(frame, look))
        table.set_empty_text(empty_text(view, room.trouble, may_act="back_up" not in self.withheld_actions()))
        table.set_rows(catalogue_rows(view, one, frame.at, self._own, table.glyphs) if view is not None else [])
        self.look_if_due()

    def _others(self, room: BackupRoom) -> list[Unmade]:
        """What is made now by schedules and other programs: what was ordered here is told by its own job."""
        own = {str(job.target) for job in room.tasks.running if job.what == "back up"}
        running = room.view.running if room.view is not None else ()
        return [each for each in running if each.target not in own or each.holder is None or each.holder.pid != os.getpid()]

    def _show_lines(self, name: str, lines: tuple[Spans, ...]) -> None:
        pane = self.query_one(name, TextView)
        if lines != pane.lines:
            pane.set_lines(lines)
            pane.display = bool(lines)
            pane.refresh(layout=True)

    def _target_name(self, look: Look) -> str | None:
        """The target whose backups are shown; None for all."""
        known = {str(each.name) for each in self.savable()}
        return str(look.target) if look.target in known and not self._shows_all else None

    @property
    def _own(self) -> frozenset[str]:
        """The targets of this dashboard, by name."""
        return frozenset(str(each.name) for each in self.dashboard.options.targets)

    def _standings(self, look: Look) -> list[Standing]:
        view, one = self.room.view, self._target_name(look)
        if view is None:
            return []
        return [standing_of(view, str(each.name)) for each in self.savable() if one in (None, each.name)]

    def _heading(self, frame: Frame, look: Look) -> Heading:
        view, one = self.room.view, self._target_name(look)
        if view is None:
            return Heading("backups", ((one or "all targets", "label"),))
        shown = [each for each in view.copies if one in (None, each.backup.manifest.source.target)]
        detail: Spans = ((one or "all targets", "label"), (f"  {totals_text(shown)}{others_text(view, one, self._own)}", "dim"))
        age = format_duration(max(0.0, float(round(frame.at - view.at))))
        return Heading("backups", detail, "looking …" if self.room.is_looking else f"looked {age} ago")

    def on_resize(self, event: events.Resize) -> None:
        """Give the lines above the table more room where there is more."""
        super().on_resize(event)
        self.show(self.dashboard.frame, self.dashboard.look)

    @on(LineTable.Opened)
    def _opened(self, message: LineTable.Opened) -> None:
        view = self.room.view
        copies = view.of(message.row_id) if view is not None else None
        if copies is not None:
            from aishell_tui.screens.backups_page import BackupScreen

            self.app.push_screen(BackupScreen(copies))
            return
        row = self.query_one("#backups", LineTable).selected_row
        if row is not None:
            self.say("".join(text for text, _ in row.note), bad=True)

    def chosen(self) -> Copies | None:
        """The selected backup."""
        view, selected = self.room.view, self.query_one("#backups", LineTable).selected_id
        return view.of(selected) if view is not None and selected is not None else None

    def chosen_target(self) -> Target | None:
        """The target that is shown, else the selected backup's, else the only one."""
        chosen, one = self.chosen(), self._target_name(self.dashboard.look)
        name = one or (chosen.backup.manifest.source.target if chosen is not None else None)
        known = self.savable()
        found = next((each for each in known if each.name == name), None)
        return found or (known[0] if len(known) == 1 else None)

    def action_whose(self) -> None:
        """Show the backups of all targets, or those of the one that is looked at."""
        self._shows_all = not self._shows_all
        self.show(self.dashboard.frame, self.dashboard.look)
        if self._target_name(self.dashboard.look) is None and not self._shows_all:
            self.say("no target is chosen: these are the backups of all")

    def action_schedules(self) -> None:
        """Show what is made by itself."""
        from aishell_tui.screens.backups_schedules import SchedulesScreen

        self.app.push_screen(SchedulesScreen())

    def action_cancel_job(self) -> None:
        """Cancel something that runs here."""
        running = self.room.tasks.running
        if not running:
            self.say("nothing runs here that could be cancelled")
            return
        choices = tuple((str(job.number), f"cancel: {job.title}") for job in running)
        self.app.push_screen(ChoiceScreen("cancel", choices), lambda number: self.room.tasks.cancel(int(number)) if number else None)

    def pane_data(self) -> PaneData | None:
        """The table."""
        return table_data("backups", self.query_one("#backups", LineTable))

    def copy_text(self) -> str:
        """The marked rows, or the selected one."""
        return copied_rows(self.query_one("#backups", LineTable))
