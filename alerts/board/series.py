"""One series of one target: its newest value, and what windows need of its past."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from aishell_core.series.rates import NAN, rate
from aishell_core.values import Kind, Metric
from alerts.board.buckets import Steps
from alerts.board.ring import Ring
from alerts.language.plan import Stream
from alerts.models import InstanceKey

if TYPE_CHECKING:
    from alerts.board.newest import Newest

_INFINITE = float("inf")


class Series:
    """What is read of one instance of a metric; only what some rule asks for is kept.

    `source` is the track that brings it: of several tiers the most frequent one that still does. `at` is when it was last
    read, `hold_seconds` how long that stands, and `value` what stands now (of a counter its rate), NaN for nothing.
    """

    __slots__ = (
        "_before",
        "_before_at",
        "_before_hold",
        "_held",
        "_long",
        "_short",
        "at",
        "hold_seconds",
        "is_counter",
        "key",
        "metric",
        "newest",
        "source",
        "steps",
        "value",
    )

    def __init__(self, metric: Metric, key: InstanceKey) -> None:
        self.metric = metric
        self.key = key
        self.is_counter = metric.kind is Kind.COUNTER
        self.at = -_INFINITE
        self.value = NAN
        self.hold_seconds = 0.0
        self._held = (-_INFINITE, 0.0)
        self.source: object = None
        self.newest: tuple[tuple[Newest, int], ...] = ()
        self._short: dict[Stream, Ring] = {}
        self.steps: dict[float, Steps] = {}
        self._long: tuple[Steps, ...] = ()
        self.tear()

    def ring(self, stream: Stream, reach_seconds: float) -> Ring:
        """The single readings of a stream, made when they are first asked for."""
        ring = self._short.get(stream)
        if ring is None:
            ring = self._short[stream] = Ring(reach_seconds)
        ring.reach_seconds = max(ring.reach_seconds, reach_seconds)
        return ring

    def steps_of(self, step_seconds: float) -> Steps:
        """The steps of this length, made when they are first asked for."""
        steps = self.steps.get(step_seconds)
        if steps is None:
            steps = self.steps[step_seconds] = Steps(step_seconds)
            self._long = tuple(self.steps.values())
        return steps

    @property
    def reach_seconds(self) -> float:
        """How far back any window looks."""
        rings = (*self._short.values(), *(ring for steps in self._long for ring in steps.rings.values()))
        return max((ring.reach_seconds for ring in rings), default=0.0)

    def tear(self) -> None:
        """Let nothing be counted from the readings so far to those to come: the target was away, or began anew."""
        self._before = self._before_at = NAN
        self._before_hold = 0.0

    def take_back(self, at: float) -> None:
        """Forget what is later than a moment: the clock went back."""
        for ring in self._short.values():
            ring.take_back(at)
        for steps in self._long:
            steps.take_back(at)
        # It was read, and is not missing for that; what is read at that moment is newer.
        self.at, self.value = min(self.at, math.nextafter(at, -_INFINITE)), NAN
        self.tear()

    @property
    def was_read(self) -> bool:
        """Whether it has had a value at all."""
        return self.at > -_INFINITE

    def stood_seconds(self, at: float) -> float:
        """How long a reading of some time ago stood: the target may have been read more or less often then."""
        until, seconds = self._held
        return seconds if at < until else self.hold_seconds

    def add(self, at: float, value: float, hold_seconds: float, source: object) -> None:
        """One reading; an infinite value is none, and a rarer tier's is left out while the more frequent one's stands."""
        if at <= self.at or value - value != 0.0:
            return
        if source is not self.source:
            if hold_seconds > self.hold_seconds and at <= self.at + self.hold_seconds:
                return
            self.source = source
        self.at = at
        if self.is_counter:
            value = self._count(at, value, hold_seconds)
        else:
            if self._short or self._long:
                self._keep(at, value)
        if hold_seconds != self.hold_seconds:
            self._held = (at, self.hold_seconds)
            self.hold_seconds = hold_seconds
        self.value = value
        for column, place in self.newest:
            values = column.values
            if values[place] != value:
                values[place] = value
                column.version += 1

    def _keep(self, at: float, value: float) -> None:
        short = self._short
        if Stream.VALUE in short:
            short[Stream.VALUE].push(at, value)
        self._keep_marks(at, value)
        for steps in self._long:
            steps.add(at, value)

    def _keep_marks(self, at: float, value: float) -> None:
        """How often the value changed and fell."""
        short, before = self._short, self._before
        if before == before:
            if Stream.CHANGED in short:
                short[Stream.CHANGED].push(at, float(value != before))
            if Stream.FELL in short:
                short[Stream.FELL].push(at, float(value < before))
        self._before = value

    def _count(self, at: float, value: float, hold_seconds: float) -> float:
        """The newest rate of a counter; NaN after a reset or a gap."""
        before, before_at, longest = self._before, self._before_at, max(hold_seconds, self._before_hold)
        found = rate(before_at, before, at, value, longest)
        if self._short or self._long:
            self._keep_count(at, value, found, longest)
        self._before, self._before_at, self._before_hold = value, at, hold_seconds
        return found

    def _keep_count(self, at: float, value: float, found: float, longest: float) -> None:
        short, seconds = self._short, at - self._before_at
        is_known = 0.0 < seconds <= longest  # false for NaN
        gain = value - self._before if value >= self._before else value
        if found == found and Stream.RATE in short:
            short[Stream.RATE].push(at, found)
        if is_known and Stream.GAIN in short:
            short[Stream.GAIN].push(at, gain)
        if is_known and Stream.SECONDS in short:
            short[Stream.SECONDS].push(at, seconds)
        if self._long and is_known:
            for steps in self._long:
                steps.add(at, found if found == found else gain / seconds, gain, seconds)
        self._keep_marks(at, value)

    def expire(self) -> None:
        """Its newest value does not stand any more."""
        self.value = NAN
        for column, place in self.newest:
            if column.values[place] == column.values[place]:
                column.values[place] = NAN
                column.version += 1
