"""MySQL and MariaDB: backup, damage, restore, compare on real servers, beside writers, with rights, through faults."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, suppress
from pathlib import Path

import psutil
import pymysql
import pytest

from aishell_core.clock import SystemClock
from aishell_core.errors import RefusedError, TargetError, UsageError
from aishell_ops.backups.engines.contract import LoadRequest, SaveRequest
from aishell_ops.backups.engines.mysql import MysqlBackups
from aishell_ops.backups.errors import BackupError, BusyError, ToolError
from aishell_ops.backups.layout import Line, Spot
from aishell_ops.backups.models import Backup, Compression, Format, ProofLevel
from aishell_ops.backups.progress import Stage, Step
from aishell_ops.backups.repository import Repository
from aishell_ops.backups.restore import Restored, RestoreOrder, plan_restore, restore
from aishell_ops.backups.storage.address import StorageAddress
from aishell_ops.backups.storage.folder import FolderStorage
from aishell_ops.backups.storage.opening import open_storage
from aishell_ops.backups.streams.contract import Keys, Recipe
from aishell_ops.backups.take import Order, take
from aishell_ops.backups.verify import Depth, verify
from tests.servers.clouds import azure, google, s3
from tests.servers.mysql import MARIADB, VERSIONS, MysqlServer, mysql
from tests.servers.sqlite_client import eventually
from tests.unit.aishell_ops.backups.streams.test_store_and_fetch import ENCRYPTED, KEYS

CLOCK = SystemClock()
ENVIRON = {name: value for name, value in os.environ.items() if not name.startswith("MYSQL")}
ODD = 'od d.T "x" é'
LOGGED = {"log-bin": "binlog", "server-id": "7"}
READING = "SELECT, SHOW VIEW, TRIGGER, EVENT"


@pytest.fixture(scope="module", params=VERSIONS)
def server(request: pytest.FixtureRequest) -> Iterator[MysqlServer]:
    settings = {"skip-log-bin": "OFF"} if request.param == "mysql-8.0" else {}
    with mysql(request.param, settings={**settings, **LOGGED, "event-scheduler": "ON"}) as found:
        yield found


def _everything(server: MysqlServer) -> list[str]:
    """Statements that make something of every kind that both families have, and some of MariaDB's own."""
    own = (
        [
            "CREATE SEQUENCE numbers START 100",
            "SELECT NEXTVAL(numbers)",
            "CREATE TABLE uuids (u uuid, i inet6, g int AS (u IS NULL) VIRTUAL)",
            "INSERT INTO uuids (u, i) VALUES (UUID(), '::1'), (NULL, NULL)",
        ]
        if server.mariadb
        else [
            "CREATE TABLE uuids (u binary(16), i json)",
            "INSERT INTO uuids VALUES (UUID_TO_BIN(UUID()), '{\"a\": [1, 2.5]}'), (NULL, NULL)",
        ]
    )
    return [
        "CREATE TABLE customers (id int PRIMARY KEY, name varchar(50) CHARACTER SET latin1, nick varchar(20) CHARACTER SET utf8mb4)",
        "INSERT INTO customers VALUES (1, 'é ünï', '😀'), (2, NULL, ''), (3, 'back\\\\slash \\'quote\\' \\n\\t\\0', 'x')",
        "CREATE TABLE orders (id bigint AUTO_INCREMENT PRIMARY KEY, customer int, price decimal(20,5), d double, b bit(9), y year,"
        " at timestamp(6) NULL, dt datetime(3), t time(2), e enum('sad','glad'), s set('a','b','c'), photo longblob, c char(5),"
        " vb varbinary(8),"
        " note text, UNIQUE (note(20), id), CONSTRAINT buys FOREIGN KEY (customer) REFERENCES customers (id) ON DELETE CASCADE)",
        "INSERT INTO orders (customer, price, d, b, y, at, dt, t, e, s, photo, c, vb, note) SELECT 1 + seq.n % 3, seq.n / 7, SQRT(seq.n),"
        " seq.n % 512,"
        " 1999, '2026-03-29 01:30:00.123456' + INTERVAL seq.n HOUR, '1000-01-01', '-100:30:00.25', 1 + seq.n % 2, seq.n % 8,"
        " UNHEX(SHA2(seq.n, 512)), 'a ', 'x\\0', CONCAT('note ', seq.n, '\\n-- Table structure for table `orders`\\n')"
        " FROM (SELECT a.n + 10 * b.n + 100 * c.n AS n FROM (SELECT 0 AS n UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4"
        " UNION SELECT 5 UNION SELECT 6 UNION SELECT 7 UNION SELECT 8 UNION SELECT 9) AS a,"
        " (SELECT 0 AS n UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 5) AS b,"
        " (SELECT 0 AS n UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4) AS c) AS seq",
        f"CREATE TABLE `{ODD}` (`c o``l` text, `--x` float, g geometry)",
        f"INSERT INTO `{ODD}` VALUES (NULL, 0.1, ST_GeomFromText('POINT(1 2)')), ('', -1e30, NULL)",
        "CREATE TABLE parted (k int, v varchar(9)) PARTITION BY RANGE (k)"
        " (PARTITION a VALUES LESS THAN (100), PARTITION b VALUES LESS THAN (200))",
        "INSERT INTO parted VALUES (1, 'a'), (150, 'b')",
        "CREATE TABLE isam (a int PRIMARY KEY, b varchar(9)) ENGINE=MyISAM",
        "INSERT INTO isam VALUES (1, 'x'), (2, NULL)",
        "CREATE TABLE remembered (a int) ENGINE=MEMORY",
        "INSERT INTO remembered VALUES (5)",
        "CREATE TABLE bare (a int)",
        "CREATE FUNCTION twice(i int) RETURNS int DETERMINISTIC RETURN 2 * i",
        "CREATE PROCEDURE many() BEGIN SELECT 1; SELECT ';;'; END",
        "CREATE VIEW dear AS SELECT id, twice(id) AS double_id FROM orders WHERE price > 10",
        "CREATE TRIGGER upper_note BEFORE INSERT ON orders FOR EACH ROW SET NEW.note = UPPER(NEW.note)",
        "CREATE EVENT clean ON SCHEDULE EVERY 1 SECOND DO DELETE FROM bare WHERE a < 0",
        *own,
    ]


@pytest.fixture
def shop(server: MysqlServer) -> MysqlServer:
    """A server with a database in which there is something of every kind."""
    return _shop_on(server)


def _shop_on(server: MysqlServer) -> MysqlServer:
    for name in _databases(server):
        server.execute("SET foreign_key_checks = 0", f"DROP DATABASE `{name.replace('`', '``')}`")
    server.execute("CREATE DATABASE shop CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci")
    server.execute(*_everything(server), database="shop")
    return server


@pytest.fixture(scope="module")
def debian() -> Iterator[MysqlServer]:
    with mysql(MARIADB, settings={**LOGGED, "event-scheduler": "ON"}) as found:
        yield found


@pytest.fixture
def one(debian: MysqlServer) -> MysqlServer:
    """The same on one server, for what is of no family or version."""
    return _shop_on(debian)


def _folders(server: MysqlServer) -> tuple[Path, ...]:
    return (server.binaries.base / "bin",) if server.binaries.base else ()


def _engine(server: MysqlServer) -> MysqlBackups:
    return MysqlBackups(ENVIRON, _folders(server))


@pytest.fixture
def storage(tmp_path: Path) -> FolderStorage:
    return FolderStorage(tmp_path / "backups")


def _repository(storage: FolderStorage) -> Repository:
    return Repository(storage, time.time)


async def _take(server: MysqlServer, storage: FolderStorage, recipe: Recipe | None = None, **request: object) -> Backup:
    wanted = SaveRequest(**request)  # type: ignore[arg-type]
    order = Order(server.target("my", database="shop"), wanted, recipe=recipe or Recipe(), proof=ProofLevel.FULL)
    return await take(_engine(server), _repository(storage), order, CLOCK)


async def _restore(server: MysqlServer, storage: FolderStorage, backup: Backup, keys: Keys | None = None, **request: object) -> Restored:
    engine = _engine(server)
    order = RestoreOrder(server.target("my", database="shop"), LoadRequest(**request), keys)  # type: ignore[arg-type]
    plan = await plan_restore(engine, backup, order)
    return await restore(engine, _repository(storage), Spot(Line("my", "shop"), backup.id), backup, order, plan, CLOCK)


def _databases(server: MysqlServer) -> set[str]:
    own = {"information_schema", "performance_schema", "mysql", "sys"}
    return {str(row[0]) for row in server.execute("SHOW DATABASES")} - own


def _contents(server: MysqlServer, database: str) -> dict[str, object]:
    """What a person would look at: all rows, and the definition of everything."""
    found: dict[str, object] = {}
    for name, kind in server.execute("SHOW FULL TABLES", database=database):
        quoted = name.replace("`", "``")
        # MySQL says the character set of a column that has one of its own, or had it said, though it is the table's.
        definition = server.execute(f"SHOW CREATE TABLE `{quoted}`", database=database)[0][1]
        found[f"definition of {name}"] = str(definition).replace(" CHARACTER SET utf8mb4", "").replace(f"`{database}`.", "")
        if kind != "SEQUENCE":
            found[name] = sorted(map(repr, server.execute("SET time_zone = '+00:00'", f"SELECT * FROM `{quoted}`", database=database)))
    routines = "SELECT routine_type, routine_name FROM information_schema.routines WHERE routine_schema = "
    for kind, name in server.execute(f"{routines}'{database}'"):
        found[f"{kind} {name}"] = server.execute(f"SHOW CREATE {kind} {name}", database=database)[0][1:3]
    found["triggers"] = [row[:4] for row in server.execute("SHOW TRIGGERS", database=database)]
    found["event"] = [(row[1], row[3], row[4], row[6], row[7]) for row in server.execute("SHOW EVENTS", database=database)]
    found["database"] = server.execute(
        f"SELECT default_character_set_name, default_collation_name FROM information_schema.schemata WHERE schema_name = '{database}'"
    )
    return found


def _damage(server: MysqlServer) -> None:
    server.execute(
        "DELETE FROM orders WHERE id % 2 = 0",
        "DROP TABLE parted",
        "UPDATE orders SET price = 0",
        "DROP VIEW dear",
        "DROP EVENT clean",
        "DROP FUNCTION twice",
        "CREATE FUNCTION thrice(i int) RETURNS int DETERMINISTIC RETURN 3 * i",
        "CREATE TABLE late (a int)",
        "ALTER DATABASE shop CHARACTER SET latin1",
        database="shop",
    )


@pytest.mark.parametrize("keys", [None, KEYS], ids=["plain", "encrypted"])
async def test_backup_damage_restore_compare(shop: MysqlServer, storage: FolderStorage, keys: Keys | None) -> None:
    before = _contents(shop, "shop")
    backup = await _take(shop, storage, ENCRYPTED if keys else None, format=Format.SQL if keys else Format.NATIVE)
    found = await verify(_repository(storage), Spot(Line("my", "shop"), backup.id), Depth.DEEP, CLOCK, keys=keys)
    assert (found.faults, found.remarks) == ((), ())
    _damage(shop)
    restored = await _restore(shop, storage, backup, keys, replace=True)
    assert restored.comparison.is_proof
    assert restored.comparison.hashed == 8
    assert _contents(shop, "shop") == before
    assert _databases(shop) == {"shop"}


async def test_the_manifest_tells_what_a_restore_has_to_prove(shop: MysqlServer, storage: FolderStorage) -> None:
    backup = await _take(shop, storage)
    manifest = backup.manifest
    rows = {proof.name: proof.rows for proof in manifest.objects}
    expected = {"customers": 3, "orders": 300, ODD: 2, "parted": 2, "isam": 2, "remembered": 1, "uuids": 2}
    assert {name: rows[name] for name in expected} == expected
    assert {"view `dear`", "trigger `upper_note`", "function `twice`", "procedure `many`"} <= rows.keys()
    assert [part.name for part in manifest.parts] == ["database.sql.zst", "events.sql.zst"]
    assert dict(manifest.start)["file"].startswith("binlog.")
    assert manifest.tools[0].name in ("mariadb-dump", "mysqldump")
    assert manifest.source.identity or shop.binaries.version == MARIADB
    assert ("accounts and their rights", "they belong to the server and to no database") in manifest.skipped
    assert manifest.server_time is not None
    assert abs(manifest.server_time - time.time()) < 600


async def test_the_plan_warns_of_what_no_dump_holds(one: MysqlServer) -> None:
    plan = await _engine(one).plan_save(one.target("my", database="shop"), SaveRequest())
    assert any("isam (myisam), remembered (memory) know no transactions: who writes to them waits" in words for words in plan.warnings)
    assert any(f"{ODD}.--x are of type FLOAT: the server gives six digits" in words for words in plan.warnings)


def _run_all(commands: list[str], folder: str, around: dict[str, str]) -> None:
    for command in commands:
        subprocess.run(command, shell=True, cwd=folder, env=around, check=True, capture_output=True)


async def test_the_recovery_sheet_restores_it_without_us(shop: MysqlServer, storage: FolderStorage, tmp_path: Path) -> None:
    backup = await _take(shop, storage)
    before = _contents(shop, "shop")
    sheet = (Path(backup.location) / "RECOVERY.txt").read_text()
    commands = [line.strip().split("    #")[0].replace("shop", "other") for line in sheet.splitlines() if line.startswith("     ")]
    (tmp_path / ".my.cnf").write_text(f"[client]\nuser=root\nsocket={shop.socket}\nskip-ssl\n")
    around = {**ENVIRON, "HOME": str(tmp_path)}
    around["PATH"] = ":".join([*map(str, _folders(shop)), around["PATH"]])
    await asyncio.to_thread(_run_all, commands, backup.location, around)
    assert _contents(shop, "other") == before


async def _with_writers(server: MysqlServer, storage: FolderStorage, order: Order) -> tuple[Backup, int]:
    """A backup that is taken while money moves between two tables."""
    server.execute("CREATE TABLE a (money int)", "INSERT INTO a VALUES (100000)", database="shop")
    server.execute("CREATE TABLE b (money int)", "INSERT INTO b VALUES (0)", database="shop")
    ended, moved = threading.Event(), []

    def move() -> None:
        client = server.connect("shop")
        while not ended.is_set():
            client.run("BEGIN", "UPDATE a SET money = money - 1", "UPDATE b SET money = money + 1", "COMMIT")
            moved.append(1)
        client.close()

    threads = [threading.Thread(target=move) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        eventually(lambda: len(moved) > 5)
        return await take(_engine(server), _repository(storage), order, CLOCK), len(moved)
    finally:
        ended.set()
        for thread in threads:
            thread.join()


@pytest.mark.parametrize("grants", ["ALL PRIVILEGES ON *.*", f"{READING}, LOCK TABLES ON shop.*"], ids=["mighty", "locks its tables alone"])
async def test_the_whole_backup_shows_one_moment(shop: MysqlServer, storage: FolderStorage, grants: str) -> None:
    """While money moves between two tables, the sum in every backup is the same, and the counts are those of the dump."""
    _keeper(shop, grants)
    order = Order(shop.target("my", database="shop", user="keeper", password="x"), proof=ProofLevel.FULL)
    if "ALL" not in grants:
        shop.execute("DROP FUNCTION twice", "DROP PROCEDURE many", "DROP VIEW dear", database="shop")
    backup, moved = await _with_writers(shop, storage, order)
    restored = await _restore(shop, storage, backup, database="other")
    assert restored.comparison.is_proof
    assert shop.execute("SELECT (SELECT money FROM a) + (SELECT money FROM b)", database="other") == [(100000,)]
    assert shop.execute("SELECT money FROM b", database="other")[0][0] > 0
    assert moved > 5


def _keeper(server: MysqlServer, *grants: str) -> None:
    server.execute("DROP USER IF EXISTS keeper@'127.0.0.1'", "CREATE USER keeper@'127.0.0.1' IDENTIFIED BY 'x'")
    for grant in grants:
        server.execute(f"GRANT {grant} TO keeper@'127.0.0.1'")


async def _as_soon_as_still(taken: Callable[[], Awaitable[Backup]]) -> Backup:
    for _ in range(20):
        with suppress(BackupError):
            return await taken()
    return await taken()


async def test_counts_of_another_moment_are_refused_with_the_grant_that_would_do(shop: MysqlServer, storage: FolderStorage) -> None:
    _keeper(shop, f"{READING} ON shop.*")
    shop.execute("DROP FUNCTION twice", "DROP PROCEDURE many", "DROP VIEW dear", "DROP TABLE isam, remembered", database="shop")
    target = shop.target("my", database="shop", user="keeper", password="x")
    if not shop.mariadb:
        with pytest.raises(BackupError, match="cannot be counted in the moment that the dump shows") as caught:
            await take(_engine(shop), _repository(storage), Order(target, proof=ProofLevel.FULL), CLOCK)
        assert "GRANT LOCK TABLES ON `shop`.* TO 'keeper'@'127.0.0.1';" in caught.value.hint
        assert list(storage.list()) == []
        assert [child.name() for child in psutil.Process().children() if "dump" in child.name()] == []
    else:
        # The places in the log that our transaction and that of the dump stand at are the same as soon as nobody writes:
        # the server itself tidies up for a while after what was dropped above.
        backup = await _as_soon_as_still(lambda: take(_engine(shop), _repository(storage), Order(target, proof=ProofLevel.FULL), CLOCK))
        assert (await _restore(shop, storage, backup, database="other")).comparison.is_proof
    backup = await take(_engine(shop), _repository(storage), Order(target, proof=ProofLevel.NONE), CLOCK)
    assert backup.manifest.objects == ()


async def test_an_account_that_does_not_see_all_is_told_the_grant(shop: MysqlServer, storage: FolderStorage) -> None:
    _keeper(shop, "SELECT, TRIGGER ON shop.customers")
    target = shop.target("my", database="shop", user="keeper", password="x")
    with pytest.raises(TargetError, match="does not see all of the database shop") as caught:
        await take(_engine(shop), _repository(storage), Order(target), CLOCK)
    assert caught.value.hint == f"GRANT {READING} ON `shop`.* TO 'keeper'@'127.0.0.1';"
    with pytest.raises(UsageError, match="there is no table orders"):
        await take(_engine(shop), _repository(storage), Order(target, SaveRequest(tables=("orders",))), CLOCK)
    order = Order(target, SaveRequest(tables=("customers",)), proof=ProofLevel.NONE)
    assert (await take(_engine(shop), _repository(storage), order, CLOCK)).manifest.tables == ("customers",)


async def test_tables_that_know_no_transactions_are_not_proven_where_they_cannot_be_locked(
    one: MysqlServer, storage: FolderStorage
) -> None:
    server_wide = "RELOAD ON *.*"
    _keeper(one, f"{READING} ON shop.*", server_wide)
    one.execute("DROP FUNCTION twice", "DROP PROCEDURE many", "DROP VIEW dear", database="shop")
    target = one.target("my", database="shop", user="keeper", password="x")
    plan = await _engine(one).plan_save(target, SaveRequest())
    assert any("GRANT LOCK TABLES ON `shop`.* TO" in words for words in plan.warnings)
    backup = await take(_engine(one), _repository(storage), Order(target, proof=ProofLevel.FULL), CLOCK)
    rows = {proof.name: proof.rows for proof in backup.manifest.objects}
    assert (rows["isam"], rows["remembered"], rows["orders"]) == (None, None, 300)


async def test_what_is_there_is_replaced_only_by_who_says_so(one: MysqlServer, storage: FolderStorage) -> None:
    backup = await _take(one, storage)
    with pytest.raises(RefusedError, match="the database shop is there; --drop-existing replaces it"):
        await _restore(one, storage, backup)
    _damage(one)
    plan = await plan_restore(_engine(one), backup, RestoreOrder(one.target("my", database="shop"), LoadRequest(replace=True)))
    assert plan.losses[0].startswith("the database shop, ")
    assert plan.losses[1] == "not in the backup: late"
    assert plan.needed_bytes is not None
    assert plan.free_bytes is not None
    assert plan.needed_bytes < plan.free_bytes


async def test_a_fault_in_the_middle_leaves_the_old_database_and_no_other(one: MysqlServer, storage: FolderStorage) -> None:
    backup = await _take(one, storage)
    before = _contents(one, "shop")
    path = Path(backup.location) / "parts" / backup.manifest.parts[0].name
    content = path.read_bytes()
    path.write_bytes(content[:-50] + b"x" * 50)
    with pytest.raises(BackupError, match=r"database\.sql\.zst"):
        await _restore(one, storage, backup, replace=True)
    assert _contents(one, "shop") == before
    assert _databases(one) == {"shop"}


async def test_what_cannot_be_put_in_place_brings_the_old_database_back(shop: MysqlServer, storage: FolderStorage) -> None:
    """A table that another session reads in a transaction cannot be moved away."""
    backup = await _take(shop, storage)
    _damage(shop)
    before = _contents(shop, "shop")
    blocker = shop.connect("shop")
    blocker.run("BEGIN", "SELECT * FROM orders LIMIT 1")
    try:
        with pytest.raises(TargetError, match="lock"):
            await _restore(shop, storage, backup, replace=True)
    finally:
        blocker.run("ROLLBACK")
        blocker.close()
    assert _contents(shop, "shop") == before
    assert _databases(shop) == {"shop"}


async def test_a_part_of_it_can_be_saved(shop: MysqlServer, storage: FolderStorage) -> None:
    backup = await _take(shop, storage, tables=("shop.orders", ODD))
    assert [proof.name for proof in backup.manifest.objects] == [ODD, "orders", "trigger `upper_note`"]
    assert [part.name for part in backup.manifest.parts] == ["database.sql.zst"]
    with pytest.raises(UsageError) as caught:
        await _take(shop, storage, tables=("order",))
    assert caught.value.hint == "did you mean orders?"
    with pytest.raises(UsageError) as caught:
        await _engine(shop).plan_save(shop.target("my", database="sho"), SaveRequest(database="shopp"))
    assert "shop" in caught.value.hint


async def test_single_tables_are_put_back_among_the_others(shop: MysqlServer, storage: FolderStorage) -> None:
    before = _contents(shop, "shop")
    backup = await _take(shop, storage)
    shop.execute("DELETE FROM orders", "DROP TRIGGER upper_note", "INSERT INTO customers VALUES (9, 'new', 'new')", database="shop")
    shop.execute(f"DROP TABLE `{ODD}`", database="shop")
    now = _contents(shop, "shop")
    with pytest.raises(RefusedError, match="the tables orders are there; --drop-existing replaces them"):
        await _restore(shop, storage, backup, tables=("orders", ODD))
    restored = await _restore(shop, storage, backup, tables=("orders", ODD), replace=True)
    assert (restored.comparison.hashed, restored.comparison.differences) == (2, ())
    after = _contents(shop, "shop")
    back = {"orders", ODD, "definition of orders", f"definition of {ODD}", "triggers", "dear"}
    assert {name: after[name] for name in back} == {name: before[name] for name in back}
    assert {name: value for name, value in after.items() if name not in back} == {
        name: value for name, value in now.items() if name not in back
    }
    assert _databases(shop) == {"shop"}
    with pytest.raises(pymysql.err.IntegrityError):
        shop.execute("INSERT INTO orders (customer) VALUES (77)", database="shop")
    with pytest.raises(UsageError) as caught:
        await _restore(shop, storage, backup, tables=("ordres",), replace=True)
    assert caught.value.hint == "did you mean orders?"


async def test_a_table_that_others_refer_to_is_not_taken_from_under_them(one: MysqlServer, storage: FolderStorage) -> None:
    backup = await _take(one, storage)
    with pytest.raises(RefusedError, match=r"the table shop\.orders refers to customers by a foreign key"):
        await _restore(one, storage, backup, tables=("customers",), replace=True)
    one.execute("CREATE DATABASE other")
    one.execute("CREATE TABLE fans (c int, FOREIGN KEY (c) REFERENCES shop.customers (id))", database="other")
    with pytest.raises(RefusedError, match=r"the table other\.fans refers to customers"):
        await _restore(one, storage, backup, replace=True)


async def test_events_do_not_run_before_the_database_is_in_its_place(one: MysqlServer, storage: FolderStorage) -> None:
    one.execute("CREATE EVENT eats ON SCHEDULE EVERY 1 SECOND DO DELETE FROM orders LIMIT 100", database="shop")
    backup = await _take(one, storage)
    restored = await _restore(one, storage, backup, database="other")
    assert restored.comparison.is_proof
    names = one.execute("SELECT event_name FROM information_schema.events WHERE event_schema = 'other' ORDER BY 1")
    assert names == [("clean",), ("eats",)]


async def test_code_that_names_its_database_is_told_when_it_gets_another_name(one: MysqlServer, storage: FolderStorage) -> None:
    one.execute("CREATE PROCEDURE knows() SELECT COUNT(*) FROM shop.orders", database="shop")
    backup = await _take(one, storage)
    plan = await plan_restore(_engine(one), backup, RestoreOrder(one.target("my"), LoadRequest(database="other")))
    assert "knows name the database shop in their code and go on meaning that one" in plan.warnings
    plan = await plan_restore(_engine(one), backup, RestoreOrder(one.target("my"), LoadRequest(replace=True)))
    assert not any("knows" in words for words in plan.warnings)


@pytest.mark.parametrize("name", ["--help", 'o`d\' "d"\n\t;é€', "a.b", "%_x"])
async def test_odd_names_are_names(shop: MysqlServer, storage: FolderStorage, name: str) -> None:
    quoted = "`" + name.replace("`", "``") + "`"
    shop.execute(f"CREATE DATABASE {quoted}")
    shop.execute(f"CREATE TABLE {quoted} (`a b` int)", f"INSERT INTO {quoted} VALUES (1), (2)", database=name)
    order = Order(shop.target("my", database=name), proof=ProofLevel.FULL)
    backup = await take(_engine(shop), _repository(storage), order, CLOCK)
    shop.execute(f"DELETE FROM {quoted}", database=name)
    for request in (LoadRequest(replace=True), LoadRequest(replace=True, tables=(name,))):
        wanted = RestoreOrder(shop.target("my", database=name), request)
        plan = await plan_restore(_engine(shop), backup, wanted)
        spot = Spot(Line("my", name), backup.id)
        restored = await restore(_engine(shop), _repository(storage), spot, backup, wanted, plan, CLOCK)
        assert restored.comparison.is_proof
        assert shop.execute(f"SELECT * FROM {quoted} ORDER BY 1", database=name) == [(1,), (2,)]


async def test_a_test_restore_has_a_server_of_its_own(shop: MysqlServer, storage: FolderStorage) -> None:
    backup, engine = await _take(shop, storage), _engine(shop)
    async with engine.scratch(shop.target("my", database="shop"), backup.manifest) as place:
        order = RestoreOrder(place, LoadRequest(database=place.location.database))
        plan = await plan_restore(engine, backup, order)
        restored = await restore(engine, _repository(storage), Spot(Line("my", "shop"), backup.id), backup, order, plan, CLOCK)
        assert restored.comparison.is_proof
        socket = Path(str(place.location.option("socket")))
        assert await asyncio.to_thread(socket.is_socket)
    assert not await asyncio.to_thread(socket.parent.exists)
    assert _databases(shop) == {"shop"}


async def test_two_restores_of_one_database_do_not_meet(one: MysqlServer, storage: FolderStorage) -> None:
    backup, engine = await _take(one, storage), _engine(one)
    order = RestoreOrder(one.target("my", database="shop"), LoadRequest(database="other"))
    plan = await plan_restore(engine, backup, order)
    async with engine.loading(order.target, backup.manifest, plan):
        with pytest.raises(BusyError, match="another restore of other is under way"):
            await _restore(one, storage, backup, database="other")


_KILLED = """
import asyncio, os, signal, sys, time
from pathlib import Path
from aishell_core.clock import SystemClock
from aishell_core.targets import Target, parse_location
from aishell_core.values import TargetId
from aishell_ops.backups.engines.contract import LoadRequest
from aishell_ops.backups.engines.mysql import MysqlBackups
from aishell_ops.backups.errors import BackupError, BusyError, ToolError
from aishell_ops.backups.layout import Line, Spot
from aishell_ops.backups.progress import Stage, Step
from aishell_ops.backups.repository import Repository
from aishell_ops.backups.restore import RestoreOrder, plan_restore, restore
from aishell_ops.backups.storage.address import StorageAddress
from aishell_ops.backups.storage.folder import FolderStorage
from aishell_ops.backups.storage.opening import open_storage

storage, url, last = FolderStorage(Path(sys.argv[1])), sys.argv[2], int(sys.argv[3])
engine = MysqlBackups(folders=[Path(folder) for folder in sys.argv[4:]])
repository = Repository(storage, time.time)
backup = repository.scan().backups[0]
order = RestoreOrder(Target(TargetId("my"), parse_location(url)), LoadRequest(replace=True))
calls, within = 0, False

def count(frame, event, argument):
    '''Ends this process without a word at one of the statements and programs by which the old database is replaced.'''
    global calls, within
    if event != "call":
        return
    name = frame.f_code.co_name
    if name == "_carry_out":
        within = True
    if within and name in ("execute", "_run", "_dumped") and frame.f_code.co_filename.endswith(("mysql_held.py", "mysql.py")):
        calls += 1
        if calls == last:
            os.kill(os.getpid(), signal.SIGKILL)

async def main():
    plan = await plan_restore(engine, backup, order)
    sys.setprofile(count)
    await restore(engine, repository, Spot(Line("my", "shop"), backup.id), backup, order, plan, SystemClock())

asyncio.run(main())
print(calls)
"""


def _restored_until(server: MysqlServer, storage: Path, call: int) -> subprocess.CompletedProcess[str]:
    environment = {**ENVIRON, "PYTHONPATH": str(Path(__file__).parents[2])}
    arguments = [str(storage), server.url(database="shop"), str(call), *map(str, _folders(server))]
    return subprocess.run(
        [sys.executable, "-c", _KILLED, *arguments], env=environment, capture_output=True, text=True, timeout=300, check=False
    )


async def test_a_kill_while_it_is_put_in_its_place_is_undone_by_whoever_comes_next(
    shop: MysqlServer, storage: FolderStorage, tmp_path: Path
) -> None:
    backup = await _take(shop, storage)
    done = await asyncio.to_thread(_restored_until, shop, tmp_path / "backups", 0)
    assert done.returncode == 0, done.stderr
    calls = int(done.stdout)
    assert calls > 10
    saved = _contents(shop, "shop")
    _damage(shop)
    before = _contents(shop, "shop")
    engine, order = _engine(shop), RestoreOrder(shop.target("my", database="shop"), LoadRequest(replace=True))
    for call in sorted(random.Random(5).sample(range(2, calls - 5), 4)):
        done = await asyncio.to_thread(_restored_until, shop, tmp_path / "backups", call)
        assert done.returncode == -signal.SIGKILL, done.stderr
        plan = await plan_restore(engine, backup, order)
        if _databases(shop) != {"shop"}:
            async with engine.loading(order.target, backup.manifest, plan):
                pass
        found = _contents(shop, "shop")
        assert found in (before, saved), call
        assert _databases(shop) == {"shop"}
        if found == saved:
            _damage(shop)
    restored = await _restore(shop, storage, backup, replace=True)
    assert restored.comparison.is_proof


async def test_the_password_is_in_no_process_list_and_in_no_object(one: MysqlServer, storage: FolderStorage) -> None:
    one.execute("DROP USER IF EXISTS secretive@'127.0.0.1'", "CREATE USER secretive@'127.0.0.1' IDENTIFIED BY 'hunter2\\\\#\"''hunter2'")
    one.execute("GRANT ALL ON *.* TO secretive@'127.0.0.1' WITH GRANT OPTION", "CREATE TABLE shop.big (t longtext)")
    one.execute("INSERT INTO shop.big SELECT REPEAT(SHA2(id, 256), 3000) FROM shop.orders")
    seen: list[str] = []

    def tell(step: Step) -> None:
        for kind in ("cmdline", "environ"):
            for path in Path("/proc").glob(f"[0-9]*/{kind}"):
                with suppress(OSError):
                    seen.append(path.read_bytes().decode(errors="replace"))

    target = one.target("my", database="shop", user="secretive", password="hunter2\\#\"'hunter2")
    order = Order(target, recipe=Recipe(Compression.NONE))
    backup = await take(_engine(one), _repository(storage), order, CLOCK, tell=tell)
    wanted = RestoreOrder(target, LoadRequest(database="other"))
    plan = await plan_restore(_engine(one), backup, wanted)
    await restore(_engine(one), _repository(storage), Spot(Line("my", "shop"), backup.id), backup, wanted, plan, CLOCK, tell=tell)
    assert any("-dump" in line for line in seen)
    assert any("--binary-mode" in line for line in seen)
    assert "hunter2" not in "".join(seen)
    assert "hunter2" not in repr((order, plan, wanted))
    for found in storage.list():
        if "/parts/" not in found.key:
            assert b"hunter2" not in storage.get(found.key)[0], found.key


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_server_that_dies_in_the_middle_is_told_and_leaves_nothing(storage: FolderStorage, version: str) -> None:
    with mysql(version) as server:
        server.execute("CREATE DATABASE shop", "CREATE TABLE shop.big (i int AUTO_INCREMENT PRIMARY KEY, t text)")
        server.execute("INSERT INTO shop.big (t) VALUES (REPEAT('x', 1000))", *["INSERT INTO shop.big (t) SELECT t FROM shop.big"] * 15)
        killed = threading.Event()

        def tell(step: Step) -> None:
            if step.stage is Stage.SAVING and step.plain_bytes > 4 << 20 and not killed.is_set():
                killed.set()
                server.kill()

        order = Order(server.target("my", database="shop"), proof=ProofLevel.COUNTS)
        with pytest.raises((BackupError, TargetError)):
            await take(_engine(server), _repository(storage), order, CLOCK, tell=tell)
        assert killed.is_set()
        assert list(storage.list()) == []


async def test_a_lock_that_is_not_given_ends_it_and_nothing_is_kept(storage: FolderStorage) -> None:
    with mysql("mysql-8.0") as server:
        server.execute("CREATE DATABASE shop", "CREATE TABLE shop.t (a int)")
        blocker = server.connect("shop")
        blocker.run("LOCK TABLES t WRITE")
        with pytest.raises(TargetError, match="no moment could be had in which nobody writes"):
            await _take(server, storage)
        assert list(storage.list()) == []
        blocker.run("UNLOCK TABLES")
        server.execute("INSERT INTO shop.t VALUES (1)")  # nothing of ours waits or holds


async def test_mariadbs_program_does_not_save_what_it_would_lose_of_mysql(storage: FolderStorage) -> None:
    with mysql("mysql-8.0") as server:
        server.execute("CREATE DATABASE shop", "CREATE TABLE shop.t (a int, b int AS (a + 1))", "CREATE TABLE shop.u (a int)")
        with pytest.raises(ToolError, match="does not save generated and invisible columns of MySQL rightly, as t have them") as caught:
            await _take(server, storage)
        assert "install mysqldump of MySQL" in caught.value.hint
        assert (await _take(server, storage, tables=("u",))).manifest.tables == ("u",)


async def test_a_backup_goes_to_a_newer_server_and_to_no_older_or_other_one(storage: FolderStorage) -> None:
    with mysql(MARIADB) as old, mysql("mariadb-11.4") as new, mysql("mysql-8.0") as other:
        for server in (old, new):
            server.execute("CREATE DATABASE shop")
            server.execute(*_everything(server), database="shop")
        backup = await _take(old, storage)
        restored = await _restore(new, storage, backup, replace=True)
        assert restored.comparison.is_proof
        with pytest.raises(RefusedError, match=r"the backup is of MariaDB 10\.11\.\d+, and this server is MySQL 8"):
            await _restore(other, storage, backup)
        later = FolderStorage(storage.root / "later")
        backup = await _take(new, later)
        with pytest.raises(RefusedError, match=r"the backup is of MariaDB 11\.4\.5, and this server is older"):
            await _restore(old, later, backup, replace=True)


@pytest.mark.parametrize("cloud", [s3, azure, google], ids=["s3", "azure", "gcs"])
async def test_backup_and_restore_by_way_of_a_cloud(cloud: Callable[[], AbstractContextManager[StorageAddress]]) -> None:
    with mysql(MARIADB) as server, cloud() as address:
        server.execute("CREATE DATABASE shop")
        server.execute(*_everything(server), database="shop")
        before = _contents(server, "shop")
        repository = Repository(open_storage(address), time.time)
        order = Order(server.target("my", database="shop"), recipe=ENCRYPTED, proof=ProofLevel.FULL)
        backup = await take(_engine(server), repository, order, CLOCK)
        _damage(server)
        wanted = RestoreOrder(server.target("my", database="shop"), LoadRequest(replace=True), KEYS)
        plan = await plan_restore(_engine(server), backup, wanted)
        restored = await restore(_engine(server), repository, Spot(Line("my", "shop"), backup.id), backup, wanted, plan, CLOCK)
        assert restored.comparison.is_proof
        assert _contents(server, "shop") == before
