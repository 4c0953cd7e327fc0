"""Reading tables and indexes, and no more often than a large dictionary can bear."""

from __future__ import annotations

from dataclasses import replace

from aishell_core.clock import Clock
from aishell_core.engines.oracle import ServerFacts
from aishell_core.values import Cost, FailureCode, Part
from collectors.budget import Budget
from collectors.oracle.questions import Questions
from collectors.oracle.relations_rows import relations_of, uses_of
from collectors.pieces import Piece

_LEAST_SECONDS = 60.0
_REST = 50.0
"""Segments are read again no sooner than so many times as long as that took."""

_LIMIT_SECONDS = 4.0


class RelationsReader:
    """Reads the largest segments of all users, or of our own where the others are not granted, and keeps them."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: Piece | None = None
        self._again_at = 0.0

    async def read(self, questions: Questions, server: ServerFacts, budget: Budget) -> Piece:
        """The tables and indexes; raises TargetError when the server cannot be reached."""
        began, read_at = self._clock.steady(), self._clock.now()
        if self._kept is not None and began < self._again_at:
            return self._kept
        piece = await self._read(questions, server, budget)
        if piece.parts:
            self._kept = replace(piece, cost=Cost(), earlier=((Part.RELATIONS, read_at),))
            self._again_at = began + max(_LEAST_SECONDS, _REST * (self._clock.steady() - began))
        return piece

    async def _read(self, questions: Questions, server: ServerFacts, budget: Budget) -> Piece:
        found = await questions.ask(server, "segments", Part.RELATIONS, budget, seconds=_LIMIT_SECONDS)
        failures, cost, uses = found.failures, found.cost, None
        if found.rows is None:
            if all(failure.code is not FailureCode.PRIVILEGE for failure in found.failures):
                return found.piece()
            found = await questions.ask(server, "own_segments", Part.RELATIONS, budget, seconds=_LIMIT_SECONDS)
            failures = tuple(replace(each, message=f"only what {server.user} owns is told") for each in failures)
        else:
            used = await questions.ask(server, "index_uses", Part.RELATIONS, budget, seconds=_LIMIT_SECONDS)
            uses = uses_of(used.rows) if used.rows is not None else None
            failures, cost = (*failures, *used.failures), cost + used.cost
        parts = () if found.rows is None else (("relations", relations_of(found.rows, uses, server)),)
        return Piece((), parts, failures, cost)
