"""One line for what has just happened."""

from __future__ import annotations

from textual.strip import Strip
from typing_extensions import override

from aishell_core.values import Severity
from widgets.line_view import LineView
from widgets.lines import Span
from widgets.palette import severity_role


class NoticeLine(LineView):
    """One message at a time; blank when there is none."""

    DEFAULT_CSS = """
    NoticeLine { height: 1; }
    """

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._text = ""
        self._severity: Severity | None = None

    @property
    def text(self) -> str:
        """The message; empty for none."""
        return self._text

    def show_notice(self, text: str, severity: Severity | None = None) -> None:
        """Show a message, with the symbol and colour of a severity where one is given."""
        if (text, severity) != (self._text, self._severity):
            self._text, self._severity = text, severity
            self.update_lines()

    def clear_notice(self) -> None:
        """Show nothing."""
        self.show_notice("")

    @override
    def draw(self, width: int, height: int) -> list[Strip]:
        """The line."""
        role = severity_role(self._severity)
        sign = f"{self.glyphs.severity(self._severity)} " if self._severity and self._text else ""
        spans: list[Span] = [(" ", "text"), (sign, role), (self._text, role)]
        return [self.strip(spans, width)]
