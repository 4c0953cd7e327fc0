"""The series of one target that are read together: appending rows, and letting the oldest and the unused go."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Collection
from math import ceil

from aishell_core.series.block import Block
from aishell_core.series.finished import FinishedBuckets
from aishell_core.series.keys import EMPTY_LAYOUT, Layout, Layouts, SeriesKey
from aishell_core.series.rates import NAN, gap_seconds
from aishell_core.series.roller import Finished, Roller
from aishell_core.series.view import TrackView
from aishell_core.values import Failure, Sample, newly_refused

BLOCK_ROWS = 30
"""The most rows of a block: a reading costs one slice assignment, and so many rows are kept beyond the retention."""

_BLOCKS = 10
"""At slow cadences blocks are smaller, so that no more than a tenth is kept beyond the retention."""

_SPARE_COLUMNS = 4
_MOST_SPARE_COLUMNS = 64

_INFINITE = float("inf")


class Track:
    """Appends rows to the newest block, at a cost that does not depend on what is kept.

    A new block begins when the last one is full, when the cadence changes, and when a new series finds no spare column.
    It has the series that the block before it had values of, so one that is not reported any more goes with the blocks
    that know it. Where new series come often (labels that churn), blocks have spare columns for those to come.
    """

    __slots__ = (
        "_blank",
        "_blocks",
        "_fine_seconds",
        "_finished",
        "_interval_seconds",
        "_last_at",
        "_layout",
        "_layouts",
        "_past",
        "_pool",
        "_refusals",
        "_refused_at",
        "_roller",
        "_rows",
        "_spare_columns",
        "_spare_used",
        "_torn",
    )

    def __init__(self, fine_seconds: float, rollup_seconds: float, pool: Layouts, finished: FinishedBuckets) -> None:
        self._pool = pool
        self._fine_seconds = fine_seconds
        self._finished = finished
        self._past = object()
        self._roller = Roller(rollup_seconds)
        self._layout: Layout = EMPTY_LAYOUT
        self._layouts: tuple[Layout, ...] = ()
        self._blank = array("d", (NAN,))
        self._blocks: tuple[Block, ...] = ()
        self._rows = 0
        self._interval_seconds = 0.0
        self._last_at = -_INFINITE
        self._torn = False
        self._refusals: tuple[Failure, ...] = ()
        self._refused_at = -_INFINITE
        self._spare_columns = 0
        self._spare_used = False

    @property
    def interval_seconds(self) -> float:
        """The cadence of the newest row."""
        return self._interval_seconds

    def view(self) -> TrackView | None:
        """What a snapshot holds of this track; None when it has no row."""
        blocks, rows = self._blocks, self._rows
        if blocks and not rows:  # the row that a block was begun for could not be taken
            blocks, rows = blocks[:-1], blocks[-2].room if len(blocks) > 1 else 0
        return TrackView(blocks, rows, self._layouts, self._finished, self._past, self._refused_at) if rows else None

    def tear(self) -> None:
        """Let nothing be connected across from the rows so far to those to come."""
        self._torn = True

    def note_refusals(self, at: float, failures: tuple[Failure, ...]) -> None:
        """What the reading of this moment could not bring; where it is newly refused, no value from before it stands."""
        if failures is not self._refusals and newly_refused(self._refusals, failures):
            self._refused_at = at
        self._refusals = failures

    def take(self, *, include_open: bool) -> list[Finished]:
        """The windows finished since the last call; with `include_open` the unfinished one too."""
        return self._roller.take(include_open=include_open)

    def add(self, at: float, samples: tuple[Sample, ...], interval_seconds: float) -> None:
        """One row. A second one of the same moment replaces the first; a clock that went back takes back what was later."""
        if at <= self._last_at:
            self._torn = self._torn or at < self._last_at
            self._take_back(at)
        torn = self._torn or at - self._last_at > gap_seconds(max(interval_seconds, self._interval_seconds))
        if interval_seconds != self._interval_seconds:
            self._interval_seconds = interval_seconds
            self._end_block()
        self._roller.advance(at, interval_seconds)
        if not self._blocks or self._rows == self._blocks[-1].room:
            self._begin_block(at)
        row = self._row(at, samples)
        block, start = self._blocks[-1], self._rows * len(row)
        block.values[start : start + len(row)] = row
        if torn:
            self._replace(block.torn(self._rows))
        self._roller.add(row, interval_seconds, after_gap=torn)
        self._rows += 1
        self._last_at, self._torn = at, False

    def _row(self, at: float, samples: tuple[Sample, ...]) -> array[float]:
        row, columns = self._blank[:], self._layout.columns
        try:
            for sample in samples:
                row[columns[sample.metric.name, sample.labels]] = sample.value
        except KeyError:
            self._grow(at, samples)
            return self._row(at, samples)
        if _INFINITE in row or -_INFINITE in row:
            row = array("d", (value if abs(value) < _INFINITE else NAN for value in row))
        row[0] = at
        return row

    def _grow(self, at: float, samples: tuple[Sample, ...]) -> None:
        """Give the series that the layout does not know a spare column each, or begin a block that has them."""
        keys = dict.fromkeys(SeriesKey(each.metric, each.labels) for each in samples)
        new = tuple(key for key in keys if key.name_and_labels not in self._layout.columns)
        block = self._blocks[-1]
        if len(new) <= block.spare_columns:
            self._spare_used = True
            self._layout = block.layout.grown(new)
            self._replace(block.grown(self._layout))
            self._roller.grow(self._layout)
            return
        if self._rows:
            self._spare_used = True
            self._spare_columns = min(max(_SPARE_COLUMNS, 2 * self._spare_columns), _MOST_SPARE_COLUMNS)
            self._end_block()
        else:
            self._blocks = self._blocks[:-1]
        self._begin_block(at, keys)

    def _begin_block(self, at: float, wanted: Collection[SeriesKey] = ()) -> None:
        """Open a block with the series that are alive and those that are wanted, and let the blocks go that are too old."""
        if not self._spare_used:
            self._spare_columns //= 2
        self._spare_used = False
        self._layout = self._lean_layout(wanted)
        kept_seconds = max(self._fine_seconds, gap_seconds(self._interval_seconds))
        rows = min(BLOCK_ROWS, ceil(kept_seconds / self._interval_seconds / _BLOCKS))
        block = Block.empty(self._layout, rows, self._spare_columns, self._interval_seconds)
        kept = (each for each in self._blocks if each.time(each.room - 1) >= at - kept_seconds)
        self._blocks = (*kept, block)
        self._rows = 0
        self._layouts = tuple(dict.fromkeys(each.layout for each in reversed(self._blocks)))
        if len(self._blank) != block.stride:
            self._blank = array("d", (NAN,)) * block.stride
        self._roller.use(self._layout, block.stride)

    def _lean_layout(self, wanted: Collection[SeriesKey]) -> Layout:
        """The series that the newest block has a value of, and those that are wanted."""
        if not self._blocks:
            return self._pool.of(wanted)
        before = self._blocks[-1]
        alive = before.live_keys(before.room)
        if not wanted and all(alive):
            return before.layout
        kept = (key for key, lives in zip(before.layout.keys, alive, strict=True) if lives)
        return self._pool.of(dict.fromkeys((*kept, *wanted)))

    def _replace(self, block: Block) -> None:
        """Put another view of its memory in the place of the newest block."""
        self._blocks = (*self._blocks[:-1], block)
        self._layouts = tuple(dict.fromkeys(each.layout for each in reversed(self._blocks)))

    def _end_block(self) -> None:
        """Let no more rows into the newest block."""
        if self._blocks and self._rows < self._blocks[-1].room:
            # A copy, because snapshots may hold the block: they must not see it shrink.
            self._blocks = (*self._blocks[:-1], *((self._blocks[-1].cut(self._rows),) if self._rows else ()))
        self._rows = self._blocks[-1].room if self._blocks else 0

    def _take_back(self, from_seconds: float) -> None:
        """Take back the rows from this time on, so that the times keep rising."""
        self._end_block()
        self._roller.discard(from_seconds)
        if self._refused_at > from_seconds:
            self._refused_at = -_INFINITE
        blocks = list(self._blocks)
        while blocks and blocks[-1].time(blocks[-1].room - 1) >= from_seconds:
            block = blocks.pop()
            rows = bisect_left(block.cells(0, 0, block.room), from_seconds)
            self._torn = self._torn or any(row >= rows for row in block.breaks)
            if rows:
                blocks.append(block.cut(rows))
        self._blocks = tuple(blocks)
        self._rows = blocks[-1].room if blocks else 0
        self._last_at = blocks[-1].time(self._rows - 1) if blocks else -_INFINITE
        self._past = object()
