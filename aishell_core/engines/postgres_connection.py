"""One connection to a PostgreSQL server: the only module that knows the driver."""

from __future__ import annotations

import asyncio
import contextlib
import io
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import asyncpg

from aishell_core.engines.bounded import Bounded
from aishell_core.engines.postgres_cells import reader, written
from aishell_core.engines.postgres_errors import ServerError
from aishell_core.engines.postgres_place import SYSTEM_CERTIFICATES, Place, Server, SslMode
from aishell_core.engines.postgres_startup import NamingLoop, is_plain, stand_in
from aishell_core.engines.postgres_text import (
    ARRAY_TYPES,
    NUMBER_ARRAYS,
    TEXT_TYPES,
    array_decoder,
    array_encoder,
    decoder,
    encode_text,
    first_column,
    number_decoder,
)
from aishell_core.engines.postgres_tls import tls
from aishell_core.values import Value

Row = Mapping[str, Any]
"""Values by column name."""

_CLOSE_SECONDS = 0.5
_CANCEL_SECONDS = 1.0
"""How long the server gets to hear that nobody waits for a question any more, and to stop it."""
_KEEPALIVE = (("TCP_KEEPIDLE", 10), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3), ("TCP_USER_TIMEOUT", 25_000))
"""Seconds, a count, and milliseconds that what was sent may lie without a sign that it has arrived."""
_PIECE_ROWS = 50
_SLACK_BYTES = 2**20
"""So much more than the limit may come in before the connection is dropped: the protocol's own, and a row that is left out."""


@dataclass(frozen=True, slots=True)
class Brought:
    """What a statement of a person brought: its columns, its rows, the server's command tag, and the limit that cut the rows.

    `dropped` where the connection had to be given up for it: the server takes back what the statement has done.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]
    status: str
    cut: str
    dropped: bool = False


class _Counter(asyncio.Protocol):
    """Stands between the socket and the driver, counts what comes in, and keeps it where that is wanted.

    Where more than `most` comes in, the connection is dropped: the driver would hold a row of any size.
    """

    def __init__(self, inner: asyncio.Protocol, transport: asyncio.Transport) -> None:
        self._inner = inner
        self._transport = transport
        self.bytes = 0
        self.kept: bytearray | None = None
        self.most: int | None = None

    def certificate(self) -> bytes:
        """What the server showed of itself (X.509 in DER), empty without TLS."""
        shown = self._transport.get_extra_info("ssl_object")
        return (shown.getpeercert(binary_form=True) or b"") if shown is not None else b""

    @property
    def too_much(self) -> bool:
        """Whether more has come in than was to be held."""
        return self.most is not None and self.bytes > self.most

    def data_received(self, data: bytes) -> None:
        self.bytes += len(data)
        if self.too_much:
            self._transport.abort()
            return
        if self.kept is not None:
            self.kept += data
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

    def __init__(self, protocol: asyncio.Protocol, transport: asyncio.Transport, *arguments: object) -> None:
        super().__init__(protocol, transport, *arguments)
        self.counter = _Counter(protocol, transport)
        transport.set_protocol(self.counter)
        _watch_over(transport.get_extra_info("socket"))


def _watch_over(connection: socket.socket | None) -> None:
    """Let the system find out within half a minute that a machine or the way to it is gone, also while nothing is to be sent."""
    if connection is None or connection.family not in {socket.AF_INET, socket.AF_INET6}:
        return
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _KEEPALIVE:
            if hasattr(socket, name):  # not every system has all of them
                connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


class PostgresConnection:
    """A connection; every error that leaves it is a ServerError or an OSError, or the caller's own deadline."""

    def __init__(self, driver: _Counted) -> None:
        self._driver = driver
        self._decode = decoder(str(getattr(driver.get_settings(), "server_encoding", "")))
        self.certificate = driver.counter.certificate()
        """The certificate that the server showed when the connection was made (X.509 in DER), empty without TLS."""
        self.raw = False
        self._busy = False

    @classmethod
    async def open(
        cls, place: Place, server: Server, database: str, settings: Mapping[str, str], *, cached_statements: int
    ) -> PostgresConnection:
        """Connect; `settings` are startup parameters. Limits no time: the caller's deadline does. Raises ServerError and OSError."""
        with _as_server_error(), _of_odd_name(database), _of_own_certificate(place, server):
            named = {} if is_plain(database) else {"loop": NamingLoop(asyncio.get_running_loop(), database)}
            driver = await asyncpg.connect(
                _tls_dsn(place),
                host=server.host,
                port=server.port,
                user=place.user,
                database=stand_in(database),
                # Not None, because the driver would then read the password file again, and not quite as others do.
                password=server.password.reveal() if server.password is not None else "",
                ssl=tls(place, server),
                timeout=None,
                statement_cache_size=cached_statements,
                max_cached_statement_lifetime=0,
                # After the driver's own spelling ('utf-8'), which no server uses, so that a pooler takes it for another value
                # than its connection has and sets it again for each transaction. The last one counts.
                server_settings={"client_encoding": "UTF8", **settings},
                target_session_attrs="any",
                connection_class=_Counted,
                **named,
            )
        connection = cls(driver)
        connection._read_texts()
        return connection

    def _read_texts(self) -> None:
        settings, decode = self._driver.get_settings(), self._decode
        for oid, name in TEXT_TYPES:
            settings.add_python_codec(oid, name, "pg_catalog", (), "scalar", encode_text, decode, "binary")
        for oid, name, element in ARRAY_TYPES:
            texts = array_encoder(element, encode_text), array_decoder(decode)
            settings.add_python_codec(oid, name, "pg_catalog", (), "scalar", *texts, "binary")
        for oid, name, element, form in NUMBER_ARRAYS:
            numbers = array_encoder(element, form.pack), array_decoder(number_decoder(form))
            settings.add_python_codec(oid, name, "pg_catalog", (), "scalar", *numbers, "binary")

    @property
    def bytes_received(self) -> int:
        """All that has come from the server since the connection was made."""
        return self._driver.counter.bytes

    @property
    def closed(self) -> bool:
        """Whether it can be used no more."""
        return bool(self._driver.is_closed())

    @property
    def server_pid(self) -> int:
        """The process that the server named at the start, 0 where it named none."""
        return int(self._driver.get_server_pid() or 0)

    @property
    def in_transaction(self) -> bool:
        """Whether the server keeps a transaction open for this connection."""
        return bool(self._driver.is_in_transaction())

    def parameter(self, name: str) -> str:
        """A parameter that the server reports by itself, "" for one that it does not."""
        return str(getattr(self._driver.get_settings(), name, ""))

    async def fetch(self, sql: str, parameters: Sequence[object] = ()) -> tuple[Row, ...]:
        """The rows of one statement, which is kept prepared where that is allowed; several are refused. Raises ServerError."""
        with self._asking():
            return tuple(await self._driver.fetch(sql, *parameters))

    async def fetch_once(self, sql: str) -> tuple[Row, ...]:
        """The rows of one statement of which nothing is left in the server; several are refused. Raises ServerError."""
        with self._asking():
            statement = await self._driver.prepare(sql, name="")
            return tuple(await statement.fetch())

    async def fetch_unbound(self, sql: str) -> tuple[str, ...]:
        """The first column of one statement whose parameters have no values; several are refused. Raises ServerError.

        Only the simple protocol sends a statement without values for its parameters, and the driver passes over the
        rows that this brings; they are read here. It would run several statements, so the server parses the text first.
        """
        with self._asking():
            await self._driver.prepare(sql, name="")
        return await self.fetch_message(sql)

    async def fetch_message(self, sql: str) -> tuple[str, ...]:
        """The first column of all rows that statements of our own bring, in one message and so in one transaction. Raises ServerError."""
        with self._asking():
            self._driver.counter.kept = kept = bytearray()
            try:
                await self._driver.execute(sql)
            finally:
                self._driver.counter.kept = None
        return tuple(self._decode(value) for value in first_column(bytes(kept)))

    async def run(self, sql: str, parameters: Sequence[object], rows: int, max_bytes: int) -> Brought:
        """What one statement of a person brings, up to the limits; several are refused. Raises ServerError.

        Values go to the server as text, which it reads by the parameter's type, and come back as the server writes them.
        """
        with self._asking():
            first = await self._driver.prepare(sql, name="")
            self._take_text(first)
            statement = await self._driver.prepare(sql, name="")
            columns = statement.get_attributes()
            values = [None if value is None else written(value) for value in parameters]
            if not columns:
                await statement.fetch(*values)
                return Brought((), (), statement.get_statusmsg() or "", "")
            found = await self._fetch_some(statement, values, Bounded(rows, max_bytes))
        read: list[Callable[[Any], Value]] = [reader(column.type.oid) for column in columns]
        return Brought(
            tuple(column.name for column in columns),
            tuple(
                tuple(None if value is None else as_value(value) for as_value, value in zip(read, row, strict=True)) for row in found.rows
            ),
            "" if self.closed else statement.get_statusmsg() or "",
            found.cut,
            self.closed,
        )

    def _take_text(self, statement: asyncpg.prepared_stmt.PreparedStatement) -> None:
        """Let all types of a statement travel as text, but those whose bytes are decoded already."""
        known = {oid for oid, _ in TEXT_TYPES}
        types = [*statement.get_parameters(), *(column.type for column in statement.get_attributes())]
        for each in types:
            if each.oid not in known:
                self._driver.get_settings().add_python_codec(each.oid, each.name, each.schema, (), "scalar", str, str, "text")

    async def _fetch_some(self, statement: asyncpg.prepared_stmt.PreparedStatement, values: list[str | None], found: Bounded) -> Bounded:
        """The rows within the limits; in a transaction they come piece by piece."""
        counter = self._driver.counter
        counter.most = counter.bytes + 2 * found.most_bytes + _SLACK_BYTES
        try:
            if self.in_transaction:
                await _fetch_pieces(await statement.cursor(*values), found)
            else:
                found.take_all(tuple(row) for row in await statement.fetch(*values))
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
            if not counter.too_much:
                raise
            found.cut = "bytes"
        finally:
            counter.most = None
        return found

    async def execute(self, sql: str) -> None:
        """Run statements of our own that bring no rows, in one message; raises ServerError."""
        with self._asking():
            await self._driver.execute(sql)

    async def copy_out(self, sql: str, take: Callable[[bytes], Awaitable[None]]) -> None:
        """Give the rows of a query in the text form of COPY, piece by piece; no more comes while a piece is taken. Raises ServerError."""
        with self._asking():
            await self._driver.copy_from_query(sql, output=take)

    async def copy_in(self, schema: str, table: str, columns: Sequence[str], data: bytes) -> None:
        """Put rows in the text form of COPY into a table; raises ServerError, and then none of them is there."""
        with self._asking():
            await self._driver.copy_to_table(table, schema_name=schema, columns=list(columns), source=io.BytesIO(data))

    async def read_raw(self) -> None:
        """From now on the server sends texts as they are stored, also those that it could not convert; raises ServerError."""
        await self.execute("SET /* aishell */ client_encoding = 'SQL_ASCII'")
        self.raw = True

    @contextlib.contextmanager
    def _asking(self) -> Iterator[None]:
        """Every error of the driver as a ServerError; whoever gives up in the middle leaves a question behind."""
        self._busy = True
        try:
            with _as_server_error():
                yield
        except (ServerError, OSError):
            self._busy = False
            raise
        self._busy = False

    @property
    def busy(self) -> bool:
        """Whether the server may still be at work on a question, because no answer has come."""
        return self._busy and not self.closed

    def abort(self) -> None:
        """Drop the connection at once, whatever the server does; may be called twice."""
        self._driver.terminate()

    async def close(self, patience_seconds: float = _CANCEL_SECONDS) -> None:
        """Take leave of the server, which may have hung up or hang; raises nothing.

        A question without an answer is cancelled first: the server, or the one behind a pooler, would go on with it. Its
        answer is waited for so long.
        """
        if self.closed:
            return
        seconds = patience_seconds if self._busy else _CLOSE_SECONDS
        try:
            with contextlib.suppress(ServerError, OSError), _as_server_error():
                async with asyncio.timeout(seconds):
                    await self._driver.close(timeout=seconds)
        finally:
            self.abort()


@contextlib.contextmanager
def _of_odd_name(database: str) -> Iterator[None]:
    """Say what the driver hides: it reads no error that tells a name which is not UTF-8, such as that there is no such database."""
    try:
        yield
    except asyncpg.ConnectionDoesNotExistError as error:
        if is_plain(database):
            raise
        shown = database.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        raise ServerError(
            "", f'the server refused the database "{shown}", whose name is not UTF-8; there may be none of this name'
        ) from error


@contextlib.contextmanager
def _of_own_certificate(place: Place, server: Server) -> Iterator[None]:
    """Say what may be the reason where the server hangs up on a client certificate so soon that its own words are lost."""
    try:
        yield
    except asyncpg.ConnectionDoesNotExistError as error:
        is_shown = "sslcert" in dict(place.ssl_options) and place.sslmode is not SslMode.DISABLE and not server.is_socket
        if not is_shown or not isinstance(error.__cause__, ConnectionError):
            raise
        hint = "the server may not accept the certificate (expired, or from an issuer that it does not know): its log says why"
        raise ServerError("", "the connection was reset when the client certificate had been shown", hint=hint) from error


async def _fetch_pieces(cursor: asyncpg.cursor.Cursor, found: Bounded) -> None:
    asked = 1
    while True:
        piece = await cursor.fetch(asked)
        if not found.take_all(tuple(row) for row in piece) or len(piece) < asked:
            return
        asked = found.next_piece(_PIECE_ROWS)


def _tls_dsn(place: Place) -> str:
    """What the driver takes of TLS in a URL only."""
    wanted = {name: value.reveal() for name, value in place.ssl_options if value.reveal() != SYSTEM_CERTIFICATES}
    return f"postgresql://?{urlencode(wanted)}" if wanted else ""


@contextlib.contextmanager
def _as_server_error() -> Iterator[None]:
    """Every error of the driver as a ServerError; the border to a library that also lets errors of its own code through."""
    try:
        yield
    except asyncpg.PostgresError as error:
        # A connection that broke holds what the server had said before in its cause.
        if isinstance(error.__cause__, ssl.SSLError):
            raise error.__cause__ from error  # TLS 1.3 lets a client in before its certificate is looked at
        said = error.__cause__ if isinstance(error.__cause__, asyncpg.PostgresError) else error
        words = str(said.args[0]) if said.args else ""
        raise ServerError(str(said.sqlstate or ""), words, str(said.detail or ""), str(said.hint or "")) from error
    except (asyncpg.InterfaceError, asyncpg.InternalClientError, UnicodeError) as error:
        raise ServerError("", str(error)) from error
