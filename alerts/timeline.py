"""The time that the life of alerts is counted in: wall time, but without its jumps and without what nobody watched.

Ages (how long a condition has held, how long a recovery has lasted) are counted in steady time and written as wall time,
so that people can read them. When the wall clock is set, or the machine was suspended, every time of every living alert is
moved by as much (`lifecycle.shifted`): nothing fires or is resolved, and "for 3 minutes" stays 3 minutes. Where the evaluator
itself stood still (it was stopped, or the disk hung), that stretch counts towards nothing (`lifecycle.paused`).
A restart is such a stretch too: the state database keeps the alerts together with the moment of the last evaluation.
"""

from __future__ import annotations

from typing import NamedTuple

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
