"""The collector of Oracle: two connections at most, one for what is read each second and one for all that may take long."""

from __future__ import annotations

from aishell_core.clock import Clock
from aishell_core.engines.oracle import OracleSession
from aishell_core.targets import Target
from aishell_core.values import Ability, CommandResult, Limits, PlanNode, Reading, Session, Tier, Value
from collectors.contract import Collector, Demand
from collectors.oracle.cold import ColdTier
from collectors.oracle.hot import HotTier, Known
from collectors.oracle.relations import RelationsReader
from collectors.oracle.warm import WarmTier
from collectors.oracle.watched import WatchedReader
from collectors.watched_beside import WatchedBeside

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
    | Ability.CANCEL
    | Ability.TERMINATE
    | Ability.RUN
)
_EXPLAIN_SECONDS = 5.0


class OracleCollector:
    """Three tiers over one session."""

    def __init__(self, session: OracleSession, hot: HotTier, warm: WarmTier, cold: ColdTier) -> None:
        self._session = session
        self._hot = hot
        self._warm = warm
        self._cold = cold

    @property
    def abilities(self) -> Ability:
        """All that a server of this kind can be asked."""
        return _ABILITIES

    async def collect(self, tier: Tier, demand: Demand) -> Reading:
        """One reading of one tier; raises TargetError when the server cannot be read at all."""
        match tier:
            case Tier.HOT:
                return await self._hot.read(demand)
            case Tier.WARM:
                return await self._warm.read(demand)
            case Tier.COLD:
                return await self._cold.read(demand)

    async def explain(self, sql: str, database: str = "") -> tuple[PlanNode, ...]:
        """The plan of a statement, without running it; raises TargetError."""
        return await self._session.explain(sql, database, _EXPLAIN_SECONDS)

    async def cancel(self, session: Session, deadline_seconds: float) -> None:
        """Cancel the running statement of exactly this session; raises TargetError."""
        await self._session.cancel(session, deadline_seconds)

    async def terminate(self, session: Session, deadline_seconds: float) -> None:
        """End exactly this session; raises TargetError."""
        await self._session.terminate(session, deadline_seconds)

    async def run(
        self, command: str, parameters: tuple[Value, ...], limits: Limits, *, database: str = "", read_only: bool = True
    ) -> CommandResult:
        """What one statement of a person brings; raises TargetError."""
        return await self._session.run(command, parameters, limits, database=database, read_only=read_only)

    async def close(self) -> None:
        """End what is under way and let go of the connections."""
        self._hot.close()
        await self._session.close()


def open_oracle(target: Target, clock: Clock) -> Collector:
    """The collector of a server; nothing is connected before the first reading."""
    return collector_over(OracleSession(target, clock), target, clock)


def collector_over(session: OracleSession, target: Target, clock: Clock) -> OracleCollector:
    """The collector over a session of one's own."""
    known, relations = Known(), RelationsReader(clock)
    watched = WatchedBeside(clock, WatchedReader(session, clock, lambda: known.containers).read)
    return OracleCollector(
        session,
        HotTier(session, target, clock, watched, known),
        WarmTier(session, target, clock, relations, known),
        ColdTier(session, target, clock, relations),
    )
