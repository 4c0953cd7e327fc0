"""Measuring what databases and log take on disk, as often as that is cheap for the server."""

from __future__ import annotations

from aishell_core.clock import Clock
from aishell_core.engines.postgres import ServerFacts
from aishell_core.values import Cost, Failure, FailureCode
from collectors.postgres.cold_rows import database_samples, disk_samples, unknown
from collectors.postgres.pieces import Piece
from collectors.postgres.slow_questions import Budget, SlowQuestions, monitor_grant

SOON_SECONDS = 1.5
"""Measuring that takes longer (each file is looked at) is left to the cold tier."""

_SLOWLY_SECONDS = 10.0

_REST_AFTER_MEASURING = 40.0
"""Measured again no sooner than so many times as long as it took, which is 2.5 % of the time."""

_LONGEST_REST_SECONDS = 50.0
"""A size that is shown is no older than a minute with the warm tier's cadence."""


class SizesReader:
    """Measures for both tiers, of which one tells at a time: the warm one where that is quick, else the cold one, which has more time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: Piece | None = None
        self._again_at = 0.0
        self._costly = False

    def forget(self) -> None:
        """Measure anew at the next reading: what the role may see has changed."""
        self._known = None

    async def read_soon(self, questions: SlowQuestions, server: ServerFacts, budget: Budget) -> Piece:
        """The sizes as they are, or as they were a short while ago; nothing where measuring takes long. Raises TargetError."""
        if self._known is not None and self._clock.steady() < self._again_at:
            return self._known
        if self._costly:
            return Piece()
        found, took_seconds, answered = await self._measure(questions, server, budget, SOON_SECONDS)
        if not answered:
            self._known, self._costly = None, True
            return Piece(cost=found.cost)
        self._known = Piece(found.samples, (), found.failures)
        self._again_at = self._clock.steady() + min(_LONGEST_REST_SECONDS, _REST_AFTER_MEASURING * took_seconds)
        return found

    async def read_slowly(self, questions: SlowQuestions, server: ServerFacts, budget: Budget) -> Piece:
        """The sizes as they are, nothing where the warm tier tells them; raises TargetError."""
        if self._known is not None:
            return Piece()
        found, took_seconds, answered = await self._measure(questions, server, budget, _SLOWLY_SECONDS)
        self._costly = took_seconds > SOON_SECONDS or not answered
        return found

    async def _measure(self, questions: SlowQuestions, server: ServerFacts, budget: Budget, seconds: float) -> tuple[Piece, float, bool]:
        """What was measured, the seconds that took, and whether the server answered in time."""
        databases = await questions.ask(server, "databases", "databases", budget, seconds=seconds)
        shared = await questions.ask(server, "shared_files", "disk", budget)
        failures = [*databases.failures, *shared.failures]
        hidden = unknown(databases.rows or ())
        if hidden:
            whose = "the size of 1 database is" if hidden == 1 else f"the sizes of {hidden} databases are"
            message = f"{whose} not told to {server.user}"
            failures.append(Failure("databases", FailureCode.PRIVILEGE, message, monitor_grant(server.user), self._clock.now()))
        samples = (*database_samples(databases.rows or ()), *disk_samples(databases.rows or (), shared.row))
        piece = Piece(samples, (), tuple(failures), sum((databases.cost, shared.cost), Cost()))
        return piece, databases.cost.seconds + shared.cost.seconds, databases.rows is not None
