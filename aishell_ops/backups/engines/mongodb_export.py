"""The documents of a MongoDB database as streams of lines of extended JSON, counted and hashed while they are read."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from aishell_core.engines.mongodb_exact import line_of
from aishell_core.engines.mongodb_held import HeldClient, Moment
from aishell_ops.backups.engines.mongodb_contents import DEFINITIONS, Collection, definition_line
from aishell_ops.backups.errors import BackupError
from aishell_ops.backups.models import ObjectProof, ProofLevel
from aishell_ops.backups.streams.contract import Reader, Stop
from aishell_ops.backups.streams.stopping import expect_wanted

_PIECE_BYTES = 256 << 10
_WRAP = 1 << 256
Look = Callable[[bytes], None]
"""What sees a document as it passes."""


class Tally:
    """The count of some documents, their bytes, and a hash of them that does not depend on their order."""

    def __init__(self) -> None:
        self.count = 0
        self.bytes = 0
        self._sum = 0

    def add(self, document: bytes) -> None:
        """One more."""
        self.count += 1
        self.bytes += len(document)
        self._sum += int.from_bytes(hashlib.sha256(document).digest(), "big")

    @property
    def content_hash(self) -> str:
        """The sum of all hashes, as 64 hexadecimal digits."""
        return f"{self._sum % _WRAP:064x}"


def proof_of(collection: Collection, tally: Tally | None, level: ProofLevel, *, defined: bool = True) -> ObjectProof:
    """What is known of a collection; a view has a definition alone, and a time series gives its documents in no certain form."""
    definition = collection.definition_hash() if defined else None
    if tally is None or level is ProofLevel.NONE:
        return ObjectProof(collection.name, definition_hash=definition)
    hashed = level is ProofLevel.FULL and not collection.is_series
    return ObjectProof(collection.name, tally.count, tally.content_hash if hashed else None, definition, tally.bytes)


class Ended:
    """Tells the event loop that a thread has come to its end."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._event = asyncio.Event()

    def set(self) -> None:
        """It has; called from a thread."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._event.set)

    async def wait(self) -> None:
        """Wait for it; who waits in vain is cancelled."""
        await self._event.wait()


class Counts:
    """What the streams have counted, to be waited for by whoever proves."""

    def __init__(self, collections: Sequence[Collection]) -> None:
        self._collections = tuple(collections)
        self._tallies: dict[str, Tally] = {}
        self._ended = Ended()

    def note(self, name: str, tally: Tally) -> None:
        """A collection has been read to its end; called from a thread."""
        self._tallies[name] = tally
        if all(one.is_view or one.name in self._tallies for one in self._collections):
            self._ended.set()

    async def proofs(self, level: ProofLevel) -> tuple[ObjectProof, ...]:
        """What was counted, when all has been read; cancelled where that does not come."""
        if level is ProofLevel.NONE:
            return ()
        if any(not one.is_view for one in self._collections):
            await self._ended.wait()
        return tuple(proof_of(one, self._tallies.get(one.name), level) for one in self._collections)


class DefinitionsSource:
    """How everything is made, one collection or view a line."""

    name = DEFINITIONS

    def __init__(self, collections: Sequence[Collection], files: dict[str, str]) -> None:
        self._content = b"".join(definition_line(one, files.get(one.name, "")) for one in collections)

    @property
    def expected_bytes(self) -> int | None:
        """Its size."""
        return len(self._content)

    @contextmanager
    def opened(self, stop: Stop) -> Iterator[Reader]:
        """Give it."""
        yield _Pieces(iter((self._content,)), stop)


class CollectionSource:
    """The documents of one collection, one a line, at a moment or as they come; `look` is shown each, and makes the lines plain."""

    expected_bytes: int | None = None

    def __init__(
        self,
        client: HeldClient,
        database: str,
        collection: Collection,
        file: str,
        moment: Moment | None,
        counts: Counts,
        look: Look | None = None,
    ) -> None:
        self.name = file
        self._client = client
        self._database = database
        self._collection = collection
        self._moment = moment
        self._counts = counts
        self._look = look

    @contextmanager
    def opened(self, stop: Stop) -> Iterator[Reader]:
        """Read it; raises MongoError, and BackupError for a collection that was not read to its end."""
        tally = Tally()
        documents = self._client.read(self._database, self._collection.name, self._moment)
        reader = _Pieces(_lines(documents, tally, self._look), stop)
        try:
            yield reader
        finally:
            # What was begun and is not wanted any more is closed in the server, too.
            documents.close()  # type: ignore[attr-defined]
        if not reader.ended:
            raise BackupError(f"{self._collection.name} was not read to its end", "take the backup again")
        self._counts.note(self._collection.name, tally)


def _lines(documents: Iterator[bytes], tally: Tally, look: Look | None) -> Iterator[bytes]:
    """The lines of documents, gathered into pieces."""
    gathered: list[bytes] = []
    size = 0
    for document in documents:
        tally.add(document)
        if look is not None:
            look(document)
        line = line_of(document, plain=look is not None)
        gathered += (line, b"\n")
        size += len(line) + 1
        if size >= _PIECE_BYTES:
            yield b"".join(gathered)
            gathered, size = [], 0
    if gathered:
        yield b"".join(gathered)


class _Pieces:
    """Reads pieces, and looks up before each whether somebody wants it to end."""

    def __init__(self, pieces: Iterator[bytes], stop: Stop) -> None:
        self.ended = False
        self._pieces = pieces
        self._rest = memoryview(b"")
        self._stop = stop

    def read(self, size: int) -> bytes:
        """Up to `size` bytes; empty at the end alone."""
        expect_wanted(self._stop)
        if not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                self.ended = True
                return b""
            self._rest = memoryview(piece)
        given, self._rest = self._rest[:size], self._rest[size:]
        return bytes(given)
