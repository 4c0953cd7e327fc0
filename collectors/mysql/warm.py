"""The warm tier: what is worth a look every quarter of a minute, and what a pane asks for."""

from __future__ import annotations

from dataclasses import replace

from aishell_core.clock import Clock
from aishell_core.engines.mysql import MysqlSession, ServerFacts
from aishell_core.targets import Target
from aishell_core.values import Part, Reading, Tier
from collectors.budget import Budget
from collectors.contract import Demand
from collectors.mysql.cold_rows import redo_bytes
from collectors.mysql.limits_rows import limit_samples
from collectors.mysql.redo_rows import checkpoint_samples
from collectors.mysql.relations import RelationsReader
from collectors.mysql.replication import ReplicationReader
from collectors.mysql.replication_lag import ChannelTimes
from collectors.mysql.settings_rows import pending_samples, settings_of
from collectors.mysql.slow_questions import SlowQuestions
from collectors.mysql.warm_rows import binlog_samples
from collectors.mysql.warm_state import StateLook, StateReader
from collectors.pieces import Piece, reading_of

DEADLINE_SECONDS = 4.6
"""A little less than the poller's own deadline, so that what was read in time is kept."""


_TOLD_EACH_SECOND = 80030
"""Since this version of MySQL its status variables have the positions in the redo log."""


class WarmTier:
    """Reads what concerns replication, and tables and settings while somebody looks; a piece that fails is a Failure."""

    def __init__(
        self,
        session: MysqlSession,
        target: Target,
        clock: Clock,
        relations: RelationsReader | None = None,
        states: StateReader | None = None,
        times: ChannelTimes | None = None,
    ) -> None:
        """`relations` and `states` are shared with the cold tier, `times` and `states` with whoever reads peers closely."""
        self._target = target
        self._clock = clock
        self._questions = SlowQuestions(session, clock)
        self._relations = relations or RelationsReader(clock)
        self._states = states or StateReader(clock)
        self._replication = ReplicationReader(self._questions, clock, times or ChannelTimes())

    async def read(self, demand: Demand) -> Reading:
        """One reading; raises TargetError when the server cannot be reached."""
        now, budget = self._clock.now(), self._questions.budget(DEADLINE_SECONDS)
        server = await self._questions.facts(budget)
        look = await self._states.read(self._questions, server, budget, anew=True)
        pieces = [Piece((*binlog_samples(look.state), *limit_samples(look.variables)), (), look.failures, look.cost)]
        pieces.append(await self._replication.samples(server, look, budget))
        pieces.append(await self._checkpoint(server, look, budget))
        if Part.SETTINGS in demand:
            # The figure of it is the cold tier's: a series has one cadence.
            pieces.append(replace(await read_settings(self._questions, server, budget), samples=()))
        if Part.RELATIONS in demand:
            pieces.append(await self._relations.read(self._questions, server, budget, state=look.state))
        return reading_of(self._target.name, Tier.WARM, now, pieces, None)

    async def _checkpoint(self, server: ServerFacts, look: StateLook, budget: Budget) -> Piece:
        """The checkpoint's age on a MySQL that has it in InnoDB's report alone; each second would be too often for that."""
        if server.mariadb or server.version_num >= _TOLD_EACH_SECOND:
            return Piece()
        found = await self._questions.ask(server, "innodb_status", "checkpoint", budget)
        report = str(found.row["Status"] or "") if found.row is not None else ""
        return found.piece(checkpoint_samples(report, redo_bytes(look.variables)))


async def read_settings(questions: SlowQuestions, server: ServerFacts, budget: Budget) -> Piece:
    """The settings in force, and which of them wait for a restart; raises TargetError."""
    found = await questions.ask(server, "settings", Part.SETTINGS, budget)
    persisted = await questions.ask(server, "persisted", Part.SETTINGS, budget)
    parts = (("settings", settings_of(found.rows, persisted.rows or ())),) if found.rows is not None else ()
    return Piece(pending_samples(persisted.rows), parts, (*found.failures, *persisted.failures), found.cost + persisted.cost)
