"""Asking with what is left of a reading's time; what was refused is not asked again for a while."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from aishell_core.clock import Clock
from aishell_core.engines.mongodb import Lane, MongoSession
from aishell_core.engines.mongodb_documents import Document
from aishell_core.engines.mongodb_errors import LASTING_NUMBERS, MongoError
from aishell_core.units import format_duration
from aishell_core.values import Cost, Failure, FailureCode
from collectors.budget import Budget
from collectors.pieces import Piece

_REFUSED_SECONDS = 300.0
"""After what time a command that was refused is tried again: a role may have been granted meanwhile."""

_SLOW_SECONDS = 60.0
"""After what time a command that took longer than it may is tried again."""

_STOPPED = 50
"""The number of an error by which the server itself ended a command at maxTimeMS (MaxTimeMSExpired)."""

_WHOLE_TARGET = frozenset({FailureCode.REFUSED, FailureCode.AUTHENTICATION})
_LEAST_SECONDS = 0.1
"""A command that has less time left is not begun."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The documents of one question, None where it failed, with the failure and the cost."""

    documents: tuple[Document, ...] | None
    failures: tuple[Failure, ...] = ()
    cost: Cost = field(default_factory=Cost)
    cut: str = ""

    @property
    def document(self) -> Document:
        """The first document, an empty one without any."""
        return self.documents[0] if self.documents else {}

    def piece(self, **parts: object) -> Piece:
        """What was made of the documents as a piece of a reading."""
        return Piece((), tuple(parts.items()), self.failures, self.cost)


_Ask = Callable[[float], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class _Refusal:
    until: float
    failure: Failure


class Questions:
    """Asks one server on one of its lanes, for one tier."""

    def __init__(self, session: MongoSession, clock: Clock, lane: Lane) -> None:
        self._session = session
        self._clock = clock
        self._lane = lane
        self._refused: dict[str, _Refusal] = {}

    @property
    def now(self) -> float:
        """The moment, for failures."""
        return self._clock.now()

    def budget(self, seconds: float) -> Budget:
        """A budget that begins now."""
        return Budget.lasting(self._clock, seconds)

    async def command(
        self, part: str, command: Mapping[str, Any], budget: Budget, *, database: str = "admin", name: str = "", seconds: float = 2.0
    ) -> Answer:
        """The reply to a command, in `seconds` at most; `name` tells apart what may be refused separately.

        Raises MongoError when the server cannot be reached any more; whatever else goes wrong is a Failure of the part.
        """

        async def ask(limit: float) -> Answer:
            reply = await self._session.command(command, database=database, lane=self._lane, deadline_seconds=limit)
            return Answer((reply.document,), (), reply.cost)

        return await self._noted(part, name or f"{next(iter(command))} {database}", budget, seconds, ask)

    async def documents(
        self,
        part: str,
        command: Mapping[str, Any],
        budget: Budget,
        *,
        database: str = "admin",
        name: str = "",
        seconds: float = 2.0,
        most: int = 10_000,
    ) -> Answer:
        """The documents of a command that gives a cursor; as `command`."""

        async def ask(limit: float) -> Answer:
            found = await self._session.documents(command, database=database, lane=self._lane, deadline_seconds=limit, most=most)
            return Answer(found.documents, (), found.cost, found.cut)

        return await self._noted(part, name or f"{next(iter(command))} {database}", budget, seconds, ask)

    def forget(self) -> None:
        """Ask again what was refused, as after a restart."""
        self._refused.clear()

    async def _noted(self, part: str, name: str, budget: Budget, seconds: float, ask: _Ask) -> Answer:
        refusal = self._refused.get(name)
        if refusal is not None and self._clock.steady() < refusal.until:
            return Answer(None, (replace(refusal.failure, part=part, at=self.now),))
        limit = min(seconds, budget.left)
        if limit < _LEAST_SECONDS:
            return Answer(None, (Failure(part, FailureCode.TIMEOUT, f"no time was left to read {part}", "", self.now),))
        try:
            return await ask(limit)
        except MongoError as error:
            if not error.number or error.reason in _WHOLE_TARGET:
                raise
            return Answer(None, (self._failure(name, part, error),), Cost(1))

    def _failure(self, name: str, part: str, error: MongoError) -> Failure:
        failure = error.failure(part, self.now)
        if error.number in LASTING_NUMBERS:
            self._refused[name] = _Refusal(self._clock.steady() + _REFUSED_SECONDS, failure)
        elif error.number == _STOPPED:
            # The server was well and the command slow. A failure that may pass has the whole tier read again in seconds.
            message = f"reading {part} took too long; it is tried again every {format_duration(_SLOW_SECONDS)}"
            resting = replace(failure, code=FailureCode.UNSUPPORTED, message=message)
            self._refused[name] = _Refusal(self._clock.steady() + _SLOW_SECONDS, resting)
        return failure
