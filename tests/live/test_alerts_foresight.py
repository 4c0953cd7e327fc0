"""What alerts that wait cost a real server: nothing all the day, and a look at its sessions just before one fires."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from aishell_core.clock import Clock, SystemClock
from aishell_core.targets import Target
from aishell_core.values import Part
from aishell_tui.alert_sight import WANTED
from aishell_tui.runtime import Runtime
from alerts.language.parser import parse_condition
from alerts.models import Evidence, Level, Phase
from alerts.rule import Rule, Trigger
from collectors.contract import Collector
from collectors.host.collector import open_host
from collectors.postgres.collector import open_postgres
from collectors.schedule import Schedule
from tests.alert_dashboard import Room, waiting_rule
from tests.alert_service import book_of
from tests.servers.postgres import PostgresServer, postgres
from tests.servers.postgres_tiers import until

_DAY_SECONDS = 86_400.0


def _held(name: str, seconds: float) -> Rule:
    """Holds on any server that answers, and fires after so many seconds."""
    trigger = Trigger(Level.WARNING, parse_condition("connections.used > 0"))
    return replace(waiting_rule(name), triggers=(trigger,), for_seconds=seconds)


def _opened(target: Target, clock: Clock) -> Collector:
    return open_postgres(target, clock) if target.engine == "postgres" else open_host(target, clock)


def _looks_at_sessions(server: PostgresServer) -> int:
    """How often every session of the server was read, as it counts itself."""
    found = server.execute(
        "SELECT coalesce(sum(calls), 0)::int FROM pg_stat_statements WHERE query LIKE '%aishell%client_hostname AS hostname%'"
    )
    return int(found[0][0])


@asynccontextmanager
async def _watched(server: PostgresServer, room: Room, clock: Clock) -> AsyncIterator[Runtime]:
    runtime = Runtime(
        (server.target(),),
        clock=clock,
        open_collector=_opened,
        schedule=Schedule(hot_seconds=0.5),
        thresholds={},
        state_folder=None,
        open_alerts=room.open,
    )
    running = asyncio.create_task(runtime.run())
    try:
        yield runtime
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_setting_that_was_changed_just_before_an_alert_is_in_its_evidence(tmp_path: Path) -> None:
    clock = SystemClock()
    with postgres("15") as server:
        room = Room(tmp_path, clock, _held("in-a-day", _DAY_SECONDS))
        async with _watched(server, room, clock) as runtime:

            async def is_known() -> bool:
                alerts = runtime.frame().alerts
                return runtime.frame().targets[0].settings is not None and alerts is not None and bool(alerts.alerts)

            await until(is_known, 120)
            server.execute("ALTER SYSTEM SET work_mem = '7MB'")
            server.execute("SELECT pg_reload_conf()")

            async def is_in_force() -> bool:
                return bool(server.execute("SELECT 1 FROM pg_settings WHERE name = 'work_mem' AND setting = '7168'"))

            await until(is_in_force, 60)
            # What was read within the last seconds is not read again at once.
            read_at = clock.now()

            async def is_a_while_ago() -> bool:
                return clock.now() - read_at > WANTED[Part.SETTINGS] + 1.0

            await until(is_a_while_ago, 60)
            room.books.put(book_of(_held("now", 0.0)))

            async def found() -> Evidence | None:
                alerts, feed = runtime.frame().alerts, runtime.alerts
                firing = next((alert for alert in alerts.alerts if alert.phase is Phase.FIRING), None) if alerts is not None else None
                if firing is None or feed is None or feed.service is None:
                    return None
                evidence = await feed.service.evidence(firing)
                return evidence if evidence is not None and evidence.setting_changes else None

            evidence = await until(found, 120)
            assert any("work_mem" in line for line in evidence.setting_changes)


async def test_an_alert_that_waits_for_a_day_has_nothing_read_and_one_about_to_fire_has_the_sessions_read(tmp_path: Path) -> None:
    clock = SystemClock()
    with postgres("15") as server:
        room = Room(tmp_path, clock, _held("in-a-day", _DAY_SECONDS))
        async with _watched(server, room, clock) as runtime:

            async def pending() -> bool:
                alerts = runtime.frame().alerts
                return alerts is not None and any(alert.phase is Phase.PENDING for alert in alerts.alerts)

            await until(pending, 120)
            read_at = runtime.frame().targets[0].last_ok_at or 0.0

            async def read_on() -> bool:
                return (runtime.frame().targets[0].last_ok_at or 0.0) > read_at + 5.0

            await until(read_on, 120)
            assert _looks_at_sessions(server) == 0
            room.books.put(book_of(_held("in-a-while", 12.0)))

            async def looked_at() -> bool:
                return _looks_at_sessions(server) > 0

            await until(looked_at, 120)
