"""Backups of Oracle over the server of the tests' own: what is saved at one moment comes back value for value."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pyrage
import pytest

from aishell_core.errors import RefusedError, TargetError, UsageError
from aishell_core.targets import Secret
from aishell_ops.backups.drill import drill
from aishell_ops.backups.engines.contract import HasScratch, LoadRequest, Loads, SaveRequest, Saves
from aishell_ops.backups.errors import BackupError, BusyError
from aishell_ops.backups.layout import Line
from aishell_ops.backups.models import BackupState, Compression, Encryption, Format
from aishell_ops.backups.streams.contract import Keys, Recipe
from aishell_ops.backups.verify import Depth, verify
from tests.servers.oracle_schema import Col, ora
from tests.servers.oracle_tables import OracleMemory
from tests.unit.aishell_ops.backups.engines.oracle_shop import CLOCK, URL, Shop, contents, spot_of, with_types


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    server = OracleMemory()
    with_types(server)
    return Shop(server, tmp_path / "backups")


def test_the_engine_saves_loads_and_has_a_scratch(shop: Shop) -> None:
    assert isinstance(shop.engine, Saves)
    assert isinstance(shop.engine, Loads)
    assert isinstance(shop.engine, HasScratch)


async def test_every_type_comes_back_into_an_empty_schema(shop: Shop) -> None:
    before = contents(shop.server)
    backup = await shop.save()
    assert backup.manifest.method == "flashback"
    assert {proof.name: proof.rows for proof in backup.manifest.objects} == {"TYPES": 3, "Odd 'name'; --x": 3, "EMPTY": 0}
    shop.server.schemas["SHOP"].clear()
    restored = await shop.load(backup)
    assert not restored.comparison.differences
    assert restored.comparison.hashed == 3
    assert contents(shop.server) == before
    assert shop.server.schemas["SHOP"]["TYPES"].key == ("ID",)
    assert shop.server.open == 0


async def test_encrypted_no_value_of_it_is_in_the_storage_and_the_wrong_key_restores_nothing(shop: Shop) -> None:
    identity, other = pyrage.x25519.Identity.generate(), pyrage.x25519.Identity.generate()
    recipe = Recipe(Compression.NONE, encryption=Encryption(recipients=(str(identity.to_public()),)))
    before, backup = contents(shop.server), await shop.save(recipe=recipe)
    stored = b"".join(path.read_bytes() for path in shop.folder.rglob("parts/*"))
    assert len(stored) > 3_000_000
    assert b"x" * 100 not in stored
    assert b"Europe/Berlin" not in stored
    shop.server.schemas["SHOP"].clear()
    with pytest.raises(BackupError):
        await shop.load(backup, keys=Keys((Secret(str(other)),)))
    assert contents(shop.server) == {}
    await shop.load(backup, keys=Keys((Secret(str(identity)),)))
    assert contents(shop.server) == before


async def test_it_is_whole_when_it_is_looked_through_and_a_test_restore_leaves_nothing(shop: Shop) -> None:
    backup = await shop.save()
    before = contents(shop.server)
    found = await verify(shop.repository, spot_of(backup), Depth.DEEP, CLOCK)
    assert found.is_whole
    done = await drill(shop.engine, shop.repository, spot_of(backup), shop.target, CLOCK)
    assert done.proves
    assert done.backup.state is BackupState.TESTED
    assert contents(shop.server) == before


async def test_all_parts_show_the_moment_of_one_number_whatever_is_written_meanwhile(shop: Shop) -> None:
    before, rows = contents(shop.server), shop.server.schemas["SHOP"]["EMPTY"].rows

    def write(sql: str) -> None:
        if " AS OF SCN " in sql:
            rows.append({"A": "2026-01-01 00:00:00"})
            shop.server.schemas["SHOP"]["TYPES"].rows.clear()

    shop.server.fault = write
    backup = await shop.save()
    shop.server.fault = lambda _: None
    assert dict(backup.manifest.start) == {"scn": str(shop.server.scn)}
    numbered = [sql for sql in shop.server.statements if " AS OF SCN :scn" in sql]
    assert len(numbered) == 6
    assert sum("current_scn" in sql for sql in shop.server.statements) == 1
    shop.server.schemas["SHOP"].clear()
    await shop.load(backup)
    assert contents(shop.server) == before


async def test_single_tables_are_saved_by_their_names_as_the_server_folds_them(shop: Shop) -> None:
    backup = await shop.save(SaveRequest(tables=("types",)))
    assert backup.manifest.tables == ("TYPES",)
    with pytest.raises(UsageError, match=r"there is no table TYPE$") as caught:
        await shop.save(SaveRequest(tables=("TYPE",)))
    assert caught.value.hint == "did you mean TYPES?"


async def test_another_schema_is_named_in_the_url(shop: Shop) -> None:
    shop.server.table("THINGS", [Col("A", "NUMBER(3,0)")], (Decimal(5),), schema="OTHER")
    other = Shop(shop.server, shop.folder, f"{URL}?schema=other")
    shop.server.attached_to["OTHER"].hidden = ["SECRETS"]
    backup = await other.save()
    assert backup.manifest.source.database == "OTHER"
    assert ("table SECRETS", 'GRANT SELECT, FLASHBACK ON "OTHER"."SECRETS" TO SHOP;') in backup.manifest.skipped
    shop.server.schemas["OTHER"].clear()
    await other.load(backup)
    assert contents(shop.server, "OTHER") == {"THINGS": ["['5']"]}


async def test_tables_of_another_schema_that_cannot_be_seen_are_warned_of(shop: Shop) -> None:
    plan = await shop.engine.plan_save(shop.target, SaveRequest())
    assert not any("not seen" in each for each in plan.warnings)
    shop.server.user = "OTHER"
    plan = await shop.engine.plan_save(shop.target, SaveRequest(database="SHOP"))
    assert any("tables of SHOP that OTHER may not read are not seen" in each and "FLASHBACK ANY TABLE" in each for each in plan.warnings)


@pytest.mark.parametrize(
    ("database", "words", "hint"),
    [("SHOPP", "there is no schema SHOPP", "did you mean SHOP?"), ("SYS", "SYS is a schema of the server's own", "name the schema")],
)
async def test_a_schema_that_cannot_be_meant_is_refused(shop: Shop, database: str, words: str, hint: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        await shop.engine.plan_save(shop.target, SaveRequest(database=database))
    assert caught.value.hint.startswith(hint)


@pytest.mark.parametrize(
    ("request_", "words", "hint"),
    [
        (SaveRequest(format=Format.SQL), "Oracle cannot be saved as sql", "take --format native, json or csv"),
        (SaveRequest(method="physical"), "Oracle has no method physical", "there is flashback"),
        (SaveRequest(jobs=2), "taken by one job", "leave --jobs out"),
    ],
)
async def test_what_it_cannot_do_is_refused_in_words(shop: Shop, request_: SaveRequest, words: str, hint: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        await shop.engine.plan_save(shop.target, request_)
    assert hint in caught.value.hint


async def test_rows_that_are_there_are_replaced_with_the_flag_alone_and_the_table_stays_itself(shop: Shop) -> None:
    backup = await shop.save()
    before = contents(shop.server)
    types = shop.server.schemas["SHOP"]["TYPES"]
    shop.server.attached.indexes.append({"tab": "TYPES", "name": "BY_DAY"})
    types.rows[0]["SHORT"] = "damaged"
    damaged = contents(shop.server)
    plan = await shop.plan(backup)
    assert plan.obstacles == ("TYPES, Odd 'name'; --x are there already; --drop-existing replaces that",)
    assert plan.losses == ("3 rows of SHOP.TYPES", "3 rows of SHOP.Odd 'name'; --x")
    with pytest.raises(RefusedError, match="--drop-existing replaces that"):
        await shop.load(backup)
    assert contents(shop.server) == damaged
    await shop.load(backup, LoadRequest(replace=True))
    assert contents(shop.server) == before
    assert shop.server.schemas["SHOP"]["TYPES"] is types


async def test_an_empty_table_that_is_there_takes_rows_without_the_flag(shop: Shop) -> None:
    backup = await shop.save()
    before = contents(shop.server)
    for table in shop.server.schemas["SHOP"].values():
        table.rows.clear()
    made = {name: table.id for name, table in shop.server.schemas["SHOP"].items()}
    await shop.load(backup)
    assert contents(shop.server) == before
    assert {name: table.id for name, table in shop.server.schemas["SHOP"].items()} == made


async def test_rows_that_come_into_an_empty_table_meanwhile_are_not_lost(shop: Shop) -> None:
    backup = await shop.save()
    for table in shop.server.schemas["SHOP"].values():
        table.rows.clear()

    def write(sql: str) -> None:
        if sql.startswith("LOCK TABLE") and "TYPES" in sql:
            shop.server.schemas["SHOP"]["EMPTY"].rows.append({"A": "2026-01-01 00:00:00"})

    shop.server.fault = write
    with pytest.raises(RefusedError, match="EMPTY has got rows meanwhile"):
        await shop.load(backup)
    assert contents(shop.server) == {"TYPES": [], "EMPTY": ["['2026-01-01 00:00:00']"], "Odd 'name'; --x": []}


async def test_a_table_that_cannot_take_the_rows_forbids_it_with_the_reasons(shop: Shop) -> None:
    backup = await shop.save(SaveRequest(tables=("EMPTY",)))
    shop.server.table("EMPTY", [Col("A", "TIMESTAMP(6)"), Col("B", "NUMBER(1,0)", nullable=False)])
    plan = await shop.plan(backup)
    assert plan.obstacles == (
        "the table SHOP.EMPTY that is there cannot take the rows: A is TIMESTAMP(6) there, and DATE is needed; "
        "B takes no NULL, and the backup has no values for it; drop it first",
    )
    shop.server.table("EMPTY", [Col("A", "DATE"), Col("B", "NUMBER(1,0)", nullable=False, extra={"default_signs": 1})])
    assert (await shop.plan(backup)).obstacles == ()


async def test_what_holds_on_to_rows_or_would_change_them_forbids_it_with_the_statement_that_helps(shop: Shop) -> None:
    backup = await shop.save(SaveRequest(tables=("TYPES",)))
    attached = shop.server.attached
    attached.triggers.append({"tab": "TYPES", "name": "AUDIT_IT", "status": "ENABLED"})
    attached.referrers.append({"owner": "OTHER", "tab": "CHILD", "name": "FK_1", "parent": "TYPES"})
    plan = await shop.plan(backup, LoadRequest(replace=True))
    assert plan.obstacles == (
        'the trigger AUDIT_IT of TYPES would run: ALTER TRIGGER "SHOP"."AUDIT_IT" DISABLE; first, ENABLE it later',
        'the table OTHER.CHILD refers to TYPES by a foreign key: ALTER TABLE "OTHER"."CHILD" DISABLE CONSTRAINT "FK_1"; first',
    )


async def test_too_little_quota_and_a_name_that_something_else_has_forbid_it(shop: Shop) -> None:
    backup = await shop.save(SaveRequest(tables=("TYPES",)))
    shop.server.schemas["SHOP"].clear()
    shop.server.quota = 1000
    shop.server.attached.objects.append({"kind": "view", "name": "TYPES", "id": 1})
    plan = await shop.plan(backup)
    assert plan.obstacles[0] == "TYPES is there already, and is a view: drop it first"
    assert plan.obstacles[1].startswith("there are 1000 bytes of room")


async def test_tables_that_others_refer_to_are_filled_first_and_emptied_last(shop: Shop) -> None:
    shop.server.schemas["SHOP"].clear()
    for name in ("A_CHILD", "B_PARENT"):
        shop.server.table(name, [Col("ID", "NUMBER(3,0)")], (Decimal(1),))
    backup = await shop.save()
    shop.server.attached.referrers.append({"owner": "SHOP", "tab": "A_CHILD", "name": "FK", "parent": "B_PARENT"})
    shop.server.statements.clear()
    await shop.load(backup, LoadRequest(replace=True))
    emptied = [
        sql.rpartition('"."')[2]
        for sql in shop.server.statements
        if sql.startswith('DELETE /* aishell */ FROM "SHOP"."') and "place" not in sql
    ]
    filled = [
        sql.partition(" (")[0].rpartition('"."')[2] for sql in shop.server.statements if ") SELECT " in sql and sql.startswith("INSERT")
    ]
    assert emptied == ['A_CHILD"', 'B_PARENT"']
    assert filled == ['B_PARENT"', 'A_CHILD"']


async def test_another_restore_into_the_same_schema_is_waited_for(shop: Shop) -> None:
    backup = await shop.save(SaveRequest(tables=("EMPTY",)))
    shop.server.fault = lambda sql: ora(54, "resource busy") if "FOR UPDATE NOWAIT" in sql else None
    with pytest.raises(BusyError, match="another restore into SHOP is under way"):
        await shop.load(backup)


async def test_a_server_that_goes_while_rows_are_saved_leaves_no_backup(shop: Shop) -> None:
    def vanish(sql: str) -> None:
        if sql == "MORE":
            shop.server.gone = True

    shop.server.fault = vanish
    with pytest.raises((TargetError, BackupError), match="broke"):
        await shop.save()
    assert not shop.repository.scan(Line("shop", "SHOP")).backups
