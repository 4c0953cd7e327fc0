"""Live widgets repaint the cells that changed and nothing else."""

from __future__ import annotations

from typing import Self

import pytest
from textual.geometry import Region

from aishell_core.values import PlanNode, Severity, Unit
from tests.widget_app import WidgetApp, painted
from widgets.big_figure import BigFigure, BigFigureState
from widgets.chart import ChartData, TimeChart
from widgets.figures import KeyFigure, KeyFigures
from widgets.glyphs import ASCII
from widgets.heading import Heading
from widgets.key_bar import KeyBar, KeyHint
from widgets.line_view import LineView
from widgets.notice_line import NoticeLine
from widgets.plan_tree import PlanTree
from widgets.sql_view import SqlView
from widgets.tab_bar import Tab, TabBar
from widgets.table import LineTable
from widgets.table_model import Cell, Column, Row
from widgets.text_view import TextView
from widgets.title_bar import TitleBar, TitleState


class Recording(LineView):
    """Remembers what was asked to be repainted; an empty tuple is everything."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[Region, ...]] = []

    def refresh(self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False) -> Self:
        if hasattr(self, "asked"):
            self.asked.append(regions)
        return super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)


class RecordingTable(Recording, LineTable, can_focus=True):
    def __init__(self) -> None:
        LineTable.__init__(self, (Column("name", "NAME", 10), Column("tps", "TPS", 8, align="right"), Column("sql", "SQL", None, 10)))
        self.asked = []


class RecordingChart(Recording, TimeChart):
    def __init__(self) -> None:
        TimeChart.__init__(self)
        self.asked = []


def rows(*values: float) -> list[Row]:
    return [
        Row(str(i), {"name": Cell(f"target-{i}"), "tps": Cell(f"{value:.0f}", sort=value), "sql": Cell("SELECT 1")})
        for i, value in enumerate(values)
    ]


async def test_one_changed_number_repaints_its_cells_on_its_line() -> None:
    shown = RecordingTable()
    app = WidgetApp(shown)
    async with app.run_test(size=(60, 8)) as pilot:
        shown.set_rows(rows(1200, 1300, 1400))
        await pilot.pause()
        shown.asked.clear()
        shown.set_rows(rows(1200, 1309, 1400))
        assert shown.asked == [(Region(20, 2, 1, 1),)]
        await pilot.pause()
        assert "1309" in painted(app)[2]


async def test_nothing_changed_repaints_nothing() -> None:
    shown = RecordingTable()
    async with WidgetApp(shown).run_test(size=(60, 8)) as pilot:
        shown.set_rows(rows(1, 2, 3))
        await pilot.pause()
        shown.asked.clear()
        shown.set_rows(rows(1, 2, 3))
        assert shown.asked == []


async def test_moving_the_cursor_repaints_two_lines() -> None:
    shown = RecordingTable()
    async with WidgetApp(shown).run_test(size=(60, 8)) as pilot:
        shown.set_rows(rows(1, 2, 3))
        await pilot.press("j")
        await pilot.pause()
        shown.asked.clear()
        await pilot.press("j")
        assert {region.y for regions in shown.asked for region in regions} == {1, 2}


async def test_a_new_value_at_the_end_of_a_chart_repaints_a_few_cells() -> None:
    shown = RecordingChart()
    app = WidgetApp(shown)
    async with app.run_test(size=(60, 6)) as pilot:
        count = shown.bucket_count
        values = [50.0] * (count - 1)
        shown.set_data(ChartData("tps", Unit.COUNT, [*values, 60.0], now_text="60"))
        await pilot.pause()
        shown.asked.clear()
        shown.set_data(ChartData("tps", Unit.COUNT, [*values, 30.0], now_text="30"))
        regions = [region for asked in shown.asked for region in asked]
        assert regions
        assert sum(region.width * region.height for region in regions) <= 8


async def test_another_size_draws_everything_anew() -> None:
    shown = RecordingTable()
    app = WidgetApp(shown)
    async with app.run_test(size=(60, 8)) as pilot:
        shown.set_rows(rows(1, 2, 3))
        await pilot.pause()
        await pilot.resize_terminal(100, 20)
        await pilot.pause()
        assert all(strip.cell_length == 100 for strip in app.screen._compositor.render_strips())
        assert painted(app)[1].startswith("  target-0")


async def test_another_theme_draws_everything_anew_and_lays_nothing_out() -> None:
    shown = RecordingTable()
    app = WidgetApp(shown)
    async with app.run_test(size=(60, 8)) as pilot:
        shown.set_rows(rows(1, 2, 3))
        await pilot.pause()
        app.wear("day")
        await pilot.pause()
        assert shown.render_line(1)._segments[0].style == app.palette.style("text")
        app.glyphs = ASCII
        shown.update_lines()
        await pilot.pause()
        assert "".join(painted(app)).isascii()


def every_widget() -> list[LineView]:
    """Each line widget with something to show."""
    plan = (PlanNode("Limit", children=(PlanNode("Scan", costly=True, note="no index", cost=12.0),)),)
    table = LineTable((Column("a", "A", 5), Column("b", "B")), heading=Heading("t", age="1s"), show_severity=True)
    table.set_rows(
        [Row("1", {"a": Cell("x"), "b": Cell("y")}, note=(("why", "text"),), severity=Severity.CRITICAL, note_right=("4 >", "accent"))]
    )
    title = TitleBar()
    title.set_state(TitleState("prod", ((Severity.OK, 1),), read_only=True, paused=True, moment="14:02", clock="14:02:31Z", interval="1s"))
    notice = NoticeLine()
    notice.show_notice("done", Severity.OK)
    return [
        table,
        TimeChart(ChartData("tps", Unit.COUNT, [1.0, 2.0], limit=1.5, now_text="2"), show_axis=True),
        KeyFigures([KeyFigure("tps", "1.2k", Severity.WARNING, (1.0, None, 2.0))]),
        title,
        TabBar([Tab("1", "Fleet"), Tab("2", "Health")], "1"),
        KeyBar([KeyHint("enter", "open"), KeyHint("?", "help")]),
        notice,
        PlanTree(plan, heading=Heading("plan")),
        SqlView("SELECT 1\nFROM t", heading=Heading("sql")),
        TextView([(("line", "text"),)] * 30, heading=Heading("help")),
        BigFigure(BigFigureState("tps", "1.2k", "detail", Severity.CRITICAL)),
    ]


@pytest.mark.parametrize("index", range(11))
async def test_every_widget_survives_every_size(index: int) -> None:
    """Down to one line, one cell and nothing at all."""
    widget = every_widget()[index]
    app = WidgetApp(widget)
    async with app.run_test(size=(40, 12)) as pilot:
        for width in (40, 12, 2, 1, 0):
            for height in (12, 3, 2, 1, 0):
                widget.styles.width, widget.styles.height = width, height
                await pilot.pause()
                strips = [widget.render_line(y) for y in range(height)] if width else []
                assert [strip.cell_length for strip in strips] == [width] * len(strips), (width, height)


def test_that_all_widgets_are_among_them() -> None:
    assert len(every_widget()) == 11
    assert len({type(widget) for widget in every_widget()}) == 11
