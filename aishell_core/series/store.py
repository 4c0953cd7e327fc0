"""The series of all targets in memory.

What it costs: a reading of a series is 8 bytes, and its time another 8 for all series that are read together. At one
reading per second and 15 minutes that is 7.3 KiB per series, and with 100 series 0.73 MiB per target; measured in a
process with 500 such targets, everything included (names, columns, blocks begun, windows that wait to be written),
8.0 KiB per series, 0.78 MiB per target and 389 MiB for all. The charts that are looked at take up to 5 MiB more.
Older values live in the state database only.
"""

from __future__ import annotations

from aishell_core.series.batches import batches_of
from aishell_core.series.finished import FinishedBuckets
from aishell_core.series.keys import Layouts
from aishell_core.series.rollup import RollupBatch
from aishell_core.series.snapshot import Snapshot
from aishell_core.series.track import Track
from aishell_core.values import Reading, TargetId, Tier


class SeriesStore:
    """Keeps the last minutes of all targets; for one thread."""

    def __init__(self, fine_seconds: float = 900.0, rollup_seconds: float = 10.0) -> None:
        self._fine_seconds = fine_seconds
        self._rollup_seconds = rollup_seconds
        self._finished = FinishedBuckets()
        self._layouts = Layouts()
        self._tracks: dict[TargetId, dict[Tier, Track]] = {}

    def add(self, reading: Reading, interval_seconds: float) -> None:
        """One more row of a target's tier, read at this cadence; a reading without samples leaves no trace.

        What it is newly refused for want of a privilege and therefore lacks does not stand any more.
        """
        track = self._tracks.get(reading.target, {}).get(reading.tier)
        if track is not None:
            track.note_refusals(reading.at, reading.failures)
        if not reading.samples:
            return
        tracks = self._tracks.setdefault(reading.target, {})
        if track is None:
            track = tracks[reading.tier] = Track(self._fine_seconds, self._rollup_seconds, self._layouts, self._finished)
            track.note_refusals(reading.at, reading.failures)
        track.add(reading.at, reading.samples, interval_seconds)

    def gap(self, target: TargetId) -> None:
        """Let no rate and no line cross from the readings so far to those to come."""
        for track in self._tracks.get(target, {}).values():
            track.tear()

    def snapshot(self, target: TargetId) -> Snapshot:
        """What is known of a target now; costs no copy, and stays as it is for as long as it is held."""
        tracks = self._tracks.get(target, {})
        views = (tracks[tier].view() for tier in Tier if tier in tracks)
        return Snapshot(target, tuple(view for view in views if view is not None))

    def take_rollups(self, *, include_open: bool = False) -> tuple[RollupBatch, ...]:
        """The windows finished since the last call; with `include_open` the unfinished ones too (at the end of a run).

        Windows that nobody takes for some minutes are given up, so that a run without history does not grow.
        """
        batches: list[RollupBatch] = []
        for target, tracks in self._tracks.items():
            for tier, track in tracks.items():
                step_seconds = max(self._rollup_seconds, track.interval_seconds)
                batches += batches_of(target, tier, step_seconds, track.take(include_open=include_open))
        return tuple(batches)

    def forget(self, target: TargetId) -> None:
        """Drop a target with its series."""
        self._tracks.pop(target, None)
