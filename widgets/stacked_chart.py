"""Several series over time, one upon the other, told apart by colour and by letter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual.strip import Strip
from typing_extensions import override

from aishell_core.units import format_count
from aishell_core.values import Unit
from widgets.chart_axis import ChartMark, axis_cells
from widgets.chart_scale import Scale, axis_label, choose_scale
from widgets.format import fit
from widgets.heading import Heading, heading_left, heading_right
from widgets.line_view import LineView
from widgets.lines import Span, spans_width
from widgets.palette import MONO, Role
from widgets.stacked_canvas import Cells, stack_column, stack_levels, stack_lines

_LABEL_CELLS = 5
_GUTTER_CELLS = _LABEL_CELLS + 2


@dataclass(frozen=True, slots=True)
class StackLayer:
    """One series: its name, the letter and the role that it is drawn in, its block, and its average in the window."""

    name: str
    letter: str
    role: Role
    block: str = "█"
    average: float | None = None


@dataclass(frozen=True, slots=True)
class StackData:
    """Buckets of `step_seconds` from `start` (epoch seconds), each with a value per layer from the bottom; None is a gap."""

    layers: tuple[StackLayer, ...] = ()
    buckets: tuple[tuple[float, ...] | None, ...] = ()
    start: float = 0.0
    step_seconds: float = 1.0
    marks: tuple[ChartMark, ...] = ()


class StackedChart(LineView):
    """A title, a legend, the stacked columns, and the time axis.

    Without colours, and where there is nothing but ASCII, the columns are made of the layers' letters.
    """

    def __init__(self, *, heading: Heading, empty_text: str = "", id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._heading = heading
        self._empty_text = empty_text
        self._data = StackData()
        self._scale: Scale | None = None

    @property
    def bucket_count(self) -> int:
        """How many buckets stand side by side at the present size; never 0."""
        return max(1, self.size.width - _GUTTER_CELLS - 1)

    def set_data(self, data: StackData, heading: Heading, empty_text: str = "") -> None:
        """Show other data; the same data again cost nothing."""
        if (data, heading, empty_text) != (self._data, self._heading, self._empty_text):
            self._data, self._heading, self._empty_text = data, heading, empty_text
            self.update_lines()

    @property
    def has_colours(self) -> bool:
        """Whether layers can be told apart by their colour."""
        return self.palette is not MONO and self.glyphs.unicode

    @override
    def draw(self, width: int, height: int) -> list[Strip]:
        """Title, legend, columns, axis; with too little room the axis goes first."""
        data = self._data
        strips = [self.two_sided(heading_left(self._heading), heading_right(self._heading, self.glyphs), width)]
        if not data.layers or height < 4:
            return [*strips, self.strip(((f"   {self._empty_text}", "dim"),), width)]
        strips += [self.strip(line, width) for line in self._legend(width)]
        axis = int(height - len(strips) >= 4)
        rows, columns = height - len(strips) - axis, width - _GUTTER_CELLS - 1
        if rows < 1 or columns < 2:
            return strips
        strips += self._area(data, rows, columns, width)
        if axis:
            cells = axis_cells(data.marks, data.start, len(data.buckets) * data.step_seconds, columns, self.glyphs.event)
            strips.append(self.strip(((" " * _GUTTER_CELLS, "axis"), *cells), width))
        return strips

    def _legend(self, width: int) -> list[list[Span]]:
        """The layers with their averages, in as many lines as they need, two at most."""
        lines: list[list[Span]] = [[(" ", "text")]]
        for layer in self._data.layers:
            sign = layer.block if self.has_colours else layer.letter
            average = "" if layer.average is None else f" {format_count(layer.average)}"
            entry: list[Span] = [(sign, layer.role), (f" {layer.name}", "label"), (average, "bold"), ("   ", "text")]
            if spans_width(lines[-1]) + spans_width(entry) > width and len(lines) < 2:
                lines.append([(" ", "text")])
            lines[-1] += entry
        return lines

    def _area(self, data: StackData, rows: int, columns: int, width: int) -> list[Strip]:
        totals = [sum(bucket) for bucket in data.buckets if bucket is not None]
        self._scale = scale = choose_scale(totals, Unit.COUNT, None, self._scale)
        fills = tuple(layer.block if self.has_colours else layer.letter for layer in data.layers)
        ramp = self.glyphs.ramp if self.has_colours else ""
        blank: Cells = ((" ", -1),) * rows
        drawn = [
            blank if bucket is None else stack_column(stack_levels(bucket, scale.high, rows), rows, fills, ramp) for bucket in data.buckets
        ]
        placed = _placed(drawn, columns, blank)
        labels = {0: axis_label(scale.high, Unit.COUNT), rows - 1: "0"}
        if rows >= 5:
            labels[rows // 2] = axis_label(scale.high * (1 - (rows // 2) / rows), Unit.COUNT)
        strips = []
        for row, runs in enumerate(stack_lines(placed, rows)):
            label: Span = (f"{fit(labels.get(row, ''), _LABEL_CELLS, 'right')} {self.glyphs.axis}", "axis")
            spans: list[Span] = [(text, data.layers[layer].role if layer >= 0 else "text") for text, layer in runs]
            strips.append(self.packed([label, *spans, (" ", "text")], width))
        return strips


def _placed(drawn: Sequence[Cells], columns: int, blank: Cells) -> Sequence[Cells]:
    """Exactly so many columns, as far as there are buckets each one wide; the newest is at the right."""
    return [blank] * (columns - len(drawn)) + list(drawn[-columns:])
