"""What alerts that wait cost a real server: nothing all the day, and a look at its sessions just before one fires."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from aishell_core.clock import Clock, SystemClock
from aishell_core.targets import Target
from aishell_tui.runtime import Runtime
from alerts.language.parser import parse_condition
from alerts.models import Level, Phase
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


async def test_an_alert_that_waits_for_a_day_has_nothing_read_and_one_about_to_fire_has_the_sessions_read(tmp_path: Path) -> None:
    clock = SystemClock()
    with postgres("15") as server:
        room = Room(tmp_path, clock, _held("in-a-day", _DAY_SECONDS))
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
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
