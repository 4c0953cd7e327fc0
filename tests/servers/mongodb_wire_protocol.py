"""The wire protocol of MongoDB as a server speaks it: OP_MSG, and OP_QUERY for a driver's first greeting.

https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

import bson

_HEADER = struct.Struct("<iiii")
_QUERY, _REPLY, _MESSAGE = 2004, 1, 2013
_CODEC: bson.CodecOptions[dict[str, Any]] = bson.CodecOptions(document_class=dict, tz_aware=True, unicode_decode_error_handler="replace")
_numbers = count(1)


@dataclass(frozen=True, slots=True)
class Request:
    """A command as it came, and the sort of message that it came in."""

    number: int
    opcode: int
    command: dict[str, Any]

    @property
    def name(self) -> str:
        return next(iter(self.command), "")


async def read_request(reader: asyncio.StreamReader) -> Request:
    """The next command; raises asyncio.IncompleteReadError when the client has left."""
    length, number, _, opcode = _HEADER.unpack(await reader.readexactly(_HEADER.size))
    body = await reader.readexactly(length - _HEADER.size)
    if opcode == _MESSAGE:
        return Request(number, opcode, _sections(body[4:]))
    assert opcode == _QUERY, opcode
    command = bson.decode(body[body.index(b"\0", 4) + 9 :], _CODEC)
    return Request(number, opcode, command.get("$query", command))


def _sections(body: bytes) -> dict[str, Any]:
    """The command of an OP_MSG: one document, and arrays of it that travel beside."""
    command: dict[str, Any] = {}
    beside: dict[str, list[dict[str, Any]]] = {}
    at = 0
    while at < len(body):
        kind = body[at]
        (size,) = struct.unpack_from("<i", body, at + 1)
        part = body[at + 1 : at + 1 + size]
        if kind == 0:
            command = bson.decode(part, _CODEC)
        else:
            end = part.index(b"\0", 4)
            beside[part[4:end].decode()] = bson.decode_all(part[end + 1 :], _CODEC)
        at += 1 + size
    return {**command, **beside}


def reply_to(request: Request, document: Mapping[str, Any], *, damaged: Mapping[bytes, bytes] | None = None) -> bytes:
    """The message with which a server answers; `damaged` replaces bytes by others of the same length, which no client would send."""
    encoded = bson.encode(document, codec_options=_CODEC)
    for proper, odd in (damaged or {}).items():
        assert len(proper) == len(odd)
        encoded = encoded.replace(proper, odd)
    if request.opcode == _MESSAGE:
        body, opcode = struct.pack("<IB", 0, 0) + encoded, _MESSAGE
    else:
        body, opcode = struct.pack("<iqii", 8, 0, 0, 1) + encoded, _REPLY
    return _HEADER.pack(_HEADER.size + len(body), next(_numbers), request.number, opcode) + body


def ask(port: int, command: Mapping[str, Any], seconds: float = 10.0) -> dict[str, Any]:
    """One command of a test to a server on this machine, without any driver."""
    body = struct.pack("<IB", 0, 0) + bson.encode({**command, "$db": command.get("$db", "admin")})
    with socket.create_connection(("127.0.0.1", port), seconds) as connection:
        connection.settimeout(seconds)
        connection.sendall(_HEADER.pack(_HEADER.size + len(body), next(_numbers), 0, _MESSAGE) + body)
        with connection.makefile("rb") as stream:
            length = _HEADER.unpack(stream.read(_HEADER.size))[0]
            return _sections(stream.read(length - _HEADER.size)[4:])
