"""What the collectors of servers share: three tiers over one session, which also explains, acts and runs commands of people."""

from __future__ import annotations

from typing import Protocol

from aishell_core.engines.base import Cancellable, Closeable, Placing, Runnable
from aishell_core.values import Ability, CommandResult, Limits, PlanNode, Reading, Session, Tier, Value
from collectors.contract import Demand

_EXPLAIN_SECONDS = 5.0


class ServerSession(Cancellable, Runnable, Placing, Closeable, Protocol):
    """A session with a server of several databases."""

    async def explain(self, sql: str, database: str, deadline_seconds: float) -> tuple[PlanNode, ...]:
        """The plan of a statement as seen in a database ("" for the target's own), without running it."""


class TierReader(Protocol):
    """Reads one tier."""

    async def read(self, demand: Demand) -> Reading:
        """One reading; raises TargetError when the server cannot be read at all."""


class HotReader(TierReader, Protocol):
    """Reads the hot tier, with something beside it that has to be ended."""

    def close(self) -> None:
        """End what is under way."""


class ServedCollector:
    """Three tiers over one session."""

    def __init__(self, abilities: Ability, session: ServerSession, hot: HotReader, warm: TierReader, cold: TierReader) -> None:
        self._abilities = abilities
        self._session = session
        self._hot = hot
        self._tiers: dict[Tier, TierReader] = {Tier.HOT: hot, Tier.WARM: warm, Tier.COLD: cold}

    @property
    def abilities(self) -> Ability:
        """All that a server of this kind can be asked."""
        return self._abilities

    async def collect(self, tier: Tier, demand: Demand) -> Reading:
        """One reading of one tier; raises TargetError when the server cannot be read at all."""
        return await self._tiers[tier].read(demand)

    async def explain(self, sql: str, database: str = "") -> tuple[PlanNode, ...]:
        """The plan of a statement, without running it; raises TargetError."""
        return await self._session.explain(sql, database, _EXPLAIN_SECONDS)

    async def cancel(self, session: Session, deadline_seconds: float) -> None:
        """Cancel the running statement of exactly this session; raises TargetError."""
        await self._session.cancel(session, deadline_seconds)

    async def terminate(self, session: Session, deadline_seconds: float) -> None:
        """End exactly this session; raises TargetError."""
        await self._session.terminate(session, deadline_seconds)

    def database_of(self, command: str, database: str) -> str:
        """The database in which a command would run; raises TargetError."""
        return self._session.database_of(command, database)

    async def run(
        self, command: str, parameters: tuple[Value, ...], limits: Limits, *, database: str = "", read_only: bool = True
    ) -> CommandResult:
        """What one statement of a person brings; raises TargetError."""
        return await self._session.run(command, parameters, limits, database=database, read_only=read_only)

    async def close(self) -> None:
        """End what is under way and let go of the connections."""
        self._hot.close()
        await self._session.close()
