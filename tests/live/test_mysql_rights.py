"""What accounts with some of the rights see of sessions that wait for each other: what is hidden is never told to be nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from aishell_core import catalogue
from aishell_core.values import FailureCode, Part, Reading
from collectors.contract import NOTHING
from collectors.mysql.collector import MysqlCollector
from tests.servers.mysql import MARIADB, MysqlServer, mysql
from tests.servers.mysql_clients import figure, look, session_of, sessions_by_id, until, waiters, watching

SCHEMA_ALONE = "GRANT SELECT ON performance_schema.* TO watcher@'%'"
PROCESS_ALONE = "GRANT PROCESS ON *.* TO watcher@'%'"


@pytest.fixture(scope="module", params=[MARIADB, "mysql-8.0"])
def server(request: pytest.FixtureRequest) -> Iterator[MysqlServer]:
    with mysql(request.param, performance_schema=True) as running:
        running.execute(
            "CREATE DATABASE shop",
            "CREATE TABLE shop.stock (id int PRIMARY KEY, amount int)",
            "INSERT INTO shop.stock VALUES (1, 1), (2, 2)",
        )
        yield running


@pytest.fixture
def watcher(server: MysqlServer) -> Iterator[MysqlServer]:
    """The server with an account that has no rights yet."""
    server.execute("CREATE USER watcher@'%' IDENTIFIED BY 'x'")
    yield server
    server.execute("DROP USER watcher@'%'")


def _update(number: int) -> str:
    return f"UPDATE shop.stock SET amount = amount + 1 WHERE id = {number}"


def _locks(reading: Reading) -> list[FailureCode]:
    return [failure.code for failure in reading.failures if failure.part == Part.LOCKS]


async def _with_row_locks(collector: MysqlCollector, server: MysqlServer) -> Reading:
    """A reading that was taken while the server counted sessions that wait for a row."""
    count = "SELECT COUNT(*) FROM information_schema.INNODB_TRX WHERE trx_state = 'LOCK WAIT'"

    async def read() -> Reading | None:
        before = server.execute(count) == [(1,)]
        reading = await look(collector)
        return reading if before and server.execute(count) == [(1,)] else None

    return await until(read)


async def test_without_process_nobody_is_told_that_nobody_waits(watcher: MysqlServer) -> None:
    watcher.execute(SCHEMA_ALONE)
    with waiters(watcher, 2, database="shop") as (holder, waiter):
        holder.run("BEGIN", _update(1))
        async with watching(watcher.target(user="watcher", password="x")) as collector:
            quiet = [await look(collector, NOTHING), await look(collector)]
            waiter.wait_for(_update(1))
            waiting = await _with_row_locks(collector, watcher)
            sessions = sessions_by_id(waiting)
    for reading in (*quiet, waiting):
        assert figure(reading, catalogue.LOCKS_WAITING) is None
        assert figure(reading, catalogue.LOCKS_WAIT) is None
        assert figure(reading, catalogue.SESSIONS_ACTIVE) is not None, "the schema shows who runs something"
        assert not reading.lock_waits
        told = [failure for failure in reading.failures if failure.part == Part.LOCKS]
        assert [failure.code for failure in told] == [FailureCode.PRIVILEGE]
        assert all(failure.essential and failure.hint == "GRANT PROCESS ON *.* TO 'watcher'@'%';" for failure in told)
    assert waiting.lock_waits is None
    assert {holder.id, waiter.id} <= set(sessions)


async def test_without_process_the_age_of_a_transaction_is_told_where_the_schema_has_it(watcher: MysqlServer) -> None:
    watcher.execute(SCHEMA_ALONE)
    with waiters(watcher, 1, database="shop") as (holder,):
        holder.run("BEGIN", _update(2))
        async with watching(watcher.target(user="watcher", password="x")) as collector:
            session = await session_of(collector, holder.client, "idle" if watcher.mariadb else "idle in transaction")
            reading = await look(collector)
    known = not watcher.mariadb
    for metric in (catalogue.TRANSACTION_DURATION, catalogue.TRANSACTION_IDLE, catalogue.SESSIONS_IDLE_IN_TRANSACTION):
        assert (figure(reading, metric) is not None) is known, metric.name
    assert (figure(reading, catalogue.SESSIONS_BY_STATE, state="idle") is not None) is known
    assert figure(reading, catalogue.SESSIONS_BY_STATE, state="active") is not None
    assert (session.transaction_seconds is not None) is known
    assert (dict(session.details).get("transaction") == "n/a: hidden from this account") is not known


async def test_who_holds_a_row_is_unknown_where_that_may_not_be_read(watcher: MysqlServer) -> None:
    watcher.execute(PROCESS_ALONE)
    with waiters(watcher, 2, database="shop") as (holder, waiter):
        async with watching(watcher.target(user="watcher", password="x")) as collector:
            quiet = await look(collector)
            holder.run("BEGIN", _update(1))
            waiter.wait_for(_update(1))
            reading = await _with_row_locks(collector, watcher)
    assert quiet.lock_waits == ()
    assert figure(reading, catalogue.LOCKS_WAITING) == 1
    if watcher.mariadb:
        assert {(wait.waiter, wait.holder) for wait in reading.lock_waits or ()} == {(waiter.id, holder.id)}
    else:
        assert reading.lock_waits is None
        assert _locks(reading) == [FailureCode.PRIVILEGE]
