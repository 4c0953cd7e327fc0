"""What is in a PostgreSQL database, as far as rows are concerned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aishell_core.engines.postgres_errors import quoted
from aishell_core.engines.postgres_held import HeldConnection
from aishell_ops.backups.rows.engines.postgres_types import column_of
from aishell_ops.backups.rows.model import Table

_OURS = r"""
  n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'aishell\_restoring\_rows\_%'
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
"""
_TABLES = f"""
SELECT /* aishell */ c.oid::int8 AS oid, n.nspname AS schema, c.relname AS name, c.relkind = 'p' AS parted,
  (SELECT coalesce(sum(pg_table_size(t.relid)), 0) FROM pg_partition_tree(c.oid) t)::float8 + pg_table_size(c.oid)::float8 AS bytes
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence <> 't' AND {_OURS} ORDER BY 2, 3
"""  # noqa: S608 - our own words
_OTHERS = f"""
SELECT /* aishell */ CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'f' THEN 'foreign table'
  WHEN 'S' THEN 'sequence' END AS kind, n.nspname AS schema, c.relname AS name
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('v', 'm', 'f', 'S') AND c.relpersistence <> 't' AND {_OURS}
UNION ALL
SELECT 'function', n.nspname, p.proname FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
ORDER BY 1, 2, 3
"""  # noqa: S608 - our own words
_COLUMNS = """
SELECT /* aishell */ a.attrelid::int8 AS oid, a.attname AS name, format_type(a.atttypid, a.atttypmod) AS declared,
  b.typname AS type, b.typtype::text AS sort, CASE WHEN t.typtype = 'd' THEN t.typtypmod ELSE a.atttypmod END AS mod,
  a.attnotnull OR t.typnotnull AS required, a.attgenerated <> '' AS computed,
  a.attidentity <> '' AS counted, a.atthasdef AND a.attgenerated = '' AS preset,
  e.typname AS element, e.typtype::text AS element_sort, e.typdelim::text AS delimiter
FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
  JOIN LATERAL (
    WITH RECURSIVE base AS (
      SELECT t.oid, t.typtype, t.typbasetype
      UNION ALL SELECT p.oid, p.typtype, p.typbasetype FROM base JOIN pg_type p ON base.typtype = 'd' AND p.oid = base.typbasetype
    ) SELECT p.* FROM base JOIN pg_type p USING (oid) WHERE base.typtype <> 'd'
  ) AS b ON true
  LEFT JOIN pg_type e ON e.oid = b.typelem AND b.typcategory = 'A'
WHERE a.attrelid = ANY($1::oid[]) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attrelid, a.attnum
"""
_KEYS = """
SELECT /* aishell */ i.indrelid::int8 AS oid, a.attname AS name
FROM pg_index i CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k (attnum, place)
  JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
WHERE i.indisprimary AND i.indrelid = ANY($1::oid[]) AND k.place <= i.indnkeyatts ORDER BY i.indrelid, k.place
"""
_ATTACHED = """
SELECT /* aishell */ conrelid::int8 AS oid,
  CASE contype WHEN 'c' THEN 'check' WHEN 'f' THEN 'foreign key' WHEN 'u' THEN 'unique constraint' WHEN 'x' THEN 'exclusion' END AS kind,
  conname AS name FROM pg_constraint WHERE conrelid = ANY($1::oid[]) AND contype IN ('c', 'f', 'u', 'x')
UNION ALL
SELECT tgrelid::int8, 'trigger', tgname FROM pg_trigger WHERE tgrelid = ANY($1::oid[]) AND NOT tgisinternal
UNION ALL
SELECT i.indrelid::int8, 'index', c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE i.indrelid = ANY($1::oid[]) AND NOT i.indisprimary AND NOT EXISTS (SELECT FROM pg_constraint o WHERE o.conindid = i.indexrelid)
UNION ALL
SELECT stxrelid::int8, 'statistics', stxname FROM pg_statistic_ext WHERE stxrelid = ANY($1::oid[])
UNION ALL
SELECT polrelid::int8, 'policy', polname FROM pg_policy WHERE polrelid = ANY($1::oid[])
UNION ALL
SELECT ev_class::int8, 'rule', rulename FROM pg_rewrite WHERE ev_class = ANY($1::oid[])
ORDER BY 1, 2, 3
"""
_WHY = "rows alone are saved"


def named(table: Table) -> str:
    """A table as it is written in a statement."""
    return f"{quoted(table.schema)}.{quoted(table.name)}"


async def tables_of(connection: HeldConnection) -> tuple[tuple[Table, ...], frozenset[str], float]:
    """All tables, which of them are made of partitions (by label), and about how many bytes they take; raises PostgresError."""
    found = await connection.fetch(_TABLES)
    oids = [int(row["oid"]) for row in found]
    columns, keys, attached = [_by_table(await connection.fetch(sql, (oids,))) for sql in (_COLUMNS, _KEYS, _ATTACHED)]
    tables = tuple(_table(row, columns, keys, attached) for row in found)
    parted = frozenset(table.label for table, row in zip(tables, found, strict=True) if row["parted"])
    return tables, parted, sum(float(row["bytes"]) for row in found)


async def others_of(connection: HeldConnection) -> tuple[tuple[str, str], ...]:
    """What is in the database and has no rows of its own, with the reason why it is not saved; raises PostgresError."""
    return tuple((f"{row['kind']} {row['schema']}.{row['name']}", _WHY) for row in await connection.fetch(_OTHERS))


def _by_table(rows: Sequence[Mapping[str, Any]]) -> dict[int, list[Mapping[str, Any]]]:
    found: dict[int, list[Mapping[str, Any]]] = {}
    for row in rows:
        found.setdefault(int(row["oid"]), []).append(row)
    return found


def _table(row: Mapping[str, Any], *parts: Mapping[int, Sequence[Mapping[str, Any]]]) -> Table:
    columns, keys, attached = (part.get(int(row["oid"]), ()) for part in parts)
    missing = [(f"computed column {each['name']}", "it is computed from others") for each in columns if each["computed"]]
    missing += [(f"default of {each['name']}", _WHY) for each in columns if each["preset"] or each["counted"]]
    missing += [(f"{each['kind']} {each['name']}", _WHY) for each in attached]
    missing += [("partitions", "all their rows are saved as one table")] if row["parted"] else []
    return Table(
        str(row["name"]),
        tuple(column_of(each) for each in columns if not each["computed"]),
        str(row["schema"]),
        tuple(str(each["name"]) for each in keys),
        missing=tuple(missing),
    )
