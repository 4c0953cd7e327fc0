"""A small app around widgets, and what is on its screen."""

from __future__ import annotations

from typing import TypeVar

from textual.app import App, ComposeResult
from textual.message import Message
from textual.widget import Widget

from themes.load import load_theme
from widgets.glyphs import UNICODE, Glyphs
from widgets.theme_bridge import make_palette_of, make_theme, theme_id

_Kind = TypeVar("_Kind", bound=Message)


class WidgetApp(App[None]):
    """Shows widgets one under the other, dressed in a theme."""

    def __init__(self, *widgets: Widget, theme: str = "night", glyphs: Glyphs = UNICODE) -> None:
        super().__init__()
        self.glyphs = glyphs
        self._shown = widgets
        self.wear(theme)

    def wear(self, theme: str) -> None:
        """Put on another theme."""
        colours = load_theme(theme)
        self.palette = make_palette_of(colours)
        self.register_theme(make_theme(colours))
        self.theme = theme_id(theme)

    def compose(self) -> ComposeResult:
        yield from self._shown


def painted(app: App[None]) -> list[str]:
    """The lines of the screen as they were last painted."""
    return [strip.text.rstrip() for strip in app.screen._compositor.render_strips()]


class Mail(list[Message]):
    """The messages that an app got, for `run_test(message_hook=...)`."""

    def of(self, kind: type[_Kind]) -> list[_Kind]:
        """Those of one kind, each once."""
        found: dict[int, _Kind] = {id(message): message for message in self if isinstance(message, kind)}
        return list(found.values())
