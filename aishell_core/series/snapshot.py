"""What is known of one target at one moment: blocks that are shared with the store and never change under a reader."""

from __future__ import annotations

from array import array
from dataclasses import dataclass

from aishell_core.series.buckets import Buckets, Grid, Points, fill_grid
from aishell_core.series.keys import SeriesKey
from aishell_core.series.rates import NAN
from aishell_core.series.view import Column, Place, TrackView
from aishell_core.values import TargetId

_EVER = -float("inf")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The series of a target; valid, and unchanged, for as long as it is held.

    A series that several tiers bring is taken from the most frequent one that still reports it.
    """

    target: TargetId
    tracks: tuple[TrackView, ...] = ()

    def keys(self) -> tuple[SeriesKey, ...]:
        """All series that are kept in memory, also those that the newest readings do not report."""
        return tuple(dict.fromkeys(key for track in self.tracks for layout in track.layouts for key in layout.keys))

    def find(self, name: str) -> tuple[SeriesKey, ...]:
        """All series of the metric of this name that are kept in memory."""
        found = [keys for track in self.tracks if (keys := track.find(name))]
        if len(found) == 1:
            return found[0]
        return tuple(dict.fromkeys(key for keys in found for key in keys))

    def value(self, key: SeriesKey) -> float | None:
        """The newest value of a gauge, the newest rate of a counter.

        None when there is none, as after a reset or a gap, and when the newest readings do not report the series any
        more: a value stands for as long as it may be connected to the next (`gap_seconds`).
        """
        track = self._track(key)
        if track is None:
            return None
        name = key.name_and_labels
        place = track.standing(name)
        if place is None:
            return None
        if not key.is_counter:
            return place.value
        found = track.rate_at(name, place)
        return found if found == found else None

    def raw(self, key: SeriesKey) -> float | None:
        """The newest value as it was sampled, however old; None when there is none."""
        place = self._newest(key)
        return None if place is None else place.value

    def updated_at(self, key: SeriesKey) -> float | None:
        """Epoch seconds of the newest row that holds the series; None when there is none."""
        place = self._newest(key)
        return None if place is None else place.at

    def points(self, key: SeriesKey, since: float, until: float) -> Points:
        """The points of a span, rates for a counter; no line may be drawn across a NaN."""
        track = self._track(key)
        if track is None:
            return Points()
        return _points(track, key, since, until).between(since, until)

    def buckets(self, key: SeriesKey, since: float, until: float, count: int) -> Buckets:
        """A span in buckets whose borders do not move with the clock (see `fill_buckets`).

        Raises ValueError for no buckets or a window that ends before it begins.
        """
        grid = Grid.over(since, until, count)
        track = self._track(key)
        if track is None:
            return fill_grid(Points(), grid)
        series = (track.past, key.name_and_labels)
        return track.finished.fill(
            series,
            grid,
            min(until, track.newest_at),
            lambda part: fill_grid(_points(track, key, part.border(0), until).between(_EVER, until), part),
        )

    def _track(self, key: SeriesKey) -> TrackView | None:
        name = key.name_and_labels
        found = [track for track in self.tracks if track.holds(name)]
        if len(found) > 1:
            found = [track for track in found if track.newest(name, track.newest_at - track.longest_seconds) is not None] or found
        return found[0] if found else None

    def _newest(self, key: SeriesKey) -> Place | None:
        track = self._track(key)
        return None if track is None else track.newest(key.name_and_labels, _EVER)


def _points(track: TrackView, key: SeriesKey, since: float, until: float) -> Points:
    """The points of a span, and those before it that may still stand at its beginning or give its first rate."""
    longest = max(block.longest_seconds for block in track.blocks)
    column = track.column(key.name_and_labels, since - 2 * longest, until)
    if key.is_counter:
        return Points(column.times, column.rates(), column.longest_seconds, column.holds)
    return _with_gaps(column)


def _with_gaps(column: Column) -> Points:
    """The values of a gauge, with a point of no value wherever nothing may be connected."""
    inner = [index for index in column.breaks if index]
    if not inner:
        return Points(column.times, column.values, column.longest_seconds, column.holds)
    times, values, holds, done = array("d"), array("d"), array("d"), 0
    of_each = column.holds or array("d", (column.longest_seconds,)) * len(column.times)
    for index in inner:
        times += column.times[done:index]
        values += column.values[done:index]
        holds += of_each[done:index]
        times.append((column.times[index - 1] + column.times[index]) / 2)
        values.append(NAN)
        holds.append(0.0)
        done = index
    return Points(times + column.times[done:], values + column.values[done:], column.longest_seconds, holds + of_each[done:])
