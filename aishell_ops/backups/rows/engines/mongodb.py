"""Rows as documents of MongoDB: into hidden collections of the same database, read back, and renamed as any restore does it.

Its own documents are saved by `engines/mongodb`, which tells of them as rows.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TypeVar

from aishell_core.engines import mongodb_elements as elements
from aishell_core.engines.mongodb_errors import MongoError
from aishell_core.engines.mongodb_held import LONGEST_SECONDS, HeldClient, held_client
from aishell_core.errors import UsageError
from aishell_core.targets import Target
from aishell_ops.backups.engines.mongodb import MongodbBackups
from aishell_ops.backups.engines.mongodb_contents import Collection, contents_of
from aishell_ops.backups.engines.mongodb_journal import Journal, new_token
from aishell_ops.backups.engines.mongodb_load_plan import free_bytes_of, loss_of, obstacles_of
from aishell_ops.backups.engines.mongodb_publish import begin, publish, put_in_order
from aishell_ops.backups.engines.mongodb_staging import Staging as Collections
from aishell_ops.backups.errors import BackupError
from aishell_ops.backups.models import Manifest
from aishell_ops.backups.rows.contract import Place, Placed, PlacedColumn
from aishell_ops.backups.rows.engines.mongodb_profile import FAMILY, IDENTIFIER
from aishell_ops.backups.rows.engines.mongodb_types import shape_of
from aishell_ops.backups.rows.fidelity import Shape
from aishell_ops.backups.rows.model import Cell, Column, Kind, Raw, Row, Table
from aishell_ops.backups.rows.names import NameRules
from aishell_ops.backups.streams.stopping import in_thread

T = TypeVar("T")
_ROLE = "readWrite"
_LONGEST_NAME = 190
"""The name of a collection with that of its database takes 255 bytes at most."""
_KEY_INDEX = "primary_key"
_PLAIN = "ferretdb 1"
_PIECE_ROWS = 500
_PIECE_BYTES = 1 << 20
_KEYLESS = frozenset({Kind.ARRAY, Kind.JSON, Kind.ANY})


class MongodbCollections:
    """Takes rows as documents; with `plain` of the types that every server holds."""

    rules = NameRules(_LONGEST_NAME, counts_bytes=True, forbidden=".$", key_name=IDENTIFIER)

    def __init__(self, *, plain: bool = False) -> None:
        self._plain = plain

    def at(self, place: Place) -> MongodbCollections:
        """The same for a server that holds the usual types alone."""
        return MongodbCollections(plain=place.family == _PLAIN)

    def shape(self, table: Table, column: Column, *, same: bool) -> Shape:
        """How a column is kept."""
        return shape_of(column, plain=self._plain)

    def keeps_key(self, columns: Sequence[PlacedColumn]) -> str:
        """A key of one column that is called _id is that; any other is a unique index, which takes each item of an array for itself."""
        odd = [column.shape.type for column in columns if column.column.kind in _KEYLESS]
        return f"a key does not hold {odd[0]}" if odd else ""

    def place_of(self, tables: Sequence[Table]) -> tuple[tuple[str, str], ...]:
        """There are no schemas: those of others but the usual one are put before the name."""
        return tuple(("", table.name if table.schema in ("", "public") else f"{table.schema}_{table.name}") for table in tables)

    async def survey(self, target: Target, database: str, tables: Sequence[tuple[str, str]]) -> Place:
        """What is in the database where they would go; raises UsageError for a name that none can have, MongoError."""
        name = database or target.location.database
        if not name:
            raise UsageError("no database is named", f"--target does that, or the URL of {target.name}")
        return await _with_client(target, partial(_survey, name=name, names=[each for _, each in tables]))

    @asynccontextmanager
    async def staging(self, target: Target, place: Place, tables: Sequence[Placed]) -> AsyncIterator[_Staging]:
        """Hidden collections; they are dropped unless they were published. Raises BusyError while another restore goes on."""
        with held_client(target, _ROLE, primary=True) as client:
            journal = Journal(client, place.database, new_token())
            try:
                await asyncio.to_thread(begin, client, journal, f"restoring {len(tables)} tables")
                staging = _Staging(Collections(client, journal, (), go_on=False))
                try:
                    await asyncio.to_thread(staging.begin, tables)
                    yield staging
                except BaseException:
                    # A server that is gone keeps what was prepared; the next restore removes it.
                    with suppress(MongoError):
                        await asyncio.shield(asyncio.to_thread(staging.end))
                    raise
                await asyncio.shield(asyncio.to_thread(staging.end))
            finally:
                journal.leave()

    @asynccontextmanager
    async def scratch(self, target: Target, manifest: Manifest) -> AsyncIterator[Target]:
        """A database of the same server that is not there yet, and is dropped when the block ends."""
        async with MongodbBackups().scratch(target, manifest) as place:
            yield place


async def _with_client(target: Target, work: Callable[[HeldClient], T]) -> T:
    """Do something with a client in a thread."""

    def run() -> T:
        with held_client(target, _ROLE, primary=True) as client:
            return work(client)

    return await in_thread(threading.Event(), run)


def _survey(client: HeldClient, name: str, names: Sequence[str]) -> Place:
    now = contents_of(client, name)
    wanted = [one for one in now.collections if one.name in names]
    obstacles = obstacles_of(client, name, now)
    obstacles += [f"{one.name} is a time series, which the server cannot rename: drop it first" for one in wanted if one.is_series]
    obstacles += [f"{one.name} is there already, and is a view" for one in wanted if one.is_view]
    existing = tuple((one.name, loss_of(client, name, one.name)) for one in wanted if not one.is_view)
    return Place(name, bool(now.collections), _family(client), existing, tuple(obstacles), free_bytes=free_bytes_of(client, name))


def _family(client: HeldClient) -> str:
    """Which types this server holds: FerretDB before version 2, which tells its version in a field of its own, holds the usual ones."""
    return _PLAIN if "ferretdbVersion" in client.command("admin", {"buildInfo": 1}) else FAMILY


class _Staging:
    """Hidden collections."""

    def __init__(self, collections: Collections) -> None:
        self._collections = collections
        self._names: dict[str, tuple[bytes, ...]] = {}
        self._published = False

    def begin(self, tables: Sequence[Placed]) -> None:
        """Make them."""
        for placed in tables:
            self._names[placed.name] = tuple(column.name.encode() for column in placed.columns)
            self._collections.collection(Collection(placed.name, "collection", {}, _indexes(placed)))

    async def load(self, placed: Placed, rows: Sequence[Sequence[Raw]]) -> None:
        """Take rows, whose values are elements already."""
        await asyncio.to_thread(self._insert, placed, rows)

    def _insert(self, placed: Placed, rows: Sequence[Sequence[Raw]]) -> None:
        names, staged = self._names[placed.name], self._collections.staged[placed.name]
        waiting: list[bytes] = []
        size = 0
        for row in rows:
            document = elements.document_from(
                (name, elements.NO_VALUE if value is None else value) for name, value in zip(names, row, strict=True)
            )
            if len(document) > elements.MOST_BYTES:
                raise BackupError(
                    f"a row of {placed.table.label} is {len(document)} bytes as a document, which holds {elements.MOST_BYTES}",
                    "restore the other tables by --tables",
                )
            if waiting and (size + len(document) > _PIECE_BYTES or len(waiting) == _PIECE_ROWS):
                self._collections.insert(staged, waiting)
                waiting, size = [], 0
            waiting.append(document)
            size += len(document)
        if waiting:
            self._collections.insert(staged, waiting)

    async def finish(self, placed: Placed) -> None:
        """Build the index of the primary key; raises BackupError for values that are not different here."""
        staged = self._collections.staged[placed.name]
        if command := staged.collection.indexing(staged.name):
            client, database = self._collections.client, self._collections.journal.database
            try:
                await asyncio.to_thread(client.command, database, command, LONGEST_SECONDS)
            except MongoError as error:
                raise BackupError(f"the primary key of {placed.label} cannot be built: {error.message}", error.hint) from error

    async def rows(self, placed: Placed) -> AsyncIterator[Sequence[Row]]:
        """All rows of a table as its source would have them."""
        staged = self._collections.staged[placed.name]
        documents = self._collections.client.read(self._collections.journal.database, staged.name)
        places = {name: place for place, name in enumerate(self._names[placed.name])}
        reads = [column.shape.read for column in placed.columns]

        def some() -> list[Row]:
            found: list[Row] = []
            size = 0
            for document in documents:
                found.append(_row(document, places, reads))
                size += len(document)
                if len(found) == _PIECE_ROWS or size > _PIECE_BYTES:
                    break
            return found

        while piece := await asyncio.to_thread(some):
            yield piece

    async def publish(self, placed: Sequence[Placed]) -> None:
        """Put all in their places. Once begun it is carried out, also when somebody wants it to stop."""
        work = asyncio.ensure_future(asyncio.to_thread(publish, self._collections, tuple(each.name for each in placed)))
        try:
            await asyncio.shield(work)
        except asyncio.CancelledError:
            await asyncio.gather(work, return_exceptions=True)
            raise
        self._published = True

    def end(self) -> None:
        """Remove what was prepared and not published."""
        if not self._published:
            journal = self._collections.journal
            put_in_order(self._collections.client, journal, journal.read())


def _indexes(placed: Placed) -> tuple[dict[str, object], ...]:
    """The index that keeps a primary key; none where _id is the key."""
    if not placed.key or placed.key == (IDENTIFIER,):
        return ()
    return ({"key": dict.fromkeys(placed.key, 1), "name": _KEY_INDEX, "unique": True},)


def _row(document: bytes, places: dict[bytes, int], reads: Sequence[Callable[[Raw], Raw]]) -> Row:
    cells: list[Cell] = [None] * len(reads)
    for name, element in elements.elements_of(document):
        place = places.get(name)
        if place is not None and element[0] != elements.NULL:
            cells[place] = reads[place](element)
    return tuple(cells)
