"""Statement digests in three modes: total, since the reset, and live (what changed lately). Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from operator import attrgetter, itemgetter
from typing import NamedTuple

from aishell_core.engines.histogram import cumulative_minus, quantile
from aishell_core.values import Failure, FailureCode, Statement

LIVE_SECONDS = 15.0
LOOKS_APART_SECONDS = LIVE_SECONDS / 8
"""Looks that lie closer together than this are not all kept: thousands of digests take megabytes each time."""

_LASTING = frozenset({FailureCode.PRIVILEGE, FailureCode.MISSING, FailureCode.UNSUPPORTED})

Statements = tuple[Statement, ...]
_Key = tuple[str, str, str]


class DigestMode(StrEnum):
    """Which calls are counted; the value is the word on the screen."""

    LIVE = "live"
    RESET = "since reset"
    TOTAL = "total"


@dataclass(frozen=True, slots=True)
class DigestRow:
    """One digest over a span of time; shares are of all time spent, times are in milliseconds, None is unknown."""

    statement: Statement
    time_share: float
    calls: float
    calls_per_second: float | None
    mean_milliseconds: float
    rows_per_call: float | None
    errors: float | None


@dataclass(frozen=True, slots=True)
class DigestTable:
    """The most time-consuming digests of a mode, and how many there are in all."""

    rows: tuple[DigestRow, ...] = ()
    total: int = 0


@dataclass(frozen=True, slots=True)
class Look:
    """A set of statements with the epoch second at which it was read."""

    at: float
    statements: Statements


_key_of = attrgetter("digest", "database", "user")


def digest_key(statement: Statement) -> str:
    """What tells a statement's figures from all others: one digest is counted for each database and user."""
    return "/".join(filter(None, (statement.digest, statement.database, statement.user)))


def _minus(now: float | None, before: float | None) -> float | None:
    """What was added; None where that is not known, also when a single figure went back."""
    return None if now is None or before is None or now < before else now - before


def _added(now: Statement, base: Statement) -> Statement:
    histogram = cumulative_minus(now.histogram, base.histogram) if base.histogram or not base.calls else ()
    longest = now.max_milliseconds
    # The longest call of all is that of the span only when it became longer within the span.
    grew = longest is not None and (base.max_milliseconds is None or longest > base.max_milliseconds)
    return replace(
        now,
        calls=now.calls - base.calls,
        total_milliseconds=now.total_milliseconds - base.total_milliseconds,
        max_milliseconds=longest if grew else None,
        p95_milliseconds=quantile(histogram, 0.95, longest),
        rows=_minus(now.rows, base.rows),
        errors=_minus(now.errors, base.errors),
        temp_bytes=_minus(now.temp_bytes, base.temp_bytes),
        blocks_hit=_minus(now.blocks_hit, base.blocks_hit),
        blocks_read=_minus(now.blocks_read, base.blocks_read),
        wal_bytes=_minus(now.wal_bytes, base.wal_bytes),
        io_milliseconds=_minus(now.io_milliseconds, base.io_milliseconds),
        histogram=histogram,
    )


def _base_of(statement: Statement, before: dict[_Key, Statement]) -> Statement | None:
    """The reading to count from; None when the digest is new or its figures went back, so that it counts from zero."""
    base = before.get(_key_of(statement))
    if base is None or statement.calls < base.calls or statement.total_milliseconds < base.total_milliseconds:
        return None
    return base


def _delta(statement: Statement, base: Statement | None) -> Statement:
    return statement if base is None else _added(statement, base)


def _keyed(statements: Statements) -> dict[_Key, Statement]:
    return {_key_of(statement): statement for statement in statements}


def difference(now: Statements, before: Statements) -> Statements:
    """What was added between two readings; a digest whose figures went back was reset and counts from zero.

    The 95th percentile and the longest call are those of the span, None where they cannot be told from earlier calls.
    """
    old = _keyed(before)
    return tuple(delta for statement in now if (delta := _delta(statement, _base_of(statement, old))).calls > 0)


def began_anew(before: Statements, now: Statements) -> bool:
    """Whether a server has forgotten what it had counted, as after a reset of its statistics or a crash.

    A single digest may be dropped for want of room and come back, the least called first; so what is gone or went back has
    to hold most of the calls, or be most of the digests while there are far fewer than before. Estimates are never reset.
    """
    if before is now or any(each.sampled for each in before) or any(each.sampled for each in now):
        return False
    left = _keyed(now)
    gone, calls, gone_calls = 0, 0.0, 0.0
    for each in before:
        calls += each.calls
        newer = left.get(_key_of(each))
        if newer is not each and (newer is None or newer.calls < each.calls or newer.total_milliseconds < each.total_milliseconds):
            gone += 1
            gone_calls += each.calls
    return gone > 0 and (2 * gone_calls >= calls or (2 * gone >= len(before) and 4 * len(now) <= 3 * len(before)))


def counting_limits(failure: Failure | None) -> str:
    """Which statements are counted, in the words of what lastingly keeps the others away; that a reading failed changes nothing."""
    return failure.message if failure is not None and failure.code in _LASTING else ""


def _row(statement: Statement, spent: float, span_seconds: float | None) -> DigestRow:
    calls = statement.calls
    return DigestRow(
        statement=statement,
        time_share=statement.total_milliseconds / spent if spent > 0 else 0.0,
        calls=calls,
        calls_per_second=calls / span_seconds if span_seconds else None,
        mean_milliseconds=statement.total_milliseconds / calls if calls else 0.0,
        rows_per_call=statement.rows / calls if statement.rows is not None and calls else None,
        errors=statement.errors,
    )


def digest_rows(statements: Statements, span_seconds: float | None) -> tuple[DigestRow, ...]:
    """The rows of a pane, the most time-consuming first; `span_seconds` None leaves the rate unknown."""
    spent = sum(statement.total_milliseconds for statement in statements)
    rows = [_row(statement, spent, span_seconds) for statement in statements]
    return tuple(sorted(rows, key=lambda row: (-row.time_share, row.statement.digest)))


class Ranked(NamedTuple):
    """A digest in its place: milliseconds spent with their sign turned, the key, the newest reading, and the one to count from."""

    spent: float
    key: _Key
    statement: Statement
    base: Statement | None


@dataclass(frozen=True, slots=True)
class Ranking:
    """All digests that were called in a span, the heaviest first, and the milliseconds that they took together."""

    digests: tuple[Ranked, ...] = ()
    spent: float = 0.0
    span_seconds: float | None = None


Chosen = Callable[[tuple[Ranked, ...]], tuple[Ranked, ...]]
"""Takes digests in their order and gives those that are wanted, in the same order."""


def _ranked(statement: Statement, before: dict[_Key, Statement]) -> Ranked | None:
    base = _base_of(statement, before)
    calls, spent = statement.calls, statement.total_milliseconds
    if base is not None:
        calls, spent = calls - base.calls, spent - base.total_milliseconds
    return Ranked(-spent, _key_of(statement), statement, base) if calls > 0 else None


def ranking(now: Statements, before: Statements, span_seconds: float | None) -> Ranking:
    """The order of what was added between two readings, told without working out the figures of each digest."""
    old = _keyed(before)
    digests = sorted([each for statement in now if (each := _ranked(statement, old)) is not None], key=itemgetter(0, 1))
    return Ranking(tuple(digests), -sum([each.spent for each in digests]), span_seconds)


def digest_table(ranked: Ranking, most: int, chosen: Chosen | None = None, made: dict[_Key, DigestRow] | None = None) -> DigestTable:
    """The `most` heaviest digests of those that are `chosen`; their shares are of the time of all digests.

    Rows are taken from `made` and left in it, so that none is worked out twice for one ranking.
    """
    wanted = ranked.digests if chosen is None else chosen(ranked.digests)
    known = {} if made is None else made
    rows = []
    for each in wanted[:most]:
        row = known.get(each.key)
        if row is None:
            row = known[each.key] = _row(_delta(each.statement, each.base), ranked.spent, ranked.span_seconds)
        rows.append(row)
    return DigestTable(tuple(rows), len(wanted))


@dataclass(slots=True)
class _Made:
    """What was made of two looks: the ranking, the rows worked out so far, and the last table with what it was made for."""

    newest: Look
    base: Look | None
    ranking: Ranking
    rows: dict[_Key, DigestRow] = field(default_factory=dict)
    asked: tuple[int, str] | None = None
    table: DigestTable = DigestTable()


class DigestHistory:
    """Keeps the last readings of one target's statements and the one that the person reset at."""

    def __init__(self) -> None:
        self._looks: deque[Look] = deque()
        self._reset: Look | None = None
        self._made: _Made | None = None
        self._anew_at: float | None = None

    def add(self, at: float, statements: Statements) -> bool:
        """One more reading; only what the live mode needs is kept. True where the server has begun to count anew.

        Then all modes count from this reading on: what ran between the one before and the reset nobody knows.
        """
        looks = self._looks
        if looks and at <= looks[-1].at:
            return False
        anew = bool(looks) and began_anew(looks[-1].statements, statements)
        if anew:
            looks.clear()
            self._reset, self._anew_at = None, at
        newest = Look(at, _shared(statements, looks[-1].statements) if looks else statements)
        if len(looks) > 2 and looks[-1].at - looks[-2].at < LOOKS_APART_SECONDS and looks[-1] is not self._reset:
            looks.pop()
        looks.append(newest)
        if self._reset is None:
            self._reset = looks[0]
        while len(looks) > 2 and looks[1].at <= at - LIVE_SECONDS:
            looks.popleft()
        return anew

    def reset(self) -> None:
        """Count from the newest reading on."""
        if self._looks:
            self._reset = self._looks[-1]

    def anew_at(self, mode: DigestMode) -> float | None:
        """When a mode's span was begun by the server's counting anew (epoch seconds, of the reading); None where it was not."""
        base = self._base(mode) if self._looks else None
        return self._anew_at if base is not None and base.at == self._anew_at else None

    def table(self, mode: DigestMode, most: int = 1_000_000, search: str = "", chosen: Chosen | None = None) -> DigestTable:
        """The heaviest digests of a mode, of those that are `chosen`; the same object until something new was read.

        `search` names what is chosen, so that it is known when that has changed.
        """
        if not self._looks:
            return DigestTable()
        newest, base, made = self._looks[-1], self._base(mode), self._made
        if made is None or made.newest is not newest or made.base is not base:
            span = newest.at - base.at if base is not None else None
            made = self._made = _Made(newest, base, ranking(newest.statements, base.statements if base is not None else (), span))
        if made.asked != (most, search):
            made.asked, made.table = (most, search), digest_table(made.ranking, most, chosen, made.rows)
        return made.table

    def rows(self, mode: DigestMode) -> tuple[DigestRow, ...]:
        """All rows of a mode; empty before there is a reading."""
        return self.table(mode).rows

    def span_seconds(self, mode: DigestMode) -> float | None:
        """How long the mode has counted; None for the total."""
        base = self._base(mode) if self._looks else None
        return None if base is None else self._looks[-1].at - base.at

    def _base(self, mode: DigestMode) -> Look | None:
        if mode is DigestMode.TOTAL:
            return None
        return self._looks[0] if mode is DigestMode.LIVE else self._reset or self._looks[-1]


def _shared(statements: Statements, before: Statements) -> Statements:
    """The statements, with those that were not called since as they were before: most are not, and each look would hold them again."""
    old = _keyed(before)
    return tuple(
        known
        if (known := old.get(_key_of(statement))) is not None
        and known.calls == statement.calls
        and known.total_milliseconds == statement.total_milliseconds
        and known.text == statement.text
        else statement
        for statement in statements
    )
