"""A database whose name is no UTF-8, as a cluster without an encoding may have: it is watched as any other."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from aishell_core.engines.postgres import Lane
from aishell_core.targets import Target, parse_location
from aishell_core.values import FailureCode, Limits, TargetId
from tests.command_line import run_process
from tests.servers.certificates import for_server, issuer
from tests.servers.pgbouncer import Pgbouncer, pgbouncer
from tests.servers.postgres import PostgresServer, own_folder, postgres
from tests.servers.postgres_session import asking, refusal, value
from tests.servers.postgres_tiers import until

_ODD = "caf%E9"
_BYTES = "SELECT convert_to(current_database()::text, 'SQL_ASCII')"


@pytest.fixture(scope="module", params=["15", "18-contrib"])  # the embedded builds have no TLS
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    place = own_folder("pgodd-")
    settings = for_server(issuer(tmp_path_factory.mktemp("tls"), "trusted").issue("localhost", names="DNS:localhost"), place)
    try:
        with postgres(request.param, statements=False, encoding="SQL_ASCII", settings=settings) as found:
            session = found.connect()
            session.run("SET client_encoding = 'SQL_ASCII'")
            session._client_encoding = "latin-1"  # so that the client sends the bytes untouched
            session.run('CREATE DATABASE "caf\xe9"')
            session.close()
            yield found
    finally:
        shutil.rmtree(place)


def _target(server: PostgresServer | Pgbouncer, name: str = _ODD, options: str = "") -> Target:
    return Target(TargetId("odd"), parse_location(f"postgresql://postgres@127.0.0.1:{server.port}/{name}?{options}"))


@pytest.mark.parametrize("mode", ["disable", "require"])
async def test_it_is_reached_with_tls_and_without(server: PostgresServer, mode: str) -> None:
    async with asking(_target(server, options=f"sslmode={mode}")) as session:
        assert await value(session, _BYTES) == b"caf\xe9"
        assert (await value(session, "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")) is (mode == "require")
        assert (await session.facts(Lane.SLOW)).encoding == "SQL_ASCII"
        assert (await session.run("SELECT 1", (), Limits(seconds=60.0))).rows == ((1,),)
        assert (await session.explain("SELECT 1", "postgres", 60.0))[0].text == "Result"
        assert (await session.explain("SELECT 1", "", 60.0))[0].text == "Result"
        assert await value(session, _BYTES) == b"caf\xe9"


async def test_a_question_that_is_given_up_is_cancelled_there_too(server: PostgresServer) -> None:
    running = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(600)%' AND state = 'active'"

    async def counted(wanted: int) -> bool:
        return bool(server.execute(running) == [[wanted]])

    async with asking(_target(server)) as session:
        asked = asyncio.create_task(session.query("SELECT pg_sleep(600)", lane=Lane.SLOW, deadline_seconds=600.0))
        await until(lambda: counted(1))
        asked.cancel()
        await asyncio.wait((asked,))
    await until(lambda: counted(0))


async def test_one_that_is_not_there_is_said_to_be_none(server: PostgresServer) -> None:
    async with asking(_target(server, "caf%E8")) as session:
        error = await refusal(session.facts())
    assert error.reason is FailureCode.REFUSED
    assert 'refused the database "caf\ufffd", whose name is not UTF-8; there may be none of this name' in error.message


async def test_it_is_reached_through_a_pooler(server: PostgresServer) -> None:
    with pgbouncer(server, pool_mode="transaction") as pooler:
        async with asking(_target(pooler)) as session:
            assert await value(session, _BYTES) == b"caf\xe9"


@pytest.mark.parametrize("command", ["status", "metrics"])
def test_commands_name_it_as_it_is_written_in_a_url(server: PostgresServer, tmp_path: Path, command: str) -> None:
    for arguments, environment in (
        (("-t", f"postgresql://postgres@127.0.0.1:{server.port}/{_ODD}"), {}),
        (("-t", f"postgresql://postgres@127.0.0.1:{server.port}"), {"PGDATABASE": "caf\udce9"}),
    ):
        ran = run_process(command, *arguments, environment={"AISHELL_HOME": str(tmp_path), **environment})
        assert ran.code in {0, 3}, ran
        assert "Traceback" not in ran.out + ran.err
        assert (f"{_ODD}@127.0.0.1:{server.port}" in ran.out) is not bool(environment)
        assert "refused" not in ran.out
