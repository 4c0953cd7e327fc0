"""Asking on the slow connection: each statement with a deadline, and what was refused is not asked again for a while."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from aishell_core import catalogue
from aishell_core.clock import Clock
from aishell_core.engines.certificate import ShownCertificate
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

_CERTIFICATE_SECONDS = 5.0
_NEAR_SECONDS = 30 * 86_400.0
_LOOKED_AT_SECONDS, _NEAR_LOOKED_AT_SECONDS = 3600.0, 60.0
"""For how long what a connection was shown counts: renewing a certificate that ends soon is what people wait to see."""

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
        """The time until the server's certificate ends, where this connection is encrypted.

        A connection knows the certificate that it was shown, so it is made anew where that was long ago, unless the server is so full
        that there might be no place for it.
        """
        room = Found(())
        try:
            shown = await self._session.certificate(min(_CERTIFICATE_SECONDS, budget.left))
            if shown is not None and self._is_outdated(shown):
                room = await self.ask(server, "connection_room", "certificate", budget)
                if room.row is not None and room.row["has_room"]:
                    await self._session.connect_anew(Lane.SLOW, min(_CERTIFICATE_SECONDS, budget.left))
                    shown = await self._session.certificate(min(_CERTIFICATE_SECONDS, budget.left))
        except TargetError as error:
            return Piece((), (), (error.failure("certificate", self._clock.now()),), room.cost)
        samples = () if shown is None else (Sample(catalogue.PG_CERTIFICATE_LEFT, shown.ends_at - self._clock.now()),)
        return Piece(samples, cost=room.cost)

    def _is_outdated(self, shown: ShownCertificate) -> bool:
        """Whether the server may show another one by now."""
        is_near = shown.ends_at - self._clock.now() < _NEAR_SECONDS
        return shown.age_seconds > (_NEAR_LOOKED_AT_SECONDS if is_near else _LOOKED_AT_SECONDS)

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
