"""The words that a snapshot of Redis (RDB) is made of: lengths, strings, numbers; from a stream, in bounded memory.

https://rdb.fnordig.de/file_format.html, and `src/rdb.h` of the server for what is newer.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from aishell_ops.backups.errors import DamagedError
from aishell_ops.backups.streams.contract import Reader

_PIECE_BYTES = 256 << 10
_LONG_BYTES = 1 << 20
"""A string that is longer is never held whole."""
_LONGEST_BYTES = 1 << 30
"""More than a server lets a name or a packed value have (proto-max-bulk-len is half of it unless it is raised)."""
_WINDOW_BYTES = 8192
"""How far back a compressed string may refer to itself."""


class Hash(Protocol):
    """What takes bytes one after the other."""

    def update(self, data: bytes, /) -> None:
        """Take more."""


class RdbReader:
    """Reads a snapshot word by word; raises DamagedError where it ends in the middle of one."""

    __slots__ = ("_at", "_before", "_buffer", "_source")

    def __init__(self, source: Reader, offset: int = 0) -> None:
        self._source = source
        self._buffer = b""
        self._at = 0
        self._before = offset

    @property
    def offset(self) -> int:
        """How many bytes of the snapshot were read."""
        return self._before + self._at

    def _fill(self, size: int) -> None:
        """Have so many bytes at hand."""
        if size > _LONGEST_BYTES:
            raise DamagedError(f"the snapshot is damaged: no length at byte {self.offset}")
        pieces, there = [self._buffer[self._at :]], len(self._buffer) - self._at
        self._before += self._at
        self._at = 0
        while there < size:
            piece = self._source.read(_PIECE_BYTES)
            if not piece:
                raise DamagedError("the snapshot ends in the middle", "the server's log says why it sent no more")
            pieces.append(piece)
            there += len(piece)
        self._buffer = b"".join(pieces)

    def byte(self) -> int:
        """One byte."""
        if self._at >= len(self._buffer):
            self._fill(1)
        found = self._buffer[self._at]
        self._at += 1
        return found

    def take(self, size: int) -> bytes:
        """So many bytes; for what is known to be short."""
        end = self._at + size
        if end > len(self._buffer):
            self._fill(size)
            end = size
        found = self._buffer[self._at : end]
        self._at = end
        return found

    def skip(self, size: int) -> None:
        """Pass over so many bytes, however many."""
        if self._at + size <= len(self._buffer):
            self._at += size
            return
        for _ in self.pieces(size):
            pass

    def pieces(self, size: int) -> Iterator[bytes]:
        """So many bytes, a piece at a time."""
        while size:
            if self._at >= len(self._buffer):
                self._fill(1)
            found = self._buffer[self._at : self._at + size]
            self._at += len(found)
            size -= len(found)
            yield found

    def length(self) -> int:
        """A number as the format writes lengths."""
        size, encoded = self._length()
        if encoded:
            raise DamagedError(f"the snapshot is damaged: no length at byte {self.offset}")
        return size

    def _length(self) -> tuple[int, bool]:
        """A length, or the code of a string that is written in another way."""
        first = self.byte()
        kind = first >> 6
        if kind == 0:
            return first, False
        if kind == 1:
            return ((first & 0x3F) << 8) | self.byte(), False
        if kind == 3:
            return first & 0x3F, True
        if first == 0x80:
            return int.from_bytes(self.take(4), "big"), False
        if first == 0x81:
            return int.from_bytes(self.take(8), "big"), False
        raise DamagedError(f"the snapshot is damaged: no length at byte {self.offset}")

    def string(self) -> bytes:
        """A string as the server has it, whole: for names, and for values that the server packs, which are short."""
        size, encoded = self._length()
        if not encoded:
            return self.take(size)
        if size < 3:
            return self._number(size)
        packed, plain = self._packed_sizes(size)
        if plain > _LONG_BYTES:
            return b"".join(self._unpacked(packed, plain))
        return unpacked(self.take(packed), plain)

    def skip_string(self) -> None:
        """Pass over a string."""
        size, encoded = self._length()
        if not encoded:
            self.skip(size)
        elif size < 3:
            self.skip(1 << size)
        else:
            self.skip(self._packed_sizes(size)[0])

    def feed_string(self, taker: Hash) -> None:
        """Give a string to a hash, its length in front, however long it is."""
        size, encoded = self._length()
        if encoded and size >= 3:
            packed, plain = self._packed_sizes(size)
            taker.update(plain.to_bytes(8, "little"))
            for piece in self._unpacked(packed, plain) if plain > _LONG_BYTES else (unpacked(self.take(packed), plain),):
                taker.update(piece)
            return
        if encoded or size <= _LONG_BYTES:
            found = self._number(size) if encoded else self.take(size)
            taker.update(len(found).to_bytes(8, "little") + found)
            return
        taker.update(size.to_bytes(8, "little"))
        for piece in self.pieces(size):
            taker.update(piece)

    def _number(self, code: int) -> bytes:
        return str(int.from_bytes(self.take(1 << code), "little", signed=True)).encode()

    def _packed_sizes(self, code: int) -> tuple[int, int]:
        if code != 3:
            raise DamagedError(f"the snapshot is damaged: no string at byte {self.offset}")
        return self.length(), self.length()

    def _unpacked(self, packed: int, plain: int) -> Iterator[bytes]:
        """A long compressed string, a piece at a time."""
        out, told, left = bytearray(), 0, packed
        while left > 0:
            control = self.byte()
            left -= 1
            if control < 32:
                out += self.take(control + 1)
                left -= control + 1
            else:
                count = control >> 5
                if count == 7:
                    count += self.byte()
                    left -= 1
                back = ((control & 31) << 8) + self.byte() + 1
                left -= 1
                _repeat(out, back, count + 2)
            if len(out) > _LONG_BYTES:
                told += len(out) - _WINDOW_BYTES
                yield bytes(out[:-_WINDOW_BYTES])
                del out[:-_WINDOW_BYTES]
        if left or told + len(out) != plain:
            raise DamagedError(f"the snapshot is damaged: a compressed string before byte {self.offset}")
        yield bytes(out)


def unpacked(packed: bytes, plain_bytes: int) -> bytes:
    """A string that the server compressed (LZF); raises DamagedError where it is none."""
    out, at, end = bytearray(), 0, len(packed)
    try:
        while at < end:
            control = packed[at]
            at += 1
            if control < 32:
                out += packed[at : at + control + 1]
                at += control + 1
                continue
            count = control >> 5
            if count == 7:
                count += packed[at]
                at += 1
            back = ((control & 31) << 8) + packed[at] + 1
            at += 1
            _repeat(out, back, count + 2)
    except IndexError:
        raise DamagedError("the snapshot is damaged: a compressed string ends too early") from None
    if len(out) != plain_bytes:
        raise DamagedError("the snapshot is damaged: a compressed string has another length than it says")
    return bytes(out)


def _repeat(out: bytearray, back: int, count: int) -> None:
    """Append what stood so far back, which may reach into what is being appended."""
    begin = len(out) - back
    if begin < 0:
        raise DamagedError("the snapshot is damaged: a compressed string refers to what is not there")
    if back >= count:
        out += out[begin : begin + count]
    else:
        out += (out[begin:] * (count // back + 1))[:count]
