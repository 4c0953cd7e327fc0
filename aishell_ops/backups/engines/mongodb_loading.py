"""A MongoDB restore on its way: the parts of a backup go into its staging collections, whichever way it was made."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from aishell_core.engines.mongodb_exact_reading import document_of
from aishell_ops.backups.comparison import Difference
from aishell_ops.backups.engines.contract import LoadPlan
from aishell_ops.backups.engines.mongodb_archive import ArchiveReader
from aishell_ops.backups.engines.mongodb_contents import DEFINITIONS, Collection, definition_of
from aishell_ops.backups.engines.mongodb_publish import publish, put_in_order
from aishell_ops.backups.engines.mongodb_save_plan import DUMP
from aishell_ops.backups.engines.mongodb_staging import Either, Filler, Staging
from aishell_ops.backups.errors import DamagedError
from aishell_ops.backups.models import Manifest, ObjectProof, Part, ProofLevel
from aishell_ops.backups.sheet import plain_name
from aishell_ops.backups.streams.contract import PlainSink, Progress, Stop, Writer
from aishell_ops.backups.streams.nowhere import Nowhere
from aishell_ops.backups.streams.stopping import expect_wanted, in_thread

_LONGEST_LINE_BYTES = 128 << 20


class Loading:
    """Staging collections that take a backup."""

    def __init__(self, staging: Staging, manifest: Manifest, plan: LoadPlan, *, defined_alike: bool) -> None:
        self._staging = staging
        self._manifest = manifest
        self._plan = plan
        self._alike = defined_alike
        self._files: dict[str, str] = {}
        self._published = False

    def sink(self, part: Part) -> PlainSink:
        """What takes an archive, the definitions, or the documents of one collection."""
        if self._manifest.method == DUMP:
            return _ArchiveSink(self._staging)
        name = plain_name(part, self._manifest.compression)
        if name == DEFINITIONS:
            return _LineSink(partial(_Definitions, self._staging, self._files))
        collection = self._files.get(name)
        if collection is None:
            raise DamagedError(f"the backup's definitions say nothing of its part {name}", "restore another backup")
        if not self._staging.takes(collection):
            return Nowhere()
        return _LineSink(partial(_Documents, self._staging, collection))

    async def finish(self, progress: Progress, stop: Stop) -> None:
        """Build the indexes."""
        ended = threading.Event()
        await in_thread(ended, partial(self._staging.index, progress, Either(stop, ended)))

    @property
    def refused(self) -> tuple[Difference, ...]:
        """The documents and indexes that the server has refused."""
        return tuple(self._staging.refused)

    async def proofs(self, level: ProofLevel, stop: Stop) -> tuple[ObjectProof, ...]:
        """Counts and hashes of what the server has now."""
        ended = threading.Event()
        return await in_thread(ended, partial(self._staging.proofs, level, Either(stop, ended), defined_alike=self._alike))

    async def publish(self) -> None:
        """Put it in its place. Once begun it is carried out, also when somebody wants it to stop."""
        work = asyncio.ensure_future(asyncio.to_thread(publish, self._staging, self._plan.request.tables))
        try:
            await asyncio.shield(work)
        except asyncio.CancelledError:
            await asyncio.gather(work, return_exceptions=True)
            raise
        self._published = True

    def end(self) -> None:
        """Remove what was prepared and not published."""
        if not self._published:
            journal = self._staging.journal
            put_in_order(self._staging.client, journal, journal.read())


class _LineTaker:
    """Takes lines of extended JSON."""

    def line(self, line: bytes) -> None:
        """One line without its end; raises ValueError for one that is none."""
        raise NotImplementedError

    def end(self) -> None:
        """There are no more."""


class _Definitions(_LineTaker):
    """Makes the staging collections."""

    def __init__(self, staging: Staging, files: dict[str, str], stop: Stop) -> None:
        self._staging = staging
        self._files = files
        self._stop = stop

    def line(self, line: bytes) -> None:
        """One collection or view."""
        expect_wanted(self._stop)
        collection, file = definition_of(line)
        if file:
            self._files[file] = collection.name
        self._staging.collection(collection)


class _Documents(_LineTaker):
    """Fills one staging collection."""

    def __init__(self, staging: Staging, name: str, stop: Stop) -> None:
        self._filler = staging.filler(name, stop)

    def line(self, line: bytes) -> None:
        """One document."""
        if self._filler is not None:
            self._filler.add(document_of(line))

    def end(self) -> None:
        """Put in what waits."""
        if self._filler is not None:
            self._filler.flush()


_Begin = Callable[[Stop], _LineTaker]


class _LineSink:
    """Cuts a stream into lines."""

    def __init__(self, begin: _Begin) -> None:
        self._begin = begin

    @contextmanager
    def opened(self, stop: Stop) -> Iterator[Writer]:
        """Take them; raises DamagedError for what is no document, BackupError and MongoError."""
        lines = _Lines(self._begin(stop))
        yield lines
        lines.end()


class _Lines:
    """Hands the lines of a stream on."""

    def __init__(self, taker: _LineTaker) -> None:
        self._taker = taker
        self._pieces: list[bytes] = []
        self._waiting_bytes = 0

    def write(self, data: bytes | memoryview) -> None:
        """The next bytes."""
        piece = bytes(data)
        if b"\n" not in piece:
            self._pieces.append(piece)
            self._waiting_bytes += len(piece)
            if self._waiting_bytes > _LONGEST_LINE_BYTES:
                raise DamagedError("a line of the backup is longer than any document can be", "restore another backup")
            return
        *lines, rest = (b"".join(self._pieces) + piece).split(b"\n")
        self._pieces, self._waiting_bytes = [rest], len(rest)
        for line in lines:
            try:
                self._taker.line(line)
            except ValueError as error:
                raise DamagedError(f"a line of the backup is no document: {error}", "restore another backup") from error

    def end(self) -> None:
        """There is no more."""
        if any(self._pieces):
            raise DamagedError("the last line of a part has no end", "restore another backup")
        self._taker.end()


class _ArchiveSink:
    """Takes an archive of mongodump."""

    def __init__(self, staging: Staging) -> None:
        self._staging = staging

    @contextmanager
    def opened(self, stop: Stop) -> Iterator[Writer]:
        """Take it; raises BackupError for what is no whole archive, MongoError."""
        filling = _Filling(self._staging, stop)
        reading = ArchiveReader(filling)
        yield _Fed(reading)
        reading.finish()
        filling.end()


class _Filling:
    """Fills staging collections from an archive, in which the collections take turns."""

    def __init__(self, staging: Staging, stop: Stop) -> None:
        self._staging = staging
        self._stop = stop
        self._fillers: dict[str, Filler | None] = {}

    def collection(self, collection: Collection) -> None:
        """Make one."""
        self._staging.collection(collection)

    def document(self, name: str, document: bytes) -> None:
        """Fill one."""
        if name not in self._fillers:
            self._fillers[name] = self._staging.filler(name, self._stop)
        filler = self._fillers[name]
        if filler is not None:
            filler.add(document)

    def end(self) -> None:
        """Put in what waits."""
        for filler in self._fillers.values():
            if filler is not None:
                filler.flush()


class _Fed:
    """A writer that feeds a reader."""

    def __init__(self, reading: ArchiveReader) -> None:
        self._reading = reading

    def write(self, data: bytes | memoryview) -> None:
        """The next bytes."""
        self._reading.feed(data)
