"""The readings that windows look at, in order of time."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Sequence

_FEW = 64


class Ring:
    """Times and values of one stream of one series, oldest first; `first` is the running number of the oldest one.

    What is older than `reach_seconds` goes, but for one point, which may still stand. Running numbers never come again;
    `epoch` rises when the past was changed, so that a window knows that it has to look at all anew.
    """

    __slots__ = ("epoch", "first", "reach_seconds", "times", "values")

    def __init__(self, reach_seconds: float) -> None:
        self.reach_seconds = reach_seconds
        self.times = array("d")
        self.values = array("d")
        self.first = 0
        self.epoch = 0

    @property
    def end(self) -> int:
        """The running number of the point to come."""
        return self.first + len(self.times)

    def push(self, at: float, value: float) -> None:
        """Take the newest point; `at` is later than that of all others."""
        times = self.times
        times.append(at)
        self.values.append(value)
        count = len(times)
        # Halves go at once, so that each point is moved once at most.
        if count > _FEW and times[count >> 1] < at - self.reach_seconds:
            half = count >> 1
            del times[:half]
            del self.values[:half]
            self.first += half

    def take_back(self, at: float) -> None:
        """Forget the points from a moment on: the clock went back."""
        count = bisect_left(self.times, at)
        if count < len(self.times):
            self.first += len(self.times) - count
            del self.times[count:]
            del self.values[count:]
            self.epoch += 1

    def put_before(self, times: Sequence[float], values: Sequence[float]) -> None:
        """Add points of the past; those that are not older than all that are here are left out."""
        count = bisect_left(times, self.times[0]) if self.times else len(times)
        if count:
            self.times = array("d", times[:count]) + self.times
            self.values = array("d", values[:count]) + self.values
            self.epoch += 1
