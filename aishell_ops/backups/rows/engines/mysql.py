"""Rows of MySQL and MariaDB: read in one snapshot, taken into a database of their own, put in place by one RENAME TABLE."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

from aishell_core.engines.mysql_errors import MysqlError, quoted, quoted_account
from aishell_core.engines.mysql_held import HeldConnection, database_of, held_connection
from aishell_core.errors import UsageError
from aishell_core.targets import Target
from aishell_ops.backups.engines import mysql_moment as moment
from aishell_ops.backups.engines import mysql_publish as publishing
from aishell_ops.backups.engines.mysql import MysqlBackups
from aishell_ops.backups.engines.mysql_contents import SYSTEM, Contents, contents_of, variables_of
from aishell_ops.backups.engines.mysql_load_plan import leftovers, names_for
from aishell_ops.backups.errors import BackupError, BusyError
from aishell_ops.backups.models import Format, Manifest, Position, Source
from aishell_ops.backups.rows.by_hand import recovery_by_hand
from aishell_ops.backups.rows.contract import Look, Place, Placed, PlacedColumn
from aishell_ops.backups.rows.engines.mysql_catalog import others_of, tables_of
from aishell_ops.backups.rows.engines.mysql_types import foreign_shape, own_shape
from aishell_ops.backups.rows.fidelity import Shape
from aishell_ops.backups.rows.finding import table_named
from aishell_ops.backups.rows.model import Column, Kind, Raw, Row, Table
from aishell_ops.backups.rows.names import NameRules

_LONGEST_NAME = 64
_NOW = "SELECT /* aishell */ UNIX_TIMESTAMP(NOW(6)) AS now"
_LOCK = "SELECT /* aishell */ GET_LOCK(%s, 3) AS mine"
_STRICT = "SET /* aishell */ SESSION sql_mode = 'STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES'"
_EXACT_COLLATIONS = ("utf8mb4_nopad_bin", "utf8mb4_0900_bin")
"""Those under which two texts are equal when all their signs are; newer MariaDBs know the second name, and pass over blanks under it."""
_PADDED = "utf8mb4_bin"
_PADS = "this server has no collation that tells a text from one with a blank behind it: primary keys over texts are left out"
_KNOWN = "SELECT /* aishell */ COUNT(*) AS found FROM information_schema.collations WHERE collation_name = %s"
_REFERRERS = """
SELECT /* aishell */ DISTINCT table_schema AS `schema`, table_name AS name, referenced_table_name AS parent
FROM information_schema.key_column_usage WHERE referenced_table_schema = %s
"""
_IDENTITY = ("server_uuid", "server_uid")


class MysqlTables:
    """Gives and takes rows of databases."""

    forms = frozenset({Format.JSON, Format.CSV})
    rules = NameRules(_LONGEST_NAME, folds=True, basic=True)

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        self._environ = os.environ if environ is None else environ

    async def look(self, target: Target, database: str, tables: Sequence[str]) -> Look:
        """What is in the database; raises UsageError and MysqlError."""
        async with held_connection(target, self._environ) as connection:
            contents = await _contents(connection, database or database_of(target, self._environ))
            there = await tables_of(connection, contents)
            variables = await variables_of(connection, *_IDENTITY)
            facts = connection.facts
        identity = next((value for name in _IDENTITY if (value := variables.get(name))), "")
        source = Source(target.name, "mysql", contents.database, target.location.redacted(), facts.version, identity, target.environment)
        wanted = tuple(dict.fromkeys(table_named(name, there) for name in tables)) if tables else there
        return Look(source, facts.product, wanted, () if tables else others_of(contents), expected_bytes=round(contents.bytes))

    @asynccontextmanager
    async def moment(self, target: Target, look: Look, *, secret: bool) -> AsyncIterator[_Moment]:
        """Hold a transaction; of tables that know none, nobody may write to them meanwhile."""
        database, wanted = look.source.database, {table.name for table in look.tables}
        async with AsyncExitStack() as stack:
            connection = await stack.enter_async_context(held_connection(target, self._environ))
            contents = await _contents(connection, database)
            loose = [table.name for table in contents.tables if table.name in wanted and table.holds_rows and not table.transactional]
            if loose and not await stack.enter_async_context(moment.kept(target, self._environ, moment.quoted_tables(database, loose))):
                who = quoted_account(connection.facts.account)
                raise BackupError(
                    f"the tables {', '.join(loose)} know no transactions, and this account may not keep writers from them",
                    f"GRANT LOCK TABLES ON {quoted(database)}.* TO {who};",
                )
            await moment.begin(connection)
            tables = await tables_of(connection, await _contents(connection, database))
            start, now = await moment.place_in_log(connection), float(str(await connection.value(_NOW)))
            yield _Moment(connection, database, tuple(table for table in tables if table.name in wanted), start, now)
            with suppress(MysqlError):
                await connection.execute("ROLLBACK /* aishell */")

    def shape(self, table: Table, column: Column, *, same: bool) -> Shape:
        """How a column is kept."""
        return own_shape(column) if same else foreign_shape(table, column)

    def keeps_key(self, columns: Sequence[PlacedColumn]) -> str:
        """Values of any length cannot be in a key."""
        odd = [column.shape.type for column in columns if column.shape.type.startswith("long")]
        return f"a key cannot hold {odd[0]}" if odd else ""

    def place_of(self, tables: Sequence[Table]) -> tuple[tuple[str, str], ...]:
        """There are no schemas: those of others but the usual one are put before the name."""
        return tuple(("", table.name if table.schema in ("", "public") else f"{table.schema}_{table.name}") for table in tables)

    async def survey(self, target: Target, database: str, tables: Sequence[tuple[str, str]]) -> Place:
        """What is in the database where they would go; raises MysqlError."""
        async with held_connection(target, self._environ) as connection:
            name = database or database_of(target, self._environ)
            obstacles = [] if name else ["no database is named: --target does that"]
            if name.lower() in SYSTEM:
                obstacles.append(f"{name} is a database of the server's own")
            if len(name) > _LONGEST_NAME:
                obstacles.append(f"the name {name} is too long for a database")
            if connection.facts.read_only:
                obstacles.append("this server is read-only; restore on the one that it replicates from")
            there = await contents_of(connection, name)
            family, free = connection.facts.product, _free_bytes(connection)
            warnings = (_PADS,) if await _collation(connection) == _PADDED else ()
            if there is None:
                return Place(name, False, family, (), tuple(obstacles), warnings, free)
            wanted = {each.casefold() for _, each in tables}
            existing = [table for table in there.tables if table.name.casefold() in wanted]
            obstacles += [
                f"{each} is there already, and is no table" for each in (*there.views, *there.sequences) if each.casefold() in wanted
            ]
            names = {table.name for table in existing}
            obstacles += [f"the trigger {each} is on the table {table}: drop it first" for each, table in there.triggers if table in names]
            for row in await connection.fetch(_REFERRERS, (name,)):
                if str(row["parent"]) in names and (str(row["schema"]) != name or str(row["name"]) not in names):
                    obstacles.append(f"the table {row['schema']}.{row['name']} refers to {row['parent']} by a foreign key: drop that first")
        lost = tuple((table.name, f"the table {name}.{table.name}, {round(table.bytes):,} bytes") for table in existing)
        return Place(name, True, family, lost, tuple(obstacles), warnings, free)

    @asynccontextmanager
    async def staging(self, target: Target, place: Place, tables: Sequence[Placed]) -> AsyncIterator[_Staging]:
        """A database of its own; what interrupted restores have left is dropped first."""
        async with held_connection(target, self._environ) as connection:
            mine = names_for(place.database)
            if str(await connection.value(_LOCK, (mine.lock,))) != "1":
                raise BusyError(f"another restore of {place.database} is under way", "wait for its end")
            await _tidy(connection, place.database)
            await connection.execute(_STRICT)
            staging = _Staging(connection, place, mine.staging + publishing.token(), mine.aside + publishing.token())
            try:
                await staging.begin(tables)
                yield staging
            finally:
                await asyncio.shield(_let_go(target, self._environ, connection, staging))

    @asynccontextmanager
    async def scratch(self, target: Target, manifest: Manifest) -> AsyncIterator[Target]:
        """A server of its own where its program is on this machine, else a database that is not there yet."""
        async with MysqlBackups(self._environ).scratch(target, manifest) as place:
            yield place

    def recovery(self, form: Format, tables: Sequence[Table]) -> tuple[str, ...]:
        """How the server reads them."""
        client = '"$(command -v mariadb || command -v mysql)"'
        return recovery_by_hand("mysql", f"{client} --binary-mode restored", f"{client} -e 'CREATE DATABASE restored'")


class _Moment:
    """A transaction that is held."""

    def __init__(self, connection: HeldConnection, database: str, tables: tuple[Table, ...], start: Position, now: float) -> None:
        self.tables = tables
        self.start = start
        self.server_time: float | None = now
        self._connection = connection
        self._database = database

    def _name(self, table: Table) -> str:
        return f"{quoted(self._database)}.{quoted(table.name)}"

    async def rows(self, table: Table) -> AsyncIterator[Sequence[Row]]:
        """All rows of a table."""
        shapes = [(column.name, own_shape(column)) for column in table.columns]
        async for piece in _read(self._connection, self._name(table), shapes):
            yield piece

    async def count(self, table: Table) -> int:
        """How many rows the server counts."""
        return int(str(await self._connection.value(f"SELECT /* aishell */ COUNT(*) FROM {self._name(table)}")))  # noqa: S608 - a quoted name


class _Staging:
    """A database of its own."""

    def __init__(self, connection: HeldConnection, place: Place, name: str, aside: str) -> None:
        self.name = name
        self.published = False
        self._connection = connection
        self._place = place
        self._aside = aside

    async def begin(self, tables: Sequence[Placed]) -> None:
        """Make the database and its tables."""
        collation = await _collation(self._connection)
        await publishing.create(self._connection, self.name, "utf8mb4", collation)
        for placed in tables:
            lines = [f"{quoted(column.name)} {column.shape.type} {'NOT NULL' if column.required else 'NULL'}" for column in placed.columns]
            if placed.key and not (collation == _PADDED and _has_text(placed)):
                lines.append(f"PRIMARY KEY ({', '.join(map(quoted, placed.key))})")
            await self._connection.execute(
                f"CREATE TABLE /* aishell */ {self._staged(placed)} ({', '.join(lines)})"
                f" ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE {collation}"
            )

    def _staged(self, placed: Placed) -> str:
        return f"{quoted(self.name)}.{quoted(placed.name)}"

    async def load(self, placed: Placed, rows: Sequence[Sequence[Raw]]) -> None:
        """Take rows, which are literals."""
        listed = ", ".join(quoted(column.name) for column in placed.columns)
        values = ",".join("(" + ",".join("NULL" if value is None else value for value in row) + ")" for row in rows)
        await self._connection.execute(f"INSERT /* aishell */ INTO {self._staged(placed)} ({listed}) VALUES {values}")  # noqa: S608 - literals

    async def finish(self, placed: Placed) -> None:
        """Nothing is left: rows lie in the order of their key."""

    async def rows(self, placed: Placed) -> AsyncIterator[Sequence[Row]]:
        """All rows of a table as its source would have them."""
        async for piece in _read(self._connection, self._staged(placed), [(column.name, column.shape) for column in placed.columns]):
            yield piece

    async def publish(self, placed: Sequence[Placed]) -> None:
        """Move the old tables away and the new ones in, all of them or none. Once begun it is ended."""
        work = asyncio.ensure_future(self._publish(placed))
        try:
            await asyncio.shield(work)
        except asyncio.CancelledError:
            await work
            raise

    async def _publish(self, placed: Sequence[Placed]) -> None:
        connection, final = self._connection, quoted(self._place.database)
        if not self._place.there:
            await connection.execute(f"CREATE DATABASE /* aishell */ {final} CHARACTER SET utf8mb4")
        await publishing.create(connection, self._aside, "", "")
        away = [f"{final}.{quoted(name)} TO {quoted(self._aside)}.{quoted(name)}" for name, _ in self._place.existing]
        steps = [*away, *(f"{self._staged(each)} TO {final}.{quoted(each.name)}" for each in placed)]
        try:
            await connection.execute(f"RENAME /* aishell */ TABLE {', '.join(steps)}")
        except MysqlError:
            await publishing.drop(connection, self._aside)
            if not self._place.there:
                await publishing.drop(connection, self._place.database)
            raise
        self.published = True
        await publishing.drop(connection, self._aside)
        await publishing.drop(connection, self.name)


async def _read(connection: HeldConnection, name: str, shapes: Sequence[tuple[str, Shape]]) -> AsyncIterator[Sequence[Row]]:
    listed = ", ".join(shape.select.replace("{}", quoted(column)) for column, shape in shapes)
    reads = [shape.read for _, shape in shapes]
    async for piece in connection.stream(f"SELECT /* aishell */ {listed} FROM {name}"):  # noqa: S608 - quoted names
        yield [tuple([None if cell is None else read(cell) for read, cell in zip(reads, row, strict=True)]) for row in piece]


async def _let_go(target: Target, environ: Mapping[str, str], connection: HeldConnection, staging: _Staging) -> None:
    """Drop what was not published, by another connection where the first one has broken in the midst of something."""
    if staging.published:
        return
    try:
        await publishing.drop(connection, staging.name)
    except MysqlError:
        async with held_connection(target, environ) as other:
            await publishing.drop(other, staging.name)


async def _collation(connection: HeldConnection) -> str:
    for collation in _EXACT_COLLATIONS:
        if int(str(await connection.value(_KNOWN, (collation,)))):
            return collation
    return _PADDED


def _has_text(placed: Placed) -> bool:
    """Whether a text is in its key."""
    return any(column.column.kind is Kind.TEXT and column.name in placed.key for column in placed.columns)


async def _tidy(connection: HeldConnection, database: str) -> None:
    """Drop what interrupted restores have left; an old database that such a one has moved away is not ours to drop."""
    stagings, asides = await leftovers(connection, database)
    for aside in asides:
        contents = await contents_of(connection, aside)
        if contents is not None and publishing.JOURNAL in contents.names:
            raise BackupError(
                f"a restore of {database} was interrupted while it was put in its place",
                "restore that backup again: what was there before is brought back first",
            )
        await publishing.drop(connection, aside)
    for staging in stagings:
        await publishing.drop(connection, staging)


async def _contents(connection: HeldConnection, database: str) -> Contents:
    if not database:
        raise UsageError("no database is named", "name one; SHOW DATABASES lists those that are there")
    found = await contents_of(connection, database)
    if found is None:
        raise UsageError(f"there is no database {database}", "SHOW DATABASES lists those that are there")
    return found


def _free_bytes(connection: HeldConnection) -> int | None:
    """Room on the disk of the server's data; None where that is not on this machine or cannot be looked at."""
    facts = connection.facts
    if not facts.local or not facts.data_folder:
        return None
    try:
        return shutil.disk_usage(Path(facts.data_folder)).free
    except OSError:
        return None
