"""What becomes of a real MySQL or MariaDB under watch, and that the watch goes on by itself: frozen, killed, full, locked out."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial

import pytest

from aishell_core import catalogue
from aishell_core.errors import TargetError
from aishell_core.series.rates import rates
from aishell_core.values import Facts, FailureCode, Kind, Part, Reading, Tier
from collectors.contract import EVERYTHING, NOTHING
from collectors.mysql.collector import MysqlCollector
from tests.servers.mysql import MARIADB, Client, MysqlServer, mysql
from tests.servers.mysql_clients import figure, look, until, watching


@pytest.fixture(params=[MARIADB, "mysql-8.0"])
def server(request: pytest.FixtureRequest) -> Iterator[MysqlServer]:
    with mysql(request.param) as running:
        yield running


async def _trouble(collector: MysqlCollector, seconds: float = 10.0) -> TargetError:
    """The error that a reading ends with, which comes by itself and soon."""
    began = time.monotonic()
    with pytest.raises(TargetError) as caught:
        await collector.collect(Tier.HOT, NOTHING)
    assert time.monotonic() - began < seconds
    assert caught.value.message
    assert caught.value.hint
    return caught.value


async def _again(collector: MysqlCollector) -> Reading:
    """The first reading that works again."""

    async def read() -> Reading | None:
        try:
            return await collector.collect(Tier.HOT, NOTHING)
        except TargetError:
            return None

    return await until(read)


def _facts(reading: Reading) -> Facts:
    assert reading.facts is not None
    return reading.facts


async def test_a_frozen_server_is_named_as_the_reason_each_time_and_read_again_when_it_goes_on(server: MysqlServer) -> None:
    async with watching(server.target()) as collector:
        await look(collector, NOTHING)
        with server.frozen():
            for _ in range(3):
                assert (await _trouble(collector)).reason is FailureCode.TIMEOUT
        assert (await _again(collector)).samples

    async def left() -> bool:
        return server.execute("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE COMMAND = 'Sleep'") == [(0,)]

    assert await until(left)


async def test_a_killed_server_is_not_reachable_and_its_next_life_is_another_one(server: MysqlServer) -> None:
    async with watching(server.target()) as collector:
        before = _facts(await look(collector, NOTHING))
        server.kill()
        error = await _trouble(collector)
        assert error.reason is FailureCode.REFUSED
        assert str(server.port) in error.message
        server.start()
        after = _facts(await _again(collector))
    assert after.started_at != before.started_at
    assert after.version == before.version


async def test_a_restart_between_two_readings_makes_a_gap_and_no_negative_rate(server: MysqlServer) -> None:
    server.execute("CREATE DATABASE shop", "CREATE TABLE shop.t (id int)", *("INSERT INTO shop.t VALUES (1)",) * 30)
    async with watching(server.target()) as collector:
        readings = [await look(collector, NOTHING) for _ in range(2)]
        server.restart()
        readings += [await _again(collector), await look(collector, NOTHING)]
    counted = {sample.metric for reading in readings for sample in reading.samples if sample.metric.kind is Kind.COUNTER}
    for metric in counted:
        values = [figure(reading, metric) for reading in readings]
        found = rates([reading.at for reading in readings], [float("nan") if each is None else each for each in values], 60.0)
        assert not any(each < 0 for each in found), metric.name
    ratio = figure(readings[2], catalogue.CACHE_HIT_RATIO)
    assert ratio is None or 0 <= ratio <= 1


async def test_a_changed_password_is_told_and_what_is_open_stays_in_use(server: MysqlServer) -> None:
    server.execute("CREATE USER watcher@'%' IDENTIFIED BY 'old'", "GRANT PROCESS ON *.* TO watcher@'%'")
    async with watching(server.target(user="watcher", password="old")) as collector:
        await look(collector, NOTHING)
        server.execute("ALTER USER watcher@'%' IDENTIFIED BY 'new'")
        assert (await look(collector, NOTHING)).samples
        rows = server.execute("SELECT ID FROM information_schema.PROCESSLIST WHERE USER = 'watcher'")
        for (number,) in rows:
            server.execute(f"KILL {number}")

        async def refused() -> TargetError | None:
            try:
                await collector.collect(Tier.HOT, NOTHING)
            except TargetError as error:
                return error if error.reason is FailureCode.AUTHENTICATION else None
            return None

        error = await until(refused)
    assert "watcher" in error.message
    assert "password" in error.hint


async def test_a_server_without_a_free_connection_is_told_and_ours_stay_in_use(server: MysqlServer) -> None:
    server.execute("CREATE USER watcher@'%' IDENTIFIED BY 'x'", "GRANT PROCESS ON *.* TO watcher@'%'", "SET GLOBAL max_connections = 12")
    async with watching(server.target(user="watcher", password="x")) as collector:
        await look(collector, NOTHING)
        clients: list[Client] = []
        with pytest.raises(Exception, match="Too many connections"):  # noqa: PT012
            while True:
                clients.append(server.connect(user="watcher", password="x"))
        assert (await look(collector, NOTHING)).samples
        async with watching(server.target(user="watcher", password="x")) as late:
            error = await _trouble(late)
            assert error.reason is FailureCode.REFUSED
            assert "Too many connections" in error.message
            assert "max_connections" in error.hint
            for client in clients:
                client.close()
            assert (await _again(late)).samples


async def _without_ours(collector: MysqlCollector) -> Reading | None:
    """A reading that tells of no session: of its own account one sees all, so also one of ours that was given up a moment ago."""
    reading = await look(collector)
    return None if reading.sessions else reading


async def test_a_role_with_nothing_still_gets_a_dashboard_and_is_told_the_grants(server: MysqlServer) -> None:
    server.execute("CREATE USER nobody@'%' IDENTIFIED BY 'x'")
    other = server.connect()
    async with watching(server.target(user="nobody", password="x")) as collector:
        readings = [await until(partial(_without_ours, collector)) for _ in range(2)]
        slow = [await collector.collect(tier, EVERYTHING) for tier in (Tier.WARM, Tier.COLD)]
    for reading in readings:
        assert figure(reading, catalogue.QUERIES_RATE) is not None
        assert figure(reading, catalogue.CONNECTIONS_USED) is not None
        # What cannot be seen is left out, and never told to be nothing.
        assert figure(reading, catalogue.SESSIONS_ACTIVE) is None
        assert figure(reading, catalogue.LOCKS_WAITING) is None
        hidden = [failure for failure in reading.failures if failure.part == Part.SESSIONS and failure.code is FailureCode.PRIVILEGE]
        assert any("GRANT PROCESS ON *.* TO 'nobody'@'%';" in failure.hint for failure in hidden)
        assert (reading.sessions, reading.lock_waits) == (None, None)
        assert any("GRANT PROCESS" in failure.hint for failure in reading.failures if failure.part == Part.LOCKS)
    assert all(failure.hint for reading in (*readings, *slow) for failure in reading.failures if failure.code is FailureCode.PRIVILEGE)
    other.close()


async def test_the_grants_that_are_told_suffice(server: MysqlServer) -> None:
    server.execute("CREATE USER watcher@'%' IDENTIFIED BY 'x'")
    other = server.connect()
    async with watching(server.target(user="watcher", password="x")) as collector:
        reading = await look(collector)
    hints = {failure.hint for failure in reading.failures if failure.code is FailureCode.PRIVILEGE}
    for hint in hints:
        server.execute(*(each for each in hint.split(";") if each.strip()))
    async with watching(server.target(user="watcher", password="x")) as collector:
        reading = await look(collector)
    assert other.id in {session.id for session in reading.sessions or ()}
    assert not [failure for failure in reading.failures if failure.code is FailureCode.PRIVILEGE]
    assert figure(reading, catalogue.SESSIONS_ACTIVE) is not None
