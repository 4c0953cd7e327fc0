"""What leaves a screen: copies and exports."""

from __future__ import annotations

import os
from typing import ClassVar

from textual.screen import Screen

from aishell_core.errors import AishellError, StateError
from aishell_tui.export import PaneData, offline_svg, timestamp, to_csv, to_json, write_file
from aishell_tui.places import find_places

_CLIPBOARD_BYTES = 74_000  # what terminals accept in one OSC 52 sequence
_FORMATS = (
    ("csv", "CSV: the numbers, for a spreadsheet"),
    ("json", "JSON: the numbers, for a script"),
    ("svg", "SVG: the screen as it looks"),
)


class OutputScreen(Screen[None]):
    """A screen whose selection can be copied and whose pane can be exported."""

    SCREEN: ClassVar[str] = ""

    def pane_data(self) -> PaneData | None:
        """What the screen shows as plain data, for exports; None when there is none."""
        return None

    def copy_text(self) -> str:
        """What `y` copies; empty when there is nothing to copy."""
        return ""

    def mending_text(self) -> str:
        """What `y` copies when nothing is selected: what would bring what is missing."""
        return ""

    def shown_at(self) -> float:
        """The epoch second of what is shown."""
        raise NotImplementedError

    def say(self, text: str, *, bad: bool = False) -> None:
        """A message in the notice line."""
        raise NotImplementedError

    def say_error(self, error: AishellError) -> None:
        """An error's message and hint in the notice line."""
        self.say(f"{error.message}. {error.hint}".rstrip(". ") + ".", bad=True)

    def action_copy(self) -> None:
        """Copy what is selected: to the terminal's clipboard where that may work, and to a file."""
        text = self.copy_text() or self.mending_text()
        if not text:
            self.say("nothing is selected to copy")
            return
        # Nobody hears whether a terminal took OSC 52, so the file is always there too.
        sent = len(text.encode()) <= _CLIPBOARD_BYTES and os.environ.get("TERM") not in {"linux", "dumb"}
        if sent:
            self.app.copy_to_clipboard(text)
        self._write("copied", "txt", text, "sent to the clipboard, and in" if sent else "written to")

    def action_export(self) -> None:
        """Ask for the format, then write the pane to a file."""
        from aishell_tui.screens.choices import ChoiceScreen

        self.app.push_screen(ChoiceScreen("export this pane as", _FORMATS), self._export)

    def _export(self, suffix: str | None) -> None:
        if suffix is None:
            return
        name = f"{self.SCREEN}-{timestamp(self.shown_at()).replace(':', '')}"
        if suffix == "svg":
            self._write(name, "svg", offline_svg(self.app.export_screenshot(title="aishell")))
            return
        pane = self.pane_data()
        if pane is None:
            self.say("this pane has no table to export; choose SVG", bad=True)
            return
        self._write(name, suffix, to_csv(pane) if suffix == "csv" else to_json(pane, self.shown_at()))

    def _write(self, name: str, suffix: str, text: str, done: str = "written to") -> None:
        try:
            path = write_file(find_places().state / "exports", name, suffix, text)
        except StateError as error:
            self.say_error(error)
            return
        self.say(f"{done} {path}")
