"""The values that a table shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from aishell_core.values import Severity
from widgets.format import Align
from widgets.lines import Span, Spans
from widgets.palette import Role

_UNKNOWN_TEXTS = frozenset({"", "-", "–", "n/a"})


@dataclass(frozen=True, slots=True)
class Column:
    """One column: a fixed `width` in cells, or None to share what the others leave, but never less than `min_width`.

    Columns are dropped on a narrow terminal from the highest `priority` number down; those with 0 stay.
    """

    key: str
    title: str
    width: int | None = None
    min_width: int = 4
    align: Align = "left"
    priority: int = 0
    help: str = ""


@dataclass(frozen=True, slots=True)
class Cell:
    """One value as text in a role, or as `spans`; `sort` orders it, None orders it by its text (unknown comes last)."""

    text: str = ""
    role: Role = "text"
    sort: float | str | None = None
    spans: Spans = ()

    def pieces(self) -> Spans:
        """What is drawn."""
        return self.spans or ((self.text, self.role),)

    def plain(self) -> str:
        """The text without roles."""
        return "".join(text for text, _ in self.spans) if self.spans else self.text

    def rank(self) -> tuple[int, float, str] | None:
        """The place in the order, numbers before texts; None is unknown."""
        value = self.plain().strip() if self.sort is None else self.sort
        if isinstance(value, str):
            return None if value in _UNKNOWN_TEXTS else (1, 0.0, value.casefold())
        return None if value != value else (0, float(value), "")


EMPTY = Cell()


@dataclass(frozen=True, slots=True)
class Row:
    """One row, known by its `id` for as long as it exists; `note` is a line of its own under it."""

    id: str
    cells: Mapping[str, Cell] = field(default_factory=dict)
    note: Spans = ()
    severity: Severity | None = None
    note_right: Span | None = None

    def cell(self, key: str) -> Cell:
        """The cell of a column; empty where the row has none."""
        return self.cells.get(key, EMPTY)

    def texts(self) -> Sequence[str]:
        """The texts of the row, cell by cell, for filters and searches."""
        return [*(cell.plain() for cell in self.cells.values()), "".join(text for text, _ in self.note)]

    def plain(self) -> str:
        """All text of the row on one line."""
        return " ".join(self.texts())

    @property
    def height(self) -> int:
        """The lines that the row takes."""
        return 2 if self.note else 1


@dataclass(frozen=True, slots=True)
class ShownRow:
    """A row in its place on the screen; `gone` means that it no longer exists and is kept until the selection ends."""

    row: Row
    gone: bool = False
