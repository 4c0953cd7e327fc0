"""The slow tiers of the MySQL collector on a real server, and servers that replicate, for tests."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TypeVar

from aishell_core.clock import Clock, SystemClock
from aishell_core.engines.mysql import MysqlSession
from aishell_core.values import NO_LABELS, Labels, Metric, Part, Reading
from collectors.budget import Budget
from collectors.contract import Demand
from collectors.mysql.cold import ColdTier
from collectors.mysql.relations import RelationsReader
from collectors.mysql.replication_lag import ChannelTimes
from collectors.mysql.warm import WarmTier
from collectors.mysql.warm_state import StateReader
from collectors.mysql.watched import WatchedReader
from collectors.pieces import reading_of
from tests.servers.mysql import MysqlServer

T = TypeVar("T")


class AheadClock(SystemClock):
    """The machine's clock, set forward by a test instead of waiting; so is what counts intervals."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def now(self) -> float:
        return super().now() + self.ahead

    def steady(self) -> float:
        return super().steady() + self.ahead


@dataclass(frozen=True, slots=True)
class Tiers:
    """The two tiers and what is watched, over one session."""

    session: MysqlSession
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
            cost=reading.cost + close.cost,
        )

    async def cold(self, *parts: Part) -> Reading:
        return await self.cold_tier.read(frozenset(parts))


@asynccontextmanager
async def tiers_of(
    server: MysqlServer,
    *,
    user: str = "root",
    clock: Clock | None = None,
    relations: RelationsReader | None = None,
) -> AsyncIterator[Tiers]:
    """Warm and cold tier of a server, as an account, for as long as the block lasts."""
    used = clock or SystemClock()
    target = server.target(user=user)
    session = MysqlSession(target, used)
    states, times, tables = StateReader(used), ChannelTimes(), relations or RelationsReader(used)
    try:
        warm = WarmTier(session, target, used, tables, states, times)
        yield Tiers(session, used, warm, ColdTier(session, target, used, tables, states), WatchedReader(session, used, states, times))
    finally:
        await session.close()


_PAUSE_SECONDS = 0.15


async def until(look: Callable[[], Awaitable[T | None]], seconds: float = 30.0) -> T:
    """Look again and again until there is something to be seen; fails when that takes too long."""
    end = time.monotonic() + seconds
    while True:
        found = await look()
        if found:
            return found
        assert time.monotonic() < end, "it did not happen in time"
        # MySQL renews information_schema.INNODB_TRX only when nobody has read it for a tenth of a second.
        await asyncio.sleep(_PAUSE_SECONDS)


def figure(reading: Reading, metric: Metric, labels: Labels = NO_LABELS) -> float | None:
    """The value of a metric in a reading, None where it is not known."""
    return next((sample.value for sample in reading.samples if sample.metric is metric and sample.labels == labels), None)
