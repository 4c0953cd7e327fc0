"""What a visible pane demands is read closely on real servers, and only that."""

from __future__ import annotations

import pytest

from aishell_core.values import FailureCode, Part, Reading
from collectors.contract import NOTHING, Demand
from collectors.postgres.hot import HotTier
from tests.servers.postgres import postgres, standby_of
from tests.servers.postgres_clients import clients, hot_tier
from tests.servers.postgres_tiers import SetClock, until

MAINTENANCE: Demand = frozenset({Part.PROGRESS, Part.HORIZON})
REPLICATION: Demand = frozenset({Part.REPLICATION})


async def _read_with(tier: HotTier, demand: Demand, field: str, clock: SetClock) -> Reading:
    """The first of the next readings that brings a part; time passes as it does between two ticks."""

    async def look() -> Reading | None:
        clock.ahead += 1.0
        reading = await tier.read(demand)
        return reading if getattr(reading, field) is not None else None

    return await until(look)


@pytest.mark.parametrize("version", ["14", "15", "18"])
async def test_a_watched_part_comes_with_every_other_reading_and_nothing_else_does(version: str) -> None:
    clock = SetClock()
    with postgres(version) as server, clients(server, 1) as (client,):
        client.run("BEGIN", "CREATE TABLE held (id int)")
        async with hot_tier(server, clock=clock) as tier:
            unwatched = await tier.read(NOTHING)
            assert (unwatched.progress, unwatched.horizon, unwatched.replication) == (None, None, None)

            first = await _read_with(tier, MAINTENANCE, "horizon", clock)
            assert client.id in {holder.name for holder in first.horizon or ()}
            assert first.progress is not None
            assert first.replication is None, "nobody looks at replication"

            soon = await tier.read(MAINTENANCE)
            assert soon.horizon is None, "it is not read with each reading of the moment"
            again = await _read_with(tier, MAINTENANCE, "horizon", clock)
            assert again.at > first.at

            peers = await _read_with(tier, REPLICATION, "replication", clock)
            assert peers.replication == ()

            clock.ahead += 30.0
            idle = await tier.read(NOTHING)
            assert (idle.progress, idle.horizon, idle.replication) == (None, None, None)
            assert idle.cost.queries == 1


async def test_the_lag_of_a_standby_is_read_closely_from_both_sides() -> None:
    clock = SetClock()
    with postgres("15") as primary, standby_of(primary) as standby:
        for server, role in ((primary, "standby"), (standby, "upstream")):
            async with hot_tier(server, clock=clock) as tier:
                reading = await _peer_of(tier, role, clock)
                assert reading.replication is not None
                assert reading.progress is None


async def _peer_of(tier: HotTier, role: str, clock: SetClock) -> Reading:
    async def look() -> Reading | None:
        reading = await _read_with(tier, REPLICATION, "replication", clock)
        return reading if any(peer.role == role for peer in reading.replication or ()) else None

    return await until(look)


async def test_a_failure_of_a_watched_part_is_told_with_each_reading_until_it_is_over() -> None:
    clock = SetClock()
    with postgres("15") as server, clients(server, 1) as (client,):
        server.execute("CREATE ROLE nothing LOGIN")
        client.run("BEGIN", "CREATE TABLE held (id int)")
        async with hot_tier(server, user="nothing", clock=clock) as tier:
            await _read_with(tier, MAINTENANCE, "horizon", clock)
            between = await tier.read(MAINTENANCE)
            assert between.horizon is None
            assert FailureCode.PRIVILEGE in {each.code for each in between.failures if each.part == Part.HORIZON}
            server.execute("GRANT pg_monitor TO nothing")

            async def mended() -> Reading | None:
                reading = await _read_with(tier, MAINTENANCE, "horizon", clock)
                return reading if not [each for each in reading.failures if each.part == Part.HORIZON] else None

            assert client.id in {holder.name for holder in (await until(mended)).horizon or ()}


async def test_a_slow_answer_about_a_watched_part_holds_up_no_reading_of_the_moment() -> None:
    """The slow connection waits here for a lock on a catalog, as it would for a busy server."""
    clock = SetClock()
    with postgres("15") as server, clients(server, 1) as (client,):
        async with hot_tier(server, clock=clock) as tier:
            await tier.read(NOTHING)
            client.run("BEGIN", "LOCK TABLE pg_catalog.pg_publication IN ACCESS EXCLUSIVE MODE")
            held = await tier.read(REPLICATION)
            assert held.samples
            assert held.replication is None or _troubled(held), "what waits for a lock is told as soon as it is given up"
            client.run("ROLLBACK")

            async def whole() -> Reading | None:
                reading = await _read_with(tier, REPLICATION, "replication", clock)
                return None if _troubled(reading) else reading

            assert (await until(whole)).replication == ()


def _troubled(reading: Reading) -> bool:
    return any(each.part == Part.REPLICATION for each in reading.failures)
