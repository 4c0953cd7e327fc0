"""PostgreSQL: whoever is no superuser restores what others own with the rights that the preview names, and without them begins nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from aishell_core.errors import RefusedError
from aishell_ops.backups.models import Backup
from aishell_ops.backups.storage.folder import FolderStorage
from tests.servers.postgres import PostgresServer, postgres
from tests.servers.postgres_backups import Bench


@pytest.fixture(scope="module", params=["15", "18"])
def _server(request: pytest.FixtureRequest) -> Iterator[PostgresServer]:
    with postgres(request.param) as found:
        yield found


@pytest.fixture
def bench(_server: PostgresServer, tmp_path: Path) -> Bench:
    """A database of the role app, with settings that a superuser made; keeper has no right of it but to look."""
    for name in ("shop", "again"):
        _server.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    _server.execute("DROP ROLE IF EXISTS app, keeper, reader", "CREATE ROLE app LOGIN", "CREATE ROLE keeper LOGIN", "CREATE ROLE reader")
    _server.execute(
        "CREATE DATABASE shop OWNER app",
        "ALTER DATABASE shop SET work_mem = '5MB'",
        "ALTER DATABASE shop SET log_min_duration_statement = '1s'",
        "ALTER ROLE reader IN DATABASE shop SET statement_timeout = '5s'",
        "GRANT CONNECT ON DATABASE shop TO reader",
    )
    _server.execute(
        "SET ROLE app",
        "CREATE SCHEMA store",
        "GRANT USAGE ON SCHEMA store TO PUBLIC",
        "CREATE TABLE store.orders AS SELECT i AS id FROM generate_series(1, 100) AS i",
        "GRANT SELECT ON store.orders TO reader",
        "CREATE FUNCTION store.twice(int) RETURNS int LANGUAGE sql AS 'SELECT 2 * $1'",
        database="shop",
    )
    return Bench(_server, FolderStorage(tmp_path / "backups"))


async def _obstacles(bench: Bench, backup: Backup, **request: object) -> list[str]:
    return list((await bench.plan(backup, None, "keeper", **request))[1].obstacles)


def _look(bench: Bench) -> list[object]:
    return [
        bench.server.execute("SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'shop'"),
        bench.server.execute(
            "SELECT relowner::regrole, relacl::text, count(*) OVER () FROM pg_class WHERE relname = 'orders'", database="shop"
        ),
        bench.server.execute("SELECT count(*) FROM store.orders", database="shop"),
    ]


async def test_the_rights_that_the_preview_names_are_enough(bench: Bench) -> None:
    before, backup = _look(bench), await bench.take()
    bench.server.execute("DELETE FROM store.orders", database="shop")
    with closing(bench.server.connect("shop", user="app")):
        found = await _obstacles(bench, backup, replace=True)
        with pytest.raises(RefusedError, match="keeper may not make databases"):
            await bench.restore(backup, user="keeper", replace=True)
        assert [re.sub(" WITH .*", "", one.partition(": ")[2]) for one in found] == [
            'ALTER ROLE "keeper" CREATEDB; as a superuser',
            'GRANT pg_signal_backend TO "keeper"',
            'GRANT "app" TO "keeper"',
        ]
        for one in found:
            bench.server.execute(one.partition(": ")[2].partition(";")[0])
        _, plan = await bench.plan(backup, user="keeper", replace=True)
        assert plan.obstacles == ()
        assert {one for one in plan.warnings if "not set again" in one} == {
            "the setting log_min_duration_statement of the database is not set again: keeper may not",
            "the setting statement_timeout of reader is not set again: keeper may not",
        }
        done = await bench.restore(backup, user="keeper", replace=True)
    assert done.comparison.is_proof
    assert _look(bench) == before
    settings = bench.server.execute(
        "SELECT setconfig FROM pg_db_role_setting s JOIN pg_database d ON d.oid = setdatabase WHERE datname = 'shop'"
    )
    assert settings == [[["work_mem=5MB"]]]
    assert not any(name.startswith("aishell") for name in bench.databases())


async def test_a_session_of_a_superuser_is_in_the_way_of_who_is_none(bench: Bench) -> None:
    backup = await bench.take()
    bench.server.execute("ALTER ROLE keeper CREATEDB", "GRANT app TO keeper")
    assert await _obstacles(bench, backup, replace=True) == []
    with closing(bench.server.connect("shop")):
        found = await _obstacles(bench, backup, replace=True)
    assert found == ["a superuser is in shop, whose session keeper may not end: let it end, or restore as a superuser"]


async def test_beside_it_and_into_single_tables(bench: Bench) -> None:
    backup = await bench.take()
    bench.server.execute("ALTER ROLE keeper CREATEDB")
    (found,) = await _obstacles(bench, backup, database="again")
    assert found.startswith("app owns what is restored or replaced, and keeper is no member of it: GRANT ")
    (_, of_table) = await _obstacles(bench, backup, tables=("store.orders",), replace=True)
    assert of_table.startswith("app owns tables that get other rows, and keeper is no member of it: GRANT ")
    bench.server.execute(found.partition(": ")[2])
    assert (await bench.restore(backup, user="keeper", database="again")).comparison.is_proof
    bench.server.execute("DELETE FROM store.orders", database="shop")
    assert (await bench.restore(backup, user="keeper", tables=("store.orders",), replace=True)).comparison.is_proof
    assert bench.server.execute("SELECT count(*) FROM store.orders", database="shop") == [[100]]


@pytest.mark.parametrize("_server", ["15"], indirect=True)
async def test_an_extension_of_superusers_is_no_work_of_others(bench: Bench) -> None:
    bench.server.execute("CREATE EXTENSION pg_buffercache", database="shop")
    backup = await bench.take()
    bench.server.execute("ALTER ROLE keeper CREATEDB", "GRANT app TO keeper")
    assert await _obstacles(bench, backup, database="again") == ["the extension pg_buffercache is made by superusers alone: restore as one"]
    assert (await bench.plan(backup, database="again"))[1].obstacles == ()
