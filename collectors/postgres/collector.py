"""The collector of PostgreSQL: two connections at most, one for what is read each second and one for all that may take long."""

from __future__ import annotations

from aishell_core.clock import Clock
from aishell_core.engines.postgres import PostgresSession
from aishell_core.targets import Target
from aishell_core.values import Ability, PlanNode
from collectors.contract import Collector
from collectors.postgres.cold import ColdTier
from collectors.postgres.hot import HotTier
from collectors.postgres.relations import RelationsReader
from collectors.postgres.replication_lag import LagMemory
from collectors.postgres.sizes import SizesReader
from collectors.postgres.warm import WarmTier
from collectors.served import ServedCollector

_ABILITIES = (
    Ability.SESSIONS
    | Ability.LOCKS
    | Ability.WAITS
    | Ability.STATEMENTS
    | Ability.RELATIONS
    | Ability.SETTINGS
    | Ability.REPLICATION
    | Ability.PROGRESS
    | Ability.HORIZON
    | Ability.EXPLAIN
    | Ability.ANALYZE
    | Ability.CANCEL
    | Ability.TERMINATE
    | Ability.RUN
)
_EXPLAIN_SECONDS = 5.0


class PostgresCollector(ServedCollector):
    """Three tiers over one session, which also measures plans and asks before it lets functions run for one."""

    def __init__(self, session: PostgresSession, hot: HotTier, warm: WarmTier, cold: ColdTier) -> None:
        super().__init__(_ABILITIES, session, hot, warm, cold)
        self._measuring = session
        self._refused = (hot, warm, cold)

    def forget_refusals(self) -> None:
        """Ask at the next readings for what was refused."""
        for tier in self._refused:
            tier.forget_refusals()

    async def explain_with_consent(self, sql: str, database: str) -> tuple[PlanNode, ...]:
        """The plan of a statement of which functions may run while it is made; raises TargetError."""
        return await self._measuring.explain(sql, database, _EXPLAIN_SECONDS, consent=True)

    async def check_measuring(self, sql: str, database: str) -> None:
        """Raise the TargetError that says why a statement would not be run to measure its plan."""
        await self._measuring.check_measuring(sql, database, _EXPLAIN_SECONDS)

    async def explain_analyze(self, sql: str, database: str, deadline_seconds: float) -> tuple[PlanNode, ...]:
        """The measured plan of a statement that changes nothing; raises TargetError."""
        return await self._measuring.explain_analyze(sql, database, deadline_seconds)


def open_postgres(target: Target, clock: Clock) -> Collector:
    """The collector of a server; nothing is connected before the first reading."""
    session = PostgresSession(target, clock)
    session.load()
    relations, memory, sizes = RelationsReader(clock), LagMemory(), SizesReader(clock)
    hot = HotTier(session, target, clock, memory)
    warm = WarmTier(session, target, clock, relations, memory, sizes)
    return PostgresCollector(session, hot, warm, ColdTier(session, target, clock, relations, sizes))
