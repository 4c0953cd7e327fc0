"""Restores into Oracle that fail at every statement, over the server of the tests' own: the schema is as it was, or all is done."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from copy import deepcopy
from pathlib import Path

import pytest

from aishell_core.engines.oracle_wire import ServerError
from aishell_core.errors import RefusedError, TargetError
from aishell_ops.backups.engines.contract import LoadRequest, SaveRequest
from aishell_ops.backups.errors import BackupError
from tests.servers.oracle_schema import Col, ora
from tests.servers.oracle_tables import OracleMemory
from tests.unit.aishell_ops.backups.engines.oracle_shop import Shop, contents, with_types

REPLACE = LoadRequest(replace=True)


class Failing:
    """Lets one statement fail, by an error of it or because the server is gone from then on."""

    def __init__(self, server: OracleMemory, place: int, *, lasting: bool) -> None:
        self._server, self._place, self._lasting, self._count = server, place, lasting, 0

    def __call__(self, _sql: str) -> ServerError | None:
        self._count += 1
        if self._count - 1 != self._place:
            return None
        if self._lasting:
            self._server.gone = True
            return ServerError(3113, "DPY-4011", "ORA-03113: end-of-file on communication channel", lost=True)
        return ora(600, "internal error")


async def tried(work: Callable[[], Awaitable[object]]) -> bool:
    """Whether something was done."""
    try:
        await work()
    except (TargetError, BackupError, RefusedError):
        return False
    return True


def seen(server: OracleMemory) -> dict[str, list[str]]:
    """What everybody sees, without what a restore has for itself."""
    return {name: rows for name, rows in contents(server).items() if not name.startswith("AISHELL$")}


@pytest.mark.parametrize("lasting", [False, True], ids=["an error", "the server goes"])
async def test_whatever_statement_fails_another_restore_converges(tmp_path: Path, lasting: bool) -> None:
    server = OracleMemory()
    with_types(server)
    server.schemas["SHOP"]["TYPES"].rows[1]["PHOTO"] = b"\xff"
    shop = Shop(server, tmp_path)
    backup = await shop.save()
    complete = contents(server)
    del server.schemas["SHOP"]["Odd 'name'; --x"]
    server.schemas["SHOP"]["TYPES"].rows[0]["SHORT"] = "damaged"
    damaged, start = contents(server), deepcopy(server.schemas)
    server.statements.clear()
    await shop.load(backup, REPLACE)
    assert contents(server) == complete
    statements, outcomes = list(server.statements), set()
    for place, sql in enumerate(statements):
        server.schemas = deepcopy(start)
        server.fault = Failing(server, place, lasting=lasting)
        done = await tried(lambda: shop.load(backup, REPLACE))
        server.fault, server.gone = lambda _: None, False
        now = seen(server)
        outcomes.add((done, now == complete))
        if done:
            assert now == complete, sql
        elif not lasting:
            assert now in (damaged, complete), sql
        await shop.load(backup, REPLACE)
        assert contents(server) == complete, sql
        assert server.open == 0
    assert {(False, False), (True, True)} <= outcomes


async def test_a_killed_restore_that_had_renamed_a_table_is_taken_back_by_the_next_one(tmp_path: Path) -> None:
    server = OracleMemory()
    with_types(server)
    shop = Shop(server, tmp_path)
    backup = await shop.save()
    complete = contents(server)
    server.schemas["SHOP"].clear()

    def dying(sql: str) -> ServerError | None:
        server.gone = server.gone or (sql.startswith("INSERT") and "(1)" in sql)
        return None

    server.fault = dying
    assert not await tried(lambda: shop.load(backup))
    server.fault, server.gone = lambda _: None, False
    half = server.schemas["SHOP"]
    assert {"TYPES", "EMPTY", "AISHELL$RESTORE"} <= set(half)
    # They are none of the schema's: nothing of them is saved, and they are not in the way.
    server.table("MINE", [Col("A", "DATE")])
    assert dict((await shop.engine.plan_save(shop.target, SaveRequest())).skipped)["table TYPES"].startswith("a restore that did not end")
    assert (await shop.plan(backup)).obstacles == ()
    # What somebody has made since, under a name that the killed one had, is theirs.
    theirs = half.pop("EMPTY").id
    server.table("EMPTY", [Col("ID", "NUMBER(9,0)")], (7,))
    assert (await shop.plan(backup)).obstacles[0] == "EMPTY is there already; --drop-existing replaces that"
    await shop.load(backup, LoadRequest(tables=("TYPES",)))
    assert server.schemas["SHOP"]["EMPTY"].id != theirs
    assert [row["ID"] for row in server.schemas["SHOP"]["EMPTY"].rows] == [7]
    assert set(seen(server)) == {"TYPES", "EMPTY", "MINE"}
    assert seen(server)["TYPES"] == complete["TYPES"]
