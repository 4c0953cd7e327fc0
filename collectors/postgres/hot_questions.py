"""Asking each second: with what is left of the reading's time, and in plainer words where a server refuses the best ones."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from aishell_core.clock import Clock
from aishell_core.engines.postgres import Answer, Lane, PostgresSession, ServerFacts
from aishell_core.errors import TargetError
from aishell_core.values import Failure, FailureCode
from collectors.postgres.slow_questions import QUERIES, Budget

_AGAIN_SECONDS = 600.0
"""After what time a statement that a server refused is tried again: a privilege may have been granted meanwhile."""

_LASTING = frozenset({FailureCode.PRIVILEGE, FailureCode.MISSING, FailureCode.UNSUPPORTED})
_OF_THE_STATEMENT = ("0A", "22", "42", "XX", "55000")
"""Beginnings of the codes of errors that are about a statement, not about the server's state (Appendix A of the manual)."""

_LOST = ("08", "57P01", "57P02", "57P05")


def is_refusal(error: TargetError) -> bool:
    """Whether a server will give the same answer to this statement again, and may give a better one to another."""
    state = str(getattr(error, "sqlstate", ""))
    return state.startswith(_OF_THE_STATEMENT) if state else error.reason in _LASTING


def was_lost(error: TargetError) -> bool:
    """Whether the connection had ended, rather than the server refused something."""
    state = str(getattr(error, "sqlstate", ""))
    return error.reason is FailureCode.REFUSED and (not state or state.startswith(_LOST))


@dataclass(frozen=True, slots=True)
class _Refusal:
    until: float
    failure: Failure


class HotQuestions:
    """Asks one server, and remembers which statements it refused."""

    def __init__(self, session: PostgresSession, clock: Clock) -> None:
        self._session = session
        self._clock = clock
        self._refused: dict[str, _Refusal] = {}

    def budget(self, seconds: float) -> Budget:
        """A budget that begins now."""
        return Budget.lasting(self._clock, seconds)

    async def facts(self, budget: Budget) -> ServerFacts:
        """What the server says of itself; connects when needed. Raises TargetError."""
        return await self._session.facts(Lane.QUICK, budget.left)

    async def ask(
        self, server: ServerFacts, name: str, budget: Budget, parameters: tuple[Any, ...] = (), lane: Lane = Lane.QUICK
    ) -> Answer:
        """The answer to the statement of this name; raises TargetError.

        A connection may have been lost long before it is used again, as when the server was restarted between two
        readings: then a new one gets the question too.
        """
        sql = QUERIES.text(name, server.version_num)
        try:
            return await self._session.query(sql, parameters, lane=lane, deadline_seconds=budget.left)
        except TargetError as error:
            if not was_lost(error):
                raise
        return await self._session.query(sql, parameters, lane=lane, deadline_seconds=budget.left)

    def forget_refusals(self) -> None:
        """Ask again what was refused."""
        self._refused.clear()

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
            if not is_refusal(error):
                raise
            failure = error.failure(part, self._clock.now())
            self._refused[name] = _Refusal(self._clock.steady() + _AGAIN_SECONDS, failure)
            return failure
