"""A short list to choose from."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen

from widgets.heading import Heading
from widgets.table import LineTable
from widgets.table_model import Cell, Column, Row


class ChoiceScreen(ModalScreen[str | None]):
    """Returns the id of the chosen line, None when it was left."""

    # Before the list, which would take the selection back first; there is always one.
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "leave", show=False, priority=True),
        Binding("q", "dismiss", "leave", show=False),
    ]

    def __init__(self, title: str, choices: tuple[tuple[str, str], ...]) -> None:
        super().__init__()
        self._title = title
        self._choices = choices

    def compose(self) -> ComposeResult:
        """The list."""
        yield LineTable((Column("choice", "enter chooses, esc leaves", None, 20),), heading=Heading(self._title), id="choices")

    def on_mount(self) -> None:
        """Fill the list and select its first line."""
        table = self.query_one("#choices", LineTable)
        table.set_rows([Row(name, {"choice": Cell(text)}) for name, text in self._choices])
        table.select(self._choices[0][0])

    @on(LineTable.Opened)
    def _opened(self, message: LineTable.Opened) -> None:
        self.dismiss(message.row_id)
