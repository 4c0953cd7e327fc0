"""The checksum of Redis' snapshots and of single values: CRC-64 with the polynomial of Jones, reflected, beginning with 0.

`src/crc64.c` of the server names the parameters. Tables take it eight bytes at a time, which is slow here; a long text is
made shorter first: numbers of any length are shifted and XORed at the speed of memory, and by a multiple of the polynomial
that has few terms, bits that stand far in front are moved back without a change of the remainder.
"""

from __future__ import annotations

import sys
from array import array
from functools import cache

POLYNOMIAL = 0xAD93D23594C935A9
"""Without its first term, x^64."""
_REFLECTED = int(f"{POLYNOMIAL:064b}"[::-1], 2)

MULTIPLES = (
    (8_221, 62, 61, 52, 51, 47, 46, 45, 44, 40, 36, 31, 29, 26, 25, 24, 21, 19, 18, 16, 4, 0),
    (2_272_039, 844_870, 807_578, 678_773, 0),
)
"""The exponents of multiples of the polynomial, the greatest first: for texts of kilobytes and of megabytes. A test divides them."""
_WORTH_BYTES = (4_000, 2_000_000)
"""From how many bytes on each is worth it."""


class Checksum:
    """The checksum of what is added, piece by piece; folded by the multiple for long texts unless another one is given."""

    def __init__(self, multiple: tuple[int, ...] = MULTIPLES[-1]) -> None:
        self._degree = multiple[0]
        # No more may be moved at once than fits between the two greatest exponents.
        self._step_bytes = (multiple[0] - multiple[1]) // 8
        self._step_bits = 8 * self._step_bytes
        self._step_mask = (1 << self._step_bits) - 1
        self._lifts = tuple(multiple[0] - exponent - self._step_bits for exponent in multiple[1:])
        self._folded = 0
        self._folded_bits = 0
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0

    def add(self, piece: bytes | memoryview) -> None:
        """Take more."""
        self._waiting.append(bytes(piece))
        self._waiting_bytes += len(piece)
        if self._waiting_bytes < self._step_bytes:
            return
        text = b"".join(self._waiting)
        whole = len(text) - len(text) % self._step_bytes
        for begin in range(0, whole, self._step_bytes):
            self._fold(text[begin : begin + self._step_bytes])
        self._waiting, self._waiting_bytes = [text[whole:]], len(text) - whole

    def _fold(self, step: bytes) -> None:
        """Take a step and make the first of what has come disappear.

        The first bit of a reflected checksum is the lowest of the first byte: read as a number in little order, the bits that
        stand in front in the polynomial are its lowest. They are cut off and added further up, where the multiple says.
        """
        value = self._folded | (int.from_bytes(step, "little") << self._folded_bits)
        self._folded_bits += self._step_bits
        if self._folded_bits >= self._degree + self._step_bits:
            front = value & self._step_mask
            value >>= self._step_bits
            for lift in self._lifts:
                value ^= front << lift
            self._folded_bits -= self._step_bits
        self._folded = value

    def value(self) -> int:
        """The checksum so far."""
        return by_table(self._folded.to_bytes(self._folded_bits // 8, "little") + b"".join(self._waiting))


def checksum(text: bytes | memoryview) -> int:
    """The checksum of a text."""
    fitting = [multiple for multiple, worth in zip(MULTIPLES, _WORTH_BYTES, strict=True) if len(text) >= worth]
    if not fitting:
        return by_table(text)
    whole = Checksum(fitting[-1])
    for begin in range(0, len(text), 1 << 20):
        whole.add(text[begin : begin + (1 << 20)])
    return whole.value()


def by_table(text: bytes | memoryview) -> int:
    """The checksum by tables, eight bytes at a time."""
    value, even = 0, len(text) & ~7
    words = array("Q")
    words.frombytes(text[:even])
    if sys.byteorder == "big":
        words.byteswap()
    if words:
        first, second, third, fourth = _tables()
        for word in words:
            value ^= word
            value = first[value & 0xFFFF] ^ second[(value >> 16) & 0xFFFF] ^ third[(value >> 32) & 0xFFFF] ^ fourth[value >> 48]
    for byte in text[even:]:
        value = _of_byte((value ^ byte) & 0xFF) ^ (value >> 8)
    return value


@cache
def _tables() -> tuple[array[int], ...]:
    """What two bytes become when six, four, two or no others follow in the same eight."""
    single = [_of_byte(byte) for byte in range(256)]
    two = [single[(single[word & 0xFF] ^ (word >> 8)) & 0xFF] ^ (single[word & 0xFF] >> 8) for word in range(1 << 16)]
    found = [array("Q", two)]
    for _ in range(3):
        found.append(array("Q", [two[value & 0xFFFF] ^ (value >> 16) for value in found[-1]]))
    return tuple(reversed(found))


@cache
def _of_byte(byte: int) -> int:
    for _ in range(8):
        byte = (byte >> 1) ^ (_REFLECTED if byte & 1 else 0)
    return byte
