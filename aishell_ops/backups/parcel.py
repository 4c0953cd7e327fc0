"""A backup as one file to be carried elsewhere: a tar archive of what lies in the storage, its manifest first.

Any `tar` opens it, and what comes out is the backup's own folder with its recovery sheet. It may be compressed and
encrypted as a whole on its way.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from aishell_ops.backups.errors import DamagedError
from aishell_ops.backups.layout import LOCKED_KEY, MANIFEST, RECOVERY, Spot
from aishell_ops.backups.models import Backup
from aishell_ops.backups.repository import Repository
from aishell_ops.backups.storage.contract import Storage, StoredObject
from aishell_ops.backups.streams.contract import Reader, Stop
from aishell_ops.backups.streams.digest import Digest
from aishell_ops.backups.streams.stopping import expect_wanted

_PIECE_BYTES = 1 << 20
_PRIVATE = 0o600
_PARTS, _RECORDS = "parts/", "records/"


@dataclass(frozen=True, slots=True)
class Member:
    """One file of the archive: its name there, and the object of the storage that it is made of."""

    name: str
    stored: StoredObject
    sha256: str = ""


def members_of(repository: Repository, spot: Spot, backup: Backup, *, with_records: bool) -> tuple[Member, ...]:
    """What the archive holds, in its order: what tells of the parts stands before them. Blocking; raises StorageError, DamagedError."""
    found = {one.key.removeprefix(spot.prefix): one for one in repository.storage.list(spot.prefix)}
    small = [name for name in (MANIFEST, RECOVERY, LOCKED_KEY) if name in found]
    small += [name for name in sorted(found) if with_records and name.startswith(_RECORDS)]
    members = [Member(name, found[name]) for name in small]
    for part in backup.manifest.parts:
        stored = found.get(f"{_PARTS}{part.name}")
        if stored is None or stored.size_bytes != part.stored_bytes:
            raise DamagedError(f"{spot.part_key(part.name)} is missing or has another size than was written", "export another backup")
        members.append(Member(f"{_PARTS}{part.name}", stored, part.stored_sha256))
    return tuple(members)


class ParcelSource:
    """A backup as the stream of a tar archive; each part is hashed as it is read, and a wrong one ends the stream by DamagedError."""

    def __init__(self, name: str, folder: str, storage: Storage, members: tuple[Member, ...]) -> None:
        self.name = name
        self._folder, self._storage, self._members = folder, storage, members

    @property
    def expected_bytes(self) -> int | None:
        """What all its members take."""
        return sum(member.stored.size_bytes for member in self._members)

    @contextmanager
    def opened(self, stop: Stop) -> Iterator[Reader]:
        """Begin to give the bytes of the archive."""
        yield _Pieces(self._pieces(stop))

    def _pieces(self, stop: Stop) -> Iterator[bytes]:
        for member in self._members:
            expect_wanted(stop)
            yield _header(f"{self._folder}/{member.name}", member.stored)
            digest = Digest()
            with self._storage.reading(member.stored.key) as reader:
                while piece := reader.read(_PIECE_BYTES):
                    expect_wanted(stop)
                    digest.add(piece)
                    yield piece
            if digest.size_bytes != member.stored.size_bytes or (member.sha256 and digest.sha256() != member.sha256):
                raise DamagedError(f"{member.stored.key} has been changed or damaged", "export another backup")
            yield bytes(-digest.size_bytes % tarfile.BLOCKSIZE)
        yield bytes(2 * tarfile.BLOCKSIZE)


def _header(name: str, stored: StoredObject) -> bytes:
    about = tarfile.TarInfo(name)
    about.size, about.mtime, about.mode = stored.size_bytes, int(stored.changed_at), _PRIVATE
    return about.tobuf(tarfile.PAX_FORMAT)


class _Pieces:
    """Pieces of any size as a reader."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = memoryview(b"")

    def read(self, size: int) -> bytes:
        """Up to `size` bytes; empty at the end alone."""
        while not self._rest:
            try:
                self._rest = memoryview(next(self._pieces))
            except StopIteration:
                return b""
        piece, self._rest = self._rest[:size], self._rest[size:]
        return bytes(piece)


class ReadableFile(io.RawIOBase):
    """A reader as the tar library wants a file to be."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def readable(self) -> bool:
        """It is."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Exactly `size` bytes, fewer at the end alone."""
        pieces, left = [], size
        while left and (piece := self._reader.read(left)):
            pieces.append(piece)
            left -= len(piece)
        return b"".join(pieces)
