"""A live table that keeps the user's row, repaints only what changed, and never resizes by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.actions import SkipAction
from textual.binding import Binding, BindingType
from textual.message import Message

from widgets.table_layout import count_in_view
from widgets.table_order import parse_pattern
from widgets.table_view import TableView


class LineTable(TableView, can_focus=True):
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
    class Opened(Message):
        """A row was opened."""

        table: LineTable
        row_id: str

    @dataclass
    class Sorted(Message):
        """The user sorted by a column."""

        table: LineTable
        key: str
        descending: bool

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

    def _body_height(self) -> int:
        return max(1, self.size.height - 2)

    def _select_place(self, place: int) -> None:
        shown = self._order.shown
        if shown:
            self._select(shown[min(max(place, 0), len(shown) - 1)].row.id)
