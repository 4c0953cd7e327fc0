"""A look at the first bytes of whatever answers at a port, before the driver sees them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

_HEADER_BYTES = 8
_TYPE_PLACE = 4
_TYPES = frozenset({2, 4, 5, 6, 11, 12, 14})
"""Packets that a listener or server sends first: accept, refuse, redirect, data, resend, marker, control."""

STRANGERS: ContextVar[list[str]] = ContextVar("strangers")
"""Takes the first bytes of what is no Oracle server, in words, for whoever connects."""


def is_packet(header: bytes) -> bool:
    """Whether the first eight bytes are those of a packet of Oracle Net: its length in two bytes, its sort in the fifth."""
    return int.from_bytes(header[:2]) >= _HEADER_BYTES and header[_TYPE_PLACE] in _TYPES


class _Guard(asyncio.Protocol):
    """Hands bytes on once their beginning is that of a packet, and ends the connection when it is not.

    The driver reads a length of 0 as a packet that is complete, and takes no byte for it, for ever: no other thread
    would have a turn any more.
    """

    def __init__(self, inner: asyncio.Protocol, strangers: list[str]) -> None:
        self._inner = inner
        self._strangers = strangers
        self._transport: asyncio.BaseTransport | None = None
        self._first = b""
        self._passed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note the connection and tell the driver."""
        self._transport = transport
        self._inner.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Look at the first bytes; hand on all that follow."""
        if self._passed:
            self._inner.data_received(data)
            return
        self._first += data
        if len(self._first) < _HEADER_BYTES:
            return
        if is_packet(self._first):
            self._passed = True
            first, self._first = self._first, b""
            self._inner.data_received(first)
            return
        self._strangers.append(repr(self._first[:_HEADER_BYTES])[2:-1])
        if isinstance(self._transport, asyncio.WriteTransport):
            self._transport.abort()

    def eof_received(self) -> bool | None:
        """Tell the driver that nothing more will come."""
        return self._inner.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the driver."""
        self._inner.connection_lost(exc)

    def pause_writing(self) -> None:
        """Tell the driver."""
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        """Tell the driver."""
        self._inner.resume_writing()


class GuardedLoop(asyncio.SelectorEventLoop):
    """An event loop whose connections are looked at before the driver gets what they bring, by TLS or without."""

    async def create_connection(self, protocol_factory: Callable[[], Any], *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - as the base
        """A connection behind a guard."""
        strangers = STRANGERS.get([])
        return await super().create_connection(lambda: _Guard(protocol_factory(), strangers), *args, **kwargs)

    async def start_tls(self, transport: Any, protocol: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        """TLS with what is decrypted behind a guard."""
        return await super().start_tls(transport, _Guard(protocol, STRANGERS.get([])), *args, **kwargs)
