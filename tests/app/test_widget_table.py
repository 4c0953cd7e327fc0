"""The live table: the user's row stays the user's row while everything around it changes."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from aishell_core.values import Severity
from tests.widget_app import Mail, WidgetApp, painted
from widgets.glyphs import ASCII
from widgets.heading import Heading
from widgets.lines import Spans
from widgets.table import LineTable
from widgets.table_model import Cell, Column, Row

COLUMNS = (
    Column("name", "NAME", 12),
    Column("age", "AGE", 6, align="right", priority=1),
    Column("user", "USER", 30, priority=2),
    Column("sql", "SQL", None, min_width=30),
)


def row(name: str, age: float = 1.0, sql: str = "SELECT 1") -> Row:
    return Row(name, {"name": Cell(name), "age": Cell(f"{age:.0f}s", sort=age), "user": Cell("shop"), "sql": Cell(sql)})


def table(*rows: Row) -> LineTable:
    made = LineTable(COLUMNS, heading=Heading("sessions", age="live 0s"))
    made.set_rows(rows)
    return made


async def test_the_cursor_follows_its_row_and_the_order_holds_until_escape() -> None:
    shown = table(row("a", 3), row("b", 2), row("c", 1))
    app, mail = WidgetApp(shown), Mail()
    async with app.run_test(size=(80, 10), message_hook=mail.append) as pilot:
        shown.sort_by("age", descending=True)
        await pilot.press("j", "j")
        assert shown.selected_id == "b"
        shown.set_rows([row("a", 3), row("b", 99), row("c", 50)])
        await pilot.pause()
        assert list(shown.shown_ids) == ["a", "b", "c"]
        assert "99s" in painted(app)[3]
        assert painted(app)[3].startswith("▸ b")
        assert "order held" in painted(app)[0]
        await pilot.press("escape")
        assert list(shown.shown_ids) == ["b", "c", "a"]
    assert [message.row_id for message in mail.of(LineTable.Moved)] == ["a", "b", None]


async def test_a_vanished_row_stays_in_place_and_is_marked_until_escape() -> None:
    shown = table(row("a"), row("b"), row("c"))
    app = WidgetApp(shown)
    async with app.run_test(size=(80, 10)) as pilot:
        await pilot.press("G")
        shown.set_rows([row("a"), row("c"), row("d")])
        await pilot.pause()
        assert [line[:3] for line in painted(app)[2:6]] == ["  a", "† b", "▸ c", "  d"]
        faded = app.palette.style("text", "faded")
        assert shown.render_line(3)._segments[0].style == faded
        await pilot.press("escape")
        assert shown.shown_ids == ("a", "c", "d")


async def test_the_selected_row_can_still_be_read_after_it_has_vanished() -> None:
    shown = table(row("a"), row("b"))
    async with WidgetApp(shown).run_test(size=(80, 10)) as pilot:
        await pilot.press("j", "j")
        shown.set_rows([row("a")])
        assert shown.selected_id == "b"
        assert shown.selected_row is not None
        assert shown.selected_row.id == "b"


async def test_moving_keys_reach_every_row() -> None:
    shown = table(*(row(f"r{i:02}") for i in range(40)))
    app = WidgetApp(shown)
    async with app.run_test(size=(80, 12)) as pilot:
        steps = [
            ("j", "r00"), ("down", "r01"), ("k", "r00"), ("up", "r00"), ("G", "r39"), ("j", "r39"), ("g", "r00"), ("ctrl+d", "r05"),
            ("ctrl+u", "r00"), ("pagedown", "r10"), ("pageup", "r00"), ("end", "r39"), ("home", "r00"),
        ]  # fmt: skip
        for key, expected in steps:
            await pilot.press(key)
            assert shown.selected_id == expected, key
            assert any(line.startswith(f"▸ {expected}") for line in painted(app)), key


async def test_what_is_out_of_view_is_hinted_at_in_the_title() -> None:
    shown = table(*(row(f"r{i:02}") for i in range(40)))
    app = WidgetApp(shown)
    async with app.run_test(size=(80, 12)) as pilot:
        await pilot.pause()
        assert "1-10 of 40  ▾" in painted(app)[0]
        await pilot.press("G")
        assert "31-40 of 40 ▴" in painted(app)[0]


async def test_sorting_by_the_column_of_the_cursor_and_again_the_other_way() -> None:
    shown = table(row("b", 2), row("a", 30), row("c", 1))
    app, mail = WidgetApp(shown), Mail()
    async with app.run_test(size=(120, 10), message_hook=mail.append) as pilot:
        shown.focus()
        await pilot.press("l", "s")
        assert shown.shown_ids == ("a", "b", "c")
        assert "AGE▾" in painted(app)[1]
        await pilot.press("s")
        assert shown.shown_ids == ("c", "b", "a")
        assert "AGE▴" in painted(app)[1]
        await pilot.press("h", "s")
        assert shown.shown_ids == ("a", "b", "c")
    assert [(message.key, message.descending) for message in mail.of(LineTable.Sorted)] == [("age", True), ("age", False), ("name", False)]


async def test_a_column_that_does_not_fit_comes_into_view_with_the_cursor() -> None:
    shown = table(row("a"))
    app = WidgetApp(shown)
    async with app.run_test(size=(80, 10)) as pilot:
        shown.focus()
        await pilot.pause()
        assert "USER" not in painted(app)[1]
        assert "‹1›" in painted(app)[0]
        assert "‹" not in painted(app)[1]
        await pilot.press("l", "l")
        assert "USER" in painted(app)[1]


NARROW = (Column("a", "FIRST", 10), Column("b", "SECOND", 14, priority=1), Column("c", "LAST", 12, align="right"))


async def test_the_hint_at_columns_that_do_not_fit_covers_no_column_title() -> None:
    shown = LineTable(NARROW, heading=Heading("sessions", age="live 0s"))
    app = WidgetApp(shown)
    async with app.run_test(size=(25, 10)) as pilot:
        shown.sort_by("c")
        await pilot.pause()
        assert painted(app)[0].endswith("‹1›  live 0s")
        assert painted(app)[1].split() == ["FIRST", "LAST▴"]
        assert painted(app)[1].endswith("LAST▴")


async def test_without_a_title_line_the_hint_has_cells_of_its_own() -> None:
    shown = LineTable(NARROW)
    app = WidgetApp(shown)
    async with app.run_test(size=(39, 10)) as pilot:
        shown.sort_by("c")
        await pilot.pause()
        assert painted(app)[0].split() == ["FIRST", "LAST▴", "‹1›"]
        await pilot.resize_terminal(40, 10)
        await pilot.pause()
        assert painted(app)[0].split() == ["FIRST", "SECOND", "LAST▴"]


async def test_column_widths_do_not_follow_the_values() -> None:
    shown = table(row("a"))
    app = WidgetApp(shown)
    async with app.run_test(size=(80, 10)) as pilot:
        await pilot.pause()
        before = painted(app)[1]
        shown.set_rows([row("a-very-long-name-indeed", 1e9, "SELECT " + "x" * 500)])
        await pilot.pause()
        assert painted(app)[1] == before
        assert painted(app)[2].startswith("  a-very-long… ")


async def test_the_text_column_has_thirty_cells_at_eighty_columns() -> None:
    shown = table(row("a", sql="SELECT thirty_cells_of_this_text_"))
    app = WidgetApp(shown)
    async with app.run_test(size=(80, 10)) as pilot:
        await pilot.pause()
        assert "SELECT thirty_cells_of_this_te" in painted(app)[2]


async def test_marking_goes_on_to_the_next_row_and_escape_takes_selection_then_marks() -> None:
    shown = table(row("a"), row("b"), row("c"))
    app, mail = WidgetApp(shown), Mail()
    async with app.run_test(size=(80, 10), message_hook=mail.append) as pilot:
        await pilot.press("space", "space", "k", "k")
        assert shown.marked_ids == {"a", "b"}
        assert "2 marked" in painted(app)[0]
        await pilot.press("space")
        assert shown.marked_ids == {"b"}
        shown.set_rows([row("a"), row("c")])
        assert shown.marked_ids == frozenset()
        await pilot.pause()
        assert "marked" not in painted(app)[0], "a mark on a row that is gone is not counted"
        await pilot.press("escape")
        assert [line[:3] for line in painted(app)[2:4]] == ["  a", "  c"]
        await pilot.press("escape")
        shown.set_rows([row("a"), row("b")])
        assert shown.marked_ids == frozenset()
    assert [message.row_ids for message in mail.of(LineTable.Marked)] == [{"a"}, {"a", "b"}, {"b"}, frozenset()]


async def test_enter_opens_the_selected_row_or_the_first_in_view() -> None:
    shown = table(row("a"), row("b"))
    app, mail = WidgetApp(shown), Mail()
    async with app.run_test(size=(80, 10), message_hook=mail.append) as pilot:
        await pilot.press("enter", "j", "enter")
    assert [message.row_id for message in mail.of(LineTable.Opened)] == ["a", "b"]


async def test_escape_with_nothing_to_clear_is_left_to_the_screen() -> None:
    class Holder(Vertical, can_focus=False):
        BINDINGS = [("escape", "leave", "leave")]  # noqa: RUF012
        left = 0

        def action_leave(self) -> None:
            self.left += 1

    shown = table(row("a"))
    holder = Holder(shown)
    async with WidgetApp(holder).run_test(size=(80, 10)) as pilot:
        await pilot.press("j", "escape")
        assert holder.left == 0
        await pilot.press("escape")
        assert holder.left == 1


async def test_a_filter_is_shown_in_the_title_and_may_be_wrong() -> None:
    shown = table(row("orders"), row("shop"))
    app = WidgetApp(shown)
    async with app.run_test(size=(80, 10)) as pilot:
        assert shown.set_filter("^ord") == ""
        await pilot.pause()
        assert list(shown.shown_ids) == ["orders"]
        assert "/^ord" in painted(app)[0]
        assert "not a regular expression" in shown.set_filter("orders(")
        await pilot.pause()
        assert "no row matches the filter" in painted(app)[2]
        shown.set_filter("")
        assert list(shown.shown_ids) == ["orders", "shop"]


async def test_filtering_the_selected_row_away_ends_the_selection() -> None:
    shown = table(row("orders"), row("shop"))
    app, mail = WidgetApp(shown), Mail()
    async with app.run_test(size=(80, 10), message_hook=mail.append) as pilot:
        await pilot.press("j")
        shown.set_filter("!orders")
        await pilot.pause()
        assert shown.selected_id is None
    assert [message.row_id for message in mail.of(LineTable.Moved)] == ["orders", None]


async def test_next_and_previous_match_go_around_the_ends() -> None:
    shown = table(row("a", sql="x"), row("b"), row("c", sql="x"), row("d"))
    async with WidgetApp(shown).run_test(size=(80, 10)) as pilot:
        shown.set_search("x")
        found = []
        for key in ("n", "n", "n", "N", "N"):
            await pilot.press(key)
            found.append(shown.selected_id)
        assert found == ["a", "c", "a", "c", "a"]
        shown.set_search("nowhere")
        await pilot.press("n")
        assert shown.selected_id == "a"


async def test_a_reason_stands_under_its_row_with_the_key_that_leads_on() -> None:
    shown = LineTable(COLUMNS, heading=Heading("fleet"), show_severity=True)
    note: Spans = (("17 sessions wait behind pid 4121", "text"),)
    shown.set_rows([Row("a", {"name": Cell("orders")}, note=note, severity=Severity.CRITICAL, note_right=("4 ▸", "accent")), row("b")])
    app = WidgetApp(shown)
    async with app.run_test(size=(80, 10)) as pilot:
        await pilot.pause()
        assert painted(app)[2].startswith(" ✖ orders")
        assert painted(app)[3].startswith("   └ 17 sessions wait behind pid 4121")
        assert painted(app)[3].endswith("4 ▸")
        assert painted(app)[4].startswith("   b")
        await pilot.press("j", "j")
        assert painted(app)[4].startswith("▸  b")


async def test_the_mouse_selects_opens_and_sorts() -> None:
    shown = table(row("a", 1), row("b", 2))
    app, mail = WidgetApp(shown), Mail()
    async with app.run_test(size=(120, 10), message_hook=mail.append) as pilot:
        await pilot.click(shown, offset=(5, 3))
        assert shown.selected_id == "b"
        await pilot.click(shown, offset=(5, 2), times=2)
        await pilot.click(shown, offset=(18, 1))
        assert shown.sort_column == ("age", True)
        await pilot.click(shown, offset=(5, 8))
        assert shown.selected_id == "a"
    assert [message.row_id for message in mail.of(LineTable.Opened)] == ["a"]


async def test_stale_data_is_faded_and_says_so() -> None:
    shown = table(row("a"))
    app = WidgetApp(shown)
    async with app.run_test(size=(80, 10)) as pilot:
        shown.set_stale(True)
        shown.set_heading(Heading("sessions", stale="stale 12s: timeout after 2 s"))
        await pilot.pause()
        assert "✖ stale 12s: timeout after 2 s" in painted(app)[0]
        assert shown.render_line(2)._segments[0].style == app.palette.style("text", "faded")


async def test_an_empty_table_says_why() -> None:
    app = WidgetApp(LineTable(COLUMNS, empty_text="no sessions"))
    async with app.run_test(size=(80, 10)) as pilot:
        await pilot.press("j", "enter", "s", "space", "n")
        assert "no sessions" in painted(app)[1]


async def test_a_long_explanation_is_readable_as_a_whole_at_eighty_columns() -> None:
    words = [f"word{i}" for i in range(40)]
    app = WidgetApp(LineTable(COLUMNS, heading=Heading("queries"), empty_text="\x1b[31m " + " ".join(words)))
    async with app.run_test(size=(80, 10)) as pilot:
        await pilot.pause()
        lines = painted(app)[2:]
        assert " ".join(lines).split() == ["␛[31m", *words]
        assert all(line.startswith("   ") and len(line) < 80 for line in lines if line)


async def test_a_table_that_does_not_hold_its_order_shows_new_rows_where_they_belong() -> None:
    shown = LineTable(COLUMNS, heading=Heading("events"), hold_order=False)
    shown.set_rows([row("b"), row("a")])
    app, mail = WidgetApp(shown), Mail()
    async with app.run_test(size=(80, 10), message_hook=mail.append) as pilot:
        await pilot.press("j", "j")
        shown.set_rows([row("d"), row("c"), row("b"), row("a")])
        await pilot.pause()
        assert shown.shown_ids == ("d", "c", "b", "a")
        assert painted(app)[5].startswith("▸ a")
        assert "order held" not in painted(app)[0]
        assert "new" not in painted(app)[0]
        shown.set_rows([row("d"), row("c")])
        await pilot.pause()
        assert shown.selected_id is None
    assert [message.row_id for message in mail.of(LineTable.Moved)] == ["b", "a", None]


async def test_rows_that_come_while_the_order_is_held_are_counted_in_the_title() -> None:
    shown = table(row("a"), row("b"))
    app = WidgetApp(shown)
    async with app.run_test(size=(80, 10)) as pilot:
        await pilot.press("j")
        shown.set_rows([row("x"), row("y"), row("a"), row("b")])
        shown.set_rows([row("x"), row("y"), row("z"), row("a"), row("b")])
        await pilot.pause()
        assert "3 new  order held" in painted(app)[0]
        await pilot.press("j")
        shown.set_rows([row("x"), row("a"), row("b")])
        await pilot.pause()
        assert "1 new  order held" in painted(app)[0]
        await pilot.press("escape")
        assert "new" not in painted(app)[0]


async def test_other_columns_keep_the_column_cursor() -> None:
    shown = table(row("a", 1), row("b", 2))
    app = WidgetApp(shown)
    async with app.run_test(size=(120, 10)) as pilot:
        await pilot.press("l")
        shown.set_columns(COLUMNS[1:])
        await pilot.press("s")
        assert shown.sort_column == ("age", True)
        assert "NAME" not in painted(app)[1]
        shown.set_columns(())
        await pilot.press("l", "s")
        assert shown.columns == ()


async def test_in_ascii_nothing_else_is_shown() -> None:
    shown = table(row("ünïcode", sql="SELECT 'é' – “x”"), row("b"))
    app = WidgetApp(shown, glyphs=ASCII)
    async with app.run_test(size=(60, 5)) as pilot:
        await pilot.press("j", "space")
        assert "".join(painted(app)).isascii()


async def test_an_update_behind_a_dialogue_is_seen_when_it_closes() -> None:
    class Dialogue(ModalScreen[None]):
        def compose(self) -> ComposeResult:
            yield Input()

    shown = table(row("before"))
    app = WidgetApp(shown)
    async with app.run_test(size=(80, 10)) as pilot:
        await pilot.pause()
        app.push_screen(Dialogue())
        await pilot.pause()
        shown.set_rows([row("after")])
        await pilot.pause()
        app.pop_screen()
        await pilot.pause()
        assert "after" in painted(app)[2]
