"""The series of one target that are read together: blocks of rows, and the window that is being rolled up."""

from __future__ import annotations

from array import array
from math import ceil, floor

from aishell_core.series.keys import EMPTY_LAYOUT, Layout, SeriesKey
from aishell_core.series.rates import NAN, gap_seconds, rate
from aishell_core.series.rollup import RollupRow
from aishell_core.series.snapshot import Block, TrackView
from aishell_core.values import Sample

BLOCK_ROWS = 30
"""Rows of a block: a reading costs one slice assignment, and at most this many rows are kept beyond the retention."""


class Track:
    """Appends rows, drops the oldest blocks, and hands out finished windows.

    A window is `window_seconds` long, or one reading where readings are rarer than that.
    """

    __slots__ = (
        "_blocks",
        "_finished",
        "_gap",
        "_kept_blocks",
        "_last_at",
        "_layout",
        "_rows",
        "_window",
        "_window_rows",
        "interval_seconds",
        "window_seconds",
    )

    def __init__(self, fine_seconds: float, window_seconds: float, interval_seconds: float) -> None:
        self.pace(fine_seconds, window_seconds, interval_seconds)
        self._layout: Layout = EMPTY_LAYOUT
        self._blocks: tuple[Block, ...] = ()
        self._rows = 0
        self._gap = True
        self._last_at = -float("inf")
        self._window: int | None = None
        self._window_rows: list[tuple[Block, int]] = []
        self._finished: list[tuple[tuple[SeriesKey, ...], RollupRow]] = []

    def pace(self, fine_seconds: float, window_seconds: float, interval_seconds: float) -> None:
        """Readings come at another cadence from now on."""
        self.interval_seconds = interval_seconds
        self.window_seconds = max(window_seconds, interval_seconds)
        self._kept_blocks = ceil(max(1, ceil(fine_seconds / interval_seconds)) / BLOCK_ROWS) + 1

    def view(self) -> TrackView:
        """What a snapshot holds of this track."""
        return TrackView(self._blocks, self._rows, self.interval_seconds)

    def tear(self) -> None:
        """Let no rate cross from the rows so far to those to come."""
        self._gap = True

    def add(self, at: float, samples: tuple[Sample, ...]) -> None:
        """One row; a clock that went back, or stands still, tears the series and starts it anew."""
        if at <= self._last_at:
            self._close_window()
            self._blocks, self._rows, self._gap = (), 0, True
        self._last_at = at
        columns = self._layout.columns
        try:
            places = [columns[sample.metric.name, sample.labels] for sample in samples]
        except KeyError:
            self._grow(samples)
            columns = self._layout.columns
            places = [columns[sample.metric.name, sample.labels] for sample in samples]
        row = array("d", (NAN,)) * self._layout.stride
        row[0] = at
        for place, sample in zip(places, samples, strict=True):
            row[place] = sample.value
        self._append(row)

    def take_finished(self, *, include_open: bool) -> list[tuple[tuple[SeriesKey, ...], RollupRow]]:
        """The windows finished since the last call; with `include_open` the unfinished one counts as finished."""
        if include_open:
            self._close_window()
        finished, self._finished = self._finished, []
        return finished

    def _grow(self, samples: tuple[Sample, ...]) -> None:
        """A layout with the new series; those that no kept block holds a value of are left out."""
        kept = [key for key in self._layout.keys if any(block.holds(key) for block in self._blocks[-self._kept_blocks :])]
        keys = dict.fromkeys((*kept, *(SeriesKey(sample.metric, sample.labels) for sample in samples)))
        self._layout = Layout(keys)

    def _append(self, row: array[float]) -> None:
        if self._gap or not self._blocks or self._rows == BLOCK_ROWS or self._blocks[-1].layout is not self._layout:
            self._open_block()
        block, stride = self._blocks[-1], self._layout.stride
        block.values[self._rows * stride : (self._rows + 1) * stride] = row
        window = floor(row[0] / self.window_seconds)
        if window != self._window:
            self._close_window()
            self._window = window
        self._window_rows.append((block, self._rows))
        self._rows += 1

    def _open_block(self) -> None:
        blocks = self._blocks
        if blocks and self._rows < BLOCK_ROWS:
            # A copy, because snapshots may hold the block: they must not see it shrink.
            blocks = (*blocks[:-1], blocks[-1].trimmed(self._rows))
        opened = Block(self._layout, BLOCK_ROWS, after_gap=self._gap)
        oldest = self._last_at - self._kept_blocks * BLOCK_ROWS * self.interval_seconds
        self._blocks = (*(block for block in blocks[-4 * self._kept_blocks :] if block.newest_at > oldest), opened)
        self._gap, self._rows = False, 0

    def _close_window(self) -> None:
        """Roll up the rows of the window; counters become rates, also from the row before the window."""
        rows, self._window_rows = self._window_rows, []
        if not rows or self._window is None:
            self._window = None
            return
        layout = rows[-1][0].layout
        rows = [(block, row) for block, row in rows if block.layout is layout]
        values = array("f", (NAN,)) * (4 * len(layout.keys))
        before = self._row_before(rows[0])
        for index, key in enumerate(layout.keys):
            column = index + 1
            known = self._rates(rows, column, before) if key.is_counter else _gauges(rows, column)
            if known:
                low, high = min(known), max(known)
                values[index * 4 : index * 4 + 4] = array("f", (low, high, min(max(sum(known) / len(known), low), high), known[-1]))
        self._finished.append((layout.keys, RollupRow(self._window * self.window_seconds, values)))
        self._window = None

    def _row_before(self, first: tuple[Block, int]) -> tuple[Block, int] | None:
        block, row = first
        if row > 0:
            return block, row - 1
        if block.after_gap:
            return None
        place = next((index for index, each in enumerate(self._blocks) if each is block), 0)
        earlier = self._blocks[place - 1] if place > 0 else None
        return (earlier, earlier.count - 1) if earlier is not None and earlier.layout is block.layout and earlier.count else None

    def _rates(self, rows: list[tuple[Block, int]], column: int, before: tuple[Block, int] | None) -> list[float]:
        longest = gap_seconds(self.interval_seconds)
        found = []
        earlier = before
        for block, row in rows:
            if block.after_gap and row == 0:
                earlier = None
            if earlier is not None:
                value = rate(
                    earlier[0].cell(earlier[1], 0),
                    earlier[0].cell(earlier[1], column),
                    block.cell(row, 0),
                    block.cell(row, column),
                    longest,
                )
                if value == value:
                    found.append(value)
            if block.cell(row, column) == block.cell(row, column):
                earlier = (block, row)
        return found


def _gauges(rows: list[tuple[Block, int]], column: int) -> list[float]:
    return [value for block, row in rows if (value := block.cell(row, column)) == value]
