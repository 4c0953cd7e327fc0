"""A database whose name is no UTF-8: the driver encodes names itself, so its first message gets the name's bytes on the way out."""

from __future__ import annotations

import asyncio
import ssl
import struct
from collections.abc import Callable
from typing import cast

_Factory = Callable[[], asyncio.Protocol]
_PROTOCOL_3 = 196608
_HEAD = struct.Struct("!ii")
_DATABASE = b"database"


def is_plain(name: str) -> bool:
    """Whether a name can be sent in UTF-8: it holds no bytes that stood for no sign (surrogateescape)."""
    return not any("\udc80" <= sign <= "\udcff" for sign in name)


def stand_in(name: str) -> str:
    """A name that the driver can encode in the place of one that it cannot."""
    return name.encode("utf-8", "replace").decode()


def with_database(message: bytes, name: bytes) -> bytes:
    """A startup message with another database; any other message as it is (Message Formats in PostgreSQL's manual)."""
    if len(message) < _HEAD.size or _HEAD.unpack_from(message) != (len(message), _PROTOCOL_3):
        return message
    words = message[_HEAD.size :].split(b"\0")
    for place in range(0, len(words) - 1, 2):
        if words[place] == _DATABASE:
            words[place + 1] = name
    body = b"\0".join(words)
    return _HEAD.pack(len(body) + _HEAD.size, _PROTOCOL_3) + body


class NamingLoop:
    """The event loop for one connection of the driver, which it asks for sockets; all else is the loop's own."""

    def __init__(self, loop: asyncio.AbstractEventLoop, database: str) -> None:
        self._loop = loop
        self._name = database.encode("utf-8", "surrogateescape")

    def __getattr__(self, name: str) -> object:
        return getattr(self._loop, name)

    async def create_connection(self, factory: _Factory, host: str, port: int) -> tuple[_Outlet, asyncio.Protocol]:
        """As the loop's own."""
        _, first = await self._loop.create_connection(lambda: _Introduced(factory(), self._name), host, port)
        return first.outlet, first.inner

    async def create_unix_connection(self, factory: _Factory, path: str) -> tuple[_Outlet, asyncio.Protocol]:
        """As the loop's own."""
        _, first = await self._loop.create_unix_connection(lambda: _Introduced(factory(), self._name), path)
        return first.outlet, first.inner

    async def start_tls(self, outlet: _Outlet, inner: asyncio.Protocol, context: ssl.SSLContext, *, server_hostname: str) -> _Outlet:
        """As the loop's own."""
        encrypted = await self._loop.start_tls(outlet.transport, inner, context, server_hostname=server_hostname)
        return _Outlet(cast(asyncio.Transport, encrypted), self._name)


class _Introduced(asyncio.Protocol):
    """Hears first that a connection was made, and leaves all that follows to the driver."""

    outlet: _Outlet

    def __init__(self, inner: asyncio.Protocol, name: bytes) -> None:
        self.inner = inner
        self._name = name

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.outlet = _Outlet(cast(asyncio.Transport, transport), self._name)
        transport.set_protocol(self.inner)
        self.inner.connection_made(cast(asyncio.BaseTransport, self.outlet))


class _Outlet:
    """A transport whose startup message names the database by its bytes."""

    def __init__(self, transport: asyncio.Transport, name: bytes) -> None:
        self.transport = transport
        self._name = name

    def __getattr__(self, name: str) -> object:
        return getattr(self.transport, name)

    def write(self, data: bytes) -> None:
        """Send."""
        self.transport.write(with_database(bytes(data), self._name))
