"""Counts and hashes of tables of MySQL and MariaDB, made by the server inside the moment that is held."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from aishell_core.engines.mysql_errors import quoted
from aishell_core.engines.mysql_held import HeldConnection
from aishell_ops.backups.engines.mysql_contents import GEOMETRIES, Column, Contents, Table
from aishell_ops.backups.models import ObjectProof, ProofLevel
from aishell_ops.backups.streams.contract import Stop
from aishell_ops.backups.streams.stopping import expect_wanted

_LARGE = frozenset({"blob", "text", "mediumblob", "mediumtext", "longblob", "longtext"})
_BYTES = frozenset({"char", "varchar", "tinytext", "tinyblob", "binary", "varbinary", "enum", "set"})
_SHAPES = GEOMETRIES | {"vector"}


async def proofs_of(
    connection: HeldConnection, contents: Contents, level: ProofLevel, tables: Sequence[str], unsure: Collection[str], stop: Stop
) -> tuple[ObjectProof, ...]:
    """What is in each table, or in those that are named, and which other objects there are.

    Of tables that are `unsure` nothing is counted. Raises BackupError when somebody wants it to end, MysqlError.
    """
    if level is ProofLevel.NONE:
        return ()
    found = []
    for table in contents.tables:
        if tables and table.name not in tables:
            continue
        expect_wanted(stop)
        columns = [column for column in contents.columns if column.table == table.name]
        known = table.holds_rows and table.name not in unsure
        found.append(await _proof(connection, contents.database, table, columns, level) if known else ObjectProof(table.name))
    return (*found, *_others(contents, tables))


def _others(contents: Contents, tables: Sequence[str]) -> tuple[ObjectProof, ...]:
    """What is only there or not: named by its kind."""
    named = [(f"sequence {quoted(name)}", name) for name in contents.sequences]
    named += [(f"view {quoted(name)}", name) for name in contents.views]
    found = [proof for proof, name in named if not tables or name in tables]
    found += [f"trigger {quoted(name)}" for name, table in contents.triggers if not tables or table in tables]
    if not tables:
        found += [f"{kind.lower()} {quoted(name)}" for kind, name in contents.routines]
    return tuple(ObjectProof(name) for name in found)


async def _proof(connection: HeldConnection, database: str, table: Table, columns: Sequence[Column], level: ProofLevel) -> ObjectProof:
    name = f"{quoted(database)}.{quoted(table.name)}"
    content = f", SUM({_row_number(columns)}) AS content" if level is ProofLevel.FULL else ""
    (row,) = await connection.fetch(f"SELECT /* aishell */ COUNT(*) AS `rows`{content} FROM {name}")  # noqa: S608 - a quoted name
    return ObjectProof(table.name, int(row["rows"]), str(row["content"] or 0) if content else None, data_bytes=round(table.bytes))


def _row_number(columns: Sequence[Column]) -> str:
    """A number of 64 bits that stands for the bytes of a row; the sum of all of them does not depend on their order.

    What the server computes by itself is left out: it follows from the rest.
    """
    cells = ", ".join(_cell(column) for column in columns if not column.generated) or "''"
    return f"CAST(CONV(LEFT(SHA2(CONCAT({cells}), 256), 16), 16, 10) AS UNSIGNED)"


def _cell(column: Column) -> str:
    """A value as bytes that no other value and no other place of the border between two values gives."""
    name = quoted(column.name)
    large = {**dict.fromkeys(_LARGE, name), **dict.fromkeys(_SHAPES, f"HEX({name})"), "json": f"CAST({name} AS CHAR)"}.get(column.type)
    if large is not None:
        # Two of these side by side could be larger than what the server makes in one piece.
        return f"IFNULL(SHA2({large}, 256), 'N')"
    if column.type in _BYTES:
        value = f"CAST({name} AS BINARY)"
    elif column.type == "bit":
        value = f"CAST(CAST({name} AS UNSIGNED) AS CHAR)"
    else:
        value = f"CAST({name} AS CHAR)"
    return f"IFNULL(CONCAT(LENGTH({value}), ':', {value}), 'N')"
