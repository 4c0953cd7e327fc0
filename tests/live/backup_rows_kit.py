"""Databases with edge values of every type whose rows the tests of backups save and restore, and what a person would look at."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from aishell_core.targets import Location, Target
from aishell_core.values import TargetId
from aishell_ops.backups.rows.engines.mysql import MysqlTables
from aishell_ops.backups.rows.engines.postgres import PostgresTables
from aishell_ops.backups.rows.engines.sqlite import SqliteTables
from tests.row_world import Side
from tests.servers.mysql import MysqlServer
from tests.servers.postgres import PostgresServer

MY_ENVIRON = {name: value for name, value in os.environ.items() if not name.startswith("MYSQL")}


PG_ENVIRON = {name: value for name, value in os.environ.items() if not name.startswith("PG")}


def my_side(server: MysqlServer, database: str = "shop") -> Side:
    return Side(MysqlTables(MY_ENVIRON), server.target("my", database=database))


def sqlite_side(path: Path) -> Side:
    return Side(SqliteTables(), Target(TargetId("file"), Location("sqlite", path=path)))


def pg_side(server: PostgresServer, database: str = "shop") -> Side:
    return Side(PostgresTables(PG_ENVIRON), server.target("pg", database=database))


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def contents(path: Path) -> dict[str, list[str]]:
    """Everything in a file's own tables, to the class of every value."""
    with closing(sqlite3.connect(path)) as connection:
        names = ["customers", "orders", 'an ""odd"" name', "empty"]
        found = {}
        for name in names:
            rows = connection.execute(f'SELECT * FROM "{name}"').fetchall()
            found[name] = sorted(repr([(type(value).__name__, value) for value in row]) for row in rows)
        return found


PG_EDGES = (
    "CREATE TYPE mood AS ENUM ('sad', 'glad')",
    "CREATE DOMAIN cents AS numeric(12,2) CHECK (value >= 0)",
    "CREATE TABLE edges (id int PRIMARY KEY, b bool, i2 int2, i4 int4, i8 int8, n numeric, n2 numeric(20,4), f4 real,"
    " f8 double precision,"
    " t text, v varchar(10), c char(5), y bytea, d date, tm time, ts timestamp, tz timestamptz, iv interval, u uuid, j json, jb jsonb,"
    " ai int[], at text[], bi bit(9), vb varbit, m mood, ip inet, money cents, r int4range, tt timetz,"
    " twice int GENERATED ALWAYS AS (i4 / 2) STORED)",
    "INSERT INTO edges VALUES (1, true, -32768, -2147483648, -9223372036854775808, 0.10, 1234567890123456.7891, 1.4e-45, 5e-324,"
    " E'a\\tb\\nc\\\\d \\u2028\\U0001F600''\"', 'ten signs!', 'ab', '\\x00ff', '0001-01-01', '00:00', '0001-01-01',"
    " '0001-01-01 00:00:00.000001+00',"
    " '1 year 2 mons -3 days 04:05:06.7', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '{\"b\":1, \"a\": [1.50, 2e3]}', '{\"b\":1,"
    ' "a": [1.50]}\','
    " '{1,NULL,-3}', ARRAY['a,b', NULL, '', 'NULL', E'q\"\\\\'], B'101010101', B'1', 'glad', '::1/64', 12.30, '[1,5)', '12:00:00+02')",
    "INSERT INTO edges VALUES (2, false, 32767, 2147483647, 9223372036854775807, -12345678901234567890.123456789, -0.0001, 3.4028235e38,"
    " 1.7976931348623157e308, '', '', '', '', '9999-12-31', '24:00:00', '9999-12-31 23:59:59.999999', '9999-12-31 23:59:59.999999+00',"
    " '-178000000 years', '00000000-0000-0000-0000-000000000000', 'null', '[]', '{}', '{{a,b},{c,d}}', B'000000000', B'',"
    " 'sad', '1.2.3.4', 0, 'empty', '00:00:00-15:59')",
    "INSERT INTO edges (id) VALUES (3)",
    "CREATE TABLE keyed (a text, b int, PRIMARY KEY (a, b))",
    "INSERT INTO keyed VALUES ('A', 1), ('a', 1), ('a ', 1), ('', 1)",
    "CREATE TABLE parted (k int, v text) PARTITION BY RANGE (k)",
    "CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (100)",
    "CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM (100) TO (200)",
    "INSERT INTO parted SELECT i, 'v' || i FROM generate_series(0, 199) AS i",
    'CREATE SCHEMA "od d"',
    'CREATE TABLE "od d"."T ""x""" ("a b" int, "A B" int)',
    'INSERT INTO "od d"."T ""x""" VALUES (1, 2)',
    "CREATE VIEW dear AS SELECT * FROM edges",
    "CREATE TABLE many AS SELECT i AS id, repeat('x', i % 100) AS t, i / 7.0 AS n FROM generate_series(1, 5000) AS i",
)


PG_ODD = (
    "CREATE TABLE odd (id int PRIMARY KEY, n numeric, f float8, d date, ts timestamp, note text NOT NULL)",
    "INSERT INTO odd VALUES (1, 'NaN', 'NaN', 'infinity', '-infinity', 'x'), (2, 1e40, 'Infinity', '0044-03-15 BC', '20000-01-01', 'y'),"
    " (3, 1.5, '-0', '2026-01-01', '2026-01-01', 'z')",
)


def fresh(server: PostgresServer, *statements: str) -> None:
    server.execute("DROP DATABASE IF EXISTS shop WITH (FORCE)", "CREATE DATABASE shop TEMPLATE template0 ENCODING 'UTF8'")
    server.execute(*statements, database="shop")


def pg_contents(server: PostgresServer, database: str, tables: tuple[str, ...] = ("edges", "keyed", "many", "parted")) -> dict[str, object]:
    return {table: server.execute(f"SELECT t::text FROM {table} AS t ORDER BY 1", database=database) for table in tables}


MY_EDGES = (
    "CREATE TABLE edges (id bigint unsigned PRIMARY KEY AUTO_INCREMENT, t1 tinyint(1), t8 tinyint unsigned, i int unsigned, m mediumint,"
    " n decimal(65,30), n2 decimal(10,2), f float, d double, b bit(9), b1 bit(1), y year, dt date, dtm datetime(3), ts timestamp(6) NULL,"
    " tm time(2), c char(5), v varchar(50) CHARACTER SET latin1, t longtext, vb varbinary(8), bl longblob, bf binary(4),"
    " e enum('sad','glad'), s set('a','b','c'), j json, twice int AS (m * 2) VIRTUAL)",
    "INSERT INTO edges (id, t1, t8, i, m, n, n2, f, d, b, b1, y, dt, dtm, ts, tm, c, v, t, vb, bl, bf, e, s, j) VALUES"
    " (1, -128, 255, 4294967295, -8388608, 12345678901234567890123456789012345.123456789012345678901234567890, -99999999.99,"
    " 1.17549435e-38,"
    " 2.2250738585072014e-308, b'101010101', 1, 1901, '0001-01-01', '0001-01-01 00:00:00.001', '1970-01-01 00:00:01.000001',"
    " '-838:59:59.00',"
    " 'ab', 'é ünï', 'a\\\\b\\'c\\0\\n\\t€', x'00ff', x'', x'01', 'glad', 'a,c', '{\"b\": 1, \"a\": [1.5, null]}'),"
    " (9223372036854775807, 127, 0, 0, 8388607, 0, 0.01, 3.40282e38, -0e0, b'0', 0, 2155, '9999-12-31', '9999-12-31 23:59:59.999',"
    " '2038-01-19 03:14:07.999999', '838:59:59.00', '', '', '', '', x'00', '', 'sad', '', '[]')",
    "INSERT INTO edges (id) VALUES (3)",
    "CREATE TABLE old (id int PRIMARY KEY, note varchar(20)) ENGINE=MyISAM",
    "INSERT INTO old VALUES (1, 'no transactions')",
    "CREATE VIEW dear AS SELECT * FROM edges",
    "CREATE TABLE `it's ``odd``` (`a b` int, `c``d` text)",
    "INSERT INTO `it's ``odd``` VALUES (1, '{}')",
)


def my_contents(server: MysqlServer, database: str) -> list[tuple[object, ...]]:
    listed = "id, t1, t8, i, m, n, n2, f * 1e0, d, b, b1, y, dt, dtm, ts, tm, c, v, t, vb, bl, bf, e, s, j"
    return server.execute(f"SELECT {listed} FROM edges ORDER BY id", "SELECT * FROM `it's ``odd```", database=database)


ODD = 'it\'s "odd" [b]é\u202e\x1b[31m\n\t\\,;😀'


def sqlite_shop(path: Path) -> Path:
    """A file in which there is something of every kind, and columns whose types nobody enforces."""
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
