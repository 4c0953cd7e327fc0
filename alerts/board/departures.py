"""Which figures a target that answers does not report any more, as a table that was dropped or a disk that was taken out.

A figure that is missing is over only when the readings that brought it go on without it for a while, and nothing fails in them
that did not fail while it was there: what cannot be read is unknown, and no end.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from aishell_core.values import FailureCode, Reading
from alerts.board.watch import Watch

OVER_SECONDS = 60.0
OVER_READINGS = 3
"""So many readings of its tier have to be without a figure, and for so long, before it is over."""

_NOT_THERE = frozenset({FailureCode.MISSING, FailureCode.UNSUPPORTED})
"""Failures that say that there is nothing to read, rather than that it cannot be seen."""

_Failing = frozenset[tuple[str, FailureCode]]
_NEVER = -float("inf")


class Course:
    """How the readings of one tier of one target went so far."""

    __slots__ = ("_answered_at", "_since_at", "_since_number", "_stands_seconds", "at", "before", "failing", "number")

    def __init__(self) -> None:
        self.at = self._since_at = self._answered_at = _NEVER
        """When the last reading was; since when the same failures are in each; when its last answer was, and how long that stands."""
        self._stands_seconds = 0.0
        self.number = self._since_number = 0
        self.failing: _Failing = frozenset()
        self.before: _Failing = frozenset()
        """What failed in the reading before the last."""

    def take(self, reading: Reading, hold_seconds: float) -> None:
        """One more reading. One that brought nothing but failures is no answer."""
        self.at = reading.at
        self.number += 1
        self.before = self.failing
        failing = frozenset((failure.part, failure.code) for failure in reading.failures) if reading.failures else _NOTHING
        if failing != self.failing or self._since_at > reading.at or self._since_at == _NEVER:
            self.failing, self._since_at, self._since_number = failing, reading.at, self.number
        if reading.samples or not failing:
            self._answered_at, self._stands_seconds = reading.at, hold_seconds

    def answers(self, now: float, watch: Watch) -> bool:
        """Whether its last answer still stands, in time that somebody looked."""
        return self._answered_at + self._stands_seconds >= now or watch.seconds(self._answered_at, now) <= self._stands_seconds

    def goes_on_without(self, departure: Departure, last_at: float, watch: Watch) -> bool:
        """Whether a figure that was last seen at a moment is over."""
        readings = self.number - max(departure.number, self._since_number) + 1
        lasted = watch.seconds(max(last_at, self._since_at), self.at)
        return self.failing <= departure.failing and readings >= OVER_READINGS and lasted >= OVER_SECONDS

    def goes_on(self, watch: Watch) -> bool:
        """The same for a figure that was never seen here, so that nothing is known of what failed when it was."""
        is_blind = any(code not in _NOT_THERE for _, code in self.failing)
        readings = self.number - self._since_number + 1
        return not is_blind and readings >= OVER_READINGS and watch.seconds(self._since_at, self.at) >= OVER_SECONDS


_NOTHING: _Failing = frozenset()


@dataclass(frozen=True, slots=True)
class Departure:
    """When a figure was first missing: the number of that reading, and what failed in the one before."""

    number: int
    failing: _Failing


def all_go_on(courses: Iterable[Course], now: float, watch: Watch) -> bool:
    """Whether a target answers in all its tiers, and has for a while without a figure that no tier is known to bring."""
    known = tuple(courses)
    return bool(known) and all(course.answers(now, watch) and course.goes_on(watch) for course in known)
