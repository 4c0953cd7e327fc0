"""The series of one target that are read together: appending rows, and letting the oldest and the unused go."""

from __future__ import annotations

from array import array
from bisect import bisect_left

from aishell_core.series.block import BLOCK_ROWS, Block, TrackView
from aishell_core.series.keys import EMPTY_LAYOUT, Layout, Layouts, SeriesKey
from aishell_core.series.rates import NAN, gap_seconds
from aishell_core.series.roller import Roller
from aishell_core.series.rollup import RollupRow
from aishell_core.values import Sample

_INFINITE = float("inf")


class Track:
    """Appends rows in constant time to the newest block.

    A new block begins when the last one is full, when the columns or the cadence change, and after a gap. The oldest
    goes when those after it cover the retention; a column without a value in any block that is left goes with it.
    """

    __slots__ = (
        "_blank",
        "_blocks",
        "_covered",
        "_fine",
        "_last_at",
        "_layout",
        "_layouts",
        "_open",
        "_roller",
        "_seen",
        "_sequence",
        "_torn",
    )

    def __init__(self, fine_seconds: float, rollup_seconds: float, layouts: Layouts) -> None:
        self._fine = fine_seconds
        self._layouts = layouts
        self._roller = Roller(rollup_seconds)
        self._blocks: tuple[Block, ...] = ()
        self._open: Block | None = None
        self._covered = 0.0
        self._sequence = 0
        self._torn = False
        self._last_at = -_INFINITE
        self._use(EMPTY_LAYOUT, [])

    def _use(self, layout: Layout, seen: list[int]) -> None:
        """Take these columns from now on; `seen` says for each which block had a value last."""
        self._layout = layout
        self._seen = seen
        self._blank = array("d", (NAN,)) * layout.stride

    def view(self) -> TrackView:
        """What a snapshot holds of this track."""
        return TrackView(self._blocks, self._blocks[-1].rows if self._blocks else 0)

    def tear(self) -> None:
        """Let nothing be connected across from the rows so far to those to come."""
        self._torn = True

    def take(self, *, include_open: bool) -> list[tuple[Layout, RollupRow]]:
        """The windows finished since the last call; with `include_open` the unfinished one as it is now."""
        return self._roller.take(include_open=include_open)

    def add(self, at: float, samples: tuple[Sample, ...], interval_seconds: float) -> None:
        """One row. A second one of the same moment replaces the first; a clock that went back takes back what was later."""
        after_gap = self._torn or at < self._last_at
        if at <= self._last_at:
            self._discard(at)
        after_gap = after_gap or at - self._last_at > gap_seconds(interval_seconds)
        block = self._open
        if block is not None and (after_gap or block.rows == BLOCK_ROWS or block.interval_seconds != interval_seconds):
            self._close()
        row = self._row(at, samples)
        block = self._open or self._begin(interval_seconds, after_gap=after_gap)
        block.append(row)
        self._roller.add(self._layout, row, interval_seconds, after_gap=after_gap)
        self._last_at = at
        self._torn = False

    def _row(self, at: float, samples: tuple[Sample, ...]) -> array[float]:
        row, columns = self._blank[:], self._layout.columns
        try:
            for sample in samples:
                row[columns[sample.metric.name, sample.labels]] = sample.value
        except KeyError:
            self._close()
            self._grow(samples)
            return self._row(at, samples)
        if _INFINITE in row or -_INFINITE in row:
            row = array("d", (value if abs(value) < _INFINITE else NAN for value in row))
        row[0] = at
        return row

    def _grow(self, samples: tuple[Sample, ...]) -> None:
        known = self._layout.columns
        new = dict.fromkeys(SeriesKey(each.metric, each.labels) for each in samples if (each.metric.name, each.labels) not in known)
        self._use(self._layouts.of((*self._layout.keys, *new)), [*self._seen, *([self._sequence] * len(new))])

    def _begin(self, interval_seconds: float, *, after_gap: bool) -> Block:
        block = self._open = Block(self._layout, interval_seconds, self._sequence, after_gap=after_gap)
        self._sequence += 1
        self._blocks = (*self._blocks, block)
        return block

    def _close(self) -> None:
        """Let no more rows into the newest block, and those go that are not needed any more."""
        block, self._open = self._open, None
        if block is None:
            return
        if block.rows < BLOCK_ROWS:
            # A copy, because snapshots may hold the block: they must not see it shrink.
            block = block.trimmed(block.rows)
            self._blocks = (*self._blocks[:-1], block)
        self._note_seen(block)
        self._covered += block.covered_seconds
        self._drop_oldest()

    def _note_seen(self, block: Block) -> None:
        newest = block.values[(block.rows - 1) * block.layout.stride + 1 : block.rows * block.layout.stride]
        for index, value in enumerate(newest):
            if value == value or any(each == each for each in block.cells(index + 1, block.rows)):
                self._seen[index] = block.sequence

    def _drop_oldest(self) -> None:
        first, blocks = 0, self._blocks
        while first < len(blocks) - 1 and self._covered - blocks[first].covered_seconds >= self._fine:
            self._covered -= blocks[first].covered_seconds
            first += 1
        if first:
            self._blocks = blocks = blocks[first:]
            self._drop_unused(blocks[0].sequence)

    def _drop_unused(self, oldest: int) -> None:
        if min(self._seen, default=oldest) < oldest:
            kept = [(key, seen) for key, seen in zip(self._layout.keys, self._seen, strict=True) if seen >= oldest]
            self._use(self._layouts.of(key for key, _ in kept), [seen for _, seen in kept])

    def _discard(self, from_seconds: float) -> None:
        """Take back the rows from this time on, so that the times keep rising."""
        self._close()
        self._roller.discard(from_seconds)
        blocks = list(self._blocks)
        while blocks and blocks[-1].values[-blocks[-1].layout.stride] >= from_seconds:
            block = blocks.pop()
            rows = bisect_left(block.cells(0, block.rows), from_seconds)
            if rows:
                blocks.append(block.trimmed(rows))
        self._blocks = tuple(blocks)
        self._covered = sum(block.covered_seconds for block in blocks)
        self._last_at = blocks[-1].values[-blocks[-1].layout.stride] if blocks else -_INFINITE
