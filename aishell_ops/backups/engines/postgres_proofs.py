"""Counts and hashes of PostgreSQL's tables, made by the server inside the moment that is held."""

from __future__ import annotations

from collections.abc import Sequence

from aishell_core.engines.postgres_errors import quoted
from aishell_core.engines.postgres_held import HeldConnection
from aishell_ops.backups.models import ObjectProof, ProofLevel
from aishell_ops.backups.streams.contract import Stop
from aishell_ops.backups.streams.stopping import expect_wanted

TABLES = """
SELECT /* aishell */ n.nspname AS schema, c.relname AS name, pg_table_size(c.oid)::float8 AS bytes, c.relpersistence = 'u' AS unlogged
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relpersistence <> 't'
  AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY 1, 2
"""
"""Tables whose rows a dump holds: partitions each by itself, and none that belongs to an extension."""
_LARGE_OBJECTS = "SELECT /* aishell */ count(*) AS rows FROM pg_largeobject_metadata"
LARGE_OBJECTS_NAME = "large objects"


def qualified(schema: str, name: str) -> str:
    """A table as the manifest names it, and as SQL does."""
    return f"{quoted(schema)}.{quoted(name)}"


async def proofs_of(connection: HeldConnection, level: ProofLevel, tables: Sequence[str], stop: Stop) -> tuple[ObjectProof, ...]:
    """What is in each table, or in those that are named; raises BackupError when somebody wants it to end, PostgresError."""
    if level is ProofLevel.NONE:
        return ()
    found = []
    for row in await connection.fetch(TABLES):
        name = qualified(str(row["schema"]), str(row["name"]))
        if tables and name not in tables:
            continue
        expect_wanted(stop)
        found.append(await _proof(connection, name, level, float(row["bytes"])))
    if not tables:
        (row,) = await connection.fetch(_LARGE_OBJECTS)
        found.append(ObjectProof(LARGE_OBJECTS_NAME, int(row["rows"])))
    return tuple(found)


async def _proof(connection: HeldConnection, name: str, level: ProofLevel, size_bytes: float) -> ObjectProof:
    # ROW(t.*) and not t: a table may have a column of that name.
    half = "sum(('x' || substr(md5(ROW(t.*)::text), {}, 16))::bit(64)::bigint::numeric)::text"
    hashes = f", {half.format(1)} AS first, {half.format(17)} AS second" if level is ProofLevel.FULL else ""
    (row,) = await connection.fetch(f"SELECT /* aishell */ count(*) AS rows{hashes} FROM ONLY {name} AS t")  # noqa: S608 - a quoted name
    content = f"{row['first'] or 0}:{row['second'] or 0}" if level is ProofLevel.FULL else None
    return ObjectProof(name, int(row["rows"]), content, data_bytes=round(size_bytes))
