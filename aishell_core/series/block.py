"""Rows of values read together: the blocks they are kept in, and the view of them that a snapshot holds."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field

from aishell_core.series.keys import Layout, NameAndLabels
from aishell_core.series.rates import NAN, gap_seconds

BLOCK_ROWS = 30
"""Rows of a block: a reading costs one slice assignment, and at most this many rows are kept beyond the retention."""


def _doubles() -> array[float]:
    return array("d")


class Block:
    """Rows of one layout at one cadence, row-major: the time, then a value for each column (NaN where there is none).

    Rows are only ever appended, so a reader that remembers how many there were sees an unchanging block.
    With `after_gap` neither a rate nor a line may come into it from the block before; inside there are no gaps in time.
    """

    __slots__ = ("after_gap", "interval_seconds", "layout", "rows", "sequence", "values")

    def __init__(self, layout: Layout, interval_seconds: float, sequence: int, *, after_gap: bool) -> None:
        self.layout = layout
        self.interval_seconds = interval_seconds
        self.sequence = sequence
        self.after_gap = after_gap
        self.rows = 0
        # Repeated, not made from bytes: that would take a sixteenth more than is needed.
        self.values = array("d", (0.0,)) * (layout.stride * BLOCK_ROWS)

    def append(self, row: array[float]) -> None:
        """Write the next row."""
        stride = self.layout.stride
        start = self.rows * stride
        self.values[start : start + stride] = row
        self.rows += 1

    def trimmed(self, rows: int) -> Block:
        """A copy with the first rows only, and no room for more."""
        copy = Block.__new__(Block)
        copy.layout, copy.interval_seconds, copy.sequence, copy.after_gap = (
            self.layout,
            self.interval_seconds,
            self.sequence,
            self.after_gap,
        )
        copy.rows, copy.values = rows, self.values[: rows * self.layout.stride]
        return copy

    @property
    def covered_seconds(self) -> float:
        """The time that the rows stand for."""
        return self.rows * self.interval_seconds

    def cells(self, column: int, rows: int) -> array[float]:
        """The first `rows` values of a column; column 0 is the time."""
        stride = self.layout.stride
        return self.values[column : rows * stride : stride]


@dataclass(frozen=True, slots=True)
class Column:
    """The raw values of one series with their times, and the indices before which nothing may be connected."""

    times: array[float] = field(default_factory=_doubles)
    values: array[float] = field(default_factory=_doubles)
    breaks: frozenset[int] = frozenset()

    def until(self, last: float) -> Column:
        """The same without what is later."""
        end = bisect_right(self.times, last)
        return Column(self.times[:end], self.values[:end], self.breaks)


@dataclass(frozen=True, slots=True)
class TrackView:
    """The blocks of one track, oldest first, and how many rows the last one had when the view was taken."""

    blocks: tuple[Block, ...] = ()
    rows: int = 0

    def parts(self) -> Iterator[tuple[Block, int]]:
        """Each block with its number of rows, newest first."""
        rows = self.rows
        for block in reversed(self.blocks):
            yield block, (rows if block is self.blocks[-1] else block.rows)

    @property
    def layout(self) -> Layout | None:
        """The columns of the newest row."""
        return self.blocks[-1].layout if self.blocks else None

    @property
    def interval_seconds(self) -> float:
        """The cadence of the newest row."""
        return self.blocks[-1].interval_seconds if self.blocks else 1.0

    @property
    def longest_seconds(self) -> float:
        """The longest time between two values that may be connected, by the slowest cadence that is kept."""
        return gap_seconds(max((block.interval_seconds for block in self.blocks), default=1.0))

    def newest(self, name: NameAndLabels) -> tuple[Block, int, int] | None:
        """Where the newest known value of a series is: block, row, column."""
        for block, rows in self.parts():
            column = block.layout.columns.get(name)
            if column is None:
                continue
            values, stride = block.values, block.layout.stride
            for row in range(rows - 1, -1, -1):
                value = values[row * stride + column]
                if value == value:  # not NaN
                    return block, row, column
        return None

    def column(self, name: NameAndLabels, since: float, until: float) -> Column:
        """All rows of the blocks that reach into a span; a block without the series has NaN for it."""
        chosen: list[tuple[Block, int]] = []
        for block, rows in self.parts():
            if block.values[0] > until:
                continue
            if block.values[(rows - 1) * block.layout.stride] < since:
                break
            chosen.append((block, rows))
        times, values, breaks = array("d"), array("d"), set()
        for block, rows in reversed(chosen):
            column = block.layout.columns.get(name)
            if block.after_gap:
                breaks.add(len(times))
            times += block.cells(0, rows)
            values += block.cells(column, rows) if column is not None else array("d", (NAN,)) * rows
        return Column(times, values, frozenset(breaks))
