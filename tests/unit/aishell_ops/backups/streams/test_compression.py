"""What a compression holds back and hands on at once."""

from __future__ import annotations

import random

import pytest

from aishell_ops.backups.models import Compression
from aishell_ops.backups.streams.compression import FORMATS, squeezer, unsqueezed

_PIECE_BYTES = 1 << 20
_MOST_AT_ONCE_BYTES = 2 << 20


class Stored:
    """What was compressed, to be read again."""

    def __init__(self, content: bytes) -> None:
        self._rest = memoryview(content)

    def read(self, size: int) -> bytes:
        piece, self._rest = self._rest[:size], self._rest[size:]
        return bytes(piece)


@pytest.mark.parametrize("compression", list(Compression))
def test_what_cannot_be_compressed_comes_in_small_pieces_and_whole(compression: Compression) -> None:
    """Threads of zstd end several jobs together, and their output in one piece would be kept in memory more than once."""
    chance = random.Random(1)
    plain = [chance.randbytes(_PIECE_BYTES) for _ in range(24 if FORMATS[compression].program == "zstd" else 3)]
    way = squeezer(compression)
    pieces = [piece for one in plain for piece in way.compress(one)]
    pieces += way.finish()
    assert max(map(len, pieces)) <= _MOST_AT_ONCE_BYTES
    reader = unsqueezed(Stored(b"".join(pieces)), compression, "it")
    whole = bytearray()
    while piece := reader.read(_PIECE_BYTES):
        whole += piece
    assert whole == b"".join(plain)
