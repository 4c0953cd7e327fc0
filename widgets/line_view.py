"""The base of all live widgets: lines that repaint only the cells that changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual.geometry import Region, Size
from textual.strip import Strip
from textual.widget import Widget

from widgets.difference import changed_spans
from widgets.format import Align
from widgets.glyphs import UNICODE, Glyphs
from widgets.lines import Span, Spans, clean_spans, fit_spans, make_strip, pack_strip, sides
from widgets.palette import MONO, Layer, Palette

_Dress = tuple[Size, Palette, Glyphs]
_Made = tuple[Spans, Spans, int, Layer]
"""What a strip was made of: left and right spans, width, layer."""


class LineView(Widget):
    """A widget that is drawn as lines and re-sends only the cells that differ from the last painting.

    A subclass implements `draw` and calls `update_lines` when its data changed. An update never causes a layout.
    The app's `palette` and `glyphs` attributes dress all line views; a change of size or dress repaints everything.
    A view on a screen that is not shown is drawn when it is shown again.
    """

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    LineView { width: 1fr; height: 1fr; overflow: hidden hidden; }
    """
    default_palette: ClassVar[Palette] = MONO
    default_glyphs: ClassVar[Glyphs] = UNICODE

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes, markup=False)
        self._lines: list[Strip] = []
        self._dress: _Dress | None = None
        self._stale = True
        self._kept: dict[_Made, Strip] = {}
        self._made: dict[_Made, Strip] = {}

    @property
    def palette(self) -> Palette:
        """The app's palette, or one without colour where the app has none."""
        found = getattr(self.app, "palette", None)
        return found if isinstance(found, Palette) else self.default_palette

    @property
    def glyphs(self) -> Glyphs:
        """The app's symbols, or the Unicode ones where the app has none."""
        found = getattr(self.app, "glyphs", None)
        return found if isinstance(found, Glyphs) else self.default_glyphs

    def draw(self, width: int, height: int) -> Sequence[Strip]:
        """The lines of the content area, from the top; missing lines are blank, further ones are not shown."""
        raise NotImplementedError

    def update_lines(self) -> None:
        """Draw again and repaint the cells that changed."""
        if not self.is_mounted or not self.screen.is_current or self._dress != self._current_dress():
            self._stale = True
            if self.is_mounted:
                self.refresh()
            return
        before, self._lines = self._lines, self._drawn(self.size)
        regions = [
            Region(start, y, end - start, 1)
            for y, (old, new) in enumerate(zip(before, self._lines, strict=True))
            if old is not new
            for start, end in changed_spans(old, new)
        ]
        if regions:
            self.refresh(*regions)

    def repaint(self) -> None:
        """Draw and paint everything again."""
        self._stale = True
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """One painted line, drawn again first where the size or the dress changed."""
        self._prepare()
        return self._lines[y] if y < len(self._lines) else self.strip((), self.size.width)

    def render_lines(self, crop: Region) -> list[Strip]:
        """The painted lines of a region; without a gutter they need no further work by the style sheet."""
        if self.gutter:
            return super().render_lines(crop)
        self._prepare()
        self._dirty_regions.clear()
        strips = [self.render_line(y) for y in crop.line_range]
        for line_filter in self.get_line_filters():
            background = self.background_colors[1]
            strips = [strip.apply_filter(line_filter, background) for strip in strips]
        if crop.column_span != (0, self.size.width):
            strips = [strip.crop(*crop.column_span) for strip in strips]
        return strips

    def strip(self, spans: Iterable[Span], width: int, layer: Layer = "plain") -> Strip:
        """A line of exactly `width` cells from spans of any text, made harmless; what is too long is cut with an ellipsis."""
        made: _Made = (tuple(spans), (), width, layer)
        strip = self._kept.get(made)
        if strip is None:
            strip = make_strip(self.fitted(made[0], width), width, self.palette.layer(layer))
        self._made[made] = strip
        return strip

    def two_sided(self, left: Iterable[Span], right: Iterable[Span], width: int, layer: Layer = "plain") -> Strip:
        """A line with one text at its left and one at its right end; the left one is cut first."""
        made: _Made = (tuple(left), tuple(right), width, layer)
        strip = self._kept.get(made)
        if strip is None:
            spans = sides(self.harmless(made[0]), self.harmless(made[1]), width, self.glyphs.ellipsis)
            strip = make_strip(spans, width, self.palette.layer(layer))
        self._made[made] = strip
        return strip

    def packed(self, spans: Iterable[Span], width: int) -> Strip:
        """A line from spans of the widget's own symbols that are known to be exactly `width` cells wide."""
        made: _Made = (tuple(spans), (), width, "plain")
        strip = self._kept.get(made)
        if strip is None:
            strip = pack_strip(made[0], width, self.palette.plain)
        self._made[made] = strip
        return strip

    def fitted(self, spans: Iterable[Span], width: int, align: Align = "left") -> list[Span]:
        """Harmless spans in exactly `width` cells."""
        return fit_spans(self.harmless(spans), width, self.glyphs.ellipsis, align)

    def harmless(self, spans: Iterable[Span]) -> list[Span]:
        """Spans whose text is safe on this terminal."""
        return clean_spans(spans, ascii_only=not self.glyphs.unicode)

    def _current_dress(self) -> _Dress:
        return self.size, self.palette, self.glyphs

    def _prepare(self) -> None:
        dress = self._current_dress()
        if self._stale or dress != self._dress:
            self._stale, self._dress = False, dress
            self._kept = {}
            self._lines = self._drawn(dress[0])

    def _drawn(self, size: Size) -> list[Strip]:
        width, height = size
        if width <= 0 or height <= 0:
            return []
        self._made = {}
        lines = list(self.draw(width, height))[:height]
        if len(lines) < height:
            lines += [self.strip((), width)] * (height - len(lines))
        # What was made for this painting serves the next one where nothing changed.
        self._kept = self._made
        return lines
