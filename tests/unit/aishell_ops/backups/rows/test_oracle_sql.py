"""The statements of Oracle's backups: each is parsed in its dialect, tagged, with values bound and names quoted."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlglot
from sqlglot import exp

from aishell_ops.backups.engines.contract import LoadRequest
from aishell_ops.backups.rows.contract import PlacedColumn
from aishell_ops.backups.rows.engines import oracle, oracle_catalog, oracle_place, oracle_staging
from aishell_ops.backups.rows.engines.oracle_staging import insertion
from aishell_ops.backups.rows.fidelity import Shape
from aishell_ops.backups.rows.model import Column, Kind
from tests.servers.oracle_tables import OracleMemory
from tests.unit.aishell_ops.backups.engines.oracle_shop import Shop, with_types

CONSTANTS = {
    f"{module.__name__.rpartition('.')[2]}.{name}": text
    for module in (oracle, oracle_catalog, oracle_place, oracle_staging)
    for name, text in vars(module).items()
    if name.isupper() and isinstance(text, str) and text.startswith("SELECT")
}
UNKNOWN_TO_THE_PARSER = {
    "INTERVAL DAY(9) TO SECOND(9)": "DATE",
    "INTERVAL YEAR(9) TO MONTH": "DATE",
    "NUMBER(5,-2)": "NUMBER(5,2)",
}
"""Types that Oracle has (SQL Language Reference, "Data Types") and the parser's dialect has not."""


@pytest.mark.parametrize("name", CONSTANTS)
def test_a_question_is_parsed_as_oracle_s_and_only_reads(name: str) -> None:
    statements = sqlglot.parse(CONSTANTS[name], dialect="oracle")
    assert len(statements) == 1
    assert isinstance(statements[0], exp.Select | exp.SetOperation)
    assert statements[0].find(exp.Command, exp.DML, exp.Lock) is None
    assert CONSTANTS[name].startswith("SELECT /* aishell */ ")


async def test_every_statement_of_a_backup_and_a_restore_is_parsed_as_oracle_s(tmp_path: Path) -> None:
    server = OracleMemory()
    with_types(server)
    shop = Shop(server, tmp_path)
    backup = await shop.save()
    del server.schemas["SHOP"]["Odd 'name'; --x"]
    await shop.load(backup, LoadRequest(replace=True))
    found = {sql for sql in server.statements if sql not in ("MORE", "COMMIT", "ROLLBACK")}
    parsed = {}
    for sql in found:
        assert "/* aishell */" in sql or "FROM dual" in sql
        plain = sql
        for odd, known in UNKNOWN_TO_THE_PARSER.items():
            plain = plain.replace(odd, known)
        if not sql.startswith(("ALTER SESSION", "LOCK TABLE")):  # which the parser does not know
            (statement,) = sqlglot.parse(plain, dialect="oracle")
            assert statement is not None
            assert not isinstance(statement, exp.Command), sql
            parsed[sql] = statement
    assert 'LOCK TABLE /* aishell */ "SHOP"."TYPES" IN EXCLUSIVE MODE WAIT 10' in found
    saved = [sql for sql in found if sql.endswith(" AS OF SCN :scn")]
    assert len(saved) == 6
    assert all(parsed[sql].find(exp.Placeholder) for sql in saved)
    kinds = {type(statement) for statement in parsed.values()}
    assert kinds >= {exp.Select, exp.Insert, exp.Delete, exp.Create, exp.Alter, exp.Drop}


def test_a_long_is_the_last_that_is_bound() -> None:
    types = ["LONG", "NUMBER(9,0)", "TIMESTAMP(9) WITH TIME ZONE"]
    columns = [PlacedColumn(Column(f"C{number}", Kind.TEXT), f"C{number}", Shape(type_)) for number, type_ in enumerate(types)]
    sql, numbers = insertion('"S"."T"', columns)
    assert numbers == [1, 2, 0]
    assert sql.startswith('INSERT /* aishell */ INTO "S"."T" ("C1", "C2", "C0") VALUES (:c0, CASE WHEN :c1 IS NOT NULL THEN ')
    assert sql.endswith(" END, :c2)")


async def test_no_value_of_a_row_is_ever_in_a_statement(tmp_path: Path) -> None:
    server = OracleMemory()
    with_types(server)
    shop = Shop(server, tmp_path)
    backup = await shop.save()
    server.schemas["SHOP"].clear()
    await shop.load(backup)
    assert not [sql for sql in server.statements if "damaged" in sql or "xxx" in sql or "Europe" in sql or "999999" in sql]
    assert any("\"Odd 'name'; --x\"" in sql for sql in server.statements)
