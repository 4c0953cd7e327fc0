"""One connection to a MySQL or MariaDB server: the only module that works with the driver."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aishell_core.engines.mysql_driver import (
    CLIENT,
    CR,
    FIELD_TYPE,
    FieldDescriptorPacket,
    MySQLError,
    MysqlPacket,
    aiomysql,
)
from aishell_core.engines.mysql_errors import ServerError
from aishell_core.engines.mysql_place import Place, Server, SslMode, Tls
from aishell_core.values import Value

Row = Mapping[str, Any]
"""Values by column name."""

_STREAM_ROWS = 2000
_STREAM_BYTES = 1 << 20
_CLOSE_SECONDS = 0.5
_CHARSET = "utf8mb4"
_BINARY = 63
"""The collation number of what is bytes and no text."""
_NO_METHOD = 2059
_NOT_SAFE = 2061
"""The number by which the server's own client refuses to send a password over an open way (CR_AUTH_PLUGIN_ERR)."""
_METHODS = {b"mysql_native_password", b"caching_sha2_password", b"sha256_password"}
_CLEAR_TEXT = "mysql_clear_password"
_PUBLIC_KEY_PLEASE = b"\x02"


class _TooMuchError(Exception):
    """An answer is larger than it may be."""


class NoTlsError(Exception):
    """TLS is wanted and the server has none."""


class OwnCertificateError(Exception):
    """The server hung up when a certificate of ours had been shown, so soon that its own words are lost."""


class _Driver(aiomysql.Connection):  # type: ignore[misc]
    """The driver's connection: one statement at a time, TLS where it is wanted, and no password for whoever asks for it in the clear."""

    def __init__(self, place: Place, server: Server, database: str) -> None:
        # First of all, because the driver looks at them when it is thrown away, also one that was never made whole.
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        # The driver writes a password in Latin-1; these signs are the bytes that other clients send.
        password = place.password.reveal().encode().decode("latin-1") if place.password is not None else ""
        super().__init__(
            host=server.host,
            port=server.port,
            unix_socket=server.socket or None,
            user=place.user,
            password=password,
            db=database or None,
            charset=_CHARSET,
            use_unicode=False,
            conv={},
            autocommit=None,
            ssl=None if server.socket else _context(place.tls),
            program_name="aishell",
        )
        # Without this the server would run whatever follows a semicolon.
        self.client_flag &= ~CLIENT.MULTI_STATEMENTS
        self.use_unicode = False
        self._place = place
        self.bytes_received = 0
        self.most_bytes: int | None = None

    async def _read_bytes(self, num_bytes: int) -> bytes:
        self.bytes_received += num_bytes
        if self.most_bytes is not None and self.bytes_received > self.most_bytes:
            raise _TooMuchError
        data: bytes = await super()._read_bytes(num_bytes)
        return data

    async def _request_authentication(self) -> None:
        if self._ssl_context is not None and not self.server_capabilities & CLIENT.SSL and self._place.tls.mode is not SslMode.PREFERRED:
            raise NoTlsError
        if self._server_auth_plugin == _CLEAR_TEXT:
            self._refuse_clear_text(will_be_secure=bool(self._ssl_context and self.server_capabilities & CLIENT.SSL))
        try:
            await super()._request_authentication()
        except BaseException:
            # The driver would take leave by TLS, and nobody waits for the server's answer to that.
            self.close()
            raise

    async def _process_auth(self, plugin_name: bytes, auth_packet: MysqlPacket) -> MysqlPacket:
        if plugin_name == _CLEAR_TEXT.encode():
            self._refuse_clear_text(will_be_secure=False)
        elif plugin_name not in _METHODS:
            raise ServerError(_NO_METHOD, f"the driver has no {plugin_name.decode(errors='replace')}")
        return await super()._process_auth(plugin_name, auth_packet)

    def _refuse_clear_text(self, *, will_be_secure: bool) -> None:
        if not self._place.clear_text or not (self._secure or will_be_secure):
            raise ServerError(_NOT_SAFE, "the server wants it in clear text, which needs TLS and enable-cleartext-plugin=1 in the URL")

    async def sha256_password_auth(self, pkt: MysqlPacket) -> MysqlPacket:
        if not self._secure and not self._place.key_from_server:
            raise _no_key()
        return await super().sha256_password_auth(pkt)

    async def caching_sha2_password_auth(self, pkt: MysqlPacket) -> MysqlPacket:
        try:
            return await super().caching_sha2_password_auth(pkt)
        except RuntimeError as error:
            raise ServerError(_NOT_SAFE, f"{error}; TLS needs none") from error

    def write_packet(self, payload: bytes) -> None:
        if payload == _PUBLIC_KEY_PLEASE and not self._secure and not self._place.key_from_server:
            # Anybody on the way could answer with a key of their own and read the password.
            raise _no_key()
        super().write_packet(payload)

    def close(self) -> None:
        """Drop the connection at once: what waits to be written to a server that hangs would keep it for long."""
        writer, self._writer, self._reader = self._writer, None, None
        if writer is not None:
            writer.transport.abort()


def _no_key() -> ServerError:
    return ServerError(
        _NOT_SAFE,
        "without TLS it would go by a key that nobody has checked; get-server-public-key=1 in the URL takes the server's as it comes",
    )


@dataclass(frozen=True, slots=True)
class Brought:
    """What a person's statement brought: `affected` is None where rows came; `cut` names the limit that was reached."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]
    affected: int | None
    cut: str = ""
    note: str = ""


class MysqlConnection:
    """A connection; every error that leaves it is a ServerError or an OSError, or the caller's own deadline."""

    def __init__(self, driver: _Driver) -> None:
        self._driver = driver

    @classmethod
    async def open(cls, place: Place, server: Server, database: str) -> MysqlConnection:
        """Connect. Limits no time: the caller's deadline does.

        Raises ServerError, NoTlsError, OwnCertificateError and OSError.
        """
        with _as_server_error():
            driver = _Driver(place, server, database)
            try:
                await driver._connect()
            except MySQLError as error:
                driver.close()
                if place.tls.certificate and not server.socket and driver._secure:
                    _raise_of_own_certificate(error)
                raise
            except BaseException:
                driver.close()
                raise
        return cls(driver)

    @property
    def bytes_received(self) -> int:
        """All that has come from the server since the connection was made."""
        return int(self._driver.bytes_received)

    @property
    def closed(self) -> bool:
        """Whether it can be used no more."""
        reader = self._driver._reader
        return bool(self._driver.closed or reader is None or reader.at_eof() or reader.exception() is not None)

    @property
    def encrypted(self) -> bool:
        """Whether TLS is in use."""
        writer = self._driver._writer
        return writer is not None and writer.get_extra_info("ssl_object") is not None

    @property
    def version(self) -> str:
        """The version as the server names it in its greeting."""
        return str(self._driver.server_version)

    async def fetch(self, sql: str, parameters: Sequence[object] = ()) -> tuple[Row, ...]:
        """The rows of one statement, with `parameters` as literals in place of each %s; several are refused. Raises ServerError."""
        with _as_server_error():
            text = sql % tuple(self._literal(each) for each in parameters) if parameters else sql
            await self._driver.query(text)
            result = self._driver._result
            if result is None or result.rows is None:
                return ()
            names = tuple(_text(field.name) for field in result.fields)
            readers = tuple(_reader(field, _READING) for field in result.fields)
            return tuple(
                {name: None if cell is None else read(cell) for name, read, cell in zip(names, readers, row, strict=True)}
                for row in result.rows
            )

    async def use(self, database: str) -> None:
        """Have names without a schema mean this database; raises ServerError."""
        with _as_server_error():
            await self._driver.select_db(database)

    async def execute(self, sql: str) -> None:
        """Run a statement that brings no rows; raises ServerError."""
        with _as_server_error():
            await self._driver.query(sql)

    async def stream(self, sql: str) -> AsyncIterator[list[tuple[bytes | None, ...]]]:
        """The rows of one statement as the server sends them, about a megabyte at a time; raises ServerError.

        Whoever does not take all of them has a connection that is of no use any more.
        """
        with _as_server_error():
            await self._driver.query(sql, unbuffered=True)
            result = self._driver._result
            piece: list[tuple[bytes | None, ...]] = []
            size = 0
            whole = False
            try:
                while (row := await result._read_rowdata_packet_unbuffered()) is not None:
                    piece.append(row)
                    size += sum(len(cell) for cell in row if cell is not None)
                    if len(piece) >= _STREAM_ROWS or size >= _STREAM_BYTES:
                        yield piece
                        piece, size = [], 0
                whole = True
            finally:
                if not whole:
                    result.unbuffered_active = False
                    self.abort()
            if piece:
                yield piece

    async def run(self, sql: str, most_rows: int, most_bytes: int) -> Brought:
        """What one statement of a person brings, up to the limits, after which the connection is of no use. Raises ServerError."""
        with _as_server_error():
            await self._driver.query(sql, unbuffered=True)
            result = self._driver._result
            if not result.field_count:
                return Brought((), (), int(result.affected_rows or 0), note=_note(result.message or b""))
            names = tuple(_text(field.name) for field in result.fields)
            readers = tuple(_reader(field, _SHOWING) for field in result.fields)
            rows: list[tuple[Value, ...]] = []
            self._driver.most_bytes = self._driver.bytes_received + most_bytes
            try:
                while (row := await result._read_rowdata_packet_unbuffered()) is not None:
                    if len(rows) == most_rows:
                        break
                    rows.append(tuple(None if cell is None else read(cell) for read, cell in zip(readers, row, strict=True)))
                else:
                    self._driver.most_bytes = None
                    return Brought(names, tuple(rows), None)
                cut = "rows"
            except _TooMuchError:
                cut = "bytes"
            result.unbuffered_active = False
            self.abort()
            return Brought(names, tuple(rows), None, cut)

    def _literal(self, value: object) -> str:
        """A value as a statement holds it; a tuple is a list in parentheses, as behind IN."""
        if isinstance(value, tuple):
            return f"({', '.join(self._literal(each) for each in value)})"
        return str(self._driver.escape(value))

    def abort(self) -> None:
        """Drop the connection at once, whatever the server does; may be called twice."""
        self._driver.close()

    async def close(self) -> None:
        """Take leave of the server, which may have hung up or hang; raises nothing."""
        if self._driver.closed:
            return
        try:
            with contextlib.suppress(ServerError, OSError), _as_server_error():
                async with asyncio.timeout(_CLOSE_SECONDS):
                    await self._driver.ensure_closed()
        finally:
            self.abort()


def _context(tls: Tls) -> ssl.SSLContext | None:
    """How the driver is to use TLS, None for not at all; raises OSError for files that cannot be read."""
    if tls.mode is SslMode.DISABLED:
        return None
    context = ssl.create_default_context(cafile=tls.issuers or None)
    if tls.mode in {SslMode.PREFERRED, SslMode.REQUIRED}:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    elif tls.mode is SslMode.VERIFY_CA:
        context.check_hostname = False
    if tls.certificate:
        context.load_cert_chain(tls.certificate, tls.key or None)
    return context


def _text(value: bytes | str) -> str:
    return value if isinstance(value, str) else value.decode("utf-8", "replace")


def _note(message: bytes) -> str:
    """What the server says beside; newer servers write its length before it."""
    counted = len(message) > 1 and message[0] == len(message) - 1
    return _text(message[1:] if counted else message).strip()


def _number(value: bytes) -> int | float:
    return float(value) if b"." in value or b"e" in value.lower() else int(value)


def _bits(value: bytes) -> int:
    return int.from_bytes(value, "big")


def _bytes(value: bytes) -> bytes:
    return bytes(value)


_NUMBERS: Mapping[int, Callable[[bytes], Any]] = {
    **dict.fromkeys((FIELD_TYPE.TINY, FIELD_TYPE.SHORT, FIELD_TYPE.LONG, FIELD_TYPE.LONGLONG, FIELD_TYPE.INT24, FIELD_TYPE.YEAR), int),
    **dict.fromkeys((FIELD_TYPE.FLOAT, FIELD_TYPE.DOUBLE), float),
    FIELD_TYPE.BIT: _bits,
}
_READING = {**_NUMBERS, FIELD_TYPE.DECIMAL: _number, FIELD_TYPE.NEWDECIMAL: _number}
"""For our own questions: sums come as decimals and are meant as numbers."""
_SHOWING = _NUMBERS
"""For a person: a decimal keeps all its digits, as text."""
_TEXTS = frozenset(
    {
        *(FIELD_TYPE.VARCHAR, FIELD_TYPE.VAR_STRING, FIELD_TYPE.STRING, FIELD_TYPE.ENUM, FIELD_TYPE.SET),
        *(FIELD_TYPE.TINY_BLOB, FIELD_TYPE.MEDIUM_BLOB, FIELD_TYPE.LONG_BLOB, FIELD_TYPE.BLOB, FIELD_TYPE.GEOMETRY),
    }
)


def _reader(field: FieldDescriptorPacket, numbers: Mapping[int, Callable[[bytes], Any]]) -> Callable[[bytes], Any]:
    """What reads the values of a column as they come in the text protocol."""
    found = numbers.get(field.type_code)
    if found is not None:
        return found
    return _bytes if field.type_code in _TEXTS and field.charsetnr == _BINARY else _text


def _raise_of_own_certificate(error: MySQLError) -> None:
    """Raise what the server says of a certificate of ours: with TLS 1.3 it looks at it when the client already goes on."""
    if isinstance(error.__cause__, ssl.SSLError):
        raise error.__cause__ from None
    if error.args[:1] == (CR.CR_SERVER_LOST,):
        raise OwnCertificateError from error


@contextlib.contextmanager
def _as_server_error() -> Iterator[None]:
    """Every error of the driver as a ServerError, but those of the way to the server as they were."""
    try:
        yield
    except MySQLError as error:
        if isinstance(error.__cause__, OSError) and error.args[:1] == (CR.CR_CONN_HOST_ERROR,):
            raise error.__cause__ from None
        number = error.args[0] if error.args and isinstance(error.args[0], int) else 0
        words = str(error.args[-1]) if error.args else type(error).__name__
        raise ServerError(number, words) from error
    except (ServerError, NoTlsError, OwnCertificateError, OSError):
        raise
    # The border to a library that lets errors of its own code through when a server breaks the protocol.
    except Exception as error:
        raise ServerError(0, f"it breaks the protocol ({type(error).__name__}: {error})") from error
