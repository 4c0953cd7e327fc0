"""Columns of windows: for each series of a figure what a function makes of its readings of the last so many minutes."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Container, Mapping
from functools import partial
from types import MappingProxyType

from aishell_core.series.rates import GAP_INTERVALS, NAN
from aishell_core.values import TargetId
from alerts.board import lines, windows
from alerts.board.buckets import Part, step_seconds_of
from alerts.board.index import Index, Indexes
from alerts.board.ring import Ring
from alerts.board.series import Series
from alerts.language import plan
from alerts.language.plan import RAW_REACH_SECONDS, Stream

_MAKINGS: Mapping[str, tuple[type[windows.Window], Part]] = MappingProxyType(
    {
        "avg": (windows.Mean, Part.MEAN),
        "sum": (windows.Total, Part.MEAN),
        "count": (windows.Window, Part.MEAN),
        "min": (windows.Lowest, Part.LOW),
        "max": (windows.Highest, Part.HIGH),
        "quantile": (windows.Ordered, Part.MEAN),
        "stddev": (lines.Spread, Part.MEAN),
        "last": (windows.Newest, Part.LAST),
        "delta": (windows.Difference, Part.LAST),
        "deriv": (lines.Slope, Part.MEAN),
        "predict_linear": (lines.Ahead, Part.MEAN),
        "changes": (windows.Total, Part.MEAN),
        "resets": (windows.Total, Part.MEAN),
        "increase": (windows.Total, Part.GAIN),
        "rate": (windows.PerSecond, Part.GAIN),
    }
)
"""For each function of the language its window, and what of a step it looks at."""

SEEN_SHARES: Mapping[str, float] = MappingProxyType(
    {**dict.fromkeys(("avg", "min", "quantile", "stddev", "rate"), 0.9), **dict.fromkeys(("deriv", "predict_linear"), 0.5)}
)
"""How much of its span a function that speaks of the whole has to have seen: half of ten minutes is no "for ten minutes".

A straight line goes through half of its points as well.
"""


class _Then(windows.Window):
    """What stood at a moment of the past; the ring keeps the last point before it."""

    __slots__ = ("_least_seconds", "_series")

    def __init__(self, ring: Ring, offset_seconds: float, series: Series, least_seconds: float) -> None:
        super().__init__(ring, 0.0, offset_seconds)
        self._series = series
        self._least_seconds = least_seconds

    @property
    def size(self) -> int:
        """One reading is all that it is about."""
        return 1

    def advance(self, now: float) -> bool:
        """Always true: it is looked up anew."""
        return True

    def result(self, parameter: float, now: float) -> float:
        """NaN where nothing stood then."""
        moment = now - self.offset_seconds
        found = bisect_right(self.ring.times, moment) - 1
        stands = max(self._series.hold_seconds, self._least_seconds)
        return self.ring.values[found] if found >= 0 and moment - self.ring.times[found] <= stands else NAN


class Moving:
    """What a window makes of each series that a figure's selector lets through."""

    __slots__ = (
        "_index",
        "_indexes",
        "_seen_seconds",
        "_silent",
        "_step_seconds",
        "_wanted",
        "_windows",
        "figure",
        "reach_seconds",
        "series",
        "values",
        "version",
    )

    def __init__(self, figure: plan.Figure, wanted: plan.Window, indexes: Indexes, silent: Container[TargetId] = ()) -> None:
        """`silent` are the targets that do not answer just now, as they change."""
        self.figure = figure
        self.series: list[Series] = []
        self.values: list[float] = []
        self.version = 0
        self.reach_seconds = wanted.span_seconds + wanted.offset_seconds
        self._wanted = wanted
        self._step_seconds = step_seconds_of(self.reach_seconds) if self.is_long else 0.0
        self._seen_seconds = SEEN_SHARES.get(wanted.function, 0.0) * wanted.span_seconds
        # What was a while ago stays true, and `last` asks for what is older than a figure stands.
        self._silent = silent if not wanted.offset_seconds and wanted.function != "last" else ()
        self._windows: list[windows.Window] = []
        self._indexes = indexes
        self._index: Index | None = None

    @property
    def index(self) -> Index:
        """The instances, in the order of the values."""
        if self._index is None:
            self._index = self._indexes.of(series.key for series in self.series)
        return self._index

    @property
    def is_long(self) -> bool:
        """Whether it is made of steps, which the history may know from before."""
        return self.reach_seconds > RAW_REACH_SECONDS

    def counts(self) -> list[int]:
        """How many readings, or steps, are in each value."""
        return [window.size for window in self._windows]

    def attach(self, series: Series) -> None:
        """Take a series in; its past readings are looked at as far as other windows have kept them."""
        self.series.append(series)
        self.values.append(NAN)
        self._windows.append(self._window(series))
        self._changed()

    def _window(self, series: Series) -> windows.Window:
        wanted = self._wanted
        kind, part = _MAKINGS[wanted.function]
        ring = self._ring(series, self.figure.stream, part)
        if not wanted.span_seconds:
            return _Then(ring, wanted.offset_seconds, series, GAP_INTERVALS * self._step_seconds)
        window = kind(ring, wanted.span_seconds, wanted.offset_seconds)
        if isinstance(window, windows.PerSecond):
            seconds = self._ring(series, Stream.SECONDS, Part.SECONDS)
            window.seconds = windows.Total(seconds, wanted.span_seconds, wanted.offset_seconds)
        return window

    def _ring(self, series: Series, stream: Stream, part: Part) -> Ring:
        if not self.is_long:
            return series.ring(stream, self.reach_seconds)
        return series.steps_of(self._step_seconds).ring(part, self.reach_seconds)

    def detach(self, gone: set[int]) -> None:
        """Let go of some series, by identity."""
        kept = [place for place, series in enumerate(self.series) if id(series) not in gone]
        self.series = [self.series[place] for place in kept]
        self.values = [self.values[place] for place in kept]
        self._windows = [self._windows[place] for place in kept]
        self._changed()

    def _changed(self) -> None:
        self._index = None
        self.version += 1

    def _has_seen(self, least_seconds: float, window: windows.Window, place: int, now: float) -> bool:
        """Whether so much of a window is known; what stood before it stands on in it, for as long as a reading does."""
        lacking = least_seconds - window.seen_seconds(now)
        return lacking <= 0.0 or window.led_seconds(now, partial(self._stood_seconds, place)) >= lacking

    def _stood_seconds(self, place: int, at: float) -> float:
        return max(self.series[place].stood_seconds(at), GAP_INTERVALS * self._step_seconds)

    def refresh(self, now: float) -> None:
        """Move all windows to a moment."""
        values, parameter, seen_seconds, has_changed = self.values, self._wanted.parameter, self._seen_seconds, False
        has_silent = bool(self._silent)
        for place, window in enumerate(self._windows):
            before = values[place]
            # What waits to be seen for long enough may be so without another reading.
            if not window.advance(now) and before == before and not has_silent:
                continue
            if has_silent and self.series[place].key.target in self._silent:
                value = NAN  # a window of the past says nothing of a target that does not answer
            else:
                value = window.result(parameter, now)
                if seen_seconds and not self._has_seen(seen_seconds, window, place, now):
                    value = NAN
            if before != value and (value == value or before == before):  # one of them is not NaN
                values[place] = value
                has_changed = True
        self.version += has_changed
