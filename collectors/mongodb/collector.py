"""The collector of MongoDB: one client with two connections at most for questions, and the driver's own watch."""

from __future__ import annotations

from aishell_core.clock import Clock
from aishell_core.engines.mongodb import MongoSession
from aishell_core.targets import Target
from aishell_core.values import Ability, CommandResult, Limits, Part, PlanNode, Reading, Session, Tier, Value
from collectors.contract import Collector, Demand, Tiers, usual_tiers
from collectors.mongodb.cold import ColdTier
from collectors.mongodb.hot import HotTier
from collectors.mongodb.warm import WarmTier

_EXPLAIN_SECONDS = 5.0


class MongoCollector:
    """Three tiers over one session."""

    def __init__(self, session: MongoSession, hot: HotTier, warm: WarmTier, cold: ColdTier) -> None:
        self._session = session
        self._hot = hot
        self._warm = warm
        self._cold = cold

    @property
    def abilities(self) -> Ability:
        """What the server can be asked; all of it until a first reading has told what kind of server it is."""
        return self._hot.abilities

    async def collect(self, tier: Tier, demand: Demand) -> Reading:
        """One reading of one tier; raises TargetError when the server cannot be read at all."""
        match tier:
            case Tier.HOT:
                return await self._hot.read(demand)
            case Tier.WARM:
                return await self._warm.read(demand)
            case Tier.COLD:
                return await self._cold.read()

    def tiers_of(self, part: Part) -> Tiers:
        """As usual, but that the members of a set are read in the warm tier."""
        return frozenset({Tier.WARM}) if part is Part.REPLICATION else usual_tiers(part)

    async def explain(self, sql: str, database: str = "") -> tuple[PlanNode, ...]:
        """The plan of an operation, without running it; raises TargetError."""
        return await self._session.explain(sql, database, _EXPLAIN_SECONDS)

    async def estimated_rows(self, command: str, database: str, deadline_seconds: float) -> float | None:
        """About how many documents an operation would touch, which no plan tells; raises TargetError."""
        return await self._session.estimated_rows(command, database, deadline_seconds)

    async def cancel(self, session: Session, deadline_seconds: float) -> None:
        """End the running operation of exactly this session; raises TargetError."""
        await self._session.cancel(session, deadline_seconds)

    async def terminate(self, session: Session, deadline_seconds: float) -> None:
        """End exactly this session with its transaction and cursors; raises TargetError."""
        await self._session.terminate(session, deadline_seconds)

    def database_of(self, command: str, database: str) -> str:
        """The database in which a command would run; raises TargetError."""
        return self._session.database_of(command, database)

    async def run(
        self, command: str, parameters: tuple[Value, ...], limits: Limits, *, database: str = "", read_only: bool = True
    ) -> CommandResult:
        """What one operation of a person brought; raises TargetError."""
        return await self._session.run(command, parameters, limits, database=database, read_only=read_only)

    async def close(self) -> None:
        """Let go of the connections."""
        await self._session.close()


def open_mongodb(target: Target, clock: Clock) -> Collector:
    """The collector of a server; nothing is connected before the first reading."""
    session = MongoSession(target, clock)
    session.load()
    return MongoCollector(session, HotTier(session, target, clock), WarmTier(session, target, clock), ColdTier(session, target, clock))
