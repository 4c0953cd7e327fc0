"""MongoDB: a database by mongodump, or by our own export at one moment; restored beside the old one and then renamed."""

from __future__ import annotations

import asyncio
import os
import secrets
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from aishell_core.engines.mongodb_documents import Document, seconds_of
from aishell_core.engines.mongodb_errors import MongoError
from aishell_core.engines.mongodb_held import HeldClient, held_client, in_database
from aishell_core.errors import UsageError
from aishell_core.targets import Target
from aishell_ops.backups.engines.contract import LoadPlan, LoadRequest, SavePlan, SaveRequest
from aishell_ops.backups.engines.mongodb_archive import ArchiveSource
from aishell_ops.backups.engines.mongodb_contents import Collection, Contents, files_of
from aishell_ops.backups.engines.mongodb_export import CollectionSource, Counts, DefinitionsSource, Look
from aishell_ops.backups.engines.mongodb_journal import Journal
from aishell_ops.backups.engines.mongodb_load_plan import defined_alike, plan_load
from aishell_ops.backups.engines.mongodb_loading import Loading
from aishell_ops.backups.engines.mongodb_publish import begin
from aishell_ops.backups.engines.mongodb_save_plan import DUMP, Held, hold, plan_save, wanted_in
from aishell_ops.backups.engines.mongodb_staging import Staging
from aishell_ops.backups.engines.mongodb_tools import dump_of, expect_dumper
from aishell_ops.backups.errors import BackupError
from aishell_ops.backups.models import Format, Manifest, ObjectProof, Position, ProofLevel
from aishell_ops.backups.rows.described import ROWS, description
from aishell_ops.backups.rows.engines.mongodb_profile import FAMILY, FORM, Profile
from aishell_ops.backups.streams.contract import PlainSource, Stop
from aishell_ops.backups.streams.process import ProgramSource
from aishell_ops.backups.streams.stopping import in_thread

_READ, _WRITE = "read", "readWrite"
T = TypeVar("T")


class MongodbBackups:
    """Saves and restores databases; `folders` are looked at first for mongodump."""

    def __init__(self, environ: Mapping[str, str] | None = None, folders: Iterable[Path] = ()) -> None:
        self._environ = os.environ if environ is None else environ
        self._folders = tuple(folders)

    async def plan_save(self, target: Target, request: SaveRequest) -> SavePlan:
        """What would be saved; raises UsageError for what cannot be, ToolError for a mongodump that is too old, MongoError."""
        work = partial(plan_save, target=target, request=request, environ=self._environ, folders=self._folders)
        return await _with_client(target, _READ, work, primary=False)

    @asynccontextmanager
    async def saving(self, target: Target, plan: SavePlan) -> AsyncIterator[_Saving | _Dumping]:
        """Hold a moment of the database, where the server has such."""
        with held_client(target, _READ) as client:
            hello = await asyncio.to_thread(client.hello)
            if plan.method == DUMP:
                dumper = await asyncio.to_thread(expect_dumper, self._environ, self._folders)
                program = dump_of(dumper, client.place, plan.source.database, plan.request.jobs)
                yield _Dumping(client, hello, ArchiveSource(ProgramSource("mongodump", program, expected_bytes=plan.expected_bytes)))
                return
            saving = _SavingRows if plan.request.format is Format.JSON else _Saving
            contents = await asyncio.to_thread(wanted_in, client, plan)
            held = await asyncio.to_thread(hold, client, contents, hello)
            if held.moment is None and dict(plan.properties).get("moment") == "one":
                raise BackupError(f"the server gives no moment any more: {held.reason}", "plan the backup again")
            yield saving(client, hello, contents, held)

    async def plan_load(self, target: Target, manifest: Manifest, request: LoadRequest) -> LoadPlan:
        """What a restore would do; raises UsageError and MongoError."""
        request = replace(request, database=request.database or target.location.database)
        return await _with_client(target, _WRITE, partial(plan_load, manifest=manifest, request=request), primary=True)

    @asynccontextmanager
    async def loading(self, target: Target, manifest: Manifest, plan: LoadPlan) -> AsyncIterator[Loading]:
        """Staging collections; they are dropped unless they were published. Raises BusyError while another restore goes on."""
        with held_client(target, _WRITE, primary=True) as client:
            journal = Journal(client, plan.database, plan.staging.rpartition("_")[2])
            try:
                build = await asyncio.to_thread(begin, client, journal, f"restoring {manifest.id}")
                staging = Staging(client, journal, plan.request.tables, go_on=plan.request.go_on)
                loading = Loading(staging, manifest, plan, defined_alike=defined_alike(manifest, build))
                try:
                    yield loading
                except BaseException:
                    # A server that is gone keeps what was prepared; the next restore removes it.
                    with suppress(MongoError):
                        await asyncio.shield(asyncio.to_thread(loading.end))
                    raise
                await asyncio.shield(asyncio.to_thread(loading.end))
            finally:
                journal.leave()

    @asynccontextmanager
    async def scratch(self, target: Target, manifest: Manifest) -> AsyncIterator[Target]:
        """A database of the same server that is not there yet, and is dropped when the block ends."""
        name = f"aishell_test_{manifest.id}_{secrets.token_hex(3)}"[-63:]
        place = in_database(target, name)
        try:
            yield place
        finally:
            await asyncio.shield(_with_client(place, _WRITE, lambda client: client.drop_database(name), primary=True))


async def _with_client(target: Target, role: str, work: Callable[[HeldClient], T], *, primary: bool) -> T:
    """Do something with a client in a thread."""
    if target.location.engine != "mongodb":
        raise UsageError(f"{target.name} is no MongoDB server", "name a target of this engine")

    def run() -> T:
        with held_client(target, role, primary=primary) as client:
            return work(client)

    return await in_thread(threading.Event(), run)


def _written_until(hello: Document) -> Position:
    """The place in the log of a replica set up to which it has written; empty without one."""
    told = hello.get("lastWrite", {}).get("opTime", {}).get("ts")
    return (("optime", f"{told.time}:{told.inc}"),) if told is not None else ()


class _Saving:
    """A database that is read, at a moment where the server has such."""

    def __init__(self, client: HeldClient, hello: Document, contents: Contents, held: Held) -> None:
        self._client = client
        self._contents = contents
        self._held = held
        self._counts = Counts(contents.collections)
        self.start: Position = (("optime", str(held.moment)),) if held.moment is not None else _written_until(hello)
        self.server_time = seconds_of(hello.get("localTime"))

    @property
    def streams(self) -> tuple[PlainSource, ...]:
        """The definitions, then each collection."""
        files, contents = files_of(self._contents.collections), self._contents
        return (
            DefinitionsSource(contents.collections, files),
            *(
                CollectionSource(
                    self._client,
                    contents.database,
                    one,
                    files[one.name],
                    None if one.name in self._held.without else self._held.moment,
                    self._counts,
                    self._look(one),
                )
                for one in contents.collections
                if not one.is_view
            ),
        )

    def _look(self, collection: Collection) -> Look | None:
        """What sees the documents of a collection as they pass; None where nobody wants to."""
        return None

    async def proofs(self, level: ProofLevel, stop: Stop) -> tuple[ObjectProof, ...]:
        """What was counted while it was read."""
        return await self._counts.proofs(level)

    async def end(self) -> Position:
        """The moment itself, or the place up to which the server has written now."""
        if self._held.moment is not None:
            return self.start
        return _written_until(await asyncio.to_thread(self._client.hello))


class _SavingRows(_Saving):
    """A database that is read, and told of as rows, so that other engines can take it."""

    def __init__(self, client: HeldClient, hello: Document, contents: Contents, held: Held) -> None:
        super().__init__(client, hello, contents, held)
        self._profiles = {one.name: Profile() for one in contents.collections if not one.is_view}

    def _look(self, collection: Collection) -> Look | None:
        return self._profiles[collection.name].add

    @property
    def properties(self) -> tuple[tuple[str, str], ...]:
        """The collections as tables, by what was seen of their documents."""
        files = files_of(self._contents.collections)
        kept = [one for one in self._contents.collections if not one.is_view]
        views = [(one.name, "view", "it is in MongoDB's own language") for one in self._contents.collections if one.is_view]
        tables = [self._profiles[one.name].table(one) for one in kept]
        return ((ROWS, description(FAMILY, tables, FORM, [files[one.name] for one in kept], views)),)


class _Dumping:
    """A database that mongodump reads."""

    def __init__(self, client: HeldClient, hello: Document, source: ArchiveSource) -> None:
        self._client = client
        self._source = source
        self.start: Position = _written_until(hello)
        self.server_time = seconds_of(hello.get("localTime"))

    @property
    def streams(self) -> tuple[PlainSource, ...]:
        """The archive."""
        return (self._source,)

    async def proofs(self, level: ProofLevel, stop: Stop) -> tuple[ObjectProof, ...]:
        """What was in the archive."""
        return await self._source.proofs(level)

    async def end(self) -> Position:
        """The place up to which the server has written now."""
        return _written_until(await asyncio.to_thread(self._client.hello))
