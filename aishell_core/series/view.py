"""What a snapshot holds of the series that are read together, and the ways to look at it."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field

from aishell_core.series.block import Block
from aishell_core.series.finished import FinishedBuckets
from aishell_core.series.keys import Layout, NameAndLabels, SeriesKey
from aishell_core.series.rates import NAN, rate, rates

Part = tuple[Block, int, int]
"""A block with the first of some of its rows and the one behind the last."""


def _doubles() -> array[float]:
    return array("d")


@dataclass(frozen=True, slots=True)
class Column:
    """The raw values of one series with their times, and the indices before which nothing may be connected.

    `holds` says for each point how long it may be connected or stand; None where `longest_seconds` goes for all.
    """

    times: array[float] = field(default_factory=_doubles)
    values: array[float] = field(default_factory=_doubles)
    breaks: tuple[int, ...] = ()
    longest_seconds: float = 0.0
    holds: array[float] | None = None

    def rates(self) -> array[float]:
        """The rate at each point (see `rates`)."""
        return rates(self.times, self.values, self.longest_seconds if self.holds is None else self.holds, self.breaks)


class Place:
    """Where the newest known value of a series is."""

    __slots__ = ("block", "column", "row")

    def __init__(self, block: Block, row: int, column: int) -> None:
        self.block = block
        self.row = row
        self.column = column

    @property
    def at(self) -> float:
        """Its time in epoch seconds."""
        return self.block.values[self.row * self.block.stride]

    @property
    def value(self) -> float:
        """The raw value."""
        return self.block.values[self.row * self.block.stride + self.column]


@dataclass(frozen=True, slots=True)
class TrackView:
    """The blocks of one track, oldest first, how many rows the last one has, and their layouts without repetition, newest first.

    Nothing stands from before `refused_at`, when the server began to refuse something. `finished` remembers buckets for as long as
    `past` is the same object: the rows that exist are never taken back.
    """

    blocks: tuple[Block, ...]
    rows: int
    layouts: tuple[Layout, ...]
    finished: FinishedBuckets
    past: object
    refused_at: float = -float("inf")

    @property
    def newest_at(self) -> float:
        """The time of the newest row, in epoch seconds."""
        return self.blocks[-1].time(self.rows - 1)

    @property
    def longest_seconds(self) -> float:
        """How long a value of the newest row stands."""
        return self.blocks[-1].longest_seconds

    def find(self, name: str) -> tuple[SeriesKey, ...]:
        """All series of a metric that a row in memory may have a value of."""
        if len(self.layouts) == 1:
            return self.layouts[0].find(name)
        return tuple(dict.fromkeys(key for layout in self.layouts for key in layout.find(name)))

    def holds(self, name: NameAndLabels) -> bool:
        """Whether any layout has the series."""
        for layout in self.layouts:  # noqa: SIM110 - thrice as quick as any(), and each look at a value begins here
            if name in layout.columns:
                return True
        return False

    def newest(self, name: NameAndLabels, since: float) -> Place | None:
        """Where the newest known value of a series is, if that is not earlier than `since`."""
        newest = self.blocks[-1]
        column = newest.layout.columns.get(name)
        if column is not None:
            start = (self.rows - 1) * newest.stride
            if newest.values[start + column] == newest.values[start + column]:  # not NaN
                return Place(newest, self.rows - 1, column) if newest.values[start] >= since else None
        return self._newest_behind(name, since)

    def standing(self, name: NameAndLabels) -> Place | None:
        """Where the newest known value of a series is, if it may stand now: not too old, and from after the last gap."""
        newest = self.blocks[-1]
        column, start = newest.layout.columns.get(name), (self.rows - 1) * newest.stride
        if column is not None and newest.values[start + column] == newest.values[start + column]:  # not NaN
            return Place(newest, self.rows - 1, column) if newest.values[start] >= self.refused_at else None
        since = self.newest_at - self.longest_seconds
        return self._newest_behind(name, max(since, self._torn_at(since), self.refused_at))

    def _torn_at(self, since: float) -> float:
        """The time of the row behind the last gap; some time before `since` if that is earlier."""
        for block, rows in self._newest_first():
            if block.breaks:
                return block.time(max(block.breaks))
            if block.time(rows - 1) < since:
                break
        return since

    def _newest_behind(self, name: NameAndLabels, since: float) -> Place | None:
        for block, rows in self._newest_first():
            column, stride, values = block.layout.columns.get(name), block.stride, block.values
            if column is not None:
                for start in range((rows - 1) * stride, -1, -stride):
                    if values[start] < since:
                        return None
                    if values[start + column] == values[start + column]:  # not NaN
                        return Place(block, start // stride, column)
            elif block.time(rows - 1) < since:
                return None
        return None

    def rate_at(self, name: NameAndLabels, place: Place) -> float:
        """The rate at the newest known value of a counter; NaN when there is none."""
        block, row, column = place.block, place.row, place.column
        if row and row not in block.breaks:
            start = (row - 1) * block.stride
            before = block.values[start + column]
            if before == before:  # not NaN
                return rate(block.values[start], before, place.at, place.value, block.longest_seconds)
        # The value before is further away: in an older block, or behind rows that do not know it.
        longest = max(each.longest_seconds for each in self.blocks)
        around = self.column(name, place.at - longest, place.at)
        return around.rates()[bisect_left(around.times, place.at)]

    def column(self, name: NameAndLabels, since: float, until: float) -> Column:
        """The rows of a span and the one behind it, before which a gap may lie; a row that does not know the series has NaN for it."""
        parts = self._parts(since, until)
        times, values = array("d"), array("d")
        breaks: list[int] = []
        for block, first, end in parts:
            breaks += (len(times) + row - first for row in block.breaks if first <= row < end)
            column = block.layout.columns.get(name)
            times += block.cells(0, first, end)
            values += block.cells(column, first, end) if column is not None else array("d", (NAN,)) * (end - first)
        longest = {block.longest_seconds for block, _, _ in parts}
        holds = _holds(parts) if len(longest) > 1 else None
        return Column(times, values, tuple(breaks), max(longest, default=0.0), holds)

    def _newest_first(self) -> Iterator[tuple[Block, int]]:
        """Each block with its number of rows."""
        newest = self.blocks[-1]
        for block in reversed(self.blocks):
            yield block, (self.rows if block is newest else block.room)

    def _parts(self, since: float, until: float) -> list[Part]:
        """The blocks that reach into a span, oldest first, and the row behind it."""
        parts: list[Part] = []
        behind: list[Part] = []
        for block, rows in self._newest_first():
            begin, newest = block.time(0), block.time(rows - 1)
            if begin > until:
                behind = [(block, 0, 1)]
                continue
            if newest < since:
                break
            first = 0 if begin >= since else bisect_left(block.cells(0, 0, rows), since)
            end = rows if newest <= until else bisect_right(block.cells(0, 0, rows), until) + 1
            parts += behind if end == rows and newest <= until else ()
            behind = []
            parts.append((block, first, end))
        parts.reverse()
        return parts


def _holds(parts: list[Part]) -> array[float]:
    """How long each row may stand; where the cadence changes, the slower one goes for the way across."""
    holds = array("d")
    for block, first, end in parts:
        if holds:
            holds[-1] = max(holds[-1], block.longest_seconds)
        holds += array("d", (block.longest_seconds,)) * (end - first)
    return holds
