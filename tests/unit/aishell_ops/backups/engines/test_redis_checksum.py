"""The checksum of Redis' snapshots: the same by tables and by folding, whatever the length."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aishell_ops.backups.engines.redis_checksum import MULTIPLES, POLYNOMIAL, Checksum, by_table, checksum

RANDOM = random.Random(3).randbytes(4_100_000)


def _bit_by_bit(text: bytes) -> int:
    """As its parameters say it, with no table."""
    value, reflected = 0, int(f"{POLYNOMIAL:064b}"[::-1], 2)
    for byte in text:
        value ^= byte
        for _ in range(8):
            value = (value >> 1) ^ (reflected if value & 1 else 0)
    return value


def test_the_servers_own_example() -> None:
    """`src/crc64.c` of the server tests itself with this one."""
    assert checksum(b"123456789") == 0xE9C6D914C4B8D9CA


@pytest.mark.parametrize("multiple", MULTIPLES, ids=lambda multiple: str(multiple[0]))
def test_a_multiple_leaves_no_remainder(multiple: tuple[int, ...]) -> None:
    power, remainder = 1, 0
    for exponent in range(multiple[0] + 1):
        if exponent in multiple:
            remainder ^= power
        power <<= 1
        if power >> 64:
            power ^= (1 << 64) | POLYNOMIAL
    assert remainder == 0


@given(text=st.binary(max_size=300))
def test_tables_agree_with_the_definition(text: bytes) -> None:
    assert by_table(text) == _bit_by_bit(text)


@given(size=st.integers(0, 30_000), piece_bytes=st.integers(1, 5_000))
def test_pieces_of_any_length_make_the_same_of_a_middling_text(size: int, piece_bytes: int) -> None:
    whole = Checksum(MULTIPLES[0])
    for begin in range(0, size, piece_bytes):
        whole.add(RANDOM[begin : min(size, begin + piece_bytes)])
    assert whole.value() == by_table(RANDOM[:size]) == checksum(RANDOM[:size])


@pytest.mark.parametrize("size", [0, 175_000, 284_000, 462_000, 463_001, 1_999_999, 2_000_001, 4_100_000])
def test_folding_a_long_text_changes_nothing(size: int) -> None:
    text = RANDOM[:size]
    expected = by_table(text)
    for piece_bytes in (999_983, 1 << 16):
        whole = Checksum()
        for begin in range(0, size, piece_bytes):
            whole.add(text[begin : begin + piece_bytes])
        assert whole.value() == expected
    assert checksum(memoryview(text)) == expected
