"""A connection for long work on a MySQL or MariaDB server: a moment that is held, a lock, or the making and naming of databases.

Unlike everything that watches, it has no deadline and may keep a transaction or a lock; nothing opens it by itself.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from aishell_core.engines.mysql_errors import MysqlError
from aishell_core.engines.mysql_facts import ServerFacts
from aishell_core.engines.mysql_lane import Line
from aishell_core.engines.mysql_place import Place, SslMode, Tls, find_place
from aishell_core.engines.mysql_route import Reached, Route
from aishell_core.targets import Secret, Target

_LONGEST_SECONDS = 14 * 86_400.0
_CONNECT_SECONDS = 15.0
_IDLE_SECONDS = 2_147_483
"""The longest that every version takes for its wait_timeout."""
_SETTINGS = (
    "autocommit = 1",
    # What the text of a value depends on is the same for every reader, so that hashes of it can be compared.
    "time_zone = '+00:00'",
    "sql_mode = ''",
    "lock_wait_timeout = 10",
    "innodb_lock_wait_timeout = 10",
    f"wait_timeout = {_IDLE_SECONDS}",
    "net_read_timeout = 86400",
    "net_write_timeout = 86400",
)
_OF_MARIADB = ("max_statement_time = 0", "idle_transaction_timeout = 0", "idle_readonly_transaction_timeout = 0")
_OF_MYSQL = ("max_execution_time = 0", "information_schema_stats_expiry = 0")


@dataclass(frozen=True, slots=True)
class ClientAccess:
    """How the programs of MySQL and MariaDB reach the same server: the lines of an option file, with the password among them."""

    socket: str
    host: str
    port: int
    user: str
    tls: Tls
    encrypted: bool
    password: Secret | None = field(default=None, repr=False)
    key_from_server: bool = False
    clear_text: bool = False

    def option_file(self, *, mariadb: bool) -> Secret:
        """An option file for a program of either family."""
        way = (
            {"protocol": "socket", "socket": self.socket} if self.socket else {"protocol": "tcp", "host": self.host, "port": str(self.port)}
        )
        options = {"user": self.user, "password": self.password.reveal() if self.password is not None else "", **way}
        given = [f"{name}={_optional(value)}" for name, value in options.items()]
        if not self.socket:
            given += _tls_of_mariadb(self) if mariadb else _tls_of_mysql(self)
        if self.clear_text and not mariadb:
            given.append("enable-cleartext-plugin")
        return Secret("\n".join(["[client]", *given, ""]))


class HeldConnection:
    """A connection that stays until its block ends, and is not made again when it breaks; its methods raise MysqlError."""

    def __init__(self, line: Line, reached: Reached, place: Place) -> None:
        self._line = line
        self._connection = reached.connection
        self._place = place
        self._server = reached.server
        self.facts: ServerFacts = reached.facts

    @property
    def access(self) -> ClientAccess:
        """How programs reach the very server that this connection leads to."""
        place, server = self._place, self._server
        return ClientAccess(
            server.socket,
            server.host,
            server.port,
            place.user,
            place.tls,
            self.facts.encrypted,
            place.password,
            place.key_from_server,
            place.clear_text,
        )

    async def fetch(self, sql: str, parameters: Sequence[object] = ()) -> tuple[Mapping[str, Any], ...]:
        """The rows of one statement, with `parameters` in place of each %s."""
        return await self._line.asked(self._connection.fetch(sql, parameters))

    async def value(self, sql: str, parameters: Sequence[object] = ()) -> object:
        """The first value of the first row; None without rows."""
        rows = await self.fetch(sql, parameters)
        return next(iter(rows[0].values())) if rows else None

    async def stream(self, sql: str) -> AsyncIterator[list[tuple[bytes | None, ...]]]:
        """The rows of one statement as the server sends them, about a megabyte at a time; to be taken to the end."""
        pieces = self._connection.stream(sql)
        while (piece := await self._line.asked(anext(pieces, None))) is not None:
            yield piece

    async def execute(self, sql: str) -> None:
        """Run a statement of our own."""
        await self._line.asked(self._connection.execute(sql))


@asynccontextmanager
async def held_connection(target: Target, environ: Mapping[str, str]) -> AsyncIterator[HeldConnection]:
    """A connection that is in no database, for as long as the block lasts; raises MysqlError."""
    line = Line(in_database(target, ""), environ, Route(), f"{target.name} backup", settled=False)
    try:
        place = replace(find_place(target, environ), database="")
        async with line.turn(_LONGEST_SECONDS) as until:
            reached = await line.connected(until - _LONGEST_SECONDS + _CONNECT_SECONDS)
            connection = HeldConnection(line, reached, place)
            for setting in (*_SETTINGS, *(_OF_MARIADB if reached.facts.mariadb else _OF_MYSQL)):
                await _set(connection, setting)
            yield connection
    finally:
        line.drop()
        await line.close()


def database_of(target: Target, environ: Mapping[str, str]) -> str:
    """The database of a target by its URL, or by the files that it leads to; "" where nothing names one. Raises MysqlError."""
    return find_place(target, environ).database


async def _set(connection: HeldConnection, setting: str) -> None:
    """Set something as far as the server's version has it."""
    try:
        await connection.execute(f"SET /* aishell */ SESSION {setting}")
    except MysqlError as error:
        if error.number != _UNKNOWN_VARIABLE:
            raise


_UNKNOWN_VARIABLE = 1193


def in_database(target: Target, database: str) -> Target:
    """The same target with another database."""
    return replace(target, location=replace(target.location, database=database))


def _optional(value: str) -> str:
    """A value as an option file has it: in quotes, with what ends a line or a value written by its escape."""
    escapes = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
    return '"' + "".join(escapes.get(sign, sign) for sign in value) + '"'


def _files(tls: Tls) -> list[str]:
    files = {"ssl-ca": tls.issuers, "ssl-cert": tls.certificate, "ssl-key": tls.key}
    return [f"{name}={_optional(value)}" for name, value in files.items() if value]


def _tls_of_mysql(access: ClientAccess) -> list[str]:
    given = [f"ssl-mode={access.tls.mode.value.upper()}", *_files(access.tls)]
    return [*given, "get-server-public-key"] if access.key_from_server else given


def _tls_of_mariadb(access: ClientAccess) -> list[str]:
    """MariaDB's programs know no way to check the issuer alone: the host name is checked with it then."""
    mode = access.tls.mode
    if mode is SslMode.DISABLED or (mode is SslMode.PREFERRED and not access.encrypted):
        return ["skip-ssl"]
    checked = mode in (SslMode.VERIFY_CA, SslMode.VERIFY_IDENTITY)
    return ["ssl", *_files(access.tls), "ssl-verify-server-cert" if checked else "skip-ssl-verify-server-cert"]
