"""What a restore of rows finds in a schema of Oracle, and which tables that are there can take them.

A table that is there keeps its definition, indexes, grants and constraints: its rows are replaced. One that is not is made.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from aishell_core.engines.oracle_held import HeldConnection
from aishell_ops.backups.rows.contract import Place, Placed
from aishell_ops.backups.rows.engines.oracle_catalog import OBJECTS, TRIGGERS, Contents, contents_of, exact
from aishell_ops.backups.rows.model import Table

REFERRERS = """SELECT /* aishell */ r.owner AS owner, r.table_name AS tab, r.constraint_name AS name, p.table_name AS parent
FROM all_constraints r JOIN all_constraints p ON p.owner = r.r_owner AND p.constraint_name = r.r_constraint_name
WHERE p.owner = :owner AND r.constraint_type = 'R' AND r.status = 'ENABLED' ORDER BY r.owner, r.table_name, r.constraint_name"""
QUOTA = """SELECT /* aishell */ q.max_bytes - q.bytes AS free
FROM user_ts_quotas q JOIN user_users u ON u.default_tablespace = q.tablespace_name
WHERE q.max_bytes >= 0 AND NOT EXISTS (SELECT 1 FROM session_privs WHERE privilege = 'UNLIMITED TABLESPACE')"""
_MOST_COUNTED = 1_000_000
_OTHER_NAMES = frozenset({"index", "trigger", "lob", "table", "database link", "package body", "type body"})
"""Kinds of objects whose names are no other's hindrance, and tables, which are looked at themselves."""


async def surveyed(connection: HeldConnection, schema: str, names: Sequence[str], family: str) -> Place:
    """What is in a schema where tables of these names would go; raises OracleError."""
    owner = {"owner": schema}
    contents = await contents_of(connection, schema)
    objects = await connection.fetch(OBJECTS, owner)
    wanted, there = set(names) - contents.unfinished, {table.name for table in contents.tables}
    obstacles = [f"{connection.where.address} is a standby: restore on its primary"] if connection.facts.is_standby else []
    for row in objects:
        name, kind = str(row["name"]), str(row["kind"])
        if name in wanted and kind == "table" and name not in there:
            obstacles.append(f"{name} is there already, and is no table that takes rows of a restore: drop it first")
        elif name in wanted and kind not in _OTHER_NAMES and " partition" not in kind:
            obstacles.append(f"{name} is there already, and is a {kind}: drop it first")
    found = [name for name in names if name in there]
    lost = [(name, words) for name in found if (words := await rows_there(connection, schema, name))]
    for row in await connection.fetch(TRIGGERS, owner):
        if str(row["tab"]) in found and row["status"] == "ENABLED":
            label = f"{exact(schema)}.{exact(str(row['name']))}"
            obstacles.append(f"the trigger {row['name']} of {row['tab']} would run: ALTER TRIGGER {label} DISABLE; first, ENABLE it later")
    obstacles += await _referred(connection, schema, {name for name, _ in lost}, wanted)
    free = await connection.value(QUOTA) if schema == connection.facts.user else None
    return Place(schema, True, family, tuple(lost), tuple(obstacles), free_bytes=None if free is None else int(str(free)))


async def rows_there(connection: HeldConnection, schema: str, name: str) -> str:
    """What would be lost of a table, in words; "" for an empty one."""
    sql = f"SELECT /* aishell */ COUNT(*) AS found FROM {exact(schema)}.{exact(name)} WHERE ROWNUM <= {_MOST_COUNTED + 1}"  # noqa: S608
    count = int(str(await connection.value(sql)))
    if count > _MOST_COUNTED:
        return f"more than {_MOST_COUNTED:,} rows of {schema}.{name}"
    return f"{count:,} row{'s' if count != 1 else ''} of {schema}.{name}" if count else ""


async def _referred(connection: HeldConnection, schema: str, full: Collection[str], wanted: Collection[str]) -> list[str]:
    """Foreign keys of tables that stay, by which rows that would go are held."""
    found = []
    for row in await connection.fetch(REFERRERS, {"owner": schema}):
        if str(row["parent"]) in full and (str(row["owner"]) != schema or str(row["tab"]) not in wanted):
            child = f"{exact(str(row['owner']))}.{exact(str(row['tab']))}"
            found.append(
                f"the table {row['owner']}.{row['tab']} refers to {row['parent']} by a foreign key: "
                f"ALTER TABLE {child} DISABLE CONSTRAINT {exact(str(row['name']))}; first"
            )
    return found


def unfit(contents: Contents, tables: Sequence[Placed]) -> tuple[str, ...]:
    """Why rows do not go into tables that are there, which keep their definitions; pure."""
    there = {table.name: table for table in contents.tables}
    found: list[str] = []
    for placed in tables:
        table = there.get(placed.name)
        if table is not None and (whys := _unfit(table, placed)):
            found.append(f"the table {contents.schema}.{table.name} that is there cannot take the rows: {'; '.join(whys)}; drop it first")
    return tuple(found)


def _unfit(table: Table, placed: Placed) -> list[str]:
    columns = {column.name: column for column in table.columns}
    filled = {column.name for column in placed.columns}
    whys = []
    for column in placed.columns:
        own = columns.get(column.name)
        if own is None:
            whys.append(f"it has no column {column.name}")
        elif own.declared != column.shape.type:
            whys.append(f"{column.name} is {own.declared} there, and {column.shape.type} is needed")
        elif own.declared.startswith("LONG"):
            whys.append(f"{column.name} is {own.declared}, which no statement copies")
    by_itself = {what.rpartition(" of ")[2] for what, _ in table.missing if what.startswith(("default of ", "identity of "))}
    for name, own in columns.items():
        if name not in filled and not own.nullable and name not in by_itself:
            whys.append(f"{name} takes no NULL, and the backup has no values for it")
    return whys
