"""PostgreSQL: dumps of one moment that are restored into a database of its own and then renamed, and whole servers by their files."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from aishell_core.engines.postgres_held import held_connection, in_database
from aishell_core.targets import Location, Target
from aishell_ops.backups.engines import postgres_databases as databases
from aishell_ops.backups.engines import postgres_dump as dump
from aishell_ops.backups.engines import postgres_load_plan as load_plan
from aishell_ops.backups.engines import postgres_physical as physical
from aishell_ops.backups.engines import postgres_scratch as scratches
from aishell_ops.backups.engines import postgres_tables as tables
from aishell_ops.backups.engines.contract import Loading, LoadPlan, LoadRequest, SavePlan, SaveRequest, Saving
from aishell_ops.backups.engines.postgres_load import DumpLoading, needs_copy, sort_kilobytes_of
from aishell_ops.backups.engines.postgres_tools import Client, find_client, find_server
from aishell_ops.backups.errors import BackupError, ToolError
from aishell_ops.backups.kept_folder import kept_folder
from aishell_ops.backups.models import Format, Manifest
from aishell_ops.backups.scratch_folder import lack_of_room

_ROLES_OF_SCRIPT = (
    "a script gives everything to its owners by their names, and some of these roles are missing here: make them with globals.sql of the"
    " backup, or take --continue-on-error"
)


class PostgresBackups:
    """Saves and restores databases by PostgreSQL's own programs; `folders` are looked at for them first."""

    def __init__(self, environ: Mapping[str, str] | None = None, folders: Iterable[Path] = ()) -> None:
        self._environ = os.environ if environ is None else environ
        self._folders = tuple(folders)
        # What a test restore is made in: how it is asked, and what tries out files there.
        self._scratches: dict[Location, tuple[Mapping[str, str], physical.Trial | None]] = {}

    async def plan_save(self, target: Target, request: SaveRequest) -> SavePlan:
        """What would be saved; raises UsageError for what cannot be, ToolError for a program that is missing, PostgresError."""
        if request.method in physical.NAMES:
            async with held_connection(target, self._environ) as connection:
                return await physical.plan_save(connection, target, request, await self._client("pg_basebackup", connection.major))
        dump.method_of(request)
        async with held_connection(target, self._environ, request.database) as connection:
            return await dump.plan_save(connection, target, request, await self._client("pg_dump", connection.major))

    @asynccontextmanager
    async def saving(self, target: Target, plan: SavePlan) -> AsyncIterator[Saving]:
        """Hold a moment of the database in an open transaction; of a whole server its log of changes."""
        async with held_connection(target, self._environ, plan.source.database) as connection:
            if plan.method == physical.METHOD:
                client = await self._client("pg_basebackup", connection.major)
                async with physical.saving(connection, plan, client) as files:
                    yield files
                return
            clients = (await self._client("pg_dump", connection.major), await self._client("pg_dumpall", connection.major))
            async with dump.saving(connection, plan, *clients) as held:
                yield held

    async def plan_load(self, target: Target, manifest: Manifest, request: LoadRequest) -> LoadPlan:
        """What a restore would do; raises ToolError and PostgresError."""
        environ, _ = self._way_to(target)
        if target.location in self._scratches and not request.database:
            request = replace(request, database=target.location.database)
        if manifest.method == physical.METHOD:
            return await asyncio.to_thread(physical.plan_load, manifest, request, self._environ, self._folders)
        async with held_connection(target, environ, await databases.maintenance(target, environ)) as connection:
            client = await self._client("pg_restore" if manifest.format is Format.NATIVE else "psql", connection.major)
            there = await databases.is_there(connection, request.database or manifest.source.database)
            # A part never takes the place of the whole.
            request = replace(request, tables=request.tables or (manifest.tables if there else ()))
            plan = await load_plan.plan_load(connection, manifest, request, client.tool(), (dump.METHOD, dump.DIRECTORY))
            if manifest.format is Format.SQL and not request.go_on and await databases.missing_roles(connection, manifest):
                plan = replace(plan, obstacles=(*plan.obstacles, _ROLES_OF_SCRIPT))
        if there and not request.tables:
            plan = await load_plan.with_losses(plan, target, environ, manifest)
        if request.tables and there:
            async with held_connection(target, environ, plan.database) as connection:
                named = await dump.with_partitions(connection, plan.request.tables)
                plan = replace(plan, request=replace(plan.request, tables=named))
                plan = await tables.plan_tables(connection, manifest, plan)
        elif request.tables:
            plan = await tables.plan_tables(None, manifest, plan)
        elif manifest.tables:
            plan = replace(plan, warnings=(*plan.warnings, tables.UNCHECKED))
        if needs_copy(manifest, request.jobs):
            lack = lack_of_room(manifest.plain_bytes, in_memory=manifest.encryption is not None)
            if lack is not None:
                plan = replace(plan, obstacles=(*plan.obstacles, f"several jobs read a copy of the dump: {lack[0]}"))
        return plan

    @asynccontextmanager
    async def loading(self, target: Target, manifest: Manifest, plan: LoadPlan) -> AsyncIterator[Loading]:
        """A database or a data folder of its own that takes the backup; it goes unless it was published."""
        environ, trial = self._way_to(target)
        if manifest.method == physical.METHOD:
            checker = await asyncio.to_thread(physical.find_checker, manifest, self._environ, self._folders)
            async with physical.loading(manifest, plan, checker, trial) as files:
                yield files
            return
        with ExitStack() as stack:
            keeper = None
            if needs_copy(manifest, plan.request.jobs):
                keeper = stack.enter_context(kept_folder(manifest.plain_bytes, in_memory=manifest.encryption is not None))
            home = await databases.maintenance(target, environ)
            async with held_connection(target, environ, home) as connection:
                await databases.tidy(connection)
                await databases.hold(connection, plan.staging)
                await databases.create(connection, plan.staging, manifest)
                spaceless = target.location in self._scratches
                loading = DumpLoading(
                    environ,
                    self._folders,
                    target,
                    connection,
                    manifest,
                    plan,
                    keeper=keeper,
                    spaceless=spaceless,
                    bare=bool(await databases.missing_roles(connection, manifest)),
                    sort_kilobytes=await sort_kilobytes_of(connection),
                )
                try:
                    yield loading
                finally:
                    if not loading.published:
                        await asyncio.shield(databases.drop(connection, plan.staging))

    @asynccontextmanager
    async def scratch(self, target: Target, manifest: Manifest) -> AsyncIterator[Target]:
        """A server of its own where its programs are on this machine, else a database of the target's server; gone with the block.

        Files need a server of their own; raises ToolError where there is none for them.
        """
        async with AsyncExitStack() as stack:
            if manifest.method == physical.METHOD:
                place, trial = await self._trial(stack, target, manifest)
                environ = self._environ
            else:
                place, environ, trial = *await self._server_or_database(stack, target, manifest), None
            self._scratches[place.location] = (environ, trial)
            try:
                yield place
            finally:
                del self._scratches[place.location]

    async def _server_or_database(self, stack: AsyncExitStack, target: Target, manifest: Manifest) -> tuple[Target, Mapping[str, str]]:
        major = databases.major_of(manifest.source.server_version)
        found = await asyncio.to_thread(find_server, major, self._environ, self._folders)
        if found is not None:
            try:
                place = await stack.enter_async_context(scratches.scratch_server(found, target, manifest))
            except BackupError:
                # It lacks room, an extension or a collation that the target's own server has.
                pass
            else:
                # Programs are looked for where they always are.
                return place, {**scratches.surroundings(place), "PATH": self._environ.get("PATH", os.defpath)}
        return await stack.enter_async_context(self._scratch_database(target, manifest)), self._environ

    @asynccontextmanager
    async def _scratch_database(self, target: Target, manifest: Manifest) -> AsyncIterator[Target]:
        """A database of the same server that is not there yet, and is dropped when the block ends."""
        name = databases.short(f"aishell_test_{manifest.id}_{secrets.token_hex(3)}")
        home = await databases.maintenance(target, self._environ)
        async with held_connection(target, self._environ, home) as connection:
            await databases.hold(connection, name)
            try:
                yield in_database(target, name)
            finally:
                await asyncio.shield(databases.drop(connection, name))

    async def _trial(self, stack: AsyncExitStack, target: Target, manifest: Manifest) -> tuple[Target, physical.Trial]:
        """A folder for files, and what starts a server on them."""
        major = databases.major_of(manifest.source.server_version)
        found = await asyncio.to_thread(partial(find_server, newer=False), major, self._environ, self._folders)
        if found is None:
            raise ToolError(
                f"files of PostgreSQL {major} are tried out by its own server alone, which is not here, or cannot be run by this user",
                f"install postgresql-{major} (Debian), postgresql{major}-server (Red Hat) or postgresql@{major} (Homebrew)",
            )
        keeper = await stack.enter_async_context(scratches.trial_folder(manifest))
        place = replace(target, location=Location("postgres", database=str(keeper.folder / "data")))
        return place, partial(scratches.try_out, found, keeper, manifest)

    def _way_to(self, target: Target) -> tuple[Mapping[str, str], physical.Trial | None]:
        """The environment in which a target is asked, and what tries out files that are restored there."""
        return self._scratches.get(target.location, (self._environ, None))

    async def _client(self, name: str, major: int) -> Client:
        return await asyncio.to_thread(find_client, name, major, self._environ, self._folders)
