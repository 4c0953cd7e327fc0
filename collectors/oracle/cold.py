"""The cold tier: what changes seldom, every ten minutes."""

from __future__ import annotations

from aishell_core import catalogue
from aishell_core.clock import Clock
from aishell_core.engines.oracle import Lane, OracleSession
from aishell_core.targets import Target
from aishell_core.values import Metric, Part, Reading, Sample, Tier
from collectors.contract import Demand
from collectors.oracle.questions import Questions
from collectors.oracle.relations import RelationsReader
from collectors.oracle.settings import SettingsReader
from collectors.pieces import reading_of

DEADLINE_SECONDS = 18.0
"""A little less than the poller's own deadline, so that what was read in time is kept."""

_ONE_FIGURE: tuple[tuple[str, str, str, Metric], ...] = (
    ("files", "disk", "bytes", catalogue.DISK_USED),
    ("invalid_objects", "invalid objects", "objects", catalogue.ORACLE_INVALID_OBJECTS),
    ("failed_jobs", "failed jobs", "runs", catalogue.ORACLE_JOBS_FAILED),
    ("expiring_accounts", "expiring accounts", "accounts", catalogue.ORACLE_ACCOUNTS_EXPIRING),
)
_LIMIT_SECONDS = 4.0


class ColdTier:
    """Reads settings, the size on disk and what wants upkeep, and tables while somebody looks at them."""

    def __init__(self, session: OracleSession, target: Target, clock: Clock, relations: RelationsReader) -> None:
        """`relations` is shared with the warm tier, where both read tables."""
        self._target = target
        self._clock = clock
        self._questions = Questions(session, clock, Lane.SLOW)
        self._settings = SettingsReader(self._questions)
        self._relations = relations

    async def read(self, demand: Demand) -> Reading:
        """One reading; raises TargetError when the server cannot be reached."""
        now, budget = self._clock.now(), self._questions.budget(DEADLINE_SECONDS)
        server = await self._questions.facts(budget)
        pieces = [await self._settings.read(server, budget, in_figures=True)]
        for name, part, column, metric in _ONE_FIGURE:
            found = await self._questions.ask(server, name, part, budget, seconds=_LIMIT_SECONDS)
            value = found.row[column] if found.row is not None else None
            pieces.append(found.piece(samples=() if value is None else (Sample(metric, float(value)),)))
        if Part.RELATIONS in demand:
            pieces.append(await self._relations.read(self._questions, server, budget))
        return reading_of(self._target.name, Tier.COLD, now, pieces, None)
