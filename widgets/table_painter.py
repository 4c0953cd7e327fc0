"""How a table looks: its title, column titles and rows as strips, kept as long as nothing in them changed."""

from __future__ import annotations

from dataclasses import dataclass

from textual.strip import Strip

from widgets.format import wrap
from widgets.glyphs import Glyphs
from widgets.heading import Heading, heading_left, heading_right
from widgets.line_view import LineView
from widgets.lines import Span, Spans, fit_cell, make_strip, pack_strip
from widgets.palette import Layer, Palette, Role, severity_role
from widgets.table_layout import GAP, Placement, count_in_view, count_whole
from widgets.table_model import Cell, Row, ShownRow
from widgets.table_order import RowOrder


@dataclass(frozen=True, slots=True)
class TableLook:
    """Everything that decides how a table looks."""

    width: int
    height: int
    heading: Heading | None
    show_header: bool
    placement: Placement
    first: int
    order: RowOrder
    selected: str | None
    marks: frozenset[str]
    column_cursor: str
    show_severity: bool
    stale: bool
    focused: bool
    empty_text: str


@dataclass(frozen=True, slots=True)
class _Dress:
    width: int
    placement: Placement
    palette: Palette
    glyphs: Glyphs


_State = tuple[bool, bool, bool, bool]
"""Selected, marked, gone, stale."""
_GAP: Span = (" " * GAP, "text")


@dataclass(frozen=True, slots=True)
class _Painted:
    row: Row
    state: _State
    cells: tuple[tuple[Cell, Spans], ...]
    strips: tuple[Strip, ...]


def hidden_hint(placement: Placement, glyphs: Glyphs) -> str:
    """How many columns are not shown; empty where all are."""
    return f"{glyphs.left}{placement.hidden}{glyphs.right}" if placement.hidden else ""


class TablePainter:
    """Paints tables; remembers the rows in view and where they are."""

    def __init__(self) -> None:
        self._painted: dict[str, _Painted] = {}
        self._dress: _Dress | None = None
        self._places: list[str | None] = []
        self._header_y = -1
        self._columns: list[tuple[int, int, str]] = []

    @staticmethod
    def gutter_cells(show_severity: bool) -> int:
        """The cells before the first column: cursor or mark, and the severity where it is shown."""
        return 3 if show_severity else 2

    def forget(self) -> None:
        """Paint every row anew the next time."""
        self._painted.clear()

    def at(self, x: int, y: int) -> tuple[str | None, str | None]:
        """The column title or the row id that was painted at a cell."""
        if y == self._header_y:
            return next((key for start, end, key in self._columns if start <= x < end), None), None
        return None, self._places[y] if 0 <= y < len(self._places) else None

    def paint(self, view: LineView, look: TableLook) -> list[Strip]:
        """All lines of the table."""
        dress = _Dress(look.width, look.placement, view.palette, view.glyphs)
        if dress != self._dress:
            self._dress = dress
            self._painted.clear()
        strips: list[Strip] = []
        if look.heading is not None:
            strips.append(self._title(view, look.heading, look))
        self._header_y = -1
        if look.show_header:
            self._header_y = len(strips)
            strips.append(self._header(view, look))
        self._places = [None] * len(strips)
        if not look.order.shown:
            text = "no row matches the filter" if look.order.rows else look.empty_text
            return [*strips, *self._explanation(view, text, look.width)]
        return strips + self._rows(view, look, look.height - len(strips))

    @staticmethod
    def _explanation(view: LineView, text: str, width: int) -> list[Strip]:
        """Why there are no rows, in as many lines as it takes."""
        safe = ["".join(part for part, _ in view.harmless([(each, "dim")])) for each in text.split("\n")]
        return [view.strip([("   ", "text"), (line, "dim")], width) for each in safe for line in wrap(each, width - 4)]

    def _rows(self, view: LineView, look: TableLook, height: int) -> list[Strip]:
        strips: list[Strip] = []
        kept: dict[str, _Painted] = {}
        for shown in look.order.shown[look.first : look.first + count_in_view(look.order.shown, look.first, height)]:
            row = shown.row
            state = (row.id == look.selected, row.id in look.marks, shown.gone, look.stale)
            painted = self._painted.get(row.id)
            if painted is None or painted.state != state or painted.row != row:
                painted = self._row(view, look, shown, state, painted)
            kept[row.id] = painted
            strips += painted.strips
            self._places += [row.id] * len(painted.strips)
        self._painted = kept
        return strips

    def _row(self, view: LineView, look: TableLook, shown: ShownRow, state: _State, before: _Painted | None) -> _Painted:
        row, glyphs = shown.row, view.glyphs
        selected, marked, gone, stale = state
        layer: Layer = "selected" if selected else "faded" if gone or stale else "plain"
        sign = glyphs.gone if gone else glyphs.marked if marked else glyphs.cursor if selected else " "
        spans: list[Span] = [(sign, "text" if sign == " " else "marked")]
        if look.show_severity:
            spans.append((glyphs.severity(row.severity) if row.severity else " ", severity_role(row.severity)))
        cells = self._cells(row, look, glyphs, before)
        for _, pieces in cells:
            spans.append(_GAP)
            spans += pieces
        used = self.gutter_cells(look.show_severity) - GAP + sum([placed.width + GAP for placed in look.placement.columns])
        spans.append((" " * (look.width - used), "text"))
        make = pack_strip if used <= look.width else make_strip
        lines = [make(spans, look.width, view.palette.layer(layer))]
        if row.note:
            # The note belongs to its row, but the highlight stays on one line.
            lines.append(self._note(view, row, look.width, "plain" if layer == "selected" else layer))
        return _Painted(row, state, cells, tuple(lines))

    @staticmethod
    def _cells(row: Row, look: TableLook, glyphs: Glyphs, before: _Painted | None) -> tuple[tuple[Cell, Spans], ...]:
        """Each cell with what is drawn for it; a cell that did not change since `before` is not worked out again."""
        old = before.cells if before is not None else ()
        cells: list[tuple[Cell, Spans]] = []
        for index, placed in enumerate(look.placement.columns):
            cell = row.cell(placed.column.key)
            if index < len(old) and old[index][0] == cell:
                cells.append(old[index])
            else:
                cells.append((cell, fit_cell(cell.pieces(), placed.width, placed.column.align, glyphs)))
        return tuple(cells)

    def _note(self, view: LineView, row: Row, width: int, layer: Layer) -> Strip:
        left: list[Span] = [(f"   {view.glyphs.note} ", "dim"), *row.note]
        right = [row.note_right, (" ", "text")] if row.note_right else []
        return view.two_sided(left, [(text, role) for text, role in right], width, layer)

    def _title(self, view: LineView, heading: Heading, look: TableLook) -> Strip:
        shown, glyphs, first = look.order.shown, view.glyphs, look.first
        body = look.height - 1 - int(look.show_header)
        last = first + count_whole(shown, first, body)
        place = ""
        if first > 0 or last < len(shown):
            arrows = (glyphs.up if first > 0 else " ") + (glyphs.down if last < len(shown) else " ")
            place = f"{first + 1}-{last} of {len(shown)} {arrows}"
        pattern = look.order.pattern
        left = heading_left(heading, pattern.text if pattern else "")
        new = look.order.new_count
        added: Span = (f"{new} new" if new else "", "accent")
        held: Span = ("order held" if look.order.frozen else "", "dim")
        marked: Span = (f"{len(look.marks)} marked" if look.marks else "", "marked")
        hidden: Span = (hidden_hint(look.placement, glyphs), "dim")
        return view.two_sided(
            left, heading_right(heading, glyphs, marked, added, held, hidden, (place, "dim"), width=look.width), look.width
        )

    def _header(self, view: LineView, look: TableLook) -> Strip:
        glyphs, order = view.glyphs, look.order
        spans: list[Span] = [(" " * self.gutter_cells(look.show_severity), "header")]
        self._columns = []
        start = len(spans[0][0])
        for index, placed in enumerate(look.placement.columns):
            column = placed.column
            if index:
                spans.append((" " * GAP, "header"))
                start += GAP
            title = column.title
            if column.key == order.sort_key:
                title += glyphs.down if order.descending else glyphs.up
            role: Role = "header_cursor" if column.key == look.column_cursor else "header"
            spans += [(text, role) for text, _ in view.fitted([(title, role)], placed.width, column.align)]
            self._columns.append((start, start + placed.width, column.key))
            start += placed.width
        # With a title the hint stands there, without one the columns leave it these cells.
        hint = "" if look.heading is not None else hidden_hint(look.placement, glyphs)
        spans.append((" " * max(0, look.width - start - len(hint)), "header"))
        return view.strip([*spans, (hint, "dim")] if hint else spans, look.width)
