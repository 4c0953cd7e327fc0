"""Kept history as readings again: what the state database has of some targets, tick by tick, in bounded memory. No clock inside.

The figures are the means of windows: of the last day of ten seconds or so, before that of five minutes. Within a window the mean
stands at every tick, and a counter rises by its mean rate. Shorter peaks than a window cannot be seen any more.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from aishell_core.series.keys import NameAndLabels, SeriesKey
from aishell_core.series.rollup import Rollups
from aishell_core.state.condense import COARSE_SECONDS
from aishell_core.state.history import History
from aishell_core.state.rollups import KEPT_SECONDS as FINE_SECONDS
from aishell_core.values import Reading, Sample, TargetId, Tier
from alerts.board.buckets import lasting

Source = Callable[[TargetId, float, float], History]
"""What is kept of a target in a span of epoch seconds."""

FINE_TICK_SECONDS = 10.0
COARSE_TICK_SECONDS = 60.0
_FINE_CHUNK_SECONDS = 3_600.0
_COARSE_CHUNK_SECONDS = 6 * 3_600.0


@dataclass(frozen=True, slots=True)
class Moment:
    """The readings of one tick; without any nobody was watching. `is_fine` says that they are of short windows."""

    at: float
    tick_seconds: float
    readings: tuple[Reading, ...] = ()
    is_fine: bool = False


@dataclass(slots=True)
class _Track:
    """One series of a chunk: its windows with their lengths, and the place of the one that stands."""

    key: SeriesKey
    windows: Sequence[tuple[float, float, float]]
    is_wanted: bool = True
    place: int = 0

    def mean(self, at: float) -> float:
        """The mean of the window that a moment lies in or ends; NaN for none. The moments asked for rise."""
        while self.place < len(self.windows) and self.windows[self.place][1] < at:
            self.place += 1
        if self.place == len(self.windows):
            return math.nan
        begin, _end, mean = self.windows[self.place]
        return mean if begin < at else math.nan


@dataclass(slots=True)
class Playback:
    """What is kept of these targets from `since` to `until`, as far as it is of the metrics that are wanted."""

    source: Source
    targets: Sequence[TargetId]
    metrics: Collection[str]
    since: float
    until: float
    _counts: dict[tuple[TargetId, NameAndLabels], float] = field(default_factory=dict)

    def moments(self) -> Iterator[Moment]:
        """Every tick of the span, those without readings too; blocking reads of the source, some hours at a time."""
        begin = self.since
        while begin < self.until:
            is_fine = begin >= self.until - FINE_SECONDS
            border = self.until if is_fine else self.until - FINE_SECONDS
            end = min(begin + (_FINE_CHUNK_SECONDS if is_fine else _COARSE_CHUNK_SECONDS), border)
            yield from self._chunk(begin, end, FINE_TICK_SECONDS if is_fine else COARSE_TICK_SECONDS)
            begin = end

    def _chunk(self, begin: float, end: float, tick_seconds: float) -> Iterator[Moment]:
        tracks = {target: self._tracks(target, begin, end) for target in self.targets}
        for number in range(1, math.ceil((end - begin) / tick_seconds) + 1):
            at = min(begin + number * tick_seconds, end)
            readings = tuple(reading for target, own in tracks.items() if (reading := self._reading(target, own, at, tick_seconds)))
            yield Moment(at, tick_seconds, readings, is_fine=tick_seconds == FINE_TICK_SECONDS)

    def _tracks(self, target: TargetId, begin: float, end: float) -> list[_Track]:
        """The series that are wanted, and the fullest of all: it says when the target was read at all."""
        series = self.source(target, begin - COARSE_SECONDS, end).series
        found = [_Track(key, _windows(rollups)) for key, rollups in series.items() if key.metric.name in self.metrics]
        fullest = max(series, key=lambda key: len(series[key].times), default=None)
        if fullest is not None and fullest.metric.name not in self.metrics:
            found.append(_Track(fullest, _windows(series[fullest]), is_wanted=False))
        return found

    def _reading(self, target: TargetId, tracks: Sequence[_Track], at: float, tick_seconds: float) -> Reading | None:
        samples: list[Sample] = []
        was_read = False
        for track in tracks:
            mean = track.mean(at)
            if mean != mean:  # NaN
                continue
            was_read = True
            if not track.is_wanted:
                continue
            key = track.key
            if key.is_counter:
                named = (target, key.name_and_labels)
                mean = self._counts[named] = self._counts.get(named, 0.0) + mean * tick_seconds
            samples.append(Sample(key.metric, mean, key.labels))
        return Reading(target, Tier.HOT, at, samples=tuple(samples)) if was_read else None


def _windows(rollups: Rollups) -> list[tuple[float, float, float]]:
    """Begin, end and mean of each window that has a value."""
    return [(window[0], window[0] + seconds, window[3]) for window, seconds in lasting(rollups) if window[3] == window[3]]


def engine_of(history: History) -> str:
    """The engine that a target must be of to have such figures; "" where several could be."""
    found: Mapping[str, None] | None = None
    for key in history.series:
        engines = key.metric.engines
        found = {name: None for name in engines if found is None or name in found}
    return next(iter(found)) if found and len(found) == 1 else ""
