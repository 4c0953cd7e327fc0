"""A light chart of one series over time, in braille or ASCII."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from textual.strip import Strip
from typing_extensions import override

from aishell_core.values import Severity, Unit
from widgets.chart_axis import ChartMark as ChartMark
from widgets.chart_axis import axis_cells
from widgets.chart_axis import clock_text as clock_text
from widgets.chart_canvas import dots_across, draw_area, spread
from widgets.chart_scale import Scale, axis_label, choose_scale
from widgets.format import cell_width, clean, fit
from widgets.heading import stale_mark
from widgets.line_view import LineView
from widgets.lines import Span, Spans, spans_width
from widgets.palette import Role, severity_role
from widgets.stack_paint import StackData, area_strips, legend_strips
from widgets.stacked_canvas import joined

_LABEL_CELLS = 7
_AROUND_TITLE_CELLS = 4
_GUTTER_CELLS = _LABEL_CELLS + 2
_BLANKS = re.compile(" +|[^ ]+")


@dataclass(frozen=True, slots=True)
class ChartData:
    """One series in buckets of `step_seconds` from `start` (epoch seconds); NaN is a gap and stays blank.

    `high` is the peak in each bucket, where it is known. `limit` is drawn as a dotted line, and what is beyond it (below
    it, when `falling`) takes the colour of `severity`. With a `stack` its layers are drawn, with a legend, instead of the series.
    """

    title: str
    unit: Unit
    mean: Sequence[float]
    start: float = 0.0
    step_seconds: float = 1.0
    high: Sequence[float] = ()
    span_text: str = ""
    now_text: str = ""
    limit: float | None = None
    limit_text: str = ""
    falling: bool = False
    marks: tuple[ChartMark, ...] = ()
    severity: Severity = Severity.OK
    stale: str = ""
    stack: StackData | None = None


class TimeChart(LineView):
    """A title line with the value of now, the area, and below it, where wanted, the time axis with marks."""

    def __init__(
        self, data: ChartData | None = None, *, show_axis: bool = False, id: str | None = None, classes: str | None = None
    ) -> None:
        super().__init__(id=id, classes=classes)
        self._data = data
        self._show_axis = show_axis
        self._scale: Scale | None = None
        self._title = ""

    @property
    def bucket_count(self) -> int:
        """How many buckets the chart can show side by side at its present size; never 0."""
        return max(1, dots_across(self.size.width - _GUTTER_CELLS, self.glyphs))

    def set_data(self, data: ChartData | None) -> None:
        """Show other data; None is a blank chart."""
        if data is None or data.title != self._title:
            self._scale, self._title = None, data.title if data else ""
        self._data = data
        self.update_lines()

    @override
    def draw(self, width: int, height: int) -> list[Strip]:
        """Title, area, axis; with too little room the axis goes first, then the area."""
        data = self._data
        if data is None:
            return []
        axis = int(self._show_axis and height >= 4)
        rows, columns = height - 1 - axis, width - _GUTTER_CELLS
        strips = [self._title_line(data, width)]
        if data.stack is not None:
            strips += legend_strips(self, data.stack.layers, width)
            rows = height - len(strips) - axis
        if rows < 1 or columns < 2:
            return strips
        strips += self._stacked(data.stack, columns, rows, width) if data.stack is not None else self._area(data, columns, rows, width)
        if axis:
            strips.append(self.strip(time_axis(data, columns, self.glyphs.event), width))
        return strips

    def _stacked(self, stack: StackData, columns: int, rows: int, width: int) -> list[Strip]:
        buckets = joined(stack.buckets, columns)
        self._scale, strips = area_strips(self, replace(stack, buckets=tuple(buckets)), rows, columns, width, _LABEL_CELLS, self._scale)
        return strips

    def _title_line(self, data: ChartData, width: int) -> Strip:
        right: list[Span] = []
        if data.limit_text:
            right.append((f"limit {data.limit_text}  ", "dim"))
        if data.span_text:
            right.append((f"{data.span_text}  ", "dim"))
        right += [("now ", "label"), (data.now_text or "n/a", _value_role(data)), (" ", "text")]
        if data.stale:
            room = width - cell_width(clean(data.title)) - spans_width(right) - _AROUND_TITLE_CELLS
            right = [stale_mark(data.stale, room, self.glyphs), ("  ", "text"), *right]
        return self.two_sided([(" ", "text"), (data.title, "label")], right, width)

    def _area(self, data: ChartData, columns: int, rows: int, width: int) -> list[Strip]:
        dots = dots_across(columns, self.glyphs)
        means = spread(data.mean, dots)
        peaks = spread(data.high, dots) if data.high else means
        self._scale = scale = choose_scale(peaks, data.unit, data.limit, self._scale)
        low, span = scale.low, scale.high - scale.low
        shares = [(value - low) / span for value in means]
        tips = shares if peaks is means else [(value - low) / span for value in peaks]
        limit_row = _limit_row(data.limit, scale, rows)
        runs = _role_runs(data, peaks, columns)
        labels = _labels(scale, data, rows, limit_row)
        strips = []
        for row, line in enumerate(draw_area(shares, tips, columns, rows, self.glyphs)):
            label: Span = (f"{fit(labels.get(row, ''), _LABEL_CELLS, 'right')} {self.glyphs.axis}", "axis")
            spans = [(line[begin:end], role) for begin, end, role in runs]
            if row == limit_row:
                spans = _with_threshold(spans, self.glyphs.threshold)
            strips.append(self.packed([label, *spans], width))
        return strips


def _value_role(data: ChartData) -> Role:
    return "bold" if data.severity is Severity.OK else severity_role(data.severity)


def _limit_row(limit: float | None, scale: Scale, rows: int) -> int | None:
    """The row from the top in which the limit lies; None when it is out of view."""
    if limit is None or not scale.low <= limit <= scale.high:
        return None
    return min(rows - 1, int((1 - scale.share(limit)) * rows))


def _labels(scale: Scale, data: ChartData, rows: int, limit_row: int | None) -> dict[int, str]:
    labels = {rows - 1: axis_label(scale.low, data.unit)}
    if rows >= 3:
        middle = rows // 2
        labels[middle] = axis_label(scale.high - (scale.high - scale.low) * middle / rows, data.unit)
    labels[0] = axis_label(scale.high, data.unit)
    if limit_row is not None and data.limit is not None and 0 < limit_row < rows - 1:
        labels = {row: text for row, text in labels.items() if row in {0, rows - 1}}
        labels[limit_row] = axis_label(data.limit, data.unit)
    return labels


def _role_runs(data: ChartData, peaks: Sequence[float], columns: int) -> list[tuple[int, int, Role]]:
    """The ranges of cell columns with their role: the severity's where a value is beyond the limit."""
    limit = data.limit
    if limit is None:
        return [(0, columns, "chart1")]
    per_cell = max(1, len(peaks) // columns)
    past = [value <= limit for value in peaks] if data.falling else [value >= limit for value in peaks]
    beyond = severity_role(data.severity) if data.severity is not Severity.OK else "warning"
    runs: list[tuple[int, int, Role]] = []
    for is_past, cells in groupby(range(columns), key=lambda column: any(past[column * per_cell : (column + 1) * per_cell])):
        places = list(cells)
        runs.append((places[0], places[-1] + 1, beyond if is_past else "chart1"))
    return runs


def _with_threshold(spans: Sequence[Span], symbol: str) -> list[Span]:
    """The spans of one row with the threshold in their blanks."""
    return [(symbol * len(part), "threshold") if part[0] == " " else (part, role) for text, role in spans for part in _BLANKS.findall(text)]


def time_axis(data: ChartData, columns: int, event_glyph: str) -> Spans:
    """The line under a chart: times in UTC at regular places, and the marks that fall into the span."""
    cells = axis_cells(data.marks, data.start, len(data.mean) * data.step_seconds, columns, event_glyph)
    return ((" " * _GUTTER_CELLS, "axis"), *cells)
