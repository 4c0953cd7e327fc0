"""Statement digests in three modes: total, since the reset, and live (what changed lately). Pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from enum import StrEnum

from aishell_core.engines.histogram import cumulative_minus, quantile
from aishell_core.values import Statement

LIVE_SECONDS = 15.0
Statements = tuple[Statement, ...]


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
class Look:
    """A set of statements with the epoch second at which it was read."""

    at: float
    statements: Statements


def _minus(now: float | None, before: float | None) -> float | None:
    return None if now is None or before is None else now - before


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
        histogram=histogram,
    )


def difference(now: Statements, before: Statements) -> Statements:
    """What was added between two readings; a digest whose figures went back was reset and counts from zero.

    The 95th percentile and the longest call are those of the span, None where they cannot be told from earlier calls.
    """
    old = {statement.digest: statement for statement in before}
    changed = []
    for statement in now:
        base = old.get(statement.digest)
        if base is None or statement.calls < base.calls or statement.total_milliseconds < base.total_milliseconds:
            delta = statement
        else:
            delta = _added(statement, base)
        if delta.calls > 0:
            changed.append(delta)
    return tuple(changed)


def digest_rows(statements: Statements, span_seconds: float | None) -> tuple[DigestRow, ...]:
    """The rows of a pane, the most time-consuming first; `span_seconds` None leaves the rate unknown."""
    spent = sum(statement.total_milliseconds for statement in statements)
    rows = [
        DigestRow(
            statement=statement,
            time_share=statement.total_milliseconds / spent if spent > 0 else 0.0,
            calls=statement.calls,
            calls_per_second=statement.calls / span_seconds if span_seconds else None,
            mean_milliseconds=statement.total_milliseconds / statement.calls if statement.calls else 0.0,
            rows_per_call=statement.rows / statement.calls if statement.rows is not None and statement.calls else None,
            errors=statement.errors,
        )
        for statement in statements
    ]
    return tuple(sorted(rows, key=lambda row: (-row.time_share, row.statement.digest)))


class DigestHistory:
    """Keeps the last readings of one target's statements and the one that the person reset at."""

    def __init__(self) -> None:
        self._looks: deque[Look] = deque()
        self._reset: Look | None = None

    def add(self, at: float, statements: Statements) -> None:
        """One more reading; only what the live mode needs is kept."""
        if self._looks and at <= self._looks[-1].at:
            return
        self._looks.append(Look(at, statements))
        if self._reset is None:
            self._reset = self._looks[0]
        while len(self._looks) > 2 and self._looks[1].at <= at - LIVE_SECONDS:
            self._looks.popleft()

    def reset(self) -> None:
        """Count from the newest reading on."""
        if self._looks:
            self._reset = self._looks[-1]

    def rows(self, mode: DigestMode) -> tuple[DigestRow, ...]:
        """The rows of a mode; empty before there is a reading."""
        if not self._looks:
            return ()
        newest = self._looks[-1]
        if mode is DigestMode.TOTAL:
            return digest_rows(newest.statements, None)
        base = self._looks[0] if mode is DigestMode.LIVE else self._reset or newest
        return digest_rows(difference(newest.statements, base.statements), newest.at - base.at)

    def span_seconds(self, mode: DigestMode) -> float | None:
        """How long the mode has counted; None for the total."""
        if not self._looks or mode is DigestMode.TOTAL:
            return None
        base = self._looks[0] if mode is DigestMode.LIVE else self._reset or self._looks[-1]
        return self._looks[-1].at - base.at
