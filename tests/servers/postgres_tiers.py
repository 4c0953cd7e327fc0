"""The slow tiers of the PostgreSQL collector on a real server, for tests."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TypeVar

from aishell_core.clock import Clock, SystemClock
from aishell_core.engines.postgres import PostgresSession
from aishell_core.values import NO_LABELS, Labels, Metric, Part, Reading
from collectors.contract import Demand
from collectors.postgres.cold import ColdTier
from collectors.postgres.pieces import reading_of
from collectors.postgres.relations import RelationsReader
from collectors.postgres.replication_lag import LagMemory
from collectors.postgres.sizes import SizesReader
from collectors.postgres.slow_questions import Budget
from collectors.postgres.warm import WarmTier
from collectors.postgres.watched import WatchedReader
from tests.servers.postgres import SUPERUSER, PostgresServer
from tests.servers.postgres_session import PatientSession

T = TypeVar("T")


class AheadClock(SystemClock):
    """The machine's clock, set forward by a test instead of waiting; so is what counts intervals."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def now(self) -> float:
        return super().now() + self.ahead

    def steady(self) -> float:
        return super().steady() + self.ahead


class SetClock(AheadClock):
    """A clock that stands still but for what a test sets it forward: however long anything takes, nothing is due by itself."""

    def __init__(self) -> None:
        super().__init__()
        self._now, self._steady = super().now(), super().steady()

    def now(self) -> float:
        return self._now + self.ahead

    def steady(self) -> float:
        return self._steady + self.ahead


@dataclass(frozen=True, slots=True)
class Tiers:
    """The two tiers and what is watched, over one session."""

    session: PostgresSession
    clock: Clock
    warm_tier: WarmTier
    cold_tier: ColdTier
    watched: WatchedReader

    async def warm(self, *parts: Part) -> Reading:
        """The warm tier, and of the parts that are read closely while they are watched those that are asked for."""
        demand: Demand = frozenset(parts)
        reading = await self.warm_tier.read(demand)
        pieces = await self.watched.read(demand, Budget.lasting(self.clock, 5.0))
        close = reading_of(reading.target, reading.tier, reading.at, pieces, None)
        return replace(
            reading,
            replication=close.replication,
            progress=close.progress,
            horizon=close.horizon,
            failures=(*reading.failures, *close.failures),
        )

    async def cold(self, *parts: Part) -> Reading:
        demand: Demand = frozenset(parts)
        return await self.cold_tier.read(demand)


@asynccontextmanager
async def tiers_of(
    server: PostgresServer,
    *,
    user: str = SUPERUSER,
    database: str = "postgres",
    clock: Clock | None = None,
    relations: RelationsReader | None = None,
    patient: bool = True,
    memory: LagMemory | None = None,
) -> AsyncIterator[Tiers]:
    """Warm and cold tier of a server, as a role and in a database, for as long as the block lasts.

    `memory` is what another reader of the server knows. Without `patient` each statement has the time that it has in the program.
    """
    used = clock or SystemClock()
    target = server.target(user=user, database=database)
    session = (PatientSession if patient else PostgresSession)(target, used)
    try:
        memory = memory or LagMemory()
        sizes = SizesReader(used)
        warm, cold = WarmTier(session, target, used, relations, memory, sizes), ColdTier(session, target, used, relations, sizes)
        yield Tiers(session, used, warm, cold, WatchedReader(session, used, memory))
    finally:
        await session.close()


async def until(look: Callable[[], Awaitable[T | None]], seconds: float = 60.0) -> T:
    """Look again and again until there is something to be seen; fails when that takes too long."""
    end = time.monotonic() + seconds
    while True:
        found = await look()
        if found:
            return found
        assert time.monotonic() < end, "it did not happen in time"
        await asyncio.sleep(0.02)


def figure(reading: Reading, metric: Metric, labels: Labels = NO_LABELS) -> float | None:
    """The value of a metric in a reading, None where it is not known."""
    return next((sample.value for sample in reading.samples if sample.metric is metric and sample.labels == labels), None)
