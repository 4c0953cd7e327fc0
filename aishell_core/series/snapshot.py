"""What is known of one target at one moment: blocks that are shared with the store and never change under a reader."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass

from aishell_core.series.buckets import Buckets, Points, fill_buckets
from aishell_core.series.keys import Layout, SeriesKey
from aishell_core.series.rates import gap_seconds, rate, rates
from aishell_core.values import TargetId


class Block:
    """Rows of one layout, row-major: time, then a value for each column. Rows are only ever appended."""

    __slots__ = ("after_gap", "layout", "values")

    def __init__(self, layout: Layout, rows: int, *, after_gap: bool) -> None:
        self.layout = layout
        self.values = array("d", bytes(8 * layout.stride * rows))
        self.after_gap = after_gap

    @property
    def count(self) -> int:
        """The rows that there is room for; a closed block is full."""
        return len(self.values) // self.layout.stride

    @property
    def newest_at(self) -> float:
        """The time of the last row of a closed block."""
        return self.values[-self.layout.stride] if self.values else 0.0

    def cell(self, row: int, column: int) -> float:
        """One value; column 0 is the time."""
        return self.values[row * self.layout.stride + column]

    def holds(self, key: SeriesKey) -> bool:
        """Whether any row has a value of the series; rows that are not written yet count as having none."""
        column = self.layout.columns.get(key.name_and_labels)
        if column is None:
            return False
        stride = self.layout.stride
        times, values = self.values[0::stride], self.values[column::stride]
        return any(at and value == value for at, value in zip(times, values, strict=True))

    def trimmed(self, rows: int) -> Block:
        """A copy with the first rows only."""
        copy = Block(self.layout, 0, after_gap=self.after_gap)
        copy.values = self.values[: rows * self.layout.stride]
        return copy


@dataclass(frozen=True, slots=True)
class TrackView:
    """The blocks of one track, oldest first, and how many rows of the last one exist."""

    blocks: tuple[Block, ...] = ()
    rows: int = 0
    interval_seconds: float = 1.0

    def parts(self) -> Iterator[tuple[Block, int]]:
        """Each block with its number of rows."""
        for block in self.blocks[:-1]:
            yield block, len(block.values) // block.layout.stride
        if self.blocks:
            yield self.blocks[-1], self.rows


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The series of a target; valid, and unchanged, for as long as it is held."""

    target: TargetId
    tracks: tuple[TrackView, ...] = ()

    def keys(self) -> tuple[SeriesKey, ...]:
        """All series that the newest readings hold."""
        return tuple(key for track in self.tracks if track.blocks for key in track.blocks[-1].layout.keys)

    def find(self, name: str) -> tuple[SeriesKey, ...]:
        """All series of a metric."""
        found: tuple[SeriesKey, ...] = ()
        for track in self.tracks:
            if track.blocks:
                found += track.blocks[-1].layout.find(name)
        return found

    def _track(self, key: SeriesKey) -> TrackView | None:
        name = key.name_and_labels
        return next((track for track in self.tracks if track.blocks and name in track.blocks[-1].layout.columns), None)

    def _newest(self, key: SeriesKey, count: int) -> list[tuple[float, float, bool]]:
        """The newest known (time, value, a gap lies before it), newest first."""
        track, name, found = self._track(key), key.name_and_labels, []
        if track is None:
            return []
        for block, rows in reversed(list(track.parts())):
            column = block.layout.columns.get(name)
            for row in range(rows - 1, -1, -1):
                at = row * block.layout.stride
                value = block.values[at + column] if column is not None else float("nan")
                if value == value:
                    found.append((block.values[at], value, block.after_gap and row == 0))
                    if len(found) == count:
                        return found
        return found

    def raw(self, key: SeriesKey) -> float | None:
        """The newest raw value; None when there is none."""
        newest = self._newest(key, 1)
        return newest[0][1] if newest else None

    def updated_at(self, key: SeriesKey) -> float | None:
        """Epoch seconds of the newest row that holds the series."""
        newest = self._newest(key, 1)
        return newest[0][0] if newest else None

    def value(self, key: SeriesKey) -> float | None:
        """The newest value of a gauge, or the newest rate of a counter."""
        if not key.is_counter:
            return self.raw(key)
        newest, track = self._newest(key, 2), self._track(key)
        if track is None or len(newest) < 2 or newest[0][2]:
            return None
        (later, after, _), (earlier, before, _) = newest
        found = rate(earlier, before, later, after, gap_seconds(track.interval_seconds))
        return found if found == found else None

    def points(self, key: SeriesKey, since: float, until: float) -> Points:
        """The points of a series; rates for a counter."""
        track, name = self._track(key), key.name_and_labels
        times, values, breaks = array("d"), array("d"), []
        if track is None:
            return Points()
        for block, rows in track.parts():
            stride, column = block.layout.stride, block.layout.columns.get(name)
            if block.after_gap:
                breaks.append(len(times))
            times.extend(block.values[0 : rows * stride : stride])
            values.extend(block.values[column : rows * stride : stride] if column is not None else array("d", (float("nan"),)) * rows)
        longest = gap_seconds(track.interval_seconds)
        if key.is_counter:
            values = rates(times, values, longest, set(breaks))
        return Points(times, values, longest).between(since, until)

    def buckets(self, key: SeriesKey, since: float, until: float, count: int) -> Buckets:
        """The series in buckets on a fixed grid."""
        return fill_buckets(self.points(key, since - 60, until), since, until, count)
