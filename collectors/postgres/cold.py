"""The cold tier: settings, sizes and the schema's state, which change slowly or cost much."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from aishell_core.clock import Clock
from aishell_core.engines.postgres import PostgresSession, ServerFacts
from aishell_core.targets import Target
from aishell_core.values import Failure, FailureCode, Part, Reading, Relation, Tier
from collectors.contract import Demand
from collectors.postgres.cold_rows import (
    FULLEST_SEQUENCES,
    hidden_sequences,
    schema_samples,
    sequence_samples,
)
from collectors.postgres.pieces import Piece, reading_of
from collectors.postgres.relations import RelationsReader
from collectors.postgres.relations_rows import bloat_samples
from collectors.postgres.settings_rows import settings_of
from collectors.postgres.sizes import SizesReader
from collectors.postgres.slow_questions import Budget, SlowQuestions, quoted

DEADLINE_SECONDS = 19.0
"""A little less than the poller's own deadline, so that what was read in time is kept."""


class ColdTier:
    """Reads settings, sizes of databases, and tables while somebody looks at them; a piece that fails is a Failure."""

    def __init__(
        self,
        session: PostgresSession,
        target: Target,
        clock: Clock,
        relations: RelationsReader | None = None,
        sizes: SizesReader | None = None,
    ) -> None:
        """`relations` and `sizes` are shared with the warm tier, where both read tables and measure."""
        self._target = target
        self._clock = clock
        self._questions = SlowQuestions(session, clock)
        self._relations = relations or RelationsReader(clock)
        self._sizes = sizes or SizesReader(clock)

    async def read(self, demand: Demand) -> Reading:
        """One reading; raises TargetError when the server cannot be reached."""
        now, budget = self._clock.now(), self._questions.budget(DEADLINE_SECONDS)
        server = await self._questions.facts(budget)
        settings = await self._questions.ask(server, "settings", Part.SETTINGS, budget)
        parts = (("settings", settings_of(settings.rows)),) if settings.rows is not None else ()
        # That some are hidden is told by the warm tier, which knows soon when they no longer are.
        pieces = [settings.piece(parts=parts), await self._sizes.read_slowly(self._questions, server, budget)]
        schema = await self._questions.ask(server, "schema_state", "schema", budget)
        pieces += [schema.piece(samples=schema_samples(schema.row)), await self._sequences(server, budget)]
        pieces.append(await self._questions.certificate_left(server, budget))
        pieces.append(await self._tables(server, budget, is_looked_at=Part.RELATIONS in demand))
        return reading_of(self._target.name, Tier.COLD, now, pieces, None)

    def forget_refusals(self) -> None:
        """Ask again what was refused."""
        self._questions.forget_refusals()

    async def _tables(self, server: ServerFacts, budget: Budget, *, is_looked_at: bool) -> Piece:
        """Tables and indexes, and how many of them are bloated; the latter alone where nobody looks at them."""
        piece = await self._relations.read(self._questions, server, budget, keeps=is_looked_at)
        found = cast("tuple[Relation, ...] | None", dict(piece.parts).get("relations"))
        samples = () if found is None else bloat_samples(found)
        return replace(piece, samples=samples) if is_looked_at else Piece(samples, cost=piece.cost)

    async def _sequences(self, server: ServerFacts, budget: Budget) -> Piece:
        found = await self._questions.ask(server, "sequences", "sequences", budget, (FULLEST_SEQUENCES,))
        hidden, schema = hidden_sequences(found.rows or ())
        failures: tuple[Failure, ...] = ()
        if hidden:
            which = "1 sequence is" if hidden == 1 else f"{hidden} sequences are"
            grant = f"GRANT SELECT ON ALL SEQUENCES IN SCHEMA {quoted(schema)} TO {quoted(server.user)};"
            message = f"how full {which} is not told to {server.user}"
            failures = (Failure("sequences", FailureCode.PRIVILEGE, message, grant, self._clock.now()),)
        return found.piece(samples=sequence_samples(found.rows or ()), failures=failures)
