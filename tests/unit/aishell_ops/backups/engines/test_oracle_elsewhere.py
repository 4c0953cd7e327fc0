"""Rows of Oracle in another engine, and those of another one in Oracle: over the server of the tests' own and real files of SQLite."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest

from aishell_core.errors import RefusedError
from aishell_core.targets import Location, Target
from aishell_core.values import TargetId
from aishell_ops.backups.engines.contract import LoadRequest, SaveRequest
from aishell_ops.backups.engines.oracle import OracleBackups
from aishell_ops.backups.models import Format
from aishell_ops.backups.registry import driller_of, loader_of, saved_engines, saver_of
from aishell_ops.backups.restore import RestoreOrder, plan_restore, restore
from aishell_ops.backups.rows.engines.oracle import OracleTables
from aishell_ops.backups.rows.engines.sqlite import SqliteTables
from aishell_ops.backups.rows.restoring import RowLoads
from aishell_ops.backups.rows.service import RowBackups
from aishell_ops.backups.storage.folder import FolderStorage
from tests.row_world import Side
from tests.servers.oracle_schema import Col
from tests.servers.oracle_tables import OracleMemory
from tests.unit.aishell_ops.backups.engines.oracle_shop import CLOCK, Shop, contents, spot_of, with_types


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    server = OracleMemory()
    with_types(server)
    return Shop(server, tmp_path / "backups")


def sqlite_target(path: Path) -> Target:
    return Target(TargetId("file"), Location("sqlite", path=path))


async def test_a_native_backup_goes_into_a_file_of_sqlite_value_for_value(shop: Shop, tmp_path: Path) -> None:
    shop.server.schemas["SHOP"]["TYPES"].rows[0]["DOUBLE"] = 1.5
    shop.server.schemas["SHOP"]["TYPES"].rows[0]["SINGLE"] = 0.5
    backup = await shop.save()
    path = tmp_path / "reports.db"
    target = sqlite_target(path)
    engine = loader_of(target, backup.manifest)
    assert isinstance(engine, RowLoads)
    order = RestoreOrder(target)
    plan = await plan_restore(engine, backup, order)
    assert plan.obstacles == ()
    done = await restore(engine, shop.repository, spot_of(backup), backup, order, plan, CLOCK)
    assert done.comparison.hashed == 3
    assert not done.comparison.differences
    with closing(sqlite3.connect(path)) as connection:
        found = connection.execute('SELECT "WIDE", "AT_ZONE", "LASTS", "AGE", "PADDED", "LETTER", "DAY" FROM "TYPES" ORDER BY "ID"')
        first, low, nothing = found.fetchall()
    assert first == (
        "9" * 38,
        "2024-10-27 00:30:00.123456789+00:00[Europe/Berlin]",
        "999999999 days 23:59:59.999999999",
        "999999999 years 11 mons",
        "ab   ",
        "",
        "2024-02-29 23:59:59",
    )
    assert low[6] == "4712-01-01 00:00:00 BC"
    assert set(nothing) == {None}


async def test_rows_of_sqlite_come_into_oracle_and_what_has_no_place_is_refused(shop: Shop, tmp_path: Path) -> None:
    path = tmp_path / "shop.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(
            """
            CREATE TABLE "od""d" ("a b" INTEGER PRIMARY KEY, name VARCHAR(10), long TEXT, price DECIMAL(10,2), x, photo BLOB, at TIMESTAMP);
            INSERT INTO "od""d" VALUES (1, 'first', '', 5.25, 'text', x'00ff', '2026-01-01 00:00:00.5');
            INSERT INTO "od""d" VALUES (2, '', NULL, NULL, 7, x'', NULL);
            CREATE TABLE keyed (k TEXT PRIMARY KEY);
            INSERT INTO keyed VALUES ('');
            """
        )
    storage = FolderStorage(tmp_path / "rows")
    backup = await Side(SqliteTables(), sqlite_target(path)).save(storage)
    odd = LoadRequest(tables=('od"d',))
    shop.server.schemas["SHOP"].clear()
    oracle = Side(OracleTables({}, shop.server.connect), shop.target)
    plan = await oracle.plan(backup, odd)
    assert any("no Oracle server was at hand" in each for each in plan.warnings)
    assert {each.column: each.target_type for each in plan.fidelity if each.target_type} == {
        "a b": "NUMBER(19,0)",
        "name": "CLOB",
        "long": "CLOB",
        "price": "NUMBER",
        "x": "CLOB",
        "photo": "BLOB",
        "at": "TIMESTAMP(9)",
    }
    with pytest.raises(RefusedError, match="a primary key of keyed has values that have no place there") as caught:
        await oracle.load(storage, backup)
    assert "'' is NULL here" in caught.value.hint
    assert contents(shop.server) == {}
    done = await oracle.load(storage, backup, odd)
    assert not done.comparison.differences
    (name,) = shop.server.names()
    assert '"' not in name
    assert name.startswith("od_d_")
    first, second = shop.server.schemas["SHOP"][name].rows
    assert first["price"] == Decimal("5.25")
    assert first["long"] == ""
    assert first["at"] == "2026-01-01 00:00:00.500000000"
    assert second["name"] == ""
    assert second["long"] is None
    assert second["photo"] == b""


@pytest.mark.parametrize("form", [Format.JSON, Format.CSV])
async def test_rows_in_a_form_for_others_come_back_too(shop: Shop, tmp_path: Path, form: Format) -> None:
    before, storage = contents(shop.server), FolderStorage(tmp_path / "rows")
    side = Side(OracleTables({}, shop.server.connect), shop.target)
    backup = await side.save(storage, form)
    shop.server.schemas["SHOP"].clear()
    await side.load(storage, backup)
    assert contents(shop.server) == before


async def test_such_a_backup_into_a_table_that_differs_is_refused_before_anything_is_loaded(shop: Shop, tmp_path: Path) -> None:
    storage = FolderStorage(tmp_path / "rows")
    side = Side(OracleTables({}, shop.server.connect), shop.target)
    backup = await side.save(storage, tables=("EMPTY",))
    shop.server.table("EMPTY", [Col("A", "TIMESTAMP(6)")])
    before = contents(shop.server)
    with pytest.raises(RefusedError, match=r"A is TIMESTAMP\(6\) there, and DATE is needed"):
        await side.load(storage, backup)
    assert contents(shop.server) == before


async def test_it_is_found_by_its_entry_points(shop: Shop) -> None:
    assert "oracle" in saved_engines()
    assert isinstance(saver_of(shop.target), OracleBackups)
    made = saver_of(shop.target, Format.JSON)
    assert isinstance(made, RowBackups)
    assert not isinstance(made, OracleBackups)
    backup = await shop.save(SaveRequest(tables=("EMPTY",)))
    assert isinstance(loader_of(shop.target, backup.manifest), OracleBackups)
    assert isinstance(driller_of(shop.target, backup.manifest), OracleBackups)
