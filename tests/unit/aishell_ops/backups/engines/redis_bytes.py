"""Snapshots of Redis made by hand: every way in which any version writes a value, byte by byte."""

from __future__ import annotations

import struct

from aishell_ops.backups.engines.redis_checksum import by_table

FRONT = b"REDIS0011\xfa\x09redis-ver\x057.2.4\xfe\x00\xfb\x01\x00"


def snapshot(*records: bytes, front: bytes = FRONT) -> bytes:
    """A snapshot with a right checksum."""
    content = front + b"".join(records) + b"\xff"
    return content + by_table(content).to_bytes(8, "little")


def length(size: int) -> bytes:
    """A length in its shortest form."""
    if size < 64:
        return bytes([size])
    if size < 16384:
        return bytes([0x40 | (size >> 8), size & 0xFF])
    if size < 1 << 32:
        return b"\x80" + size.to_bytes(4, "big")
    return b"\x81" + size.to_bytes(8, "big")


def text(content: bytes) -> bytes:
    """A string as it is."""
    return length(len(content)) + content


def key(kind: int, name: bytes, value: bytes) -> bytes:
    """A key with its value."""
    return bytes([kind]) + text(name) + value


def listpack(*elements: bytes) -> bytes:
    """A listpack of given elements, each with its own encoding in front."""
    body = b"".join(one + _backwards(len(one)) for one in elements)
    return (len(body) + 7).to_bytes(4, "little") + len(elements).to_bytes(2, "little") + body + b"\xff"


def _backwards(size: int) -> bytes:
    if size < 128:
        return bytes([size])
    if size < 16384:
        return bytes([size >> 7, (size & 127) | 128])
    return bytes([size >> 14, ((size >> 7) & 127) | 128, (size & 127) | 128])


def ziplist(*elements: bytes) -> bytes:
    """A ziplist of given elements, each with its own encoding in front."""
    body, before = b"", 0
    for one in elements:
        head = bytes([before]) if before < 254 else b"\xfe" + before.to_bytes(4, "little")
        body += head + one
        before = len(head + one)
    return struct.pack("<IIH", len(body) + 11, 0, len(elements)) + body + b"\xff"


def short(content: bytes) -> bytes:
    """A short element of a listpack."""
    return bytes([0x80 | len(content)]) + content


def brief(content: bytes) -> bytes:
    """A short element of a ziplist."""
    return bytes([len(content)]) + content
