"""One connection to a Redis server: the only module that knows the driver.

The driver's connection is used without its pool, so that commands go out together and their answers are read one by
one, a hung server is let go of at once, and nothing is sent that was not asked for.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from redis import exceptions as driver
from redis.asyncio.connection import AbstractConnection, Connection, SSLConnection, UnixDomainSocketConnection

from aishell_core.engines.redis_errors import Lost, Overfull
from aishell_core.engines.redis_place import Encryption, Login
from aishell_core.url_places import HostPort

Word = str | bytes | int | float
Command = tuple[Word, ...]
"""The words of one command; a text goes out as UTF-8."""

Reply = Any
"""What a server answers: None, bool, int, float, bytes, a list or set of these, a mapping, or a `Refusal`."""

_LEAVE_SECONDS = 0.3
_REASON_SECONDS = 0.3
_CODES: Mapping[type[Exception], str] = {
    driver.NoPermissionError: "NOPERM",
    driver.BusyLoadingError: "LOADING",
    driver.ReadOnlyError: "READONLY",
    driver.NoScriptError: "NOSCRIPT",
    driver.MasterDownError: "MASTERDOWN",
    driver.ClusterDownError: "CLUSTERDOWN",
    driver.MovedError: "MOVED",
    driver.AskError: "ASK",
    driver.ClusterCrossSlotError: "CROSSSLOT",
    driver.OutOfMemoryError: "OOM",
    driver.ExecAbortError: "EXECABORT",
}
"""The server's word that the driver turned into a kind of error, where it does not keep the word itself."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error that the server answered, in its own words, its code in front."""

    said: str


class RedisConnection:
    """A connection that has logged in. Raises `Lost` when it breaks; what the server refuses is a `Refusal` among the answers."""

    def __init__(self, connection: AbstractConnection) -> None:
        self._connection = connection
        self._bounded: _BoundedReader | None = None
        self.bytes_received = 0

    @classmethod
    async def open(cls, server: HostPort, login: Login, database: int, encryption: Encryption | None, protocol: int) -> RedisConnection:
        """Connect and log in; raises `Lost`, OSError where nobody can be reached, and `LoginRefused`."""
        opened = cls(_driver_connection(server, login, database, encryption, protocol))
        try:
            await opened._connect()
        except driver.RedisError as error:
            opened.abort()
            raise _of_opening(error) from error
        except BaseException:
            opened.abort()
            raise
        return opened

    async def _connect(self) -> None:
        connection: Any = self._connection
        await connection.connect()

    async def ask(self, commands: Sequence[Command]) -> tuple[Reply, ...]:
        """The answers to some commands that are sent together, in their order."""
        if self._bounded is not None:
            self._bounded.begin()
        packed = self._connection.pack_commands([[_word(word) for word in command] for command in commands])
        try:
            await self._connection.send_packed_command(packed, check_health=False)
            return tuple([await self._answer() for _ in commands])
        except (driver.RedisError, OSError, EOFError) as error:
            raise Lost(str(error)) from error

    def bound(self, most_bytes: int) -> None:
        """Hold no more than so many bytes of the answers to one `ask`; what is beyond raises `Overfull`."""
        parser: Any = self._connection._parser
        self._bounded = parser._stream = _BoundedReader(parser._stream, most_bytes)

    async def next_message(self) -> Reply:
        """What the server sends next without being asked, as it does to a subscriber; waits for ever."""
        if self._bounded is not None:
            self._bounded.begin()
        try:
            return await self._answer(push=True)
        except (driver.RedisError, OSError, EOFError) as error:
            raise Lost(str(error)) from error

    async def _answer(self, *, push: bool = False) -> Reply:
        try:
            found = await self._connection.read_response(disable_decoding=True, disconnect_on_error=False, push_request=push)
        except driver.RedisError as error:
            said = _said(error)
            if said is None:
                raise
            self.bytes_received += len(said)
            return Refusal(said)
        self.bytes_received += _size(found)
        return _plain(found)

    @property
    def connected(self) -> bool:
        """Whether it is still open as far as is known here."""
        transport = self._transport()
        reader: asyncio.StreamReader | None = self._connection._reader
        return transport is not None and not transport.is_closing() and reader is not None and not reader.at_eof()

    @property
    def socket(self) -> socket.socket | None:
        """The socket, to find out who is at its other end."""
        transport = self._transport()
        found = transport.get_extra_info("socket") if transport is not None else None
        return found if found is None or isinstance(found, socket.socket) else found._sock

    def _transport(self) -> asyncio.Transport | None:
        writer: asyncio.StreamWriter | None = self._connection._writer
        transport = writer.transport if writer is not None else None
        return transport if isinstance(transport, asyncio.Transport) else None

    def abort(self) -> None:
        """Let go at once, whatever the server does."""
        transport = self._transport()
        if transport is not None:
            transport.abort()
        # The driver would wait for the other side, or warn when it is thrown away.
        self._connection._reader = self._connection._writer = None

    async def close(self) -> None:
        """Let go; raises nothing and waits only for a moment."""
        writer = self._connection._writer
        with contextlib.suppress(OSError, TimeoutError, EOFError):
            async with asyncio.timeout(_LEAVE_SECONDS):
                if writer is not None:
                    writer.close()
                    await writer.wait_closed()
        self.abort()


class _BoundedReader:
    """A stream that refuses to hold more than so many bytes, asked for by the driver's parser as if it were the stream."""

    def __init__(self, reader: asyncio.StreamReader, most_bytes: int) -> None:
        self._reader = reader
        self._most_bytes = self._left = most_bytes

    def begin(self) -> None:
        self._left = self._most_bytes

    async def readexactly(self, count: int) -> bytes:
        self._take(count)
        return await self._reader.readexactly(count)

    async def readline(self) -> bytes:
        line = await self._reader.readline()
        self._take(len(line))
        return line

    async def read(self, count: int = -1) -> bytes:
        data = await self._reader.read(count)
        self._take(len(data))
        return data

    def at_eof(self) -> bool:
        return self._reader.at_eof()

    def _take(self, count: int) -> None:
        self._left -= count
        if self._left < 0:
            raise Overfull("the answer is too large")


class LoginRefused(Exception):  # noqa: N818 - the server's answer
    """The server let nobody in; `said` is its answer."""

    def __init__(self, said: str) -> None:
        super().__init__(said)
        self.said = said


async def reason_of_silence(server: HostPort) -> str:
    """What a server says to whoever connects and sends nothing: why it hangs up at once; "" where it says nothing.

    A server that has no room for a client says so and closes the connection. Whoever has sent something by then may
    get a reset instead of the words.
    """
    host, port = server
    with contextlib.suppress(OSError, TimeoutError, ValueError):
        async with asyncio.timeout(_REASON_SECONDS):
            opened = asyncio.open_unix_connection(host) if host.startswith("/") else asyncio.open_connection(host, port)
            reader, writer = await opened
            try:
                line = await reader.readline()
            finally:
                writer.transport.abort()
            return line.decode("utf-8", "replace").strip().removeprefix("-") if line.startswith(b"-") else ""
    return ""


def _driver_connection(server: HostPort, login: Login, database: int, encryption: Encryption | None, protocol: int) -> AbstractConnection:
    host, port = server
    given: dict[str, Any] = {
        "db": database,
        "protocol": protocol,
        "socket_timeout": None,
        "socket_connect_timeout": None,
        "driver_info": None,
    }
    if login.password is not None:
        given.update(username=login.user or None, password=login.password.reveal())
    if host.startswith("/"):
        return UnixDomainSocketConnection(path=host, **given)
    if encryption is None:
        return Connection(host=host, port=port, socket_keepalive=True, **given)
    return SSLConnection(
        host=host,
        port=port,
        socket_keepalive=True,
        ssl_ca_certs=encryption.authority or None,
        ssl_certfile=encryption.certificate or None,
        ssl_keyfile=encryption.key or None,
        ssl_cert_reqs="required" if encryption.checks_issuer else "none",
        ssl_check_hostname=encryption.checks_name,
        **given,
    )


def _word(word: Word) -> bytes:
    return word if isinstance(word, bytes) else str(word).encode("utf-8", "surrogateescape")


def _said(error: Exception) -> str | None:
    """The server's own line; None for an error that is the driver's."""
    code = getattr(error, "status_code", None) or next((code for kind, code in _CODES.items() if isinstance(error, kind)), "")
    text = str(error.args[0]) if error.args else ""
    if isinstance(error, driver.AuthenticationError):
        code = code or ("NOAUTH" if "required" in text else "WRONGPASS")
    if code:
        return text if text.startswith(f"{code} ") else f"{code} {text}"
    if isinstance(error, driver.ResponseError) or "max number of clients" in text:
        return text
    return None


def _of_opening(error: driver.RedisError) -> Exception:
    """What happened while a connection was made: the server refused us, the system did, or it broke."""
    said = _said(error)
    if said is not None:
        return LoginRefused(said)
    cause: BaseException | None = error
    for _ in range(8):
        if cause is None:
            break
        if isinstance(cause, OSError) and not isinstance(cause, ConnectionResetError | BrokenPipeError):
            return cause
        cause = cause.__cause__ or cause.__context__
    return Lost(str(error))


def _size(reply: Reply) -> int:
    """About how many bytes an answer took."""
    if isinstance(reply, bytes):
        return len(reply) + 5
    if isinstance(reply, list | set | tuple):
        return 4 + sum(map(_size, reply))
    if isinstance(reply, dict):
        return 4 + sum(_size(key) + _size(value) for key, value in reply.items())
    return 4


def _plain(reply: Reply) -> Reply:
    """The answer with errors inside of it as `Refusal`; only an answer of several parts can hold one."""
    if isinstance(reply, Exception):
        return Refusal(_said(reply) or str(reply))
    if isinstance(reply, list) and any(isinstance(each, list | dict | Exception) for each in reply):
        return [_plain(each) for each in reply]
    if isinstance(reply, dict):
        return {key: _plain(value) for key, value in reply.items()}
    return reply
