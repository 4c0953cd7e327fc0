"""One backup: what it holds, where it lies, how it was made, and what became known of it since."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult

from aishell_core.targets import Target
from aishell_tui.export import PaneData
from aishell_tui.frame import Frame
from aishell_tui.look import Look
from aishell_tui.screens.backups_acts import BackupActingScreen
from aishell_tui.screens.backups_lines import page_lines
from aishell_tui.screens.bindings import bindings_of
from widgets.heading import Heading
from widgets.text_view import TextView

if TYPE_CHECKING:
    # Loaded with what works on backups, when a screen of them is opened.
    from aishell_tui.backup_shelf import Copies


class BackupScreen(BackupActingScreen):
    """The detail of one backup; it stays as it was last known when it is gone."""

    SCREEN = "backup"
    AUTO_FOCUS = "#backup"
    BINDINGS: ClassVar = bindings_of("backup")

    def __init__(self, copies: Copies) -> None:
        super().__init__()
        self._known = copies

    def compose_body(self) -> ComposeResult:
        """The page, which scrolls."""
        yield TextView(heading=Heading(f"backups ▸ {self._known.backup.id}"), id="backup")

    def show_body(self, frame: Frame, look: Look) -> None:
        """What is known of it now."""
        view, id_ = self.room.view, self._known.backup.id
        found = view.of(id_) if view is not None else None
        self._known = found or self._known
        page = self.query_one("#backup", TextView)
        gone = "it is gone" if view is not None and found is None else ""
        page.set_heading(Heading(f"backups ▸ {id_}", stale=gone))
        page.set_lines(page_lines(self._known, frame.at, self.size.width))
        self.look_if_due()

    def chosen(self) -> Copies | None:
        """The one that is shown."""
        return self._known

    def chosen_target(self) -> Target | None:
        """The target that it was made of."""
        return self.room.target_of(self._known.backup)

    def pane_data(self) -> PaneData | None:
        """What it holds."""
        manifest = self._known.backup.manifest
        rows = tuple((one.name, one.rows, one.content_hash) for one in manifest.objects)
        return PaneData(f"backup {manifest.id}", ("object", "rows", "content_hash"), rows)

    def copy_text(self) -> str:
        """The page as text."""
        lines = self.query_one("#backup", TextView).lines
        return "\n".join("".join(text for text, _ in line).rstrip() for line in lines)
