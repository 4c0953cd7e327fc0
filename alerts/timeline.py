"""The time that the life of alerts is counted in: wall time, but without its jumps and without what nobody watched.

Ages (how long a condition has held, how long a recovery has lasted) are counted in steady time and written as wall time,
so that people can read them. When the wall clock is set, or the machine was suspended, every time of every living alert is
moved by as much (`lifecycle.shifted`): nothing fires or is resolved, and "for 3 minutes" stays 3 minutes. Where the evaluator
itself stood still (it was stopped, or the disk hung), that stretch counts towards nothing (`lifecycle.paused`).
A restart is such a stretch too: the state database keeps the alerts together with the moment of the last evaluation.

Readings are told apart by the wall time that they carry. `ReadingTime` places them in a time of their own, in which no clock is
ever set: a window goes on over a jump as if there had been none.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from aishell_core.clock import Clock

JUMP_SECONDS = 1.0
"""A wall clock that is off by more than this was set; the slewing of a time service adds up to it once in half an hour at most."""

LONGEST_SECONDS = 10.0
"""So long an evaluation may come after the last one, and what lies between is taken for watched."""


class Tick(NamedTuple):
    """One evaluation's moment in epoch seconds, and what has to be done to the times of the alerts before it."""

    now: float
    set_by_seconds: float = 0.0
    """The wall clock was set by so much since the last tick."""
    unwatched_seconds: float = 0.0
    """So much of the time since the last tick counts towards nothing."""


class Timeline:
    """Turns the readings of both clocks into ticks; begins with the first one."""

    def __init__(self, wall: float, steady: float) -> None:
        self._now = wall
        self._steady = steady

    def tick(self, wall: float, steady: float) -> Tick:
        """The moment of an evaluation, from the wall clock's epoch seconds and the steady clock's seconds."""
        elapsed = max(0.0, steady - self._steady)
        self._steady = max(steady, self._steady)
        counted = self._now + elapsed
        set_by = wall - counted if abs(wall - counted) > JUMP_SECONDS else 0.0
        self._now = counted + set_by
        return Tick(self._now, set_by, elapsed if elapsed > LONGEST_SECONDS else 0.0)

    def between(self, wall: float, steady: float) -> float | None:
        """A moment before the next tick; None where that one will say that the clock was set or that nobody watched."""
        elapsed = max(0.0, steady - self._steady)
        moment = self._now + elapsed
        return None if abs(wall - moment) > JUMP_SECONDS or elapsed > LONGEST_SECONDS else moment


class Moments(NamedTuple):
    """Both clocks at one moment: epoch seconds, and steady seconds."""

    wall: float
    steady: float


_APART_SECONDS = 0.1
_TRIES = 3


def moments_of(clock: Clock) -> Moments:
    """Both clocks, read as one: a program that is stopped between the two would take that for a clock that was set."""
    for _ in range(_TRIES):
        before, wall, after = clock.steady(), clock.now(), clock.steady()
        if after - before <= _APART_SECONDS:
            break
    return Moments(wall, after)


class Glance(NamedTuple):
    """What a look at the clocks came to: since when nobody had looked, None where somebody had; and whether the clock was set."""

    unwatched_since: float | None = None
    is_set: bool = False


_SET_SECONDS = 0.25
"""A wall clock that is off by more than this between two looks was set."""
_RECENT_SECONDS = 60.0
"""A reading may arrive so long after it was made, and the clock may have been set meanwhile."""


class ReadingTime:
    """The time of readings: wall time as it was at first, without what the clock was set by since.

    It follows the wall clock, and is `ahead_seconds` behind it after it was set forward by as much.
    """

    def __init__(self, moments: Moments) -> None:
        self.now = moments.wall
        self.ahead_seconds = 0.0
        self._steady = moments.steady
        self._former: list[tuple[float, float]] = []

    def look(self, moments: Moments) -> Glance:
        """Notice what happened to the clocks since the last look; it should be a second ago or less."""
        before, elapsed = self.now, max(0.0, moments.steady - self._steady)
        self._steady = max(moments.steady, self._steady)
        set_by = moments.wall - self.ahead_seconds - (before + elapsed)
        is_set = abs(set_by) > _SET_SECONDS
        if is_set:
            self._former = [(before + elapsed, self.ahead_seconds), *self._former]
            self.ahead_seconds += set_by
        self.now = max(before, moments.wall - self.ahead_seconds)
        self._former = [(until, ahead) for until, ahead in self._former if until > self.now - _RECENT_SECONDS]
        return Glance(before if elapsed > LONGEST_SECONDS else None, is_set)

    def place(self, at: float) -> float:
        """The moment of a reading that was made lately, at this time by the wall clock; none lies ahead.

        One that was made before the clock was set has the time of the old clock: of the clocks of the last minute it is by the
        one by which it was made last, while that was still the clock.
        """
        if not self._former:
            return min(at - self.ahead_seconds, self.now)
        return min(max(self._placings(at), default=at - self.ahead_seconds), self.now)

    def _placings(self, at: float) -> Iterator[float]:
        for until, ahead in ((self.now, self.ahead_seconds), *self._former):
            if at - ahead <= until + _SET_SECONDS:
                yield at - ahead

    def wall_of(self, moment: float) -> float:
        """The time by the wall clock as it is now."""
        return moment + self.ahead_seconds
