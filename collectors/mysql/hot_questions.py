"""Asking each second: with what is left of the reading's time, and what a server refuses is not asked again for a while."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from aishell_core.clock import Clock
from aishell_core.engines.mysql import Answer, Lane, MysqlSession, ServerFacts
from aishell_core.engines.mysql_errors import is_lost
from aishell_core.errors import TargetError
from aishell_core.values import Failure, FailureCode
from collectors.budget import Budget
from collectors.mysql.question_files import question
from collectors.mysql.slow_questions import grant

_AGAIN_SECONDS = 600.0
"""After what time a statement that a server refused is tried again: a privilege may have been granted meanwhile."""

_LASTING = frozenset({FailureCode.PRIVILEGE, FailureCode.MISSING, FailureCode.UNSUPPORTED})
_SCHEMA_DENIED = frozenset({1142, 1044})
"""A table that the account may not read (ER_TABLEACCESS_DENIED_ERROR), or a whole schema."""


def was_lost(error: TargetError) -> bool:
    """Whether the connection had ended, rather than the server refused something."""
    number = getattr(error, "number", None)
    return error.reason is FailureCode.REFUSED and number is not None and number != 0 and is_lost(number)


@dataclass(frozen=True, slots=True)
class _Refusal:
    until: float
    failure: Failure


class HotQuestions:
    """Asks one server on its quick connection, and remembers which statements it refused."""

    def __init__(self, session: MysqlSession, clock: Clock) -> None:
        self._session = session
        self._clock = clock
        self._refused: dict[str, _Refusal] = {}

    def budget(self, seconds: float) -> Budget:
        """A budget that begins now."""
        return Budget.lasting(self._clock, seconds)

    async def facts(self, budget: Budget) -> ServerFacts:
        """What the server says of itself; connects when needed. Raises TargetError."""
        return await self._session.facts(Lane.QUICK, budget.left)

    async def ask(self, server: ServerFacts, name: str, budget: Budget, parameters: tuple[Any, ...] = ()) -> Answer:
        """The answer to the statement of this name; raises TargetError.

        A connection may have been lost long before it is used again, as when the server was restarted between two
        readings: then a new one gets the question too.
        """
        sql = question(server, name)
        try:
            return await self._session.query(sql, parameters, lane=Lane.QUICK, deadline_seconds=budget.left)
        except TargetError as error:
            if not was_lost(error):
                raise
        return await self._session.query(sql, parameters, lane=Lane.QUICK, deadline_seconds=budget.left)

    def refusal(self, name: str, part: str) -> Failure | None:
        """Why a statement is not asked at present; None when it may be."""
        refusal = self._refused.get(name)
        if refusal is None or self._clock.steady() >= refusal.until:
            return None
        return replace(refusal.failure, part=part, at=self._clock.now())

    async def ask_or_note(
        self, server: ServerFacts, name: str, part: str, budget: Budget, parameters: tuple[Any, ...] = ()
    ) -> Answer | Failure:
        """The answer, or why the server refuses this very statement, which is then not asked again for some time.

        Raises TargetError for everything that another statement would meet too.
        """
        known = self.refusal(name, part)
        if known is not None:
            return known
        try:
            return await self.ask(server, name, budget, parameters)
        except TargetError as error:
            if error.reason not in _LASTING:
                raise
            failure = error.failure(part, self._clock.now())
            if getattr(error, "number", 0) in _SCHEMA_DENIED:
                failure = replace(failure, hint=grant(server, "SELECT", "performance_schema.*"))
            self._refused[name] = _Refusal(self._clock.steady() + _AGAIN_SECONDS, failure)
            return failure
