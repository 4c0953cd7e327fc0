"""The time axis of a chart: times, and marks for what happened; pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from widgets.format import cell_width
from widgets.lines import Span, Spans
from widgets.palette import Role

_GRAVEST: tuple[Role, ...] = ("critical", "warning")


@dataclass(frozen=True, slots=True)
class ChartMark:
    """Something that happened at a moment (epoch seconds) and is marked under the axis."""

    at: float
    label: str
    role: Role = "accent"


def clock_text(at: float, span_seconds: float) -> str:
    """A moment (epoch seconds) on a time axis, in UTC, as exactly as the axis' span asks for."""
    form = "%H:%M:%S" if span_seconds < 600 else "%H:%M" if span_seconds <= 86400 else "%m-%d %H"
    return datetime.fromtimestamp(at, UTC).strftime(form)


class _Line:
    """One line of cells in which texts never touch each other."""

    def __init__(self, columns: int) -> None:
        self.cells = [" "] * columns
        self.roles: list[Role] = ["axis"] * columns

    def put(self, at: int, text: str, role: Role) -> None:
        self.cells[at : at + len(text)] = text
        self.roles[at : at + len(text)] = [role] * len(text)

    def is_free(self, at: int, end: int) -> bool:
        return at >= 0 and end <= len(self.cells) and not "".join(self.cells[at : end + 1]).strip()


def axis_cells(marks: Iterable[ChartMark], start: float, total_seconds: float, columns: int, event_glyph: str) -> Spans:
    """Exactly `columns` cells: an arrow for every mark in the span, times in UTC, and labels where there is room.

    Marks in one cell share an arrow. Of what would touch, an arrow stays, then the times at both ends, then a label,
    then the times between.
    """
    line = _Line(columns)
    places = _gathered(marks, start, total_seconds, columns)
    for at, here in places.items():
        line.put(at, event_glyph, _gravest(here))
    count = max(2, min(6, columns // 16))
    _put_times(line, (0, count - 1), count, start, total_seconds)
    for at, here in places.items():
        label = f" {_shared_label(here)}"
        if label != " " and line.is_free(at + 1, at + 1 + len(label)):
            line.put(at + 1, label, _gravest(here))
    _put_times(line, range(1, count - 1), count, start, total_seconds)
    spans: list[Span] = list(zip(line.cells, line.roles, strict=True))
    return tuple(spans)


def _gathered(marks: Iterable[ChartMark], start: float, total_seconds: float, columns: int) -> dict[int, list[ChartMark]]:
    """The marks in view by their cell."""
    places: dict[int, list[ChartMark]] = {}
    for mark in marks:
        if total_seconds > 0 and columns > 0 and 0 <= (share := (mark.at - start) / total_seconds) <= 1:
            places.setdefault(min(columns - 1, int(share * columns)), []).append(mark)
    return places


def _gravest(marks: Sequence[ChartMark]) -> Role:
    roles = [mark.role for mark in marks]
    return next((role for role in _GRAVEST if role in roles), roles[0])


def _shared_label(marks: Sequence[ChartMark]) -> str:
    """The label of marks in one cell; empty where it is not safe in cells of one column each."""
    labels = {mark.label for mark in marks}
    label = marks[0].label if len(labels) == 1 else f"{len(marks)} events"
    return label if cell_width(label) == len(label) and label.isprintable() else ""


def _put_times(line: _Line, indexes: Iterable[int], count: int, start: float, total_seconds: float) -> None:
    columns = len(line.cells)
    for index in indexes:
        text = clock_text(start + total_seconds * index / (count - 1), total_seconds)
        at = min(max(0, round(columns * index / (count - 1)) - len(text) // 2), columns - len(text))
        if at >= 0 and line.is_free(max(0, at - 1), at + len(text)):
            line.put(at, text, "axis")
