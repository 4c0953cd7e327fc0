"""What the live widgets cost: CPU milliseconds and bytes to the terminal per update, 160x45.

    python -m benchmarks.widgets

The bytes are those of a real screen update with the compact encoder and, beside it, with Textual's own.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from functools import partial

from rich.console import RenderableType
from textual._compositor import CompositorUpdate
from textual.app import App, ComposeResult
from textual.screen import Screen
from textual.widget import Widget

from aishell_core.values import Severity, Unit
from themes.load import load_theme
from widgets.chart import ChartData, TimeChart
from widgets.compact_update import compact
from widgets.figures import KeyFigure, KeyFigures
from widgets.glyphs import UNICODE
from widgets.heading import Heading
from widgets.table import LineTable
from widgets.table_model import Cell, Column, Row
from widgets.theme_bridge import make_palette_of

SIZE = (160, 45)
ROUNDS = 60


class BenchApp(App[None]):
    """Holds the widgets under test and counts what would go to the terminal."""

    CSS = "Screen { layout: vertical; } #charts { layout: grid; grid-size: 2; height: 1fr; }"

    def __init__(self, widgets: Sequence[Widget]) -> None:
        super().__init__()
        self.palette = make_palette_of(load_theme("night"))
        self.glyphs = UNICODE
        self._widgets = widgets
        self.compact_bytes = self.own_bytes = 0
        self.compare = False

    def compose(self) -> ComposeResult:
        """The widgets under test."""
        yield from self._widgets

    def _display(self, screen: Screen[object], renderable: RenderableType | None) -> None:
        update: object = renderable  # Textual hands on more kinds than its annotation admits
        if isinstance(update, CompositorUpdate):
            if self.compare:
                self.own_bytes += len(update.render_segments(self.console).encode())
            small: object = compact(renderable, colours=True)
            if isinstance(small, CompositorUpdate):
                self.compact_bytes += len(small.render_segments(self.console).encode())
        super()._display(screen, renderable)


def table_rows(tick: int, changed_columns: int) -> list[Row]:
    """200 rows of twelve columns; the values of the first `changed_columns` follow the tick."""
    rows = []
    for number in range(200):
        cells = {f"c{i}": Cell(f"{(number * 7 + i + (tick if i < changed_columns else 0)) % 9973}", "text") for i in range(11)}
        cells["sql"] = Cell("SELECT o.id, o.total FROM orders o WHERE o.status = $1 ORDER BY o.at DESC")
        rows.append(Row(f"row{number}", cells, severity=Severity.OK))
    return rows


def make_table() -> LineTable:
    columns = [Column(f"c{i}", f"COLUMN{i}", 9, align="right") for i in range(11)]
    return LineTable([*columns, Column("sql", "SQL", None, 30)], heading=Heading("sessions"), show_severity=True)


def chart_data(tick: int, title: str, count: int) -> ChartData:
    """A series on a fixed grid of buckets: the last bucket changes with each tick, a new one begins every eighth."""
    shift, inside = divmod(tick, 8)
    values = [1000 + 900 * math.sin((index + shift) / 9) for index in range(count)]
    values[-1] += inside * 10
    return ChartData(
        title,
        Unit.PER_SECOND,
        values,
        start=1e9 + shift * 7.5,
        step_seconds=7.5,
        span_text="15 m",
        now_text=f"{values[-1]:.0f}",
        limit=1800,
        limit_text="1.8k",
    )


def figures(tick: int) -> list[KeyFigure]:
    """Ten key figures of which each changes."""
    trend = tuple(float((tick + i) % 7) for i in range(6))
    return [KeyFigure(f"name{i}", f"{(tick * 13 + i) % 997}", trend=trend) for i in range(10)]


async def measure(title: str, widgets: Sequence[Widget], change: Callable[[int], None]) -> None:
    """Print one line of the table for a set of widgets and what happens to them at each tick."""
    app = BenchApp(widgets)
    async with app.run_test(size=SIZE) as pilot:
        for tick in range(5):
            change(tick)
            await pilot.pause()
        draw_seconds, started = 0.0, time.process_time()
        app.compact_bytes = 0
        for tick in range(5, 5 + ROUNDS):
            draw_started = time.process_time()
            change(tick)
            draw_seconds += time.process_time() - draw_started
            await pilot.pause()
        total_seconds, small = time.process_time() - started, app.compact_bytes
        app.compare = True
        for tick in range(5, 5 + ROUNDS):
            change(tick)
            await pilot.pause()
    figures = (draw_seconds * 1000, total_seconds * 1000, small, app.own_bytes)
    print(
        f"{title:52} " + " ".join(f"{figure / ROUNDS:8.{digits}f}" for figure, digits in zip(figures, (2, 2, 0, 0), strict=True)),
        flush=True,
    )


def change_table(table: LineTable, rows: Sequence[Sequence[Row]], tick: int) -> None:
    table.set_rows(rows[tick])


async def main() -> None:
    print(f"{'160x45, mean of ' + str(ROUNDS) + ' updates':52} {'draw ms':>8} {'all ms':>8} {'bytes':>8} {'textual':>8}")
    for columns in (0, 1, 2, 11):
        table = make_table()
        rows = [table_rows(tick, columns) for tick in range(ROUNDS + 5)]
        await measure(f"table, 200 rows, {columns} of 12 columns change", [table], partial(change_table, table, rows))
    charts = [TimeChart(id=f"chart{i}") for i in range(8)]

    def change_charts(tick: int) -> None:
        for chart in charts:
            chart.set_data(chart_data(tick, chart.id or "", chart.bucket_count))

    await measure("8 charts, last bucket each tick, all every 8th", [ChartGrid(*charts, id="charts")], change_charts)
    line = KeyFigures()
    await measure("10 key figures with trends", [line], lambda tick: line.set_figures(figures(tick)))
    await measure("nothing changes", [table], lambda _: None)


class ChartGrid(Widget):
    """Two charts side by side."""


if __name__ == "__main__":
    asyncio.run(main())
