"""What stands in a snapshot of Redis: every encoding of every version, and damage at any place."""

from __future__ import annotations

import io
import random
import struct
from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aishell_core.errors import AishellError
from aishell_ops.backups.engines.redis_packed import listpack as unpack_listpack
from aishell_ops.backups.engines.redis_packed import ziplist as unpack_ziplist
from aishell_ops.backups.engines.redis_rdb import Census, walk
from aishell_ops.backups.engines.redis_reader import RdbReader, unpacked
from aishell_ops.backups.engines.redis_server import REDIS, VALKEY, reads
from aishell_ops.backups.engines.redis_snapshot import SnapshotCheck
from aishell_ops.backups.engines.redis_values import module_name
from aishell_ops.backups.errors import BackupError, DamagedError
from aishell_ops.backups.models import ObjectProof, ProofLevel
from tests.unit.aishell_ops.backups.engines.redis_bytes import brief, key, length, listpack, short, snapshot, text, ziplist

FOUR = (b"\x00\x01\x81a\x02",)
DAY_MS = (1_900_000_000_000).to_bytes(8, "little")


class Slowly:
    """Gives a text in pieces of a few bytes."""

    def __init__(self, content: bytes, piece_bytes: int) -> None:
        self._content = io.BytesIO(content)
        self._piece_bytes = piece_bytes

    def read(self, size: int) -> bytes:
        return self._content.read(min(size, self._piece_bytes))


def _proofs(content: bytes, level: ProofLevel = ProofLevel.FULL, piece_bytes: int = 1 << 20) -> dict[str, ObjectProof]:
    census = Census(level)
    walk(RdbReader(Slowly(content, piece_bytes)), census)
    return {proof.name: proof for proof in census.proofs()}


def _hash(record: bytes, family: str, front: bytes | None = None) -> str | None:
    content = snapshot(record, front=front) if front else snapshot(record)
    counted, hashed = _proofs(content, ProofLevel.COUNTS), _proofs(content)
    proof = hashed[f"db0 {family}"]
    assert counted[f"db0 {family}"].rows == proof.rows == 1
    assert counted[f"db0 {family}"].content_hash is None
    assert _proofs(content, piece_bytes=3) == hashed
    return proof.content_hash


def _same(family: str, *values: tuple[int, bytes]) -> None:
    """One value, written in all these ways, is one value."""
    found = {_hash(key(kind, b"k", value), family) for kind, value in values}
    assert len(found) == 1
    assert found != {_hash(key(values[0][0], b"other", values[0][1]), family)}


def test_a_string_is_the_same_as_number_compressed_or_plain() -> None:
    _same("string", (0, text(b"-5")), (0, b"\xc0\xfb"), (0, b"\xc1\xfb\xff"), (0, b"\xc2\xfb\xff\xff\xff"))
    _same("string", (0, text(b"a" * 100)), (0, b"\xc3\x05\x40\x64" + b"\x00a\xe0\x5a\x00"))


def test_a_list_is_the_same_in_every_encoding() -> None:
    small = listpack(short(b"a"), b"\x07", short(b""))
    old = ziplist(brief(b"a"), b"\xf8", brief(b""))
    _same(
        "list",
        (1, length(3) + text(b"a") + text(b"7") + text(b"")),
        (10, text(old)),
        (14, length(1) + text(old)),
        (18, length(1) + length(2) + text(small)),
        (18, length(3) + length(1) + text(b"a") + length(1) + text(b"7") + length(2) + text(listpack(short(b"")))),
    )
    assert _hash(key(1, b"k", length(2) + text(b"a") + text(b"b")), "list") != _hash(
        key(1, b"k", length(2) + text(b"b") + text(b"a")), "list"
    )


def test_a_set_is_the_same_in_every_encoding_and_order() -> None:
    _same(
        "set",
        (2, length(3) + text(b"1") + text(b"-70000") + text(b"2")),
        (2, length(3) + text(b"2") + text(b"1") + text(b"-70000")),
        (11, text(struct.pack("<IIqqq", 8, 3, -70000, 1, 2))),
        (11, text(struct.pack("<IIiii", 4, 3, -70000, 1, 2))),
        (20, text(listpack(b"\x01", b"\xf2" + (-70000).to_bytes(3, "little", signed=True), b"\x02"))),
    )


def test_a_sorted_set_is_the_same_in_every_encoding() -> None:
    _same(
        "zset",
        (3, length(3) + text(b"a") + b"\x031.5" + text(b"b") + b"\xfe" + text(b"c") + b"\x01" + b"0"),
        (
            5,
            length(3)
            + text(b"a")
            + struct.pack("<d", 1.5)
            + text(b"b")
            + struct.pack("<d", float("inf"))
            + text(b"c")
            + struct.pack("<d", -0.0),
        ),
        (12, text(ziplist(brief(b"a"), brief(b"1.5"), brief(b"b"), brief(b"inf"), brief(b"c"), b"\xf1"))),
        (17, text(listpack(short(b"a"), short(b"1.5"), short(b"b"), short(b"inf"), short(b"c"), b"\x00"))),
    )


def test_a_hash_is_the_same_in_every_encoding() -> None:
    _same(
        "hash",
        (4, length(2) + text(b"f") + text(b"v") + text(b"g") + text(b"")),
        (9, text(b"\x02" + b"\x01f\x01\x02v.." + b"\x01g\x00\x00" + b"\xff")),
        (13, text(ziplist(brief(b"f"), brief(b"v"), brief(b"g"), brief(b"")))),
        (16, text(listpack(short(b"f"), short(b"v"), short(b"g"), short(b"")))),
        (22, length(2) + b"\x00" + text(b"f") + text(b"v") + b"\x00" + text(b"g") + text(b"")),
        (23, text(listpack(short(b"f"), short(b"v"), b"\x00", short(b"g"), short(b""), b"\x00"))),
        (24, DAY_MS + length(2) + b"\x00" + text(b"f") + text(b"v") + b"\x00" + text(b"g") + text(b"")),
        (25, DAY_MS + text(listpack(short(b"f"), short(b"v"), b"\x00", short(b"g"), short(b""), b"\x00"))),
    )


def test_the_time_of_a_field_is_part_of_a_hash_also_that_of_valkey() -> None:
    when = listpack(short(b"f"), short(b"v"), b"\xf4" + DAY_MS)
    _same(
        "hash",
        (22, length(1) + length(1_900_000_000_000) + text(b"f") + text(b"v")),
        (23, text(when)),
        (24, DAY_MS + length(1) + length(1) + text(b"f") + text(b"v")),
        (25, DAY_MS + text(when)),
    )
    of_valkey = _hash(key(22, b"k", length(1) + text(b"f") + text(b"v") + DAY_MS), "hash", b"VALKEY080\xfe\x00")
    assert of_valkey == _hash(key(25, b"k", DAY_MS + text(when)), "hash")
    without = _hash(key(22, b"k", length(1) + text(b"f") + text(b"v") + b"\xff" * 8), "hash", b"VALKEY080\xfe\x00")
    assert without == _hash(key(4, b"k", length(1) + text(b"f") + text(b"v")), "hash") != of_valkey


def _stream(version: int, delivered: int = 1) -> bytes:
    node = text(b"\x01" * 16) + text(listpack(b"\x01"))
    groups = (
        length(1) + text(b"g") + length(5) + length(0) + (length(9) if version > 1 else b"") + length(1) + b"\x01" * 16 + DAY_MS
        + length(delivered) + length(1) + text(b"me") + DAY_MS + (DAY_MS if version > 2 else b"") + length(1) + b"\x01" * 16
    )  # fmt: skip
    known = length(0) * 5 if version > 1 else b""
    producers = length(100) * 2 + length(1) + text(b"p") + length(1) + text(b"i") + length(5) + length(0) + length(1) + length(0)
    return length(1) + node + length(1) + length(5) + length(0) + known + groups + (producers if version > 3 else b"")


def test_a_stream_is_the_same_for_all_versions() -> None:
    _same("stream", (15, _stream(1)), (19, _stream(2)), (21, _stream(3)), (26, _stream(4)))
    assert _hash(key(21, b"k", _stream(3)), "stream") != _hash(key(21, b"k", _stream(3, delivered=2)), "stream")


def test_when_a_key_expires_is_part_of_it_and_counted() -> None:
    record = key(0, b"k", text(b"v"))
    never, later = _proofs(snapshot(record)), _proofs(snapshot(b"\xfc" + DAY_MS + record))
    seconds = _proofs(snapshot(b"\xfd" + (1_900_000_000).to_bytes(4, "little") + b"\xf8\x05\xf9\x07" + record))
    assert later == seconds
    assert later["db0 expiring"].rows == 1
    assert "db0 expiring" not in never
    assert never["db0 string"].content_hash != later["db0 string"].content_hash


def test_modules_are_counted_and_passed_over() -> None:
    number = (37 << 10) | 1
    value = length(number) + b"\x02\x05\x01\x07\x03abcd\x04abcdefgh\x05" + text(b"x") + b"\x00"
    aux = b"\xf7" + length(number) + b"\x02\x02\x05" + text(b"x") + b"\x00"
    described = b"\xf3\x01abcd\x02\x07\x00"
    found = _proofs(snapshot(aux, described, key(7, b"m", value), key(0, b"k", text(b"v")), b"\xf4\x01\x02\x03"))
    name = f"db0 module {module_name(number)}"
    assert (found[name].rows, found[name].content_hash) == (1, None)
    assert found["db0 string"].content_hash is not None


def test_functions_and_databases_are_told_apart() -> None:
    found = _proofs(snapshot(b"\xf5" + text(b"#!lua name=x\n"), key(0, b"k", text(b"v")), b"\xfe\x07", key(0, b"k", text(b"v"))))
    assert {name: proof.rows for name, proof in found.items()} == {"keys": 2, "db0 string": 1, "db7 string": 1, "functions": 1}
    assert found["db0 string"].content_hash == found["db7 string"].content_hash


def test_an_empty_server_is_proven_too() -> None:
    assert _proofs(snapshot(front=b"REDIS0011")) == {"keys": ObjectProof("keys", 0)}


@pytest.mark.parametrize("record", [key(27, b"k", b""), key(8, b"k", b""), b"\xf0"], ids=["kind", "gap", "code"])
def test_what_is_not_known_is_said_and_not_guessed(record: bytes) -> None:
    with pytest.raises(BackupError, match="this version of aishell does not know") as caught:
        _proofs(snapshot(record))
    assert "--proof none" in caught.value.hint


@given(elements=st.lists(st.binary(max_size=63)))
def test_packed_texts_come_back(elements: list[bytes]) -> None:
    assert unpack_listpack(listpack(*map(short, elements))) == elements
    assert unpack_ziplist(ziplist(*map(brief, elements))) == elements


def test_packed_numbers_and_long_texts_come_back() -> None:
    long, longer = b"x" * 1000, b"y" * 5000
    elements = (
        b"\x7f", b"\xdf\xff", b"\xcf\xff", b"\xf1\x00\x80", b"\xf2\x00\x00\x80", b"\xf3\xff\xff\xff\x7f", b"\xf4" + b"\xff" * 8,
        b"\xe3\xe8" + long, b"\xf0" + len(longer).to_bytes(4, "little") + longer,
    )  # fmt: skip
    expected = [b"127", b"-1", b"4095", b"-32768", b"-8388608", b"2147483647", b"-1", long, longer]
    assert unpack_listpack(listpack(*elements)) == expected
    old = (
        b"\xf1", b"\xfd", b"\xfe\x80", b"\xc0\x00\x80", b"\xf0\x00\x00\x80", b"\xd0\xff\xff\xff\x7f", b"\xe0" + b"\xff" * 8,
        b"\x43\xe8" + long, b"\x80" + len(longer).to_bytes(4, "big") + longer, b"\xf3",
    )  # fmt: skip
    assert unpack_ziplist(ziplist(*old)) == [b"0", b"12", b"-128", b"-32768", b"-8388608", b"2147483647", b"-1", long, longer, b"2"]


def test_a_long_compressed_string_is_read_in_pieces() -> None:
    """Three megabytes that refer to themselves again and again."""
    packed, plain = b"\x00a" + b"\xe0\xff\x00" * 11_900, 1 + 264 * 11_900
    compressed = b"\xc3" + length(len(packed)) + length(plain) + packed
    assert _hash(key(0, b"k", compressed), "string") == _hash(key(0, b"k", text(b"a" * plain)), "string")


@pytest.mark.parametrize(("packed", "plain"), [(b"\x20\x00", 3), (b"\x05ab", 6), (b"\x00a\xe0", 9), (b"\x00a", 2)])
def test_a_compressed_string_that_is_none_is_damage(packed: bytes, plain: int) -> None:
    with pytest.raises(DamagedError):
        unpacked(packed, plain)


def _everything() -> bytes:
    return snapshot(
        b"\xf5" + text(b"#!lua"),
        key(0, b"s", text(b"v" * 300)),
        b"\xfc" + DAY_MS + key(14, b"l", length(1) + text(ziplist(brief(b"a"), b"\xf8"))),
        key(20, b"t", text(listpack(b"\x01", short(b"b")))),
        key(5, b"z", length(1) + text(b"a") + struct.pack("<d", 1.5)),
        key(25, b"h", DAY_MS + text(listpack(short(b"f"), short(b"v"), b"\xf4" + DAY_MS))),
        key(26, b"x", _stream(4)),
        key(7, b"m", length(37 << 10) + b"\x02\x05\x00"),
    )


def _checked(content: bytes, level: ProofLevel, piece_bytes: int) -> tuple[ObjectProof, ...]:
    check = SnapshotCheck(level)
    try:
        for begin in range(0, len(content), piece_bytes):
            check.take(content[begin : begin + piece_bytes])
        return check.end()
    finally:
        check.abandon()


@pytest.mark.parametrize("piece_bytes", [1, 7, 8, 9, 1 << 20])
def test_a_whole_snapshot_is_whole_in_any_pieces(piece_bytes: int) -> None:
    assert _checked(_everything(), ProofLevel.FULL, piece_bytes) == tuple(_proofs(_everything()).values())
    assert _checked(_everything(), ProofLevel.NONE, piece_bytes) == ()


def _damaged() -> Iterator[bytes]:
    content, dice = _everything(), random.Random(8)
    for _ in range(300):
        at = dice.randrange(len(content))
        yield content[:at] + bytes([content[at] ^ (1 << dice.randrange(8))]) + content[at + 1 :]
    for _ in range(60):
        yield content[: dice.randrange(len(content))]
    yield content + b"x"


@pytest.mark.parametrize("level", ProofLevel)
def test_every_flipped_bit_and_every_cut_is_found(level: ProofLevel) -> None:
    for content in _damaged():
        with pytest.raises(BackupError):
            _checked(content, level, 50)


@settings(max_examples=300)
@given(data=st.data())
def test_damage_never_ends_otherwise_than_by_an_error_of_ours(data: st.DataObject) -> None:
    content = bytearray(_everything())
    for at in data.draw(st.lists(st.integers(9, len(content) - 1), min_size=1, max_size=6)):
        content[at] = data.draw(st.integers(0, 255))
    with suppress(AishellError):
        _proofs(bytes(content))


def test_a_snapshot_without_a_checksum_is_taken_by_its_form() -> None:
    content = _everything()[:-8] + bytes(8)
    assert len(_checked(content, ProofLevel.COUNTS, 100)) > 7


@pytest.mark.parametrize(
    ("family", "release", "version", "of", "expected"),
    [
        (REDIS, (7, 0), 10, (REDIS, (7, 0)), True),
        (REDIS, (6, 2), 10, (REDIS, (7, 0)), False),
        (REDIS, (8, 8), 14, (REDIS, (8, 8)), True),
        (REDIS, (8, 6), 14, (REDIS, (8, 8)), False),
        (VALKEY, (9, 0), 11, (REDIS, (7, 2)), True),
        (VALKEY, (9, 0), 12, (REDIS, (7, 4)), False),
        (VALKEY, (8, 1), 80, (VALKEY, (9, 0)), False),
        (VALKEY, (9, 1), 80, (VALKEY, (9, 0)), True),
        (REDIS, (8, 6), 80, (VALKEY, (9, 0)), False),
        (REDIS, (7, 2), 11, (VALKEY, (8, 0)), True),
    ],
)  # fmt: skip
def test_which_server_reads_which_format(
    family: str, release: tuple[int, int], version: int, of: tuple[str, tuple[int, int]], expected: bool
) -> None:
    assert reads(family, release, version, of_family=of[0], of_release=of[1]) is expected
