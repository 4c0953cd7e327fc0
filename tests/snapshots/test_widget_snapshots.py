"""Pictures of the widgets at a fixed size; look at the report before updating them."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from textual.app import App

from aishell_core.values import PlanNode, Severity, Unit
from tests.widget_app import WidgetApp
from widgets.chart import ChartData, ChartMark, TimeChart
from widgets.figures import KeyFigure, KeyFigures
from widgets.format import bar, sparkline
from widgets.glyphs import ASCII, UNICODE, Glyphs
from widgets.heading import Heading
from widgets.key_bar import KeyBar, KeyHint
from widgets.plan_tree import PlanTree
from widgets.sql_view import SqlView
from widgets.tab_bar import Tab, TabBar
from widgets.table import LineTable
from widgets.table_model import Cell, Column, Row
from widgets.title_bar import TitleBar, TitleState

SnapCompare = Callable[..., bool]
TARGETS = (
    ("orders-eu", "pg 16.4", 0.99, 198, Severity.CRITICAL, "17 sessions wait behind pid 4121, idle in transaction 12 m (billing)", "4"),
    ("shop", "mariadb 10.11", 0.17, 88, Severity.WARNING, "last good backup 31 h ago, due every 24 h", "5"),
    ("sessions", "redis 7.2", 0.01, 41, Severity.OK, "", ""),
    ("reporting", "oracle 19c", None, None, Severity.UNKNOWN, "stale 14 s: no answer within 2 s, next try in 8 s", ""),
)


def fleet(glyphs: Glyphs) -> list[Row]:
    """The rows of the mock-up."""
    rows = []
    for name, engine, share, used, severity, reason, key in TARGETS:
        connections = Cell(spans=((f"{glyphs.dash if used is None else used} ", "text"), (bar(share, 4, glyphs), "bar")), sort=used)
        trend = Cell(sparkline([1.0, 3.0, None, 5.0, 7.0], 5, glyphs), "chart1")
        rows.append(
            Row(
                name,
                {"name": Cell(name), "engine": Cell(engine), "conn": connections, "trend": trend},
                note=((reason, "text"),) if reason else (),
                severity=severity,
                note_right=(f"{key} {glyphs.leads_on}", "accent") if key else None,
            )
        )
    return rows


def fleet_app(theme: str, glyphs: Glyphs) -> App[None]:
    title, table = (
        TitleBar(),
        LineTable(
            (
                Column("name", "TARGET", 14),
                Column("engine", "ENGINE", 14),
                Column("conn", "CONN", 10, align="right"),
                Column("trend", "TPS"),
            ),
            heading=Heading("fleet", age="live 0s"),
            show_severity=True,
        ),
    )
    title.set_state(
        TitleState("prod-eu", tuple((severity, 1) for severity in Severity), read_only=True, paused=True, clock="14:02:31Z", interval="1s")
    )
    table.set_rows(fleet(glyphs))
    hints = [KeyHint("enter", "open"), KeyHint("/", "filter"), KeyHint("s", "sort"), KeyHint("?", "help")]
    return WidgetApp(title, TabBar([Tab("1", "Fleet"), Tab("2", "Health")], "1"), table, KeyBar(hints), theme=theme, glyphs=glyphs)


@pytest.mark.parametrize("theme", ["night", "day", "mono"])
def test_fleet(snap_compare: SnapCompare, theme: str) -> None:
    """You should see four targets, worst first, each with symbol and reason; the second is selected and the first marked."""
    assert snap_compare(fleet_app(theme, UNICODE), terminal_size=(80, 16), press=["space"])


def test_fleet_in_ascii(snap_compare: SnapCompare) -> None:
    """You should see the same without any character beyond ASCII."""
    assert snap_compare(fleet_app("night", ASCII), terminal_size=(80, 16), press=["space"])


def test_health(snap_compare: SnapCompare) -> None:
    """You should see figures, a chart with a gap, a limit, red where it is passed, a mark; a statement; a plan with a marked scan."""
    values = [900 + 800 * math.sin(index / 12) if not 50 < index < 60 else math.nan for index in range(142)]
    marks = (ChartMark(1e9 + 600, "deploy"),)
    chart = TimeChart(
        ChartData(
            "transactions/s",
            Unit.PER_SECOND,
            values,
            1e9,
            6.3,
            (),
            "15 m",
            "1,204",
            1500.0,
            "1.5k",
            marks=marks,
            severity=Severity.CRITICAL,
        ),
        show_axis=True,
    )
    plan = PlanTree([PlanNode("Sort", cost=812_000.0, children=(PlanNode("Seq Scan orders", costly=True, note="no index on status"),))])
    figures = KeyFigures([KeyFigure("tps", "1.2k", trend=(1.0, 5.0, 3.0)), KeyFigure("waiting", "17", Severity.CRITICAL)])
    app = WidgetApp(figures, chart, SqlView("SELECT id -- why\nFROM orders WHERE status = 'new'", heading=Heading("statement")), plan)
    assert snap_compare(app, terminal_size=(80, 24))
