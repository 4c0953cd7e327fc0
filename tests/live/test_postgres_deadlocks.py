"""A deadlock that a real server breaks is an event of its own, although the server tells but a count."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from contextlib import suppress

import pg8000.native
import pytest

from aishell_core.catalogue import DEADLOCKS_RATE
from aishell_core.clock import SystemClock
from aishell_core.series.keys import SeriesKey
from aishell_core.series.store import SeriesStore
from aishell_core.values import Event, EventKind
from aishell_tui.watch import Watch
from collectors.registry import open_collector
from collectors.schedule import Schedule
from tests.servers.postgres import PostgresServer, pids_waiting, postgres
from tests.servers.postgres_tiers import until
from tests.servers.sqlite_client import eventually


def _lock_crosswise(server: PostgresServer) -> None:
    """Two transactions that want what the other one has; the server ends one of them."""
    with contextlib.closing(server.connect()) as first, contextlib.closing(server.connect()) as second:
        for client, own in ((first, 1), (second, 2)):
            client.run("SET deadlock_timeout = '50ms'")
            client.run("BEGIN")
            client.run(f"UPDATE stock SET amount = amount + 1 WHERE id = {own}")

        def cross() -> None:
            with suppress(pg8000.native.DatabaseError):
                first.run("UPDATE stock SET amount = amount + 1 WHERE id = 2")

        waiting = threading.Thread(target=cross)
        waiting.start()
        eventually(lambda: bool(pids_waiting(server)))
        with suppress(pg8000.native.DatabaseError):
            second.run("UPDATE stock SET amount = amount + 1 WHERE id = 1")
        second.run("ROLLBACK")
        waiting.join()


@pytest.mark.parametrize("version", ["15", "17"])
async def test_it_is_told_once_when_the_server_has_counted_it(version: str) -> None:
    events: list[Event] = []
    with postgres(version, statements=False) as server:
        server.execute("CREATE TABLE stock (id int PRIMARY KEY, amount int)", "INSERT INTO stock VALUES (1, 0), (2, 0)")
        target = server.target()
        watch = Watch(target, SeriesStore(), SystemClock(), open_collector, Schedule(hot_seconds=0.3), {}, events.append, lambda: 0.0)
        polling = asyncio.create_task(watch.poller.run())

        async def counted() -> bool:
            return watch.view.snapshot.raw(SeriesKey(DEADLOCKS_RATE)) == 0.0

        async def told() -> list[Event]:
            return [event for event in events if event.kind is EventKind.DEADLOCK]

        try:
            await until(counted)
            await asyncio.to_thread(_lock_crosswise, server)
            (event,) = await until(told)
        finally:
            polling.cancel()
            with suppress(asyncio.CancelledError):
                await polling
    assert event.text.startswith("1 deadlock was broken")
