"""Which columns fit, how wide each is, and which rows are in view; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from widgets.table_model import Column, ShownRow

GAP = 1


@dataclass(frozen=True, slots=True)
class Placed:
    """A column with its width in cells."""

    column: Column
    width: int


@dataclass(frozen=True, slots=True)
class Placement:
    """The columns that are shown, in order, and how many are not shown before and after the column cursor."""

    columns: tuple[Placed, ...] = ()
    hidden: int = 0


def place_columns(columns: Sequence[Column], width: int, keep: str = "") -> Placement:
    """The columns that fit into `width` cells with one cell between them; the column `keep` is always among them."""
    shown = list(columns)
    while len(shown) > 1 and _least(shown) > width:
        droppable = [column for column in shown if column.priority > 0 and column.key != keep]
        if not droppable:
            break
        worst = max(column.priority for column in droppable)
        shown.remove([column for column in droppable if column.priority == worst][-1])
    return Placement(_widths(shown, width), len(columns) - len(shown))


def _least(columns: Sequence[Column]) -> int:
    return sum(column.min_width if column.width is None else column.width for column in columns) + GAP * (len(columns) - 1)


def _widths(columns: Sequence[Column], width: int) -> tuple[Placed, ...]:
    spare = max(0, width - _least(columns))
    sharing = sum(1 for column in columns if column.width is None)
    placed: list[Placed] = []
    left = width
    for column in columns:
        cells = column.width
        if cells is None:
            share = spare // sharing
            cells, spare, sharing = column.min_width + share, spare - share, sharing - 1
        cells = max(0, min(cells, left))
        left -= cells + GAP
        if cells:
            placed.append(Placed(column, cells))
    return tuple(placed)


def first_in_view(rows: Sequence[ShownRow], first: int, cursor: int | None, height: int) -> int:
    """The first row to show so that the cursor's row is in view, moving no further than needed, with no blank end."""
    if not rows or height <= 0:
        return 0
    first = min(max(first, 0), last_page(rows, height))
    if cursor is None:
        return first
    if cursor < first:
        return cursor
    used = sum(shown.row.height for shown in rows[first : cursor + 1])
    while used > height and first < cursor:
        used -= rows[first].row.height
        first += 1
    return first


def last_page(rows: Sequence[ShownRow], height: int) -> int:
    """The first row of the last full page."""
    used, first = 0, len(rows)
    while first > 0 and used + rows[first - 1].row.height <= height:
        first -= 1
        used += rows[first].row.height
    return min(first, len(rows) - 1)


def count_in_view(rows: Sequence[ShownRow], first: int, height: int) -> int:
    """How many rows are at least partly in view."""
    used = count = 0
    for shown in rows[first:]:
        if used >= height:
            break
        used += shown.row.height
        count += 1
    return count


def count_whole(rows: Sequence[ShownRow], first: int, height: int) -> int:
    """How many rows are in view with all their lines; one at least, of which nothing more could be shown."""
    used = count = 0
    for shown in rows[first:]:
        used += shown.row.height
        if used > height:
            break
        count += 1
    return max(1, count)
