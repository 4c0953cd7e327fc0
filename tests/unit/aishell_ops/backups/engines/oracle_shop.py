"""A schema of Oracle with edge values of every type, in the server of the tests' own."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from aishell_core.clock import SystemClock
from aishell_core.targets import Target, parse_location
from aishell_core.values import TargetId
from aishell_ops.backups.engines.contract import LoadPlan, LoadRequest, SaveRequest
from aishell_ops.backups.engines.oracle import OracleBackups
from aishell_ops.backups.layout import Line, Spot
from aishell_ops.backups.models import Backup, ProofLevel
from aishell_ops.backups.repository import Repository
from aishell_ops.backups.restore import Restored, RestoreOrder, plan_restore, restore
from aishell_ops.backups.rows.hashing import plain_number
from aishell_ops.backups.storage.folder import FolderStorage
from aishell_ops.backups.streams.contract import Keys, Recipe
from aishell_ops.backups.take import Order, take
from tests.servers.oracle_schema import Col
from tests.servers.oracle_tables import OracleMemory

CLOCK = SystemClock()
URL = "oracle://shop:s3cret@db1:1521/shop.example"
ODD = 'it\'s "odd" é\u202e\x1b[31m\n\t\\,;😀'
TYPES = [
    Col("ID", "NUMBER(9,0)", nullable=False),
    Col("WIDE", "NUMBER(38,0)"),
    Col("MONEY", "NUMBER(12,2)"),
    Col("TENS", "NUMBER(5,-2)"),
    Col("SMALL", "NUMBER(2,5)"),
    Col("ANY_NUMBER", "NUMBER"),
    Col("WHOLE", "NUMBER(*,0)"),
    Col("APPROX", "FLOAT(126)"),
    Col("SINGLE", "BINARY_FLOAT"),
    Col("DOUBLE", "BINARY_DOUBLE"),
    Col("DAY", "DATE"),
    Col("AT", "TIMESTAMP(9)"),
    Col("AT_ZONE", "TIMESTAMP(9) WITH TIME ZONE"),
    Col("AT_LOCAL", "TIMESTAMP(6) WITH LOCAL TIME ZONE"),
    Col("LASTS", "INTERVAL DAY(9) TO SECOND(9)"),
    Col("AGE", "INTERVAL YEAR(9) TO MONTH"),
    Col("SHORT", "VARCHAR2(40 CHAR)"),
    Col("IN_BYTES", "VARCHAR2(10 BYTE)"),
    Col("PADDED", "CHAR(5 BYTE)"),
    Col("NATIONAL", "NVARCHAR2(10)"),
    Col("BITS", "RAW(16)"),
    Col("LETTER", "CLOB"),
    Col("N_LETTER", "NCLOB"),
    Col("PHOTO", "BLOB"),
]
FULL = (
    Decimal(1),
    Decimal("9" * 38),
    Decimal("-1234567890.12"),
    Decimal(1234500),
    Decimal("0.00012"),
    Decimal("1E+125"),
    Decimal("-" + "1" * 38),
    Decimal("0.1"),
    math.nan,
    math.inf,
    "2024-02-29 23:59:59",
    "9999-12-31 23:59:59.123456789",
    "2024-10-27 00:30:00.123456789|Europe/Berlin",
    "2024-10-27 01:30:00.500000000|+00:00",
    "+999999999 23:59:59.999999999",
    "+999999999-11",
    ODD,
    "ten",
    "ab   ",
    "Ω",
    bytes(range(16)),
    "",
    "x" * 3000,
    b"",
)
LOW = (
    Decimal(2),
    Decimal("-" + "9" * 38),
    Decimal("0.00"),
    Decimal(-100),
    None,
    Decimal("1E-130"),
    None,
    Decimal("-1E+125"),
    -math.inf,
    5e-324,
    "-4712-01-01 00:00:00",
    "-0044-03-15 12:00:00.000000000",
    "1850-01-01 00:00:00.000000001|-05:30",
    None,
    "-000000001 02:03:04.000000000",
    "-000000000-01",
    " a ",
    None,
    "     ",
    None,
    b"\0",
    "\0",
    None,
    b"\xff" * 3_000_000,
)
EMPTY = (Decimal(3), *[None] * 23)


@dataclass(frozen=True, slots=True)
class Shop:
    """A server, and a folder for its backups."""

    server: OracleMemory
    folder: Path
    url: str = URL

    @property
    def target(self) -> Target:
        return Target(TargetId("shop"), parse_location(self.url))

    @property
    def engine(self) -> OracleBackups:
        return OracleBackups({}, self.server.connect)

    @property
    def repository(self) -> Repository:
        return Repository(FolderStorage(self.folder), time.time)

    async def save(self, request: SaveRequest | None = None, recipe: Recipe | None = None) -> Backup:
        """Save its rows, with all proofs."""
        order = Order(self.target, request or SaveRequest(), recipe=recipe or Recipe(), proof=ProofLevel.FULL)
        return await take(self.engine, self.repository, order, CLOCK)

    async def plan(self, backup: Backup, request: LoadRequest | None = None) -> LoadPlan:
        """What a restore would do."""
        return await plan_restore(self.engine, backup, RestoreOrder(self.target, request or LoadRequest()))

    async def load(self, backup: Backup, request: LoadRequest | None = None, keys: Keys | None = None) -> Restored:
        """Restore a backup."""
        order = RestoreOrder(self.target, request or LoadRequest(), keys)
        plan = await plan_restore(self.engine, backup, order)
        return await restore(self.engine, self.repository, spot_of(backup), backup, order, plan, CLOCK)


def spot_of(backup: Backup) -> Spot:
    """Where a backup lies."""
    return Spot(Line(backup.manifest.source.target, backup.manifest.source.database), backup.id)


def with_types(server: OracleMemory) -> None:
    """Put a table of every type there, and one with odd names."""
    server.table("TYPES", TYPES, FULL, LOW, EMPTY, key=("ID",))
    odd = [Col("a b", "VARCHAR2(10 CHAR)", nullable=False), Col("order", "NUMBER(1,0)"), Col("Ünïcode\n--option", "CHAR(1 CHAR)")]
    server.table("Odd 'name'; --x", odd, ("A", Decimal(1), "x"), ("a", None, "ü"), ("a ", Decimal(-9), None), key=("a b",))
    server.table("EMPTY", [Col("A", "DATE")])


def contents(server: OracleMemory, schema: str = "SHOP") -> dict[str, list[str]]:
    """All rows of all tables of a schema, so that they can be compared; NaN is itself, and a number has no zeros that say nothing."""
    return {
        name: sorted(repr([_plain(row[key]) for key in sorted(row)]) for row in table.rows)
        for name, table in server.schemas[schema].items()
    }


def _plain(value: object) -> object:
    return plain_number(format(value, "f")) if isinstance(value, Decimal) else value
