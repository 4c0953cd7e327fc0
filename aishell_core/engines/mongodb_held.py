"""A client for long work on a MongoDB server: collections read at one moment, documents put in as their bytes.

Unlike everything that watches, it has no deadline for the whole, and it is used from threads: PyMongo's own client, not Motor.
Nothing opens it by itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import bson
import pymongo
from bson.raw_bson import RawBSONDocument
from bson.timestamp import Timestamp
from pymongo import MongoClient
from pymongo.errors import AutoReconnect, ConfigurationError, OperationFailure, PyMongoError, ServerSelectionTimeoutError
from pymongo.read_preferences import ReadPreference

from aishell_core.engines.mongodb_documents import CODEC, RAW_CODEC, Document
from aishell_core.engines.mongodb_errors import MongoError, grant, lost, told, unreachable
from aishell_core.engines.mongodb_place import Place, find_place
from aishell_core.targets import Target
from aishell_core.values import FailureCode

APPLICATION = "aishell backup"
_MOST_CONNECTIONS = 3
_FIND_SECONDS = 10.0
_ASK_SECONDS = 60.0
_PIECE_SECONDS = 120.0
"""How long one piece of a collection may take, read or written; a server that gives nothing for so long hangs."""
LONGEST_SECONDS = 14 * 86_400.0
_PIECE_DOCUMENTS = 1000
_UNAUTHORIZED, _NOT_IMPLEMENTED, _TOO_OLD = 13, 238, 239
_TAG = "aishell"


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment in the log of a replica set or cluster: seconds since 1970, and the number within the second."""

    seconds: int
    count: int

    def __str__(self) -> str:
        return f"{self.seconds}:{self.count}"


@dataclass(frozen=True, slots=True)
class Refused:
    """A document that the server has not taken, by its place among those that were sent, in the server's words."""

    place: int
    words: str


class HeldClient:
    """Asks and changes one server or set from threads; every error that leaves it is a MongoError.

    A right that is missing is told with the command that grants `role` on the database in question.
    """

    def __init__(self, place: Place, role: str, *, primary: bool) -> None:
        self.place = place
        self._role = role
        self._keeps_cursors = True
        scheme = "mongodb+srv" if place.srv else "mongodb"
        options: dict[str, Any] = {"tls": False, **place.options, **place.login}
        with self._border(""):
            self._client: Any = MongoClient(
                f"{scheme}://{','.join(place.servers)}/",
                **options,
                appname=APPLICATION,
                maxPoolSize=_MOST_CONNECTIONS,
                connectTimeoutMS=5_000,
                serverSelectionTimeoutMS=int(_FIND_SECONDS * 1000),
                socketTimeoutMS=int(_PIECE_SECONDS * 1000),
                serverMonitoringMode="poll",
                retryReads=False,
                retryWrites=False,
            )
        self._member = ReadPreference.PRIMARY if primary else self._client.read_preference

    def hello(self) -> Document:
        """What the server says of itself."""
        return self.command("admin", {"hello": 1})

    def command(self, database: str, command: Mapping[str, Any], seconds: float = _ASK_SECONDS) -> Document:
        """The reply to a command, which the server gives up at the deadline too."""
        with self._border(database), pymongo.timeout(seconds):
            found = self._client.get_database(database, codec_options=CODEC).command(
                _tagged(command), read_preference=self._member, codec_options=CODEC
            )
        return dict(found)

    def documents(self, database: str, command: Mapping[str, Any]) -> tuple[Document, ...]:
        """All documents of a command that gives a cursor over few, such as the collections of a database."""
        with self._border(database):
            place = self._client.get_database(database, codec_options=CODEC)
            with place.cursor_command(_tagged(command), read_preference=self._member, codec_options=CODEC) as cursor:
                return tuple(cursor)

    def moment(self, database: str, collection: str) -> Moment | None:
        """A moment at which all collections can be read; None where the server takes the question and knows no such moments."""
        asked = {"find": collection, "filter": {}, "limit": 1, "singleBatch": True, "readConcern": {"level": "snapshot"}}
        found = self.command(database, asked).get("cursor", {}).get("atClusterTime")
        return Moment(found.time, found.inc) if isinstance(found, Timestamp) else None

    def read(self, database: str, collection: str, moment: Moment | None = None) -> Iterator[bytes]:
        """The documents of a collection in the order in which they lie, as their bytes, at a moment or as they come."""
        command: dict[str, Any] = {"find": collection, "filter": {}, "batchSize": _PIECE_DOCUMENTS}
        if moment is not None:
            command["readConcern"] = {"level": "snapshot", "atClusterTime": Timestamp(moment.seconds, moment.count)}
        with self._border(database):
            cursor = self._cursor(database, command)
            try:
                cursor.batch_size(_PIECE_DOCUMENTS)
                for document in cursor:
                    yield document.raw
            finally:
                cursor.close()

    def _cursor(self, database: str, command: Mapping[str, Any]) -> Any:  # noqa: ANN401  (the driver has no types here)
        """A cursor that the server does not close while the storage makes us wait, where it knows such ones."""
        place = self._client.get_database(database, codec_options=RAW_CODEC)
        if self._keeps_cursors:
            try:
                return place.cursor_command(
                    _tagged({**command, "noCursorTimeout": True}), read_preference=self._member, codec_options=RAW_CODEC
                )
            except OperationFailure as error:
                if error.code != _NOT_IMPLEMENTED:
                    raise
                self._keeps_cursors = False
        return place.cursor_command(_tagged(command), read_preference=self._member, codec_options=RAW_CODEC)

    def insert(self, database: str, collection: str, documents: Sequence[bytes], *, unjudged: bool, go_on: bool) -> tuple[Refused, ...]:
        """Put documents in, in their order; gives those that were refused, the first alone unless it shall `go_on`.

        With `unjudged` they need not pass what the collection validates, as those that were there before its rule.
        """
        command: dict[str, Any] = {"insert": collection, "documents": [RawBSONDocument(one) for one in documents], "ordered": not go_on}
        if unjudged:
            command["bypassDocumentValidation"] = True
        with self._border(database):
            reply = self._client.get_database(database, codec_options=CODEC).command(_tagged(command), codec_options=CODEC)
        if problem := reply.get("writeConcernError"):
            raise MongoError(FailureCode.UNSUPPORTED, f"{self.place.address}: {problem.get('errmsg', problem)}", "look at the replica set")
        return tuple(Refused(int(one["index"]), str(one.get("errmsg", ""))[:300]) for one in reply.get("writeErrors", ()))

    def drop_database(self, database: str) -> None:
        """Drop a database, or do nothing where it is not there."""
        self.command(database, {"dropDatabase": 1}, LONGEST_SECONDS)

    def close(self) -> None:
        """Let go of all connections; raises nothing."""
        self._client.close()

    @contextmanager
    def _border(self, database: str) -> Iterator[None]:
        """Every error that crosses is a MongoError."""
        place = self.place
        try:
            yield
        except OperationFailure as error:
            raise self._told(error, database) from error
        except ServerSelectionTimeoutError as error:
            raise unreachable(place.where, str(error)) from error
        except ConfigurationError as error:
            hint = "see https://www.mongodb.com/docs/manual/reference/connection-string/"
            raise MongoError(FailureCode.UNSUPPORTED, f"the driver refuses the options of the URL: {error}", hint) from error
        except AutoReconnect as error:
            raise lost(place.where, str(error)) from error
        except (PyMongoError, bson.errors.BSONError, OSError, OverflowError) as error:
            raise MongoError(FailureCode.UNSUPPORTED, f"{place.address}: {error}", "look at the server's log") from error

    def _told(self, error: OperationFailure, database: str) -> MongoError:
        where, code = self.place.where, error.code or 0
        found = told(code, str((error.details or {}).get("errmsg") or error), where)
        if code == _UNAUTHORIZED and found.reason is FailureCode.PRIVILEGE:
            return MongoError(found.reason, found.message, grant(self._role, where.user, where.source, database), code)
        if code == _TOO_OLD:
            hint = "have the server keep more: db.adminCommand({setParameter: 1, minSnapshotHistoryWindowInSeconds: 3600}) on each member"
            return MongoError(found.reason, f"{where.address} does not know the moment of the backup any more: {error}", hint, code)
        return found


@contextmanager
def held_client(target: Target, role: str, *, primary: bool = False) -> Iterator[HeldClient]:
    """A client for as long as the block lasts; `primary` sends everything to the primary of a set. Raises MongoError."""
    client = HeldClient(find_place(target), role, primary=primary)
    try:
        yield client
    finally:
        client.close()


def in_database(target: Target, database: str) -> Target:
    """The same target with another database, and with the user where it was."""
    place = find_place(target)
    kept = tuple((name, value) for name, value in target.location.options if name.lower() != "authsource")
    source = (("authSource", place.source),) if place.user else ()
    return replace(target, location=replace(target.location, database=database, options=(*kept, *source)))


def bytes_of(document: Document) -> bytes:
    """A document as its bytes."""
    return bson.encode(document, codec_options=CODEC)


def fields_of(document: bytes) -> dict[str, Any]:
    """A document from its bytes; raises ValueError for what is none."""
    try:
        return bson.decode(document, CODEC)
    except bson.errors.BSONError as error:
        raise ValueError(str(error)) from error


def _tagged(command: Mapping[str, Any]) -> dict[str, Any]:
    """The command with our name in it, as it is seen among the server's operations and in its log."""
    return {**command, "comment": _TAG} if next(iter(command), "") not in _WITHOUT_TAG else dict(command)


_WITHOUT_TAG = frozenset(
    {"hello", "buildInfo", "ping", "connectionStatus", "renameCollection", "dropDatabase", "drop", "create", "createIndexes"}
)
