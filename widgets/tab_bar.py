"""The numbered screens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual import events
from textual.message import Message
from textual.strip import Strip
from typing_extensions import override

from widgets.line_view import LineView
from widgets.lines import Span, spans_width
from widgets.palette import Role


@dataclass(frozen=True, slots=True)
class Tab:
    """A screen: the key that shows it and its name."""

    key: str
    label: str


class TabBar(LineView):
    """One line with the names of the screens; on a narrow terminal only the active one keeps its name."""

    DEFAULT_CSS = """
    TabBar { height: 1; }
    """

    @dataclass
    class Chosen(Message):
        """A screen was clicked."""

        key: str

    def __init__(self, tabs: Sequence[Tab] = (), active: str = "", *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._tabs = tuple(tabs)
        self._active = active
        self._places: list[tuple[int, int, str]] = []

    def set_tabs(self, tabs: Sequence[Tab], active: str) -> None:
        """Name the screens and the active one by its key."""
        if (tuple(tabs), active) != (self._tabs, self._active):
            self._tabs, self._active = tuple(tabs), active
            self.update_lines()

    @override
    def draw(self, width: int, height: int) -> list[Strip]:
        """The line."""
        spans = self._spans(short=False)
        if spans_width(spans) > width:
            spans = self._spans(short=True)
        return [self.strip(spans, width)]

    def _spans(self, *, short: bool) -> list[Span]:
        spans: list[Span] = []
        self._places = []
        for tab in self._tabs:
            active = tab.key == self._active
            role: Role = "tab_active" if active else "tab"
            text = f" {tab.key} " if short and not active else f" {tab.key} {tab.label} "
            start = spans_width(spans)
            spans.append((text, role))
            self._places.append((start, start + len(text), tab.key))
        return spans

    def on_click(self, event: events.Click) -> None:
        """Choose the screen under the mouse."""
        for start, end, key in self._places:
            if start <= event.x < end:
                self.post_message(self.Chosen(key))
