"""PostgreSQL under the contract of collectors, in several versions."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pg8000.native

from aishell_core.engines.postgres_errors import quoted
from collectors.postgres.collector import open_postgres
from tests.servers.postgres import PostgresServer, pids_waiting, postgres
from tests.servers.situation import Situation
from tests.servers.sqlite_client import eventually

ODD_NAME = "[bold]o'd\"d[/bold] \x1b[31m\x07 \u202e é"
ODD_SQL = "SELECT '\x1b]0;title\x07', '[red]x[/red]' AS \"[link=x]\x1b[2J\", E'\\xff' IS NULL"
SHOP = (
    "CREATE TABLE users (id int PRIMARY KEY, name text)",
    "INSERT INTO users SELECT number, 'user ' || number FROM generate_series(1, 500) AS number",
    "ANALYZE users",
)


@dataclass(frozen=True, slots=True)
class PostgresSubject:
    """A server with a table, and a client that uses it."""

    version: str

    @property
    def name(self) -> str:
        return f"postgres-{self.version}"

    @contextmanager
    def run(self, folder: Path) -> Iterator[Situation]:
        with postgres(self.version) as server:
            server.execute(*SHOP)
            client = server.connect(application="shop")
            client.run("SELECT count(*) FROM users")
            yield Situation(
                target=server.target(),
                open_collector=open_postgres,
                work=partial(_work, server),
                freeze=server.frozen,
                hold=partial(_held, server),
                odd=partial(make_odd, server),
                restart=server.restart,
                vanish=server.kill,
                statement="SELECT * FROM users WHERE name = 'user 7'",
            )


def _work(server: PostgresServer) -> None:
    """Commit something and wait until the server has counted it, which it does within a second or two."""
    before = _committed(server)
    server.execute("INSERT INTO users SELECT max(id) + 1, 'more' FROM users", "SELECT count(*) FROM users")
    eventually(lambda: _committed(server) > before)


def _committed(server: PostgresServer) -> int:
    return int(server.execute("SELECT sum(tup_inserted) FROM pg_stat_database")[0][0])


@contextmanager
def _held(server: PostgresServer) -> Iterator[None]:
    """Somebody has locked everything there is and went away, and somebody else waits for it."""
    holder, waiter = server.connect(application="holder"), server.connect(application="waiter")
    holder.run("BEGIN")
    holder.run("LOCK TABLE users IN ACCESS EXCLUSIVE MODE")
    holder.run("LOCK TABLE pg_catalog.pg_class IN SHARE ROW EXCLUSIVE MODE")
    with contextlib.closing(holder), contextlib.closing(waiter), waiting(server, waiter, "SELECT count(*) FROM users"):
        yield
        holder.run("ROLLBACK")


@contextmanager
def waiting(server: PostgresServer, client: pg8000.native.Connection, sql: str) -> Iterator[None]:
    """A client that waits for a lock in a thread of its own; it must go on before the block ends."""
    from concurrent.futures import ThreadPoolExecutor

    (pid,) = client.run("SELECT pg_backend_pid()")[0]
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(client.run, sql)
        eventually(lambda: pid in pids_waiting(server) or running.done())
        yield
        running.result(60)


def make_odd(server: PostgresServer) -> None:
    """Names and statements full of markup, control characters and bytes that are no text in the server's encoding."""
    name = quoted(ODD_NAME)
    server.execute(f"CREATE ROLE {name} LOGIN SUPERUSER", f"CREATE DATABASE {name}", f"CREATE TABLE {name} ({name} int)")
    server.execute("CREATE DATABASE bytes ENCODING 'SQL_ASCII' TEMPLATE template0")
    client = server.connect(ODD_NAME, ODD_NAME, application=ODD_NAME)
    client.run(f"CREATE TABLE {name} ({name} int)")
    client.run(ODD_SQL.replace("E'\\xff' IS NULL", "1"))
    bytes_client = server.connect("bytes")
    bytes_client.run("SET client_encoding = 'SQL_ASCII'")
    bytes_client._client_encoding = "latin-1"
    with contextlib.suppress(pg8000.native.DatabaseError):
        bytes_client.run("SELECT 'ÿ\x1b[31mâ', 1 AS é -- â")


SUBJECTS = (PostgresSubject("15"), PostgresSubject("16"), PostgresSubject("18"))
