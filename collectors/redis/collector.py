"""The collector of Redis and Valkey: two connections at most, one for what is read each second and one for what may take long."""

from __future__ import annotations

from dataclasses import replace

from aishell_core.clock import Clock
from aishell_core.engines.redis import RedisSession
from aishell_core.errors import TargetError
from aishell_core.targets import Target
from aishell_core.values import Ability, CommandResult, FailureCode, Limits, Part, PlanNode, Reading, Session, Tier, Value
from collectors.contract import Collector, Demand, Tiers, usual_tiers
from collectors.redis.cold import ColdTier
from collectors.redis.hot import HotTier
from collectors.redis.keys import KeysReader
from collectors.redis.questions import Questions
from collectors.redis.warm import WarmTier

_ABILITIES = (
    Ability.SESSIONS
    | Ability.WAITS
    | Ability.STATEMENTS
    | Ability.RELATIONS
    | Ability.SETTINGS
    | Ability.REPLICATION
    | Ability.PROGRESS
    | Ability.CANCEL
    | Ability.TERMINATE
    | Ability.RUN
)


_OF_SENTINEL = Ability.SESSIONS | Ability.WAITS | Ability.REPLICATION | Ability.TERMINATE | Ability.RUN


class RedisCollector:
    """Three tiers over one session, which also ends clients and runs commands of people."""

    def __init__(self, session: RedisSession, hot: HotTier, warm: WarmTier, cold: ColdTier) -> None:
        self._session = session
        self._hot = hot
        self._warm = warm
        self._cold = cold

    @property
    def abilities(self) -> Ability:
        """All but locks and plans, which Redis has none of; a sentinel has neither data nor settings, and counts no commands."""
        return _OF_SENTINEL if self._hot.of_sentinel else _ABILITIES

    def tiers_of(self, part: Part) -> Tiers:
        """As usual, but that settings, which cost next to nothing here, are read in the cold tier alone."""
        return frozenset({Tier.COLD}) if part is Part.SETTINGS else usual_tiers(part)

    async def collect(self, tier: Tier, demand: Demand) -> Reading:
        """One reading of one tier; raises TargetError when the server cannot be read at all."""
        reading = await self._read(tier, demand)
        if self._hot.of_sentinel:
            # It knows few commands by its nature: there is nothing that somebody has taken away from it.
            return replace(reading, failures=tuple(each for each in reading.failures if each.code is not FailureCode.MISSING))
        return reading

    async def _read(self, tier: Tier, demand: Demand) -> Reading:
        match tier:
            case Tier.HOT:
                return await self._hot.read(demand)
            case Tier.WARM:
                return await self._warm.read(demand)
            case Tier.COLD:
                return await self._cold.read()

    async def explain(self, sql: str, database: str = "") -> tuple[PlanNode, ...]:
        """Always raises TargetError: a command has no plan."""
        raise TargetError(
            FailureCode.UNSUPPORTED,
            "Redis has no plans: a command names its keys and does what it says",
            "its help tells what it costs: COMMAND DOCS, or https://redis.io/commands",
        )

    async def cancel(self, session: Session, deadline_seconds: float) -> None:
        """End what exactly this client waits for; raises TargetError."""
        await self._session.cancel(session, deadline_seconds)

    async def terminate(self, session: Session, deadline_seconds: float) -> None:
        """Close the connection of exactly this client; raises TargetError."""
        await self._session.terminate(session, deadline_seconds)

    def database_of(self, command: str, database: str) -> str:
        """The database in which a command would run; raises TargetError."""
        return self._session.database_of(command, database)

    async def run(
        self, command: str, parameters: tuple[Value, ...], limits: Limits, *, database: str = "", read_only: bool = True
    ) -> CommandResult:
        """What one command brought; raises TargetError."""
        return await self._session.run(command, parameters, limits, database=database, read_only=read_only)

    async def close(self) -> None:
        """Let go of the connections."""
        await self._session.close()


def open_redis(target: Target, clock: Clock) -> Collector:
    """The collector of a server; nothing is connected before the first reading."""
    session = RedisSession(target, clock)
    session.load()
    questions = Questions(session, clock)
    database = target.location.database or target.location.option("db") or "0"
    hot = HotTier(session, questions, target, clock)
    keys = KeysReader(questions, clock, database)
    return RedisCollector(session, hot, WarmTier(questions, target, clock, keys, hot.learn), ColdTier(questions, target, clock))
