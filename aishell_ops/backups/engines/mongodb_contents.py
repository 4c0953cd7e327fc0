"""What a MongoDB database holds: its collections and views with their options and indexes, as they are saved and made again."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from aishell_core.engines.mongodb_documents import Document
from aishell_core.engines.mongodb_errors import MongoError
from aishell_core.engines.mongodb_exact import line_of
from aishell_core.engines.mongodb_exact_reading import document_of
from aishell_core.engines.mongodb_held import HeldClient, bytes_of, fields_of
from aishell_core.errors import UsageError

SYSTEM = frozenset({"admin", "config", "local"})
"""Databases of the server's own."""
OURS = re.compile(r"aishell_(?:restore|new|old|late)_[0-9a-f]{8}(?:_\d+)?")
"""Collections that a restore needs while it runs."""
DEFINITIONS = "definitions.json"
_LISTED_SECONDS = 60.0
_NO_OPTIONS = frozenset({"temp", "autoIndexId", "flags"})
"""What old servers list among the options and newer ones do not take."""
_USUAL = ("v", 2)
"""The version of indexes that every server makes by itself, and that FerretDB cannot be told."""
_FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
_NOT_IN_FILE = re.compile(r"[^A-Za-z0-9_-]+")
_REASONS = (
    ("system.buckets.", "it is the inside of a time series, which is saved by its documents"),
    ("system.views", "views are saved by their definitions"),
    ("system.profile", "it is the profiler's own"),
    ("system.", "it is the server's own"),
)


@dataclass(frozen=True, slots=True)
class Collection:
    """A collection, time series or view as the server lists it; `indexes` without the one that every collection has."""

    name: str
    kind: str
    options: Document
    indexes: tuple[Document, ...] = ()

    @property
    def is_view(self) -> bool:
        """Whether it has no documents of its own."""
        return self.kind == "view"

    @property
    def is_series(self) -> bool:
        """Whether it is a time series, which cannot be renamed."""
        return self.kind == "timeseries"

    @property
    def is_capped(self) -> bool:
        """Whether it keeps the newest documents alone."""
        return self.options.get("capped") is True

    def creation(self, name: str = "") -> Document:
        """The command that makes it, or one like it of another name."""
        return {"create": name or self.name, **self.options}

    def indexing(self, name: str = "") -> Document | None:
        """The command that makes its indexes; None without any."""
        return {"createIndexes": name or self.name, "indexes": list(self.indexes)} if self.indexes else None

    def definition_hash(self) -> str:
        """What tells whether another one is defined alike, whatever its name."""
        indexes = sorted(line_of(bytes_of(index)) for index in self.indexes)
        parts = (self.kind.encode(), line_of(bytes_of(self.options)), *indexes)
        return hashlib.sha256(b"\n".join(parts)).hexdigest()


@dataclass(frozen=True, slots=True)
class Contents:
    """All that a database holds of people's own, by name, and what of the rest is there, with the reason to leave it out."""

    database: str
    collections: tuple[Collection, ...]
    skipped: tuple[tuple[str, str], ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of collections and views."""
        return tuple(one.name for one in self.collections)


def contents_of(client: HeldClient, database: str) -> Contents:
    """What is in a database, empty for one that is not there; raises MongoError."""
    found: list[Collection] = []
    skipped: list[tuple[str, str]] = []
    for listed in client.documents(database, {"listCollections": 1}):
        name = str(listed["name"])
        if reason := _reason(name):
            skipped.append((name, reason))
        else:
            found.append(_collection(client, database, name, listed))
    return Contents(database, tuple(sorted(found, key=lambda one: one.name)), tuple(sorted(skipped)))


def collection_of(client: HeldClient, database: str, name: str) -> Collection | None:
    """One collection or view of any name; None where it is not there. Raises MongoError."""
    for listed in client.documents(database, {"listCollections": 1, "filter": {"name": name}}):
        if listed["name"] == name:
            return _collection(client, database, name, listed)
    return None


def defined(name: str, kind: str, options: Document, indexes: Iterable[Document]) -> Collection:
    """A collection as it was listed, without what does not belong to its definition."""
    kept = {word: value for word, value in options.items() if word not in _NO_OPTIONS}
    own = tuple(
        {word: value for word, value in index.items() if word != "ns" and (word, value) != _USUAL}
        for index in indexes
        if index.get("name") != "_id_" and not index.get("clustered")
    )
    return Collection(name, kind, kept, own)


def _collection(client: HeldClient, database: str, name: str, listed: Document) -> Collection:
    kind = str(listed.get("type", "collection"))
    indexes = () if kind == "view" else client.documents(database, {"listIndexes": name})
    return defined(name, kind, listed.get("options") or {}, indexes)


def _reason(name: str) -> str:
    """Why a collection is left out; "" for one that is not."""
    if OURS.fullmatch(name):
        return "it was left by a restore that was interrupted; the next restore puts that in order"
    return next((reason for beginning, reason in _REASONS if name.startswith(beginning)), "")


def expect_database(client: HeldClient, database: str) -> Contents:
    """What is in a database that is there; raises UsageError naming the nearest, MongoError."""
    if not database:
        raise UsageError("no database is named", f"name one{_among(databases_of(client))}")
    if database in SYSTEM:
        raise UsageError(f"{database} is a database of the server's own", "save the databases of people")
    found = contents_of(client, database)
    if not found.collections:
        there = databases_of(client)
        near = get_close_matches(database, there, 1)
        raise UsageError(
            f"there is no database {database}, or nothing in it", f"did you mean {near[0]}?" if near else f"name another{_among(there)}"
        )
    return found


def databases_of(client: HeldClient) -> tuple[str, ...]:
    """The databases that this user may know of, those of the server's own left out; empty where it may ask for none."""
    try:
        reply = client.command("admin", {"listDatabases": 1, "nameOnly": True}, _LISTED_SECONDS)
    except MongoError:
        return ()
    return tuple(name for one in reply["databases"] if (name := str(one["name"])) not in SYSTEM)


def _among(names: Sequence[str]) -> str:
    return f": {', '.join(names[:20])}" if names else ""


def named(text: str, names: Sequence[str], database: str) -> str:
    """The collection that somebody means by `orders` or `shop.orders`; raises UsageError naming the nearest."""
    for name in names:
        if text in (name, f"{database}.{name}"):
            return name
    near = get_close_matches(text, [*names, *(f"{database}.{name}" for name in names)], 1)
    raise UsageError(
        f"there is no collection {text}", f"did you mean {near[0]}?" if near else f"there are {', '.join(names[:20]) or 'none'}"
    )


def files_of(collections: Sequence[Collection]) -> dict[str, str]:
    """The file of each collection that has documents: its own name as far as that can be one."""
    found: dict[str, str] = {}
    taken = {DEFINITIONS.lower()}
    for number, one in enumerate(one for one in collections if not one.is_view):
        file = f"{one.name}.json"
        if not _FILE.fullmatch(one.name) or file.lower() in taken:
            file = f"{number:04d}.{_NOT_IN_FILE.sub('_', one.name)[:60]}.json"
        taken.add(file.lower())
        found[one.name] = file
    return found


def definition_line(collection: Collection, file: str) -> bytes:
    """What the part of definitions says of a collection: how it is made, how its indexes are, in which file its documents are."""
    indexing = collection.indexing()
    line = {"kind": collection.kind, **({"file": file} if file else {}), "create": collection.creation()}
    return line_of(bytes_of({**line, "indexes": indexing} if indexing else line)) + b"\n"


def definition_of(line: bytes) -> tuple[Collection, str]:
    """A collection and its file from its line; raises ValueError for what is none."""
    fields = fields_of(document_of(line))
    try:
        options = dict(fields["create"])
        name = str(options.pop("create"))
        indexes = fields.get("indexes", {}).get("indexes", [])
        return Collection(name, str(fields["kind"]), options, tuple(indexes)), str(fields.get("file", ""))
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from error
