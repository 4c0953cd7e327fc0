"""The values in a snapshot of Redis: passed over, or brought into one form that does not depend on how the server packs them.

Numbers of kinds are those of `src/rdb.h` of Redis up to 8.6 and of Valkey up to 9.1, which agree up to 21.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping
from hashlib import blake2b

from aishell_ops.backups.engines.redis_packed import listpack, numbers, ziplist, zipmap
from aishell_ops.backups.engines.redis_reader import Hash, RdbReader
from aishell_ops.backups.errors import BackupError, DamagedError

DIGEST_BYTES = 16
MODULE = 7
_ALL = 1 << (8 * DIGEST_BYTES)
_HASH_OF_VALKEY = 22
_STREAMS = {15: 1, 19: 2, 21: 3, 26: 4}
"""Kinds of streams, with the version of their form."""
_FAMILIES = {
    0: "string",
    **dict.fromkeys((1, 10, 14, 18), "list"),
    **dict.fromkeys((2, 11, 20), "set"),
    **dict.fromkeys((3, 5, 12, 17), "zset"),
    **dict.fromkeys((4, 9, 13, 16, 22, 23, 24, 25), "hash"),
    **dict.fromkeys(_STREAMS, "stream"),
    MODULE: "module",
}
_SIGNS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_SCORES = {253: b"nan", 254: b"inf", 255: b"-inf"}
_NEGATIVE_ZERO = struct.pack("<d", -0.0)
_ZERO = struct.pack("<d", 0.0)
_PLAIN_NODE = 1

Items = Iterator[tuple[bytes, ...]]


def family_of(kind: int) -> str | None:
    """What people call a kind of value; None for one that is not known here."""
    return _FAMILIES.get(kind)


def expect_known(kind: int, form: str) -> None:
    """Raise BackupError for a kind that cannot be read: where its value ends is not known either."""
    if kind not in _FAMILIES or (form.startswith("VALKEY") and kind > _HASH_OF_VALKEY):
        raise BackupError(
            f"the snapshot ({form}) holds a value of a kind that this version of aishell does not know: {kind}",
            "save it with --proof none: it is checked by its checksum then, and not counted",
        )


def module_name(number: int) -> str:
    """The name of a module's type, which its number spells with six bits a sign."""
    return "".join(_SIGNS[(number >> (10 + 6 * place)) & 63] for place in reversed(range(9)))


def skip_module(reader: RdbReader) -> None:
    """Pass over what a module has written, up to its end."""
    while (code := reader.length()) != 0:
        if code in (1, 2):
            reader.length()
        elif code == 3:
            reader.skip(4)
        elif code == 4:
            reader.skip(8)
        elif code == 5:
            reader.skip_string()
        else:
            raise DamagedError(f"the snapshot is damaged: an unknown word of a module at byte {reader.offset}")


def skip_value(reader: RdbReader, kind: int, form: str) -> None:
    """Pass over a value; raises BackupError for a kind that is not known."""
    expect_known(kind, form)
    if kind in _STREAMS:
        _stream(reader, _STREAMS[kind], None)
    elif kind == MODULE:
        reader.length()
        skip_module(reader)
    elif kind == 0 or kind in _PACKED_HASHES or kind in _PACKED_LISTS or kind in _PACKED_SETS or kind in _PACKED_ZSETS:
        reader.skip_string()
    elif kind in (23, 25):
        reader.skip(8 if kind == 25 else 0)
        reader.skip_string()
    else:
        _skip_items(reader, kind, form)


def _skip_items(reader: RdbReader, kind: int, form: str) -> None:
    of_valkey = kind == _HASH_OF_VALKEY and form.startswith("VALKEY")
    if kind == 24:
        reader.skip(8)
    for _ in range(reader.length()):
        if kind == 18 or (kind in (22, 24) and not of_valkey):
            reader.length()
        reader.skip_string()
        if kind == 3:
            _text_score(reader)
        elif kind == 5:
            reader.skip(8)
        elif kind in (4, 22, 24):
            reader.skip_string()
        if of_valkey:
            reader.skip(8)


def feed_value(reader: RdbReader, kind: int, form: str, taker: Hash) -> None:
    """Give a value to a hash, in one form for all ways in which servers write it; raises BackupError for an unknown kind."""
    expect_known(kind, form)
    family = _FAMILIES[kind]
    if family == "string":
        reader.feed_string(taker)
    elif family == "list":
        _feed_list(reader, kind, taker)
    elif family == "stream":
        _stream(reader, _STREAMS[kind], taker)
    elif family == "module":
        raise BackupError("a module's value has no form of its own")
    else:
        _feed_unordered(reader, kind, form, taker)


def _framed(text: bytes) -> bytes:
    """A text with its length in front, so that two never look like two others."""
    return len(text).to_bytes(8, "little") + text


def _feed_list(reader: RdbReader, kind: int, taker: Hash) -> None:
    if kind == 10:
        for element in ziplist(reader.string()):
            taker.update(_framed(element))
        return
    for _ in range(reader.length()):
        if kind == 1 or (kind == 18 and reader.length() == _PLAIN_NODE):
            reader.feed_string(taker)
            continue
        node = reader.string()
        for element in ziplist(node) if kind == 14 else listpack(node):
            taker.update(_framed(element))


def _feed_unordered(reader: RdbReader, kind: int, form: str, taker: Hash) -> None:
    """The sum of the hashes of its members: in which order they come depends on the server's memory."""
    count = total = 0
    for item in _digests(reader, kind, form):
        count += 1
        total += int.from_bytes(item, "little")
    taker.update(count.to_bytes(8, "little") + (total % _ALL).to_bytes(DIGEST_BYTES, "little"))


def _digests(reader: RdbReader, kind: int, form: str) -> Iterator[bytes]:
    if kind in _PACKED_SETS:
        return (_digest(_framed(member)) for member in _PACKED_SETS[kind](reader.string()))
    if kind in _PACKED_ZSETS:
        found = _PACKED_ZSETS[kind](reader.string())
        return (_digest(_framed(found[at]) + _score(found[at + 1])) for at in range(0, len(found), 2))
    if kind in _PACKED_HASHES:
        found = _PACKED_HASHES[kind](reader.string())
        return (_digest(_framed(found[at]) + _framed(found[at + 1])) for at in range(0, len(found), 2))
    if kind in (23, 25):
        reader.skip(8 if kind == 25 else 0)
        found = listpack(reader.string())
        return (_digest(_framed(found[at]) + _framed(found[at + 1]) + _time(int(found[at + 2]))) for at in range(0, len(found), 3))
    return _loose_digests(reader, kind, form)


def _loose_digests(reader: RdbReader, kind: int, form: str) -> Iterator[bytes]:
    """Members that stand one by one, however long."""
    of_valkey = kind == _HASH_OF_VALKEY and form.startswith("VALKEY")
    earliest = int.from_bytes(reader.take(8), "little") if kind == 24 else 1
    for _ in range(reader.length()):
        one, time = blake2b(digest_size=DIGEST_BYTES), 0
        if kind in (22, 24) and not of_valkey:
            later = reader.length()
            time = later + earliest - 1 if later else 0
        reader.feed_string(one)
        if kind == 3:
            one.update(_score(_text_score(reader)))
        elif kind == 5:
            score = reader.take(8)
            one.update(_ZERO if score == _NEGATIVE_ZERO else score)
        elif kind in (4, 22, 24):
            reader.feed_string(one)
        if of_valkey:
            time = max(0, int.from_bytes(reader.take(8), "little", signed=True))
        one.update(_time(time))
        yield one.digest()


def _digest(text: bytes) -> bytes:
    return blake2b(text, digest_size=DIGEST_BYTES).digest()


def _time(milliseconds: int) -> bytes:
    """When a field expires; nothing where it does not."""
    return milliseconds.to_bytes(8, "little") if milliseconds > 0 else b""


def _text_score(reader: RdbReader) -> bytes:
    size = reader.byte()
    return _SCORES.get(size) or reader.take(size)


def _score(text: bytes) -> bytes:
    try:
        # Where it stands as a whole number it has no sign of zero.
        return struct.pack("<d", float(text) + 0.0)
    except ValueError:
        raise DamagedError("the snapshot is damaged: a score is no number") from None


def _stream(reader: RdbReader, version: int, taker: Hash | None) -> None:
    """A stream with its groups. What versions of the server write or guess differently is passed over."""

    def string() -> None:
        if taker is None:
            reader.skip_string()
        else:
            reader.feed_string(taker)

    def lengths(count: int) -> None:
        for _ in range(count):
            number = reader.length()
            if taker is not None:
                taker.update(number.to_bytes(8, "little"))

    def raw(count: int) -> None:
        found = reader.take(count)
        if taker is not None:
            taker.update(found)

    for _ in range(reader.length()):
        string()
        string()
    lengths(3)
    _pass(reader, 5 if version > 1 else 0)
    for _ in range(reader.length()):
        string()
        lengths(2)
        _pass(reader, 1 if version > 1 else 0)
        for _ in range(reader.length()):
            raw(24)
            lengths(1)
        for _ in range(reader.length()):
            string()
            reader.skip(16 if version > 2 else 8)
            for _ in range(reader.length()):
                raw(16)
    if version > 3:
        _pass_producers(reader)


def _pass_producers(reader: RdbReader) -> None:
    """Which producers have written what lately, so that a repeated message is none."""
    _pass(reader, 2)
    for _ in range(reader.length()):
        reader.skip_string()
        for _ in range(reader.length()):
            reader.skip_string()
            _pass(reader, 2)
    _pass(reader, 2)


def _pass(reader: RdbReader, lengths: int) -> None:
    for _ in range(lengths):
        reader.length()


_Unpacking = Mapping[int, Callable[[bytes], list[bytes]]]
_PACKED_LISTS: _Unpacking = {10: ziplist}
_PACKED_SETS: _Unpacking = {11: numbers, 20: listpack}
_PACKED_ZSETS: _Unpacking = {12: ziplist, 17: listpack}
_PACKED_HASHES: _Unpacking = {9: zipmap, 13: ziplist, 16: listpack}
