"""Collections and indexes with their sizes, uses and what is odd about them. Pure.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/collStats/ and …/indexStats/
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from aishell_core import catalogue
from aishell_core.engines.mongodb_documents import Document, json_text, seconds_of
from aishell_core.units import format_duration
from aishell_core.values import Relation, Sample
from collectors.mongodb.figures import at, number, part, text

_UNUSED_SECONDS = 86_400.0
"""An index counts as unused when the server has counted for so long without a use."""

_BUSIEST = 10
_TTL = "expireAfterSeconds"


@dataclass(frozen=True, slots=True)
class Looked:
    """What was read of one collection: its place, $collStats, listIndexes and $indexStats (None where refused)."""

    database: str
    name: str
    kind: str
    statistics: Document
    indexes: tuple[Document, ...]
    uses: tuple[Document, ...] | None

    @property
    def namespace(self) -> str:
        """Database and collection."""
        return f"{self.database}.{self.name}"


def relations_of(looked: Looked, top: Document, now: float) -> tuple[Relation, ...]:
    """A collection and its indexes; `top` is what the command of this name tells of it."""
    if looked.kind == "view":
        return (Relation(looked.name, "view", schema=looked.database),)
    uses = {text(each, "name"): each for each in looked.uses or ()}
    indexes = tuple(_index(looked, each, uses, now) for each in looked.indexes)
    return (_collection(looked, top), *indexes)


def _collection(looked: Looked, top: Document) -> Relation:
    storage = part(looked.statistics, "storageStats")
    details = (
        ("data", _bytes(number(storage, "size"))),
        ("mean document", _bytes(number(storage, "avgObjSize"))),
        ("capped", "yes" if at(storage, "capped") is True else ""),
        ("reads", _times(top, "readLock")),
        ("writes", _times(top, "writeLock")),
        ("index builds", ", ".join(str(each) for each in builds) if isinstance(builds := at(storage, "indexBuilds"), list) else ""),
    )
    return Relation(
        looked.name,
        "timeseries" if looked.kind == "timeseries" else "collection",
        size_bytes=number(storage, "storageSize"),
        rows=number(storage, "count"),
        free_bytes=number(storage, "freeStorageSize"),
        details=tuple(each for each in details if each[1]),
        schema=looked.database,
        index_bytes=number(storage, "totalIndexSize"),
    )


def _bytes(size: float | None) -> str:
    return "" if size is None else f"{size:.0f} bytes"


def _times(top: Document, lock: str) -> str:
    count, micros = number(top, lock, "count"), number(top, lock, "time")
    return "" if count is None or micros is None else f"{count:.0f} in {format_duration(micros / 1e6)}"


def _index(looked: Looked, index: Document, uses: Mapping[str, Document], now: float) -> Relation:
    name, key = text(index, "name"), part(index, "key")
    use = uses.get(name, {})
    options = [word for word in ("unique", "sparse", "hidden") if at(index, word) is True]
    expires = number(index, _TTL)
    details = (
        ("key", json_text(key)),
        ("options", ", ".join(options)),
        ("documents expire", f"after {format_duration(expires)}" if expires is not None else ""),
        ("partial", json_text(filter_) if (filter_ := part(index, "partialFilterExpression")) else ""),
    )
    return Relation(
        name,
        "index",
        table=looked.name,
        size_bytes=number(looked.statistics, "storageStats", "indexSizes", name),
        details=tuple(each for each in details if each[1]),
        schema=looked.database,
        scans=number(use, "accesses", "ops"),
        remarks=tuple(_remarks(looked, index, use, now)),
    )


def _remarks(looked: Looked, index: Document, use: Document, now: float) -> Iterable[str]:
    name, key = text(index, "name"), list(part(index, "key").items())
    needed = name == "_id_" or at(index, "unique") is True or at(index, _TTL) is not None
    if at(use, "building") is True:
        yield "is being built"
        return
    counted = seconds_of(at(use, "accesses", "since"))
    if not needed and number(use, "accesses", "ops") == 0.0 and counted is not None and now - counted >= _UNUSED_SECONDS:
        yield f"unused for {format_duration(now - counted)}"
    if at(index, "hidden") is True:
        yield "hidden from the planner"
    if not needed:
        longer = next((text(each, "name") for each in looked.indexes if _covers(each, index, key)), "")
        if longer:
            yield f"beginning of {longer}"


def _covers(other: Document, index: Document, key: list[tuple[str, object]]) -> bool:
    """Whether another index begins with the same fields, so that this one is of no further use."""
    theirs = list(part(other, "key").items())
    plain = not any(at(each, word) for each in (other, index) for word in ("sparse", "partialFilterExpression", "collation", "hidden"))
    return plain and other is not index and len(theirs) > len(key) and theirs[: len(key)] == key


def top_samples(totals: Document) -> tuple[Sample, ...]:
    """Time spent in the busiest collections, as the command `top` counts it since the server's start."""
    found = []
    for namespace, each in totals.items():
        if isinstance(each, Mapping):
            read, write = number(each, "readLock", "time"), number(each, "writeLock", "time")
            if read is not None and write is not None:
                found.append((read + write, namespace, read, write))
    samples: list[Sample] = []
    for _, namespace, read, write in sorted(found, reverse=True)[:_BUSIEST]:
        labels = (("collection", namespace),)
        samples.append(Sample(catalogue.MONGO_COLLECTION_READ_TIME, read / 1000, labels))
        samples.append(Sample(catalogue.MONGO_COLLECTION_WRITE_TIME, write / 1000, labels))
    return tuple(samples)
