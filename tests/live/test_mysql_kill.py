"""Cancelling and ending sessions of real MySQL and MariaDB servers, and that only the very session is touched."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pymysql
import pytest

from aishell_core.values import FailureCode, Session
from tests.servers.mysql import MARIADB, MysqlServer, mysql
from tests.servers.mysql_clients import Waiter, asking, look, refusal, session_of, sessions_by_id, until, waiters, watching

_CHAPTER = re.compile(r"### To cancel and terminate\n(.*?)\n### ", re.DOTALL)
_SQL = re.compile(r"```sql\n(.*?)```", re.DOTALL)

ACCOUNTS = (
    "CREATE USER plain@'%' IDENTIFIED BY 'secret'",
    "GRANT PROCESS ON *.* TO plain@'%'",
    "CREATE USER managed@'%' IDENTIFIED BY 'secret'",
    "GRANT PROCESS ON *.* TO managed@'%'",
    "GRANT SELECT ON performance_schema.* TO managed@'%', plain@'%'",
    "CREATE PROCEDURE mysql.rds_kill(IN number BIGINT) SQL SECURITY DEFINER KILL CONNECTION number",
    "CREATE PROCEDURE mysql.rds_kill_query(IN number BIGINT) SQL SECURITY DEFINER KILL QUERY number",
    "GRANT EXECUTE ON PROCEDURE mysql.rds_kill TO managed@'%'",
    "GRANT EXECUTE ON PROCEDURE mysql.rds_kill_query TO managed@'%'",
)


@pytest.fixture(scope="module", params=[MARIADB, "mysql-8.0"])
def server(request: pytest.FixtureRequest) -> Iterator[MysqlServer]:
    with mysql(request.param) as running:
        running.execute(*ACCOUNTS)
        yield running


@pytest.fixture
def client(server: MysqlServer) -> Iterator[Waiter]:
    with waiters(server, 1) as (one,):
        yield one


def _is_there(server: MysqlServer, client: Waiter) -> bool:
    return bool(server.execute(f"SELECT 1 FROM information_schema.PROCESSLIST WHERE ID = {client.id}"))


async def test_a_running_statement_is_cancelled_and_its_session_stays(server: MysqlServer, client: Waiter) -> None:
    running = client.send("SELECT COUNT(*), SLEEP(120) FROM information_schema.COLLATIONS")
    async with watching(server.target()) as collector:
        await collector.cancel(await session_of(collector, client.client, "active"), 10.0)
    ended = running.exception(60)
    assert ended is None or isinstance(ended, pymysql.MySQLError)
    assert client.run("SELECT 7") == [(7,)]


async def test_a_session_that_runs_nothing_has_nothing_to_cancel(server: MysqlServer, client: Waiter) -> None:
    async with watching(server.target()) as collector:
        error = await refusal(collector.cancel(await session_of(collector, client.client, "idle"), 10.0))
    assert error.reason is FailureCode.GONE
    assert client.run("SELECT 7") == [(7,)]


async def test_a_session_is_ended_and_another_one_is_not(server: MysqlServer, client: Waiter) -> None:
    with waiters(server, 1) as (other,):
        async with watching(server.target()) as collector:
            await collector.terminate(await session_of(collector, client.client), 20.0)
        assert not _is_there(server, client)
        assert other.run("SELECT 7") == [(7,)]


async def test_a_session_that_has_ended_is_gone(server: MysqlServer, client: Waiter) -> None:
    async with watching(server.target()) as collector:
        session = await session_of(collector, client.client)
        server.execute(f"KILL {client.id}")

        async def gone() -> bool:
            return not _is_there(server, client)

        await until(gone)
        error = await refusal(collector.terminate(session, 10.0))
    assert error.reason is FailureCode.GONE
    assert client.id in error.message


@pytest.mark.parametrize(
    "change",
    [
        lambda session: replace(session, user="somebody"),
        lambda session: replace(session, started_at=(session.started_at or 0.0) - 30.0),
        lambda session: replace(session, started_at=(session.started_at or 0.0) + 30.0),
        lambda session: replace(session, started_at=1.0),
    ],
    ids=["user", "earlier", "later", "before the server"],
)
async def test_an_id_that_belongs_to_another_session_is_left_alone(server: MysqlServer, client: Waiter, change: object) -> None:
    assert callable(change)
    async with watching(server.target()) as collector:
        session: Session = change(await session_of(collector, client.client))
        for act in (collector.terminate, collector.cancel):
            error = await refusal(act(session, 10.0))
            assert error.reason is FailureCode.GONE
            assert "another session" in error.message
    assert client.run("SELECT 7") == [(7,)]


async def test_a_session_that_was_seen_by_another_program_is_known_by_its_server_user_and_client(
    server: MysqlServer, client: Waiter
) -> None:
    async with watching(server.target()) as collector:
        session = await session_of(collector, client.client)
    async with asking(server.target()) as other:
        await other.terminate(session, 20.0)
    assert not _is_there(server, client)


async def test_who_may_not_end_sessions_is_told_the_grant(server: MysqlServer, client: Waiter) -> None:
    server.execute("REVOKE EXECUTE ON PROCEDURE mysql.rds_kill FROM managed@'%'")
    try:
        async with watching(server.target(user="plain", password="secret")) as collector:
            error = await refusal(collector.terminate(await session_of(collector, client.client), 10.0))
    finally:
        server.execute("GRANT EXECUTE ON PROCEDURE mysql.rds_kill TO managed@'%'")
    assert error.reason is FailureCode.PRIVILEGE
    right = "CONNECTION ADMIN" if server.mariadb else "CONNECTION_ADMIN"
    assert error.hint == f"GRANT {right} ON *.* TO 'plain'@'%';"
    assert client.run("SELECT 7") == [(7,)]


async def test_a_managed_server_has_procedures_for_it(server: MysqlServer, client: Waiter) -> None:
    async with watching(server.target(user="managed", password="secret")) as collector:
        await collector.terminate(await session_of(collector, client.client), 20.0)
    assert not _is_there(server, client)


async def test_a_managed_server_has_a_procedure_for_the_statement_too(server: MysqlServer, client: Waiter) -> None:
    """MariaDB, which is told to cancel one statement by its number, denies that by an error of its own."""
    running = client.send("SELECT COUNT(*), SLEEP(120) FROM information_schema.COLLATIONS")
    async with watching(server.target(user="managed", password="secret")) as collector:
        await collector.cancel(await session_of(collector, client.client, "active"), 20.0)
    ended = running.exception(60)
    assert ended is None or isinstance(ended, pymysql.MySQLError)
    assert client.run("SELECT 7") == [(7,)]


@pytest.fixture(scope="module", params=[MARIADB, "mariadb-11.4", "mysql-8.0"])
def newest(request: pytest.FixtureRequest) -> Iterator[MysqlServer]:
    with mysql(request.param) as running:
        yield running


@pytest.mark.parametrize("managed", [False, True])
async def test_an_account_with_the_grants_of_the_page_and_no_others_may_act(newest: MysqlServer, managed: bool) -> None:
    page = (Path(__file__).parents[2] / "docs" / "mysql.md").read_text()
    (chapter,) = _CHAPTER.findall(page)
    account, mariadb, mysql_alone, procedures = ([line for line in block.splitlines() if line] for block in _SQL.findall(chapter))
    if managed:
        newest.execute(*(line for line in ACCOUNTS if line.startswith("CREATE PROCEDURE")))
    newest.execute(*account, *(procedures if managed else mariadb if newest.mariadb else mysql_alone))
    try:
        with waiters(newest, 1) as (client,):
            running = client.send("SELECT COUNT(*), SLEEP(120) FROM information_schema.COLLATIONS")
            async with watching(newest.target(user="duty", password="a-third-password")) as collector:
                await collector.cancel(await session_of(collector, client.client, "active"), 20.0)
                running.exception(60)
                assert client.run("SELECT 7") == [(7,)]
                await collector.terminate(await session_of(collector, client.client), 20.0)
            assert not _is_there(newest, client)
    finally:
        newest.execute("DROP USER duty@'%'")


@pytest.fixture
def of_azure(server: MysqlServer) -> Iterator[MysqlServer]:
    """The server with the procedures of another cloud in the place of those that it has."""
    names = ("kill", "kill_query")
    server.execute(*(f"REVOKE EXECUTE ON PROCEDURE mysql.rds_{name} FROM managed@'%'" for name in names))
    server.execute(
        "CREATE PROCEDURE mysql.az_kill(IN number BIGINT) SQL SECURITY DEFINER KILL CONNECTION number",
        "CREATE PROCEDURE mysql.az_kill_query(IN number BIGINT) SQL SECURITY DEFINER KILL QUERY number",
        *(f"GRANT EXECUTE ON PROCEDURE mysql.az_{name} TO managed@'%'" for name in names),
    )
    yield server
    server.execute(*(f"DROP PROCEDURE mysql.az_{name}" for name in names))
    server.execute(*(f"GRANT EXECUTE ON PROCEDURE mysql.rds_{name} TO managed@'%'" for name in names))


async def test_the_procedures_of_the_other_cloud_are_called_as_well(of_azure: MysqlServer, client: Waiter) -> None:
    running = client.send("SELECT COUNT(*), SLEEP(120) FROM information_schema.COLLATIONS")
    async with watching(of_azure.target(user="managed", password="secret")) as collector:
        await collector.cancel(await session_of(collector, client.client, "active"), 20.0)
        running.exception(60)
        await collector.terminate(await session_of(collector, client.client), 20.0)
    assert not _is_there(of_azure, client)


async def test_our_own_connection_and_what_is_no_number_are_refused(server: MysqlServer) -> None:
    async with asking(server.target()) as session:
        own = (await session.facts()).connection_id
        for name in (str(own), "abc", "0", "-1", "1; DROP TABLE x"):
            error = await refusal(session.terminate(Session(id=name, user="root"), 5.0))
            assert error.reason is FailureCode.UNSUPPORTED
            assert error.hint


async def test_a_thread_of_the_server_itself_is_not_said_to_have_ended(server: MysqlServer) -> None:
    """The scheduler of events, which runs by default on MySQL alone."""
    threads = server.execute("SELECT ID FROM information_schema.PROCESSLIST WHERE COMMAND = 'Daemon' AND USER = 'event_scheduler'")
    assert len(threads) == (0 if server.mariadb else 1)
    async with watching(server.target()) as collector:
        found = sessions_by_id(await look(collector))
        for (number,) in threads:
            error = await refusal(collector.terminate(found[str(number)], 10.0))
            assert error.reason is FailureCode.UNSUPPORTED
            assert error.message == f"session {number} is a thread of the server itself, which no KILL reaches"
