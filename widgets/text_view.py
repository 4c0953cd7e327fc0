"""Scrollable lines of text with roles: help, details, plans, statements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.strip import Strip
from typing_extensions import override

from widgets.heading import Heading, heading_left, heading_right
from widgets.line_view import LineView
from widgets.lines import Spans


class TextView(LineView, can_focus=True):
    """Lines of spans under an optional title line; lines that are too long are cut."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "scroll_lines(1)", "down", show=False),
        Binding("k,up", "scroll_lines(-1)", "up", show=False),
        Binding("g,home", "scroll_to_line(0)", "first line", show=False),
        Binding("G,end", "scroll_to_line(-1)", "last line", show=False),
        Binding("ctrl+d", "scroll_pages(0.5)", "half a page down", show=False),
        Binding("ctrl+u", "scroll_pages(-0.5)", "half a page up", show=False),
        Binding("pagedown", "scroll_pages(1)", "page down", show=False),
        Binding("pageup", "scroll_pages(-1)", "page up", show=False),
    ]

    def __init__(
        self, lines: Sequence[Spans] = (), *, heading: Heading | None = None, id: str | None = None, classes: str | None = None
    ) -> None:
        super().__init__(id=id, classes=classes)
        self._content = tuple(lines)
        self._heading = heading
        self._first = 0

    @property
    def lines(self) -> tuple[Spans, ...]:
        """The lines that were set."""
        return self._content

    def set_lines(self, lines: Sequence[Spans]) -> None:
        """Show other lines; the place stays where there are enough of them."""
        self._content = tuple(lines)
        self.update_lines()

    def set_heading(self, heading: Heading | None) -> None:
        """Change the title line; None removes it."""
        if heading != self._heading:
            self._heading = heading
            self.update_lines()

    def content(self, width: int) -> Sequence[Spans]:
        """All lines for a width; a subclass that makes its lines from something else overrides this."""
        return self._content if width > 0 else ()

    @override
    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """As high as its lines, for a style sheet that says `height: auto`."""
        return len(self.content(width)) + int(self._heading is not None)

    @override
    def draw(self, width: int, height: int) -> list[Strip]:
        """The title line and the lines in view."""
        title = int(self._heading is not None and height >= 2)
        content = self.content(width)
        room = height - title
        self._first = min(max(self._first, 0), max(0, len(content) - room))
        shown = content[self._first : self._first + room]
        strips = [self.strip(spans, width) for spans in shown]
        if title and self._heading is not None:
            strips.insert(0, self._title(self._heading, width, len(shown), len(content)))
        return strips

    def _title(self, heading: Heading, width: int, shown: int, total: int) -> Strip:
        glyphs = self.glyphs
        place = ""
        if shown < total:
            more = self._first + shown < total
            arrows = (glyphs.up if self._first else " ") + (glyphs.down if more else " ")
            place = f"{self._first + 1}-{self._first + shown} of {total} {arrows}"
        return self.two_sided(heading_left(heading), heading_right(heading, glyphs, (place, "dim"), width=width), width)

    def action_scroll_lines(self, lines: int) -> None:
        """Scroll by lines."""
        self._first = max(0, self._first + lines)
        self.update_lines()

    def action_scroll_to_line(self, line: int) -> None:
        """Scroll to the first (0) or last (-1) line."""
        self._first = line if line >= 0 else len(self.content(self.size.width))
        self.update_lines()

    def action_scroll_pages(self, pages: float) -> None:
        """Scroll by a share of the lines in view."""
        self.action_scroll_lines(int(max(1, self.size.height - 1) * pages))

    def on_mouse_scroll_down(self) -> None:
        """Scroll."""
        self.action_scroll_lines(3)

    def on_mouse_scroll_up(self) -> None:
        """Scroll."""
        self.action_scroll_lines(-3)
