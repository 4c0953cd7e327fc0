"""One real server of each engine with the same small shop in it, and a configuration that names them all."""

from __future__ import annotations

import getpass
import json
import re
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.command_line import Ran, run_process
from tests.servers.mongodb_ferretdb import FerretServer, ferretdb
from tests.servers.mysql import MysqlServer, mysql
from tests.servers.postgres import PostgresServer, postgres
from tests.servers.redis import RedisServer, redis_server

ORDERS = 20
NAMES = ("orders", "shop", "papers", "cache", "shelf")
"""The targets: PostgreSQL, MariaDB, FerretDB, Redis and SQLite."""
ENGINES = ("postgres", "mysql", "mongodb", "redis", "sqlite")
_LATE = re.compile(r"not? answer within")
_TRIES = 10
_TABLE = "CREATE TABLE orders (id int PRIMARY KEY, note varchar(200))"
_ROWS = f"INSERT INTO orders WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ORDERS}) SELECT i, 'x' FROM n"


@dataclass(frozen=True, slots=True)
class Engines:
    """The servers, each with twenty orders."""

    postgres: PostgresServer
    mariadb: MysqlServer
    ferretdb: FerretServer
    redis: RedisServer
    sqlite: Path

    def fill(self) -> None:
        """The orders as they were at first."""
        self.postgres.execute("DROP TABLE IF EXISTS orders", _TABLE, _ROWS)
        self.mariadb.execute("CREATE DATABASE IF NOT EXISTS shop", "DROP TABLE IF EXISTS shop.orders")
        self.mariadb.execute(_TABLE, _ROWS, database="shop")
        self.ferretdb.ask({"dropDatabase": 1}, "shop")
        self.ferretdb.ask({"insert": "orders", "documents": [{"_id": number, "note": "x"} for number in range(1, ORDERS + 1)]}, "shop")
        self.redis.execute("FLUSHALL")
        for number in range(1, ORDERS + 1):
            self.redis.execute("HSET", f"order:{number}", "note", "x")
        with closing(sqlite3.connect(self.sqlite)) as file, file:
            file.execute("DROP TABLE IF EXISTS orders")
            file.execute(_TABLE)
            file.execute(_ROWS)

    def urls(self) -> dict[str, str]:
        """The URL of each target by its name."""
        found = (self.postgres.url(), self.mariadb.url("shop"), self.ferretdb.url("shop"), self.redis.url(), f"sqlite://{self.sqlite}")
        return dict(zip(NAMES, found, strict=True))

    def desk(self, home: Path) -> Desk:
        """A desk with a home folder of its own."""
        return Desk(home, self)


@dataclass(frozen=True, slots=True)
class Desk:
    """Where somebody sits: a home folder whose configuration names all servers and gives a role."""

    home: Path
    engines: Engines

    def configure(self, role: str = "", environment: str = "development", more: Mapping[str, str] | None = None) -> None:
        """Write the configuration, with more targets by name and URL; without a role nobody has one."""
        roles = f"roles:\n  - role: {role}\n    users: [{getpass.getuser()}]\n" if role else ""
        urls = {**self.engines.urls(), **(more or {})}
        targets = "".join(f"  - {{name: {name}, url: '{url}', environment: {environment}}}\n" for name, url in urls.items())
        (self.home / "config.yaml").write_text(f"targets:\n{targets}{roles}")

    def run(self, *arguments: str) -> Ran:
        """A command of aishell as whoever sits here; once more where a busy machine let no server answer before anything was tried."""
        for _ in range(_TRIES):
            before = len(self.records())
            ran = run_process(*arguments, environment={"AISHELL_HOME": str(self.home)})
            if not _LATE.search(ran.err) or len(self.records()) != before:
                break
        return ran

    def records(self) -> list[dict[str, object]]:
        """The lines of the audit log."""
        files = sorted((self.home / "state" / "audit").glob("*.jsonl"))
        return [json.loads(line) for file in files for line in file.read_text().splitlines()]


@contextmanager
def engines(folder: Path) -> Iterator[Engines]:
    """All servers for as long as the block lasts; skips or fails where one is not on this machine."""
    with ExitStack() as stack:
        found = Engines(
            stack.enter_context(postgres("15")),
            stack.enter_context(mysql(performance_schema=True)),
            stack.enter_context(ferretdb()),
            stack.enter_context(redis_server()),
            folder / "shelf.db",
        )
        found.fill()
        yield found


__all__ = ["ENGINES", "NAMES", "ORDERS", "Desk", "Engines", "engines"]
