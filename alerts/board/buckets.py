"""Long windows: the readings of a series as figures of whole steps, so that hours fit into memory and onto what the history keeps."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from enum import StrEnum
from itertools import groupby

from aishell_core.series.rollup import Rollups, Window, windows
from aishell_core.state.condense import COARSE_SECONDS
from alerts.board.ring import Ring

_STEPS = ((7_200.0, 10.0), (93_600.0, 60.0))
"""How far back a window may reach for steps of this length; beyond they are those of the oldest history."""


class Part(StrEnum):
    """What of a step is kept."""

    MEAN = "mean"
    LOW = "low"
    HIGH = "high"
    LAST = "last"
    GAIN = "gain"
    SECONDS = "seconds"


def step_seconds_of(reach_seconds: float) -> float:
    """The steps that a window reaching so far back is made of."""
    return next((step for longest, step in _STEPS if reach_seconds <= longest), COARSE_SECONDS)


class Steps:
    """The steps of one series: rings of those parts that windows ask for, each point at the end of its step.

    A step is finished by the first reading behind it. For a counter the readings are its rates, and a step's mean is what
    it rose by, over the time in which it did.
    """

    __slots__ = ("_gain", "_high", "_last", "_low", "_number", "_seconds", "_sum", "_values", "rings", "step_seconds")

    def __init__(self, step_seconds: float) -> None:
        self.step_seconds = step_seconds
        self.rings: dict[Part, Ring] = {}
        self._number: float | None = None
        self._clear()

    def _clear(self) -> None:
        self._values, self._sum, self._gain, self._seconds = 0, 0.0, 0.0, 0.0
        self._low, self._high, self._last = math.inf, -math.inf, math.nan

    def ring(self, part: Part, reach_seconds: float) -> Ring:
        """The ring of a part, made when it is new, that keeps at least so much."""
        ring = self.rings.get(part)
        if ring is None:
            ring = self.rings[part] = Ring(reach_seconds)
        ring.reach_seconds = max(ring.reach_seconds, reach_seconds)
        return ring

    def add(self, at: float, value: float, gain: float = 0.0, seconds: float = 0.0) -> None:
        """One reading: of a gauge its value; of a counter its rate, what it rose by, and in how long."""
        number = at // self.step_seconds
        if number != self._number:
            self._finish()
            self._number = number
        self._values += 1
        self._sum += value
        self._gain += gain
        self._seconds += seconds
        self._low, self._high, self._last = min(self._low, value), max(self._high, value), value

    def _finish(self) -> None:
        if self._number is not None and self._values:
            at = (self._number + 1) * self.step_seconds
            mean = self._gain / self._seconds if self._seconds else min(max(self._sum / self._values, self._low), self._high)
            figures = (mean, self._low, self._high, self._last, self._gain, self._seconds)
            self._push(at, figures)
        self._clear()

    def _push(self, at: float, figures: Iterable[float]) -> None:
        for part, figure in zip(Part, figures, strict=True):
            ring = self.rings.get(part)
            if ring is not None:
                ring.push(at, figure)

    def take_back(self, at: float) -> None:
        """Forget what is later than a moment: the clock went back."""
        self._number = None
        self._clear()
        for ring in self.rings.values():
            ring.take_back(at)

    def put_before(self, rollups: Rollups) -> None:
        """What the history keeps of the time before the first reading."""
        until = math.inf if self._number is None else self._number * self.step_seconds
        found = [(at, figures) for at, figures in _steps(rollups, self.step_seconds) if at <= until]
        times = [at for at, _ in found]
        for place, part in enumerate(Part):
            if part in self.rings:
                self.rings[part].put_before(times, [figures[place] for _, figures in found])


def _steps(rollups: Rollups, step_seconds: float) -> Iterator[tuple[float, tuple[float, ...]]]:
    """The windows of the history as steps, by their ends, with the parts of each; windows without a value are left out."""
    known = ((window, seconds) for window, seconds in lasting(rollups) if window[3] == window[3])
    for number, group in groupby(known, key=lambda pair: pair[0][0] // step_seconds):
        inside = list(group)
        lengths = [seconds for _, seconds in inside]
        mean = sum(window[3] * seconds for window, seconds in inside) / sum(lengths)
        low, high = min(window[1] for window, _ in inside), max(window[2] for window, _ in inside)
        # An old window is as long as several steps: it stands for each, so that a mean does not lean to the recent ones.
        count = round(COARSE_SECONDS / step_seconds) if lengths == [COARSE_SECONDS] else 1
        seconds = sum(lengths) / count
        for place in range(count):
            yield (number + place + 1) * step_seconds, (mean, low, high, inside[-1][0][4], mean * seconds, seconds)


def lasting(rollups: Rollups) -> Iterator[tuple[Window, float]]:
    """The windows of the history, each with its length: older ones are longer, whatever the newest ones are."""
    found = list(windows(rollups))
    for place, window in enumerate(found):
        around = [abs(found[other][0] - window[0]) for other in (place - 1, place + 1) if 0 <= other < len(found)]
        yield window, min([rollups.step_seconds, *around])
