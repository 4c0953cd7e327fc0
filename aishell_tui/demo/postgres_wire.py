"""A client's end of PostgreSQL's protocol, as much of it as the demo's clients need; standard library only.

The workload has a few dozen sessions in one small process that starts without site-packages, and its servers trust whoever
reaches their socket; a driver would cost more than all its clients together.
"""

from __future__ import annotations

import asyncio
import struct
from dataclasses import dataclass
from pathlib import Path

_PROTOCOL = 3 << 16
_NULL = -1

Rows = tuple[tuple[str | None, ...], ...]


class ServerError(Exception):
    """The server refused a statement; `code` is the SQLSTATE."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


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
    """One session; values come and go as text. Raises ServerError, and OSError when the session is gone or cannot be had."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.in_transaction = False

    @classmethod
    async def open(cls, address: Address, user: str, database: str, application: str) -> Connection:
        """A new session of a user that the server trusts."""
        self = cls(*await asyncio.open_unix_connection(address.socket))
        words = ("user", user, "database", database, "application_name", application)
        body = struct.pack("!i", _PROTOCOL) + b"".join(map(_text, words)) + b"\0"
        self._writer.write(struct.pack("!i", len(body) + 4) + body)
        try:
            await self._answer()
        except BaseException:
            self.abandon()
            raise
        return self

    async def run(self, sql: str, *parameters: object) -> Rows:
        """Run a statement and return its rows; without parameters it may be several statements."""
        if parameters:
            values = b"".join(map(_value, parameters))
            self._send(b"P", b"\0" + _text(sql) + struct.pack("!h", 0))
            self._send(b"B", b"\0\0" + struct.pack("!hh", 0, len(parameters)) + values + struct.pack("!h", 0))
            self._send(b"E", b"\0" + struct.pack("!i", 0))
            self._send(b"S", b"")
        else:
            self._send(b"Q", _text(sql))
        return await self._answer()

    def abandon(self) -> None:
        """Close the session without a word."""
        self._writer.close()

    def _send(self, kind: bytes, body: bytes) -> None:
        self._writer.write(kind + struct.pack("!i", len(body) + 4) + body)

    async def _answer(self) -> Rows:
        """Everything until the server is ready for the next statement."""
        rows: list[tuple[str | None, ...]] = []
        refusal: ServerError | None = None
        while True:
            try:
                kind, length = struct.unpack("!ci", await self._reader.readexactly(5))
                body = await self._reader.readexactly(length - 4)
            except asyncio.IncompleteReadError as error:
                raise ConnectionResetError(str(refusal or "the server closed the session")) from error
            if kind == b"D":
                rows.append(_row(body))
            elif kind == b"E":
                refusal = _error(body)
            elif kind == b"R" and struct.unpack_from("!i", body)[0] != 0:
                raise ServerError("28000", "the server wants a password")
            elif kind == b"Z":
                self.in_transaction = body != b"I"
                if refusal is not None:
                    raise refusal
                return tuple(rows)


def _text(text: str) -> bytes:
    return text.encode() + b"\0"


def _value(value: object) -> bytes:
    if value is None:
        return struct.pack("!i", _NULL)
    written = str(value).encode()
    return struct.pack("!i", len(written)) + written


def _row(body: bytes) -> tuple[str | None, ...]:
    (count,) = struct.unpack_from("!h", body)
    cells: list[str | None] = []
    at = 2
    for _ in range(count):
        (length,) = struct.unpack_from("!i", body, at)
        at += 4
        if length == _NULL:
            cells.append(None)
        else:
            cells.append(body[at : at + length].decode(errors="replace"))
            at += length
    return tuple(cells)


def _error(body: bytes) -> ServerError:
    fields = {part[:1]: part[1:].decode(errors="replace") for part in body.split(b"\0") if part}
    return ServerError(fields.get(b"C", ""), fields.get(b"M", "the server refused the statement"))
