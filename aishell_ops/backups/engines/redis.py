"""Redis and Valkey: a snapshot taken as a replica takes it, proven by a server of our own, restored beside the old data."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import ExitStack, asynccontextmanager, suppress
from functools import partial
from pathlib import Path

from aishell_core.engines.redis_errors import RedisError
from aishell_core.engines.redis_replica import ReplicaStream, Snapshot
from aishell_core.engines.redis_wire import Access, Wire, open_wire, reach
from aishell_core.targets import Location, Target
from aishell_core.values import TargetId
from aishell_ops.backups.engines import redis_load_plan as loads
from aishell_ops.backups.engines import redis_save_plan as saves
from aishell_ops.backups.engines.contract import LoadPlan, LoadRequest, SavePlan, SaveRequest
from aishell_ops.backups.engines.redis_rdb import Census, databases_in, version_of
from aishell_ops.backups.engines.redis_scratch import FILE, loaded_server, read_file
from aishell_ops.backups.engines.redis_server import VALKEY, look_at
from aishell_ops.backups.engines.redis_snapshot import SnapshotSource
from aishell_ops.backups.engines.redis_staging import Staging, look_for_stagings, spare_databases
from aishell_ops.backups.engines.redis_tools import ServerProgram, find_server
from aishell_ops.backups.errors import BackupError, BusyError, UnreadableError
from aishell_ops.backups.kept_folder import Keeper, kept_folder
from aishell_ops.backups.models import Manifest, ObjectProof, Part, Position, ProofLevel
from aishell_ops.backups.streams.contract import PlainSink, PlainSource, Progress, Stop
from aishell_ops.backups.streams.files import FileSink
from aishell_ops.backups.streams.stopping import expect_wanted, in_thread

_NEEDED_RATIO = 2


class RedisBackups:
    """Saves and restores whole servers; `folders` are looked at first for a server's program."""

    def __init__(self, environ: Mapping[str, str] | None = None, folders: Iterable[Path] = ()) -> None:
        self._environ = os.environ if environ is None else environ
        self._folders = tuple(folders)
        self._scratches: dict[Location, Keeper] = {}

    async def plan_save(self, target: Target, request: SaveRequest) -> SavePlan:
        """What would be saved; raises UsageError for what cannot be, RedisError with the grant that is missing."""
        saves.expect_whole(request)
        access = await reach(target, self._environ)

        def plan() -> SavePlan:
            with open_wire(access) as wire:
                return saves.plan_save(wire, target, request)

        return await asyncio.to_thread(plan)

    @asynccontextmanager
    async def saving(self, target: Target, plan: SavePlan) -> AsyncIterator[_Saving]:
        """Have the server begin a snapshot, which shows the moment at which it forked; let go of it when the block ends."""
        access = await reach(target, self._environ)
        stop = threading.Event()
        with ExitStack() as stack:
            wire = await asyncio.to_thread(stack.enter_context, open_wire(access))
            stream, now, snapshot = await in_thread(stop, partial(_begin, wire, stop))
            yield _Saving(SnapshotSource(saves.SNAPSHOT, stream, wire, plan.expected_bytes), snapshot, now)

    async def plan_load(self, target: Target, manifest: Manifest, request: LoadRequest) -> LoadPlan:
        """What a restore would do; raises UsageError, ToolError and RedisError."""
        loads.expect_whole(request)
        program = await asyncio.to_thread(find_server, manifest, self._environ, self._folders)
        if target.location in self._scratches:
            folder = str(self._scratches[target.location].folder)
            return LoadPlan(request, saves.ALL, folder, writes=(f"a server in {folder}",), tools=(program.tool,))
        access = await reach(target, self._environ)

        def plan() -> LoadPlan:
            with open_wire(access) as wire:
                return loads.plan_load(wire, manifest, request, program)

        return await asyncio.to_thread(plan)

    @asynccontextmanager
    async def loading(self, target: Target, manifest: Manifest, plan: LoadPlan) -> AsyncIterator[_Loading]:
        """A folder with the snapshot, a server of our own that loads it, and spare databases of the target that it goes to.

        What an interrupted restore has left in such is removed first. Raises BusyError when another restore is under way.
        """
        program = await asyncio.to_thread(find_server, manifest, self._environ, self._folders)
        with ExitStack() as stack:
            place, access = self._scratches.get(target.location), None
            if place is None:
                needed = manifest.plain_bytes * _NEEDED_RATIO
                place = stack.enter_context(kept_folder(needed, in_memory=manifest.encryption is not None))
                access = await reach(target, self._environ)
                await asyncio.to_thread(_tidy, access)
            loading = _Loading(place, program, manifest, access)
            try:
                yield loading
            finally:
                await asyncio.shield(asyncio.to_thread(loading.end))

    @asynccontextmanager
    async def scratch(self, target: Target, manifest: Manifest) -> AsyncIterator[Target]:
        """A folder in which a server of our own loads the backup; both are gone with the block."""
        with kept_folder(manifest.plain_bytes * _NEEDED_RATIO, in_memory=manifest.encryption is not None) as keeper:
            place = Location("redis", path=keeper.folder)
            self._scratches[place] = keeper
            try:
                yield Target(TargetId(f"test of {target.name}"), place)
            finally:
                del self._scratches[place]


def _begin(wire: Wire, stop: Stop) -> tuple[ReplicaStream, float | None, Snapshot]:
    """Have the server begin its snapshot; what it has to say of its clock is asked before it is none of ours any more."""
    wire.expect_wanted = lambda: expect_wanted(stop)
    server = look_at(wire)
    stream = ReplicaStream(wire)
    return stream, server.time, stream.begin(server.version if server.family == VALKEY else "")


def _tidy(access: Access) -> None:
    """Remove what interrupted restores have left; raises BusyError when one is at work."""
    with open_wire(access) as wire:
        server = look_at(wire)
        stagings = look_for_stagings(wire, server)
        if stagings.alive:
            raise BusyError("another restore into this server is under way", f"it fills database {stagings.alive[0]}; wait for its end")
        Staging(wire, server, dict(enumerate(stagings.left))).clear()


def _clear(staging: Staging, access: Access) -> None:
    """Remove what was prepared, by another connection where the first one broke; a server that is gone keeps it, marked."""
    try:
        staging.clear()
    except RedisError:
        with suppress(RedisError), open_wire(access) as wire:
            staging.wire = wire
            staging.clear()


class _Saving:
    """A snapshot that the server has begun."""

    def __init__(self, source: SnapshotSource, snapshot: Snapshot, now: float | None) -> None:
        self._source = source
        self.start: Position = (
            ("replid", snapshot.replid),
            ("offset", str(snapshot.offset)),
            ("rdb_version", str(version_of(snapshot.format))),
        )
        self.server_time = now

    @property
    def streams(self) -> tuple[PlainSource, ...]:
        """The snapshot."""
        return (self._source,)

    async def proofs(self, level: ProofLevel, stop: Stop) -> tuple[ObjectProof, ...]:
        """What the snapshot itself holds, counted while it is read; to be asked for before that."""
        return () if level is ProofLevel.NONE else await self._source.counted(level)

    async def end(self) -> Position:
        """The snapshot shows the moment at which it was begun."""
        return self.start


class _Loading:
    """A snapshot in a folder, the server that proves it, and where it goes; without `access` it stays in its folder."""

    def __init__(self, keeper: Keeper, program: ServerProgram, manifest: Manifest, access: Access | None) -> None:
        self._keeper = keeper
        self._folder = keeper.folder
        self._program = program
        self._manifest = manifest
        self._access = access
        self._stack = ExitStack()
        self._staging: Staging | None = None
        self._found: tuple[ObjectProof, ...] = ()

    def sink(self, part: Part) -> PlainSink:
        """The file of the snapshot."""
        return FileSink(self._folder / FILE)

    async def finish(self, progress: Progress, stop: Stop) -> None:
        """Have a server load the snapshot, count what it has loaded, and prepare it in the target.

        Raises DamagedError when it does not load, BackupError when the target does not take it.
        """
        ended = threading.Event()
        await in_thread(ended, partial(self._finish, progress, _Either(stop, ended)))

    def _finish(self, progress: Progress, stop: Stop) -> None:
        level = self._manifest.proof
        databases = databases_in(self._manifest.objects) if level is not ProofLevel.NONE else self._databases()
        with loaded_server(self._program, self._keeper, (databases or (0,))[-1] + 1, stop) as server:
            self._found = () if level is ProofLevel.NONE else server.proofs(level, stop)
        if self._access is not None:
            try:
                self._fill(self._access, databases, progress, stop)
            except RedisError as error:
                raise UnreadableError(error.message, error.hint) from error

    def _databases(self) -> tuple[int, ...]:
        """Which databases the snapshot holds, where nothing was counted when it was saved."""
        census = Census(ProofLevel.COUNTS)
        read_file(self._folder / FILE, census)
        return census.databases

    def _fill(self, access: Access, databases: tuple[int, ...], progress: Progress, stop: Stop) -> None:
        wire = self._stack.enter_context(open_wire(access))
        server = look_at(wire)
        spares = spare_databases(databases, server.keys, server.databases)
        if spares is None:
            raise BackupError("too few databases of the server are empty to prepare the restore", "plan the restore again")
        staging = Staging(wire, server, spares)
        staging.begin()
        self._staging = staging
        staging.fill(self._folder / FILE, self._manifest.parts[0].name, progress, stop)

    async def proofs(self, level: ProofLevel, stop: Stop) -> tuple[ObjectProof, ...]:
        """What the server of our own has loaded, and has written again."""
        return self._found

    async def publish(self) -> None:
        """Let it change places with the old data. Once begun it is carried out, also when somebody wants it to stop."""
        staging = self._staging
        if staging is None:
            return
        work = asyncio.ensure_future(asyncio.to_thread(self._publish, staging))
        try:
            await asyncio.shield(work)
        except asyncio.CancelledError:
            with suppress(BackupError, RedisError):
                await work
            raise

    def _publish(self, staging: Staging) -> None:
        staging.publish()
        self._staging = None
        staging.keep_on_disk()

    def end(self) -> None:
        """Let go of the target; what was prepared there and not published is removed."""
        staging, access = self._staging, self._access
        try:
            if staging is not None and access is not None:
                _clear(staging, access)
        finally:
            self._stack.close()


class _Either:
    """Wants the work to end when one of two does."""

    def __init__(self, *stops: Stop) -> None:
        self._stops = stops

    def is_set(self) -> bool:
        """Whether to end now."""
        return any(stop.is_set() for stop in self._stops)
