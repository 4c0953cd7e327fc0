"""The bars, lines and text panes around the tables and charts."""

from __future__ import annotations

import math

import pytest
from textual.widgets import Input

from aishell_core.values import PlanNode, Severity, Unit
from tests.widget_app import Mail, WidgetApp, painted
from widgets.big_figure import BigFigure, BigFigureState
from widgets.chart import ChartData, ChartMark, TimeChart
from widgets.figures import KeyFigure, KeyFigures
from widgets.filter_line import FilterLine
from widgets.glyphs import ASCII, UNICODE, Glyphs
from widgets.heading import Heading
from widgets.key_bar import KeyBar, KeyHint
from widgets.line_view import LineView
from widgets.lines import Spans
from widgets.notice_line import NoticeLine
from widgets.plan_tree import PlanTree
from widgets.sql_view import SqlView
from widgets.tab_bar import Tab, TabBar
from widgets.table import LineTable
from widgets.table_model import Cell, Column, Row
from widgets.text_view import TextView
from widgets.title_bar import TitleBar, TitleState

STATE = TitleState(
    place="prod-eu",
    counts=((Severity.OK, 9), (Severity.WARNING, 2), (Severity.CRITICAL, 0)),
    detail=(("pg 16.4 primary", "text"),),
    alerts=(("alerts 1 crit", "critical"),),
    clock="14:02:31Z",
    interval="1s",
)


async def test_the_title_bar_says_where_we_are_how_it_stands_and_the_time() -> None:
    bar = TitleBar()
    app = WidgetApp(bar)
    async with app.run_test(size=(110, 3)) as pilot:
        bar.set_state(STATE)
        await pilot.pause()
        line = painted(app)[0]
        assert line.startswith(" aishell ▏prod-eu ▏● 9 ▲ 2 ▏alerts 1 crit ▏pg 16.4 primary")
        assert line.endswith("14:02:31Z ↻1s")
        assert "✖" not in line


async def test_the_badges_of_a_narrow_title_bar_stay_and_details_go() -> None:
    bar = TitleBar()
    app = WidgetApp(bar)
    async with app.run_test(size=(60, 3)) as pilot:
        bar.set_state(TitleState(STATE.place, STATE.counts, STATE.detail, STATE.alerts, True, True, "", STATE.clock, STATE.interval))
        await pilot.pause()
        line = painted(app)[0]
        assert "[RO]" in line
        assert "⏸ PAUSED" in line
        assert "14:02:31Z" in line
        assert "pg 16.4" not in line


@pytest.mark.parametrize(
    ("width", "place", "shown"),
    [
        (120, "orders@db1,db2", " aishell ▏orders@db1,db2 ▏ok ▏pg 18.4 primary db2.example:5432 "),
        (80, "orders", " aishell ▏orders ▏ok ▏pg 18.4 primary db2.example:5432 "),
        (80, "orders@db1,db2,db3", " aishell ▏orders@db1,db2,db3 ▏ok ▏primary db2.example:5432 "),
        (80, "orders@db1.example,db2.example,db3.example", " aishell ▏orders@db1.example,db2.example,… ▏ok ▏db2.example:5432 "),
        (60, "orders@db1.example,db2.example,db3.example", " aishell ▏orders@db1.example,db2.exampl… ▏ok "),
    ],
)
async def test_a_title_bar_keeps_the_last_detail_longest_and_cuts_a_long_place_for_it(width: int, place: str, shown: str) -> None:
    """Of a target that may be several servers it is the one that answers."""
    bar = TitleBar()
    app = WidgetApp(bar)
    detail: Spans = (("pg 18.4", "label"), (" primary", "label"), (" db2.example:5432", "label"))
    async with app.run_test(size=(width, 3)) as pilot:
        bar.set_state(TitleState(place, detail=detail, state=(("ok", "ok"),), clock="14:02:31Z", interval="1s"))
        await pilot.pause()
        line = painted(app)[0]
        assert line.startswith(shown)
        assert line.endswith(" 14:02:31Z ↻1s")


async def test_a_tab_is_chosen_by_click_and_a_narrow_bar_keeps_the_active_name() -> None:
    bar, mail = TabBar([Tab("1", "Fleet"), Tab("2", "Health"), Tab("3", "Queries")], "2"), Mail()
    app = WidgetApp(bar)
    async with app.run_test(size=(80, 3), message_hook=mail.append) as pilot:
        await pilot.click(bar, offset=(3, 0))
        assert painted(app)[0] == " 1 Fleet  2 Health  3 Queries"
        bar.set_tabs([Tab("1", "Fleet"), Tab("2", "Health"), Tab("3", "Queries")], "3")
        await pilot.resize_terminal(20, 3)
        await pilot.pause()
        assert painted(app)[0] == " 1  2  3 Queries"
    assert [message.key for message in mail.of(TabBar.Chosen)] == ["1"]


async def test_a_key_hint_is_pressed_by_click() -> None:
    bar, mail = KeyBar(), Mail()
    app = WidgetApp(bar)
    async with app.run_test(size=(80, 3), message_hook=mail.append) as pilot:
        bar.set_hints([KeyHint("enter", "open"), KeyHint("/", "filter", "filter")])
        await pilot.pause()
        assert painted(app)[0] == " enter open  / filter"
        await pilot.click(bar, offset=(14, 0))
        await pilot.click(bar, offset=(60, 0))
    assert [message.hint.action for message in mail.of(KeyBar.Pressed)] == ["filter"]


async def test_a_notice_comes_and_goes() -> None:
    line = NoticeLine()
    app = WidgetApp(line)
    async with app.run_test(size=(40, 3)) as pilot:
        line.show_notice("copied [/bold]", Severity.WARNING)
        await pilot.pause()
        assert painted(app)[0] == " ▲ copied [/bold]"
        line.clear_notice()
        await pilot.pause()
        assert painted(app)[0] == ""


async def test_the_label_of_a_figure_gives_way_to_the_value_and_its_unit() -> None:
    figures = KeyFigures([KeyFigure("replication lag", "123.4 MiB/s"), KeyFigure("oldest", "1,234,567.8 MiB/s"), KeyFigure("tps", "1")])
    app = WidgetApp(figures)
    async with app.run_test(size=(60, 5)) as pilot:
        await pilot.pause()
        assert painted(app)[0] == " repli… 123.4 MiB/s  1,234,567.8 MiB/s   tps 1"


async def test_figures_keep_their_places_and_colour_only_what_is_not_well() -> None:
    figures = KeyFigures(
        [KeyFigure("active", "41", trend=(1.0, 4.0)), KeyFigure("waiting", "17", Severity.CRITICAL), KeyFigure("lag", "–")]
    )
    app = WidgetApp(figures)
    async with app.run_test(size=(60, 6)) as pilot:
        await pilot.pause()
        assert painted(app)[0].startswith(" active 41     ▃█    waiting 17          lag –")
        roles = {segment.text.strip(): segment.style for segment in figures.render_line(0)}
        assert roles["17"] == app.palette.style("critical")
        assert roles["41"] == app.palette.style("bold")
        assert figures.size.height == 1
        figures.set_figures([KeyFigure(f"name{i}", str(i)) for i in range(7)])
        await pilot.pause()
        assert figures.size.height == 3


async def test_a_chart_shows_its_scale_its_limit_and_the_value_of_now() -> None:
    chart = TimeChart(show_axis=True)
    app = WidgetApp(chart)
    values = [100.0] * 40 + [math.nan] * 10 + [900.0] * 52
    data = ChartData(
        "waiting", Unit.COUNT, values, start=1e9, step_seconds=10.0, span_text="15 m", now_text="900", limit=500.0, limit_text="500",
        marks=(ChartMark(1e9 + 500, "deploy"),), severity=Severity.CRITICAL,
    )  # fmt: skip
    async with app.run_test(size=(60, 8)) as pilot:
        assert chart.bucket_count == 102
        chart.set_data(data)
        await pilot.pause()
        lines = painted(app)
        assert lines[0].startswith(" waiting")
        assert lines[0].endswith("limit 500  15 m  now 900")
        assert lines[1].startswith("     1k ┤")
        assert lines[6].startswith("      0 ┤")
        assert any(line.startswith("    500 ┤┄┄┄") for line in lines)
        assert lines[6][9:] == "⣤" * 20 + " " * 5 + "⣿" * 26
        assert "↑ deploy" in lines[7]
        styles = {segment.text[0]: segment.style for segment in chart.render_line(6)}
        assert styles["⣤"] == app.palette.style("chart1")
        assert styles["⣿"] == app.palette.style("critical")
        chart.set_data(None)
        await pilot.pause()
        assert "".join(painted(app)) == ""


async def test_a_low_chart_gives_up_its_axis_then_its_area() -> None:
    chart = TimeChart(ChartData("tps", Unit.COUNT, [1.0, 2.0], now_text="2", stale="stale 9s"), show_axis=True)
    app = WidgetApp(chart)
    async with app.run_test(size=(60, 3)) as pilot:
        await pilot.pause()
        assert "┤" in painted(app)[2]
        await pilot.resize_terminal(60, 1)
        await pilot.pause()
        assert painted(app)[0].startswith(" tps")
        assert "✖ stale 9s" in painted(app)[0]


async def test_why_a_chart_is_stale_is_cut_before_its_title() -> None:
    why = "stale 11s: no answer within 2s; the call that began 9s ago has not ended yet"
    chart = TimeChart(ChartData("transactions", Unit.COUNT, [1.0, 2.0], span_text="5 min", now_text="2", stale=why))
    app = WidgetApp(chart)
    async with app.run_test(size=(70, 6)) as pilot:
        await pilot.pause()
        assert painted(app)[0].startswith(" transactions ✖ stale 11s: no answer within")
        assert painted(app)[0].endswith("5 min  now 2")
        await pilot.resize_terminal(42, 6)
        await pilot.pause()
        assert painted(app)[0].split("  ")[0] == " transactions"
        assert "✖ stale 11s  5 min" in painted(app)[0]


async def test_a_text_pane_scrolls_and_says_where_it_is() -> None:
    view = TextView([((f"line {i}", "text"),) for i in range(50)], heading=Heading("help"))
    app = WidgetApp(view)
    async with app.run_test(size=(60, 11)) as pilot:
        view.focus()
        for keys, first in (
            (["j", "j", "k"], 1),
            (["G"], 40),
            (["k"], 39),
            (["g"], 0),
            (["ctrl+d"], 5),
            (["ctrl+u"], 0),
            (["pagedown"], 10),
        ):
            await pilot.press(*keys)
            assert painted(app)[1] == f"line {first}", keys
        assert "11-20 of 50 ▴▾" in painted(app)[0]
        view.set_lines([(("only", "text"),)])
        await pilot.pause()
        assert painted(app)[:2] == [" help", "only"]


async def test_another_statement_or_plan_starts_at_its_first_line() -> None:
    sql, plan = SqlView("\n".join(f"line{i}" for i in range(30))), PlanTree([PlanNode(f"step{i}") for i in range(30)])
    app = WidgetApp(sql, plan)
    async with app.run_test(size=(60, 10)) as pilot:
        for view in (sql, plan):
            view.focus()
            await pilot.press("G")
        assert painted(app)[4].strip() == "line29"
        assert painted(app)[9].strip() == "step29"
        sql.set_sql("SELECT 1")
        plan.set_plan([PlanNode("SCAN t", costly=True, note="reads the whole table")])
        await pilot.pause()
        assert painted(app)[0] == " SELECT 1"
        assert painted(app)[5:7] == [" SCAN t ◀", "   reads the whole table"]
        assert sql.sql == "SELECT 1"


async def test_a_figure_too_large_for_its_pane_is_written_small() -> None:
    figure = BigFigure(BigFigureState("transactions", "1.2k", "limit 2k", Severity.WARNING))
    app = WidgetApp(figure)
    async with app.run_test(size=(40, 8)) as pilot:
        await pilot.pause()
        assert painted(app)[0] == " transactions"
        assert "█" in painted(app)[1]
        assert painted(app)[6] == " limit 2k"
        await pilot.resize_terminal(10, 8)
        await pilot.pause()
        assert painted(app)[1] == " 1.2k"
        figure.set_state(BigFigureState("state", "n/a?"))
        await pilot.pause()
        assert painted(app)[1] == " n/a?"


async def test_the_filter_line_opens_types_keeps_and_gives_up() -> None:
    line, table, mail = FilterLine(), TextView(), Mail()
    app = WidgetApp(table, line)
    async with app.run_test(size=(60, 8), message_hook=mail.append) as pilot:
        assert "".join(painted(app)) == ""
        line.open_line("ab")
        await pilot.pause()
        assert "/ab" in painted(app)[7]
        await pilot.press("c", "enter")
        assert not line.is_open
        line.open_line()
        line.show_error("not a regular [/expression]")
        await pilot.pause()
        assert "not a regular [/expression]" in painted(app)[7]
        await pilot.press("x", "escape")
        assert not line.is_open
        assert not line.query_one(Input).cursor_blink
    assert [message.text for message in mail.of(FilterLine.Changed)] == ["abc", "x"]
    assert [message.text for message in mail.of(FilterLine.Submitted)] == ["abc"]
    assert len(mail.of(FilterLine.Dismissed)) == 1


HOSTILE = [
    "[/bold][red]",
    "\x1b[2J\x1b]0;title\x07",
    "a\nb\r\nc",
    "漢字かな" * 9,
    "e\u0301\u0301\u0301",
    "\u202egnol",
    "👩\u200d👩\u200d👧",
    "\ud800",
    "\x00",
    "%s{}$",
]


def with_text(text: str) -> list[LineView]:
    """Every widget with the text wherever a text goes."""
    table = LineTable((Column("a", text, 9), Column("b", "B", None, 5)), heading=Heading(text, ((text, "dim"),), age=text))
    table.set_rows(
        [Row(text, {"a": Cell(text), "b": Cell(spans=((text, "ok"), (text, "dim")))}, note=((text, "text"),), note_right=(text, "dim"))]
    )
    title = TitleBar()
    title.set_state(TitleState(text, (), ((text, "text"),), ((text, "text"),), moment=text, clock=text, interval=text))
    notice = NoticeLine()
    notice.show_notice(text)
    return [
        table,
        TimeChart(
            ChartData(text, Unit.COUNT, [1.0, 2.0], now_text=text, limit=1.0, limit_text=text, marks=(ChartMark(1.0, text),)),
            show_axis=True,
        ),
        KeyFigures([KeyFigure(text, text, Severity.OK, (1.0,))] * 3),
        title,
        TabBar([Tab("1", text)], "1"),
        KeyBar([KeyHint(text, text)] * 3),
        notice,
        PlanTree([PlanNode(text, costly=True, note=text, cost=1.0)], heading=Heading(text)),
        SqlView(text, heading=Heading(text, stale=text)),
        TextView([((text, "text"),)], heading=Heading(text)),
        BigFigure(BigFigureState(text, text, text)),
    ]


@pytest.mark.parametrize("glyphs", [UNICODE, ASCII])
@pytest.mark.parametrize("text", HOSTILE)
async def test_foreign_text_does_no_harm_in_any_widget(text: str, glyphs: Glyphs) -> None:
    widgets = with_text(text)
    app = WidgetApp(*widgets, glyphs=glyphs)
    async with app.run_test(size=(50, 45)) as pilot:
        await pilot.pause()
        for widget in widgets:
            strips = [widget.render_line(y) for y in range(widget.size.height)]
            assert [strip.cell_length for strip in strips] == [50] * len(strips), widget
            assert all(strip.text.isprintable() for strip in strips), widget
            assert glyphs.unicode or all(strip.text.isascii() for strip in strips), widget
