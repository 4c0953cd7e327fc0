"""The dashboard over Oracle's recorded rows at 80x24: the same screens, by abilities alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from textual.pilot import Pilot

from aishell_core.clock import SystemClock
from aishell_tui.app import AishellApp
from aishell_tui.options import DashboardOptions
from aishell_tui.runtime import Runtime
from collectors.schedule import Schedule
from tests.app.test_screens import text_of, until
from tests.servers.oracle_recorded import RecordedServer, collector_on, target


@asynccontextmanager
async def dashboard(server: RecordedServer) -> AsyncIterator[tuple[AishellApp, Pilot[int]]]:
    """The whole application over one recorded server, with its first reading on screen."""
    runtime = Runtime(
        (target(),),
        clock=SystemClock(),
        open_collector=lambda _target, clock: collector_on(server, clock=clock),
        schedule=Schedule(hot_seconds=0.5, warm_seconds=2, deadline_seconds=2),
        thresholds={},
        state_folder=None,
        jitter=lambda: 0.0,
    )
    app = AishellApp(runtime, DashboardOptions(targets=(target(),)))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: bool(app.frame.targets) and bool(app.frame.targets[0].last_ok_at))
        yield app, pilot


async def test_health_sessions_locks_waits_and_statements() -> None:
    async with dashboard(RecordedServer()) as (app, pilot):
        await pilot.press("2")
        await until(pilot, lambda: "9/472" in text_of(app) and "3 sessions wait behind 102,4002" in text_of(app))
        await pilot.press("4")
        await until(pilot, lambda: "UPDATE stock SET n = 0" in text_of(app) and "idle in tx" in text_of(app))
        await pilot.press("t")
        await until(pilot, lambda: "├ 103,4003" in text_of(app) and "│ └ 104,4004" in text_of(app) and "└ 105,4005" in text_of(app))
        await pilot.press("escape", "2", "w")
        await until(pilot, lambda: "User I/O" in text_of(app) and "CPU" in text_of(app))
        await pilot.press("escape", "3")
        await until(pilot, lambda: "%TIME" in text_of(app))
        # From live by way of what was counted since the reset: the recorded totals never grow.
        await pilot.press("t", "t")
        await until(pilot, lambda: "queries  total" in text_of(app) and "SELECT o.id, o.total" in text_of(app))


async def test_tables_replication_and_maintenance() -> None:
    async with dashboard(RecordedServer()) as (app, pilot):
        await pilot.press("2", "b")
        await until(pilot, lambda: "SHOP.ORDERS" in text_of(app) and "12 GiB" in text_of(app))
        await pilot.press("escape", "r")
        await until(pilot, lambda: "ORCL_B" in text_of(app) and "no listener" in text_of(app))
        await pilot.press("escape", "v")
        await until(pilot, lambda: "table scan SHOP.ORDERS" in text_of(app) and "left 1m13s" in text_of(app))
        await until(pilot, lambda: "102,4002 SHOP" in text_of(app))


async def test_a_user_who_may_see_nothing_is_told_the_grants() -> None:
    server = RecordedServer()
    server.barred = lambda sql: "v$" in sql or "dba_" in sql
    async with dashboard(server) as (app, pilot):
        await pilot.press("2")
        await until(pilot, lambda: "parts n/a: m" in text_of(app))
        await pilot.press("4")
        await until(pilot, lambda: "GRANT SELECT ON SYS.V_$SESSION TO AISHELL;" in text_of(app))
        await pilot.press("2", "b")
        await until(pilot, lambda: "AISHELL.NOTES" in text_of(app) and "only what AISHELL owns is told" in text_of(app))
