"""A database of another encoding behind a real PgBouncer: the pooled connection is told the client's encoding once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from aishell_core.engines.postgres import Lane
from tests.servers.pgbouncer import pgbouncer
from tests.servers.postgres import PostgresServer, postgres
from tests.servers.postgres_session import asking, value

_DATABASES = {"latin": "LATIN1", "plain": "SQL_ASCII"}


@pytest.fixture(scope="module", params=["14", "15"])
def server(request: pytest.FixtureRequest) -> Iterator[PostgresServer]:
    with postgres(request.param, statements=False, encoding="SQL_ASCII", settings={"log_statement": "all"}) as found:
        for name, encoding in _DATABASES.items():
            found.execute(f"CREATE DATABASE {name} ENCODING '{encoding}' TEMPLATE template0 LOCALE 'C'")
        yield found


def _settings(server: PostgresServer) -> list[str]:
    """Statements that set the encoding of a connection for good, as the server has logged them."""
    lines = [line for line in server.log().splitlines() if "client_encoding" in line and "SET" in line.upper()]
    return [line for line in lines if "LOCAL" not in line.upper()]


@pytest.mark.parametrize("database", _DATABASES)
@pytest.mark.parametrize("pool_mode", ["session", "transaction", "statement"])
async def test_the_encoding_is_set_once_and_not_with_each_question(server: PostgresServer, database: str, pool_mode: str) -> None:
    with pgbouncer(server, pool_mode=pool_mode, settings={"default_pool_size": "2"}) as pooler:
        async with asking(pooler.target(database=database)) as session:
            before = len(_settings(server))
            for number in range(30):
                for lane in Lane:
                    assert await value(session, "SELECT $1::int", number, lane=lane, seconds=30.0) == number
            assert await value(session, "SHOW client_encoding", seconds=30.0) == "UTF8"
            told = _settings(server)[before:]
        # Each of the two connections of the pool once, and once more where a session of ours was made anew: 60 questions were asked.
        assert 1 <= len(told) <= 4, told
