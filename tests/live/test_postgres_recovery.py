"""A server that was away, or that has changed, is seen as it is now, soon and without anybody's doing."""

from __future__ import annotations

import asyncio
from functools import partial

from aishell_core.clock import SystemClock
from aishell_core.errors import TargetError
from aishell_core.values import FailureCode, Part, Reading, Tier
from collectors.contract import NOTHING
from collectors.poller import Poller
from collectors.postgres.collector import open_postgres
from collectors.postgres.hot import HotTier
from collectors.schedule import RECOVERY_SECONDS, Schedule, recovery_cap_seconds
from tests.servers.postgres import postgres
from tests.servers.postgres_clients import hot_tier
from tests.servers.postgres_tiers import AheadClock, until


async def test_a_frozen_server_is_tried_again_soon_and_goes_on_by_itself() -> None:
    clock, readings = SystemClock(), list[Reading]()
    with postgres("15") as server:
        target = server.target()
        poller = Poller(
            target,
            lambda: open_postgres(target, clock),
            lambda reading, _: readings.append(reading),
            schedule=Schedule(hot_seconds=0.5, deadline_seconds=1.9),
            clock=clock,
            demand=lambda: NOTHING,
        )
        running = asyncio.create_task(poller.run())
        try:
            await until(lambda: _well(readings), 60)
            with server.frozen():
                await until(lambda: _failed(readings, 4), 120)
            failed = [reading.failures[0].code for reading in readings if reading.tier is Tier.HOT and not reading.samples]
            assert set(failed) == {FailureCode.TIMEOUT}
            readings.clear()
            await until(lambda: _well(readings), 60)
        finally:
            running.cancel()
            await asyncio.wait([running])
    assert recovery_cap_seconds(FailureCode.TIMEOUT, 30.0, 60.0) == RECOVERY_SECONDS


async def _well(readings: list[Reading]) -> bool:
    return any(reading.tier is Tier.HOT and reading.samples for reading in readings)


async def _failed(readings: list[Reading], times: int) -> bool:
    return sum(1 for reading in readings if reading.tier is Tier.HOT and not reading.samples) >= times


async def test_what_keeps_statements_from_being_counted_is_told_anew_at_once_after_a_restart() -> None:
    clock, wanted = AheadClock(), frozenset({Part.STATEMENTS})
    with postgres("15", statements=False, settings={"shared_preload_libraries": ""}) as server:
        async with hot_tier(server, clock=clock) as tier:

            async def hint() -> str | None:
                reading = await tier.read(wanted)
                return next((each.hint for each in reading.failures if each.code is FailureCode.MISSING), None)

            assert "restart the server" in await until(hint, 60)
            server.settings["shared_preload_libraries"] = "pg_stat_statements"
            server.restart()

            clock.ahead += 5.0  # statements are due, and what was known of the server before is not old
            assert await until(partial(_told_to_create, tier), 60)
            server.execute("CREATE EXTENSION pg_stat_statements")

            async def counted() -> Reading | None:
                clock.ahead += 1.0
                reading = await tier.read(wanted)
                return reading if reading.statements and not reading.failures else None

            reading = await until(counted, 60)
            assert not any(statement.sampled for statement in reading.statements or ())


async def _told_to_create(tier: HotTier) -> bool:
    try:
        reading = await tier.read(frozenset({Part.STATEMENTS}))
    except TargetError:
        return False  # the connection of the life before is found to be gone
    return [each.hint for each in reading.failures if each.code is FailureCode.MISSING] == ["CREATE EXTENSION pg_stat_statements;"]
