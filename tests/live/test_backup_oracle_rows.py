"""Rows of Oracle from the server of the tests' own into real PostgreSQL and MySQL or MariaDB, and those of PostgreSQL into it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from aishell_core.errors import RefusedError
from aishell_ops.backups.engines.contract import LoadRequest, SaveRequest
from aishell_ops.backups.rows.engines.mysql import MysqlTables
from aishell_ops.backups.rows.engines.oracle import OracleTables
from aishell_ops.backups.rows.engines.postgres import PostgresTables
from aishell_ops.backups.storage.folder import FolderStorage
from tests.row_world import Side
from tests.servers.mysql import VERSIONS, MysqlServer, mysql
from tests.servers.oracle_tables import OracleMemory
from tests.servers.postgres import PostgresServer, postgres
from tests.unit.aishell_ops.backups.engines.oracle_shop import Shop, with_types

PG_ENVIRON = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
MY_ENVIRON = {name: value for name, value in os.environ.items() if not name.startswith("MYSQL")}
ACCEPTED = LoadRequest(accept_loss=True)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    server = OracleMemory()
    with_types(server)
    server.schemas["SHOP"]["TYPES"].rows[1]["PHOTO"] = b"\xff"
    return Shop(server, tmp_path / "backups")


@pytest.fixture(scope="module")
def pg() -> Iterator[PostgresServer]:
    with postgres("18") as found:
        yield found


@pytest.fixture(scope="module")
def my() -> Iterator[MysqlServer]:
    with mysql(VERSIONS[-1]) as found:
        yield found


async def test_a_native_backup_of_oracle_goes_into_postgresql(shop: Shop, pg: PostgresServer, tmp_path: Path) -> None:
    backup = await shop.save()
    storage = FolderStorage(shop.folder)
    side = Side(PostgresTables(PG_ENVIRON), pg.target("pg", database="from_oracle"))
    with pytest.raises(RefusedError, match="--accept-loss") as caught:
        await side.load(storage, backup)
    for words in ("nanoseconds become microseconds", "an interval has 999999999 years", "U+0000"):
        assert words in caught.value.message
    done = await side.load(storage, backup, ACCEPTED)
    assert not done.comparison.differences
    assert done.comparison.hashed == 3
    question = (
        'SELECT "WIDE"::text, "TENS"::text, "AT_ZONE" = \'2024-10-27 00:30:00.123456+00\', "PADDED", "LETTER",'
        ' "DOUBLE"::text, "LASTS"::text'
        ' FROM "TYPES" WHERE "ID" = 1'
    )
    (found,) = pg.execute(question, database="from_oracle")
    assert found == ["9" * 38, "1234500", True, "ab   ", "", "Infinity", "999999999 days 23:59:59.999999"]


async def test_a_native_backup_of_oracle_goes_into_mysql_or_mariadb(shop: Shop, my: MysqlServer) -> None:
    rows = shop.server.schemas["SHOP"]["TYPES"].rows
    rows[0].update(DOUBLE=1.5, SINGLE=0.25, ANY_NUMBER=rows[0]["APPROX"])
    rows[1].update(SINGLE=-1.0, ANY_NUMBER=None, APPROX=None)
    backup = await shop.save(SaveRequest(tables=("TYPES",)))
    storage = FolderStorage(shop.folder)
    side = Side(MysqlTables(MY_ENVIRON), my.target("my", database="from_oracle"))
    with pytest.raises(RefusedError, match="--accept-loss") as caught:
        await side.load(storage, backup)
    assert "there is no day 4712-01-01 00:00:00 BC" in caught.value.message
    done = await side.load(storage, backup, ACCEPTED)
    assert not done.comparison.differences
    assert done.comparison.hashed == 1


async def test_rows_of_postgresql_come_into_oracle(shop: Shop, pg: PostgresServer, tmp_path: Path) -> None:
    pg.execute("CREATE DATABASE to_oracle")
    pg.execute(
        "CREATE TABLE things (id bigint PRIMARY KEY, name varchar(10), letter text NOT NULL, price numeric(12,2),"
        " any_number numeric, weight double precision, day date,"
        " at timestamp, zoned timestamptz, lasts interval, photo bytea, tags text[], ok boolean, u uuid)",
        "INSERT INTO things VALUES (1, 'first', '', 5.25, 12345678901234567890.5, 'NaN', '0044-03-15 BC', '2024-01-01 00:00:00.123456',"
        " '2024-10-27 02:30:00+02', '1 day 02:03:04.5', '\\x00ff', '{a,NULL}', true, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'),"
        " (2, NULL, 'x', NULL, NULL, '-Infinity', NULL, NULL, NULL, NULL, '', '{}', NULL, NULL)",
        database="to_oracle",
    )
    storage = FolderStorage(tmp_path / "rows")
    backup = await Side(PostgresTables(PG_ENVIRON), pg.target("pg", database="to_oracle")).save(storage)
    shop.server.schemas["SHOP"].clear()
    done = await Side(OracleTables({}, shop.server.connect), shop.target).load(storage, backup)
    assert not done.comparison.differences
    first, second = shop.server.schemas["SHOP"]["things"].rows
    assert first["letter"] == ""
    assert first["zoned"] == "2024-10-27 00:30:00.000000000|+00:00"
    assert first["day"] == "-0044-03-15 00:00:00"
    assert second["photo"] == b""
    assert second["tags"] == "[]"
