"""MySQL and MariaDB: going on after errors, a passphrase, exchanged parts, programs that do nothing, an account with few rights."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from aishell_core.targets import Secret
from aishell_ops.backups.engines.contract import LoadRequest, SaveRequest
from aishell_ops.backups.errors import BackupError, DamagedError
from aishell_ops.backups.layout import Line, Spot
from aishell_ops.backups.models import ProofLevel
from aishell_ops.backups.restore import RestoreOrder, plan_restore, restore
from aishell_ops.backups.storage.folder import FolderStorage
from aishell_ops.backups.streams.contract import Keys, Recipe
from aishell_ops.backups.streams.encryption import key_behind
from aishell_ops.backups.streams.starting import started_by
from aishell_ops.backups.take import Order, take
from aishell_ops.backups.verify import Depth, verify
from tests.servers.mysql import MARIADB, MysqlServer, mysql
from tests.servers.mysql_backups import (
    CLOCK,
    LOGGED,
    READING,
    contents_of,
    damage,
    databases_of,
    engine_of,
    make_keeper,
    put_back,
    repository_in,
    save,
)
from tests.unit.aishell_ops.backups.faulty_starts import FaultyStarts, Way

PAGE = Path(__file__).parents[2] / "docs" / "mysql.md"
OF_ONE_FAMILY = {True: ("SET_USER_ID",), False: ("mysql.proc", "SET USER")}
"""What shows that a grant is of the other family: of MySQL where the server is MariaDB, and the other way round."""


def _granted(server: MysqlServer, *, restores: bool) -> list[str]:
    """What the page grants to an account that saves, or to one that also restores."""
    grants = re.findall(r"^GRANT ([^;]*) TO keeper@'%';$", PAGE.read_text(), re.MULTILINE)
    # Of MySQL 8.0.15, which has no SHOW_ROUTINE yet.
    old = [] if server.mariadb else ["SELECT ON *.*"]
    mine = old + [each for each in grants if not any(word in each for word in OF_ONE_FAMILY[server.mariadb])]
    first = next(number for number, each in enumerate(mine) if "CREATE ROUTINE" in each)
    return mine if restores else mine[:first]


pytest_plugins = ("tests.live.backup_mysql_fixtures",)


@pytest.fixture(scope="module", params=[MARIADB, "mysql-8.0"])
def server(request: pytest.FixtureRequest) -> Iterator[MysqlServer]:
    logged = {**LOGGED, "log-bin-trust-function-creators": "ON"} | ({"skip-log-bin": "OFF"} if request.param == "mysql-8.0" else {})
    with mysql(request.param, settings={**logged, "event-scheduler": "ON"}) as found:
        yield found


SPOT = Line("my", "shop")


async def test_going_on_after_errors_keeps_the_rest_and_tells_what_is_missing(shop: MysqlServer, storage: FolderStorage) -> None:
    """A table with rows larger than a page, made while the server was lenient, is refused by the server as it is."""
    lenient, columns = "SET SESSION innodb_strict_mode = OFF", ", ".join(f"c{number} CHAR(38)" for number in range(250))
    shop.execute(lenient, f"CREATE TABLE odd (a int, {columns}) CHARSET=latin1", "INSERT INTO odd (a) VALUES (1)", database="shop")
    backup = await save(shop, storage)
    before = contents_of(shop, "shop")
    with pytest.raises(BackupError, match="failed with exit code") as caught:
        await put_back(shop, storage, backup, replace=True)
    assert not isinstance(caught.value, DamagedError)
    assert contents_of(shop, "shop") == before
    done = await put_back(shop, storage, backup, database="other", go_on=True)
    missing, refused, *_ = map(str, done.comparison.differences)
    assert missing == "odd is missing"
    assert re.fullmatch(r"database\.sql was not taken whole: ERROR 1118 \(42000\) at line \d+: Row size too large.*", refused)
    assert shop.execute("SELECT COUNT(*) FROM orders", database="other") == [(300,)]
    assert {row[0] for row in shop.execute("SHOW TRIGGERS", database="other")} == {"upper_note"}
    assert databases_of(shop) == {"shop", "other"}


async def test_a_passphrase_opens_it_and_another_one_does_not(shop: MysqlServer, storage: FolderStorage) -> None:
    encryption, shut = key_behind(Secret("correct horse"))
    order = Order(shop.target("my", database="shop"), recipe=Recipe(encryption=encryption), proof=ProofLevel.FULL, locked_key=shut)
    backup = await take(engine_of(shop), repository_in(storage), order, CLOCK)
    stored = b"".join(path.read_bytes() for path in storage.root.rglob("*") if path.is_file())
    assert b"correct horse" not in stored
    assert b"CREATE TABLE" not in stored
    before = contents_of(shop, "shop")
    damage(shop)
    damaged = contents_of(shop, "shop")
    for keys in (Keys(passphrase=Secret("wrong horse")), Keys()):
        with pytest.raises(BackupError, match="passphrase") as caught:
            await put_back(shop, storage, backup, keys, replace=True)
        assert not isinstance(caught.value, DamagedError)
        assert contents_of(shop, "shop") == damaged
    restored = await put_back(shop, storage, backup, Keys(passphrase=Secret("correct horse")), replace=True)
    assert restored.comparison.is_proof
    assert contents_of(shop, "shop") == before


@pytest.mark.parametrize("of", ["one backup", "two backups"])
async def test_parts_that_were_exchanged_are_found_and_not_restored(shop: MysqlServer, storage: FolderStorage, of: str) -> None:
    backup = await save(shop, storage)
    damage(shop)
    other = backup if of == "one backup" else await save(shop, storage)
    before = contents_of(shop, "shop")
    first, second = backup.manifest.parts[0], other.manifest.parts[1 if of == "one backup" else 0]
    here, there = Path(backup.location) / "parts" / first.name, Path(other.location) / "parts" / second.name
    aside = here.with_name("aside")
    for source, place in ((here, aside), (there, here), (aside, there)):
        source.rename(place)
    found = await verify(repository_in(storage), Spot(SPOT, backup.id), Depth.DEEP, CLOCK)
    assert any(first.name in fault for fault in found.faults)
    with pytest.raises(DamagedError, match=first.name):
        await put_back(shop, storage, backup, replace=True)
    assert contents_of(shop, "shop") == before
    assert databases_of(shop) == {"shop"}


async def test_a_client_that_does_nothing_is_told_and_leaves_the_old_database(shop: MysqlServer, storage: FolderStorage) -> None:
    """Whichever run of it, of all that a restore takes: of the rows, and of the code that is made anew in its place."""
    backup = await save(shop, storage)
    damage(shop)
    before, plain = contents_of(shop, "shop"), FaultyStarts()
    with started_by(plain):
        await put_back(shop, storage, backup, database="other")
    shop.execute("DROP DATABASE other")
    assert len(plain.names) > 2
    for number in range(len(plain.names)):
        starts = FaultyStarts(number, Way.IDLE)
        with started_by(starts), pytest.raises(BackupError) as caught:
            await put_back(shop, storage, backup, replace=True)
        assert starts.failed in caught.value.message
        assert not isinstance(caught.value, DamagedError)
        assert contents_of(shop, "shop") == before
        assert databases_of(shop) == {"shop"}


async def test_the_grants_of_the_page_are_enough_and_it_is_said_what_is_not_seen_without(shop: MysqlServer, storage: FolderStorage) -> None:
    shop.execute("DROP VIEW dear", "CREATE VIEW dear AS SELECT id FROM orders WHERE price > 10", database="shop")
    make_keeper(shop, *_granted(shop, restores=False))
    target = shop.target("my", database="shop", user="keeper", password="x")
    backup = await take(engine_of(shop), repository_in(storage), Order(target, proof=ProofLevel.FULL), CLOCK)
    assert {"function `twice`", "procedure `many`", "view `dear`", "orders", "isam"} <= {one.name for one in backup.manifest.objects}
    assert "functions and procedures" not in dict(backup.manifest.skipped)
    assert dict(backup.manifest.start)["file"].startswith("binlog.")
    before = contents_of(shop, "shop")
    damage(shop)
    make_keeper(shop, *_granted(shop, restores=True))
    order = RestoreOrder(target, LoadRequest(replace=True))
    plan = await plan_restore(engine_of(shop), backup, order)
    restored = await restore(engine_of(shop), repository_in(storage), Spot(SPOT, backup.id), backup, order, plan, CLOCK)
    assert restored.comparison.is_proof
    assert contents_of(shop, "shop") == before
    assert databases_of(shop) == {"shop"}
    make_keeper(shop, f"{READING}, LOCK TABLES ON shop.*")
    plan_save = await engine_of(shop).plan_save(target, SaveRequest())
    assert "GRANT" in dict(plan_save.skipped)["functions and procedures"]
