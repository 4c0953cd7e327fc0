"""SQLite under the contract of collectors, with a write-ahead log and with a rollback journal."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from aishell_core.engines.statement_log import default_log, flush_statements, logged_connect
from collectors.sqlite.collector import open_sqlite
from tests.servers import sqlite as build
from tests.servers.situation import Situation
from tests.servers.sqlite_client import SqliteClient, client

_ODD_TABLE = "[bold]t[/bold] \x1b[31m\x07 \u202e"
_ODD_SQL = "SELECT '\x1b]0;title\x07', '[red]x[/red]' AS \"[link=x]\x1b[2J\", x FROM \"" + _ODD_TABLE + '"'


@dataclass(frozen=True, slots=True)
class SqliteSubject:
    """A database file that an application has open, with its statement log."""

    journal: str

    @property
    def name(self) -> str:
        return f"sqlite-{self.journal}"

    @contextmanager
    def run(self, folder: Path) -> Iterator[Situation]:
        path = build.make_database(folder / "app.db", self.journal)
        with client(path, logged=True) as application:
            _work(application, path)
            application.flush()
            yield Situation(
                target=build.target_of(path),
                open_collector=open_sqlite,
                work=partial(_work, application, path),
                freeze=partial(_frozen, application),
                goes_on=True,
                hold=partial(_held, path),
                odd=partial(_odd, path),
                restart=partial(_replace, path),
                vanish=path.unlink,
                statement="SELECT * FROM users WHERE name = 'x'",
            )


def _work(application: SqliteClient, path: Path) -> None:
    application.run("INSERT INTO users (name) VALUES ('more')", times=3)
    application.run("SELECT count(*) FROM users")


@contextmanager
def _frozen(application: SqliteClient) -> Iterator[None]:
    """An application that stands still in the middle of a write transaction, as strict as it can hold one."""
    application.run("BEGIN EXCLUSIVE")
    application.run("INSERT INTO users (name) VALUES ('stuck')")
    application.pause()
    try:
        yield
    finally:
        application.resume()
        application.run("ROLLBACK")


@contextmanager
def _held(path: Path) -> Iterator[None]:
    """A writer that was killed before it could commit."""
    with client(path) as writer:
        writer.run("BEGIN IMMEDIATE")
        writer.run("INSERT INTO users (name) VALUES ('never')")
        writer.kill()
        yield


def _odd(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f'CREATE TABLE "{_ODD_TABLE}" (x)')
        connection.execute(f'CREATE TABLE "{_ODD_TABLE}2" ("\'; DROP TABLE users; --" TEXT)')
        connection.execute('CREATE INDEX "[i]" ON users (name) -- [blink]\x1b[5m')
        connection.execute(f"INSERT INTO \"{_ODD_TABLE}\" VALUES (CAST(x'ff1b5b33316d' AS TEXT))")
        connection.commit()
    with closing(logged_connect(path)) as connection:
        connection.text_factory = bytes
        connection.execute(_ODD_SQL).fetchall()
    assert flush_statements(default_log(path))


def _replace(path: Path) -> None:
    build.make_database(path.with_name("new.db")).replace(path)


SUBJECTS = (SqliteSubject("wal"), SqliteSubject("delete"))
