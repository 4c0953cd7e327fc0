"""What a target's sessions waited for in a window of time: averages by class over time, and by who and what. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from aishell_tui.wait_history import Sort, WaitHistory

CPU = "CPU"
_ORDER = (CPU, "IO", "Lock", "LWLock", "BufferPin", "IPC", "Client", "Timeout", "Activity", "Extension", "InjectionPoint")
"""The classes that are known, from the bottom of the chart up; others come above them."""
_MOST_BUCKETS = 4096
_NO_WAIT = "running"


class Dimension(StrEnum):
    """By what the sessions are told apart; the value is the word on the screen."""

    WAIT = "waits"
    STATEMENT = "statements"
    USER = "users"
    APPLICATION = "applications"
    DATABASE = "databases"


DIMENSIONS = tuple(Dimension)
_PLACES: Mapping[Dimension, int] = {Dimension.USER: 2, Dimension.APPLICATION: 3, Dimension.DATABASE: 4, Dimension.STATEMENT: 5}

Only = tuple[tuple[Dimension, str], ...]
"""What the profile is narrowed to: one value in each of some dimensions."""


@dataclass(frozen=True, slots=True)
class Profile:
    """Average active sessions by wait class in buckets of `step_seconds` from `start` (epoch seconds).

    Each bucket has one average for each of `classes`, or is None where nothing was read.
    """

    classes: tuple[str, ...]
    buckets: tuple[tuple[float, ...] | None, ...]
    start: float
    step_seconds: float


@dataclass(frozen=True, slots=True)
class WaitShare:
    """One value of a dimension: average active sessions, its share of all of them, and the class (of a wait only)."""

    key: str
    text: str
    average: float
    share: float
    wait_class: str = ""


@dataclass(frozen=True, slots=True)
class WaitShares:
    """The values of a dimension in a window, the most frequent first, and all that were active on average.

    `average` is None where nothing was read.
    """

    rows: tuple[WaitShare, ...] = ()
    average: float | None = None


def key_of(sort: Sort, dimension: Dimension) -> str:
    """The value of a dimension that a sort of sessions has."""
    if dimension is Dimension.WAIT:
        return f"{sort[0]}:{sort[1]}" if sort[1] else sort[0]
    return sort[_PLACES[dimension]]


def class_order(classes: Iterable[str]) -> tuple[str, ...]:
    """Wait classes from the bottom of the chart up: CPU first."""
    known = {name: place for place, name in enumerate(_ORDER)}
    return tuple(sorted(classes, key=lambda name: (known.get(name, len(known)), name)))


def wait_shares(history: WaitHistory, window: tuple[float, float], dimension: Dimension, only: Only = ()) -> WaitShares:
    """What was waited for, or who did, within a window of epoch seconds."""
    readings, sums = history.sums(*window)
    if not readings:
        return WaitShares()
    found: dict[str, int] = {}
    classes: dict[str, str] = {}
    for number, count in sums.items():
        sort = history.sort(number)
        if _counts(sort, only):
            key = key_of(sort, dimension)
            found[key] = found.get(key, 0) + count
            classes[key] = sort[0]
    total = sum(found.values())
    rows = [
        WaitShare(
            key=key,
            text=value_text(history, dimension, key),
            average=count / readings,
            share=count / total if total else 0.0,
            wait_class=classes[key] if dimension is Dimension.WAIT else "",
        )
        for key, count in found.items()
    ]
    rows.sort(key=lambda row: (-row.average, row.key))
    return WaitShares(tuple(rows), total / readings)


def _counts(sort: Sort, only: Only) -> bool:
    return all(key_of(sort, dimension) == value for dimension, value in only)


def value_text(history: WaitHistory, dimension: Dimension, key: str) -> str:
    """A value of a dimension for people: a statement's text for its digest, words where there is none."""
    match dimension:
        case Dimension.WAIT:
            return f"{CPU} ({_NO_WAIT})" if key == CPU else key
        case Dimension.STATEMENT:
            return " ".join(history.text(key).split()) or key or "(no statement)"
        case _:
            return key or "(none)"


class WaitProfile:
    """Makes profiles of one history and remembers the buckets that can no longer change."""

    def __init__(self, history: WaitHistory) -> None:
        self._history = history
        self._kept: dict[int, dict[str, float] | None] = {}
        self._kept_for: tuple[float, Only] | None = None

    def read(self, window: tuple[float, float], count: int, only: Only = ()) -> Profile:
        """The averages in `count` buckets up to the end of a window of epoch seconds.

        The buckets lie on fixed places in time, so that a picture of them moves by whole buckets; the last one ends with the
        window, and the first may begin later than it.
        """
        since, until = window
        step = (until - since) / count
        if self._kept_for != (step, only) or len(self._kept) > _MOST_BUCKETS:
            self._kept, self._kept_for = {}, (step, only)
        last = math.ceil(until / step) - 1
        found = [self._bucket(number, step, until, only) for number in range(last - count + 1, last + 1)]
        classes = class_order({name for bucket in found if bucket for name in bucket})
        buckets = tuple(None if bucket is None else tuple(bucket.get(name, 0.0) for name in classes) for bucket in found)
        return Profile(classes, buckets, (last - count + 1) * step, step)

    def _bucket(self, number: int, step: float, until: float, only: Only) -> dict[str, float] | None:
        start, end = number * step, (number + 1) * step
        if end > until:
            return self._averages(start, until, only)
        if number in self._kept:
            return self._kept[number]
        bucket = self._averages(start, end, only)
        if (self._history.last_at or 0.0) >= end:
            self._kept[number] = bucket
        return bucket

    def _averages(self, since: float, until: float, only: Only) -> dict[str, float] | None:
        history = self._history
        readings, sums = history.sums(since, until)
        if not readings:
            return None
        found: dict[str, float] = {}
        for number, count in sums.items():
            sort = history.sort(number)
            if not only or _counts(sort, only):
                found[sort[0]] = found.get(sort[0], 0.0) + count / readings
        return found
