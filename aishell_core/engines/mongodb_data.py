"""Data access for people and other rooms: documents, indexes and collections of a MongoDB, within limits.

Documents cross as relaxed extended JSON of plain dictionaries ({"_id": {"$oid": "…"}}), so that what was read can be
given back with its types. Every call has a limit of time that the server gets too (maxTimeMS), and of documents and
bytes where it brings any.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aishell_core.engines.mongodb_documents import extended, from_extended, size_of
from aishell_core.engines.mongodb_errors import MongoError
from aishell_core.engines.mongodb_running import affected_of, refuse_failed
from aishell_core.units import format_bytes
from aishell_core.values import FailureCode, Limits

if TYPE_CHECKING:
    from aishell_core.engines.mongodb_place import Place

Json = Mapping[str, Any]
"""A document, filter, update or stage in extended JSON."""

APPLICATION = "aishell data"
_MOST_CONNECTIONS = 2
_MOST_INSERTED = 1000
_WHOLE = Limits()


@dataclass(frozen=True, slots=True)
class Page:
    """Documents in extended JSON; `cut` names the limit that ended them early ("rows" or "bytes"), "" when all are there."""

    documents: tuple[Json, ...]
    cut: str = ""


@dataclass(frozen=True, slots=True)
class Index:
    """An index: its name, its fields in order with their direction or kind (1, -1, "text", …), and what it is told to do.

    `expire_after_seconds` makes documents go by themselves; `options` holds what has no field here, as the server
    names it (partialFilterExpression, collation, …).
    """

    name: str
    keys: tuple[tuple[str, str | int | float], ...]
    unique: bool = False
    sparse: bool = False
    hidden: bool = False
    expire_after_seconds: float | None = None
    options: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CollectionFound:
    """A collection of a database: its name, its kind (collection, view or timeseries) and its options."""

    name: str
    kind: str
    options: Json


@dataclass(frozen=True, slots=True)
class CollectionStatistics:
    """Figures of a collection ($collStats); None is what the server does not tell."""

    documents: int | None
    data_bytes: int | None
    storage_bytes: int | None
    index_bytes: int | None
    mean_document_bytes: float | None
    indexes: tuple[tuple[str, int], ...]


class MongoData:
    """Reads and changes data over a client of its own, which is made by the first call and lives until `close`.

    Every method raises MongoError: UNSUPPORTED for what the server does not take, PRIVILEGE, MISSING, TIMEOUT.
    """

    def __init__(self, place: Place) -> None:
        from aishell_core.engines.mongodb_connection import MongoConnection

        self._connection = MongoConnection(place, APPLICATION, _MOST_CONNECTIONS, primary=True)

    async def insert(self, database: str, collection: str, documents: Sequence[Json], limits: Limits = _WHOLE) -> int:
        """Insert documents in their order; gives how many are in. At the first that cannot be inserted it ends.

        At most as many documents and bytes as the limits allow are taken, for all or none of a call's are to be judged.
        """
        if len(documents) > limits.rows:
            raise MongoError(
                FailureCode.UNSUPPORTED, f"{len(documents)} documents are more than {limits.rows} at once", "insert them in parts"
            )
        whole = [_bson(each) for each in documents]
        size = sum(map(size_of, whole))
        if size > limits.bytes:
            message = f"documents of {format_bytes(size)} are more than {format_bytes(limits.bytes)} at once"
            raise MongoError(FailureCode.UNSUPPORTED, message, "insert them in parts, or with a higher limit of bytes")
        done = 0
        for start in range(0, len(whole), _MOST_INSERTED):
            part = whole[start : start + _MOST_INSERTED]
            done += await self._write(database, {"insert": collection, "documents": part, "ordered": True}, limits)
        return done

    async def find(
        self,
        database: str,
        collection: str,
        filter: Json | None = None,
        *,
        fields: Json | None = None,
        sort: Sequence[tuple[str, int]] = (),
        skip: int = 0,
        limits: Limits = _WHOLE,
    ) -> Page:
        """The documents that a filter matches; `fields` is a projection, `sort` names and directions (1, -1) in order."""
        command: dict[str, Any] = {"find": collection, "filter": _bson(filter or {}), "limit": limits.rows + 1}
        command |= {"projection": _bson(fields)} if fields else {}
        command |= {"sort": dict(sort)} if sort else {}
        command |= {"skip": skip} if skip else {}
        return await self._page(database, command, limits)

    async def aggregate(self, database: str, collection: str, pipeline: Sequence[Json], limits: Limits = _WHOLE) -> Page:
        """The documents that come out of a pipeline; one with $out or $merge writes, and brings none."""
        command = {"aggregate": collection, "pipeline": [_bson(stage) for stage in pipeline], "cursor": {}}
        return await self._page(database, command, limits)

    async def update(
        self,
        database: str,
        collection: str,
        filter: Json,
        change: Json | Sequence[Json],
        *,
        several: bool = False,
        insert_missing: bool = False,
        limits: Limits = _WHOLE,
    ) -> int:
        """Change the first document that a filter matches, or `several`; gives how many were changed or newly made.

        `change` is an update ({"$set": …}), a whole document in the old one's place, or a pipeline.
        """
        changed = [_bson(stage) for stage in change] if isinstance(change, Sequence) else _bson(change)
        one = {"q": _bson(filter), "u": changed, "multi": several, "upsert": insert_missing}
        return await self._write(database, {"update": collection, "updates": [one]}, limits)

    async def delete(self, database: str, collection: str, filter: Json, *, several: bool = False, limits: Limits = _WHOLE) -> int:
        """Delete the first document that a filter matches, or `several`; gives how many are gone."""
        one = {"q": _bson(filter), "limit": 0 if several else 1}
        return await self._write(database, {"delete": collection, "deletes": [one]}, limits)

    async def count(self, database: str, collection: str, filter: Json | None = None, limits: Limits = _WHOLE) -> int:
        """How many documents a filter matches; without one the server's own count, which costs nothing."""
        command: dict[str, Any] = {"count": collection, **({"query": _bson(filter)} if filter else {})}
        reply, _ = await self._connection.command(database, command, limits.seconds)
        return int(reply["n"])

    async def indexes(self, database: str, collection: str, limits: Limits = _WHOLE) -> tuple[Index, ...]:
        """The indexes of a collection."""
        found = await self._connection.documents(database, {"listIndexes": collection}, limits.seconds, limits.rows)
        return tuple(_index(document) for document in found.documents)

    async def create_index(self, database: str, collection: str, index: Index, limits: Limits = _WHOLE) -> str:
        """Make an index and wait until it is there; gives its name. One that is there already is left as it is."""
        if not index.keys:
            raise MongoError(FailureCode.UNSUPPORTED, "an index needs a field", 'give keys such as (("customer", 1),)')
        name = index.name or "_".join(f"{key}_{kind}" for key, kind in index.keys)
        wanted: dict[str, Any] = {**_bson(index.options), "key": dict(index.keys), "name": name}
        wanted |= {word: True for word in ("unique", "sparse", "hidden") if getattr(index, word)}
        if index.expire_after_seconds is not None:
            wanted["expireAfterSeconds"] = index.expire_after_seconds
        await self._connection.command(database, {"createIndexes": collection, "indexes": [wanted]}, limits.seconds)
        return name

    async def drop_index(self, database: str, collection: str, name: str, limits: Limits = _WHOLE) -> None:
        """Drop one index by its name; the name * that means all of them is refused."""
        if name in {"", "*"}:
            raise MongoError(FailureCode.UNSUPPORTED, "one index is dropped at a time", "give its name")
        await self._connection.command(database, {"dropIndexes": collection, "index": name}, limits.seconds)

    async def databases(self, limits: Limits = _WHOLE) -> tuple[tuple[str, int | None], ...]:
        """The databases that the user may see, with their size in bytes."""
        reply, _ = await self._connection.command("admin", {"listDatabases": 1, "authorizedDatabases": True}, limits.seconds)
        return tuple((str(each["name"]), _whole(each.get("sizeOnDisk"))) for each in reply["databases"])

    async def collections(self, database: str, limits: Limits = _WHOLE) -> tuple[CollectionFound, ...]:
        """The collections of a database."""
        found = await self._connection.documents(database, {"listCollections": 1}, limits.seconds, limits.rows)
        return tuple(
            CollectionFound(str(each["name"]), str(each.get("type", "collection")), extended(each.get("options") or {}))
            for each in found.documents
        )

    async def statistics(self, database: str, collection: str, limits: Limits = _WHOLE) -> CollectionStatistics:
        """Figures of a collection."""
        command = {"aggregate": collection, "pipeline": [{"$collStats": {"storageStats": {}}}], "cursor": {}}
        found = await self._connection.documents(database, command, limits.seconds, 1)
        storage = found.documents[0].get("storageStats", {}) if found.documents else {}
        sizes = storage.get("indexSizes") or {}
        return CollectionStatistics(
            _whole(storage.get("count")),
            _whole(storage.get("size")),
            _whole(storage.get("storageSize")),
            _whole(storage.get("totalIndexSize")),
            float(storage["avgObjSize"]) if isinstance(storage.get("avgObjSize"), int | float) else None,
            tuple((str(name), int(size)) for name, size in sizes.items()),
        )

    async def close(self) -> None:
        """Let go of the connections; may be called twice and raises nothing."""
        self._connection.close()

    async def _page(self, database: str, command: Mapping[str, Any], limits: Limits) -> Page:
        found = await self._connection.documents(database, command, limits.seconds, limits.rows, limits.bytes)
        return Page(tuple(extended(document) for document in found.documents), found.cut)

    async def _write(self, database: str, command: Mapping[str, Any], limits: Limits) -> int:
        reply, _ = await self._connection.command(database, command, limits.seconds)
        done = affected_of(next(iter(command)), reply) or 0
        refuse_failed(reply, done)
        return done


def _bson(value: Json) -> dict[str, Any]:
    """A document with BSON's types from extended JSON; raises MongoError for what is none."""
    try:
        return from_extended(value)
    except (TypeError, ValueError) as error:
        raise MongoError(FailureCode.UNSUPPORTED, f"this is no document: {error}", 'see "extended JSON" in the manual') from error


def _whole(number: object) -> int | None:
    return int(number) if isinstance(number, int | float) and not isinstance(number, bool) else None


_FIELDS = frozenset({"name", "key", "unique", "sparse", "hidden", "expireAfterSeconds", "v", "ns"})


def _index(document: Mapping[str, Any]) -> Index:
    shown = extended(document)
    expires = shown.get("expireAfterSeconds")
    return Index(
        str(shown.get("name", "")),
        tuple(shown.get("key", {}).items()),
        unique=shown.get("unique") is True,
        sparse=shown.get("sparse") is True,
        hidden=shown.get("hidden") is True,
        expire_after_seconds=float(expires) if isinstance(expires, int | float) else None,
        options={name: value for name, value in shown.items() if name not in _FIELDS},
    )
