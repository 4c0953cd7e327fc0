"""Restoring dumps of PostgreSQL into a database of its own: as they flow, or by several jobs from a copy that can be read anywhere."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from aishell_core.engines.postgres_held import ClientEnvironment, HeldConnection, held_connection
from aishell_core.targets import Target
from aishell_ops.backups.comparison import Difference
from aishell_ops.backups.engines import postgres_databases as databases
from aishell_ops.backups.engines import postgres_programs as programs
from aishell_ops.backups.engines import postgres_tables as tables
from aishell_ops.backups.engines.contract import LoadPlan
from aishell_ops.backups.engines.postgres_dump import DIRECTORY
from aishell_ops.backups.engines.postgres_proofs import proofs_of, with_none
from aishell_ops.backups.engines.postgres_tools import Client, find_client
from aishell_ops.backups.engines.refusals import Refusals
from aishell_ops.backups.errors import BackupError
from aishell_ops.backups.kept_folder import Keeper
from aishell_ops.backups.models import Format, Manifest, ObjectProof, Part, ProofLevel
from aishell_ops.backups.streams.contract import PlainSink, Progress, Stop, Writer
from aishell_ops.backups.streams.files import FileSink
from aishell_ops.backups.streams.nowhere import Nowhere
from aishell_ops.backups.streams.process import Program, ProgramSink, run_program
from aishell_ops.backups.streams.stopping import in_thread
from aishell_ops.backups.streams.tarred import unpacking

_SORT_KILOBYTES = 256 << 10
"""What each session of a restore may take to build an index (maintenance_work_mem), where the server gives less."""
_SORT = "SELECT /* aishell */ setting::int AS kilobytes FROM pg_settings WHERE name = 'maintenance_work_mem'"


async def sort_kilobytes_of(connection: HeldConnection) -> int:
    """How much memory the server gives to the building of an index, in KiB; raises PostgresError."""
    (row,) = await connection.fetch(_SORT)
    return int(row["kilobytes"])


def _quickened(around: ClientEnvironment, sort_kilobytes: int) -> ClientEnvironment:
    """Sessions of a restore need not wait for the disk: what they have made counts only once it is published, and that waits."""
    told = "-c synchronous_commit=off" + (f" -c maintenance_work_mem={_SORT_KILOBYTES}" if sort_kilobytes < _SORT_KILOBYTES else "")
    options = f"{around.variables.get('PGOPTIONS', '')} {told}".strip()
    return replace(around, variables={**around.variables, "PGOPTIONS": options})


def needs_copy(manifest: Manifest, jobs: int) -> bool:
    """Whether a restore needs all of the dump at hand before it begins: several jobs read it at several places."""
    return manifest.method == DIRECTORY or (jobs > 1 and manifest.format is Format.NATIVE)


class _Followed:
    """A sink after whose end a script is run."""

    def __init__(self, first: PlainSink, runs: PlainSink, script: str) -> None:
        self._first, self._runs, self._script = first, runs, script

    @contextmanager
    def opened(self, stop: Stop) -> Iterator[Writer]:
        """Take the bytes, then run the script; raises BackupError when one of them failed."""
        with self._first.opened(stop) as writer:
            yield writer
        with self._runs.opened(stop) as writer:
            writer.write(self._script.encode())


class DumpLoading:
    """A database of its own that takes a backup; `keeper` has the folder for a copy where one is needed."""

    def __init__(
        self,
        environ: Mapping[str, str],
        folders: Iterable[Path],
        target: Target,
        connection: HeldConnection,
        manifest: Manifest,
        plan: LoadPlan,
        *,
        keeper: Keeper | None = None,
        spaceless: bool = False,
        bare: bool = False,
        sort_kilobytes: int = 0,
    ) -> None:
        self.published = False
        self._analysed = False
        self._environ, self._folders = environ, tuple(folders)
        self._target = target
        self._connection = connection
        self._manifest = manifest
        self._plan = plan
        self._keeper = keeper
        self._spaceless = spaceless
        self._bare = bare
        self._around = _quickened(connection.environment, sort_kilobytes)
        self._refusals = Refusals(manifest.source.database, programs.ERROR_LINE, programs.OTHER_LINE)

    def sink(self, part: Part) -> PlainSink:
        """What restores the database, or keeps its dump for the jobs; the roles are not touched."""
        if part.name.startswith(programs.GLOBALS):
            return Nowhere()
        if part.name.startswith((programs.DEFINITIONS, programs.DEFINING_SCRIPT)):
            return _Followed(self._stream(), self._script(), tables.detaching(self._manifest.tables))
        if self._keeper is not None:
            if self._manifest.method != DIRECTORY:
                return FileSink(self._keeper.folder / programs.ARCHIVE, durable=False)
            (self._keeper.folder / "dump").mkdir(mode=0o700)
            return unpacking(self._keeper.folder / "dump")
        return self._stream()

    def _stream(self) -> PlainSink:
        if self._manifest.format is Format.NATIVE:
            return ProgramSink(self._restorer(self._arguments(1)), heard=self._refusals.hear)
        return self._script(go_on=self._plan.request.go_on)

    def _script(self, *, go_on: bool = False) -> ProgramSink:
        arguments = programs.script_arguments(self._plan.staging, go_on=go_on)
        return ProgramSink(programs.program(self._client("psql"), arguments, self._around), heard=self._refusals.hear)

    def _restorer(self, arguments: tuple[str, ...]) -> Program:
        """A pg_restore, which ends as one that failed when it went on after errors as it was told."""
        go_on = self._plan.request.go_on
        program = programs.program(self._client("pg_restore"), arguments, self._around, plain_words=go_on)
        return replace(program, forgives=programs.WENT_ON if go_on else "")

    @property
    def refused(self) -> tuple[Difference, ...]:
        """What psql or pg_restore said of each statement that failed."""
        return self._refusals.differences if self._plan.request.go_on else ()

    def _arguments(self, jobs: int) -> tuple[str, ...]:
        plan = self._plan
        return programs.restore_arguments(plan.staging, go_on=plan.request.go_on, bare=self._bare, spaceless=self._spaceless, jobs=jobs)

    def _client(self, name: str) -> Client:
        return find_client(name, self._connection.major, self._environ, self._folders)

    async def finish(self, progress: Progress, stop: Stop) -> None:
        """Let the jobs restore the copy; of single tables, put back what stood in the way of their rows."""
        if self._keeper is not None:
            ended = threading.Event()
            await in_thread(ended, partial(self._restore, self._keeper, ended))
        if self._manifest.tables:
            async with held_connection(self._target, self._environ, self._plan.staging) as connection:
                await connection.execute(tables.attaching())

    def _restore(self, keeper: Keeper, stop: Stop) -> None:
        copy = keeper.folder / ("dump" if self._manifest.method == DIRECTORY else programs.ARCHIVE)
        arguments = (*self._arguments(self._plan.request.jobs), "--verbose", str(copy))
        watch: Callable[[int | None], None] = keeper.watch
        try:
            said = run_program(self._restorer(arguments), stop, begun=watch, heard=self._refusals.hear)
        finally:
            watch(None)
        if not said:
            # One that is told to say what it does says at least that it connects.
            raise BackupError("pg_restore reported success, and did nothing", "look at this program; the backup is as it was saved")

    async def proofs(self, level: ProofLevel, stop: Stop) -> tuple[ObjectProof, ...]:
        """Counts and hashes of its tables; the planner gets to know them meanwhile."""
        analysing = asyncio.ensure_future(self._analyse())
        try:
            async with held_connection(self._target, self._environ, self._plan.staging) as connection:
                found = await proofs_of(connection, level, self._plan.request.tables or self._manifest.tables, stop)
            await analysing
            return with_none(found, self._manifest.objects)
        finally:
            analysing.cancel()
            await asyncio.gather(analysing, return_exceptions=True)

    async def _analyse(self) -> None:
        """Let the planner know what is there, because nothing of that is in a dump; raises PostgresError."""
        async with held_connection(self._target, self._environ, self._plan.staging) as connection:
            await connection.execute("ANALYZE /* aishell */")
        self._analysed = True

    async def publish(self) -> None:
        """Give it its name, and the one that had it is dropped after that; of single tables, put them into the one that has it."""
        if self._plan.request.tables:
            await self._carry(self._plan.request.tables)
            return
        if not self._analysed:
            await self._analyse()
        if self._manifest.tables:
            async with held_connection(self._target, self._environ, self._plan.staging) as connection:
                await connection.execute(tables.FORGETTING)
        await databases.publish(self._connection, self._plan, self._manifest)
        self.published = True

    async def _carry(self, names: tuple[str, ...]) -> None:
        """Put proven tables in their place; the staging database stays for whoever made it to drop. Raises BackupError, PostgresError."""
        plan, ended = self._plan, threading.Event()
        async with (
            held_connection(self._target, self._environ, plan.staging) as staging,
            held_connection(self._target, self._environ, plan.database) as database,
        ):
            move = await tables.plan_move(staging, database, names)
            clients = await asyncio.to_thread(lambda: (self._client("pg_dump"), self._client("psql")))
            work = partial(tables.carry, move, clients, database.environment, plan.staging, plan.database, bare=self._bare, stop=ended)
            await in_thread(ended, work)
            await database.execute(f"ANALYZE /* aishell */ {', '.join(names)}")
