"""What is known of one target at one moment: blocks that are shared with the store and never change under a reader."""

from __future__ import annotations

from array import array
from dataclasses import dataclass

from aishell_core.series.block import Column, TrackView
from aishell_core.series.buckets import Buckets, Grid, Points, fill_buckets
from aishell_core.series.keys import SeriesKey
from aishell_core.series.rates import NAN, gap_seconds, rate, rates
from aishell_core.values import TargetId


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The series of a target; valid, and unchanged, for as long as it is held.

    A series that several tiers bring is taken from the most frequent one.
    """

    target: TargetId
    tracks: tuple[TrackView, ...] = ()

    def keys(self) -> tuple[SeriesKey, ...]:
        """All series that the rows in memory have a value of."""
        return tuple(dict.fromkeys(key for track in self.tracks if track.layout for key in track.layout.keys))

    def find(self, name: str) -> tuple[SeriesKey, ...]:
        """All series of the metric of this name."""
        found = [keys for track in self.tracks if track.layout and (keys := track.layout.find(name))]
        return found[0] if len(found) == 1 else tuple(dict.fromkeys(key for keys in found for key in keys))

    def value(self, key: SeriesKey) -> float | None:
        """The newest value of a gauge, the newest rate of a counter; None when there is none, as after a reset or a gap."""
        track = self._track(key)
        place = track.newest(key.name_and_labels) if track is not None else None
        if track is None or place is None:
            return None
        block, row, column = place
        newest = row * block.layout.stride
        if not key.is_counter:
            return block.values[newest + column]
        at, before = block.values[newest], newest - block.layout.stride
        longest = gap_seconds(block.interval_seconds)
        found = NAN
        if row and block.values[before + column] == block.values[before + column]:
            found = rate(block.values[before], block.values[before + column], at, block.values[newest + column], longest)
        else:
            around = track.column(key.name_and_labels, at - longest, at).until(at)
            found = rates(around.times, around.values, longest, around.breaks)[-1]
        return found if found == found else None

    def raw(self, key: SeriesKey) -> float | None:
        """The newest value as it was sampled; None when there is none."""
        track = self._track(key)
        place = track.newest(key.name_and_labels) if track is not None else None
        return None if place is None else place[0].values[place[1] * place[0].layout.stride + place[2]]

    def updated_at(self, key: SeriesKey) -> float | None:
        """Epoch seconds of the newest row that holds the series; None when there is none."""
        track = self._track(key)
        place = track.newest(key.name_and_labels) if track is not None else None
        return None if place is None else place[0].values[place[1] * place[0].layout.stride]

    def interval_seconds(self, key: SeriesKey) -> float | None:
        """The cadence at which the series is read; None when it is not known."""
        track = self._track(key)
        return None if track is None else track.interval_seconds

    def points(self, key: SeriesKey, since: float, until: float) -> Points:
        """The points of a span, rates for a counter; no line may be drawn across a NaN."""
        track = self._track(key)
        if track is None:
            return Points()
        longest = track.longest_seconds
        column = track.column(key.name_and_labels, since - longest, until)
        if key.is_counter:
            points = Points(column.times, rates(column.times, column.values, longest, column.breaks), longest)
        else:
            points = _with_gaps(column, longest)
        return points.between(since, until)

    def buckets(self, key: SeriesKey, since: float, until: float, count: int) -> Buckets:
        """A span in buckets whose borders do not move with the clock (see `fill_buckets`)."""
        track = self._track(key)
        longest = track.longest_seconds if track is not None else 0.0
        earliest = Grid.over(since, until, count).border(0) - longest
        return fill_buckets(self.points(key, earliest, until), since, until, count)

    def _track(self, key: SeriesKey) -> TrackView | None:
        name = key.name_and_labels
        for track in self.tracks:
            if track.layout is not None and name in track.layout.columns:
                return track
        return None


def _with_gaps(column: Column, hold_seconds: float) -> Points:
    """The values of a gauge, with a point of no value wherever nothing may be connected."""
    inner = sorted(index for index in column.breaks if index)
    if not inner:
        return Points(column.times, column.values, hold_seconds)
    times, values, done = array("d"), array("d"), 0
    for index in inner:
        times += column.times[done:index]
        values += column.values[done:index]
        times.append((column.times[index - 1] + column.times[index]) / 2)
        values.append(NAN)
        done = index
    return Points(times + column.times[done:], values + column.values[done:], hold_seconds)
