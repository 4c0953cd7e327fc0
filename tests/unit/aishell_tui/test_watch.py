"""One target under watch: what its readings of all tiers are told as."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from aishell_core.catalogue import CONNECTIONS_USED, MYSQL_REPLICATION_STOPPED, REPLICATION_LAG
from aishell_core.clock import Clock
from aishell_core.series.store import SeriesStore
from aishell_core.targets import Target, parse_location
from aishell_core.values import Ability, Event, EventKind, Facts, PlanNode, Reading, Sample, Severity, TargetId, Tier
from aishell_tui.watch import Watch
from collectors.contract import Demand
from collectors.schedule import Schedule
from tests.fake_clock import FakeClock


@dataclass
class Replica:
    """A collector whose warm tier alone tells of replication."""

    target: Target
    clock: Clock
    stopped: float = 0.0
    role: str = "replica"
    lag_seconds: float | None = None

    @property
    def abilities(self) -> Ability:
        return Ability.REPLICATION

    async def collect(self, tier: Tier, demand: Demand) -> Reading:
        sample = Sample(MYSQL_REPLICATION_STOPPED, self.stopped) if tier is Tier.WARM else Sample(CONNECTIONS_USED, 1)
        late = (Sample(REPLICATION_LAG, self.lag_seconds),) if self.lag_seconds is not None and tier is Tier.HOT else ()
        facts = Facts("mysql", "8.0.36", self.role, 1000.0) if tier is Tier.HOT else None
        return Reading(self.target.name, tier, self.clock.now(), (sample, *late) if tier is not Tier.COLD else (), facts)

    async def explain(self, sql: str, database: str = "") -> tuple[PlanNode, ...]:
        return ()

    async def close(self) -> None:
        return


async def test_a_state_that_a_slower_tier_changes_is_an_event_once_and_so_is_its_end() -> None:
    clock, told = FakeClock(), list[Event]()
    target = Target(TargetId("db"), parse_location("mysql://db.example/"))
    replica = Replica(target, clock)
    watch = Watch(target, SeriesStore(), clock, lambda *_: replica, Schedule(), {}, told.append, lambda: 0.0)
    running = asyncio.create_task(watch.poller.run())
    try:
        await clock.advance(20)
        assert told == []
        replica.stopped = 1.0
        await clock.advance(60)
        assert [(event.kind, event.severity) for event in told] == [(EventKind.STATE, Severity.CRITICAL)]
        assert told[0].text == "threads of replication that do not run: 1"
        replica.stopped = 0.0
        await clock.advance(60)
        assert [event.severity for event in told] == [Severity.CRITICAL, Severity.OK]
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_server_that_is_promoted_is_not_called_late_any_more() -> None:
    clock, told = FakeClock(), list[Event]()
    target = Target(TargetId("db"), parse_location("mysql://db.example/"))
    replica = Replica(target, clock, lag_seconds=3500.0)
    watch = Watch(target, SeriesStore(), clock, lambda *_: replica, Schedule(), {}, told.append, lambda: 0.0)
    running = asyncio.create_task(watch.poller.run())
    try:
        await clock.advance(60)
        assert [reason.metric for reason in watch.view.assessment.reasons] == [REPLICATION_LAG.name]
        replica.role, replica.lag_seconds = "primary", None
        await clock.advance(1)
        assert watch.view.assessment.reasons == ()
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@dataclass
class Slow(Replica):
    """Answers late, of the moment at which it was asked."""

    takes_seconds: float = 0.0

    async def collect(self, tier: Tier, demand: Demand) -> Reading:
        reading = await super().collect(tier, demand)
        await self.clock.sleep(self.takes_seconds)
        return reading


async def test_a_state_is_not_over_before_it_has_begun_although_the_reading_is_of_a_moment_before() -> None:
    clock, told = FakeClock(), list[Event]()
    target = Target(TargetId("db"), parse_location("mysql://db.example/"))
    slow = Slow(target, clock)
    watch = Watch(target, SeriesStore(), clock, lambda *_: slow, Schedule(deadline_seconds=30.0), {}, told.append, lambda: 0.0)
    running = asyncio.create_task(watch.poller.run())
    try:
        await clock.advance(5)
        slow.takes_seconds = 2.2
        for _ in range(30):
            await clock.advance(0.2)
            watch.current()
        assert [event.severity for event in told[:2]] == [Severity.UNKNOWN, Severity.OK]
        assert told[0].at <= told[1].at
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
