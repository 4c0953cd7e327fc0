"""The keys of a screen, from the same table that binds them."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen

from aishell_tui.screens.bindings import help_lines
from widgets.heading import Heading
from widgets.lines import Spans
from widgets.text_view import TextView


class HelpScreen(ModalScreen[None]):
    """All keys that are valid on the screen below."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,question_mark,f1", "dismiss", "close", show=False)]

    def __init__(self, screen: str, withheld: frozenset[str] = frozenset()) -> None:
        super().__init__()
        self._screen, self._withheld = screen, withheld

    def compose(self) -> ComposeResult:
        """The list, which scrolls."""
        lines: list[Spans] = [((f"  {keys:<18}", "key"), (text, "text")) for keys, text in help_lines(self._screen, self._withheld)]
        yield TextView(lines, heading=Heading(f"keys: {self._screen}", (("esc closes", "dim"),)), id="help")
