"""The series of all targets in memory."""

from __future__ import annotations

from math import ceil

from aishell_core.series.keys import EMPTY_LAYOUT, Layout, SeriesKey
from aishell_core.series.rollup import RollupBatch
from aishell_core.series.snapshot import Block, Snapshot, TrackView
from aishell_core.values import Reading, TargetId, Tier

BLOCK_ROWS = 30
NAN = float("nan")


class _Track:
    def __init__(self, fine_seconds: float, interval_seconds: float) -> None:
        self.layout: Layout = EMPTY_LAYOUT
        self.blocks: list[Block] = []
        self.rows = 0
        self.interval_seconds = interval_seconds
        self.kept = ceil(ceil(fine_seconds / interval_seconds) / BLOCK_ROWS) + 1
        self.gap = True

    def add(self, reading: Reading) -> None:
        fresh = [SeriesKey(s.metric, s.labels) for s in reading.samples if (s.metric.name, s.labels) not in self.layout.columns]
        if fresh:
            self.layout = Layout((*self.layout.keys, *fresh))
        if not self.blocks or self.rows == BLOCK_ROWS or self.blocks[-1].layout is not self.layout or self.gap:
            self._open()
        block, stride = self.blocks[-1], self.layout.stride
        at = self.rows * stride
        block.values[at] = reading.at
        for column in range(1, stride):
            block.values[at + column] = NAN
        for sample in reading.samples:
            block.values[at + self.layout.columns[sample.metric.name, sample.labels]] = sample.value
        self.rows += 1

    def _open(self) -> None:
        if self.blocks and self.rows < BLOCK_ROWS:
            last = self.blocks[-1]
            trimmed = Block(last.layout, 0, after_gap=last.after_gap)
            trimmed.values = last.values[: self.rows * last.layout.stride]
            self.blocks[-1] = trimmed
        self.blocks.append(Block(self.layout, BLOCK_ROWS, after_gap=self.gap))
        self.gap, self.rows = False, 0
        del self.blocks[: -self.kept]


class SeriesStore:
    """Keeps the last minutes of all targets."""

    def __init__(self, fine_seconds: float = 900.0, rollup_seconds: float = 10.0) -> None:
        self._fine_seconds = fine_seconds
        self._tracks: dict[TargetId, dict[Tier, _Track]] = {}

    def add(self, reading: Reading, interval_seconds: float) -> None:
        """One more row."""
        if reading.samples:
            tracks = self._tracks.setdefault(reading.target, {})
            track = tracks.get(reading.tier)
            if track is None:
                track = tracks[reading.tier] = _Track(self._fine_seconds, interval_seconds)
            track.interval_seconds = interval_seconds
            track.add(reading)

    def gap(self, target: TargetId) -> None:
        """No rate and no line may cross this point."""
        for track in self._tracks.get(target, {}).values():
            track.gap = True

    def snapshot(self, target: TargetId) -> Snapshot:
        """What is known of a target now."""
        tracks = self._tracks.get(target, {})
        return Snapshot(target, tuple(TrackView(tuple(each.blocks), each.rows, each.interval_seconds) for each in tracks.values()))

    def take_rollups(self, *, include_open: bool = False) -> tuple[RollupBatch, ...]:
        """Finished windows since the last call."""
        return ()

    def forget(self, target: TargetId) -> None:
        """Drop a target."""
        self._tracks.pop(target, None)
