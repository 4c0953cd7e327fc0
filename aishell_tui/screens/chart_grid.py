"""As many charts as fit, on the same time axis, side by side and one under the other."""

from __future__ import annotations

from collections.abc import Callable

from textual import events
from textual.containers import Container
from textual.message import Message

from widgets.chart import ChartData, TimeChart

_CHART_COLUMNS = 72
_CHART_ROWS = 6

MakeChart = Callable[[int, int], ChartData]
"""Makes the data of the chart at an index (first argument) for a number of buckets (second)."""


class GridChart(TimeChart, can_focus=True):
    """A chart that can be chosen, to be shown large."""

    def __init__(self, index: int) -> None:
        super().__init__(show_axis=True)
        self.index = index

    def on_focus(self) -> None:
        """Show that this one is chosen."""
        self.add_class("-chosen")
        self.post_message(ChartGrid.Chosen())

    def on_blur(self) -> None:
        """Show that it is not chosen any more."""
        self.remove_class("-chosen")
        self.post_message(ChartGrid.Chosen())


class ChartGrid(Container):
    """Holds charts by index; how many depends on the room alone, so that a tick never changes the layout."""

    class Chosen(Message):
        """Another chart has the focus."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._wanted = 0
        self._make: MakeChart | None = None
        self._first = 0

    @property
    def chosen(self) -> int | None:
        """The index of the chart that has the focus."""
        focused = self.screen.focused
        return focused.index + self._first if isinstance(focused, GridChart) else None

    def set_charts(self, count: int, make: MakeChart) -> None:
        """Show the first charts of `count`, as many as fit."""
        self._make = make
        if count != self._wanted:
            self._wanted = count
            self._first = min(self._first, max(0, count - 1))
            self._fit()
        self._fill()

    def scroll_charts(self, rows: int) -> None:
        """Show later or earlier charts, by rows of them."""
        shown, across = len(self.children), max(1, self.size.width // _CHART_COLUMNS)
        last = -(-max(0, self._wanted - shown) // across) * across
        self._first = min(max(self._first + rows * across, 0), last)
        self._fill()

    def on_resize(self, event: events.Resize) -> None:
        """Fit another number of charts."""
        self._fit()
        self.call_after_refresh(self._fill)

    def _fit(self) -> None:
        width, height = self.size
        if width < 2 or height < 2:
            return
        columns = max(1, width // _CHART_COLUMNS)
        rows = max(1, height // _CHART_ROWS)
        columns = min(columns, max(1, self._wanted))
        rows = min(rows, -(-self._wanted // columns) or 1)
        self._first = min(self._first, max(0, self._wanted - columns * rows))
        count = min(columns * rows, self._wanted)
        self.styles.grid_size_columns, self.styles.grid_size_rows = columns, rows
        present = list(self.query(GridChart))
        for chart in present[count:]:
            chart.remove()
        if count > len(present):
            self.mount(*(GridChart(index) for index in range(len(present), count)))
            self.call_after_refresh(self._fill)

    def _fill(self) -> None:
        if self._make is None:
            return
        for chart in self.query(GridChart):
            index = chart.index + self._first
            if chart.size.width:
                chart.set_data(self._make(index, chart.bucket_count) if index < self._wanted else None)
