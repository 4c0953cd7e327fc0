"""What tables have in common when they leave the screen."""

from __future__ import annotations

from aishell_tui.export import CellValue, PaneData
from widgets.table import LineTable
from widgets.table_model import Cell


def _value(cell: Cell) -> CellValue:
    if isinstance(cell.sort, float | int) and not isinstance(cell.sort, bool):
        return None if cell.sort != cell.sort else cell.sort
    text = cell.sort if isinstance(cell.sort, str) else cell.plain()
    return None if text in {"–", "n/a"} else text


def copied_rows(table: LineTable) -> str:
    """The text of the marked rows, or of the selected one."""
    marked = table.marked_ids
    if marked:
        return "\n".join(row.plain() for row in table.shown_rows if row.id in marked)
    row = table.selected_row
    return row.plain() if row is not None else ""


def table_data(title: str, table: LineTable) -> PaneData:
    """All rows of a table as values: the numbers behind the cells, in the metric's own unit, not their shortened text."""
    columns = tuple(column.key for column in table.columns)
    rows = tuple(tuple(_value(row.cell(key)) for key in columns) for row in table.shown_rows)
    return PaneData(title, columns, rows)
