"""A question that is answered with a line of text."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from widgets.heading import Heading
from widgets.lines import Spans
from widgets.text_view import TextView


class _Question(TextView, can_focus=False):
    """What is asked."""


class AskScreen(ModalScreen[str | None]):
    """Returns the line that was typed, which may be empty; None when it was left."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "leave", show=False)]

    def __init__(self, title: str, sentences: tuple[str, ...], typed: str = "") -> None:
        super().__init__()
        self._title = title
        self._sentences = sentences
        self._typed = typed

    def compose(self) -> ComposeResult:
        """The question and the line."""
        lines: list[Spans] = [((f"  {each}", "text"),) for each in self._sentences]
        keys: Spans = (("  ", "text"), ("enter", "key"), (" goes on   ", "text"), ("esc", "key"), (" leaves it", "text"))
        with Vertical(id="confirm"):
            yield _Question((*lines, (), keys), heading=Heading(self._title))
            line = Input(self._typed, compact=True)
            line.cursor_blink = False
            yield line

    @on(Input.Submitted)
    def _done(self, event: Input.Submitted) -> None:
        event.stop()
        self.dismiss(event.value.strip())
