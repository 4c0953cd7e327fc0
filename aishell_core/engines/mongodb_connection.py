"""The MongoDB driver: everything that is known about Motor and PyMongo stands here.

Another client with the same commands, as PyMongo's own asynchronous one, needs a change of this module alone.
Motor lets PyMongo's threads do the work, so that a call which is given up here goes on there until its own deadline:
each has one, which the server gets too (as maxTimeMS).
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeVar

# Threads are made when they are needed. With Motor's own limit, five for a core, a few servers that hang would have all of them.
os.environ.setdefault("MOTOR_MAX_WORKERS", "128")

import pymongo
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo.errors import (
    AutoReconnect,
    ConfigurationError,
    ConnectionFailure,
    ExecutionTimeout,
    InvalidOperation,
    NetworkTimeout,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
    WaitQueueTimeoutError,
)
from pymongo.read_preferences import ReadPreference

from aishell_core.deadline import whole
from aishell_core.engines.mongodb_documents import RAW_CODEC, Document, decoded, size_of
from aishell_core.engines.mongodb_errors import MongoError, lost, no_answer, told, unreachable, unresolved
from aishell_core.engines.mongodb_place import Place
from aishell_core.units import format_duration
from aishell_core.values import FailureCode

_T = TypeVar("_T")
_BEFORE_MILLISECONDS = 50
"""The driver gives up so long before the caller does, so that its thread is free when the next question comes."""

_LEAST_SECONDS = 0.05
_LOOK_SECONDS = 0.05
_SETTLE_SECONDS = 0.8
_BATCH = 500


@dataclass(frozen=True, slots=True)
class Documents:
    """Documents of a cursor, with their bytes; `cut` names the limit that ended them early, "" when all are there."""

    documents: tuple[Document, ...]
    bytes: int
    cut: str = ""
    commands: int = 1


class MongoConnection:
    """A client of one server or set; nothing is connected before the first command.

    Opens at most `most` connections for commands, and one for the driver's watch over each server. Every error that
    leaves it is a MongoError.
    """

    def __init__(self, place: Place, application: str, most: int, *, primary: bool = False) -> None:
        """`primary` sends every command to the primary of a set, as writes need it; raises MongoError for options that cannot be."""
        self._place = place
        scheme = "mongodb+srv" if place.srv else "mongodb"
        options: dict[str, Any] = {"tls": False, **place.options, **place.login}
        try:
            self._client: Any = AsyncIOMotorClient(
                f"{scheme}://{','.join(place.servers)}/",
                **options,
                appname=application,
                minPoolSize=0,
                maxPoolSize=most,
                maxConnecting=1,
                maxIdleTimeMS=60_000,
                connectTimeoutMS=3_000,
                heartbeatFrequencyMS=10_000,
                # One connection for each server instead of two: it is asked from time to time instead of telling by itself.
                serverMonitoringMode="poll",
                retryReads=False,
                retryWrites=False,
            )
        except (PyMongoError, OSError, ValueError) as error:
            raise self._unusable(error) from error
        self._settled = place.direct or primary
        # A command goes to the primary unless it is told otherwise itself, whatever the URL says.
        self._member = ReadPreference.PRIMARY if primary else self._client.read_preference

    async def command(self, database: str, command: Mapping[str, Any], seconds: float) -> tuple[dict[str, Any], int]:
        """The reply to one command and its size in bytes; raises MongoError."""
        async with self._border(seconds) as limit:
            await self._settle(limit)
            with pymongo.timeout(limit):
                raw = await self._watched(
                    self._database(database).command(dict(command), read_preference=self._member, codec_options=RAW_CODEC)
                )
            return decoded(raw), len(raw.raw)

    async def documents(
        self, database: str, command: Mapping[str, Any], seconds: float, most: int, most_bytes: int = 16 * 2**20
    ) -> Documents:
        """The documents of a command that gives a cursor, at most so many and so many bytes; raises MongoError.

        A cursor with more of them is closed in the server.
        """
        found: list[Document] = []
        size = 0
        async with self._border(seconds) as limit:
            await self._settle(limit)
            with pymongo.timeout(limit):
                cursor = await self._watched(
                    self._database(database).cursor_command(
                        _in_batches(dict(command), most), read_preference=self._member, codec_options=RAW_CODEC
                    )
                )
                try:
                    while pieces := await cursor.to_list(min(_BATCH, most + 1 - len(found))):
                        for raw in pieces:
                            size += len(raw.raw)
                            if len(found) >= most or size > most_bytes:
                                return Documents(tuple(found), size - len(raw.raw), "rows" if len(found) >= most else "bytes")
                            found.append(decoded(raw))
                finally:
                    await cursor.close()
        return Documents(tuple(found), size)

    async def _settle(self, seconds: float) -> None:
        """Give the primary of a set a moment to be found by the first command, which a secondary that is found earlier would get."""
        if self._settled:
            return
        self._settled = True
        # Without a primary, or where nobody is let in, the command itself has its answer.
        with suppress(PyMongoError, TimeoutError), pymongo.timeout(seconds):
            async with asyncio.timeout(min(_SETTLE_SECONDS, seconds / 2)):
                await self._watched(self._client.get_database("admin").command("ping"))

    def _database(self, name: str) -> Any:  # noqa: ANN401  (the driver has no types)
        """A database whose documents come as their bytes, those of further batches too."""
        return self._client.get_database(name, codec_options=RAW_CODEC)

    async def _watched(self, work: Awaitable[_T]) -> _T:
        """The answer; while no server is known, the driver would try until the deadline where nothing listens.

        What it found out before this question is no reason to give up: the server may be back.
        """
        if any(server.is_server_type_known for server in self._servers()):
            return await work
        stale = {id(server.error) for server in self._servers()}
        asked = asyncio.ensure_future(work)
        try:
            while not (await asyncio.wait({asked}, timeout=_LOOK_SECONDS))[0]:
                errors = [server.error for server in self._servers()]
                if errors and all(error is not None and id(error) not in stale and _is_final(error) for error in errors):
                    raise unreachable(self._place.where, str(errors[0]))
            return asked.result()
        finally:
            asked.cancel()

    def _servers(self) -> list[Any]:
        """What the driver knows of each server."""
        return list(self._client.topology_description.server_descriptions().values())

    @asynccontextmanager
    async def _border(self, seconds: float) -> AsyncIterator[float]:
        """Every error that crosses is a MongoError; gives the seconds that the driver has."""
        try:
            async with asyncio.timeout(max(seconds, _LEAST_SECONDS)):
                yield max(seconds - _BEFORE_MILLISECONDS / 1000, _LEAST_SECONDS / 2)
        except TimeoutError as error:
            raise self._late(seconds) from error
        except PyMongoError as error:
            raise self._said(error, seconds) from error
        except (OSError, ValueError, OverflowError, TypeError) as error:
            # What cannot be sent as a document, or a certificate that cannot be read.
            raise self._unusable(error) from error

    def _said(self, error: PyMongoError, seconds: float) -> MongoError:
        where, text = self._place.where, str(error)
        if isinstance(error, ServerSelectionTimeoutError):
            return self._late(seconds)
        if isinstance(error, OperationFailure) and not isinstance(error, ExecutionTimeout):
            details = error.details or {}
            return told(error.code or 0, str(details.get("errmsg") or text), where)
        if isinstance(error, ExecutionTimeout):
            return told(50, text, where)
        if isinstance(error, NetworkTimeout | WaitQueueTimeoutError):
            return no_answer(where, format_duration(whole(seconds)), "asking")
        if isinstance(error, AutoReconnect | ConnectionFailure):
            return lost(where, text)
        if isinstance(error, InvalidOperation) and "close" in text.lower():
            return MongoError(FailureCode.REFUSED, "this session has been closed")
        return self._unusable(error)

    def _late(self, seconds: float) -> MongoError:
        """The deadline has passed: while asking, or for the reason that the driver found for having no connection."""
        where = self._place.where
        servers = self._servers()
        if any(server.is_server_type_known for server in servers):
            # Known but not chosen: no member is of the kind that is wanted.
            return no_answer(where, format_duration(whole(seconds)), "asking")
        texts = [str(server.error) for server in servers if server.error is not None]
        return unreachable(where, texts[0]) if texts else no_answer(where, format_duration(whole(seconds)), "connecting")

    def _unusable(self, error: Exception) -> MongoError:
        text = str(error)
        if self._place.srv and ("dns" in text.lower() or "srv" in text.lower() or "resolution" in text.lower()):
            return unresolved(self._place.address, text)
        if isinstance(error, ConfigurationError):
            hint = "see https://www.mongodb.com/docs/manual/reference/connection-string/"
            return MongoError(FailureCode.UNSUPPORTED, f"the driver refuses the options of the URL: {text}", hint)
        if isinstance(error, OSError):
            return unreachable(self._place.where, text)
        return MongoError(FailureCode.UNSUPPORTED, f"this cannot be sent to {self._place.address}: {text}", "check the document")

    def close(self) -> None:
        """Let go of all connections; may be called twice and raises nothing."""
        self._client.close()


def _is_final(error: BaseException) -> bool:
    """Whether trying again within the same question is of no use."""
    text = str(error).lower()
    return not isinstance(error, NetworkTimeout) and "timed out" not in text and "closed" not in text


def _in_batches(command: dict[str, Any], most: int) -> dict[str, Any]:
    """The command with a batch no larger than what is wanted of it, where it says nothing of that."""
    size = min(most + 1, _BATCH)
    first = next(iter(command), "")
    if first == "find":
        command.setdefault("batchSize", size)
    elif first in {"aggregate", "listCollections", "listIndexes"}:
        cursor = command.get("cursor")
        command["cursor"] = {"batchSize": size, **(cursor if isinstance(cursor, Mapping) else {})}
    return command


__all__ = ["Documents", "MongoConnection", "size_of"]
