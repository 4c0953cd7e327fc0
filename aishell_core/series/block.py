"""Rows of values that were read together."""

from __future__ import annotations

from array import array

from aishell_core.series.keys import Layout
from aishell_core.series.rates import NAN, gap_seconds


class Block:
    """Some rows of one layout at one cadence, row-major: the time, then a value for each column (NaN where there is none).

    A block itself never changes: `grown` and `torn` give another one over the same memory. Rows are written behind those
    that exist, and new series into columns that were empty, so whoever remembers how many rows there were sees no change.
    `room` is the number of rows that there is memory for; all but the newest block of a track are full.
    """

    __slots__ = ("breaks", "interval_seconds", "layout", "longest_seconds", "room", "stride", "values")

    def __init__(self, layout: Layout, values: array[float], stride: int, interval_seconds: float, breaks: tuple[int, ...] = ()) -> None:
        """`breaks` are the rows that neither a rate nor a line may come into from the row before."""
        self.layout = layout
        self.values = values
        self.stride = stride
        self.interval_seconds = interval_seconds
        self.longest_seconds = gap_seconds(interval_seconds)
        self.breaks = breaks
        self.room = len(values) // stride

    @classmethod
    def empty(cls, layout: Layout, rows: int, spare_columns: int, interval_seconds: float) -> Block:
        """Room for so many rows, and for so many columns more than the layout has now."""
        stride = len(layout.keys) + 1 + spare_columns
        return cls(layout, array("d", (NAN,)) * (stride * rows), stride, interval_seconds)

    @property
    def spare_columns(self) -> int:
        """The columns that no series has yet."""
        return self.stride - 1 - len(self.layout.keys)

    def grown(self, layout: Layout) -> Block:
        """The same rows under a layout with more columns."""
        return Block(layout, self.values, self.stride, self.interval_seconds, self.breaks)

    def torn(self, row: int) -> Block:
        """The same rows with a gap before one of them."""
        return Block(self.layout, self.values, self.stride, self.interval_seconds, (*self.breaks, row))

    def cut(self, rows: int) -> Block:
        """A copy with the first rows only, and no room for more."""
        breaks = tuple(row for row in self.breaks if row < rows)
        return Block(self.layout, self.values[: rows * self.stride], self.stride, self.interval_seconds, breaks)

    def time(self, row: int) -> float:
        """When a row was read, in epoch seconds."""
        return self.values[row * self.stride]

    def cells(self, column: int, first: int, end: int) -> array[float]:
        """The values of a column in some rows; column 0 is the time."""
        return self.values[first * self.stride + column : end * self.stride : self.stride]

    def live_keys(self, rows: int) -> list[bool]:
        """For each series whether one of the first `rows` rows has a value of it."""
        newest = self.values[(rows - 1) * self.stride + 1 : (rows - 1) * self.stride + 1 + len(self.layout.keys)]
        return [value == value or any(each == each for each in self.cells(column, 0, rows)) for column, value in enumerate(newest, start=1)]
