"""What an Oracle server says against a backup or a restore is told with the statement that mends it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from aishell_core.engines.oracle_held import OracleError
from aishell_core.engines.oracle_wire import ServerError
from aishell_core.errors import TargetError
from aishell_core.values import FailureCode
from aishell_ops.backups.engines.contract import SaveRequest
from aishell_ops.backups.layout import Line
from tests.servers.oracle_schema import Col, ora
from tests.servers.oracle_tables import OracleMemory
from tests.unit.aishell_ops.backups.engines.oracle_shop import Shop, contents, with_types


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    server = OracleMemory()
    with_types(server)
    return Shop(server, tmp_path)


@pytest.mark.parametrize(
    ("error", "words", "hint"),
    [
        (ora(1555, "snapshot too old: rollback segment number 4 too small"), "gone from undo", "SET UNDO_RETENTION = 14400;"),
        (ora(1555, "snapshot too old ... of LOB data"), "large objects", "(RETENTION MAX);"),
        (ora(22924, "snapshot too old"), "large objects", 'ALTER TABLE "SHOP"."TYPES" MODIFY LOB'),
        (ora(8181, "specified number is not a valid system change number"), "knows no moment at SCN", "save it again"),
        (ora(1466, "unable to read data - table definition has changed"), "was changed after SCN", "nobody changes definitions"),
        (ora(1031, "insufficient privileges"), "user SHOP may not read", 'GRANT SELECT, FLASHBACK ON "SHOP"."TYPES" TO SHOP;'),
        (ora(942, "table or view does not exist"), "user SHOP may not read", 'GRANT SELECT, FLASHBACK ON "SHOP"."TYPES" TO SHOP;'),
    ],
    ids=["undo", "lob by undo", "lob", "scn", "definition", "right", "hidden"],
)  # fmt: skip
@pytest.mark.parametrize("when", ["rows", "more", "count"])
async def test_a_moment_that_cannot_be_read_is_told_with_what_helps(
    shop: Shop, error: ServerError, words: str, hint: str, when: str
) -> None:
    begun = False

    def fault(sql: str) -> ServerError | None:
        nonlocal begun
        begun = begun or (sql.endswith(" AS OF SCN :scn") and "COUNT" not in sql)
        hit = {
            "rows": sql.endswith(" AS OF SCN :scn"),
            "more": begun and sql == "MORE",
            "count": "COUNT(*)" in sql and sql.endswith(":scn"),
        }
        return error if hit[when] else None

    shop.server.fault = fault
    with pytest.raises(TargetError) as caught:
        await shop.save(SaveRequest(tables=("TYPES",)))
    assert words in caught.value.message
    assert hint in caught.value.hint
    assert not shop.repository.scan(Line("shop", "SHOP")).backups


@pytest.mark.parametrize("number", [904, 942, 6550])
async def test_without_the_right_to_ask_for_the_number_the_grants_are_named(shop: Shop, number: int) -> None:
    refusing = {"v$database": ora(942, "table or view does not exist"), "dbms_flashback": ora(number, "invalid identifier")}
    shop.server.fault = lambda sql: next((error for word, error in refusing.items() if word in sql), None)
    with pytest.raises(OracleError) as caught:
        await shop.save()
    assert caught.value.reason is FailureCode.PRIVILEGE
    assert caught.value.hint == "GRANT SELECT ON SYS.V_$DATABASE TO SHOP; or GRANT EXECUTE ON SYS.DBMS_FLASHBACK TO SHOP;"


async def test_the_package_tells_the_number_where_the_view_does_not(shop: Shop) -> None:
    shop.server.fault = lambda sql: ora(942, "table or view does not exist") if "v$database" in sql else None
    backup = await shop.save()
    assert dict(backup.manifest.start) == {"scn": str(shop.server.scn)}


@pytest.mark.parametrize(
    ("begins", "error", "words", "hint"),
    [
        ("CREATE", ora(1031, "insufficient privileges"), "user SHOP may not restore into", "GRANT CREATE TABLE TO SHOP;"),
        ("CREATE", ora(902, "invalid datatype"), "not every type of the backup", "a server of that version"),
        ("INSERT", ora(1950, "no privileges on tablespace 'USERS'"), "may not fill its tablespace", 'ALTER USER "SHOP" QUOTA UNLIMITED ON'),
        ("INSERT", ora(1536, "space quota exceeded"), "may not fill its tablespace", 'ALTER USER "SHOP" QUOTA UNLIMITED ON'),
        ("INSERT", ora(1653, "unable to extend table"), "no room", "add a file to the tablespace"),
        ("INSERT", ora(32795, "cannot insert into a generated always identity column"), "makes its own values", "BY DEFAULT AS IDENTITY"),
        ("DELETE", ora(2292, "integrity constraint violated - child record found"), "constraint", "DISABLE CONSTRAINT"),
    ],
)  # fmt: skip
async def test_a_restore_that_the_server_refuses_changes_nothing_and_says_what_helps(
    shop: Shop, begins: str, error: ServerError, words: str, hint: str
) -> None:
    backup = await shop.save(SaveRequest(tables=("TYPES",)))
    shop.server.schemas["SHOP"]["TYPES"].rows.clear()
    before = contents(shop.server)
    shop.server.fault = lambda sql: error if sql.startswith(begins) and "RESTORE" not in sql else None
    with pytest.raises(TargetError) as caught:
        await shop.load(backup)
    assert words in caught.value.message
    assert hint in caught.value.hint
    shop.server.fault = lambda _: None
    assert contents(shop.server) == before


async def test_into_another_schema_the_rights_over_any_table_are_named(shop: Shop) -> None:
    backup = await shop.save(SaveRequest(tables=("EMPTY",)))
    other = Shop(shop.server, shop.folder, f"{shop.url}?schema=OTHER")
    shop.server.fault = lambda sql: ora(1031, "insufficient privileges") if sql.startswith("CREATE") else None
    with pytest.raises(TargetError) as caught:
        await other.load(backup)
    assert caught.value.hint.startswith("GRANT CREATE ANY TABLE, ALTER ANY TABLE, DROP ANY TABLE,")


async def test_what_is_not_saved_is_listed_with_the_reason(shop: Shop) -> None:
    server = shop.server
    flagged: dict[str, dict[str, object]] = {
        "GTT": {"is_temporary": "Y"}, "EXT": {"is_external": "YES"}, "HYB": {"is_hybrid": "YES"}, "MV": {}, "OBJ": {"objects": True},
        "NESTED": {"is_nested": "YES"}, "SYS_IOT_OVER_1": {"organization": "IOT_OVERFLOW"}, "BIN$x": {"is_dropped": "YES"},
        "AISHELL$NEW_X_0": {},
    }  # fmt: skip
    for name, flags in flagged.items():
        server.schemas["SHOP"][name] = replace(server.table(name, [Col("A", "DATE")]), extra=flags)
    server.table("ONLY_ODD", [Col("A", "BFILE")])
    odd = [
        Col("ID", "NUMBER(3,0)", extra={"is_identity": "YES", "default_signs": 20}), Col("B", "BFILE"),
        Col("X", "XMLTYPE", extra={"type_owner": "SYS"}),
        Col("V", "NUMBER", extra={"is_virtual": "YES"}), Col("D", "DATE", extra={"default_signs": 7}),
        Col("H", "DATE", extra={"is_hidden": "YES"}),
    ]  # fmt: skip
    server.table("ODD", odd, key=("ID",), is_partitioned="YES", organization="IOT")
    server.attached.made.append("MV")
    attached = server.attached
    attached.constraints += [
        {"tab": "ODD", "name": "NN", "kind": "C", "condition": '"ID" IS NOT NULL'},
        {"tab": "ODD", "name": "CK", "kind": "C", "condition": "ID > 0"},
        {"tab": "ODD", "name": "FK", "kind": "R", "condition": None}, {"tab": "ODD", "name": "UQ", "kind": "U", "condition": None},
    ]  # fmt: skip
    attached.indexes += [{"tab": "ODD", "name": "UQ"}, {"tab": "ODD", "name": "IX"}]
    attached.triggers.append({"tab": "ODD", "name": "TR", "status": "ENABLED"})
    attached.objects += [{"kind": "package", "name": f"P{number:02}", "id": number} for number in range(12)]
    attached.objects += [{"kind": "sequence", "name": "S", "id": 90}, {"kind": "index partition", "name": "IP", "id": 91}]
    attached.grants, attached.policies = 3, ["ODD"]
    plan = await shop.engine.plan_save(shop.target, SaveRequest())
    skipped = dict(plan.skipped)
    rows = "rows alone are saved"
    assert skipped == {
        "table GTT": "it is temporary: each session sees rows of its own",
        "table EXT": "its rows, or some of them, lie in files outside of the database",
        "table HYB": "its rows, or some of them, lie in files outside of the database",
        "table MV": "its rows are made from other tables",
        "table OBJ": "it is a table of objects or of XML",
        "table ONLY_ODD": "none of its columns can be saved",
        "package P00, P01, P02, P03, P04, P05, P06, P07, P08, P09 and 2 more": rows,
        "sequence S": rows,
        "3 grants on objects": rows,
        "users, roles, comments, statistics and storage of tables": f"{rows}; expdp saves them",
        "computed column V of ODD": "it is computed from others",
        "column B of ODD": "BFILE: its value lies in a file outside of the database",
        "column X of ODD": "XMLTYPE: rows alone are saved, and this type has no form in them that comes back exactly",
        "identity of ID of ODD": rows,
        "default of D of ODD": rows,
        "invisibility of H of ODD": "it comes back as a usual column",
        "partitions of ODD": "it comes back as one table",
        "organization by its index of ODD": "it comes back as a usual table",
        "check CK of ODD": rows,
        "foreign key FK of ODD": rows,
        "unique constraint UQ of ODD": rows,
        "index IX of ODD": rows,
        "trigger TR of ODD": rows,
    }
    assert "policies may hide rows of ODD: GRANT EXEMPT ACCESS POLICY TO SHOP; saves them all" in plan.warnings
    assert any("no Oracle server was at hand" in each for each in plan.warnings)


async def test_no_secret_is_in_a_plan_a_manifest_or_a_recovery_sheet(shop: Shop) -> None:
    plan = await shop.engine.plan_save(shop.target, SaveRequest())
    backup = await shop.save()
    written = "".join(path.read_text("utf-8", "replace") for path in shop.folder.rglob("*") if path.is_file())
    assert "s3cret" not in repr(plan) + repr(backup) + written + "".join(shop.server.statements) + "".join(shop.server.actions)
    assert "jq -c . FILE" in written
