"""Which digests a server has begun to count anew, and from where they are to be counted. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from operator import attrgetter
from types import MappingProxyType

from aishell_core.values import Statement

_MOST_GONE = 5000
"""So many digests that are counted no longer are kept, to know them when they come back."""

Statements = tuple[Statement, ...]
Key = tuple[str, str, str]

key_of = attrgetter("digest", "database", "user")


def keyed(statements: Statements) -> dict[Key, Statement]:
    """The statements by what tells their figures from all others."""
    return {key_of(statement): statement for statement in statements}


def is_anew(now: Statement, before: Statement) -> bool:
    """Whether the server has counted a digest anew between two readings: it says so, or a figure went back."""
    began, known = now.counted_since, before.counted_since
    told = began is not None and known is not None and began > known
    return told or now.calls < before.calls or now.total_milliseconds < before.total_milliseconds


def began_anew(before: Statements, now: Statements) -> bool:
    """Whether a server has forgotten what it had counted, as after a reset of its statistics or a crash.

    A single digest may be dropped for want of room and come back, the least called first; so what is gone or went back has
    to hold most of the calls, or be most of the digests while there are far fewer than before. Estimates are never reset.
    """
    if before is now or any(each.sampled for each in before) or any(each.sampled for each in now):
        return False
    left = keyed(now)
    gone, calls, gone_calls = 0, 0.0, 0.0
    for each in before:
        calls += each.calls
        newer = left.get(key_of(each))
        if newer is not each and (newer is None or is_anew(newer, each)):
            gone += 1
            gone_calls += each.calls
    return gone > 0 and (2 * gone_calls >= calls or (2 * gone >= len(before) and 4 * len(now) <= 3 * len(before)))


def anew_since(before_at: float, now: Statements, at: float) -> float | None:
    """When a server began to count anew between two readings, by its own word; None where it does not tell, or its clock is another."""
    told = (each.counted_since for each in now if each.counted_since is not None)
    return min((moment for moment in told if before_at <= moment <= at), default=None)


@dataclass(frozen=True, slots=True)
class Begun:
    """Where the server began to count one digest anew: its last reading before, from when on it is counted, and from what.

    `base` None counts from zero. Moments are epoch seconds of our own clock.
    """

    lost_at: float
    at: float
    base: Statement | None = None


NONE_BEGUN: Mapping[Key, Begun] = MappingProxyType({})


class CountedAnew:
    """The digests of one target that were reset, or dropped for want of room and made again, while all others went on."""

    def __init__(self) -> None:
        self._begun: dict[Key, Begun] = {}
        self._gone: dict[Key, tuple[float, Statement]] = {}

    def note(self, before_at: float, before: Statements, at: float, statements: Statements) -> None:
        """Compare two readings that follow each other, read at these moments (epoch seconds)."""
        old = keyed(before)
        for statement in statements:
            key = key_of(statement)
            known = old.pop(key, None)
            if known is not None:
                if known is not statement and is_anew(statement, known):
                    self._begun[key] = _begun(statement, before_at, at)
            elif (gone := self._gone.pop(key, None)) is not None and is_anew(statement, gone[1]):
                self._begun[key] = replace(_begun(statement, before_at, at, was_absent=True), lost_at=gone[0])
        for key, statement in old.items():
            if not statement.sampled:
                self._gone[key] = (before_at, statement)

    def within(self, since: float) -> Mapping[Key, Begun]:
        """Those that were lost and begun after the reading at `since`."""
        return {key: begun for key, begun in self._begun.items() if begun.lost_at >= since} if self._begun else NONE_BEGUN

    def forget(self, since: float = math.inf) -> None:
        """Forget what happened to digests before a moment, by default all of it."""
        if self._begun:
            self._begun = dict(self.within(since))
        if self._gone:
            late = [(key, gone) for key, gone in self._gone.items() if gone[0] >= since]
            self._gone = dict(late[-_MOST_GONE:])


def _begun(statement: Statement, before_at: float, at: float, *, was_absent: bool = False) -> Begun:
    """Where counting began anew between two readings: by the server's word, as far as its clock agrees with ours.

    Without that word the calls of one that was absent before are all since then; of another they are counted from this
    reading on, as nobody knows what ran between the one before and the reset.
    """
    told = statement.counted_since
    if told is not None:
        return Begun(before_at, told if before_at <= told < at else before_at)
    return Begun(before_at, before_at) if was_absent else Begun(before_at, at, statement)
