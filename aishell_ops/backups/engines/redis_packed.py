"""Short values as Redis packs them into one string: listpack, ziplist, zipmap, sets of numbers; pure.

https://github.com/antirez/listpack/blob/master/listpack.md; `src/ziplist.c` and `src/zipmap.c` of the server.
"""

from __future__ import annotations

from collections.abc import Callable

from aishell_ops.backups.errors import DamagedError

_LISTPACK_HEAD_BYTES = 6
_ZIPLIST_HEAD_BYTES = 10
_END = 0xFF
_LONG_ZIPLIST = 0xFE


def listpack(packed: bytes) -> list[bytes]:
    """The elements of a listpack as texts."""
    return _whole(_listpack, packed)


def ziplist(packed: bytes) -> list[bytes]:
    """The elements of a ziplist as texts."""
    return _whole(_ziplist, packed)


def zipmap(packed: bytes) -> list[bytes]:
    """Fields and values of a zipmap, by turns."""
    return _whole(_zipmap, packed)


def numbers(packed: bytes) -> list[bytes]:
    """The members of a set of numbers as texts."""
    return _whole(_numbers, packed)


def _whole(unpack: Callable[[bytes], list[bytes]], packed: bytes) -> list[bytes]:
    try:
        return unpack(packed)
    except IndexError:
        raise DamagedError("the snapshot is damaged: a packed value ends too early") from None


def _listpack(packed: bytes) -> list[bytes]:
    found, at = [], _LISTPACK_HEAD_BYTES
    while (first := packed[at]) != _END:
        if first < 0x80:
            value, size = str(first).encode(), 1
        elif first < 0xC0:
            size = 1 + (first & 0x3F)
            value = packed[at + 1 : at + size]
        elif first < 0xE0:
            number = ((first & 0x1F) << 8) | packed[at + 1]
            value, size = str(number - (1 << 13) if number >= 1 << 12 else number).encode(), 2
        elif first < 0xF0:
            size = 2 + (((first & 0x0F) << 8) | packed[at + 1])
            value = packed[at + 2 : at + size]
        elif first == 0xF0:
            size = 5 + int.from_bytes(packed[at + 1 : at + 5], "little")
            value = packed[at + 5 : at + size]
        else:
            width = {0xF1: 2, 0xF2: 3, 0xF3: 4, 0xF4: 8}.get(first)
            if width is None:
                raise DamagedError("the snapshot is damaged: an unknown element of a listpack")
            value, size = _signed(packed, at + 1, width), 1 + width
        found.append(value)
        at += size + _backwards_bytes(size)
    return found


def _backwards_bytes(size: int) -> int:
    """How many bytes say how long an element is, for who reads from the end."""
    return 1 if size < 128 else 2 if size < 16384 else 3 if size < 2097152 else 4 if size < 268435456 else 5


def _signed(packed: bytes, at: int, width: int) -> bytes:
    if at + width > len(packed):
        raise IndexError
    return str(int.from_bytes(packed[at : at + width], "little", signed=True)).encode()


def _ziplist(packed: bytes) -> list[bytes]:
    found, at = [], _ZIPLIST_HEAD_BYTES
    while packed[at] != _END:
        at += 5 if packed[at] == _LONG_ZIPLIST else 1
        first = packed[at]
        kind = first >> 6
        if kind == 3:
            value, size = _ziplist_number(packed, at)
            found.append(value)
            at += size
            continue
        if kind == 0:
            size, head = first & 0x3F, 1
        elif kind == 1:
            size, head = ((first & 0x3F) << 8) | packed[at + 1], 2
        else:
            size, head = int.from_bytes(packed[at + 1 : at + 5], "big"), 5
        found.append(packed[at + head : at + head + size])
        at += head + size
    return found


def _ziplist_number(packed: bytes, at: int) -> tuple[bytes, int]:
    first = packed[at]
    width = {0xC0: 2, 0xD0: 4, 0xE0: 8, 0xF0: 3, 0xFE: 1}.get(first)
    if width is not None:
        return _signed(packed, at + 1, width), 1 + width
    if not 0xF1 <= first <= 0xFD:
        raise DamagedError("the snapshot is damaged: an unknown element of a ziplist")
    return str((first & 0x0F) - 1).encode(), 1


def _zipmap(packed: bytes) -> list[bytes]:
    found, at, is_value = [], 1, False
    while packed[at] != _END:
        size, head = packed[at], 1
        if size == _LONG_ZIPLIST:
            size, head = int.from_bytes(packed[at + 1 : at + 5], "little"), 5
        at += head
        # A value says how many bytes behind it are free.
        free = packed[at] if is_value else 0
        at += is_value
        found.append(packed[at : at + size])
        at += size + free
        is_value = not is_value
    return found


def _numbers(packed: bytes) -> list[bytes]:
    width, count = int.from_bytes(packed[:4], "little"), int.from_bytes(packed[4:8], "little")
    if width not in (2, 4, 8) or len(packed) < 8 + width * count:
        raise DamagedError("the snapshot is damaged: a set of numbers has another length than it says")
    return [_signed(packed, 8 + width * place, width) for place in range(count)]
