"""The archive of mongodump, read while it flows: what it holds, and whether it is whole.

A number, then documents about the archive and each collection, then blocks: a document that names a collection, its
documents, and -1. The last block of a collection says so. https://github.com/mongodb/mongo-tools/blob/master/common/archive
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from aishell_core.engines.mongodb_documents import Document
from aishell_core.engines.mongodb_exact_reading import document_of
from aishell_core.engines.mongodb_held import fields_of
from aishell_ops.backups.engines.mongodb_contents import Collection, defined
from aishell_ops.backups.engines.mongodb_export import Ended, Tally, proof_of
from aishell_ops.backups.errors import BackupError
from aishell_ops.backups.models import ObjectProof, ProofLevel
from aishell_ops.backups.streams.contract import PlainSource, Reader, Stop

ARCHIVE = "database.archive"
_MAGIC = 0x8199E26D
_SIZE = struct.Struct("<i")
_END = -1
_LEAST_BYTES, _MOST_BYTES = 5, 64 << 20


class Takes(Protocol):
    """What takes the content of an archive."""

    def collection(self, collection: Collection) -> None:
        """A collection or view, before any document."""

    def document(self, name: str, document: bytes) -> None:
        """A document of a collection."""


class ArchiveReader:
    """Hands the content of an archive on as it comes in; raises BackupError for what is none."""

    def __init__(self, taker: Takes) -> None:
        self._taker = taker
        self._rest = b""
        self._begun = self._listed = self._told = False
        self._name: str | None = None
        self._ended = False
        self._open: set[str] = set()

    def feed(self, data: bytes | memoryview) -> None:
        """The next bytes of it."""
        content = self._rest + bytes(data)
        at = 0
        if not self._begun:
            if len(content) < _SIZE.size:
                self._rest = content
                return
            if int.from_bytes(content[:4], "little") != _MAGIC:
                raise BackupError("this is no archive of mongodump", "its first bytes are not those of one")
            self._begun, at = True, 4
        while len(content) - at >= _SIZE.size:
            (size,) = _SIZE.unpack_from(content, at)
            if size == _END:
                at += 4
                self._close()
            elif not _LEAST_BYTES <= size <= _MOST_BYTES:
                raise BackupError("the archive of mongodump is damaged", f"a document in it has {size} bytes")
            elif at + size > len(content):
                break
            else:
                self._take(content[at : at + size])
                at += size
        self._rest = content[at:]

    def finish(self) -> None:
        """There is no more; raises BackupError unless it is whole."""
        if self._rest or not self._listed or self._name is not None or self._open:
            words = f": {', '.join(sorted(self._open)[:5])} not to the end" if self._open else ""
            raise BackupError(f"the archive of mongodump ends too early{words}", "look at the server's log, and take the backup again")

    def _take(self, document: bytes) -> None:
        if self._listed and self._name is not None:
            self._taker.document(self._name, document)
            return
        try:
            header = fields_of(document)
            if self._listed:
                self._name, self._ended = str(header["collection"]), bool(header["EOF"])
            elif self._told:
                self._list(header)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            hint = f"what it says of a collection is not understood: {type(error).__name__}: {error}"
            raise BackupError("the archive of mongodump is damaged", hint) from error
        self._told = True
        if self._name is not None and self._name not in self._open:
            raise BackupError("the archive of mongodump is damaged", f"it has documents of {self._name}, of which it does not tell before")

    def _list(self, header: Document) -> None:
        name = str(header["collection"])
        metadata = fields_of(document_of(str(header["metadata"]) or "{}"))
        kind = str(header.get("type") or metadata.get("type") or "collection")
        self._taker.collection(defined(name, kind, metadata.get("options") or {}, metadata.get("indexes") or ()))
        if kind != "view":
            self._open.add(name)

    def _close(self) -> None:
        if not self._listed:
            self._listed = True
        elif self._name is not None:
            if self._ended:
                self._open.discard(self._name)
            self._name = None


class _Census:
    """Counts what an archive holds."""

    def __init__(self) -> None:
        self.collections: dict[str, Collection] = {}
        self.tallies: dict[str, Tally] = {}

    def collection(self, collection: Collection) -> None:
        """A collection or view."""
        self.collections[collection.name] = collection
        if not collection.is_view:
            self.tallies[collection.name] = Tally()

    def document(self, name: str, document: bytes) -> None:
        """A document of one."""
        self.tallies[name].add(document)


class ArchiveSource:
    """What mongodump gives, read along; when it has ended, the counts are those of the very bytes that were stored."""

    name = ARCHIVE

    def __init__(self, source: PlainSource) -> None:
        self.expected_bytes = source.expected_bytes
        self._source = source
        self._census = _Census()
        self._ended = Ended()

    @contextmanager
    def opened(self, stop: Stop) -> Iterator[Reader]:
        """Run it; raises BackupError when it failed, or when what it gave is no whole archive."""
        reading = ArchiveReader(self._census)
        with self._source.opened(stop) as reader:
            yield _Along(reader, reading)
        reading.finish()
        if not self._census.collections:
            raise BackupError("mongodump gave an archive with nothing in it", "may the user read this database, and is it there?")
        self._ended.set()

    async def proofs(self, level: ProofLevel) -> tuple[ObjectProof, ...]:
        """What was in it, when it has ended."""
        if level is ProofLevel.NONE:
            return ()
        await self._ended.wait()
        found = sorted(self._census.collections.items())
        return tuple(proof_of(one, self._census.tallies.get(name), level) for name, one in found)


class _Along:
    """A reader whose bytes another one sees, too."""

    def __init__(self, reader: Reader, reading: ArchiveReader) -> None:
        self._reader = reader
        self._reading = reading

    def read(self, size: int) -> bytes:
        """Up to `size` bytes; empty at the end alone."""
        piece = self._reader.read(size)
        self._reading.feed(piece)
        return piece
