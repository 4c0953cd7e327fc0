"""The session screens over a real server: a chain of locks, what was waited for, and the plan of what a session runs."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

import pytest
from textual.pilot import Pilot

from aishell_core.clock import SystemClock
from aishell_core.values import TargetId
from aishell_tui.app import AishellApp
from aishell_tui.options import DashboardOptions
from aishell_tui.runtime import Runtime
from aishell_tui.screens.session import SessionScreen
from aishell_tui.screens.sessions import SessionsScreen
from collectors.registry import open_collector
from collectors.schedule import Schedule
from tests.servers.postgres import PostgresServer, postgres
from tests.servers.postgres_clients import clients

TARGET = TargetId("pg")


@pytest.fixture(scope="module", params=["15", "16", "18"])
def server(request: pytest.FixtureRequest) -> Iterator[PostgresServer]:
    with postgres(request.param) as running:
        running.execute(
            "CREATE TABLE stock (id int PRIMARY KEY, amount int)", "INSERT INTO stock SELECT n, 0 FROM generate_series(1, 99) n"
        )
        yield running


@asynccontextmanager
async def dashboard(server: PostgresServer) -> AsyncIterator[tuple[AishellApp, Pilot[int]]]:
    targets = (server.target(TARGET),)
    runtime = Runtime(
        targets,
        clock=SystemClock(),
        open_collector=open_collector,
        schedule=Schedule(hot_seconds=0.25),
        thresholds={},
        state_folder=None,
        jitter=lambda: 0.0,
    )
    app = AishellApp(runtime, DashboardOptions(targets=targets))
    async with app.run_test(size=(120, 40)) as pilot:
        yield app, pilot
        # As at the end of the program: the connections are closed before the loop is.
        app.monitor.cancel()
        await runtime.stopped.wait()
        await pilot.pause()


async def until(pilot: Pilot[int], condition: Callable[[], bool]) -> None:
    """Let the program run until a condition holds."""
    app = pilot.app
    assert isinstance(app, AishellApp)
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if condition():
            return
        app.tick()
        await pilot.pause(0.05)
    raise AssertionError(f"never came true; the screen shows:\n{text_of(app)}")


def text_of(app: AishellApp) -> str:
    """What the screen shows, as text."""
    lines = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip) for strip in lines)


async def test_a_chain_of_four_is_drawn_head_first_and_its_waits_are_in_the_profile(server: PostgresServer) -> None:
    with clients(server, 4) as members:
        for place, client in enumerate(members):
            client.run("BEGIN", f"UPDATE stock SET amount = 1 WHERE id = {place + 1}")
            if place:
                client.wait_for(f"UPDATE stock SET amount = 2 WHERE id = {place}")
        async with dashboard(server) as (app, pilot):
            await pilot.press("4", "t")

            def tree() -> list[str]:
                return [line for line in text_of(app).splitlines() if "stock" in line]

            await until(pilot, lambda: "heads 1   waiting 3" in text_of(app) and len(tree()) == len(members))
            drawn = tree()
            for depth, (line, client) in enumerate(zip(drawn, members, strict=True)):
                assert line[2:].startswith("  " * max(0, depth - 1) + ("└ " if depth else "") + client.id)
            assert "idle in tx" in drawn[0]
            await pilot.press("j")
            await until(pilot, lambda: "Ending it frees 3 sessions; its own work since" in text_of(app))
            await pilot.press("w")
            await until(pilot, lambda: "Lock:transactionid" in text_of(app) and "3.00" in text_of(app))


async def test_the_statement_of_a_running_session_is_shown_in_full_with_its_plan(server: PostgresServer) -> None:
    with clients(server, 1) as (client,):
        client.send("SELECT amount, pg_sleep(60) FROM stock WHERE amount > -1 LIMIT 1")
        async with dashboard(server) as (app, pilot):
            await pilot.press("4")
            await until(pilot, lambda: isinstance(app.screen, SessionsScreen) and client.id in text_of(app) and "pg_sleep" in text_of(app))
            await pilot.press("j", "e")
            shown = ("Seq Scan", "WHERE amount > -1")
            await until(pilot, lambda: isinstance(app.screen, SessionScreen) and all(text in text_of(app) for text in shown))
