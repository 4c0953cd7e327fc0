"""What another engine does not get with the rows is listed: every index and constraint by the name that its own catalogue has."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from aishell_ops.backups.models import Format
from aishell_ops.backups.storage.folder import FolderStorage
from tests.live.backup_rows_kit import my_side, pg_side, sqlite_side
from tests.row_world import Side
from tests.servers.mysql import mysql
from tests.servers.postgres import postgres

_OF_POSTGRES = """
SELECT conname FROM pg_constraint WHERE conrelid = 'orders'::regclass AND contype NOT IN ('p', 'n')
UNION SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = 'orders'::regclass AND NOT i.indisprimary
UNION SELECT stxname FROM pg_statistic_ext WHERE stxrelid = 'orders'::regclass
UNION SELECT polname FROM pg_policy UNION SELECT rulename FROM pg_rewrite WHERE ev_class = 'orders'::regclass
"""
_OF_MYSQL = """
SELECT constraint_name FROM information_schema.table_constraints WHERE table_schema = 'shop' AND table_name = 'orders'
UNION SELECT index_name FROM information_schema.statistics WHERE table_schema = 'shop' AND table_name = 'orders'
"""


async def _listed(side: Side, place: Side, storage: FolderStorage) -> str:
    """What the plan of a restore into another engine says of all that comes with the table, and what the manifest says."""
    backup = await side.save(storage, Format.JSON)
    plan = await place.plan(backup)
    return "\n".join([*map(str, plan.fidelity), *map(str, backup.manifest.skipped)])


async def test_postgres_into_a_file(tmp_path: Path) -> None:
    with postgres("18") as server:
        server.execute("CREATE DATABASE shop")
        server.execute(
            "CREATE TABLE customers (id int PRIMARY KEY)",
            "CREATE TABLE orders (id int PRIMARY KEY, customer int CONSTRAINT buyer REFERENCES customers, price int CHECK (price > 0),"
            " note text CONSTRAINT noted NOT NULL, during int4range, CONSTRAINT once UNIQUE NULLS NOT DISTINCT (customer, price),"
            " CONSTRAINT apart EXCLUDE USING gist (during WITH &&))",
            "CREATE INDEX by_price ON orders (price) INCLUDE (note)",
            "CREATE UNIQUE INDEX lower_note ON orders (lower(note)) WHERE price > 5",
            "CREATE STATISTICS related ON customer, price FROM orders",
            "CREATE POLICY own ON orders USING (customer = 1)",
            "CREATE RULE never AS ON DELETE TO orders DO INSTEAD NOTHING",
            database="shop",
        )
        names = [str(row[0]) for row in server.execute(_OF_POSTGRES, database="shop")]
        listed = await _listed(pg_side(server), sqlite_side(tmp_path / "place.db"), FolderStorage(tmp_path / "backups"))
    assert len(names) == 9
    assert [name for name in names if name not in listed] == []


async def test_mariadb_into_a_file(tmp_path: Path) -> None:
    with mysql() as server:
        server.execute("CREATE DATABASE shop")
        server.execute(
            "CREATE TABLE customers (id int PRIMARY KEY)",
            "CREATE TABLE orders (id int PRIMARY KEY, customer int, price int CHECK (price > 0), note varchar(99), at point NOT NULL,"
            " CONSTRAINT buyer FOREIGN KEY (customer) REFERENCES customers (id), CONSTRAINT dear CHECK (price < 1000),"
            " UNIQUE once (customer, price), KEY by_price (price), FULLTEXT words (note), SPATIAL places (at))",
            "CREATE TABLE partly (note varchar(99), PRIMARY KEY (note(5)))",
            database="shop",
        )
        names = [str(row[0]) for row in server.execute(_OF_MYSQL)]
        listed = await _listed(my_side(server), sqlite_side(tmp_path / "place.db"), FolderStorage(tmp_path / "backups"))
    assert {"buyer", "dear", "once", "by_price", "words", "places"} <= set(names)
    assert [name for name in names if name not in listed and name != "PRIMARY"] == []
    assert "partly, primary key: cannot" in listed


async def test_a_file_into_postgres(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "shop.db")) as connection, connection:
        connection.execute("CREATE TABLE customers (id INTEGER PRIMARY KEY)")
        connection.execute(
            "CREATE TABLE orders (id INTEGER PRIMARY KEY, customer INT REFERENCES customers, price INT CHECK (price > 0), note TEXT UNIQUE,"
            " CONSTRAINT dear CHECK (price < 1000))"
        )
        connection.execute("CREATE INDEX by_price ON orders (price)")
    with postgres("15") as server:
        server.execute("CREATE DATABASE shop")
        listed = await _listed(sqlite_side(tmp_path / "shop.db"), pg_side(server), FolderStorage(tmp_path / "backups"))
    expected = ("foreign key (customer) to customers", "check (price > 0)", "check dear", "unique constraint (note)", "index by_price")
    assert [words for words in expected if words not in listed] == []
