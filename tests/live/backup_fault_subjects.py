"""Databases of every engine, each with a table of notes, that commands with faults save and restore."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Protocol

from tests.live.cut_wire import CutWire
from tests.servers.mongodb_ferretdb import FerretServer
from tests.servers.mysql import MysqlServer
from tests.servers.postgres import PostgresServer
from tests.servers.redis import RedisServer

Notes = tuple[str, ...]
_CODE = (
    "CREATE TRIGGER upper_note BEFORE UPDATE ON orders FOR EACH ROW SET NEW.note = UPPER(NEW.note)",
    "CREATE VIEW dear AS SELECT note FROM orders",
)
"""What does not move with tables in MariaDB, and is made anew."""


class Subject(Protocol):
    """A database that is called shop, and another one beside it that a restore may make."""

    def url(self) -> str:
        """Where it is."""

    def fill(self, notes: Notes, *, bare: bool) -> None:
        """Make it hold these rows and no others, and let nothing else be there; code that belongs to them unless it is to be `bare`."""

    def notes(self) -> Notes | None:
        """Its rows."""

    def again(self) -> Notes | None:
        """The rows of what was restored beside it; None while there is nothing."""

    def left(self) -> list[str]:
        """What restores and tests have left, apart from what was wanted of them."""


class PostgresSubject:
    """A database of a PostgreSQL server."""

    def __init__(self, server: PostgresServer) -> None:
        self._server = server

    def url(self) -> str:
        return self._server.url("shop")

    def fill(self, notes: Notes, *, bare: bool) -> None:
        for name in self._databases():
            self._server.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        self._server.execute("CREATE DATABASE shop")
        rows = ", ".join(f"({number}, '{note}')" for number, note in enumerate(notes))
        self._server.execute("CREATE TABLE orders (id int PRIMARY KEY, note text)", f"INSERT INTO orders VALUES {rows}", database="shop")

    def notes(self) -> Notes | None:
        return self._rows("shop")

    def again(self) -> Notes | None:
        return self._rows("again")

    def _rows(self, name: str) -> Notes | None:
        if name not in self._databases():
            return None
        return tuple(str(row[0]) for row in self._server.execute("SELECT note FROM orders ORDER BY id", database=name))

    def left(self) -> list[str]:
        schemas = self._server.execute("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'aishell%'", database="shop")
        return [*(self._databases() - {"shop", "again"}), *(str(row[0]) for row in schemas)]

    def _databases(self) -> set[str]:
        found = self._server.execute("SELECT datname FROM pg_database WHERE NOT datistemplate AND datname <> 'postgres'")
        return {str(row[0]) for row in found}


class MysqlSubject:
    """A database of a MariaDB server."""

    def __init__(self, server: MysqlServer) -> None:
        self._server = server
        self._bare = False

    def url(self) -> str:
        return self._server.url("shop")

    def fill(self, notes: Notes, *, bare: bool) -> None:
        self._server.execute(*[f"DROP DATABASE `{name}`" for name in self._databases()], "CREATE DATABASE shop")
        rows = ", ".join(f"({number}, '{note}')" for number, note in enumerate(notes))
        make = "CREATE TABLE orders (id int PRIMARY KEY, note varchar(50))"
        self._server.execute(make, f"INSERT INTO orders VALUES {rows}", *(() if bare else _CODE), database="shop")
        self._bare = bare

    def notes(self) -> Notes | None:
        return self._rows("shop")

    def again(self) -> Notes | None:
        return self._rows("again")

    def _rows(self, name: str) -> Notes | None:
        if name not in self._databases():
            return None
        rows = tuple(str(row[0]) for row in self._server.execute("SELECT note FROM orders ORDER BY id", database=name))
        code = [*self._server.execute("SHOW TRIGGERS", database=name), *self._server.execute("SHOW TABLES LIKE 'dear'", database=name)]
        return rows if len(code) == (0 if self._bare else len(_CODE)) else (*rows, f"and {len(code)} of its trigger and its view")

    def left(self) -> list[str]:
        return sorted(self._databases() - {"shop", "again"})

    def _databases(self) -> set[str]:
        found = {str(row[0]) for row in self._server.execute("SHOW DATABASES")}
        return found - {"mysql", "sys", "information_schema", "performance_schema"}


class RedisSubject:
    """The data of a Redis server, which is one: there is nothing beside it."""

    def __init__(self, server: RedisServer) -> None:
        self._server, self.port = server, server.port

    def url(self) -> str:
        return self._server.url()

    def fill(self, notes: Notes, *, bare: bool) -> None:
        self._server.execute("FLUSHALL")
        self._server.execute("RPUSH", "orders", *notes)

    def notes(self) -> Notes | None:
        return tuple(note.decode() for note in self._server.execute("LRANGE", "orders", 0, -1))

    def again(self) -> Notes | None:
        return None

    def left(self) -> list[str]:
        return [key.decode(errors="replace") for key in self._server.execute("KEYS", "*") if key != b"orders"]


class MongodbSubject:
    """A database of a MongoDB server: a collection with an index that the driver did not make by itself."""

    def __init__(self, server: FerretServer) -> None:
        self._server, self.port = server, server.port

    def url(self) -> str:
        return self._server.url("shop")

    def fill(self, notes: Notes, *, bare: bool) -> None:
        for name in self._databases():
            self._server.ask({"dropDatabase": 1}, name)
        documents = [{"_id": number, "note": note} for number, note in enumerate(notes)]
        self._server.ask({"insert": "orders", "documents": documents}, "shop")
        self._server.ask({"createIndexes": "orders", "indexes": [{"key": {"note": 1}, "name": "by_note"}]}, "shop")

    def notes(self) -> Notes | None:
        return self._rows("shop")

    def again(self) -> Notes | None:
        return self._rows("again")

    def _rows(self, name: str) -> Notes | None:
        if "orders" not in self._collections(name):
            return None
        found = self._server.ask({"find": "orders", "sort": {"_id": 1}}, name)["cursor"]["firstBatch"]
        rows = tuple(str(document["note"]) for document in found)
        indexes = [one["name"] for one in self._server.ask({"listIndexes": "orders"}, name)["cursor"]["firstBatch"]]
        return rows if indexes == ["_id_", "by_note"] else (*rows, f"and the indexes {indexes}")

    def left(self) -> list[str]:
        inside = [f"{name}.{one}" for name in ("shop", "again") for one in self._collections(name) - {"orders"}]
        return [*inside, *(self._databases() - {"shop", "again"})]

    def _collections(self, name: str) -> set[str]:
        return {one["name"] for one in self._server.ask({"listCollections": 1}, name)["cursor"]["firstBatch"]}

    def _databases(self) -> set[str]:
        return {str(one["name"]) for one in self._server.ask({"listDatabases": 1})["databases"]} - {"admin", "config", "local"}


class CutSubject:
    """A subject whose server commands reach by way of a wire that breaks; it is looked at directly."""

    def __init__(self, subject: RedisSubject | MongodbSubject, wire: CutWire) -> None:
        self._subject, self._wire = subject, wire
        self.fill, self.notes, self.again, self.left = subject.fill, subject.notes, subject.again, subject.left

    def url(self) -> str:
        return self._subject.url().replace(f":{self._subject.port}", f":{self._wire.port}")


class SqliteSubject:
    """A file, and one beside it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def url(self) -> str:
        return str(self._folder / "shop.db")

    def fill(self, notes: Notes, *, bare: bool) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True)
        with closing(sqlite3.connect(self.url())) as connection, connection:
            connection.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, note TEXT)")
            connection.executemany("INSERT INTO orders (note) VALUES (?)", [(note,) for note in notes])

    def notes(self) -> Notes | None:
        return self._rows(self._folder / "shop.db")

    def again(self) -> Notes | None:
        return self._rows(self._folder / "again")

    def _rows(self, path: Path) -> Notes | None:
        if not path.exists():
            return None
        with closing(sqlite3.connect(path)) as connection:
            return tuple(note for (note,) in connection.execute("SELECT note FROM orders ORDER BY id"))

    def left(self) -> list[str]:
        return [path.name for path in self._folder.iterdir() if path.name not in ("shop.db", "again")]
