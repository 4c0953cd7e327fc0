"""The cold tier of MySQL and MariaDB."""

from __future__ import annotations

from aishell_core.clock import Clock
from aishell_core.engines.mysql import MysqlSession
from aishell_core.targets import Target
from aishell_core.values import Reading, Tier
from collectors.contract import Demand
from collectors.mysql.slow_questions import SlowQuestions
from collectors.pieces import reading_of

DEADLINE_SECONDS = 19.0
"""A little less than the poller's own deadline, so that what was read in time is kept."""


class ColdTier:
    """Reads what changes slowly."""

    def __init__(self, session: MysqlSession, target: Target, clock: Clock) -> None:
        self._target = target
        self._clock = clock
        self._questions = SlowQuestions(session, clock)

    async def read(self, demand: Demand) -> Reading:
        """One reading; raises TargetError when the server cannot be reached."""
        now, budget = self._clock.now(), self._questions.budget(DEADLINE_SECONDS)
        await self._questions.facts(budget)
        return reading_of(self._target.name, Tier.COLD, now, [], None)
