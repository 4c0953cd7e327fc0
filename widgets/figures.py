"""Rows of key figures: label, value, trend."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual.geometry import Size
from textual.strip import Strip
from typing_extensions import override

from aishell_core.values import Severity
from widgets.format import cell_width, sparkline, truncate
from widgets.line_view import LineView
from widgets.lines import Span, spans_width
from widgets.palette import severity_role

_FIGURE_CELLS = 19
_TREND_CELLS = 6
_MOST_LINES = 3


@dataclass(frozen=True, slots=True)
class KeyFigure:
    """One figure; a severity other than ok colours the value, `trend` is its recent past (None and NaN are gaps)."""

    label: str
    value: str
    severity: Severity = Severity.OK
    trend: tuple[float | None, ...] = ()


class KeyFigures(LineView):
    """Figures in a fixed grid over one to three lines; what does not fit is left out from the end."""

    DEFAULT_CSS = """
    KeyFigures { height: auto; }
    """

    def __init__(self, figures: Sequence[KeyFigure] = (), *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._figures = tuple(figures)

    def set_figures(self, figures: Sequence[KeyFigure]) -> None:
        """Show other figures; only another number of them changes the layout."""
        width = self.size.width
        before = lines_needed(len(self._figures), width)
        self._figures = tuple(figures)
        if lines_needed(len(figures), width) != before:
            self.refresh(layout=True)
        self.update_lines()

    @override
    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """One to three lines, by the number of figures and the width."""
        return lines_needed(len(self._figures), width)

    @override
    def draw(self, width: int, height: int) -> list[Strip]:
        """The grid."""
        per_line = figures_per_line(width)
        cells = width // per_line
        strips = []
        for start in range(0, min(len(self._figures), height * per_line), per_line):
            spans: list[Span] = []
            for figure in self._figures[start : start + per_line]:
                spans += self._figure(figure, cells)
            strips.append(self.strip(spans, width))
        return strips

    def _figure(self, figure: KeyFigure, cells: int) -> list[Span]:
        role = "bold" if figure.severity is Severity.OK else severity_role(figure.severity)
        (label, _), (value, _) = self.harmless([(figure.label, "label"), (figure.value, role)])
        # The value and its unit stay whole as long as they fit at all; the label gives way to them.
        label = truncate(label, cells - 3 - cell_width(value), self.glyphs.ellipsis)
        spans: list[Span] = [(" ", "text"), (label, "label"), (" " if label else "", "text"), (value, role)]
        room = cells - spans_width(spans) - 2
        if figure.trend and room >= 3:
            spans += [(" ", "text"), (sparkline(figure.trend, min(room, _TREND_CELLS), self.glyphs), "chart1")]
        return [*self.fitted(spans, cells - 1), (" ", "text")]


def figures_per_line(width: int) -> int:
    """How many figures stand side by side."""
    return max(1, width // _FIGURE_CELLS)


def lines_needed(count: int, width: int) -> int:
    """The lines that a number of figures takes; never more than three."""
    return max(1, min(_MOST_LINES, -(-count // figures_per_line(width))))
