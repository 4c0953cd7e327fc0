"""Rows of PostgreSQL: read by COPY in one snapshot, taken into a schema of their own, put in place in one transaction."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress

from aishell_core.engines.postgres_errors import PostgresError, quoted
from aishell_core.engines.postgres_held import HeldConnection, held_connection, in_database
from aishell_core.engines.postgres_place import find_place
from aishell_core.targets import Target
from aishell_core.values import FailureCode
from aishell_ops.backups.engines.postgres_databases import maintenance, source_of
from aishell_ops.backups.errors import BusyError
from aishell_ops.backups.models import Format, Manifest, Position
from aishell_ops.backups.rows.by_hand import recovery_by_hand
from aishell_ops.backups.rows.contract import Look, Place, Placed, PlacedColumn
from aishell_ops.backups.rows.engines.postgres_catalog import named, others_of, tables_of
from aishell_ops.backups.rows.engines.postgres_types import fields_of, foreign_shape, line_of, of_any_bytes, own_shape, reader
from aishell_ops.backups.rows.fidelity import Shape
from aishell_ops.backups.rows.finding import table_named
from aishell_ops.backups.rows.model import Cell, Column, Raw, Row, Table
from aishell_ops.backups.rows.names import NameRules

FAMILY = "postgres"
_STAGING = "aishell_restoring_rows_"
_LONGEST_NAME = 63
_WAITING_PIECES = 4
_KEYLESS = frozenset({"json", "xml", "point", "box", "line", "lseg", "path", "polygon", "circle"})
_MOMENT = "BEGIN /* aishell */ ISOLATION LEVEL REPEATABLE READ READ ONLY; SET /* aishell */ LOCAL row_security = off"
_HELD = """
SELECT /* aishell */ extract(epoch FROM clock_timestamp())::float8 AS now,
  CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END::text AS lsn
"""
_DATABASES = "SELECT /* aishell */ datname AS name FROM pg_database WHERE datname = $1"
_THERE = """
SELECT /* aishell */ n.nspname AS schema, c.relname AS name, c.relkind IN ('r', 'p') AS is_table,
  pg_size_pretty(pg_total_relation_size(c.oid)) AS size, (SELECT count(*) FROM pg_constraint f
  WHERE f.confrelid = c.oid AND f.contype = 'f' AND f.conrelid <> c.oid)::int4 AS referrers,
  ARRAY(SELECT DISTINCT r.ev_class::regclass::text FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid
  WHERE d.classid = 'pg_rewrite'::regclass AND d.refobjid = c.oid AND r.ev_class <> c.oid)::text[] AS views
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN unnest($1::text[], $2::text[]) AS wanted (schema, name) ON wanted.schema = n.nspname AND wanted.name = c.relname
"""
_LEFT = r"SELECT /* aishell */ nspname AS name FROM pg_namespace WHERE nspname LIKE 'aishell\_restoring\_rows\_%'"
_LOCK = "SELECT /* aishell */ pg_try_advisory_lock(hashtext('aishell restores rows'), 0) AS mine"


class PostgresTables:
    """Gives and takes rows of databases."""

    forms = frozenset({Format.JSON, Format.CSV})
    rules = NameRules(_LONGEST_NAME, counts_bytes=True)

    def __init__(self, environ: Mapping[str, str] | None = None, *, any_bytes: bool = False) -> None:
        self._environ = os.environ if environ is None else environ
        self._any_bytes = any_bytes

    async def look(self, target: Target, database: str, tables: Sequence[str]) -> Look:
        """What is in the database; raises UsageError and PostgresError."""
        async with held_connection(target, self._environ, database) as connection:
            there, _, size = await tables_of(connection)
            others = await others_of(connection)
            source = source_of(target, connection, connection.database)
        there, bare = tuple(table for table in there if table.columns), [table.label for table in there if not table.columns]
        others = (*others, *((f"table {label}", "it has no columns") for label in bare))
        wanted = tuple(dict.fromkeys(table_named(name, there) for name in tables)) if tables else there
        return Look(source, FAMILY, wanted, () if tables else others, expected_bytes=round(size))

    @asynccontextmanager
    async def moment(self, target: Target, look: Look, *, secret: bool) -> AsyncIterator[_Moment]:
        """Hold a snapshot, and the definitions of the tables."""
        async with held_connection(target, self._environ, look.source.database) as connection:
            await connection.execute(_MOMENT)
            listed = ", ".join(map(named, look.tables))
            await connection.execute(f"LOCK /* aishell */ TABLE {listed} IN ACCESS SHARE MODE")
            (held,) = await connection.fetch(_HELD)
            there, parted, _ = await tables_of(connection)
            wanted = {table.label for table in look.tables}
            yield _Moment(connection, tuple(table for table in there if table.label in wanted), parted, held)
            with suppress(PostgresError):
                await connection.execute("ROLLBACK /* aishell */")

    def shape(self, table: Table, column: Column, *, same: bool) -> Shape:
        """How a column is kept."""
        shape = own_shape(column) if same else foreign_shape(column)
        return of_any_bytes(shape) if self._any_bytes else shape

    def at(self, place: Place) -> PostgresTables:
        """The same for a database whose texts are bytes without an encoding."""
        return PostgresTables(self._environ, any_bytes=place.any_bytes)

    def keeps_key(self, columns: Sequence[PlacedColumn]) -> str:
        """Types without an order cannot be in a key."""
        odd = [column.shape.type for column in columns if column.shape.type in _KEYLESS]
        return f"{odd[0]} has no order" if odd else ""

    def place_of(self, tables: Sequence[Table]) -> tuple[tuple[str, str], ...]:
        """Tables of engines without schemas go into the usual one."""
        return tuple((table.schema or "public", table.name) for table in tables)

    async def survey(self, target: Target, database: str, tables: Sequence[tuple[str, str]]) -> Place:
        """What is in the database where they would go; raises PostgresError."""
        home = await maintenance(target, self._environ)
        async with held_connection(target, self._environ, home) as connection:
            name = database or _database_of(target, self._environ)
            obstacles = ["this server is a replica; restore on its primary"] if connection.facts.in_recovery else []
            if len(name.encode()) > _LONGEST_NAME:
                obstacles.append(f"the name {name} is too long for a database")
            if not await connection.fetch(_DATABASES, (name,)):
                return Place(name, False, FAMILY, obstacles=tuple(obstacles))
        async with held_connection(target, self._environ, name) as connection:
            rows = await connection.fetch(_THERE, ([schema for schema, _ in tables], [each for _, each in tables]))
        for row in rows:
            label = f"{row['schema']}.{row['name']}"
            if not row["is_table"]:
                obstacles.append(f"{label} is there already, and is no table")
            elif row["views"]:
                obstacles.append(f"{', '.join(row['views'])} {'reads' if len(row['views']) == 1 else 'read'} {label}: drop that first")
            elif row["referrers"]:
                obstacles.append(f"{row['referrers']} foreign keys refer to {label}: drop them first, or restore under another name")
        existing = tuple((label, f"the table {label}, {row['size']}") for row in rows if (label := f"{row['schema']}.{row['name']}"))
        return Place(name, True, FAMILY, existing, tuple(obstacles), any_bytes=connection.facts.encoding == "SQL_ASCII")

    @asynccontextmanager
    async def staging(self, target: Target, place: Place, tables: Sequence[Placed]) -> AsyncIterator[_Staging]:
        """A schema of its own for each schema, in a database of its own where there is none yet."""
        async with AsyncExitStack() as stack:
            home: HeldConnection | None = None
            database, token = place.database, secrets.token_hex(4)
            if not place.there:
                home = await stack.enter_async_context(held_connection(target, self._environ, await maintenance(target, self._environ)))
                database = f"{_STAGING}{token}"
                await home.execute(f"CREATE DATABASE {quoted(database)} TEMPLATE template0 ENCODING 'UTF8'")
            staging = _Staging(self._environ, target, place, database, token, home)
            try:
                await staging.begin(tables)
                yield staging
            finally:
                await asyncio.shield(staging.end())

    @asynccontextmanager
    async def scratch(self, target: Target, manifest: Manifest) -> AsyncIterator[Target]:
        """A database of the same server that is not there yet, and is dropped when the block ends."""
        name = f"aishell_test_{manifest.id}_{secrets.token_hex(3)}"[:_LONGEST_NAME]
        try:
            yield in_database(target, name)
        finally:
            async with held_connection(target, self._environ, await maintenance(target, self._environ)) as connection:
                await connection.execute(f"DROP DATABASE IF EXISTS {quoted(name)} WITH (FORCE)")

    def recovery(self, form: Format, tables: Sequence[Table]) -> tuple[str, ...]:
        """How psql reads them."""
        own = "# types of your own (enums, domains) have to be in it before what follows; rows name them, and do not hold them"
        return recovery_by_hand("postgres", "psql -q -v ON_ERROR_STOP=1 -d restored", "createdb restored", own)


class _Moment:
    """A snapshot that is held."""

    def __init__(self, connection: HeldConnection, tables: tuple[Table, ...], parted: frozenset[str], held: Mapping[str, Raw]) -> None:
        self.tables = tables
        self.start: Position = (("lsn", str(held["lsn"])),)
        self.server_time: float | None = float(held["now"])
        self._connection = connection
        self._parted = parted

    def _from(self, table: Table) -> str:
        return named(table) if table.label in self._parted else f"ONLY {named(table)}"

    async def rows(self, table: Table) -> AsyncIterator[Sequence[Row]]:
        """All rows of a table."""
        listed = ", ".join(quoted(column.name) for column in table.columns)
        sql = f"SELECT {listed} FROM {self._from(table)}"  # noqa: S608 - quoted names
        async for piece in _read(self._connection, sql, [reader(column) for column in table.columns]):
            yield piece

    async def count(self, table: Table) -> int:
        """How many rows the server counts."""
        (row,) = await self._connection.fetch(f"SELECT /* aishell */ count(*) AS rows FROM {self._from(table)}")  # noqa: S608 - a quoted name
        return int(row["rows"])


class _Staging:
    """Schemas of its own."""

    def __init__(
        self, environ: Mapping[str, str], target: Target, place: Place, database: str, token: str, home: HeldConnection | None
    ) -> None:
        self._environ = environ
        self._target = target
        self._place = place
        self._database = database
        self._token = token
        self._home = home
        self._stack = AsyncExitStack()
        self._connection: HeldConnection | None = None
        self._schemas: dict[str, str] = {}
        self._published = False

    @property
    def _held(self) -> HeldConnection:
        if self._connection is None:
            raise PostgresError(FailureCode.REFUSED, "the staging place is gone", "restore again")
        return self._connection

    async def begin(self, tables: Sequence[Placed]) -> None:
        """Make the schemas and the tables; what interrupted restores have left is dropped first."""
        self._connection = await self._stack.enter_async_context(held_connection(self._target, self._environ, self._database))
        (lock,) = await self._held.fetch(_LOCK)
        if not lock["mine"]:
            raise BusyError(f"another restore of rows into {self._place.database} is under way", "wait for its end")
        for row in await self._held.fetch(_LEFT):
            await self._held.execute(f"DROP SCHEMA {quoted(str(row['name']))} CASCADE")
        for number, schema in enumerate(dict.fromkeys(placed.schema for placed in tables)):
            self._schemas[schema] = f"{_STAGING}{self._token}_{number}"
            await self._held.execute(f"CREATE SCHEMA {quoted(self._schemas[schema])}")
        for placed in tables:
            lines = [f"{quoted(column.name)} {column.shape.type}{' NOT NULL' if column.required else ''}" for column in placed.columns]
            await self._held.execute(f"CREATE TABLE {self._name(placed)} ({', '.join(lines)})")

    def _name(self, placed: Placed) -> str:
        return f"{quoted(self._schemas[placed.schema])}.{quoted(placed.name)}"

    async def load(self, placed: Placed, rows: Sequence[Sequence[Raw]]) -> None:
        """Take rows."""
        data = "".join([line_of(list(row)) for row in rows]).encode("utf-8", "surrogateescape")
        await self._held.copy_in(self._schemas[placed.schema], placed.name, [column.name for column in placed.columns], data)

    async def finish(self, placed: Placed) -> None:
        """Build the primary key, and let the planner know what is there."""
        if placed.key:
            await self._held.execute(f"ALTER TABLE {self._name(placed)} ADD PRIMARY KEY ({', '.join(map(quoted, placed.key))})")
        await self._held.execute(f"ANALYZE /* aishell */ {self._name(placed)}")

    async def rows(self, placed: Placed) -> AsyncIterator[Sequence[Row]]:
        """All rows of a table as its source would have them."""
        listed = ", ".join(column.shape.select.format(quoted(column.name)) for column in placed.columns)
        sql = f"SELECT {listed} FROM {self._name(placed)}"  # noqa: S608 - quoted names
        async for piece in _read(self._held, sql, [column.shape.read for column in placed.columns]):
            yield piece

    async def publish(self, placed: Sequence[Placed]) -> None:
        """Give all tables their schemas in one transaction, in which those that were there go."""
        steps = ["BEGIN /* aishell */"]
        steps += [f"CREATE SCHEMA IF NOT EXISTS {quoted(schema)}" for schema in self._schemas]
        existing = {label for label, _ in self._place.existing}
        for each in placed:
            if each.label in existing:
                steps.append(f"DROP TABLE IF EXISTS {quoted(each.schema)}.{quoted(each.name)}")
            steps.append(f"ALTER TABLE {self._name(each)} SET SCHEMA {quoted(each.schema)}")
        steps += [f"DROP SCHEMA {quoted(schema)}" for schema in self._schemas.values()]
        try:
            await self._held.execute("; ".join([*steps, "COMMIT"]))
        except PostgresError:
            with suppress(PostgresError):
                await self._held.execute("ROLLBACK /* aishell */")
            raise
        if self._home is not None:
            await self._stack.aclose()
            self._connection = None
            await self._home.execute(f"ALTER DATABASE {quoted(self._database)} RENAME TO {quoted(self._place.database)}")
        self._published = True

    async def end(self) -> None:
        """Drop what was not published, and let go of the connection."""
        try:
            if not self._published and self._home is None:
                await self._drop_schemas()
        finally:
            with suppress(PostgresError):
                await self._stack.aclose()
            if not self._published and self._home is not None:
                await self._home.execute(f"DROP DATABASE IF EXISTS {quoted(self._database)} WITH (FORCE)")

    async def _drop_schemas(self) -> None:
        """By a connection of its own: the first one may be in the midst of something."""
        await self._stack.aclose()
        async with held_connection(self._target, self._environ, self._database) as connection:
            for schema in self._schemas.values():
                await connection.execute(f"DROP SCHEMA IF EXISTS {quoted(schema)} CASCADE")


async def _read(connection: HeldConnection, sql: str, reads: Sequence[Callable[[Raw], Cell]]) -> AsyncIterator[Sequence[Row]]:
    """The rows of a query, a piece at a time; the server waits while a piece is worked on."""
    queue: asyncio.Queue[bytes] = asyncio.Queue(_WAITING_PIECES)

    async def copy() -> None:
        await connection.copy_out(sql, queue.put)
        await queue.put(b"")

    copying = asyncio.create_task(copy())
    parts: list[bytes] = []
    try:
        while piece := await _next(queue, copying):
            if b"\n" not in piece:
                parts.append(piece)
                continue
            *lines, rest = b"".join([*parts, piece]).split(b"\n")
            parts = [rest]
            yield [_row(line.decode("utf-8", "surrogateescape"), reads) for line in lines]
        await copying
    finally:
        copying.cancel()
        await asyncio.gather(copying, return_exceptions=True)


async def _next(queue: asyncio.Queue[bytes], copying: asyncio.Task[None]) -> bytes:
    """The next piece, empty at the end; raises what has ended the copying too early."""
    getting = asyncio.create_task(queue.get())
    try:
        await asyncio.wait({getting, copying}, return_when=asyncio.FIRST_COMPLETED)
        if not getting.done() and copying.done() and queue.empty():
            copying.result()
        return await getting
    finally:
        getting.cancel()


def _row(line: str, reads: Sequence[Callable[[Raw], Cell]]) -> Row:
    return tuple([None if field is None else read(field) for read, field in zip(reads, fields_of(line), strict=True)])


def _database_of(target: Target, environ: Mapping[str, str]) -> str:
    return find_place(target, environ).database
