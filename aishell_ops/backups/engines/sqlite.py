"""SQLite: the whole file, copied in one step through SQLite's own interface, so that it shows one moment beside any writer."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import threading
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from shlex import quote

from aishell_core.engines.file_holders import FileHolders, describe
from aishell_core.engines.sqlite_copy import contents_of, copy_whole, faults_of, settle
from aishell_core.engines.sqlite_file import FileLook, beside, look_at
from aishell_core.engines.sqlite_states import unreachable
from aishell_core.errors import UsageError
from aishell_core.targets import Location, Target
from aishell_core.values import TargetId
from aishell_ops.backups.engines.contract import LoadPlan, LoadRequest, SavePlan, SaveRequest, expect_one_job, one_job_obstacle
from aishell_ops.backups.engines.sqlite_place import foreign_obstacle, wanted_file
from aishell_ops.backups.errors import BackupError
from aishell_ops.backups.hidden_folder import hidden_beside, hidden_folder
from aishell_ops.backups.models import Format, Manifest, ObjectProof, Part, Position, ProofLevel, Source, Tool
from aishell_ops.backups.scratch_folder import scratch_folder
from aishell_ops.backups.streams.contract import PlainSink, PlainSource, Progress, Stop
from aishell_ops.backups.streams.files import FileSink, FileSource
from aishell_ops.backups.streams.stopping import in_thread

METHOD = "sqlite_backup"
_NAME = "database.sqlite"
_PATIENCE_SECONDS = 60.0
"""How long a copy waits for a writer that holds the file."""
_NEEDED_RATIO = 1.1


class SqliteBackups:
    """Saves and restores database files."""

    async def plan_save(self, target: Target, request: SaveRequest) -> SavePlan:
        """What would be saved; raises UsageError for what this engine cannot do, TargetError for a file that cannot be read."""
        return await asyncio.to_thread(_plan_save, target, request)

    @asynccontextmanager
    async def saving(self, target: Target, plan: SavePlan) -> AsyncIterator[_Saving]:
        """Copy the file and hold the copy; where it is to be encrypted the copy lies in memory."""
        async with AsyncExitStack() as stack:
            folder = stack.enter_context(scratch_folder(plan.expected_bytes or 0, in_memory=plan.request.secret))
            copy = folder / _NAME
            stop = threading.Event()
            await in_thread(stop, partial(copy_whole, _path(target), copy, _PATIENCE_SECONDS, lambda: not stop.is_set()))
            yield _Saving(copy)

    async def plan_load(self, target: Target, manifest: Manifest, request: LoadRequest) -> LoadPlan:
        """What a restore would do; raises UsageError for a name that no file can have."""
        return await asyncio.to_thread(_plan_load, target, manifest, request)

    @asynccontextmanager
    async def loading(self, target: Target, manifest: Manifest, plan: LoadPlan) -> AsyncIterator[_Loading]:
        """A file in a hidden folder beside the one that it will replace."""
        async with hidden_folder(Path(plan.staging)) as folder:
            yield _Loading(folder / _NAME, Path(plan.database), thorough=manifest.proof is ProofLevel.FULL)

    @asynccontextmanager
    async def scratch(self, target: Target, manifest: Manifest) -> AsyncIterator[Target]:
        """A file that is not there yet, in a folder that goes with the block."""
        with scratch_folder(manifest.plain_bytes, in_memory=manifest.encryption is not None) as folder:
            yield Target(TargetId(f"test of {target.name}"), Location("sqlite", path=folder / _path(target).name))


class _Saving:
    """A copy that shows one moment."""

    start: Position = ()
    server_time: float | None = None

    def __init__(self, copy: Path) -> None:
        self._copy = copy

    @property
    def streams(self) -> tuple[PlainSource, ...]:
        """The one file."""
        return (FileSource(_NAME, self._copy),)

    async def proofs(self, level: ProofLevel, stop: Stop) -> tuple[ObjectProof, ...]:
        """Counts and hashes of its tables; raises BackupError when the database is damaged, because a copy of that is no backup."""
        if level is ProofLevel.NONE:
            return ()
        return await asyncio.to_thread(_sound_proofs, self._copy, level, stop)

    async def end(self) -> Position:
        """There is no log."""
        return ()


class _Loading:
    """A staging file."""

    def __init__(self, staging: Path, final: Path, *, thorough: bool) -> None:
        self.staging = staging
        self._final = final
        self._thorough = thorough

    def sink(self, part: Part) -> PlainSink:
        """The staging file itself."""
        return FileSink(self.staging)

    async def finish(self, progress: Progress, stop: Stop) -> None:
        """Look whether it is sound, as thoroughly as when it was saved."""
        await asyncio.to_thread(_expect_sound, self.staging, stop, thorough=self._thorough)

    async def proofs(self, level: ProofLevel, stop: Stop) -> tuple[ObjectProof, ...]:
        """Counts and hashes of its tables."""
        return await asyncio.to_thread(_proofs, self.staging, level, stop)

    async def publish(self) -> None:
        """Put it in the place of the old one."""
        await asyncio.to_thread(_publish, self.staging, self._final)


def _path(target: Target) -> Path:
    if target.location.path is None:
        raise UsageError(f"{target.name} is no database file", "SQLite's backups are of files")
    return target.location.path


def _look(path: Path) -> FileLook:
    try:
        return look_at(path)
    except OSError as error:
        raise unreachable(path, error) from error


def _plan_save(target: Target, request: SaveRequest) -> SavePlan:
    expect_one_job(request)
    if request.method not in ("", METHOD):
        raise UsageError(f"there is no method {request.method}", "SQLite is saved in one way alone: leave --method out")
    if request.tables:
        raise UsageError(
            "a part of an SQLite database cannot be saved in its own format", "save all of it, or take --format sql, json or csv"
        )
    if request.format is not Format.NATIVE:
        raise UsageError(f"SQLite databases cannot be saved as {request.format} yet", "take --format native")
    look = _look(_path(target))
    if look.header is None:
        raise UsageError(f"{look.path} is empty or no SQLite database", "there is nothing to be saved")
    source = Source(target.name, "sqlite", look.path.name, target.location.redacted(), look.header.version, environment=target.environment)
    return SavePlan(
        request,
        METHOD,
        source,
        (Tool("sqlite", sqlite3.sqlite_version),),
        expected_bytes=look.disk_bytes,
        steps=(f"copy {look.path} in one step through SQLite", "look whether the copy is sound, and count its tables", "store the copy"),
        recovery=(
            f"mv {_NAME} {quote(look.path.name)}    # while nobody has the database open, and without -wal and -shm files beside it",
        ),
    )


def _plan_load(target: Target, manifest: Manifest, request: LoadRequest) -> LoadPlan:
    final = wanted_file(_path(target), request.database)
    obstacles = [*one_job_obstacle(request)]
    if request.tables:
        obstacles.append("a part of an SQLite database cannot be restored from its own format")
    if manifest.method != METHOD:
        obstacles.append(f"the backup was made by {manifest.method}, and SQLite cannot read that")
    there = final.exists()
    if there and not request.replace:
        obstacles.append(f"{final} is there; --drop-existing replaces it")
    if there:
        obstacles += [*foreign_obstacle(final), *(f"{holder} has {final.name} open" for holder in _holders(final))]
    if not final.parent.is_dir():
        obstacles.append(f"the folder {final.parent} is missing")
    free = shutil.disk_usage(final.parent).free if final.parent.is_dir() else None
    needed = round(manifest.plain_bytes * _NEEDED_RATIO)
    if free is not None and free < needed:
        obstacles.append(f"{final.parent} has {free} bytes of room, and {needed} are needed")
    return LoadPlan(
        request,
        str(final),
        str(hidden_beside(final)),
        writes=(str(final),),
        losses=(f"{final}, {final.stat().st_size} bytes",) if there else (),
        obstacles=tuple(obstacles),
        tools=(Tool("sqlite", sqlite3.sqlite_version),),
        needed_bytes=needed,
        free_bytes=free,
    )


def _holders(path: Path) -> list[str]:
    """Programs that have the file open: they would go on with the old one, and what they write would be lost."""
    status = path.stat()
    scan = FileHolders().of((status.st_dev, status.st_ino), 0.0)
    return [f"{holder.program} ({holder.pid})" for holder in describe(scan.pids)] if scan is not None else []


def _proofs(copy: Path, level: ProofLevel, stop: Stop) -> tuple[ObjectProof, ...]:
    found = contents_of(copy, lambda: not stop.is_set(), hashed=level is ProofLevel.FULL)
    return tuple(ObjectProof(table.name, table.rows, table.content_hash, table.definition_hash) for table in found)


def _sound_proofs(copy: Path, level: ProofLevel, stop: Stop) -> tuple[ObjectProof, ...]:
    _expect_sound(copy, stop, thorough=level is ProofLevel.FULL)
    return _proofs(copy, level, stop)


def _expect_sound(copy: Path, stop: Stop, *, thorough: bool) -> None:
    faults = faults_of(copy, lambda: not stop.is_set(), thorough=thorough)
    if faults:
        more = f" and {len(faults) - 1} more" if len(faults) > 1 else ""
        raise BackupError(
            f"the database is damaged: {faults[0]}{more}",
            "a backup of it would be damaged too; restore an older one, or save it with --proof none",
        )


def _publish(staging: Path, final: Path) -> None:
    """Settle the old one's log first: left beside the new file it would be taken for its own."""
    if final.exists():
        settle(final, _PATIENCE_SECONDS)
    for suffix in ("-wal", "-shm", "-journal"):
        side = beside(final, suffix)
        if side.exists() and side.stat().st_size and suffix != "-shm":
            raise BackupError(
                f"{side} is not empty: the old database has not been closed", "end the programs that use it, then restore again"
            )
        side.unlink(missing_ok=True)
    staging.replace(final)
    descriptor = os.open(final.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
