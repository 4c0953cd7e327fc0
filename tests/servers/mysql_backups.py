"""Backups of MySQL and MariaDB as their tests take and restore them: a database with something of every kind, all of it told apart."""

from __future__ import annotations

import os
import time
from pathlib import Path

from aishell_core.clock import SystemClock
from aishell_ops.backups.engines.contract import LoadRequest, SaveRequest
from aishell_ops.backups.engines.mysql import MysqlBackups
from aishell_ops.backups.layout import Line, Spot
from aishell_ops.backups.models import Backup, ProofLevel
from aishell_ops.backups.repository import Repository
from aishell_ops.backups.restore import Restored, RestoreOrder, plan_restore, restore
from aishell_ops.backups.storage.folder import FolderStorage
from aishell_ops.backups.streams.contract import Keys, Recipe
from aishell_ops.backups.take import Order, take
from tests.servers.mysql import MysqlServer

CLOCK = SystemClock()
ENVIRON = {name: value for name, value in os.environ.items() if not name.startswith("MYSQL")}


ODD = 'od d.T "x" é'


LOGGED = {"log-bin": "binlog", "server-id": "7"}


READING = "SELECT, SHOW VIEW, TRIGGER, EVENT"


def everything(server: MysqlServer) -> list[str]:
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


def shop_on(server: MysqlServer) -> MysqlServer:
    for name in databases_of(server):
        server.execute("SET foreign_key_checks = 0", f"DROP DATABASE `{name.replace('`', '``')}`")
    server.execute("CREATE DATABASE shop CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci")
    server.execute(*everything(server), database="shop")
    return server


def folders_of(server: MysqlServer) -> tuple[Path, ...]:
    return (server.binaries.base / "bin",) if server.binaries.base else ()


def engine_of(server: MysqlServer) -> MysqlBackups:
    return MysqlBackups(ENVIRON, folders_of(server))


def repository_in(storage: FolderStorage) -> Repository:
    return Repository(storage, time.time)


async def save(server: MysqlServer, storage: FolderStorage, recipe: Recipe | None = None, **request: object) -> Backup:
    wanted = SaveRequest(**request)  # type: ignore[arg-type]
    order = Order(server.target("my", database="shop"), wanted, recipe=recipe or Recipe(), proof=ProofLevel.FULL)
    return await take(engine_of(server), repository_in(storage), order, CLOCK)


async def put_back(server: MysqlServer, storage: FolderStorage, backup: Backup, keys: Keys | None = None, **request: object) -> Restored:
    engine = engine_of(server)
    order = RestoreOrder(server.target("my", database="shop"), LoadRequest(**request), keys)  # type: ignore[arg-type]
    plan = await plan_restore(engine, backup, order)
    return await restore(engine, repository_in(storage), Spot(Line("my", "shop"), backup.id), backup, order, plan, CLOCK)


def databases_of(server: MysqlServer) -> set[str]:
    own = {"information_schema", "performance_schema", "mysql", "sys"}
    return {str(row[0]) for row in server.execute("SHOW DATABASES")} - own


def contents_of(server: MysqlServer, database: str) -> dict[str, object]:
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


def damage(server: MysqlServer) -> None:
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


def make_keeper(server: MysqlServer, *grants: str) -> None:
    server.execute("DROP USER IF EXISTS keeper@'127.0.0.1'", "CREATE USER keeper@'127.0.0.1' IDENTIFIED BY 'x'")
    for grant in grants:
        server.execute(f"GRANT {grant} TO keeper@'127.0.0.1'")
