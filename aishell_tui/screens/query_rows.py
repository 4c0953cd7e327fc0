"""Statement digests as table rows, and the words around them. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence

from aishell_core.units import format_bytes, format_count, format_duration, format_value
from aishell_core.values import Ability, Part, Statement, Unit
from aishell_tui.digests import DigestMode, DigestRow, DigestTable, digest_key
from aishell_tui.frame import TargetView
from aishell_tui.part_ages import fresh_and_stale
from aishell_tui.screens.lazy_cells import LazyCells
from aishell_tui.text import moment_text, server_text, why_unknown
from widgets.format import wrap
from widgets.heading import Heading
from widgets.lines import Span, Spans
from widgets.palette import Role
from widgets.table_model import Cell, Column, Row

MOST_ROWS = 1000
"""So many digests are put into the table: the heaviest; thousands more would only slow the keys down."""

COLUMNS: tuple[Column, ...] = (
    Column("time_share", "%TIME", 6, align="right", help="Share of all time that statements took"),
    Column("calls_per_second", "CALLS/S", 8, align="right", help="Calls per second"),
    Column("calls", "CALLS", 7, align="right", priority=4, help="Calls"),
    Column("mean_milliseconds", "MEAN", 7, align="right", help="Mean time of a call"),
    Column("p95_milliseconds", "P95", 7, align="right", priority=1, help="95th percentile of a call's time"),
    Column("max_milliseconds", "MAX", 7, align="right", priority=5, help="Longest call"),
    Column("rows_per_call", "ROWS", 6, align="right", priority=2, help="Rows per call"),
    Column("hit_ratio", "HIT%", 6, align="right", priority=3, help="Share of its blocks that were in the server's cache"),
    Column("temp_bytes", "TEMP", 9, align="right", priority=6, help="Bytes per call that it wrote to temporary files"),
    Column("wal_bytes", "WAL", 9, align="right", priority=9, help="Bytes of log per call that it wrote"),
    Column("io_milliseconds", "I/O", 7, align="right", priority=10, help="Time per call that it waited for files"),
    Column("errors", "ERR", 5, align="right", priority=11, help="Calls that failed"),
    Column("database", "DATABASE", 10, priority=7, help="The database that it ran in"),
    Column("user", "USER", 10, priority=8, help="Who ran it"),
    Column("text", "STATEMENT", None, 30, help="The normalised text"),
)
_OPTIONAL = ("p95_milliseconds", "max_milliseconds", "rows", "temp_bytes", "wal_bytes", "io_milliseconds", "errors")
_SLOW_MILLISECONDS = 100.0
_VERY_SLOW_MILLISECONDS = 1000.0
_SHOWN_CHARACTERS = 1000
_NONE = Cell("–", "dim", math.nan)
_ZERO = Cell("–", "dim", 0.0)
_LOWEST_HIT_RATIO = 0.9
_NOTE_ROWS = 5


def _milliseconds(value: float | None) -> Cell:
    if value is None:
        return _NONE
    role: Role = "text"
    if value >= _VERY_SLOW_MILLISECONDS:
        role = "critical"
    elif value >= _SLOW_MILLISECONDS:
        role = "warning"
    return Cell(format_duration(value / 1000), role, value)


def _count(value: float | None, sign: str = "") -> Cell:
    return _NONE if value is None else Cell(sign + format_count(value), "text", value)


def _per_call(value: float | None, calls: float) -> float | None:
    return None if value is None or not calls else value / calls


def _bytes_per_call(value: float | None, calls: float) -> Cell:
    each = _per_call(value, calls)
    if each is None:
        return _NONE
    return Cell(format_bytes(each), "text", each) if each else _ZERO


def _hits(ratio: float | None) -> Cell:
    if ratio is None:
        return _NONE
    return Cell(format_value(ratio, Unit.RATIO), "text" if ratio >= _LOWEST_HIT_RATIO else "warning", ratio)


def _one_line(statement: Statement) -> str:
    text = statement.text[:_SHOWN_CHARACTERS]
    return " ".join(text.split()) if "\n" in text or "  " in text or "\t" in text else text


def _text(row: DigestRow) -> Cell:
    return Cell(_one_line(row.statement))


def _sign(row: DigestRow) -> str:
    """What stands before figures that are estimates."""
    return "~" if row.statement.sampled or row.anew_at is not None else ""


def _at_least(row: DigestRow) -> str:
    """What stands before calls: looking once per second sees only some of them, as does who counts from later on."""
    return ">" if row.statement.sampled or row.anew_at is not None else ""


def _rate_sign(row: DigestRow) -> str:
    return ">" if row.statement.sampled else ""


def _mean(row: DigestRow) -> Cell:
    """The mean of a call, which nobody knows where not all calls were seen."""
    return _NONE if row.statement.sampled else _milliseconds(row.mean_milliseconds)


_CELLS: Mapping[str, Callable[[DigestRow], Cell]] = {
    "time_share": lambda row: Cell(_sign(row) + format_value(row.time_share, Unit.RATIO), "bold", row.time_share),
    "calls_per_second": lambda row: _count(row.calls_per_second, _rate_sign(row)),
    "calls": lambda row: _count(row.calls, _at_least(row)),
    "mean_milliseconds": _mean,
    "p95_milliseconds": lambda row: _milliseconds(row.statement.p95_milliseconds),
    "max_milliseconds": lambda row: _milliseconds(row.statement.max_milliseconds),
    "rows_per_call": lambda row: _count(row.rows_per_call),
    "hit_ratio": lambda row: _hits(row.statement.hit_ratio),
    "temp_bytes": lambda row: _bytes_per_call(row.statement.temp_bytes, row.calls),
    "wal_bytes": lambda row: _bytes_per_call(row.statement.wal_bytes, row.calls),
    "io_milliseconds": lambda row: _milliseconds(_per_call(row.statement.io_milliseconds, row.calls)),
    "errors": lambda row: _ZERO if not row.errors else Cell(format_count(row.errors), "warning", row.errors),
    "database": lambda row: Cell(row.statement.database, "dim"),
    "user": lambda row: Cell(row.statement.user, "dim"),
    "text": _text,
}


_WORDS = ("database", "user", "text")
_AT_REST: Mapping[str, Callable[[DigestRow], Cell]] = {key: make if key in _WORDS else lambda _: _NONE for key, make in _CELLS.items()}


class DigestTableRow(Row):
    """A digest's row; a `~` stands before estimates, a `>` before what is at least so much."""

    __slots__ = ()
    cells: LazyCells[DigestRow]

    def texts(self) -> Sequence[str]:
        """What a filter and a search look at: the digest's words, not its figures."""
        return statement_words(self.cells.thing.statement)


def digest_table_row(row: DigestRow) -> Row:
    """One digest as a table row."""
    return DigestTableRow(digest_key(row.statement), LazyCells(row, _CELLS))


def row_at_rest(row: Row) -> Row:
    """A digest of which no call is counted any more in the span that is shown: its old figures would be a share of other calls."""
    return DigestTableRow(row.id, LazyCells(row.cells.thing, _AT_REST)) if isinstance(row, DigestTableRow) else row


def known_columns(statements: Iterable[Statement], mode: DigestMode = DigestMode.LIVE) -> tuple[Column, ...]:
    """The columns for which this engine has figures; database and user only where they tell statements apart, no rate of a total."""
    known: set[str] = set()
    databases: set[str] = set()
    users: set[str] = set()
    for each in statements:
        known.update(name for name in _OPTIONAL if name not in known and getattr(each, name) is not None)
        if each.blocks_read is not None:
            known.add("hit_ratio")
        databases.add(each.database)
        users.add(each.user)
    if "rows" in known:
        known.add("rows_per_call")
    known.update(name for name, values in (("database", databases), ("user", users)) if len(values) > 1)
    optional = {*_OPTIONAL, "rows_per_call", "hit_ratio", "database", "user"}
    if mode is DigestMode.TOTAL:
        optional.add("calls_per_second")
    return tuple(column for column in COLUMNS if column.key in known or column.key not in optional)


def statement_words(statement: Statement) -> Sequence[str]:
    """What a filter looks at before a row is made of a statement, and after."""
    return statement.database, statement.user, _one_line(statement)


def queries_heading(
    view: TargetView, mode: DigestMode, span_seconds: float | None, table: DigestTable, now: float, anew: tuple[float, bool] | None = None
) -> Heading:
    """The pane's title: mode and its span, whether these are estimates, how fresh they are.

    `anew` is when the server began to count anew, and whether it told that; else it did some time before.
    """
    span = f", last {format_duration(round(span_seconds))}" if span_seconds else ""
    detail: list[Span] = [(f"{mode}{span}", "label")]
    if anew is not None:
        moment, is_told = anew
        detail.append((f"  counted anew by the server {'since' if is_told else 'before'} {moment_text(moment, now)}", "warning"))
    if any(row.statement.sampled for row in table.rows):
        detail.append(("  sampled", "warning"))
    if table.total > len(table.rows):
        detail.append((f"  the first {len(table.rows):,} of {table.total:,} by time", "label"))
    return Heading("queries", tuple(detail), *fresh_and_stale(view, (Part.STATEMENTS,), now))


def why_empty(view: TargetView, mode: DigestMode, span_seconds: float | None = None) -> str:
    """Why there are no rows: what could not be read and what to do, that there is nothing yet to compare with, or that nothing ran."""
    failure = view.failure_of("statements") or view.target_failure
    if failure is not None and not view.statements:
        return why_unknown(failure)
    if view.lacks(Ability.STATEMENTS) and not view.statements:
        return f"n/a: {server_text(view)} tells of no statements"
    if mode is not DigestMode.TOTAL and view.statements and not span_seconds:
        return "the next reading tells what has run since this one; t shows the total"
    return "no statement ended in this span" if mode is not DigestMode.TOTAL and view.statements else "no statements yet"


def shortfall_lines(view: TargetView, width: int) -> tuple[Spans, ...]:
    """What is missing though there are rows, and what would bring it; nothing where all is there."""
    failure = view.failure_of("statements")
    if failure is None or not view.statements:
        return ()
    # The statement to run has lines of its own, so that it can be copied as it stands.
    lines = [line for text in (failure.message, failure.hint) if text for line in wrap(text, max(20, width - 2))]
    return tuple(((" ", "text"), (line, "warning")) for line in lines[:_NOTE_ROWS])
