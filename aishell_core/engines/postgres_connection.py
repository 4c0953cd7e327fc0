"""One connection to a PostgreSQL server: the only module that knows the driver."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg

from aishell_core.engines.postgres_text import TEXT_TYPES, decode_text, encode_text

Row = Mapping[str, Any]
"""Values by column name."""


class ServerError(Exception):
    """What the server or the driver said: the SQLSTATE ("" where it was no answer of a server), and its words."""

    def __init__(self, sqlstate: str, message: str, detail: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.sqlstate = sqlstate
        self.message = message
        self.detail = detail
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Wanted:
    """Where one connection is to go and as whom; `settings` are startup parameters."""

    host: str
    port: int
    user: str
    database: str
    password: str | None
    sslmode: str
    settings: tuple[tuple[str, str], ...]
    cached_statements: int


class _Counter(asyncio.Protocol):
    """Stands between the socket and the driver and counts what comes in."""

    def __init__(self, inner: asyncio.Protocol) -> None:
        self._inner = inner
        self.bytes = 0

    def data_received(self, data: bytes) -> None:
        self.bytes += len(data)
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        return self._inner.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._inner.connection_lost(exc)

    def pause_writing(self) -> None:
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        self._inner.resume_writing()


class _Counted(asyncpg.Connection):  # type: ignore[misc]
    """The driver's connection, with the bytes that it has received."""

    __slots__ = ("counter",)

    def __init__(self, protocol: Any, transport: asyncio.Transport, *arguments: Any) -> None:
        super().__init__(protocol, transport, *arguments)
        self.counter = _Counter(protocol)
        transport.set_protocol(self.counter)


class PostgresConnection:
    """A connection; every error that leaves it is a ServerError, an OSError or a TimeoutError."""

    def __init__(self, driver: Any) -> None:
        self._driver = driver

    @classmethod
    async def open(cls, wanted: Wanted) -> PostgresConnection:
        """Connect; raises ServerError and OSError. Limits no time: the caller's deadline does."""
        with _as_server_error():
            driver = await asyncpg.connect(
                host=wanted.host,
                port=wanted.port,
                user=wanted.user,
                database=wanted.database,
                password=wanted.password,
                ssl=wanted.sslmode,
                timeout=None,
                statement_cache_size=wanted.cached_statements,
                max_cached_statement_lifetime=0,
                server_settings=dict(wanted.settings),
                connection_class=_Counted,
            )
        settings = driver.get_settings()
        for oid, name in TEXT_TYPES:
            settings.add_python_codec(oid, name, "pg_catalog", (), "scalar", encode_text, decode_text, "binary")
        return cls(driver)

    @property
    def bytes_received(self) -> int:
        """All that has come from the server since the connection was made."""
        return int(self._driver.counter.bytes)

    @property
    def closed(self) -> bool:
        """Whether it can be used no more."""
        return bool(self._driver.is_closed())

    @property
    def server_pid(self) -> int:
        """The process that the server named at the start, 0 where it named none."""
        return int(self._driver.get_server_pid() or 0)

    def parameter(self, name: str) -> str:
        """A parameter that the server reports by itself, "" for one that it does not."""
        return str(getattr(self._driver.get_settings(), name, ""))

    async def fetch(self, sql: str, parameters: Sequence[Any] = ()) -> tuple[Row, ...]:
        """The rows of one statement by the extended protocol, which refuses several; raises ServerError."""
        with _as_server_error():
            return tuple(await self._driver.fetch(sql, *parameters))

    async def execute(self, sql: str) -> None:
        """Run statements of our own that bring no rows; raises ServerError."""
        with _as_server_error():
            await self._driver.execute(sql)

    def abort(self) -> None:
        """Drop the connection at once, whatever the server does; may be called twice."""
        self._driver.terminate()

    async def close(self) -> None:
        """Take leave of the server; raises nothing."""
        with contextlib.suppress(ServerError, OSError), _as_server_error():
            await self._driver.close()


@contextlib.contextmanager
def _as_server_error() -> Any:
    try:
        yield
    except asyncpg.PostgresError as error:
        raise ServerError(str(error.sqlstate or ""), str(error.args[0]), str(error.detail or ""), str(error.hint or "")) from error
    except (asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
        raise ServerError("", str(error)) from error
