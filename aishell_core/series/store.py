"""The series of all targets in memory.

What it costs: a reading of a series is 8 bytes, and its time another 8 for all series that are read together. At one
reading per second and 15 minutes that is 7.3 KiB per series, and with 100 series 0.73 MiB per target; measured in a
process with 500 such targets, everything included (columns, blocks begun, windows that wait to be written), 7.8 KiB
per series, 0.76 MiB per target and 380 MiB for all. Older values live in the state database only.
"""

from __future__ import annotations

from itertools import groupby
from operator import itemgetter

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
        self._layouts = Layouts()
        self._tracks: dict[TargetId, dict[Tier, Track]] = {}

    def add(self, reading: Reading, interval_seconds: float) -> None:
        """One more row of a target's tier, read at this cadence; a reading without samples leaves no trace."""
        if not reading.samples:
            return
        tracks = self._tracks.setdefault(reading.target, {})
        track = tracks.get(reading.tier)
        if track is None:
            track = tracks[reading.tier] = Track(self._fine_seconds, self._rollup_seconds, self._layouts)
        track.add(reading.at, reading.samples, interval_seconds)

    def gap(self, target: TargetId) -> None:
        """Let no rate and no line cross from the readings so far to those to come."""
        for track in self._tracks.get(target, {}).values():
            track.tear()

    def snapshot(self, target: TargetId) -> Snapshot:
        """What is known of a target now; costs no copy, and stays as it is for as long as it is held."""
        tracks = self._tracks.get(target, {})
        return Snapshot(target, tuple(tracks[tier].view() for tier in Tier if tier in tracks))

    def take_rollups(self, *, include_open: bool = False) -> tuple[RollupBatch, ...]:
        """The windows finished since the last call; with `include_open` the unfinished ones as they are (at the end of a run).

        Windows that nobody takes for some minutes are given up, so that a run without history does not grow.
        """
        batches = []
        for target, tracks in self._tracks.items():
            for tier, track in tracks.items():
                step_seconds = max(self._rollup_seconds, track.view().interval_seconds)
                for layout, rows in groupby(track.take(include_open=include_open), key=itemgetter(0)):
                    batches.append(RollupBatch(target, tier, step_seconds, layout.keys, tuple(row for _, row in rows)))
        return tuple(batches)

    def forget(self, target: TargetId) -> None:
        """Drop a target with its series."""
        self._tracks.pop(target, None)
