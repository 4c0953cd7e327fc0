"""Rows of Oracle's tables: read at one system change number, taken into tables of their own, and put in their places.

No server of it was at hand: what is here was tried on recorded rows alone (docs/oracle.md).
"""

from __future__ import annotations

import os
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from aishell_core.engines.oracle_errors import is_barred, quoted
from aishell_core.engines.oracle_held import ConnectBulk, HeldConnection, OracleError, bulk_by_driver, held_connection, schema_of
from aishell_core.errors import UsageError
from aishell_core.targets import Target
from aishell_ops.backups.models import Format, Manifest, Position, Source
from aishell_ops.backups.rows.contract import Look, Place, Placed, PlacedColumn
from aishell_ops.backups.rows.engines.oracle_catalog import RESERVED, contents_of, exact, schema_named
from aishell_ops.backups.rows.engines.oracle_faults import no_scn, reading
from aishell_ops.backups.rows.engines.oracle_place import surveyed, unfit
from aishell_ops.backups.rows.engines.oracle_staging import OracleStaging, read, staged
from aishell_ops.backups.rows.engines.oracle_types import foreign_shape, own_shape
from aishell_ops.backups.rows.fidelity import Shape
from aishell_ops.backups.rows.finding import table_named
from aishell_ops.backups.rows.model import Column, Row, Table
from aishell_ops.backups.rows.names import NameRules

FAMILY = "oracle"
SCN = "SELECT /* aishell */ current_scn AS scn FROM v$database"
SCN_BY_PACKAGE = "SELECT /* aishell */ dbms_flashback.get_system_change_number AS scn FROM dual"
NOW = "SELECT /* aishell */ (CAST(SYS_EXTRACT_UTC(SYSTIMESTAMP) AS DATE) - DATE '1970-01-01') * 86400 AS now FROM dual"
_UNTRIED = "no Oracle server was at hand where this was made: try a restore of it before you rely on it"
_NO_PACKAGE = frozenset({904, 6550})
_TRIAL = "aishell_trial"
"""The option of a target for a test restore, which is never part of a URL."""


class OracleTables:
    """Gives and takes rows of the tables of a schema. `connect` makes a connection; tests give one that stands in for the driver's."""

    rules = NameRules(128, counts_bytes=True, reserved=RESERVED.lower(), forbidden='"')

    def __init__(
        self,
        environ: Mapping[str, str] | None = None,
        connect: ConnectBulk = bulk_by_driver,
        forms: frozenset[Format] = frozenset({Format.JSON, Format.CSV}),
    ) -> None:
        self._environ = os.environ if environ is None else environ
        self._connect = connect
        self.forms = forms

    async def look(self, target: Target, database: str, tables: Sequence[str]) -> Look:
        """What is in the schema; raises UsageError and OracleError."""
        async with held_connection(target, self._environ, self._connect) as connection:
            schema = await schema_named(connection, database or schema_of(target, self._environ))
            contents = await contents_of(connection, schema)
            facts = connection.facts
        identity = "/".join(filter(None, (facts.unique_name, facts.container)))
        source = Source(target.name, "oracle", schema, target.location.redacted(), facts.version, identity, target.environment)
        there = contents.tables
        wanted = tuple(dict.fromkeys(table_named(_folded(name, there), there) for name in tables)) if tables else there
        skipped = () if tables else contents.skipped
        return Look(source, FAMILY, wanted, skipped, (*contents.warnings, _UNTRIED), contents.data_bytes or None)

    @asynccontextmanager
    async def moment(self, target: Target, look: Look, *, secret: bool) -> AsyncIterator[OracleMoment]:
        """A system change number, at which everything is read: nothing is locked, and no transaction is held."""
        wanted = {table.name for table in look.tables}
        async with held_connection(target, self._environ, self._connect) as connection:
            # The number comes first: what is changed in a definition after it, the server refuses to read.
            scn = await _scn(connection)
            now = float(str(await connection.value(NOW)))
            contents = await contents_of(connection, look.source.database)
            gone = wanted - {table.name for table in contents.tables}
            if gone:
                raise UsageError(f"{', '.join(sorted(gone))} of {contents.schema} has just been dropped", "save it again")
            yield OracleMoment(connection, contents.schema, tuple(each for each in contents.tables if each.name in wanted), scn, now)

    def shape(self, table: Table, column: Column, *, same: bool) -> Shape:
        """How a column is kept."""
        return own_shape(column) if same else foreign_shape(table, column)

    def keeps_key(self, columns: Sequence[PlacedColumn]) -> str:
        """What is large cannot be in a key, nor a moment with its zone."""
        for column in columns:
            type_ = column.shape.type
            if type_ in ("CLOB", "NCLOB", "BLOB") or type_.startswith("LONG") or type_.endswith(") WITH TIME ZONE"):
                return f"a key cannot hold {type_}"
        return ""

    def place_of(self, tables: Sequence[Table]) -> tuple[tuple[str, str], ...]:
        """All go into one schema: those of others but the usual one are put before the name."""
        return tuple(("", table.name if table.schema in ("", "public") else f"{table.schema}_{table.name}") for table in tables)

    async def survey(self, target: Target, database: str, tables: Sequence[tuple[str, str]]) -> Place:
        """What is in the schema where they would go; raises UsageError, OracleError."""
        plain, trial = _without_trial(target)
        async with held_connection(plain, self._environ, self._connect) as connection:
            schema = await schema_named(connection, database or schema_of(plain, self._environ))
            if trial:
                return Place(schema, there=True, family=FAMILY)
            place = await surveyed(connection, schema, [name for _, name in tables], FAMILY)
            return replace(place, warnings=(*place.warnings, _UNTRIED))

    async def unfit(self, target: Target, place: Place, tables: Sequence[Placed]) -> tuple[str, ...]:
        """Why rows do not go into tables that are there; raises OracleError."""
        plain, trial = _without_trial(target)
        if trial:
            return ()
        async with held_connection(plain, self._environ, self._connect) as connection:
            return unfit(await contents_of(connection, place.database), tables)

    @asynccontextmanager
    async def staging(self, target: Target, place: Place, tables: Sequence[Placed]) -> AsyncIterator[OracleStaging]:
        """Tables under names of their own in the same schema; what interrupted restores have left is dropped first."""
        plain, trial = _without_trial(target)

        @asynccontextmanager
        async def connected(purpose: str) -> AsyncIterator[HeldConnection]:
            async with held_connection(plain, self._environ, self._connect, purpose) as connection:
                yield connection

        async with staged(connected, place, tables, trial=trial) as staging:
            yield staging

    @asynccontextmanager
    async def scratch(self, target: Target, manifest: Manifest) -> AsyncIterator[Target]:
        """Tables under names of their own in the target's schema, which never get any other and are dropped afterwards."""
        options = (*target.location.options, (_TRIAL, secrets.token_hex(3)))
        yield replace(target, location=replace(target.location, options=options))

    def recovery(self, form: Format, tables: Sequence[Table]) -> tuple[str, ...]:
        """How other programs read them."""
        if form is Format.CSV:
            return (
                "sqlldr userid=… table=T data=FILE fields=csv    # express mode, one file at a time; this line was never run",
                "# empty fields stand for NULL; aishell backup restore puts every type back",
            )
        return (
            "# each line of a file is a JSON document: the first describes the table, the last says how many rows there are",
            "# jq -c . FILE shows them; aishell backup restore puts every type back, into Oracle and other engines",
        )


class OracleMoment:
    """All tables as they were at one system change number."""

    def __init__(self, connection: HeldConnection, schema: str, tables: tuple[Table, ...], scn: int, now: float) -> None:
        self.tables = tables
        self.start: Position = (("scn", str(scn)),)
        self.server_time: float | None = now
        self._connection = connection
        self._schema = schema
        self._scn = scn

    async def rows(self, table: Table) -> AsyncIterator[Sequence[Row]]:
        """All rows of a table."""
        shapes = [(column.name, own_shape(column)) for column in table.columns]
        try:
            async for piece in read(self._connection, self._label(table), shapes, scn=self._scn):
                yield piece
        except OracleError as error:
            raise self._told(error, table) from error

    async def count(self, table: Table) -> int:
        """How many rows the server counts."""
        sql = f"SELECT /* aishell */ COUNT(*) AS found FROM {self._label(table)} AS OF SCN :scn"  # noqa: S608 - quoted names
        try:
            return int(str(await self._connection.value(sql, {"scn": self._scn})))
        except OracleError as error:
            raise self._told(error, table) from error

    def _label(self, table: Table) -> str:
        return f"{exact(self._schema)}.{exact(table.name)}"

    def _told(self, error: OracleError, table: Table) -> OracleError:
        return reading(error, self._label(table), self._scn, quoted(self._connection.facts.user))


async def _scn(connection: HeldConnection) -> int:
    """The server's system change number now; raises OracleError with the grant that lets this user ask for it."""
    try:
        return int(str(await connection.value(SCN)))
    except OracleError as error:
        if not is_barred(error):
            raise
    try:
        return int(str(await connection.value(SCN_BY_PACKAGE)))
    except OracleError as error:
        if not is_barred(error) and error.number not in _NO_PACKAGE:
            raise
        raise no_scn(error, quoted(connection.facts.user)) from error


def _folded(name: str, tables: Sequence[Table]) -> str:
    """A name as Oracle would understand it without quotes, where no table has it as it is given."""
    names = {table.name for table in tables}
    return name.upper() if name not in names and name.upper() in names else name


def _without_trial(target: Target) -> tuple[Target, bool]:
    """The target as it can be connected to, and whether it is that of a test restore."""
    options = tuple(pair for pair in target.location.options if pair[0] != _TRIAL)
    return replace(target, location=replace(target.location, options=options)), options != target.location.options
