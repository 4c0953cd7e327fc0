"""The line in which a filter is typed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input, Label


class FilterLine(Horizontal):
    """A one-line input that opens on `/`: posts `Changed` for each key, `Submitted` on enter, `Dismissed` on escape."""

    DEFAULT_CSS = """
    FilterLine { height: 1; display: none; }
    FilterLine.-open { display: block; }
    FilterLine Label { width: auto; padding: 0 0 0 1; }
    FilterLine #filter-error { color: $text-warning; padding: 0 1; }
    FilterLine Input, FilterLine Input:focus { width: 1fr; height: 1; border: none; padding: 0; background: transparent; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss", "leave", show=False)]

    @dataclass
    class Changed(Message):
        """The text is another one now."""

        text: str

    @dataclass
    class Submitted(Message):
        """The text is to stay in force; the line has closed itself."""

        text: str

    @dataclass
    class Dismissed(Message):
        """The filter is given up; the line has closed itself."""

    def __init__(self, sign: str = "/", *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._sign = sign
        self._error = ""

    def compose(self) -> ComposeResult:
        """The sign, the input, and room for what is wrong with it."""
        yield Label(self._sign, markup=False)
        # A blinking cursor would repaint twice a second for nothing.
        line = Input(compact=True, select_on_focus=False)
        line.cursor_blink = False
        yield line
        yield Label("", id="filter-error", markup=False)

    @property
    def is_open(self) -> bool:
        """Whether it is shown."""
        return self.has_class("-open")

    def open_line(self, text: str = "") -> None:
        """Show the line with a text to go on from, and take the focus."""
        self.add_class("-open")
        line = self.query_one(Input)
        with self.prevent(Input.Changed):
            line.value = text
        line.cursor_position = len(text)
        line.focus()
        self.show_error("")

    def close_line(self) -> None:
        """Hide the line."""
        self.remove_class("-open")

    def show_error(self, text: str) -> None:
        """Say what is wrong with the text; empty for nothing."""
        # A label that changes lays out the whole screen anew, which is not worth it for every key.
        if text != self._error:
            self._error = text
            self.query_one("#filter-error", Label).update(text)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Pass on the text as it is typed."""
        event.stop()
        self.post_message(self.Changed(event.value))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Close and keep the text."""
        event.stop()
        self.close_line()
        self.post_message(self.Submitted(event.value))

    def action_dismiss(self) -> None:
        """Close and give the text up."""
        self.close_line()
        self.post_message(self.Dismissed())
