"""A live table that keeps the user's row, repaints only what changed, and never resizes by itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.actions import SkipAction
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.strip import Strip
from typing_extensions import override

from widgets.heading import Heading
from widgets.line_view import LineView
from widgets.table_layout import Placement, count_in_view, first_in_view, place_columns
from widgets.table_model import Column, Row
from widgets.table_order import RowOrder, parse_pattern
from widgets.table_painter import TableLook, TablePainter

__all__ = ["LineTable"]

_NO_HEADING = Heading("")


class LineTable(LineView, can_focus=True):
    """Rows in columns with a cursor that follows its row.

    `Moved`, `Opened`, `Marked` and `Sorted` are posted for the user's actions. The order holds still from the first
    cursor movement until escape. Column widths change with the size of the widget and its set of columns only.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "move(1)", "down", show=False),
        Binding("k,up", "move(-1)", "up", show=False),
        Binding("g,home", "move_to(0)", "first row", show=False),
        Binding("G,end", "move_to(-1)", "last row", show=False),
        Binding("ctrl+d", "page(0.5)", "half a page down", show=False),
        Binding("ctrl+u", "page(-0.5)", "half a page up", show=False),
        Binding("pagedown", "page(1)", "page down", show=False),
        Binding("pageup", "page(-1)", "page up", show=False),
        Binding("h,left", "column(-1)", "column to the left", show=False),
        Binding("l,right", "column(1)", "column to the right", show=False),
        Binding("s", "sort", "sort by the column", show=False),
        Binding("space", "mark", "mark", show=False),
        Binding("enter", "open", "open", show=False),
        Binding("n", "match(1)", "next match", show=False),
        Binding("N", "match(-1)", "previous match", show=False),
        Binding("escape", "clear", "clear", show=False),
    ]

    @dataclass
    class Moved(Message):
        """The cursor is on another row; None after the selection was cleared."""

        table: LineTable
        row_id: str | None

    @dataclass
    class Opened(Message):
        """A row was opened."""

        table: LineTable
        row_id: str

    @dataclass
    class Marked(Message):
        """The set of marked rows has changed."""

        table: LineTable
        row_ids: frozenset[str]

    @dataclass
    class Sorted(Message):
        """The user sorted by a column."""

        table: LineTable
        key: str
        descending: bool

    def __init__(
        self,
        columns: Sequence[Column] = (),
        *,
        heading: Heading | None = None,
        show_severity: bool = False,
        show_cursor: bool = True,
        empty_text: str = "nothing to show",
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self._columns = tuple(columns)
        self._heading = heading or _NO_HEADING
        self._show_severity = show_severity
        self._show_cursor = show_cursor
        self._empty_text = empty_text
        self._order = RowOrder()
        self._painter = TablePainter()
        self._column_cursor = 0
        self._selected: str | None = None
        self._marks: frozenset[str] = frozenset()
        self._search_text = ""
        self._first = 0
        self._stale_rows = False

    # What the screens ask.

    @property
    def selected_id(self) -> str | None:
        """The row that the user has put the cursor on; None before the first movement and after escape."""
        return self._selected

    @property
    def selected_row(self) -> Row | None:
        """The selected row as it was last known, also when it has vanished."""
        place = self._order.place_of(self._selected)
        return None if place is None else self._order.shown[place].row

    @property
    def marked_ids(self) -> frozenset[str]:
        """The marked rows that still exist."""
        return self._marks & {row.id for row in self._order.rows}

    @property
    def shown_ids(self) -> tuple[str, ...]:
        """All rows that pass the filter, in the order of the screen."""
        return tuple(shown.row.id for shown in self._order.shown)

    @property
    def shown_rows(self) -> tuple[Row, ...]:
        """All rows that pass the filter, in the order of the screen."""
        return tuple(shown.row for shown in self._order.shown)

    @property
    def columns(self) -> tuple[Column, ...]:
        """All columns, shown or dropped."""
        return self._columns

    @property
    def filter_text(self) -> str:
        """The active filter; empty for none."""
        return self._order.pattern.text if self._order.pattern else ""

    @property
    def sort_column(self) -> tuple[str | None, bool]:
        """The column sorted by (None: the order in which rows were given) and whether descending."""
        return self._order.sort_key, self._order.descending

    # What the screens set.

    def set_rows(self, rows: Sequence[Row]) -> None:
        """Show these rows from now on; selection, marks and a held order carry over by id."""
        self._order.set_rows(rows)
        self.update_lines()

    def set_columns(self, columns: Sequence[Column]) -> None:
        """Use other columns; the column cursor stays on its column where it still exists."""
        key = self._cursor_key()
        self._columns = tuple(columns)
        self._column_cursor = next((i for i, column in enumerate(self._columns) if column.key == key), 0)
        self._painter.forget()
        self.update_lines()

    def set_heading(self, heading: Heading) -> None:
        """Change the title line."""
        if heading != self._heading:
            self._heading = heading
            self.update_lines()

    def set_empty_text(self, text: str) -> None:
        """What is said when there are no rows."""
        if text != self._empty_text:
            self._empty_text = text
            self.update_lines()

    def set_stale(self, stale: bool) -> None:
        """Fade all rows because they are older than they should be, or show them fresh again."""
        if stale != self._stale_rows:
            self._stale_rows = stale
            self.update_lines()

    def sort_by(self, key: str | None, descending: bool = False) -> None:
        """Order by a column's cells; None keeps the order in which rows are given."""
        self._order.sort_key, self._order.descending = key, descending
        self._order.resort()
        self.update_lines()

    def set_filter(self, text: str) -> str:
        """Show only rows that hold a regular expression (`!` in front: that do not); empty shows all.

        Returns the reason where the text is no regular expression and is searched for as it stands.
        """
        self._order.pattern = parse_pattern(text)
        self._order.resort()
        if self._selected is not None and self._order.place_of(self._selected) is None:
            self._select(None)
        self.update_lines()
        return self._order.pattern.error if self._order.pattern else ""

    def set_search(self, text: str) -> None:
        """What `n` and `N` look for; empty means the filter's text."""
        self._search_text = text

    def select(self, row_id: str | None) -> None:
        """Put the cursor on a row as if the user had; None clears the selection."""
        if row_id is None or self._order.place_of(row_id) is not None:
            self._select(row_id)

    def clear_marks(self) -> None:
        """Unmark all rows."""
        self._mark(frozenset())

    # Drawing.

    @override
    def draw(self, width: int, height: int) -> list[Strip]:
        """Title, column titles and the rows in view; a very low pane gives up the title, then the column titles."""
        top = int(height >= 3 and self._heading is not _NO_HEADING) + int(height >= 2)
        cursor = self._order.place_of(self._selected)
        self._first = first_in_view(self._order.shown, self._first, cursor, height - top)
        return self._painter.paint(self, self._look(width, height, top))

    def _look(self, width: int, height: int, top: int) -> TableLook:
        return TableLook(
            width=width,
            height=height,
            heading=self._heading if top == 2 else None,
            show_header=top >= 1,
            placement=self._placement(width),
            first=self._first,
            order=self._order,
            selected=self._selected if self._show_cursor else None,
            marks=self._marks,
            column_cursor=self._cursor_key() if self.has_focus and self._show_cursor else "",
            show_severity=self._show_severity,
            stale=self._stale_rows,
            focused=self.has_focus,
            empty_text=self._empty_text,
        )

    def _placement(self, width: int) -> Placement:
        keep = self._cursor_key() if self._column_cursor else ""
        return place_columns(self._columns, width - TablePainter.gutter_cells(self._show_severity), keep)

    # The user's actions.

    def action_move(self, rows: int) -> None:
        """Move the cursor by rows; the first movement selects the first row in view."""
        place = self._order.place_of(self._selected)
        self._select_place(self._first if place is None else place + rows)

    def action_move_to(self, place: int) -> None:
        """Move the cursor to the first (0) or last (-1) row."""
        self._select_place(place if place >= 0 else len(self._order.shown) - 1)

    def action_page(self, pages: float) -> None:
        """Move the cursor by a share of the rows in view."""
        step = max(1, int(count_in_view(self._order.shown, self._first, self._body_height()) * abs(pages)))
        self.action_move(step if pages > 0 else -step)

    def action_column(self, columns: int) -> None:
        """Move the column cursor; a column that was dropped for want of room comes into view."""
        if self._columns:
            self._column_cursor = min(max(self._column_cursor + columns, 0), len(self._columns) - 1)
            self.update_lines()

    def action_sort(self) -> None:
        """Sort by the column of the cursor, figures from the largest; again: the other way round."""
        if not self._columns:
            return
        column = self._columns[self._column_cursor]
        key, descending = self.sort_column
        descending = not descending if key == column.key else column.align == "right"
        self.sort_by(column.key, descending)
        self.post_message(self.Sorted(self, column.key, descending))

    def action_mark(self) -> None:
        """Mark or unmark the selected row and go to the next one."""
        if self._selected is None:
            self.action_move(0)
        if self._selected is not None:
            self._mark(self._marks ^ {self._selected})
            self.action_move(1)

    def action_open(self) -> None:
        """Open the selected row; with none selected, the first one in view."""
        if self._selected is None:
            self.action_move(0)
        if self._selected is not None:
            self.post_message(self.Opened(self, self._selected))

    def action_match(self, direction: int) -> None:
        """Go to the next or previous row that holds the search text, around the ends."""
        pattern = parse_pattern(self._search_text or self.filter_text.removeprefix("!"))
        count = len(self._order.shown)
        if pattern is None or not count:
            return
        start = self._order.place_of(self._selected)
        origin = start if start is not None else (-1 if direction > 0 else 0)
        for step in range(1, count + 1):
            place = (origin + direction * step) % count
            if pattern.matches(self._order.shown[place].row):
                self._select_place(place)
                return

    def action_clear(self) -> None:
        """End the selection and the hold of the order, then unmark; with neither, leave the key to the screen."""
        if self._selected is not None:
            self._select(None)
        elif self._marks:
            self._mark(frozenset())
        else:
            raise SkipAction

    def on_click(self, event: events.Click) -> None:
        """Select the row under the mouse, open it with a second click, or sort by a column's title."""
        offset = event.get_content_offset(self)
        if offset is None:
            return
        column, row_id = self._painter.at(offset.x, offset.y)
        if row_id is not None:
            self._select(row_id)
            if event.chain == 2:
                self.action_open()
        elif column is not None:
            self._column_cursor = next(i for i, known in enumerate(self._columns) if known.key == column)
            self.action_sort()

    def on_mouse_scroll_down(self) -> None:
        """Scroll, or move the selection."""
        self._scroll(3)

    def on_mouse_scroll_up(self) -> None:
        """Scroll, or move the selection."""
        self._scroll(-3)

    def on_focus(self) -> None:
        """Show the column cursor."""
        self.update_lines()

    def on_blur(self) -> None:
        """Hide the column cursor."""
        self.update_lines()

    def _scroll(self, rows: int) -> None:
        if self._selected is not None:
            self.action_move(rows)
        else:
            self._first += rows
            self.update_lines()

    def _cursor_key(self) -> str:
        return self._columns[self._column_cursor].key if self._columns else ""

    def _body_height(self) -> int:
        return max(1, self.size.height - 2)

    def _select_place(self, place: int) -> None:
        shown = self._order.shown
        if shown:
            self._select(shown[min(max(place, 0), len(shown) - 1)].row.id)

    def _select(self, row_id: str | None) -> None:
        if row_id == self._selected:
            return
        self._selected = row_id
        if row_id is None:
            self._order.release()
        else:
            self._order.frozen = True
        self.update_lines()
        self.post_message(self.Moved(self, row_id))

    def _mark(self, row_ids: Iterable[str]) -> None:
        self._marks = frozenset(row_ids)
        self.update_lines()
        self.post_message(self.Marked(self, self._marks))
