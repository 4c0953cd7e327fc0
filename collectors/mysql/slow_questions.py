"""Asking on the slow connection: each statement with a deadline, and what was refused is not asked again for a while."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from aishell_core.clock import Clock
from aishell_core.engines.mysql import Lane, MysqlSession, Row, ServerFacts
from aishell_core.engines.mysql_errors import quoted_account
from aishell_core.errors import TargetError
from aishell_core.units import format_duration
from aishell_core.values import Cost, Failure, FailureCode, Sample
from collectors.budget import Budget
from collectors.mysql.question_files import question
from collectors.pieces import Piece

_REFUSED_SECONDS = 300.0
"""After what time a statement that was refused is tried again: a privilege may have been granted meanwhile."""

_SLOW_SECONDS = 60.0
"""After what time a statement that took longer than it may is tried again."""

_ENDED_BY_SERVER = frozenset({1205, 1317, 1969, 3024})
"""Errors of a statement that the server itself ended at its time limit: for a lock, interrupted, max_statement_time, max_execution_time."""

_LEAST_SECONDS = 0.2
"""A statement that has less time left is not begun."""

_LASTING = frozenset({FailureCode.PRIVILEGE, FailureCode.MISSING, FailureCode.UNSUPPORTED})
_WHOLE_TARGET = frozenset({FailureCode.REFUSED, FailureCode.AUTHENTICATION})


@dataclass(frozen=True, slots=True)
class Found:
    """The rows of one statement, None where it failed or the server has nothing of the sort, with the failure and the cost."""

    rows: tuple[Row, ...] | None
    failures: tuple[Failure, ...] = ()
    cost: Cost = field(default_factory=Cost)

    @property
    def row(self) -> Row | None:
        """The first row, None without one."""
        return self.rows[0] if self.rows else None

    def piece(self, samples: Iterable[Sample] = (), parts: tuple[tuple[str, object], ...] = (), failures: Iterable[Failure] = ()) -> Piece:
        """What was made of the rows as a piece of a reading; `failures` are those that the rows themselves tell of."""
        return Piece(tuple(samples), parts, (*self.failures, *failures), self.cost)


NOTHING_ASKED = Found(None)
"""What a statement found that was not asked."""


def grant(server: ServerFacts, right: str, on: str = "*.*") -> str:
    """The statement that gives the account that aishell is known by a right."""
    return f"GRANT {right} ON {on} TO {quoted_account(server.account or server.user)};"


@dataclass(frozen=True, slots=True)
class _Refusal:
    until: float
    failure: Failure


class SlowQuestions:
    """Asks one server on its slow connection, for one tier."""

    def __init__(self, session: MysqlSession, clock: Clock) -> None:
        self._session = session
        self._clock = clock
        self._refused: dict[str, _Refusal] = {}

    async def facts(self, budget: Budget) -> ServerFacts:
        """What the server says of itself; raises TargetError."""
        return await self._session.facts(Lane.SLOW, budget.at_least(_LEAST_SECONDS))

    def budget(self, seconds: float) -> Budget:
        """A budget that begins now."""
        return Budget.lasting(self._clock, seconds)

    async def ask(
        self,
        server: ServerFacts,
        name: str,
        part: str,
        budget: Budget,
        parameters: tuple[Any, ...] = (),
        *,
        seconds: float = 2.0,
        hint: str = "",
    ) -> Found:
        """The rows of the statement of this name, in `seconds` at most.

        `hint` is the grant that lifts a refusal, where the server's own words do not name it. Raises TargetError when the
        server cannot be reached any more; whatever else goes wrong is a Failure of the part. A server whose family or
        version has no such statement is not asked.
        """
        now, refusal = self._clock.now(), self._refused.get(name)
        if refusal is not None and self._clock.steady() < refusal.until:
            return Found(None, (replace(refusal.failure, at=now),))
        if refusal is not None and refusal.failure.code is FailureCode.PRIVILEGE:
            await self._renew(budget)
        try:
            sql = question(server, name)
        except LookupError:
            return NOTHING_ASKED
        limit = min(seconds, budget.left)
        if limit < _LEAST_SECONDS:
            return Found(None, (Failure(part, FailureCode.TIMEOUT, f"no time was left to read {part}", "", now),))
        try:
            answer = await self._session.query(sql, parameters, lane=Lane.SLOW, deadline_seconds=limit)
        except TargetError as error:
            if error.reason in _WHOLE_TARGET:
                raise
            return Found(None, (self._failure(name, part, error, hint),), Cost(1))
        return Found(answer.rows, (), answer.cost)

    async def _renew(self, budget: Budget) -> None:
        """A connection keeps the rights that its account had when it was made: with a new one all that was refused is asked again."""
        for name in [name for name, each in self._refused.items() if each.failure.code is FailureCode.PRIVILEGE]:
            del self._refused[name]
        await self._session.renew(Lane.SLOW, budget.at_least(_LEAST_SECONDS))

    def _failure(self, name: str, part: str, error: TargetError, hint: str) -> Failure:
        failure = error.failure(part, self._clock.now())
        if error.reason is FailureCode.PRIVILEGE and hint:
            failure = replace(failure, hint=hint)
        if error.reason in _LASTING:
            self._refused[name] = _Refusal(self._clock.steady() + _REFUSED_SECONDS, failure)
        elif getattr(error, "number", 0) in _ENDED_BY_SERVER:
            # The server was well and the statement slow. A failure that may pass has the whole tier read again in seconds.
            why = failure.message if error.reason is FailureCode.LOCKED else f"reading {part} took too long"
            message = f"{why}; it is tried again every {format_duration(_SLOW_SECONDS)}"
            resting = replace(failure, code=FailureCode.UNSUPPORTED, message=message)
            self._refused[name] = _Refusal(self._clock.steady() + _SLOW_SECONDS, resting)
        return failure
