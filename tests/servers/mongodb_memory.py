"""A server of ours that keeps collections in memory and speaks MongoDB's protocol, for what FerretDB lacks.

Every type of BSON as the bytes that came, views, validators, options and kinds of indexes, reads at a moment, a role. Each write
is a step of the log; a read at a moment sees what was there after that step. It lives in a thread of the tests.
"""

from __future__ import annotations

import contextlib
import socketserver
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import bson
from bson.raw_bson import RawBSONDocument
from bson.timestamp import Timestamp

from aishell_core.targets import Target, parse_location
from aishell_core.values import TargetId
from tests.servers.mongodb_wire_protocol import Request, reply_to

_HEADER, _MESSAGE = struct.Struct("<iiii"), 2013
_RAW: bson.CodecOptions[RawBSONDocument] = bson.CodecOptions(document_class=RawBSONDocument)
_BORN = 1_700_000_000
Document = Mapping[str, Any]


class _SaidError(Exception):
    """An error that the server gives."""

    def __init__(self, code: int, words: str) -> None:
        super().__init__(words)
        self.reply = {"ok": 0.0, "code": code, "codeName": "Error", "errmsg": words}


@dataclass
class Kept:
    """A collection or view: how it was made, its indexes, its documents with the steps at which they came and went."""

    kind: str
    options: dict[str, Any]
    indexes: list[Document] = field(default_factory=list)
    documents: list[tuple[bytes, int]] = field(default_factory=list)
    gone: dict[int, int] = field(default_factory=dict)

    def at(self, step: int) -> list[bytes]:
        """The documents after a step."""
        alive = (one for number, one in enumerate(self.documents) if one[1] <= step and self.gone.get(number, step + 1) > step)
        return [document for document, _ in alive]


class MemoryServer:
    """What the server keeps, and how it answers; `refused` gives errors by the name of a command."""

    def __init__(self, *, set_name: str, version: str) -> None:
        self.databases: dict[str, dict[str, Kept]] = {}
        self.set_name = set_name
        self.version = version
        self.step = 1
        self.port = 0
        self.refused: dict[str, tuple[int, str]] = {}
        self.hello: dict[str, Any] = {}
        self.privileges: list[Document] | None = None
        self.history = 1 << 60
        self.free_bytes = 1 << 40
        self.asked: list[Document] = []
        self.before: Callable[[Document], None] = lambda command: None
        self._cursors: dict[int, list[bytes]] = {}
        self._lock = threading.RLock()

    def target(self, database: str = "shop") -> Target:
        return Target(TargetId("set"), parse_location(f"mongodb://127.0.0.1:{self.port}/{database}"))

    def put(self, name: str, *documents: Document | bytes, database: str = "shop", kind: str = "collection", **options: Any) -> None:
        """Make a collection where there is none, and put documents into it."""
        with self._lock:
            kept = self.databases.setdefault(database, {}).setdefault(name, Kept(kind, options))
            for document in documents:
                self.step += 1
                kept.documents.append((document if isinstance(document, bytes) else bson.encode(document), self.step))

    def documents(self, name: str, database: str = "shop") -> list[bytes]:
        return self.databases[database][name].at(self.step)

    def answer(self, command: Document) -> Document:
        name = next(iter(command))
        self.before(command)
        with self._lock:
            self.asked.append(command)
            if name in self.refused:
                return _SaidError(*self.refused[name]).reply
            found = getattr(self, f"_{name}", None)
            if found is None:
                return _SaidError(59, f"no such command: '{name}'").reply
            try:
                return {**(found(command) or {}), "ok": 1.0}
            except _SaidError as error:
                return error.reply

    def _hello(self, _: Document) -> Document:
        in_set = {"setName": self.set_name, "hosts": [f"127.0.0.1:{self.port}"], "me": f"127.0.0.1:{self.port}"} if self.set_name else {}
        wire = {"4": 9, "5": 13, "7": 21, "8": 25}[self.version[0]]
        limits = {"maxBsonObjectSize": 16 << 20, "maxMessageSizeBytes": 48_000_000, "maxWriteBatchSize": 100_000}
        hello = {"isWritablePrimary": True, "minWireVersion": 0, "maxWireVersion": wire, "logicalSessionTimeoutMinutes": 30}
        return {**hello, **limits, "helloOk": True, "ismaster": True, "readOnly": False, **in_set, **self.hello}

    _ismaster = _hello

    def _buildInfo(self, _: Document) -> Document:  # noqa: N802
        return {"version": self.version}

    def _ping(self, _: Document) -> None: ...

    def _endSessions(self, _: Document) -> None: ...  # noqa: N802

    def _connectionStatus(self, _: Document) -> Document:  # noqa: N802
        if self.privileges is None:
            return {"authInfo": {"authenticatedUsers": [], "authenticatedUserPrivileges": []}}
        return {"authInfo": {"authenticatedUsers": [{"user": "u", "db": "admin"}], "authenticatedUserPrivileges": self.privileges}}

    def _replSetGetConfig(self, _: Document) -> Document:  # noqa: N802
        return {"config": {"settings": {"replicaSetId": bson.ObjectId(b"0123456789ab")}}}

    def _dbStats(self, command: Document) -> Document:  # noqa: N802
        found = self.databases.get(command["$db"], {}).values()
        size = sum(len(document) for one in found for document in one.at(self.step))
        return {"dataSize": float(size), "fsTotalSize": 1e6 + self.free_bytes, "fsUsedSize": 1e6}

    def _collStats(self, command: Document) -> Document:  # noqa: N802
        return {"size": sum(map(len, self._of(command, "collStats").at(self.step)))}

    def _count(self, command: Document) -> Document:
        return {"n": len(self._of(command, "count").at(self.step))}

    def _listDatabases(self, _: Document) -> Document:  # noqa: N802
        return {"databases": [{"name": name} for name, found in self.databases.items() if found]}

    def _listCollections(self, command: Document) -> Document:  # noqa: N802
        wanted = command.get("filter", {}).get("name")
        found = self.databases.get(command["$db"], {})
        listed = [bson.encode({"name": n, "type": k.kind, "options": k.options}) for n, k in found.items() if wanted in (None, n)]
        return self._cursor(command, "$cmd", listed)

    def _listIndexes(self, command: Document) -> Document:  # noqa: N802
        kept = self._of(command, "listIndexes")
        own = {"v": 2, "key": {"_id": 1}, "name": "_id_"}
        return self._cursor(command, command["listIndexes"], [bson.encode(one) for one in (own, *kept.indexes)])

    def _find(self, command: Document) -> Document:
        level, moment = command.get("readConcern", {}).get("level"), None
        if level == "snapshot":
            if not self.set_name:
                raise _SaidError(123, "node needs to be a replica set member to use readConcern: snapshot")
            moment = command["readConcern"].get("atClusterTime") or Timestamp(_BORN + self.step, 1)
            if moment.time < _BORN + self.step - self.history:
                raise _SaidError(239, "Read timestamp is older than the oldest available timestamp.")
        kept = self.databases.get(command["$db"], {}).get(command["find"])
        if kept is not None and kept.options.get("capped") and level and self.version < "8":
            raise _SaidError(246, "Reading from a capped collection with readConcern snapshot is not supported")
        found = kept.at(moment.time - _BORN if moment else self.step) if kept is not None else []
        reply = self._cursor(command, command["find"], found[:1] if command.get("limit") == 1 else found)
        if moment is not None:
            reply["cursor"]["atClusterTime"] = moment
        return reply

    def _getMore(self, command: Document) -> Document:  # noqa: N802
        rest = self._cursors.pop(int(command["getMore"]), None)
        if rest is None:
            raise _SaidError(43, "cursor id not found")
        reply = self._cursor({**command, "cursor": command}, command["collection"], rest)
        reply["cursor"]["nextBatch"] = reply["cursor"].pop("firstBatch")
        return reply

    def _killCursors(self, command: Document) -> None:  # noqa: N802
        for number in command["cursors"]:
            self._cursors.pop(int(number), None)

    def _cursor(self, command: Document, name: str, documents: list[bytes]) -> dict[str, Any]:
        size = int(command.get("batchSize") or command.get("cursor", {}).get("batchSize") or 101)
        first, rest, number = documents[:size], documents[size:], 0
        if rest:
            number = len(self.asked) + 1
            self._cursors[number] = rest
        batch = [RawBSONDocument(one) for one in first]
        return {"cursor": {"id": bson.Int64(number), "ns": f"{command['$db']}.{name}", "firstBatch": batch}}

    def _create(self, command: Document) -> None:
        database = self.databases.setdefault(command["$db"], {})
        options = {name: value for name, value in command.items() if name not in {"create", "$db", "lsid", "$readPreference", "maxTimeMS"}}
        if command["create"] in database:
            raise _SaidError(48, f"Collection {command['create']} already exists.")
        kind = "view" if "viewOn" in options else "timeseries" if "timeseries" in options else "collection"
        database[command["create"]] = Kept(kind, options)

    def _createIndexes(self, command: Document) -> None:  # noqa: N802
        kept = self._of(command, "createIndexes")
        kept.indexes += [{"v": 2, **index} for index in command["indexes"]]

    def _insert(self, command: Document) -> Document:
        kept = self.databases.setdefault(command["$db"], {}).setdefault(command["insert"], Kept("collection", {}))
        judged = "validator" in kept.options and not command.get("bypassDocumentValidation")
        errors = []
        for number, document in enumerate(command["documents"]):
            if judged and set(kept.options["validator"]) - set(document):
                errors.append({"index": number, "code": 121, "errmsg": "Document failed validation"})
                if command.get("ordered", True):
                    break
                continue
            self.step += 1
            kept.documents.append((bytes(document.raw), self.step))
        return {"n": len(command["documents"]) - len(errors), "writeErrors": errors} if errors else {"n": len(command["documents"])}

    def _drop(self, command: Document) -> None:
        self._of(command, "drop")
        del self.databases[command["$db"]][command["drop"]]

    def _dropDatabase(self, command: Document) -> None:  # noqa: N802
        self.databases.pop(command["$db"], None)

    def _renameCollection(self, command: Document) -> None:  # noqa: N802
        (old_database, _, old), (new_database, _, new) = command["renameCollection"].partition("."), command["to"].partition(".")
        kept = self.databases.get(old_database, {}).get(old)
        if kept is None:
            raise _SaidError(26, "Source collection does not exist")
        if kept.kind != "collection" or new in self.databases.get(new_database, {}):
            raise _SaidError(48 if kept.kind == "collection" else 166, "it cannot be renamed so")
        self.databases[new_database][new] = self.databases[old_database].pop(old)

    def _of(self, command: Document, name: str) -> Kept:
        kept = self.databases.get(command["$db"], {}).get(command[name])
        if kept is None:
            raise _SaidError(26, f"ns not found {command['$db']}.{command[name]}")
        return kept


class _Talk(socketserver.BaseRequestHandler):
    """One client."""

    def handle(self) -> None:
        memory: MemoryServer = self.server.memory  # type: ignore[attr-defined]
        with contextlib.suppress(OSError, EOFError), self.request.makefile("rb") as stream:
            while header := stream.read(_HEADER.size):
                length, number, _, opcode = _HEADER.unpack(header)
                command = _command(stream.read(length - _HEADER.size), opcode)
                self.request.sendall(reply_to(Request(number, opcode, command), memory.answer(command)))


def _command(body: bytes, opcode: int) -> dict[str, Any]:
    """A command, with documents that come beside it as their bytes."""
    if opcode != _MESSAGE:
        return dict(bson.decode(body[body.index(b"\0", 4) + 9 :]))
    command: dict[str, Any] = {}
    beside: dict[str, Any] = {}
    at = 4
    while at < len(body):
        (size,) = struct.unpack_from("<i", body, at + 1)
        part = body[at + 1 : at + 1 + size]
        if body[at] == 0:
            command = bson.decode(part)
        else:
            end = part.index(b"\0", 4)
            beside[part[4:end].decode()] = bson.decode_all(part[end + 1 :], _RAW)
        at += 1 + size
    return {**command, **beside}


class _Listener(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


@contextmanager
def memory_server(*, set_name: str = "rs0", version: str = "7.0.14") -> Iterator[MemoryServer]:
    """A server for as long as the block lasts, primary of a set unless that has no name."""
    memory = MemoryServer(set_name=set_name, version=version)
    with _Listener(("127.0.0.1", 0), _Talk) as listener:
        listener.memory = memory  # type: ignore[attr-defined]
        memory.port = listener.server_address[1]
        thread = threading.Thread(target=listener.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield memory
        finally:
            listener.shutdown()
            thread.join()


__all__ = ["MemoryServer", "memory_server"]
