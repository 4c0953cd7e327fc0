"""The collector of SQLite database files: which tier is read in which thread, and what can be asked on demand."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Protocol

from aishell_core.clock import Clock
from aishell_core.engines.file_holders import FILE_HOLDERS, FileHolders
from aishell_core.engines.sqlite import SqliteSession
from aishell_core.engines.worker import DatabaseThread
from aishell_core.targets import Target
from aishell_core.values import Ability, CommandResult, Failure, Limits, Part, PlanNode, Reading, Relation, Tier, Value
from collectors.contract import Collector, Demand, Tiers, usual_tiers
from collectors.sqlite.hot import HotTier
from collectors.sqlite.place import Place, place_of
from collectors.sqlite.relations import read_relations
from collectors.sqlite.slow import SlowTier

_ABILITIES = (
    Ability.SESSIONS
    | Ability.LOCKS
    | Ability.STATEMENTS
    | Ability.RELATIONS
    | Ability.SETTINGS
    | Ability.EXPLAIN
    | Ability.INTEGRITY
    | Ability.RUN
)
DEADLINE_SECONDS: Mapping[Tier, float] = {Tier.HOT: 1.8, Tier.WARM: 4.7, Tier.COLD: 19.0}
"""A little less than the poller's own deadlines, so that a hung file system is named as the reason."""

_WARM_RELATIONS_SECONDS = 2.0
_COLD_RELATIONS_SECONDS = 15.0
_EXPLAIN_SECONDS = 5.0


class TierReader(Protocol):
    """Reads one tier; blocks."""

    def read(self, demand: Demand) -> Reading:
        """One reading; raises TargetError."""


class SqliteCollector:
    """Three tiers in three threads, so that a long walk through the file delays no figure of the moment."""

    def __init__(
        self,
        target: Target,
        tiers: Mapping[Tier, TierReader],
        session: SqliteSession,
        deadline_seconds: Mapping[Tier, float] = DEADLINE_SECONDS,
    ) -> None:
        self._target = target
        self._tiers = tiers
        self._session = session
        self._deadline_seconds = deadline_seconds
        self._threads = {tier: DatabaseThread(f"{target.name} {tier}") for tier in tiers}
        self._ask = DatabaseThread(f"{target.name} asked")

    @property
    def abilities(self) -> Ability:
        """Everything but replication, which SQLite has not."""
        return _ABILITIES

    async def collect(self, tier: Tier, demand: Demand) -> Reading:
        """One reading of one tier; raises TargetError when the file cannot be read at all."""
        return await self._threads[tier].run(partial(self._tiers[tier].read, demand), self._deadline_seconds[tier])

    def tiers_of(self, part: Part) -> Tiers:
        """As usual, but that the warm tier says which sessions and locks cannot be seen."""
        return usual_tiers(part) | ({Tier.WARM} if part in {Part.SESSIONS, Part.LOCKS} else frozenset())

    async def explain(self, sql: str, database: str = "") -> tuple[PlanNode, ...]:
        """The plan of a statement, without running it; raises TargetError where the text has none."""
        return await self._session.explain(sql, _EXPLAIN_SECONDS)

    async def relations(self, deadline_seconds: float) -> tuple[Relation, ...]:
        """Tables and indexes with their sizes; raises TargetError."""
        work = partial(read_relations, self._session.reader, deadline_seconds, 0.0)
        return (await self._ask.run(work, deadline_seconds + 0.5)).relations

    async def check_integrity(self, deadline_seconds: float) -> tuple[Failure, ...]:
        """What is damaged; empty when all is well. Raises TargetError, also when the deadline passes first."""
        return await self._session.check_integrity(deadline_seconds)

    async def run(
        self, command: str, parameters: tuple[Value, ...], limits: Limits, *, database: str = "", read_only: bool = True
    ) -> CommandResult:
        """What one statement of a person brings; raises TargetError."""
        return await self._session.run(command, parameters, limits, database=database, read_only=read_only)

    async def close(self) -> None:
        """Let the threads end; one that hangs in a dead file system ends with the program."""
        for thread in (*self._threads.values(), self._ask):
            thread.close()
        await self._session.close()


def open_sqlite(target: Target, clock: Clock) -> Collector:
    """The collector of a database file; raises TargetError when the target names none."""
    return collector_of(place_of(target), target, clock)


def collector_of(
    place: Place,
    target: Target,
    clock: Clock,
    processes: FileHolders = FILE_HOLDERS,
    deadline_seconds: Mapping[Tier, float] = DEADLINE_SECONDS,
) -> SqliteCollector:
    """A collector for a file at a place."""
    tiers: dict[Tier, TierReader] = {
        Tier.HOT: HotTier(place, clock, processes),
        Tier.WARM: SlowTier(place, clock, Tier.WARM, _WARM_RELATIONS_SECONDS, processes),
        Tier.COLD: SlowTier(place, clock, Tier.COLD, _COLD_RELATIONS_SECONDS, processes),
    }
    return SqliteCollector(target, tiers, SqliteSession(place.path), deadline_seconds)
