"""Several series over time, one upon the other, told apart by colour and by letter."""

from __future__ import annotations

from textual.strip import Strip
from typing_extensions import override

from widgets.chart_axis import axis_cells
from widgets.chart_scale import Scale
from widgets.heading import Heading, heading_left, heading_right
from widgets.line_view import LineView
from widgets.stack_paint import StackData as StackData
from widgets.stack_paint import StackLayer as StackLayer
from widgets.stack_paint import area_strips, has_layer_colours, legend_strips

_LABEL_CELLS = 5
_GUTTER_CELLS = _LABEL_CELLS + 2


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
        return has_layer_colours(self)

    @override
    def draw(self, width: int, height: int) -> list[Strip]:
        """Title, legend, columns, axis; with too little room the axis goes first."""
        data = self._data
        strips = [self.two_sided(heading_left(self._heading), heading_right(self._heading, self.glyphs, width=width), width)]
        if not data.layers or height < 4:
            return [*strips, self.strip(((f"   {self._empty_text}", "dim"),), width)]
        strips += legend_strips(self, data.layers, width)
        axis = int(height - len(strips) >= 4)
        rows, columns = height - len(strips) - axis, width - _GUTTER_CELLS - 1
        if rows < 1 or columns < 2:
            return strips
        self._scale, area = area_strips(self, data, rows, columns, width, _LABEL_CELLS, self._scale)
        strips += area
        if axis:
            cells = axis_cells(data.marks, data.start, len(data.buckets) * data.step_seconds, columns, self.glyphs.event)
            strips.append(self.strip(((" " * _GUTTER_CELLS, "axis"), *cells), width))
        return strips
