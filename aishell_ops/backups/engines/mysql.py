"""MySQL and MariaDB: a logical dump of one moment, restored into a database of its own whose tables then take their places."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

from aishell_core.engines.mysql_errors import MysqlError, quoted, quoted_account
from aishell_core.engines.mysql_held import ClientAccess, HeldConnection, database_of, held_connection, in_database
from aishell_core.errors import UsageError
from aishell_core.targets import Location, Target
from aishell_ops.backups.comparison import Difference
from aishell_ops.backups.engines import mysql_dump as dump
from aishell_ops.backups.engines import mysql_load_plan as plans
from aishell_ops.backups.engines import mysql_moment as moment
from aishell_ops.backups.engines import mysql_physical as physical
from aishell_ops.backups.engines import mysql_publish as publishing
from aishell_ops.backups.engines.contract import Loading, LoadPlan, LoadRequest, SavePlan, SaveRequest, Saving, expect_one_job
from aishell_ops.backups.engines.mysql_contents import Contents, contents_of
from aishell_ops.backups.engines.mysql_proofs import proofs_of
from aishell_ops.backups.engines.mysql_save_plan import METHOD, plan_save
from aishell_ops.backups.engines.mysql_scratch import find_program, scratch_server
from aishell_ops.backups.engines.mysql_script import Kept, ScriptSink, Staged
from aishell_ops.backups.engines.mysql_tools import Client, Role, find_client
from aishell_ops.backups.engines.mysql_views import by_definer
from aishell_ops.backups.engines.refusals import Refusals
from aishell_ops.backups.errors import BackupError, BusyError
from aishell_ops.backups.models import Manifest, ObjectProof, Part, Position, ProofLevel
from aishell_ops.backups.streams.contract import PlainSink, PlainSource, Progress, Stop
from aishell_ops.backups.streams.process import ProgramSink, ProgramSource

_KEPT_BYTES = 256 << 20
_LOCK = "SELECT /* aishell */ GET_LOCK(%s, 3) AS mine"
"""Waits a little: the server may not have noticed yet that one who has died holds it no more."""
_NOW = "SELECT /* aishell */ UNIX_TIMESTAMP(NOW(6)) AS now"


class MysqlBackups:
    """Saves and restores databases by the programs of MySQL and MariaDB; `folders` are looked at for them first."""

    def __init__(self, environ: Mapping[str, str] | None = None, folders: Iterable[Path] = ()) -> None:
        self._environ = os.environ if environ is None else environ
        self._folders = tuple(folders)
        self._scratches: set[Location] = set()

    async def plan_save(self, target: Target, request: SaveRequest) -> SavePlan:
        """What would be saved; raises UsageError for what cannot be, ToolError for a program that is missing, MysqlError."""
        expect_one_job(request)
        if request.method in physical.NAMES:
            async with held_connection(target, self._environ) as connection:
                return await physical.plan_save(connection, target, request, self._environ, self._folders)
        if request.method not in ("", METHOD, "logical"):
            raise UsageError(f"there is no method {request.method}", "take logical (a dump) or physical (mariadb-backup)")
        async with held_connection(target, self._environ) as connection:
            client = await self._client(Role.DUMP, connection)
            return await plan_save(
                connection, target, replace(request, database=request.database or database_of(target, self._environ)), client
            )

    @asynccontextmanager
    async def saving(self, target: Target, plan: SavePlan) -> AsyncIterator[Saving]:
        """Hold a moment of the database in an open transaction, beside which the dump has begun its own."""
        if plan.method == physical.METHOD:
            async with (
                held_connection(target, self._environ) as connection,
                physical.saving(connection, plan, self._environ, self._folders) as files,
            ):
                yield files
            return
        database = plan.source.database
        async with AsyncExitStack() as stack:
            connection = await stack.enter_async_context(held_connection(target, self._environ))
            client = await self._client(Role.DUMP, connection)
            there = await _expect_contents(connection, database)
            wanted = set(plan.request.tables or there.names)
            tables = moment.quoted_tables(database, [table.name for table in there.tables if table.name in wanted and table.holds_rows])
            loose = [table.name for table in there.tables if table.name in wanted and table.holds_rows and not table.transactional]
            async with moment.stillness(target, self._environ, tables) as still:
                kept = await stack.enter_async_context(moment.kept(target, self._environ, moment.quoted_tables(database, loose)))
                await moment.begin(connection)
                contents = await _expect_contents(connection, database)
                start = await moment.place_in_log(connection)
                begun = _begun_dump(connection, client, plan, logged=bool(connection.facts.mariadb and dict(start).get("file")))
                stack.push_async_callback(asyncio.to_thread, begun.discard)
                await _begin(begun)
            same = _is_same(still, begun, start)
            now = float(str(await connection.value(_NOW)))
            yield _Saving(connection, client, plan, contents, begun, start, now, same, () if kept else tuple(loose))
            with suppress(MysqlError):
                await connection.execute("ROLLBACK /* aishell */")

    async def plan_load(self, target: Target, manifest: Manifest, request: LoadRequest) -> LoadPlan:
        """What a restore would do; raises UsageError, ToolError and MysqlError."""
        if manifest.method == physical.METHOD:
            return await asyncio.to_thread(physical.plan_load, manifest, request, self._environ, self._folders)
        if target.location in self._scratches and not request.database:
            request = replace(request, database=target.location.database)
        async with held_connection(target, self._environ) as connection:
            client = await self._client(Role.CLIENT, connection)
            return await plans.plan_load(connection, manifest, request, METHOD, client.tool())

    @asynccontextmanager
    async def loading(self, target: Target, manifest: Manifest, plan: LoadPlan) -> AsyncIterator[Loading]:
        """A database of its own that takes the backup; it is dropped unless it was published.

        What an interrupted restore of the same database has left is put in order first. Raises BusyError when another restore
        of it is under way.
        """
        if manifest.method == physical.METHOD:
            async with physical.loading(manifest, plan, self._environ, self._folders) as files:
                yield files
            return
        async with held_connection(target, self._environ) as connection:
            if str(await connection.value(_LOCK, (plans.names_for(plan.database).lock,))) != "1":
                raise BusyError(f"another restore of {plan.database} is under way", "wait for its end")
            clients = (await self._client(Role.DUMP, connection), await self._client(Role.CLIENT, connection))
            loading = _Loading(self._environ, target, connection, clients, manifest, plan)
            await loading.tidy()
            known = dict(manifest.annotations)
            await publishing.create(connection, plan.staging, known.get("charset", ""), known.get("collation", ""))
            try:
                yield loading
            finally:
                if not loading.published:
                    await asyncio.shield(publishing.drop(connection, plan.staging))

    @asynccontextmanager
    async def scratch(self, target: Target, manifest: Manifest) -> AsyncIterator[Target]:
        """A server of its own where its program is on this machine, else a database of the target's server; gone with the block."""
        if manifest.method == physical.METHOD:
            raise UsageError(
                "a physical backup has no database to be tested in", "restore it into a new data folder and start a server on it"
            )
        program = await asyncio.to_thread(find_program, manifest, self._environ, self._folders)
        if program is not None:
            async with scratch_server(program, target, manifest) as place:
                yield place
            return
        name = f"aishell_test_{publishing.token()}"
        place = in_database(target, name)
        self._scratches.add(place.location)
        try:
            yield place
        finally:
            self._scratches.discard(place.location)
            async with held_connection(target, self._environ) as connection:
                await publishing.drop(connection, name)

    async def _client(self, role: Role, connection: HeldConnection) -> Client:
        return await asyncio.to_thread(find_client, role, connection.facts, self._environ, self._folders)


class _Saving:
    """A held moment, which the dump shares."""

    def __init__(
        self,
        connection: HeldConnection,
        client: Client,
        plan: SavePlan,
        contents: Contents,
        begun: dump.BegunDump,
        start: Position,
        now: float,
        same: bool,
        unsure: tuple[str, ...],
    ) -> None:
        self._connection = connection
        self._client = client
        self._plan = plan
        self._contents = contents
        self._begun = begun
        self._same = same
        self._unsure = unsure
        self.start: Position = start
        self.server_time: float | None = now

    @property
    def streams(self) -> tuple[PlainSource, ...]:
        """The database, then its events: those run as soon as they are there, so that a restore takes them last."""
        if self._plan.request.tables or not self._contents.events:
            return (self._begun,)
        arguments = dump.events_arguments(self._client)
        program = dump.dump_program(self._client, self._connection.access, arguments, self._contents.database)
        return (self._begun, ProgramSource(dump.EVENTS, program, trailer=dump.ends_well))

    async def proofs(self, level: ProofLevel, stop: Stop) -> tuple[ObjectProof, ...]:
        """Counts and hashes of its tables, made by the server in the same moment.

        Raises BackupError where the account may not have one moment for both: counts of another moment prove nothing.
        """
        if level is ProofLevel.NONE:
            return ()
        if not self._same:
            message = f"the tables of {self._contents.database} cannot be counted in the moment that the dump shows"
            who = quoted_account(self._connection.facts.account)
            grant = f"GRANT LOCK TABLES ON {quoted(self._contents.database)}.* TO {who};"
            raise BackupError(
                f"{message}, because this account may not keep writers waiting while both begin", f"{grant} or save it with --proof none"
            )
        return await proofs_of(self._connection, self._contents, level, self._plan.request.tables, self._unsure, stop)

    async def end(self) -> Position:
        """The place in the log that belongs to the moment: the dump needs nothing of the log after that."""
        return self.start


class _Loading:
    """A database of its own that takes a backup."""

    def __init__(
        self,
        environ: Mapping[str, str],
        target: Target,
        connection: HeldConnection,
        clients: tuple[Client, Client],
        manifest: Manifest,
        plan: LoadPlan,
    ) -> None:
        self.published = False
        self._environ = environ
        self._target = target
        self._connection = connection
        self._dump, self._client = clients
        self._manifest = manifest
        self._plan = plan
        self._events = Kept(_KEPT_BYTES)
        self._refusals = Refusals(dump.SCRIPT, dump.ERROR_LINE)
        self._definers: set[bytes] = set()
        self._tools = publishing.Tools(self._definitions, self._run)

    async def tidy(self) -> None:
        """Put in order what interrupted restores of the same database have left; raises MysqlError and BackupError."""
        stagings, asides = await plans.leftovers(self._connection, self._plan.database)
        for aside in asides:
            await publishing.undo_interrupted(self._connection, self._tools, aside)
        for staging in stagings:
            await publishing.drop(self._connection, staging)

    def sink(self, part: Part) -> PlainSink:
        """What restores the database; its events are kept until it is published."""
        if part.name.startswith(dump.EVENTS):
            return self._events
        program = dump.load_program(self._client, self._access, self._plan.staging, go_on=self._plan.request.go_on)
        sandbox = self._client.knows("--sandbox")
        taking = ProgramSink(program, heard=self._refusals.hear)
        staged = Staged(self._manifest.source.database, self._plan.staging, self._definers)
        return ScriptSink(taking, sandbox=sandbox, tables=self._plan.request.tables, database=self._plan.database, staged=staged)

    @property
    def refused(self) -> tuple[Difference, ...]:
        """What the client said of each statement that failed."""
        return self._refusals.differences

    async def finish(self, progress: Progress, stop: Stop) -> None:
        """Nothing is left to be done: indexes are built as the rows come."""

    async def proofs(self, level: ProofLevel, stop: Stop) -> tuple[ObjectProof, ...]:
        """Counts and hashes of its tables."""
        async with held_connection(self._target, self._environ) as connection:
            contents = await _expect_contents(connection, self._plan.staging)
            return await proofs_of(connection, contents, level, self._plan.request.tables or self._manifest.tables, (), stop)

    async def publish(self) -> None:
        """Put it in its place. Once begun it is ended or undone, also when somebody wants it to stop."""
        last = () if self._plan.request.tables or not self._events.content else (self._events.content,)
        aside = plans.names_for(self._plan.database).aside + publishing.token()
        work = asyncio.ensure_future(
            publishing.publish(
                self._connection, self._tools, self._plan.staging, aside, self._plan.database, self._plan.request.tables, last
            )
        )
        try:
            await asyncio.shield(work)
        except asyncio.CancelledError:
            await work
            self.published = True
            raise
        self.published = True

    async def _definitions(self, contents: Contents, tables: Sequence[str]) -> tuple[bytes, ...]:
        """Scripts that make what does not move with tables: those that join others, code, views; as far as there is any."""
        merged = [table.name for table in contents.tables if table.merged and (not tables or table.name in tables)]
        triggers = [name for name, table in contents.triggers if not tables or table in tables]
        scripts = []
        if merged:
            scripts.append(await self._dumped(dump.views_arguments(self._dump), contents.database, merged))
        if triggers or (not tables and contents.routines):
            scripts.append(await self._dumped(dump.code_arguments(self._dump, whole=not tables), contents.database, tables))
        if not tables and contents.views:
            views = await self._dumped(dump.views_arguments(self._dump), contents.database, contents.views)
            scripts.append(by_definer(views, self._definers) if contents.database == self._plan.staging else views)
        if not tables and contents.events:
            scripts.append(await self._dumped(dump.events_arguments(self._dump), contents.database, ()))
        return tuple(scripts)

    async def _dumped(self, arguments: Sequence[str], database: str, names: Sequence[str]) -> bytes:
        program = dump.dump_program(self._dump, self._access, arguments, database, names)
        kept, stop = Kept(_KEPT_BYTES), threading.Event()
        await asyncio.to_thread(_copy, ProgramSource("definitions", program, trailer=dump.ends_well), kept, stop)
        return kept.content

    async def _run(self, database: str, script: bytes) -> None:
        # Never goes on after an error: what was made in the staging place can be made here too, or the old database is brought back.
        program = dump.load_program(self._client, self._access, database)
        await asyncio.to_thread(_write, ScriptSink(ProgramSink(program), sandbox=self._client.knows("--sandbox")), script)

    @property
    def _access(self) -> ClientAccess:
        return self._connection.access


def _begun_dump(connection: HeldConnection, client: Client, plan: SavePlan, *, logged: bool) -> dump.BegunDump:
    request = plan.request
    arguments = dump.dump_arguments(client, whole=not request.tables, logged=logged)
    program = dump.dump_program(client, connection.access, arguments, plan.source.database, request.tables)
    return dump.BegunDump(dump.SCRIPT, program, plan.expected_bytes)


async def _begin(begun: dump.BegunDump) -> None:
    """Wait until the dump has begun, also when somebody wants to stop: whoever lets go then finds no thread at work on it."""
    work = asyncio.ensure_future(asyncio.to_thread(begun.begin))
    try:
        await asyncio.shield(work)
    except asyncio.CancelledError:
        with suppress(BackupError):
            await work
        raise


def _is_same(still: moment.Stillness, begun: dump.BegunDump, start: Position) -> bool:
    """Whether the dump shows our moment: nobody could commit, or both stand at one place in the server's log.

    Raises BackupError when nobody could commit on the whole server and both stand at different places all the same.
    """
    known = dict(start)
    agree = begun.place is not None and begun.place == (known.get("file"), known.get("position"))
    if still.whole and begun.place is not None and not agree:
        raise BackupError("the dump began at another moment than was held for it", "this is a fault of aishell: please report it")
    return still.locked or agree


async def _expect_contents(connection: HeldConnection, database: str) -> Contents:
    found = await contents_of(connection, database)
    if found is None:
        raise UsageError(f"there is no database {database}", "SHOW DATABASES lists those that are there")
    return found


def _copy(source: PlainSource, sink: PlainSink, stop: Stop) -> None:
    with source.opened(stop) as reader, sink.opened(stop) as writer:
        while piece := reader.read(1 << 20):
            writer.write(piece)


def _write(sink: PlainSink, content: bytes) -> None:
    with sink.opened(threading.Event()) as writer:
        writer.write(content)
