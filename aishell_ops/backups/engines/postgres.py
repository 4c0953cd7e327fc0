"""PostgreSQL: a logical dump of one moment with the roles beside it, restored into a database of its own and then renamed."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from shlex import quote
from typing import Any

from aishell_core.engines.postgres_errors import PostgresError
from aishell_core.engines.postgres_held import ClientEnvironment, HeldConnection, held_connection, in_database
from aishell_core.errors import UsageError
from aishell_core.targets import Target
from aishell_ops.backups.engines import postgres_databases as databases
from aishell_ops.backups.engines.contract import LoadPlan, LoadRequest, SavePlan, SaveRequest
from aishell_ops.backups.engines.postgres_proofs import TABLES, proofs_of, qualified
from aishell_ops.backups.engines.postgres_tools import Client, find_client
from aishell_ops.backups.models import Format, Manifest, ObjectProof, Part, Position, ProofLevel, Source
from aishell_ops.backups.streams.contract import PlainSink, PlainSource, Progress, Stop
from aishell_ops.backups.streams.nowhere import Nowhere
from aishell_ops.backups.streams.process import Program, ProgramSink, ProgramSource

METHOD = "pg_dump"
_ARCHIVE, _SCRIPT, _GLOBALS = "database.dump", "database.sql", "globals.sql"
_LOCK_WAIT = "--lock-wait-timeout=10000"
_ENDINGS = (b"-- PostgreSQL database dump complete", b"-- PostgreSQL database cluster dump complete")
_MOMENT = "BEGIN /* aishell */ ISOLATION LEVEL REPEATABLE READ READ ONLY; SET /* aishell */ LOCAL row_security = off"
_HELD = """
SELECT /* aishell */ pg_export_snapshot() AS snapshot, extract(epoch FROM clock_timestamp())::float8 AS now,
  CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END::text AS lsn
"""
_LSN = "SELECT /* aishell */ CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END::text AS lsn"


class PostgresBackups:
    """Saves and restores databases by PostgreSQL's own programs; `folders` are looked at for them first."""

    def __init__(self, environ: Mapping[str, str] | None = None, folders: Iterable[Path] = ()) -> None:
        self._environ = os.environ if environ is None else environ
        self._folders = tuple(folders)

    async def plan_save(self, target: Target, request: SaveRequest) -> SavePlan:
        """What would be saved; raises UsageError for what cannot be, ToolError for a program that is missing, PostgresError."""
        if request.format not in (Format.NATIVE, Format.SQL):
            raise UsageError(f"PostgreSQL databases cannot be saved as {request.format} yet", "take --format native or sql")
        async with held_connection(target, self._environ, request.database) as connection:
            dump = await self._client("pg_dump", connection.major)
            tables = await connection.fetch(TABLES)
            names = tuple(qualified(str(row["schema"]), str(row["name"])) for row in tables)
            wanted = tuple(_table_named(table, names) for table in request.tables)
            size = sum(float(row["bytes"]) for row, name in zip(tables, names, strict=True) if not wanted or name in wanted)
            properties = await databases.properties_of(connection)
            source = Source(
                target.name,
                "postgres",
                connection.database,
                target.location.redacted(),
                connection.facts.version,
                connection.facts.system_identifier,
                target.environment,
            )
        return SavePlan(
            replace(request, tables=wanted),
            METHOD,
            source,
            (dump.tool(*_dump_arguments(request, wanted)),),
            expected_bytes=round(size),
            steps=("hold one moment of the database", f"dump it with {dump.path}", "dump the roles", "count its tables in the same moment"),
            recovery=_recovery(request, source.database),
            properties=properties,
        )

    @asynccontextmanager
    async def saving(self, target: Target, plan: SavePlan) -> AsyncIterator[_Saving]:
        """Hold a moment of the database in an open transaction."""
        async with held_connection(target, self._environ, plan.source.database) as connection:
            await connection.execute(_MOMENT)
            (held,) = await connection.fetch(_HELD)
            clients = (await self._client("pg_dump", connection.major), await self._client("pg_dumpall", connection.major))
            yield _Saving(connection, plan, held, clients)
            with suppress(PostgresError):
                await connection.execute("ROLLBACK /* aishell */")

    async def plan_load(self, target: Target, manifest: Manifest, request: LoadRequest) -> LoadPlan:
        """What a restore would do; raises ToolError and PostgresError."""
        async with held_connection(target, self._environ, await databases.maintenance(target, self._environ)) as connection:
            client = await self._client("pg_restore" if manifest.format is Format.NATIVE else "psql", connection.major)
            return await databases.plan_load(connection, manifest, request, client.tool())

    @asynccontextmanager
    async def loading(self, target: Target, manifest: Manifest, plan: LoadPlan) -> AsyncIterator[_Loading]:
        """A database of its own that takes the backup; it is dropped unless it was published."""
        home = await databases.maintenance(target, self._environ)
        async with held_connection(target, self._environ, home) as connection:
            await databases.create(connection, plan.staging, manifest)
            loading = _Loading(self, target, connection, manifest, plan)
            try:
                yield loading
            finally:
                if not loading.published:
                    await asyncio.shield(databases.drop(connection, plan.staging))

    @asynccontextmanager
    async def scratch(self, target: Target, manifest: Manifest) -> AsyncIterator[Target]:
        """A database of the same server that is not there yet, and is dropped when the block ends."""
        name = databases.short(f"aishell_test_{manifest.id}_{secrets.token_hex(3)}")
        try:
            yield in_database(target, name)
        finally:
            home = await databases.maintenance(target, self._environ)
            async with held_connection(target, self._environ, home) as connection:
                await databases.drop(connection, name)

    async def _client(self, name: str, major: int) -> Client:
        return await asyncio.to_thread(find_client, name, major, self._environ, self._folders)


class _Saving:
    """A held moment, which pg_dump shares by its exported snapshot."""

    def __init__(self, connection: HeldConnection, plan: SavePlan, held: Mapping[str, Any], clients: tuple[Client, Client]) -> None:
        self._connection = connection
        self._plan = plan
        self._snapshot = str(held["snapshot"])
        self._dump, self._dump_all = clients
        self.start: Position = (("lsn", str(held["lsn"])),)
        self.server_time: float | None = float(held["now"])

    @property
    def streams(self) -> tuple[PlainSource, ...]:
        """The roles, then the database; of a part of it no roles."""
        request, around = self._plan.request, self._connection.environment
        arguments = (
            *_dump_arguments(request, request.tables),
            f"--snapshot={self._snapshot}",
            "--dbname",
            _connection_text(self._connection.database),
        )
        plain = request.format is Format.SQL
        data = ProgramSource(
            _SCRIPT if plain else _ARCHIVE,
            _program(self._dump, arguments, around),
            trailer=_ends_well if plain else None,
            expected_bytes=self._plan.expected_bytes,
        )
        if request.tables:
            return (data,)
        # The passwords' hashes lie in a catalog that superusers alone may read.
        hidden = () if self._connection.facts.superuser else ("--no-role-passwords",)
        roles = ("--globals-only", *hidden, "--no-password", "--dbname", _connection_text(self._connection.database))
        return (ProgramSource(_GLOBALS, _program(self._dump_all, roles, around), trailer=_ends_well), data)

    async def proofs(self, level: ProofLevel, stop: Stop) -> tuple[ObjectProof, ...]:
        """Counts and hashes of its tables, made by the server in the same moment."""
        return await proofs_of(self._connection, level, self._plan.request.tables, stop)

    async def end(self) -> Position:
        """The place in the log now."""
        (row,) = await self._connection.fetch(_LSN)
        return (("lsn", str(row["lsn"])),)


class _Loading:
    """A database of its own that takes a backup."""

    def __init__(self, engine: PostgresBackups, target: Target, connection: HeldConnection, manifest: Manifest, plan: LoadPlan) -> None:
        self.published = False
        self._engine = engine
        self._target = target
        self._connection = connection
        self._manifest = manifest
        self._plan = plan

    def sink(self, part: Part) -> PlainSink:
        """What restores the database; the roles are not touched."""
        if part.name.startswith(_GLOBALS):
            return Nowhere()
        text = _connection_text(self._plan.staging)
        around = self._connection.environment
        bare = ("--no-owner", "--no-privileges") if self._plan.warnings else ()
        if self._manifest.format is Format.NATIVE:
            stop = () if self._plan.request.go_on else ("--exit-on-error",)
            return ProgramSink(_program(self._client("pg_restore"), ("--no-password", *stop, *bare, "--dbname", text), around))
        arguments = (
            "-X",
            "-q",
            "--no-password",
            "-o",
            os.devnull,
            "-v",
            f"ON_ERROR_STOP={0 if self._plan.request.go_on else 1}",
            "-1",
            "-d",
            text,
        )
        return ProgramSink(_program(self._client("psql"), arguments, around))

    def _client(self, name: str) -> Client:
        return find_client(name, self._connection.major, self._engine._environ, self._engine._folders)

    async def finish(self, progress: Progress, stop: Stop) -> None:
        """Let the planner know what is there: nothing of that is in a dump."""
        async with held_connection(self._target, self._engine._environ, self._plan.staging) as connection:
            await connection.execute("ANALYZE /* aishell */")

    async def proofs(self, level: ProofLevel, stop: Stop) -> tuple[ObjectProof, ...]:
        """Counts and hashes of its tables."""
        async with held_connection(self._target, self._engine._environ, self._plan.staging) as connection:
            return await proofs_of(connection, level, self._manifest.tables, stop)

    async def publish(self) -> None:
        """Give it its name; the one that had it is dropped after that."""
        await databases.publish(self._connection, self._plan, self._manifest)
        self.published = True


def _program(client: Client, arguments: tuple[str, ...], around: ClientEnvironment) -> Program:
    return Program((str(client.path), *arguments), around.variables, around.secrets, hides="PG")


def _dump_arguments(request: SaveRequest, tables: tuple[str, ...]) -> tuple[str, ...]:
    form = ("--format=custom", "--compress=0") if request.format is Format.NATIVE else ("--format=plain",)
    return (*form, "--no-password", _LOCK_WAIT, *(("--strict-names", *(f"--table={table}" for table in tables)) if tables else ()))


def _connection_text(database: str) -> str:
    """A database's name as a connection string, so that one with an equals sign in it is no such string by itself."""
    value = database.replace("\\", "\\\\").replace("'", "\\'")
    return f"dbname='{value}'"


def _ends_well(tail: bytes) -> bool:
    return any(ending in tail[-400:] for ending in _ENDINGS)


def _table_named(text: str, names: tuple[str, ...]) -> str:
    """The table that somebody means by `orders`, `shop.orders` or a quoted name; raises UsageError naming the nearest."""
    plain = {name: name.replace('"', "") for name in names}
    found = [name for name, words in plain.items() if text in (name, words, words.partition(".")[2])]
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageError(f"{text} is the name of {len(found)} tables", f"they are {', '.join(found)}")
    near = get_close_matches(text, [*plain.values(), *(words.partition(".")[2] for words in plain.values())], 1)
    raise UsageError(f"there is no table {text}", f"did you mean {near[0]}?" if near else "name it with its schema")


def _recovery(request: SaveRequest, database: str) -> tuple[str, ...]:
    name = quote(database)
    roles = () if request.tables else (f"psql -X -d postgres -f {_GLOBALS}    # roles that are there already are told as errors",)
    if request.format is Format.NATIVE:
        return (*roles, f"createdb -T template0 {name}", f"pg_restore --exit-on-error -d {name} {_ARCHIVE}")
    return (*roles, f"createdb -T template0 {name}", f"psql -X -1 -v ON_ERROR_STOP=1 -d {name} -f {_SCRIPT}")
