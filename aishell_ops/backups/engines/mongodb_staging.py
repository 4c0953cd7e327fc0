"""Where a restored MongoDB database is prepared: collections of other names in the same database, which nobody sees as his own.

Within a database the server renames a collection at once; into another one it copies all of it, and some servers refuse that.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as LateError
from contextlib import suppress
from dataclasses import dataclass

from aishell_core.engines.mongodb_errors import MongoError
from aishell_core.engines.mongodb_held import LONGEST_SECONDS, HeldClient
from aishell_ops.backups.comparison import Difference
from aishell_ops.backups.engines.mongodb_contents import Collection, collection_of, defined
from aishell_ops.backups.engines.mongodb_export import Tally, proof_of
from aishell_ops.backups.engines.mongodb_journal import Journal
from aishell_ops.backups.errors import BackupError, DamagedError
from aishell_ops.backups.models import ObjectProof, ProofLevel
from aishell_ops.backups.streams.contract import Progress, Stop, Stride
from aishell_ops.backups.streams.stopping import expect_wanted

_PIECE_DOCUMENTS, _PIECE_BYTES = 1000, 8 << 20
_LOOK_SECONDS = 0.2
_NAMESPACE_NOT_FOUND, _INVALID_NAMESPACE = 26, 73


@dataclass(frozen=True, slots=True)
class Staged:
    """A collection or view that is being prepared under another name."""

    number: int
    name: str
    collection: Collection

    @property
    def final(self) -> str:
        """The name that it is to have."""
        return self.collection.name


class Staging:
    """Takes the collections of a backup, of `wanted` alone where they are named; used by one thread at a time."""

    def __init__(self, client: HeldClient, journal: Journal, wanted: Iterable[str], *, go_on: bool) -> None:
        self.client = client
        self.journal = journal
        self.staged: dict[str, Staged] = {}
        self.refused: list[Difference] = []
        self._database = journal.database
        self._wanted = frozenset(wanted)
        self._go_on = go_on

    def takes(self, name: str) -> bool:
        """Whether a collection is wanted."""
        return not self._wanted or name in self._wanted

    def collection(self, collection: Collection) -> None:
        """Make one like it under a name of our own; raises BackupError for what this server does not make."""
        if not self.takes(collection.name):
            return
        number = len(self.staged)
        one = Staged(number, self.journal.new_name(number), collection)
        self.journal.write({"_id": f"new {number}", "number": number, "name": collection.name, "view": collection.is_view})
        self.staged[collection.name] = one
        self._make(collection, one.name)

    def _make(self, collection: Collection, name: str) -> None:
        try:
            self.client.command(self._database, collection.creation(name))
        except MongoError as error:
            if error.lost:
                raise
            raise BackupError(f"{collection.kind} {collection.name} cannot be made here: {error.message}", error.hint) from error

    def filler(self, name: str, stop: Stop) -> Filler | None:
        """What puts documents into a collection; None for one that is not wanted."""
        if not self.takes(name):
            return None
        staged = self.staged.get(name)
        if staged is None:
            raise DamagedError(f"the backup has documents of {name}, and no definition of it", "restore another backup")
        return Filler(self, staged, stop)

    def insert(self, staged: Staged, documents: list[bytes]) -> None:
        """Put documents in; raises BackupError for the first that is refused, unless it shall go on."""
        put(self.client, self._database, staged.name, staged.collection, documents, self.refused if self._go_on else None)

    def index(self, progress: Progress, stop: Stop) -> None:
        """Build the indexes, each collection's at once; raises BackupError and MongoError."""
        for staged in self.staged.values():
            command = staged.collection.indexing(staged.name)
            if command is None:
                continue
            progress(Stride(staged.final, 0, 0))
            self._long(lambda command=command: self.client.command(self._database, command, LONGEST_SECONDS), staged, stop)  # type: ignore[misc]

    def _long(self, work: Callable[[], object], staged: Staged, stop: Stop) -> None:
        """Work that the server does for long; when it is not wanted any more, its collection is dropped, which ends it."""
        with ThreadPoolExecutor(1, "mongodb-index") as pool:
            running = pool.submit(work)
            while True:
                try:
                    running.result(_LOOK_SECONDS)
                    return
                except LateError:
                    if stop.is_set():
                        drop(self.client, self._database, staged.name)
                        with suppress(MongoError):
                            running.result()
                        expect_wanted(stop)
                except MongoError as error:
                    if error.lost:
                        raise
                    message = f"the indexes of {staged.final} cannot be built: {error.message}"
                    if not self._go_on:
                        raise BackupError(message, error.hint) from error
                    self.refused.append(Difference(staged.final, f"has not all of its indexes: {error.message}"))
                    return

    def proofs(self, level: ProofLevel, stop: Stop, *, defined_alike: bool) -> tuple[ObjectProof, ...]:
        """Counts and hashes of what is there now, read from the server."""
        return tuple(self._proof(one, level, stop, defined_alike) for one in sorted(self.staged.values(), key=lambda one: one.final))

    def _proof(self, staged: Staged, level: ProofLevel, stop: Stop, defined_alike: bool) -> ObjectProof:
        found = collection_of(self.client, self._database, staged.name)
        if found is None:
            raise BackupError(f"{staged.name} has gone while {staged.final} was restored into it", "look who drops collections there")
        tally = None
        if not found.is_view:
            tally = Tally()
            for document in self.client.read(self._database, staged.name):
                tally.add(document)
                expect_wanted(stop)
        own = defined(staged.final, found.kind, found.options, found.indexes)
        return proof_of(own, tally, level, defined=defined_alike)


class Filler:
    """Gathers documents and puts them into one collection."""

    def __init__(self, staging: Staging, staged: Staged, stop: Stop) -> None:
        self._staging = staging
        self._staged = staged
        self._stop = stop
        self._waiting: list[bytes] = []
        self._size = 0

    def add(self, document: bytes) -> None:
        """One more."""
        if self._waiting and self._size + len(document) > _PIECE_BYTES:
            self.flush()
        self._waiting.append(document)
        self._size += len(document)
        if len(self._waiting) >= _PIECE_DOCUMENTS:
            self.flush()

    def flush(self) -> None:
        """Put in what waits."""
        expect_wanted(self._stop)
        if self._waiting:
            self._staging.insert(self._staged, self._waiting)
        self._waiting, self._size = [], 0


def put(
    client: HeldClient, database: str, name: str, collection: Collection, documents: list[bytes], refused: list[Difference] | None = None
) -> None:
    """Put documents in; raises BackupError for the first that is refused, unless they are to be noted in `refused`."""
    unjudged = "validator" in collection.options
    found = client.insert(database, name, documents, unjudged=unjudged, go_on=refused is not None)
    if found and refused is None:
        raise BackupError(
            f"a document of {collection.name} is refused: {found[0].words}", "--continue-on-error restores what is not refused"
        )
    if refused is not None:
        refused += [Difference(collection.name, f"lacks a document that is refused: {one.words}") for one in found]


def drop(client: HeldClient, database: str, name: str) -> None:
    """Drop a collection or view, or do nothing where it is not there; raises MongoError."""
    try:
        client.command(database, {"drop": name}, LONGEST_SECONDS)
    except MongoError as error:
        if error.number != _NAMESPACE_NOT_FOUND:
            raise


def renamed(client: HeldClient, database: str, old: str, new: str) -> bool:
    """Give a collection another name; False where the server does not take one of the names, as FerretDB one with a dot."""
    try:
        client.command("admin", {"renameCollection": f"{database}.{old}", "to": f"{database}.{new}"})
    except MongoError as error:
        if error.number != _INVALID_NAMESPACE:
            raise
        return False
    return True


def copy(client: HeldClient, database: str, collection: Collection, old: str, new: str) -> None:
    """Make a collection like one, with its documents and indexes; raises MongoError and BackupError."""
    client.command(database, collection.creation(new))
    waiting: list[bytes] = []
    for document in client.read(database, old):
        waiting.append(document)
        if len(waiting) == _PIECE_DOCUMENTS:
            put(client, database, new, collection, waiting)
            waiting = []
    if waiting:
        put(client, database, new, collection, waiting)
    if indexing := collection.indexing(new):
        client.command(database, indexing, LONGEST_SECONDS)


def shift(client: HeldClient, database: str, old: str, new: str) -> None:
    """Give a collection another name, if need be by copying it; raises MongoError and BackupError."""
    if renamed(client, database, old, new):
        return
    collection = collection_of(client, database, old)
    if collection is not None:
        copy(client, database, collection, old, new)
        drop(client, database, old)


class Either:
    """Wants the work to end when one of two does."""

    def __init__(self, first: Stop, second: threading.Event) -> None:
        self._stops = (first, second)

    def is_set(self) -> bool:
        """Whether to end now."""
        return any(stop.is_set() for stop in self._stops)
