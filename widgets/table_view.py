"""What a live table shows: rows, columns, heading, selection; the user's keys are in `table`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from textual.message import Message
from textual.strip import Strip
from typing_extensions import override

from widgets.heading import Heading
from widgets.line_view import LineView
from widgets.table_layout import Placement, first_in_view, place_columns
from widgets.table_model import Column, Row
from widgets.table_order import RowOrder, parse_pattern
from widgets.table_painter import TableLook, TablePainter

_NO_HEADING = Heading("")


class TableView(LineView):
    """Rows in columns that keep the selected row by its identity and hold the order while there is one.

    Without `hold_order` new rows come where they belong also then; a selected row that vanishes ends the selection.
    `new_in_place` and `vanished` are those of `RowOrder`, for a ranking.
    """

    @dataclass
    class Moved(Message, namespace="line_table"):
        """The cursor is on another row; None after the selection was cleared."""

        table: TableView
        row_id: str | None

    @dataclass
    class Marked(Message, namespace="line_table"):
        """The set of marked rows has changed."""

        table: TableView
        row_ids: frozenset[str]

    def __init__(
        self,
        columns: Sequence[Column] = (),
        *,
        heading: Heading | None = None,
        show_severity: bool = False,
        show_cursor: bool = True,
        hold_order: bool = True,
        new_in_place: bool = False,
        vanished: Callable[[Row], Row] | None = None,
        empty_text: str = "nothing to show",
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self._columns = tuple(columns)
        self._heading = heading or _NO_HEADING
        self._show_severity = show_severity
        self._show_cursor = show_cursor
        self._hold_order = hold_order
        self._empty_text = empty_text
        self._order = RowOrder(new_in_place=new_in_place, vanished=vanished)
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
        return self._marks & {row.id for row in self._order.rows} if self._marks else self._marks

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
        self._end_lost_selection()
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
        self._end_lost_selection()
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
            placement=self._placement(width, has_title=top == 2),
            first=self._first,
            order=self._order,
            selected=self._selected if self._show_cursor else None,
            marks=self.marked_ids,
            column_cursor=self._cursor_key() if self.has_focus and self._show_cursor else "",
            show_severity=self._show_severity,
            stale=self._stale_rows,
            focused=self.has_focus,
            empty_text=self._empty_text,
        )

    def _placement(self, width: int, *, has_title: bool) -> Placement:
        keep = self._cursor_key() if self._column_cursor else ""
        room = width - TablePainter.gutter_cells(self._show_severity)
        placement = place_columns(self._columns, room, keep)
        if placement.hidden and not has_title:
            # Room for the widest hint, with a blank before it, so that it covers no column's title.
            placement = place_columns(self._columns, room - len(f" {self.glyphs.left}{len(self._columns)}{self.glyphs.right}"), keep)
        return placement

    def _cursor_key(self) -> str:
        return self._columns[self._column_cursor].key if self._columns else ""

    def _end_lost_selection(self) -> None:
        if self._selected is not None and self._order.place_of(self._selected) is None:
            self._select(None)

    def _select(self, row_id: str | None) -> None:
        if row_id == self._selected:
            return
        self._selected = row_id
        if row_id is None:
            self._order.release()
        else:
            self._order.frozen = self._hold_order
        self.update_lines()
        self.post_message(self.Moved(self, row_id))

    def _mark(self, row_ids: Iterable[str]) -> None:
        self._marks = frozenset(row_ids)
        self.update_lines()
        self.post_message(self.Marked(self, self._marks))
