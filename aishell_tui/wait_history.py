"""What the sessions of one target waited for over the last hours, sampled: a bounded ring of counts. Headless and pure.

One reading a second is kept for an hour, after that one sum per ten seconds for as long as `KEPT_SECONDS` and the
budget of pairs allow. A pair is one sort of session (class, wait, user, application, database, statement) and its
count. A full budget takes about 3 MB; 200 sessions with 40 active ones in 30 sorts a second fill it in four hours.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from aishell_core.engines.statement_text import Dialect, normalise
from aishell_core.values import WaitCount

FINE_SECONDS = 3600.0
KEPT_SECONDS = 6 * 3600.0
PAIRS = 250_000
"""The most pairs of a sort and its count that are kept; with more the oldest minutes are summed up or dropped earlier."""

_MINUTE = 60.0
_COARSE_SECONDS = 10.0
_TEXT_CHARACTERS = 1000
_LATE = 2.5
"""A reading stands for the time up to the next one, but for no more than so many of its intervals."""

Sort = tuple[str, str, str, str, str, str]
"""Class, wait, user, application, database and digest of the sessions that are counted together."""


@dataclass(slots=True)
class _Chunk:
    """The readings of one minute, column by column: `ends` is where the pairs of each reading end."""

    minute: int
    coarse: bool = False
    times: array[float] = field(default_factory=lambda: array("d"))
    readings: array[int] = field(default_factory=lambda: array("H"))
    seconds: array[float] = field(default_factory=lambda: array("f"))
    ends: array[int] = field(default_factory=lambda: array("I"))
    sorts: array[int] = field(default_factory=lambda: array("I"))
    counts: array[int] = field(default_factory=lambda: array("I"))
    totals: dict[int, int] | None = field(default_factory=dict)
    """The sum of each sort, while the minute lasts; after that the two columns below."""
    total_sorts: array[int] = field(default_factory=lambda: array("I"))
    total_counts: array[int] = field(default_factory=lambda: array("I"))

    def append(self, at: float, readings: int, seconds: float, pairs: Iterable[tuple[int, int]]) -> None:
        self.times.append(at)
        self.readings.append(readings)
        self.seconds.append(seconds)
        totals = self.totals if self.totals is not None else {}
        for sort, count in pairs:
            self.sorts.append(sort)
            self.counts.append(count)
            totals[sort] = totals.get(sort, 0) + count
        self.ends.append(len(self.sorts))

    def close(self) -> None:
        """Keep the sums as compactly as the rest: no reading comes any more."""
        if self.totals is not None:
            self.total_sorts = array("I", self.totals)
            self.total_counts = array("I", self.totals.values())
            self.totals = None

    def sums(self) -> Iterable[tuple[int, int]]:
        """Each sort with its sum over the minute."""
        return self.totals.items() if self.totals is not None else zip(self.total_sorts, self.total_counts, strict=True)

    def holds(self, sort: int) -> bool:
        """Whether a sort was counted in the minute, as long as it lasts."""
        return self.totals is not None and sort in self.totals

    def pairs(self, first: int, last: int) -> Iterator[tuple[int, int]]:
        """The pairs of the readings from `first` up to `last`."""
        begin, end = self.ends[first - 1] if first else 0, self.ends[last - 1] if last else 0
        return zip(self.sorts[begin:end], self.counts[begin:end], strict=True)


def _minute(chunk: _Chunk) -> int:
    return chunk.minute


@dataclass(slots=True)
class _Entry:
    sort: Sort
    uses: int = 0


class WaitHistory:
    """The ring of one target; `version` changes with every reading."""

    def __init__(self, dialect: Dialect = Dialect.STANDARD, *, pairs: int = PAIRS) -> None:
        self._dialect = dialect
        self.version = 0
        self._budget = pairs
        self._held = 0
        self._chunks: deque[_Chunk] = deque()
        self._entries: list[_Entry] = []
        self._ids: dict[Sort, int] = {}
        self._free: list[int] = []
        self._texts: dict[str, tuple[str, int]] = {}

    def add(self, at: float, waits: Sequence[WaitCount], interval_seconds: float = 1.0) -> None:
        """One more reading at an epoch second; one that is not newer than the last is left out."""
        newest = self._chunks[-1] if self._chunks else None
        if newest is not None and at <= newest.times[-1]:
            return
        minute = int(at // _MINUTE)
        if newest is None or newest.minute != minute:
            if newest is not None:
                newest.close()
            newest = _Chunk(minute)
            self._chunks.append(newest)
        counted: dict[int, int] = {}
        for wait in waits:
            sort = self._id(wait)
            counted[sort] = counted.get(sort, 0) + wait.count
        for sort in counted:
            if not newest.holds(sort):
                self._entries[sort].uses += 1
        newest.append(at, 1, interval_seconds, counted.items())
        self._held += len(counted)
        self._shrink(at)
        self.version += 1

    def text(self, digest: str) -> str:
        """The statement with a digest, as far as it is kept."""
        return self._texts.get(digest, ("", 0))[0]

    def sort(self, number: int) -> Sort:
        """What a number in the sums stands for."""
        return self._entries[number].sort

    @property
    def first_at(self) -> float | None:
        """The epoch second of the oldest reading; None when there is none."""
        return self._chunks[0].times[0] if self._chunks else None

    @property
    def last_at(self) -> float | None:
        """The epoch second of the newest reading; None when there is none."""
        return self._chunks[-1].times[-1] if self._chunks else None

    @property
    def sorts(self) -> int:
        """How many sorts of sessions are known; never more than what the kept readings name."""
        return len(self._ids)

    @property
    def pairs(self) -> int:
        """How many pairs are kept."""
        return self._held

    def sums(self, since: float, until: float) -> tuple[int, dict[int, int]]:
        """The readings from `since` up to, but not at, `until`: how many, and the sum of each sort's counts.

        No readings in a stretch that is shorter than their interval is not a gap: the last one before its middle stands for it.
        """
        readings, found = 0, dict[int, int]()
        for chunk, first, last in self._between(since, until):
            readings += sum(chunk.readings[first:last])
            pairs = chunk.sums() if first == 0 and last == len(chunk.times) else chunk.pairs(first, last)
            for sort, count in pairs:
                found[sort] = found.get(sort, 0) + count
        if readings:
            return readings, found
        standing = self._standing_at((since + until) / 2)
        if standing is None:
            return 0, {}
        chunk, place = standing
        return chunk.readings[place], dict(chunk.pairs(place, place + 1))

    def _between(self, since: float, until: float) -> Iterator[tuple[_Chunk, int, int]]:
        start = bisect_left(self._chunks, since // _MINUTE, key=_minute)
        for place in range(start, len(self._chunks)):
            chunk = self._chunks[place]
            if chunk.minute * _MINUTE >= until:
                return
            first, last = bisect_left(chunk.times, since), bisect_left(chunk.times, until)
            if first < last:
                yield chunk, first, last

    def _standing_at(self, moment: float) -> tuple[_Chunk, int] | None:
        """The last reading before a moment, when it is not older than it may be."""
        for index in range(bisect_right(self._chunks, moment // _MINUTE, key=_minute) - 1, -1, -1):
            chunk = self._chunks[index]
            place = bisect_left(chunk.times, moment) - 1
            if place >= 0:
                stands_for = _COARSE_SECONDS if chunk.coarse else chunk.seconds[place]
                return (chunk, place) if moment - chunk.times[place] < _LATE * stands_for else None
        return None

    def _id(self, wait: WaitCount) -> int:
        sort = (wait.wait_class, wait.wait, wait.user, wait.application, wait.database, wait.digest)
        number = self._ids.get(sort)
        if number is not None:
            return number
        if self._free:
            number = self._free.pop()
            self._entries[number] = _Entry(sort)
        else:
            number = len(self._entries)
            self._entries.append(_Entry(sort))
        self._ids[sort] = number
        if wait.digest:
            known = self._texts.get(wait.digest)
            # One text stands for all statements of a digest, so it shows none of their values.
            text, uses = known or (normalise(wait.text, self._dialect)[:_TEXT_CHARACTERS], 0)
            self._texts[wait.digest] = (text, uses + 1)
        return number

    def _shrink(self, now: float) -> None:
        """Sum up what is older than an hour, drop what is older than it may be, and keep within the budget."""
        while self._chunks[0].times[-1] < now - KEPT_SECONDS:
            self._drop()
        # At most one chunk of the past is fine but due, unless there was a pause; so the search is short.
        for place in range(len(self._chunks) - 1):
            chunk = self._chunks[place]
            if chunk.coarse:
                continue
            if chunk.times[-1] >= now - FINE_SECONDS and self._held <= self._budget:
                break
            self._chunks[place] = coarse = _summed(chunk)
            self._held += len(coarse.sorts) - len(chunk.sorts)
        while self._held > self._budget and len(self._chunks) > 1:
            self._drop()

    def _drop(self) -> None:
        chunk = self._chunks.popleft()
        self._held -= len(chunk.sorts)
        for number, _ in chunk.sums():
            entry = self._entries[number]
            entry.uses -= 1
            if not entry.uses:
                self._forget(number, entry.sort)

    def _forget(self, number: int, sort: Sort) -> None:
        del self._ids[sort]
        self._free.append(number)
        digest = sort[-1]
        if digest:
            text, uses = self._texts.pop(digest)
            if uses > 1:
                self._texts[digest] = (text, uses - 1)


def _summed(chunk: _Chunk) -> _Chunk:
    """The same minute with one entry per ten seconds."""
    coarse = _Chunk(chunk.minute, coarse=True)
    first = 0
    count = len(chunk.times)
    while first < count:
        end = math.floor(chunk.times[first] / _COARSE_SECONDS) * _COARSE_SECONDS + _COARSE_SECONDS
        last = bisect_left(chunk.times, end, first + 1, count)
        sums: dict[int, int] = {}
        for sort, number in chunk.pairs(first, last):
            sums[sort] = sums.get(sort, 0) + number
        coarse.append(chunk.times[first], sum(chunk.readings[first:last]), chunk.seconds[first], sums.items())
        first = last
    coarse.close()
    return coarse
