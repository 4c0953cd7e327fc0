"""The cold tier: settings, sizes and what runs full, which change slowly or cost much."""

from __future__ import annotations

from aishell_core.clock import Clock
from aishell_core.engines.mysql import MysqlSession, ServerFacts
from aishell_core.targets import Target
from aishell_core.values import Cost, Part, Reading, Tier
from collectors.budget import Budget
from collectors.contract import Demand
from collectors.mysql.cold_rows import disk_samples, redo_bytes, schema_samples
from collectors.mysql.relations import MOST_TABLES, RelationsReader
from collectors.mysql.slow_questions import NOTHING_ASKED, Found, SlowQuestions
from collectors.mysql.warm import read_settings
from collectors.mysql.warm_rows import binlog_file_samples
from collectors.mysql.warm_state import StateLook, StateReader
from collectors.pieces import Piece, reading_of

DEADLINE_SECONDS = 19.0
"""A little less than the poller's own deadline, so that what was read in time is kept."""

_MEASURING_SECONDS = 10.0


class ColdTier:
    """Reads settings, sizes and AUTO_INCREMENT columns, and tables while somebody looks; a piece that fails is a Failure."""

    def __init__(
        self,
        session: MysqlSession,
        target: Target,
        clock: Clock,
        relations: RelationsReader | None = None,
        states: StateReader | None = None,
    ) -> None:
        """`relations` and `states` are shared with the warm tier."""
        self._target = target
        self._clock = clock
        self._questions = SlowQuestions(session, clock)
        self._relations = relations or RelationsReader(clock)
        self._states = states or StateReader(clock)

    async def read(self, demand: Demand) -> Reading:
        """One reading; raises TargetError when the server cannot be reached."""
        now, budget = self._clock.now(), self._questions.budget(DEADLINE_SECONDS)
        server = await self._questions.facts(budget)
        look = await self._states.read(self._questions, server, budget)
        pieces = [Piece((), (), look.failures, look.cost)]
        pieces.append(await read_settings(self._questions, server, budget))
        pieces.append(await self._disk(server, look, budget))
        pieces.append(await self._relations.auto_increments(self._questions, server, budget))
        if Part.RELATIONS in demand:
            pieces.append(await self._relations.read(self._questions, server, budget, state=look.state))
        return reading_of(self._target.name, Tier.COLD, now, pieces, None)

    async def _disk(self, server: ServerFacts, look: StateLook, budget: Budget) -> Piece:
        schemas = await self._questions.ask(server, "schemas", "sizes", budget, seconds=_MEASURING_SECONDS)
        many = sum(int(row["files"] or 0) for row in schemas.rows or () if row["name"] is not None) > MOST_TABLES
        # The server opens every table to tell the size of some: with many of them, or where it would count the rows of each,
        # that costs more than the figure is worth.
        others = (
            Found(())
            if many or look.state.counts_when_asked
            else await self._questions.ask(server, "other_tables", "sizes", budget, (MOST_TABLES,), seconds=_MEASURING_SECONDS)
        )
        logs = await self._questions.ask(server, "binlog_files", "binary logs", budget) if look.state.binary_log else NOTHING_ASKED
        kept = binlog_file_samples(logs.rows)
        log_bytes = kept[1].value if kept else (None if look.state.binary_log or not look.state.known else 0.0)
        disk = disk_samples(schemas.rows, others.rows, log_bytes, redo_bytes(look.variables))
        found = (schemas, others, logs)
        return Piece(
            (*schema_samples(schemas.rows or ()), *kept, *disk),
            (),
            tuple(failure for each in found for failure in each.failures),
            sum((each.cost for each in found), Cost()),
        )
