"""The archive of mongodump, in pieces of any size, cut off at any byte, and with any byte wrong."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from aishell_ops.backups.engines.mongodb_archive import ArchiveReader
from aishell_ops.backups.engines.mongodb_contents import Collection
from aishell_ops.backups.errors import BackupError

RECORDED = (Path(__file__).parents[4] / "data" / "mongodb" / "mongodump" / "shop.archive").read_bytes()


class _Taker:
    def __init__(self) -> None:
        self.collections: dict[str, Collection] = {}
        self.documents: list[tuple[str, bytes]] = []

    def collection(self, collection: Collection) -> None:
        self.collections[collection.name] = collection

    def document(self, name: str, document: bytes) -> None:
        self.documents.append((name, document))


def _read(content: bytes, piece: int) -> _Taker:
    taker = _Taker()
    reader = ArchiveReader(taker)
    for at in range(0, len(content), piece):
        reader.feed(content[at : at + piece])
    reader.finish()
    return taker


@pytest.mark.parametrize("piece", [1, 3, 64, 1 << 20])
def test_it_is_read_in_pieces_of_any_size(piece: int) -> None:
    taker = _read(RECORDED, piece)
    assert set(taker.collections) == {"orders", "customers", "empty", "capped", "od d.T \n--é😀"}
    assert [index["name"] for index in taker.collections["orders"].indexes] == ["by_city", "p"]
    assert taker.collections["capped"].is_capped
    assert len(taker.documents) == 68


def test_one_that_is_cut_off_is_told_wherever_that_is() -> None:
    # At the very end only the marks of ends are missing, each of which belongs to it.
    for size in range(len(RECORDED)):
        with pytest.raises(BackupError):
            _read(RECORDED[:size], 1 << 20)


def test_wrong_bytes_end_in_no_other_error() -> None:
    chance, found = random.Random(3), 0
    for _ in range(300):
        at = chance.randrange(len(RECORDED))
        content = RECORDED[:at] + bytes((RECORDED[at] ^ 1 << chance.randrange(8),)) + RECORDED[at + 1 :]
        try:
            _read(content, 4096)
        except BackupError:
            found += 1
    assert found > 10
