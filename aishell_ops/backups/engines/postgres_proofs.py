"""Counts and hashes of PostgreSQL's tables, made by the server inside the moment that is held."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from aishell_core.engines.postgres_errors import quoted
from aishell_core.engines.postgres_held import HeldConnection
from aishell_core.errors import UsageError
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
_HASHED_OBJECTS = """
WITH RECURSIVE piece (object, at, bytes, hash) AS (
  SELECT m.oid, 0::bigint, length(d.data), md5(d.data)
  FROM pg_largeobject_metadata m, LATERAL lo_get(m.oid, 0, 1048576) AS d (data)
  UNION ALL
  SELECT object, at + 1048576, length(d.data), md5(d.data)
  FROM piece, LATERAL lo_get(object, at + 1048576, 1048576) AS d (data) WHERE bytes = 1048576
), hashed AS (SELECT at, md5(object || ' ' || at || ' ' || hash) AS hash FROM piece)
SELECT /* aishell */ count(*) FILTER (WHERE at = 0) AS rows,
  sum(('x' || substr(hash, 1, 16))::bit(64)::bigint::numeric)::text AS first,
  sum(('x' || substr(hash, 17, 16))::bit(64)::bigint::numeric)::text AS second
FROM hashed
"""
"""In pieces, because a large object may be greater than what one value can hold."""
LARGE_OBJECTS_NAME = "large objects"
_UNKNOWN_SIGN = "\N{REPLACEMENT CHARACTER}"


def qualified(schema: str, name: str) -> str:
    """A table as the manifest names it, and as SQL does."""
    return f"{quoted(schema)}.{quoted(name)}"


async def proofs_of(connection: HeldConnection, level: ProofLevel, tables: Sequence[str], stop: Stop) -> tuple[ObjectProof, ...]:
    """What is in each table, or in those that are named, and in large objects where there are any.

    Raises UsageError for a name that cannot be told, BackupError when somebody wants it to end, PostgresError.
    """
    if level is ProofLevel.NONE:
        return ()
    found = []
    for row in await connection.fetch(TABLES):
        name = qualified(str(row["schema"]), str(row["name"]))
        if tables and name not in tables:
            continue
        expect_wanted(stop)
        if _UNKNOWN_SIGN in name:
            raise UsageError(f"the name of the table {name} is no UTF-8, so that its rows cannot be counted", "take --proof none")
        found.append(await _proof(connection, name, level, float(row["bytes"])))
    if not tables:
        (row,) = await connection.fetch(_HASHED_OBJECTS if level is ProofLevel.FULL else _LARGE_OBJECTS)
        if row["rows"]:
            found.append(ObjectProof(LARGE_OBJECTS_NAME, int(row["rows"]), _content(row) if level is ProofLevel.FULL else None))
    return tuple(found)


def with_none(found: tuple[ObjectProof, ...], saved: Iterable[ObjectProof]) -> tuple[ObjectProof, ...]:
    """What was found, with large objects as 0 where a manifest tells how many there were and there are none."""
    expected = any(one.name == LARGE_OBJECTS_NAME for one in saved)
    there = any(one.name == LARGE_OBJECTS_NAME for one in found)
    return (*found, ObjectProof(LARGE_OBJECTS_NAME, 0)) if expected and not there else found


def _content(row: Mapping[str, Any]) -> str:
    return f"{row['first'] or 0}:{row['second'] or 0}"


async def _proof(connection: HeldConnection, name: str, level: ProofLevel, size_bytes: float) -> ObjectProof:
    # ROW(t.*) and not t: a table may have a column of that name.
    half = "sum(('x' || substr(md5(ROW(t.*)::text), {}, 16))::bit(64)::bigint::numeric)::text"
    hashes = f", {half.format(1)} AS first, {half.format(17)} AS second" if level is ProofLevel.FULL else ""
    (row,) = await connection.fetch(f"SELECT /* aishell */ count(*) AS rows{hashes} FROM ONLY {name} AS t")  # noqa: S608 - a quoted name
    return ObjectProof(name, int(row["rows"]), _content(row) if level is ProofLevel.FULL else None, data_bytes=round(size_bytes))
