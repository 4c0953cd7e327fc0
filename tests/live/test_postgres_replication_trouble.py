"""What goes wrong in replication is an event and a figure by its kind: caused on real standbys and subscribers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pg8000.native
import pytest

from aishell_core.clock import SystemClock
from aishell_core.series.keys import SeriesKey
from aishell_core.values import Part, ReplicationPeer, TargetId
from aishell_tui.frame import TargetView
from aishell_tui.runtime import Runtime
from aishell_tui.screens.replication_rows import peer_rows
from collectors.registry import open_collector
from collectors.schedule import Schedule
from tests.servers.postgres import PostgresServer, postgres, standby_of
from tests.servers.postgres_clients import clients
from tests.servers.postgres_tiers import Tiers, tiers_of, until
from widgets.glyphs import UNICODE

TARGET = TargetId("pg")
_SECONDS = 90.0


class Watching:
    """A runtime that looks at one server, and what it has told so far."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def view(self) -> TargetView:
        view = self._runtime.frame().view(TARGET)
        assert view is not None
        return view

    def told(self, text: str) -> list[str]:
        """The events that say this."""
        return [event.text for event in self._runtime.frame().events if text in event.text]

    def raw(self, metric: str) -> dict[tuple[str, ...], float]:
        """The newest raw values of a metric by their labels' values."""
        snapshot = self.view().snapshot
        found: dict[tuple[str, ...], float] = {}
        for key in snapshot.find(metric):
            value = snapshot.raw(SeriesKey(key.metric, key.labels))
            if value is not None:
                found[tuple(label for _, label in key.labels)] = value
        return found


@asynccontextmanager
async def watching(server: PostgresServer) -> AsyncIterator[Watching]:
    runtime = Runtime(
        (server.target(str(TARGET)),),
        clock=SystemClock(),
        open_collector=open_collector,
        schedule=Schedule(hot_seconds=1.0, warm_seconds=1.0),
        thresholds={},
        state_folder=None,
        jitter=lambda: 0.0,
    )
    task = asyncio.create_task(runtime.run())
    try:
        yield Watching(runtime)
    finally:
        task.cancel()
        await runtime.stopped.wait()


async def _event(watched: Watching, text: str) -> str:
    async def look() -> str | None:
        return next(iter(watched.told(text)), None)

    return await until(look, _SECONDS)


async def _known(watched: Watching, metric: str) -> dict[tuple[str, ...], float]:
    async def look() -> dict[tuple[str, ...], float] | None:
        return watched.raw(metric) or None

    return await until(look, _SECONDS)


@pytest.mark.parametrize("version", ["14", "15", "18"])
async def test_queries_that_replaying_the_log_cancels_are_told_and_counted_by_kind(version: str) -> None:
    at_once = {"max_standby_streaming_delay": "0", "hot_standby_feedback": "off"}
    with postgres(version, settings={"autovacuum": "off"}) as primary, standby_of(primary, settings=at_once) as standby:
        primary.execute("CREATE TABLE held (id int)", "CREATE TABLE seen (id int)", "INSERT INTO seen SELECT generate_series(1, 1000)")
        await until(lambda: _has(standby, "SELECT 1 FROM pg_class WHERE relname = 'seen'"), _SECONDS)
        await until(lambda: _has(standby, "SELECT 1 FROM seen HAVING count(*) = 1000"), _SECONDS)
        async with watching(standby) as watched:
            kinds = await _known(watched, "postgres.conflicts.kind.rate")
            assert set(kinds.values()) == {0.0}
            assert (("logical slot",) in kinds) == (standby.binaries.major >= 16)
            with clients(standby, 1) as (reader,):
                reader.run("BEGIN", "SELECT count(*) FROM held")
                primary.execute("ALTER TABLE held ADD COLUMN note text")
                assert await _event(watched, "lock conflict")
            with clients(standby, 1) as (rereader,):
                rereader.run("BEGIN ISOLATION LEVEL REPEATABLE READ", "SELECT count(*) FROM seen")
                primary.execute("DELETE FROM seen", "VACUUM seen")
                assert await _event(watched, "snapshot conflict") == "replaying the log cancelled 1 query: snapshot conflict"
            counted = watched.raw("postgres.conflicts.kind.rate")
            assert counted["lock",] >= 1
            assert counted["snapshot",] >= 1
            assert counted["tablespace",] == 0
        async with tiers_of(standby) as tiers:
            (upstream,) = [each for each in (await tiers.warm(Part.REPLICATION)).replication or () if each.role == "upstream"]
            assert f"{counted['snapshot',]:.0f} by snapshot" in dict(upstream.details)["queries cancelled by replay"]


async def _has(server: PostgresServer, sql: str) -> bool:
    # The table may not be there yet.
    with contextlib.suppress(pg8000.native.DatabaseError):
        return bool(server.execute(sql))
    return False


@contextlib.contextmanager
def _subscribed(version: str) -> Iterator[tuple[PostgresServer, PostgresServer]]:
    logical = {"wal_level": "logical"}
    with postgres(version, settings=logical) as publisher, postgres(version, settings=logical) as subscriber:
        publisher.execute("CREATE TABLE orders (id int PRIMARY KEY)", "CREATE PUBLICATION shop FOR TABLE orders")
        subscriber.execute("CREATE TABLE orders (id int PRIMARY KEY)", "INSERT INTO orders VALUES (7)")
        link = f"host=127.0.0.1 port={publisher.port} user=postgres dbname=postgres"
        subscriber.execute(f"CREATE SUBSCRIPTION mirror CONNECTION '{link}' PUBLICATION shop")
        try:
            yield publisher, subscriber
        finally:
            subscriber.execute("ALTER SUBSCRIPTION mirror DISABLE", "ALTER SUBSCRIPTION mirror SET (slot_name = NONE)")


@pytest.mark.parametrize("version", ["14", "15", "18"])
async def test_a_subscription_that_cannot_apply_a_row_is_told_with_what_the_server_knows(version: str) -> None:
    with _subscribed(version) as (publisher, subscriber):
        async with watching(subscriber) as watched, tiers_of(subscriber) as tiers:

            async def streaming() -> ReplicationPeer | None:
                peers = (await tiers.warm(Part.REPLICATION)).replication or ()
                return next((each for each in peers if each.state == "streaming"), None)

            await until(streaming, _SECONDS)

            async def well() -> bool:
                return watched.raw("postgres.subscription.down") == {("mirror",): 0.0}

            await until(well, _SECONDS)
            publisher.execute("INSERT INTO orders VALUES (7)")
            if version == "14":
                # It counts no errors: what is seen is that the worker has gone, which is started again every five seconds.
                assert await _event(watched, "no worker applies what the subscription mirror brings")
            else:
                assert await _event(watched, "the subscription mirror cannot apply what it is sent")
                assert watched.raw("postgres.subscription.errors.rate")["mirror",] >= 1
                assert "it has failed: errors applying" in await until(lambda: _row_note(watched, tiers), _SECONDS)
            if version == "18":
                assert (await _event(watched, "conflict with those that are here")).endswith("insert_exists")
            subscriber.execute("DELETE FROM orders WHERE id = 7")
            await until(well, _SECONDS)
            await until(lambda: _has(subscriber, "SELECT 1 FROM orders WHERE id = 7"), _SECONDS)


async def _row_note(watched: Watching, tiers: Tiers) -> str:
    """What stands under the row of the subscription in the pane."""
    reading = await tiers.warm(Part.REPLICATION)
    view = replace(watched.view(), replication=reading.replication)
    (row,) = [row for row in peer_rows(view, reading.at, UNICODE, 1000) if row.id.startswith("subscription/mirror/")]
    return "".join(text for text, _ in row.note)


async def test_a_server_without_subscriptions_is_not_asked_for_them() -> None:
    with postgres("15") as server:
        async with watching(server) as watched:
            await _known(watched, "postgres.settings.pending_restart")
            assert watched.raw("postgres.subscription.down") == {}
            assert watched.raw("postgres.conflicts.kind.rate") == {}, "a primary replays nothing"
