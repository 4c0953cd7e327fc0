"""Why a real PostgreSQL or a real PgBouncer lets nobody in, and the very statement that would mend it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from aishell_core.engines.postgres import Lane
from aishell_core.values import FailureCode
from tests.servers.pgbouncer import PASSWORD, pgbouncer
from tests.servers.postgres import PostgresServer, postgres
from tests.servers.postgres_session import asking, refusal, value


@pytest.fixture(scope="module", params=["15", "18"])
def server(request: pytest.FixtureRequest) -> Iterator[PostgresServer]:
    with postgres(request.param, statements=False) as found:
        found.execute("CREATE ROLE plain LOGIN", "CREATE ROLE single LOGIN CONNECTION LIMIT 1")
        yield found


async def test_a_schema_that_is_closed_names_its_grant_and_the_grant_opens_it(server: PostgresServer) -> None:
    server.execute('CREATE SCHEMA "Hid den"', 'CREATE TABLE "Hid den".kept AS SELECT 1 AS one', 'GRANT SELECT ON "Hid den".kept TO plain')
    async with asking(server.target(user="plain")) as session:
        error = await refusal(session.query('SELECT one FROM "Hid den".kept', lane=Lane.QUICK, deadline_seconds=20.0))
        assert (error.reason, error.hint) == (FailureCode.PRIVILEGE, 'GRANT USAGE ON SCHEMA "Hid den" TO "plain";')
        server.execute(error.hint)
        assert await value(session, 'SELECT one FROM "Hid den".kept') == 1


async def test_a_database_that_is_closed_names_its_grant_and_the_grant_opens_it(server: PostgresServer) -> None:
    server.execute('CREATE DATABASE "Shut"', 'REVOKE CONNECT ON DATABASE "Shut" FROM PUBLIC')
    async with asking(server.target(user="plain", database="Shut")) as session:
        error = await refusal(session.facts())
        assert (error.reason, error.hint) == (FailureCode.PRIVILEGE, 'GRANT CONNECT ON DATABASE "Shut" TO "plain";')
        server.execute(error.hint)
        assert (await session.facts()).database == "Shut"


async def test_the_limit_of_a_role_or_a_database_is_told_apart_from_the_servers(server: PostgresServer) -> None:
    with closing(server.connect(user="single")):
        async with asking(server.target(user="single")) as session:
            error = await refusal(session.facts())
    assert (error.reason, error.sqlstate) == (FailureCode.REFUSED, "53300")
    assert error.hint.startswith('ALTER ROLE "single" CONNECTION LIMIT n;')
    assert "max_connections" not in error.hint
    server.execute("CREATE DATABASE narrow CONNECTION LIMIT 1")
    with closing(server.connect("narrow", user="plain")):
        async with asking(server.target(user="plain", database="narrow")) as session:
            assert (await refusal(session.facts())).hint.startswith('ALTER DATABASE "narrow" CONNECTION LIMIT n;')


@pytest.mark.parametrize("auth", ["scram-sha-256", "md5", "plain"])
async def test_a_pooler_that_refuses_a_password_is_told_as_such_after_one_try(server: PostgresServer, auth: str) -> None:
    with pgbouncer(server, auth=auth) as pooler:
        for password, hint in (("wrong", "check the password"), ("", "no password was given")):
            before = pooler.log().count("pooler error: ")
            async with asking(pooler.target(password=password)) as session:
                error = await refusal(session.facts())
            assert error.reason is FailureCode.AUTHENTICATION
            assert "does not accept the password of role" in error.message
            assert hint in error.hint
            assert pooler.log().count("pooler error: ") <= before + 2, "one try as for a server, one as for a pooler"
        async with asking(pooler.target(password=PASSWORD)) as session:
            assert await value(session, "SELECT 1") == 1


async def test_a_user_that_the_pooler_does_not_know_is_told(server: PostgresServer) -> None:
    with pgbouncer(server) as pooler:
        async with asking(pooler.target(user="ghost")) as session:
            error = await refusal(session.facts())
    assert error.reason is FailureCode.AUTHENTICATION
    assert 'knows no user "ghost"' in error.message
    assert "auth_file" in error.hint


async def test_what_the_server_behind_a_pooler_refuses_is_told_in_the_servers_terms(server: PostgresServer) -> None:
    with pgbouncer(server, users={"stranger": ""}) as pooler:
        async with asking(pooler.target(user="stranger")) as session:
            error = await refusal(session.facts())
            assert error.reason is FailureCode.AUTHENTICATION
            assert 'role "stranger" does not exist' in error.message
        async with asking(pooler.target(database="nowhere")) as session:
            assert (await refusal(session.facts())).reason is FailureCode.MISSING
