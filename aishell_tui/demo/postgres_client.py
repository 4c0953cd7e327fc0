"""One session of a client of the PostgreSQL demo."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from aishell_core.engines.postgres_connection import PostgresConnection
from aishell_core.engines.postgres_errors import ServerError
from aishell_core.engines.postgres_place import Place, Server

Rows = tuple[tuple[Any, ...], ...]
Result = TypeVar("Result")

__all__ = ["Address", "Connection", "Rows", "ServerError"]


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server of the demo listens: a port's socket in a folder."""

    folder: Path
    port: int

    @property
    def socket(self) -> Path:
        """The socket's path, as the server names it."""
        return self.folder / f".s.PGSQL.{self.port}"


class Connection:
    """One session, which may write. Raises ServerError where the server refuses, and OSError when the session cannot be had."""

    def __init__(self, connection: PostgresConnection) -> None:
        self._connection = connection

    @classmethod
    async def open(cls, address: Address, user: str, database: str, application: str) -> Connection:
        """A new session of a user that the server trusts."""
        server = Server(str(address.folder), address.port)
        place = Place((server,), user, database)
        settings = {"application_name": application}
        return cls(await PostgresConnection.open(place, server, database, settings, cached_statements=20))

    async def run(self, sql: str, *parameters: object) -> Rows:
        """Run one statement and return its rows."""
        return tuple(tuple(row.values()) for row in await self._guarded(self._connection.fetch(sql, parameters)))

    async def execute(self, sql: str) -> None:
        """Run statements that bring no rows."""
        await self._guarded(self._connection.execute(sql))

    @property
    def in_transaction(self) -> bool:
        """Whether the server keeps a transaction open for it."""
        return self._connection.in_transaction

    def abandon(self) -> None:
        """Close the session without a word."""
        self._connection.abort()

    async def _guarded(self, work: Awaitable[Result]) -> Result:
        """The driver tells of a session that is gone as of any refusal; a client has to open a new one then."""
        try:
            return await work
        except ServerError as error:
            if self._connection.closed:
                raise ConnectionResetError(error.message) from error
            raise
