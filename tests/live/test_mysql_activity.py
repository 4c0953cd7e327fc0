"""Sessions, waits and figures of real MySQL and MariaDB servers, with and without performance_schema."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pymysql
import pytest

from aishell_core import catalogue
from aishell_core.values import Part, Reading, Session
from collectors.contract import NOTHING
from tests.servers.mysql import MARIADB, MysqlServer, mysql
from tests.servers.mysql_clients import figure, look, session_of, sessions_by_id, until, waiters, watching

SESSIONS = frozenset({Part.SESSIONS})


@pytest.fixture(scope="module", params=["mariadb-plain", "mariadb-schema", "mysql"])
def server(request: pytest.FixtureRequest) -> Iterator[MysqlServer]:
    with mysql("mysql-8.0" if request.param == "mysql" else MARIADB, performance_schema=request.param == "mariadb-schema") as running:
        running.execute(
            "CREATE DATABASE shop",
            "CREATE TABLE shop.stock (id int PRIMARY KEY, amount int)",
            "INSERT INTO shop.stock VALUES (1, 1), (2, 2)",
        )
        yield running


async def test_each_session_shows_who_it_is_and_what_it_does(server: MysqlServer) -> None:
    with waiters(server, 3, database="shop", application="till") as (idle, busy, forgetful):
        forgetful.run("BEGIN", "UPDATE stock SET amount = 5 WHERE id = 1")
        busy.send("SELECT SLEEP(100) AS nap")
        async with watching(server.target()) as collector:
            resting = await session_of(collector, idle.client, "idle")
            active = await session_of(collector, busy.client, "active")
            open_one = await session_of(collector, forgetful.client, "idle in transaction")

            async def named() -> bool:
                found = sessions_by_id(await look(collector, SESSIONS))[idle.id]
                return found.application == "till" or not (await _schema(server))

            assert await until(named)
            again = await session_of(collector, busy.client, "active")
    for session in (resting, active, open_one):
        assert (session.user, session.database, session.client) == ("root", "shop", "127.0.0.1")
        assert session.kind == ""
        assert session.started_at is not None
    assert active.text == "SELECT SLEEP(100) AS nap"
    assert active.digest
    assert (active.wait_class, active.wait) == ("Timeout", "sleep")
    assert active.statement_seconds is not None
    assert active.statement_seconds >= 0
    assert active.transaction_seconds is None or server.binaries.version == "mysql-8.0"
    assert open_one.transaction_seconds is not None
    assert open_one.statement_seconds is None
    assert again.started_at == active.started_at
    assert resting.statement_seconds is None


async def _schema(server: MysqlServer) -> bool:
    return server.execute("SELECT @@performance_schema") == [(1,)]


async def test_our_own_connections_are_not_among_the_sessions(server: MysqlServer) -> None:
    async with watching(server.target()) as collector:
        for _ in range(2):
            reading = await look(collector)
            texts = [session.text for session in reading.sessions or ()]
            assert not [text for text in texts if "/* aishell */" in text]
        own = server.execute("SELECT ID FROM information_schema.PROCESSLIST WHERE INFO IS NULL AND USER = 'root' AND COMMAND = 'Sleep'")
        assert not {str(number) for (number,) in own} & set(sessions_by_id(reading))


async def test_figures_are_the_same_whether_or_not_the_sessions_are_looked_at(server: MysqlServer) -> None:
    with waiters(server, 4, database="shop") as (_, busy, forgetful, _):
        forgetful.run("BEGIN", "UPDATE stock SET amount = 5 WHERE id = 2")
        busy.send("SELECT SLEEP(100) AS nap")
        async with watching(server.target()) as collector:
            metrics = (catalogue.SESSIONS_ACTIVE, catalogue.SESSIONS_IDLE_IN_TRANSACTION, catalogue.LOCKS_WAITING)

            async def settled(demand: frozenset[Part]) -> Reading:
                async def read() -> Reading | None:
                    reading = await look(collector, demand)
                    found = [figure(reading, metric) for metric in metrics]
                    found.append(figure(reading, catalogue.SESSIONS_BY_STATE, state="idle"))
                    return reading if found == [1, 1, 0, 2] else None

                return await until(read)

            closely, briefly = await settled(SESSIONS), await settled(NOTHING)
    for reading in (closely, briefly):
        for metric in (catalogue.QUERY_DURATION, catalogue.TRANSACTION_DURATION, catalogue.TRANSACTION_IDLE):
            assert figure(reading, metric) is not None, metric.name
        assert [(wait.wait_class, wait.count) for wait in reading.waits or ()] == [("Timeout", 1)]
    assert briefly.sessions is None


async def test_markup_odd_bytes_and_very_long_texts_are_proper_text(server: MysqlServer) -> None:
    from tests.servers.mysql_subject import ODD_NAME

    long = "SELECT /* " + "x" * 200_000 + " */ SLEEP(100)"
    with waiters(server, 2) as (odd, lengthy):
        odd.send(f"SELECT SLEEP(100), '{ODD_NAME.replace(chr(39), '')}', '😀'")
        lengthy.send(long)
        async with watching(server.target()) as collector:
            one = await session_of(collector, odd.client, "active")
            other = await session_of(collector, lengthy.client, "active")
    assert "[bold]" in one.text
    one.text.encode()
    assert 1000 <= len(other.text) <= 8192


async def test_a_raw_statement_that_is_no_text_breaks_nothing(server: MysqlServer) -> None:
    client = server.connect(charset="latin1")
    errors: list[Exception] = []

    def run() -> None:
        try:
            client.connection._execute_command(3, b"SELECT SLEEP(100), '\xff\xfe\x1b[31m \xf0\x9f'")
            client.connection._read_query_result()
        except (pymysql.MySQLError, OSError) as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        async with watching(server.target()) as collector:
            session: Session = await session_of(collector, client, "active")
    finally:
        server.execute(f"KILL {client.id}")
        await asyncio.to_thread(thread.join)
    session.text.encode()
    assert session.text.startswith("SELECT SLEEP(100)")


async def test_counters_follow_what_is_done(server: MysqlServer) -> None:
    async with watching(server.target()) as collector:
        before = await look(collector, NOTHING)
        server.execute(
            "INSERT INTO shop.stock VALUES (10, 1), (11, 1), (12, 1)",
            "UPDATE shop.stock SET amount = 7 WHERE id >= 10",
            "BEGIN",
            "DELETE FROM shop.stock WHERE id = 12",
            "ROLLBACK",
            "DELETE FROM shop.stock WHERE id >= 10",
        )
        after = await look(collector, NOTHING)

    def gained(metric: object) -> float:
        first, second = figure(before, metric), figure(after, metric)  # type: ignore[arg-type]
        assert first is not None
        assert second is not None
        return second - first

    assert gained(catalogue.ROWS_INSERTED) >= 3
    assert gained(catalogue.ROWS_UPDATED) >= 3
    assert gained(catalogue.ROWS_DELETED) >= 3
    assert gained(catalogue.ROLLBACKS_RATE) == 1
    assert gained(catalogue.TRANSACTIONS_RATE) >= 3, "also what autocommit ends"
    assert gained(catalogue.QUERIES_RATE) >= 6
    assert gained(catalogue.WAL_BYTES) >= 0
    assert 0 <= (figure(after, catalogue.MYSQL_POOL_DIRTY) or 0.0) <= 1
    assert figure(after, catalogue.CONNECTIONS_MAX) == 60
    assert figure(after, catalogue.MYSQL_HISTORY) is not None
