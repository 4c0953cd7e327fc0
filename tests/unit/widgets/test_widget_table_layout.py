"""Which columns and rows of a table are in view."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from widgets.table_layout import GAP, count_in_view, first_in_view, last_page, place_columns
from widgets.table_model import Column, Row, ShownRow

SESSIONS = [
    Column("pid", "PID", 7),
    Column("age", "AGE", 7, priority=1),
    Column("state", "STATE", 12, priority=2),
    Column("user", "USER", 12, priority=4),
    Column("client", "CLIENT", 15, priority=5),
    Column("sql", "SQL", None, min_width=30),
]


def keys(width: int, keep: str = "") -> list[str]:
    return [placed.column.key for placed in place_columns(SESSIONS, width, keep).columns]


def test_the_least_important_columns_go_first_and_the_text_keeps_thirty_cells_at_eighty() -> None:
    assert keys(160) == ["pid", "age", "state", "user", "client", "sql"]
    placed = place_columns(SESSIONS, 78)
    assert [column.column.key for column in placed.columns] == ["pid", "age", "state", "user", "sql"]
    assert placed.columns[-1].width >= 30
    assert placed.hidden == 1
    assert keys(50) == ["pid", "age", "sql"]
    assert keys(20) == ["pid", "sql"]


def test_a_dropped_column_comes_into_view_under_the_column_cursor() -> None:
    assert keys(55, keep="client") == ["pid", "client", "sql"]


def test_what_is_left_goes_to_the_columns_without_a_width() -> None:
    placed = place_columns([Column("a", "A", 5), Column("b", "B", None, 4), Column("c", "C", None, 4)], 40)
    assert [column.width for column in placed.columns] == [5, 16, 17]


COLUMNS = st.lists(
    st.builds(
        Column,
        key=st.uuids().map(str),
        title=st.just("T"),
        width=st.none() | st.integers(0, 30),
        min_width=st.integers(1, 30),
        priority=st.integers(0, 3),
    ),
    max_size=8,
)


@given(COLUMNS, st.integers(0, 100))
def test_columns_never_take_more_than_the_width(columns: list[Column], width: int) -> None:
    placed = place_columns(columns, width).columns
    assert sum(column.width for column in placed) + GAP * max(0, len(placed) - 1) <= width
    assert all(column.width > 0 for column in placed)
    order = [columns.index(column.column) for column in placed]
    assert order == sorted(order)


ROWS = st.lists(st.booleans(), max_size=40).map(
    lambda notes: [ShownRow(Row(str(i), note=(("why", "text"),) if note else ())) for i, note in enumerate(notes)]
)


@given(ROWS, st.integers(-5, 60), st.integers(0, 39), st.integers(2, 20))
def test_the_cursor_row_is_always_in_view_as_a_whole(rows: list[ShownRow], first: int, cursor: int, height: int) -> None:
    if cursor >= len(rows):
        return
    found = first_in_view(rows, first, cursor, height)
    assert found <= cursor
    assert sum(shown.row.height for shown in rows[found : cursor + 1]) <= height


@given(ROWS, st.integers(-5, 60), st.integers(1, 20))
def test_the_view_has_no_blank_end_while_there_are_rows_above(rows: list[ShownRow], first: int, height: int) -> None:
    found = first_in_view(rows, first, None, height)
    if found:
        used = sum(shown.row.height for shown in rows[found:])
        assert used + rows[found - 1].row.height > height


def test_the_view_moves_no_further_than_the_cursor_needs() -> None:
    rows = [ShownRow(Row(str(i))) for i in range(20)]
    assert first_in_view(rows, 5, 7, 5) == 5
    assert first_in_view(rows, 5, 10, 5) == 6
    assert first_in_view(rows, 5, 2, 5) == 2
    assert first_in_view([], 5, None, 5) == 0
    assert first_in_view(rows, 5, None, 0) == 0


def test_rows_in_view_count_a_row_that_is_cut() -> None:
    rows = [ShownRow(Row(str(i), note=(("why", "text"),))) for i in range(5)]
    assert count_in_view(rows, 0, 3) == 2
    assert last_page(rows, 4) == 3
