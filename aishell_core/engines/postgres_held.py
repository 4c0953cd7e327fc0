"""A connection for long work on a PostgreSQL server: a moment that is held, or the making and naming of databases.

Unlike everything that watches, it has no deadline and keeps a transaction open; nothing opens it by itself.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from aishell_core.engines.postgres_errors import PostgresError, quoted
from aishell_core.engines.postgres_lane import Line
from aishell_core.engines.postgres_place import Place, find_place
from aishell_core.engines.postgres_route import Reached, Route
from aishell_core.targets import Secret, Target
from aishell_core.values import FailureCode

_T = TypeVar("_T")
_DENIED = "42501"
_LARGE_OBJECT = re.compile(r"permission denied for large object (\d+)")
_UNREADABLE = re.compile(r"permission denied for (table|sequence|schema|view|materialized view|foreign table) (.+)")
_LONGEST_SECONDS = 14 * 86_400.0
_CONNECT_SECONDS = 15.0
_SETTINGS = (
    "SET /* aishell */ default_transaction_read_only = off; "
    "SET /* aishell */ statement_timeout = 0; SET /* aishell */ lock_timeout = '10s'; "
    "SET /* aishell */ idle_in_transaction_session_timeout = 0; SET /* aishell */ search_path = pg_catalog; "
    "SET /* aishell */ timezone = 'UTC'; SET /* aishell */ datestyle = 'ISO'; SET /* aishell */ intervalstyle = 'postgres'; "
    "SET /* aishell */ extra_float_digits = 1; SET /* aishell */ bytea_output = 'hex'"
)
"""What the text of a value depends on is the same for every reader, so that hashes of it can be compared."""
_RAW = "SQL_ASCII"
"""A database of this encoding keeps bytes of any: whoever asks for another one gets an error at the first that does not fit."""


@dataclass(frozen=True, slots=True)
class ClientEnvironment:
    """What the programs of PostgreSQL need to reach the same server: variables, and the one that is secret."""

    variables: Mapping[str, str]
    secrets: Mapping[str, str]

    def __repr__(self) -> str:
        return f"ClientEnvironment({dict(self.variables)!r})"


class HeldConnection:
    """A connection that stays until its block ends, and is not made again when it breaks; its methods raise PostgresError."""

    def __init__(self, line: Line, reached: Reached, place: Place, database: str) -> None:
        self._line = line
        self._connection = reached.connection
        self._place = place
        self._server = reached.server
        self.facts = reached.facts
        self.database = database

    @property
    def major(self) -> int:
        """The server's major version, such as 16."""
        return self.facts.version_num // 10_000

    @property
    def environment(self) -> ClientEnvironment:
        """How the programs of PostgreSQL reach the very server that this connection leads to."""
        options = {
            f"PG{name.upper().replace('_', '')}": secret.reveal() for name, secret in self._place.ssl_options if name != "sslpassword"
        }
        variables = {
            "PGHOST": self._server.name or self._server.host,
            "PGPORT": str(self._server.port),
            "PGUSER": self._place.user,
            "PGSSLMODE": self._place.sslmode.value,
            "PGAPPNAME": "aishell",
            "PGCLIENTENCODING": _RAW if self.facts.encoding == _RAW else "UTF8",
            **options,
            **({"PGHOSTADDR": self._server.host} if self._server.name else {}),
            **({"PGOPTIONS": self._place.options} if self._place.options else {}),
        }
        password = self._server.password or Secret("")
        return ClientEnvironment(variables, {"PGPASSWORD": password.reveal()} if password.reveal() else {})

    async def _asked(self, work: Awaitable[_T]) -> _T:
        try:
            return await self._line.asked(work)
        except PostgresError as error:
            error.hint = held_hint(error, self.facts.user, self.major)
            raise

    async def fetch(self, sql: str, parameters: Sequence[object] = ()) -> tuple[Mapping[str, Any], ...]:
        """The rows of one statement."""
        return await self._asked(self._connection.fetch(sql, parameters))

    async def execute(self, sql: str) -> None:
        """Run statements of our own in one message."""
        await self._asked(self._connection.execute(sql))

    async def copy_out(self, sql: str, take: Callable[[bytes], Awaitable[None]]) -> None:
        """Give the rows of a query in the text form of COPY, piece by piece."""
        await self._asked(self._connection.copy_out(sql, take))

    async def copy_in(self, schema: str, table: str, columns: Sequence[str], data: bytes) -> None:
        """Put rows in the text form of COPY into a table."""
        await self._asked(self._connection.copy_in(schema, table, columns, data))


def held_hint(error: PostgresError, user: str, major: int) -> str:
    """What lifts an error of long work, which reads all and is not tried again by itself; pure."""
    if error.sqlstate != _DENIED:
        return error.hint.replace("the next try follows by itself", "run it again then")
    role, said = quoted(user), error.message
    if "row-level security" in said:
        return f"ALTER ROLE {role} BYPASSRLS;"
    if "permission denied to create database" in said:
        return f"ALTER ROLE {role} CREATEDB;"
    if found := _LARGE_OBJECT.search(said):
        return f"GRANT SELECT ON LARGE OBJECT {found[1]} TO {role};"
    if found := _UNREADABLE.search(said):
        return f"GRANT pg_read_all_data TO {role};" if major >= 14 else f"GRANT SELECT ON {found[1].upper()} {quoted(found[2])} TO {role};"
    return error.hint


@asynccontextmanager
async def held_connection(target: Target, environ: Mapping[str, str], database: str = "") -> AsyncIterator[HeldConnection]:
    """A connection to a database ("" is the target's own) for as long as the block lasts; raises PostgresError.

    A pooler may give its connections to others between two statements, so that none is held through one.
    """
    line = Line(target, environ, Route(), f"{target.name} backup")
    try:
        place = find_place(target, environ)
        if place.pooled:
            raise PostgresError(FailureCode.UNSUPPORTED, f"{target.name} is reached through a pooler", "name the server itself for backups")
        async with line.turn(_LONGEST_SECONDS) as until:
            reached = await line.connected(until - _LONGEST_SECONDS + _CONNECT_SECONDS, database)
            if line.pooled:
                raise PostgresError(
                    FailureCode.UNSUPPORTED, f"{target.name} is reached through a pooler", "name the server itself for backups"
                )
            await line.execute(_SETTINGS)
            if reached.facts.encoding == _RAW:
                await line.asked(reached.connection.read_raw())
            yield HeldConnection(line, reached, place, database or place.database)
    finally:
        line.drop()
        await line.close()


def in_database(target: Target, database: str) -> Target:
    """The same target with another database."""
    return replace(target, location=replace(target.location, database=database))
