"""Asking on one of the two connections: each statement with a deadline, and what was refused is not asked again for a while."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from aishell_core.clock import Clock
from aishell_core.engines.oracle import Answer, Lane, OracleSession, Row, ServerFacts
from aishell_core.engines.oracle_errors import is_barred
from aishell_core.engines.oracle_wire import Binds
from aishell_core.errors import TargetError
from aishell_core.values import Cost, Failure, FailureCode, Sample, essential
from collectors.budget import Budget
from collectors.oracle.hints import grants_for
from collectors.oracle.question_files import question
from collectors.pieces import Piece

_REFUSED_SECONDS = 300.0
"""After what time a statement that was refused is tried again: a privilege may have been granted meanwhile."""

_SLOW_SECONDS = 120.0
"""After what time a statement that took longer than it may is tried again."""

_LEAST_SECONDS = 0.1
"""A statement that has less time left is not begun."""

_CONNECT_SECONDS = 4.0
_STANDBY_CLOSED = frozenset({1219, 1507, 1109})
"""A database that is mounted and not open has fixed views alone, none of the dictionary's."""


@dataclass(frozen=True, slots=True)
class Found:
    """The rows of one statement, None where it failed, with the failure and the cost."""

    rows: tuple[Row, ...] | None
    failures: tuple[Failure, ...] = ()
    cost: Cost = field(default_factory=Cost)

    @property
    def row(self) -> Row | None:
        """The first row, None without one."""
        return self.rows[0] if self.rows else None

    @property
    def judged(self) -> Found:
        """The same, with failures that leave the server's state unknown; what it does not have while not open leaves nothing so."""
        lacks = tuple(each for each in self.failures if each.code is FailureCode.UNSUPPORTED)
        return replace(self, failures=(*essential(each for each in self.failures if each not in lacks), *lacks))

    def piece(self, samples: Iterable[Sample] = (), parts: tuple[tuple[str, object], ...] = (), failures: Iterable[Failure] = ()) -> Piece:
        """What was made of the rows as a piece of a reading; `failures` are those that the rows themselves tell of."""
        return Piece(tuple(samples), parts, (*self.failures, *failures), self.cost)


NOTHING_ASKED = Found(None)
"""What a statement found that was not asked."""


@dataclass(frozen=True, slots=True)
class _Refusal:
    until: float
    failure: Failure


class Questions:
    """Asks one server on one of its connections, and remembers which statements it refused."""

    def __init__(self, session: OracleSession, clock: Clock, lane: Lane) -> None:
        self._session = session
        self._clock = clock
        self._lane = lane
        self._refused: dict[str, _Refusal] = {}

    def budget(self, seconds: float) -> Budget:
        """A budget that begins now."""
        return Budget.lasting(self._clock, seconds)

    async def facts(self, budget: Budget) -> ServerFacts:
        """What the server says of itself; connects when needed. Raises TargetError."""
        return await self._session.facts(self._lane, min(_CONNECT_SECONDS, budget.at_least(_LEAST_SECONDS)))

    def is_refused(self, name: str) -> bool:
        """Whether a statement is not asked at present."""
        refusal = self._refused.get(name)
        return refusal is not None and self._clock.steady() < refusal.until

    async def ask(
        self,
        server: ServerFacts,
        name: str,
        part: str,
        budget: Budget,
        binds: Binds | None = None,
        *,
        seconds: float = 2.0,
        licensed: bool = False,
    ) -> Found:
        """The rows of the statement of this name, in `seconds` at most.

        Raises TargetError when the server cannot be reached any more, or gives no answer; whatever else goes wrong is a
        Failure of the part.
        """
        now, key = self._clock.now(), f"licensed {name}" if licensed else name
        if self.is_refused(key):
            return Found(None, (replace(self._refused[key].failure, at=now),))
        sql = question(server, name, licensed=licensed)
        limit = min(seconds, budget.left)
        if limit < _LEAST_SECONDS:
            return Found(None, (Failure(part, FailureCode.TIMEOUT, f"no time was left to read {part}", "", now),))
        try:
            answer = await self._answer(sql, binds or {}, limit, budget)
        except TargetError as error:
            if getattr(error, "lost", False):
                raise
            return Found(None, (self._failure(key, part, error, sql, server),), Cost(1))
        return Found(answer.rows, (), answer.cost)

    async def _answer(self, sql: str, binds: Binds, limit: float, budget: Budget) -> Answer:
        """The answer; where the connection was lost long ago, as by a restart, a new one gets the question too."""
        try:
            return await self._session.query(sql, binds, lane=self._lane, deadline_seconds=limit)
        except TargetError as error:
            if error.reason is not FailureCode.REFUSED or not getattr(error, "lost", False) or budget.left < _LEAST_SECONDS:
                raise
        return await self._session.query(sql, binds, lane=self._lane, deadline_seconds=min(limit, budget.left))

    def _failure(self, key: str, part: str, error: TargetError, sql: str, server: ServerFacts) -> Failure:
        failure = error.failure(part, self._clock.now())
        if is_barred(error):
            message = f"user {server.user} may not read {part}"
            failure = replace(failure, code=FailureCode.PRIVILEGE, message=message, hint=grants_for(sql, server.user))
        elif getattr(error, "number", 0) in _STANDBY_CLOSED:
            message = f"{part} cannot be read while the database is not open"
            failure = replace(failure, code=FailureCode.UNSUPPORTED, message=message, hint="a standby that is open read only tells them")
        if failure.code is FailureCode.TIMEOUT:
            self._refused[key] = _Refusal(self._clock.steady() + _SLOW_SECONDS, replace(failure, code=FailureCode.UNSUPPORTED))
        else:
            self._refused[key] = _Refusal(self._clock.steady() + _REFUSED_SECONDS, failure)
        return failure
