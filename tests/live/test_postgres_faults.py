"""What becomes of a server under watch, and that the watch goes on by itself: frozen, killed, promoted, full, and more."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from typing import Any

import pg8000.native
import pytest

from aishell_core import catalogue
from aishell_core.clock import SystemClock
from aishell_core.errors import TargetError
from aishell_core.series.rates import rates
from aishell_core.targets import Target
from aishell_core.values import Facts, Failure, FailureCode, Kind, Part, Reading, Tier
from collectors.contract import EVERYTHING, NOTHING, Collector, Demand
from collectors.postgres.collector import open_postgres
from collectors.postgres.hot import DEADLINE_SECONDS
from collectors.schedule import Schedule
from tests.servers.pgbouncer import pgbouncer
from tests.servers.postgres import PostgresServer, postgres, standby_of
from tests.servers.postgres_clients import clients
from tests.servers.postgres_session import at
from tests.servers.postgres_tiers import figure, until


@pytest.fixture(params=["15", "16", "18"])
def server(request: pytest.FixtureRequest) -> Iterator[PostgresServer]:
    with postgres(request.param) as running:
        yield running


@asynccontextmanager
async def watching(target: Target) -> AsyncIterator[Collector]:
    collector = open_postgres(target, SystemClock())
    try:
        yield collector
    finally:
        await collector.close()


async def _trouble(collector: Collector) -> TargetError:
    """The error that a reading ends with by itself, for which it has less time than the poller gives."""
    assert Schedule().deadline_seconds > DEADLINE_SECONDS
    with pytest.raises(TargetError) as caught:
        async with asyncio.timeout(20):
            await collector.collect(Tier.HOT, NOTHING)
    assert caught.value.message
    assert caught.value.hint
    return caught.value


async def _again(collector: Collector) -> Reading:
    """The first reading that works again."""

    async def read() -> Reading | None:
        try:
            return await collector.collect(Tier.HOT, NOTHING)
        except TargetError:
            return None

    return await until(read)


async def _reading(collector: Collector, demand: Demand = NOTHING) -> Reading:
    """A reading of a server that is well; one that took too long on a busy machine is repeated."""

    async def read() -> Reading | None:
        try:
            reading = await collector.collect(Tier.HOT, demand)
        except TargetError as error:
            if error.reason is FailureCode.TIMEOUT:
                return None
            raise
        return None if FailureCode.TIMEOUT in {failure.code for failure in reading.failures} else reading

    return await until(read)


def _facts(reading: Reading) -> Facts:
    assert reading.facts is not None
    return reading.facts


async def test_a_frozen_server_is_named_as_the_reason_each_time_and_read_again_when_it_goes_on(server: PostgresServer) -> None:
    async with watching(server.target()) as collector:
        await _reading(collector)
        with server.frozen():
            for _ in range(3):
                error = await _trouble(collector)
                assert error.reason is FailureCode.TIMEOUT
        assert (await _again(collector)).samples
    own = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'aishell'"
    await until(lambda: _true(server.execute(own) == [[0]]))


async def _true(condition: bool) -> bool:
    return condition


async def test_a_killed_server_is_not_reachable_and_its_next_life_is_another_one(server: PostgresServer) -> None:
    async with watching(server.target()) as collector:
        before = _facts(await _reading(collector))
        server.kill()
        error = await _trouble(collector)
        assert error.reason is FailureCode.REFUSED
        assert str(server.port) in error.message
        server.start()
        after = _facts(await _again(collector))
        assert after.started_at != before.started_at
        assert after.role == before.role == "primary"


async def test_counters_that_are_reset_make_a_gap_and_no_negative_rate(server: PostgresServer) -> None:
    server.execute("CREATE TABLE stock (id int)", "INSERT INTO stock SELECT generate_series(1, 1000)")
    async with watching(server.target()) as collector:
        readings = [await _reading(collector)]
        server.execute("SELECT pg_stat_reset()", "SELECT pg_stat_reset_shared('bgwriter')")
        before = figure(readings[0], catalogue.TRANSACTIONS_RATE)

        async def reset() -> bool:
            readings.append(await _reading(collector))
            now = figure(readings[-1], catalogue.TRANSACTIONS_RATE)
            return now is not None and before is not None and now < before

        assert await until(reset)
        readings.append(await _reading(collector))
    for reading in readings:
        ratio, latency = figure(reading, catalogue.CACHE_HIT_RATIO), figure(reading, catalogue.TRANSACTION_LATENCY)
        assert ratio is None or 0 <= ratio <= 1
        assert latency is None or latency >= 0
    counted = {sample.metric for reading in readings for sample in reading.samples if sample.metric.kind is Kind.COUNTER}
    for metric in counted:
        values = [figure(reading, metric) for reading in readings]
        found = rates([reading.at for reading in readings], [float("nan") if each is None else each for each in values], 10.0)
        assert not any(each < 0 for each in found)


async def test_statistics_that_are_reset_with_a_restart_begin_a_new_life(server: PostgresServer) -> None:
    async with watching(server.target()) as collector:
        before = await _reading(collector)
        began = time.monotonic()
        server.restart()
        after = await _again(collector)
        assert figure(after, catalogue.CACHE_HIT_RATIO) is None, "there is no interval across a restart"
        assert (figure(after, catalogue.UPTIME) or 0) <= time.monotonic() - began + 1
        assert _facts(after).started_at != _facts(before).started_at


async def test_a_standby_is_a_replica_without_lag_and_after_promotion_a_primary(server: PostgresServer) -> None:
    with standby_of(server) as standby:
        async with watching(standby.target()) as collector:
            server.execute("CREATE TABLE stock (id int)", "INSERT INTO stock SELECT generate_series(1, 1000)")

            async def applied() -> Reading | None:
                reading = await _reading(collector, EVERYTHING)
                return reading if figure(reading, catalogue.REPLICATION_LAG) == 0 else None

            reading = await until(applied)
            facts = _facts(reading)
            assert (facts.role, dict(facts.details)["timeline"]) == ("replica", "1")
            assert (figure(reading, catalogue.WAL_BYTES) or 0) > 0
            # The primary writes next to nothing now, and what it wrote has been applied: nobody falls behind.
            age = "SELECT extract(epoch FROM now() - pg_last_xact_replay_timestamp())::float8 > 3"
            before = time.monotonic()
            while not standby.execute(age)[0][0]:
                began = time.monotonic()
                # What has come since the reading before may be on its way still.
                assert (figure(await _reading(collector), catalogue.REPLICATION_LAG) or 0) < time.monotonic() - before + 1
                before = began
            standby.execute("SELECT pg_promote()")
            promoted = await _reading(collector)
            assert (_facts(promoted).role, dict(_facts(promoted).details)["timeline"]) == ("primary", "2")
            assert figure(promoted, catalogue.REPLICATION_LAG) is None
            assert (figure(promoted, catalogue.WAL_BYTES) or 0) >= (figure(reading, catalogue.WAL_BYTES) or 0)
            assert _facts(promoted).started_at == facts.started_at


async def test_a_standby_that_does_not_apply_falls_behind(server: PostgresServer) -> None:
    with standby_of(server) as standby:
        async with watching(standby.target()) as collector:
            server.execute("CREATE TABLE stock (id int)")

            async def there() -> bool:
                return figure(await _reading(collector), catalogue.REPLICATION_LAG) == 0

            await until(there)
            standby.execute("SELECT pg_wal_replay_pause()")
            server.execute("INSERT INTO stock SELECT generate_series(1, 1000)")

            async def behind() -> bool:
                return (figure(await _reading(collector), catalogue.REPLICATION_LAG) or 0) > 1

            assert await until(behind)


async def test_a_dropped_database_is_named_and_read_again_once_it_is_back(server: PostgresServer) -> None:
    server.execute("CREATE DATABASE shop")
    async with watching(server.target(database="shop")) as collector:
        await _reading(collector)
        server.execute("DROP DATABASE shop WITH (FORCE)")
        error = await _trouble(collector)
        assert error.reason is FailureCode.MISSING
        assert "shop" in error.message
        server.execute("CREATE DATABASE shop")
        assert (await _again(collector)).samples


async def test_a_changed_password_is_named_once_the_connection_is_gone(server: PostgresServer) -> None:
    with postgres(
        server.binaries.version, hba="local all all trust\nhost all watcher all scram-sha-256\nhost all all all trust\n"
    ) as strict:
        strict.execute("CREATE ROLE watcher LOGIN PASSWORD 'old' IN ROLE pg_monitor")
        async with watching(strict.target(user="watcher", password="old")) as collector:
            await _reading(collector)
            strict.execute("ALTER ROLE watcher PASSWORD 'new'")
            assert (await _reading(collector)).samples, "the open connection goes on"
            strict.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'watcher'")
            error = await _trouble(collector)
            assert error.reason is FailureCode.AUTHENTICATION
            assert "old" not in f"{error.message}{error.hint}"
            strict.execute("ALTER ROLE watcher PASSWORD 'old'")
            assert (await _again(collector)).samples


def _all_connections(server: PostgresServer) -> list[Any]:
    """Every connection that an ordinary role may have."""
    taken = []
    with contextlib.suppress(pg8000.native.DatabaseError):
        while True:
            taken.append(server.connect(user="app"))
    assert taken
    return taken


async def test_when_no_connection_is_left_we_keep_ours_and_say_so(server: PostgresServer) -> None:
    server.execute("CREATE ROLE watcher LOGIN IN ROLE pg_monitor", "CREATE ROLE app LOGIN")
    async with watching(server.target(user="watcher")) as collector, watching(server.target(user="watcher")) as late:
        await _reading(collector)
        with ExitStack() as stack:
            taken = _all_connections(server)
            for one in taken:
                stack.callback(one.close)
            reading = await _reading(collector, frozenset({Part.SESSIONS}))
            used, most = figure(reading, catalogue.CONNECTIONS_USED), figure(reading, catalogue.CONNECTIONS_MAX)
            assert used is not None
            assert most is not None
            assert used >= most - 3
            assert (figure(reading, catalogue.POOL_USAGE) or 0) > 0.9
            assert len([session for session in reading.sessions or () if session.user == "app"]) == len(taken)
            # Statements and the slower tiers want a second connection: they say why they have none, and the first goes on.

            async def told() -> Failure | None:
                wanted = await _reading(collector, EVERYTHING)
                assert wanted.samples
                return next((failure for failure in wanted.failures if failure.part == Part.STATEMENTS), None)

            failure = await until(told)
            assert failure.code is FailureCode.REFUSED
            assert "connection" in failure.message
            error = await _trouble(late)
            assert error.reason is FailureCode.REFUSED
            assert "no connection left" in error.message
        assert (await _again(late)).samples


async def test_through_a_pooler_everything_is_read(server: PostgresServer) -> None:
    with pgbouncer(server) as pooler, clients(server, 1, application="shop") as (client,):
        client.run("SELECT 'behind'")
        async with watching(at(pooler.url())) as collector:
            for _ in range(3):
                for demand in (NOTHING, EVERYTHING):
                    reading = await _reading(collector, demand)
                    assert figure(reading, catalogue.CONNECTIONS_USED) is not None
                    assert not [failure for failure in reading.failures if failure.part != Part.STATEMENTS]
            assert dict(_facts(reading).details)["pooled"] == "yes"
            assert [session.text for session in reading.sessions or () if session.id == client.id] == ["SELECT 'behind'"]


async def test_readings_of_several_targets_go_on_while_one_is_frozen(server: PostgresServer) -> None:
    with postgres(server.binaries.version) as other:
        async with watching(server.target()) as stuck, watching(other.target()) as well:
            await _reading(stuck)
            await _reading(well, EVERYTHING)

            async def beside() -> bool:
                """Whether three readings of the one come and go while the other one hangs."""
                hung = asyncio.create_task(_trouble(stuck))
                readings = [await _reading(well, EVERYTHING) for _ in range(3)]
                assert all(reading.samples for reading in readings)
                first = not hung.done()
                await hung
                return first

            with server.frozen():
                assert await until(beside)
