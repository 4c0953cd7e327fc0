"""Rows between engines: SQLite, PostgreSQL, MySQL and MariaDB in all directions, with edge values of every type."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from aishell_core.targets import Location, Target
from aishell_core.values import TargetId
from aishell_ops.backups.models import Format
from aishell_ops.backups.rows.engines.postgres import PostgresTables
from aishell_ops.backups.rows.engines.sqlite import SqliteTables
from aishell_ops.backups.storage.folder import FolderStorage
from tests.row_world import Side
from tests.servers.postgres import PostgresServer, postgres

FORMS = [Format.JSON, Format.CSV]
PG_ENVIRON = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
ODD = 'it\'s "odd" [b]é\u202e\x1b[31m\n\t\\,;😀'


@pytest.fixture
def storage(tmp_path: Path) -> FolderStorage:
    return FolderStorage(tmp_path / "backups")


@pytest.fixture(scope="module", params=["15", "18"])
def pg(request: pytest.FixtureRequest) -> Iterator[PostgresServer]:
    with postgres(request.param) as found:
        yield found


def sqlite_side(path: Path) -> Side:
    return Side(SqliteTables(), Target(TargetId("file"), Location("sqlite", path=path)))


def pg_side(server: PostgresServer, database: str = "shop") -> Side:
    return Side(PostgresTables(PG_ENVIRON), server.target("pg", database=database))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file in which there is something of every kind, and columns whose types nobody enforces."""
    path = tmp_path / "shop.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(
            """
            CREATE TABLE customers (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL DEFAULT 'x', since DATE, active BOOLEAN);
            CREATE TABLE orders (
              id INTEGER PRIMARY KEY, customer INTEGER REFERENCES customers (id), price DECIMAL(10,2), weight REAL CHECK (weight > -1e999),
              at TIMESTAMP, zoned TIMESTAMP, day TIME, photo BLOB, uuid UUID, anything, note VARCHAR(10),
              twice AS (price * 2), n INTEGER);
            CREATE UNIQUE INDEX by_note ON orders (note, id);
            CREATE TABLE "an ""odd"" name" ("a b" TEXT, "c""d" INT, PRIMARY KEY ("a b", "c""d")) WITHOUT ROWID;
            CREATE TABLE empty (a TEXT, b DATETIME, c NUMERIC, d);
            CREATE VIEW dear AS SELECT * FROM orders WHERE price > 10;
            CREATE TRIGGER t AFTER DELETE ON orders BEGIN INSERT INTO empty (a) VALUES (old.id); END;
            CREATE VIRTUAL TABLE words USING fts5 (body);
            """
        )
        connection.executemany(
            "INSERT INTO customers (name, since, active) VALUES (?, ?, ?)",
            [("first", "2026-01-31", True), ("", "0001-01-01", False), (ODD, "9999-12-31", None), ("NULL", None, True)],
        )
        rows = [
            (
                1,
                1,
                5,
                0.1,
                "2026-03-29 02:30:00",
                "2026-03-29T02:30:00Z",
                "23:59:59.5",
                b"",
                "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11",
                5,
                "",
                1,
            ),
            (
                2,
                9,
                7.25,
                -1.5e-300,
                "1969-12-31 23:59:59.999999",
                "2026-01-01 00:00:00+05:30",
                "00:00:00",
                b"\0\xff",
                None,
                "5",
                ODD,
                -(2**63),
            ),
            (3, None, None, float("inf"), None, None, None, None, None, 2.5, None, 2**63 - 1),
            (
                4,
                1,
                123456789.01,
                1.7976931348623157e308,
                "2000-02-29 00:00:00.100",
                None,
                None,
                bytes(range(256)),
                None,
                b"\0x",
                "longer than ten",
                0,
            ),
            (5, 1, -0.01, 5e-324, None, None, None, None, None, None, "a\\b", None),
        ]
        connection.executemany(
            "INSERT INTO orders (id, customer, price, weight, at, zoned, day, photo, uuid, anything, note, n)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            rows,
        )
        connection.execute("""INSERT INTO "an ""odd"" name" VALUES ('A', 1), ('a', 1), ('a ', 1)""")
        connection.execute("INSERT INTO words VALUES ('some words')")
    return path


def contents(path: Path) -> dict[str, list[str]]:
    """Everything in a file's own tables, to the class of every value."""
    with closing(sqlite3.connect(path)) as connection:
        names = ["customers", "orders", 'an ""odd"" name', "empty"]
        found = {}
        for name in names:
            rows = connection.execute(f'SELECT * FROM "{name}"').fetchall()
            found[name] = sorted(repr([(type(value).__name__, value) for value in row]) for row in rows)
        return found


@pytest.mark.parametrize("form", FORMS)
async def test_a_file_comes_back_as_it_was(storage: FolderStorage, file: Path, form: Format) -> None:
    backup = await sqlite_side(file).save(storage, form)
    again = file.with_name("again.db")
    done = await sqlite_side(again).load(storage, backup)
    assert (done.comparison.hashed, done.comparison.differences) == (4, ())
    assert contents(again) == contents(file)
    with closing(sqlite3.connect(again)) as connection:
        made = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema")}
        assert connection.execute("SELECT twice FROM orders WHERE id = 2").fetchone() == (14.5,)
    assert "by_note" in made
    assert {what for what, _ in backup.manifest.skipped} == {"view dear", "virtual table words"}
    assert {each.column for each in done.fidelity if each.fidelity == "cannot"} == {"trigger t"}


@pytest.mark.parametrize("form", FORMS)
async def test_a_file_goes_into_postgres_and_comes_back(storage: FolderStorage, file: Path, pg: PostgresServer, form: Format) -> None:
    pg.execute("DROP DATABASE IF EXISTS shop WITH (FORCE)")
    backup = await sqlite_side(file).save(storage, form)
    done = await pg_side(pg).load(storage, backup)
    assert (done.comparison.hashed, done.comparison.differences) == (4, ())
    rows = pg.execute(
        "SELECT price::text, at::text, anything::text, n, uuid::text FROM orders WHERE id IN (2, 4) ORDER BY id", database="shop"
    )
    assert rows[0] == ["7.25", "1969-12-31 23:59:59.999999", '"5"', -(2**63), None]
    back = file.with_name("back.db")
    returned = await pg_side(pg).save(storage, form)
    done = await sqlite_side(back).load(storage, returned)
    assert done.comparison.differences == ()
    with closing(sqlite3.connect(file)) as one, closing(sqlite3.connect(back)) as other:
        for sql in ("SELECT id, name, since, active FROM customers ORDER BY id", "SELECT id, photo, note, n FROM orders ORDER BY id"):
            assert one.execute(sql).fetchall() == other.execute(sql).fetchall()
