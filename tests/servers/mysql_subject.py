"""MySQL and MariaDB under the contract of collectors, in several versions, with and without performance_schema."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pymysql

from aishell_core.engines.mysql_errors import quoted
from collectors.mysql.collector import open_mysql
from tests.servers.mysql import MARIADB, MysqlServer, mysql
from tests.servers.mysql_clients import waiters
from tests.servers.situation import Situation

ODD_NAME = "[bold]o'd\"d[/bold] \x1b[31m\x07 \u202e é"
SHOP = (
    "CREATE DATABASE shop",
    "CREATE TABLE shop.users (id int PRIMARY KEY AUTO_INCREMENT, name varchar(50))",
    "INSERT INTO shop.users (name) VALUES ('a'), ('b'), ('c'), ('d')",
    *(("INSERT INTO shop.users (name) SELECT concat('user ', id) FROM shop.users",) * 6),
)


@dataclass(frozen=True, slots=True)
class MysqlSubject:
    """A server with a table, and a client that uses it."""

    version: str
    performance_schema: bool

    @property
    def name(self) -> str:
        return f"{self.version}{'' if self.performance_schema else '-plain'}"

    @contextmanager
    def run(self, folder: Path) -> Iterator[Situation]:
        with mysql(self.version, performance_schema=self.performance_schema) as server:
            server.execute(*SHOP)
            client = server.connect("shop", application="shop")
            client.run("SELECT count(*) FROM users")
            yield Situation(
                target=server.target(database="shop"),
                open_collector=open_mysql,
                work=partial(_work, server),
                freeze=server.frozen,
                hold=partial(_held, server),
                odd=partial(make_odd, server),
                restart=server.restart,
                vanish=server.kill,
                statement="SELECT * FROM users WHERE name = 'user 7'",
            )


def _work(server: MysqlServer) -> None:
    server.execute("INSERT INTO shop.users (name) VALUES ('more')", "SELECT count(*) FROM shop.users")


@contextmanager
def _held(server: MysqlServer) -> Iterator[None]:
    """Somebody has locked a table and a row and went away, and others wait for both."""
    with waiters(server, 3, database="shop") as (holder, reader, writer):
        holder.run("BEGIN", "SELECT * FROM users WHERE id = 1 FOR UPDATE")
        reader.wait_for("ALTER TABLE users ADD COLUMN more int")
        writer.wait_for("INSERT INTO users (name) VALUES ('late')")
        yield


def make_odd(server: MysqlServer) -> None:
    """Names and statements full of markup, control characters and bytes that are no text in the connection's encoding."""
    name = quoted(ODD_NAME)
    server.execute(f"CREATE DATABASE {name}", f"CREATE TABLE {name}.{name} ({name} int)")
    account = pymysql.converters.escape_string(ODD_NAME)
    server.execute(f"CREATE USER '{account}'@'%'", f"GRANT ALL ON *.* TO '{account}'@'%'")
    client = server.connect(ODD_NAME, ODD_NAME, application=ODD_NAME)
    client.run(f"INSERT INTO {name} VALUES (1)", "SELECT '\x1b]0;title\x07', '[red]x[/red]' AS `[link=x]\x1b[2J`")
    latin = server.connect(application="latin", charset="latin1")
    for text in (b"SELECT '\xff\x1b[31m\xe2', 1 AS a -- \xe2", b"SELECT '\xf0\x9f' AS b"):
        with contextlib.suppress(pymysql.MySQLError):
            latin.connection._execute_command(3, text)
            latin.connection._read_query_result()


SUBJECTS = (MysqlSubject(MARIADB, False), MysqlSubject("mariadb-11.4", True), MysqlSubject("mysql-8.0", True))
