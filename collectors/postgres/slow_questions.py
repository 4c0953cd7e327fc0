"""Asking on the slow connection: each statement with a deadline, and what was refused is not asked again for a while."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from aishell_core import catalogue
from aishell_core.clock import Clock
from aishell_core.engines.postgres import Lane, PostgresSession, Row, ServerFacts
from aishell_core.errors import TargetError
from aishell_core.units import format_duration
from aishell_core.values import Cost, Failure, FailureCode, Sample
from collectors.budget import Budget
from collectors.postgres.pieces import Piece
from collectors.query_files import QueryFiles

__all__ = ["QUERIES", "Budget", "Found", "SlowQuestions", "monitor_grant", "quoted"]

QUERIES = QueryFiles(Path(__file__).parent / "queries")

_REFUSED_SECONDS = 300.0
"""After what time a statement that was refused is tried again: a privilege may have been granted meanwhile."""

_SLOW_SECONDS = 60.0
"""After what time a statement that took longer than it may is tried again."""

_CANCELLED = "57014"
"""The code of a statement that the server itself ended at statement_timeout (query_canceled)."""

_LEAST_SECONDS = 0.2
"""A statement that has less time left is not begun."""

_HANDSHAKE_SECONDS = 3.0

_LASTING = frozenset({FailureCode.PRIVILEGE, FailureCode.MISSING, FailureCode.UNSUPPORTED})
_GIVEN = frozenset({FailureCode.PRIVILEGE, FailureCode.MISSING})
_WHOLE_TARGET = frozenset({FailureCode.REFUSED, FailureCode.AUTHENTICATION})


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

    def piece(self, samples: Iterable[Sample] = (), parts: tuple[tuple[str, object], ...] = (), failures: Iterable[Failure] = ()) -> Piece:
        """What was made of the rows as a piece of a reading; `failures` are those that the rows themselves tell of."""
        return Piece(tuple(samples), parts, (*self.failures, *failures), self.cost)


def monitor_grant(user: str) -> str:
    """The statement that lets a role see what a monitor needs."""
    return f"GRANT pg_monitor TO {quoted(user)};"


def quoted(name: str) -> str:
    """A name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


@dataclass(frozen=True, slots=True)
class _Refusal:
    until: float
    failure: Failure


class SlowQuestions:
    """Asks one server on its slow connection, for one tier."""

    def __init__(self, session: PostgresSession, clock: Clock) -> None:
        self._session = session
        self._clock = clock
        self._refused: dict[str, _Refusal] = {}

    async def facts(self, budget: Budget) -> ServerFacts:
        """What the server says of itself; raises TargetError."""
        return await self._session.facts(Lane.SLOW, budget.left)

    async def certificate_left(self, server: ServerFacts, budget: Budget) -> Piece:
        """The time until the server's certificate ends, where this connection is encrypted; raises TargetError."""
        found = await self.ask(server, "encryption", "certificate", budget)
        if found.row is None or not found.row["is_encrypted"] or budget.left < _LEAST_SECONDS:
            return found.piece()
        end = await self._session.certificate_end(min(_HANDSHAKE_SECONDS, budget.left))
        samples = () if end is None else (Sample(catalogue.PG_CERTIFICATE_LEFT, end - self._clock.now()),)
        return found.piece(samples=samples)

    def forget_refusals(self) -> None:
        """Ask again what was refused for want of a privilege or an extension: both may be there now. What took too long still rests."""
        self._refused = {name: each for name, each in self._refused.items() if each.failure.code not in _GIVEN}

    def budget(self, seconds: float) -> Budget:
        """A budget that begins now."""
        return Budget.lasting(self._clock, seconds)

    async def ask(
        self, server: ServerFacts, name: str, part: str, budget: Budget, parameters: tuple[Any, ...] = (), seconds: float = 2.0
    ) -> Found:
        """The rows of the statement of this name, in `seconds` at most.

        Raises TargetError when the server cannot be reached any more; whatever else goes wrong is a Failure of the part.
        """
        now, refusal = self._clock.now(), self._refused.get(name)
        if refusal is not None and self._clock.steady() < refusal.until:
            return Found(None, (replace(refusal.failure, at=now),))
        try:
            sql = QUERIES.text(name, server.version_num)
        except LookupError:
            return Found(None)
        limit = min(seconds, budget.left)
        if limit < _LEAST_SECONDS:
            return Found(None, (Failure(part, FailureCode.TIMEOUT, f"no time was left to read {part}", "", now),))
        try:
            answer = await self._session.query(sql, parameters, lane=Lane.SLOW, deadline_seconds=limit)
        except TargetError as error:
            if error.reason in _WHOLE_TARGET and not getattr(error, "sqlstate", ""):
                raise
            return Found(None, (self._failure(name, part, error),), Cost(1))
        return Found(answer.rows, (), answer.cost)

    def _failure(self, name: str, part: str, error: TargetError) -> Failure:
        failure = error.failure(part, self._clock.now())
        if error.reason in _LASTING:
            self._refused[name] = _Refusal(self._clock.steady() + _REFUSED_SECONDS, failure)
        elif getattr(error, "sqlstate", "") == _CANCELLED:
            # The server was well and the statement slow. A failure that may pass has the whole tier read again in seconds.
            message = f"reading {part} took too long; it is tried again every {format_duration(_SLOW_SECONDS)}"
            resting = replace(failure, code=FailureCode.UNSUPPORTED, message=message)
            self._refused[name] = _Refusal(self._clock.steady() + _SLOW_SECONDS, resting)
        return failure
