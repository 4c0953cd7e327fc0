"""A table whose last row does not fit with all its lines says that there is more below."""

from __future__ import annotations

import pytest

from tests.widget_app import WidgetApp, painted
from widgets.heading import Heading
from widgets.table import LineTable
from widgets.table_model import Cell, Column, Row


def _table(rows: int) -> LineTable:
    made = LineTable((Column("name", "NAME", None, 20),), heading=Heading("findings"))
    made.set_rows([Row(str(each), {"name": Cell(f"index_{each}")}, note=((f"unused {each}", "text"),)) for each in range(rows)])
    return made


@pytest.mark.parametrize(("height", "place"), [(8, ""), (7, "1-2 of 3  ▾"), (6, "1-2 of 3  ▾"), (5, "1-1 of 3  ▾"), (3, "1-1 of 3  ▾")])
async def test_a_row_whose_note_is_cut_is_not_said_to_be_all_in_view(height: int, place: str) -> None:
    app = WidgetApp(_table(3))
    async with app.run_test(size=(60, height)) as pilot:
        await pilot.pause()
        title = painted(app)[0]
        assert title.rstrip().endswith(place or "findings")


async def test_the_cursor_brings_all_of_the_last_row_into_view() -> None:
    app = WidgetApp(_table(3))
    async with app.run_test(size=(60, 7)) as pilot:
        await pilot.press("G")
        await pilot.pause()
        lines = painted(app)
        assert "2-3 of 3 ▴" in lines[0]
        assert any("unused 2" in line for line in lines)
