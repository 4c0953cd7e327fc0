"""Statement digests in three modes: total, since the reset, and live (what changed lately). Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from operator import itemgetter
from typing import NamedTuple

from aishell_core.engines.histogram import cumulative_minus, quantile
from aishell_core.values import Failure, FailureCode, Statement
from aishell_tui.digests_anew import NONE_BEGUN, Begun, CountedAnew, Key, Statements, anew_since, began_anew, is_anew, key_of, keyed

LIVE_SECONDS = 15.0
LOOKS_APART_SECONDS = LIVE_SECONDS / 8
"""Looks that lie closer together than this are not all kept: thousands of digests take megabytes each time."""

_LEAST_SPAN_SECONDS = 1.0
"""A digest that was counted anew has no rate over less: a single call would make a thousand per second."""

_LASTING = frozenset({FailureCode.PRIVILEGE, FailureCode.MISSING, FailureCode.UNSUPPORTED})


class DigestMode(StrEnum):
    """Which calls are counted; the value is the word on the screen."""

    LIVE = "live"
    RESET = "since reset"
    TOTAL = "total"


@dataclass(frozen=True, slots=True)
class DigestRow:
    """One digest over a span of time; shares are of all time spent, times are in milliseconds, None is unknown.

    `anew_at` is when the server began to count it anew within the span (epoch seconds): its calls are those since then, its
    rate and its share are what these make of the span.
    """

    statement: Statement
    time_share: float
    calls: float
    calls_per_second: float | None
    mean_milliseconds: float
    rows_per_call: float | None
    errors: float | None
    anew_at: float | None = None


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


def _base_of(statement: Statement, before: dict[Key, Statement]) -> Statement | None:
    """The reading to count from; None when the digest is new or its figures went back, so that it counts from zero."""
    base = before.get(key_of(statement))
    return None if base is None or is_anew(statement, base) else base


def _delta(statement: Statement, base: Statement | None) -> Statement:
    return statement if base is None else _added(statement, base)


def difference(now: Statements, before: Statements) -> Statements:
    """What was added between two readings; a digest whose figures went back was reset and counts from zero.

    The 95th percentile and the longest call are those of the span, None where they cannot be told from earlier calls.
    """
    old = keyed(before)
    return tuple(delta for statement in now if (delta := _delta(statement, _base_of(statement, old))).calls > 0)


def counting_limits(failure: Failure | None) -> str:
    """Which statements are counted, in the words of what lastingly keeps the others away; that a reading failed changes nothing."""
    return failure.message if failure is not None and failure.code in _LASTING else ""


def _row(statement: Statement, time_share: float, span_seconds: float | None, anew_at: float | None = None) -> DigestRow:
    calls = statement.calls
    return DigestRow(
        statement=statement,
        time_share=time_share,
        calls=calls,
        calls_per_second=calls / span_seconds if span_seconds else None,
        mean_milliseconds=statement.total_milliseconds / calls if calls else 0.0,
        rows_per_call=statement.rows / calls if statement.rows is not None and calls else None,
        errors=statement.errors,
        anew_at=anew_at,
    )


def _share(spent: float, of: float) -> float:
    return spent / of if of > 0 else 0.0


def digest_rows(statements: Statements, span_seconds: float | None) -> tuple[DigestRow, ...]:
    """The rows of a pane, the most time-consuming first; `span_seconds` None leaves the rate unknown."""
    spent = sum(statement.total_milliseconds for statement in statements)
    rows = [_row(statement, _share(statement.total_milliseconds, spent), span_seconds) for statement in statements]
    return tuple(sorted(rows, key=lambda row: (-row.time_share, row.statement.digest)))


class Ranked(NamedTuple):
    """A digest in its place: milliseconds spent with their sign turned, the key, the newest reading, and the one to count from.

    Of one that was counted anew, at `anew_at`, what it spent in `span_seconds` stands for the whole span.
    """

    spent: float
    key: Key
    statement: Statement
    base: Statement | None
    span_seconds: float | None = None
    anew_at: float | None = None


@dataclass(frozen=True, slots=True)
class Ranking:
    """All digests that were called in a span, the heaviest first, and the milliseconds that they took together."""

    digests: tuple[Ranked, ...] = ()
    spent: float = 0.0


Chosen = Callable[[tuple[Ranked, ...]], tuple[Ranked, ...]]
"""Takes digests in their order and gives those that are wanted, in the same order."""


def _ranked(statement: Statement, before: dict[Key, Statement], span_seconds: float | None) -> Ranked | None:
    base = _base_of(statement, before)
    calls, spent = statement.calls, statement.total_milliseconds
    if base is not None:
        calls, spent = calls - base.calls, spent - base.total_milliseconds
    return Ranked(-spent, key_of(statement), statement, base, span_seconds) if calls > 0 else None


def _ranked_anew(statement: Statement, begun: Begun, at: float, span_seconds: float) -> Ranked | None:
    """One that the server counts anew within the span, as if it had gone on all the time as it did since."""
    base = begun.base
    calls, spent = statement.calls, statement.total_milliseconds
    if base is not None:
        calls, spent = calls - base.calls, spent - base.total_milliseconds
    counted = max(_LEAST_SPAN_SECONDS, at - begun.at)
    whole = spent * max(1.0, span_seconds / counted)
    return Ranked(-whole, key_of(statement), statement, base, counted, begun.at) if calls > 0 else None


def ranking(
    now: Statements, before: Statements, span_seconds: float | None, at: float = 0.0, begun: Mapping[Key, Begun] = NONE_BEGUN
) -> Ranking:
    """The order of what was added between two readings, told without working out the figures of each digest.

    `begun` are those that the server counts anew within the span, which ends `at` (epoch seconds).
    """
    old = keyed(before)
    digests = []
    for statement in now:
        anew = begun.get(key_of(statement)) if begun else None
        if anew is None or span_seconds is None:
            each = _ranked(statement, old, span_seconds)
        else:
            each = _ranked_anew(statement, anew, at, span_seconds)
        if each is not None:
            digests.append(each)
    digests.sort(key=itemgetter(0, 1))
    return Ranking(tuple(digests), -sum([each.spent for each in digests]))


def digest_table(ranked: Ranking, most: int, chosen: Chosen | None = None, made: dict[Key, DigestRow] | None = None) -> DigestTable:
    """The `most` heaviest digests of those that are `chosen`; their shares are of the time of all digests.

    Rows are taken from `made` and left in it, so that none is worked out twice for one ranking.
    """
    wanted = ranked.digests if chosen is None else chosen(ranked.digests)
    known = {} if made is None else made
    rows = []
    for each in wanted[:most]:
        row = known.get(each.key)
        if row is None:
            share = _share(-each.spent, ranked.spent)
            row = known[each.key] = _row(_delta(each.statement, each.base), share, each.span_seconds, each.anew_at)
        rows.append(row)
    return DigestTable(tuple(rows), len(wanted))


@dataclass(slots=True)
class _Made:
    """What was made of two looks: the ranking, the rows worked out so far, and the last table with what it was made for."""

    newest: Look
    base: Look | None
    ranking: Ranking
    rows: dict[Key, DigestRow] = field(default_factory=dict)
    asked: tuple[int, str] | None = None
    table: DigestTable = DigestTable()


class DigestHistory:
    """Keeps the last readings of one target's statements and the one that the person reset at."""

    def __init__(self) -> None:
        self._looks: deque[Look] = deque()
        self._reset: Look | None = None
        self._made: _Made | None = None
        self._anew_at: float | None = None
        self._anew_since: float | None = None
        self._counted_anew = CountedAnew()

    def add(self, at: float, statements: Statements) -> bool:
        """One more reading; only what the live mode needs is kept. True where the server has begun to count anew.

        Then all modes count from this reading on: what ran between the one before and the reset nobody knows.
        """
        looks = self._looks
        if looks and at <= looks[-1].at:
            return False
        anew = bool(looks) and began_anew(looks[-1].statements, statements)
        if anew:
            self._anew_since = anew_since(looks[-1].at, statements, at)
            looks.clear()
            self._reset, self._anew_at = None, at
            self._counted_anew.forget()
        newest = Look(at, _shared(statements, looks[-1].statements) if looks else statements)
        if looks:
            self._counted_anew.note(looks[-1].at, looks[-1].statements, at, newest.statements)
        if len(looks) > 2 and looks[-1].at - looks[-2].at < LOOKS_APART_SECONDS and looks[-1] is not self._reset:
            looks.pop()
        looks.append(newest)
        marked = self._reset = self._reset or looks[0]
        while len(looks) > 2 and looks[1].at <= at - LIVE_SECONDS:
            looks.popleft()
        self._counted_anew.forget(min(looks[0].at, marked.at))
        return anew

    def reset(self) -> None:
        """Count from the newest reading on."""
        if self._looks:
            self._reset = self._looks[-1]

    def anew(self, mode: DigestMode) -> tuple[float, bool] | None:
        """When the server began to count anew what a mode counts (epoch seconds), and whether it told that; None where it did not.

        Without its word it is the first reading after that. The total is of all since then, the other modes begin with that reading.
        """
        if self._anew_at is None or not self._looks:
            return None
        base = self._base(mode)
        if base is not None and base.at != self._anew_at:
            return None
        return (self._anew_at, False) if self._anew_since is None else (self._anew_since, True)

    def table(self, mode: DigestMode, most: int = 1_000_000, search: str = "", chosen: Chosen | None = None) -> DigestTable:
        """The heaviest digests of a mode, of those that are `chosen`; the same object until something new was read.

        `search` names what is chosen, so that it is known when that has changed.
        """
        if not self._looks:
            return DigestTable()
        newest, base, made = self._looks[-1], self._base(mode), self._made
        if made is None or made.newest is not newest or made.base is not base:
            span = newest.at - base.at if base is not None else None
            begun = self._counted_anew.within(base.at) if base is not None else NONE_BEGUN
            before = base.statements if base is not None else ()
            made = self._made = _Made(newest, base, ranking(newest.statements, before, span, newest.at, begun))
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
    old = keyed(before)
    return tuple(
        known
        if (known := old.get(key_of(statement))) is not None
        and known.calls == statement.calls
        and known.total_milliseconds == statement.total_milliseconds
        and known.text == statement.text
        else statement
        for statement in statements
    )
