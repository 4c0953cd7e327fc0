"""What `aishell query` does not let pass on real servers, however it is written: what hides behind a read, what is the server's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.engines import Desk, Engines, engines
from tests.servers.mysql_clients import waiters
from tests.servers.sqlite_client import eventually


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engines]:
    with engines(tmp_path_factory.mktemp("engines")) as running:
        yield running


@pytest.fixture
def desk(servers: Engines, tmp_path: Path) -> Desk:
    return servers.desk(tmp_path)


@pytest.fixture(scope="module")
def emptied(servers: Engines) -> Engines:
    """The servers with a view of PostgreSQL behind which a function deletes."""
    servers.postgres.execute(
        "CREATE TABLE kept AS SELECT generate_series(1, 50) AS id",
        "CREATE TABLE people AS SELECT 1 AS id",
        "CREATE FUNCTION wipe(people) RETURNS int LANGUAGE plpgsql AS 'BEGIN DELETE FROM kept; RETURN 1; END'",
        "CREATE VIEW innocent AS SELECT wipe(p) FROM people p LIMIT 1",
    )
    return servers


@pytest.mark.parametrize("environment", ["development", "production"])
@pytest.mark.parametrize(
    "beside", ["pg_cancel_backend(0)", "pg_terminate_backend(0)", "pg_cancel_backend(0), pg_terminate_backend(0), pg_sleep(0)"]
)
def test_what_hides_behind_a_read_does_not_write_beside_the_ending_of_a_session(
    emptied: Engines, desk: Desk, beside: str, environment: str
) -> None:
    desk.configure("operator", environment)
    ran = desk.run("query", "-d", "orders", f"SELECT *, {beside} FROM innocent", "--confirm", "orders")
    assert (ran.code, "read-only transaction" in ran.err) == (3, True), ran.err
    assert emptied.postgres.execute("SELECT count(*) FROM kept")[0][0] == 50


def test_an_operator_ends_a_session_of_mariadb_by_a_statement(desk: Desk) -> None:
    """In a transaction that lets nothing be written."""
    desk.configure("operator")
    with waiters(desk.engines.mariadb, 1) as (other,):
        ran = desk.run("query", "-d", "shop", f"KILL {other.id}", "--yes")
        assert ran.code == 0, ran.err
        eventually(lambda: not desk.engines.mariadb.execute(f"SELECT 1 FROM information_schema.PROCESSLIST WHERE ID = {other.id}"))


def test_an_operator_ends_a_client_of_redis_by_a_command(desk: Desk) -> None:
    desk.configure("operator")
    ran = desk.run("query", "-d", "cache", "CLIENT KILL ID 999999", "--yes")
    assert (ran.code, ran.out.split()) == (0, ["value", "0"]), ran.err
