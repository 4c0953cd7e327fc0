"""Single tables of a PostgreSQL backup: proven in a staging database, then put in their place in one transaction.

A table that is there keeps its definition, grants, views and foreign keys, and gets other rows; one that is gone is made anew.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from aishell_core.engines.postgres_errors import quoted
from aishell_core.engines.postgres_held import ClientEnvironment, HeldConnection
from aishell_core.units import format_bytes
from aishell_ops.backups.engines import postgres_programs as programs
from aishell_ops.backups.engines import postgres_rights as rights
from aishell_ops.backups.engines.contract import LoadPlan, LoadRequest
from aishell_ops.backups.engines.postgres_dump import table_named
from aishell_ops.backups.engines.postgres_proofs import LARGE_OBJECTS_NAME
from aishell_ops.backups.engines.postgres_tools import Client
from aishell_ops.backups.errors import BackupError
from aishell_ops.backups.models import Manifest
from aishell_ops.backups.streams.contract import Stop
from aishell_ops.backups.streams.process import Program, ProgramSink, ProgramSource

_PIECE_BYTES = 1 << 20
_ELSEWHERE = "restore under another name with --target, and copy what is wanted"
_THERE = """
SELECT /* aishell */ t.name, c.relkind::text AS kind, pg_total_relation_size(c.oid)::float8 AS bytes,
  EXISTS (SELECT FROM pg_constraint k WHERE k.contype = 'f' AND k.conparentid <> 0 AND c.oid IN (k.conrelid, k.confrelid)) AS inherits
FROM unnest($1::text[]) AS t (name) JOIN pg_class c ON c.oid = to_regclass(t.name)
"""
_COLUMNS = """
SELECT /* aishell */ t.name,
  array_remove(array_agg(a.attname::text || ' ' || format_type(a.atttypid, a.atttypmod) ORDER BY a.attname), NULL) AS columns,
  array_remove(array_agg(quote_ident(a.attname) ORDER BY a.attname), NULL) AS names
FROM unnest($1::text[]) AS t (name) LEFT JOIN pg_attribute a ON a.attrelid = to_regclass(t.name) AND a.attnum > 0 AND NOT a.attisdropped
GROUP BY t.name
"""
_SCHEMAS = """
SELECT /* aishell */ DISTINCT n.nspname AS schema FROM unnest($1::text[]) AS t (name)
JOIN pg_class c ON c.oid = to_regclass(t.name) JOIN pg_namespace n ON n.oid = c.relnamespace ORDER BY 1
"""
_BEGIN = """
BEGIN /* aishell */;
SET LOCAL search_path = pg_catalog; SET LOCAL lock_timeout = '10s'; SET LOCAL statement_timeout = 0;
SET LOCAL idle_in_transaction_session_timeout = 0; SET LOCAL default_transaction_read_only = off;
"""
_CLEAR = """
{create} {links} AS
  WITH RECURSIVE up AS (
    SELECT oid, conparentid FROM pg_constraint WHERE contype = 'f' AND (conrelid = ANY ({these}) OR {both} AND confrelid = ANY ({these}))
    UNION SELECT k.oid, k.conparentid FROM pg_constraint k JOIN up ON k.oid = up.conparentid
  )
  SELECT conrelid::regclass::text AS place, conname AS name, pg_get_constraintdef(oid) AS definition,
    obj_description(oid, 'pg_constraint') AS words
  FROM pg_constraint WHERE oid IN (SELECT oid FROM up WHERE conparentid = 0);
{create} {bells} AS
  SELECT tgrelid::regclass::text AS place, tgname AS name, tgenabled AS state
  FROM pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'D' AND tgrelid = ANY ({these});
DO {quote} DECLARE one record; BEGIN
  FOR one IN SELECT * FROM {links} LOOP
    EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', one.place, one.name);
  END LOOP;
  FOR one IN SELECT * FROM {bells} LOOP
    EXECUTE format('ALTER TABLE %s DISABLE TRIGGER %I', one.place, one.name);
  END LOOP;
END {quote};
"""
"""No trigger takes the rows for somebody's work, and foreign keys are judged when all rows are there.

A foreign key that a partition has from its parent can be taken away and put back on the parent alone.
"""
_BACK = """
DO {quote} DECLARE one record; BEGIN
  FOR one IN SELECT * FROM {bells} LOOP
    EXECUTE format('ALTER TABLE %s ENABLE %s TRIGGER %I', one.place,
      CASE one.state WHEN 'A' THEN 'ALWAYS' WHEN 'R' THEN 'REPLICA' ELSE '' END, one.name);
  END LOOP;
  FOR one IN SELECT * FROM {links} LOOP
    EXECUTE format('ALTER TABLE %s ADD CONSTRAINT %I %s%s', one.place, one.name, one.definition, {unchecked});
    IF one.words IS NOT NULL THEN
      EXECUTE format('COMMENT ON CONSTRAINT %I ON %s IS %L', one.name, one.place, one.words);
    END IF;
  END LOOP;
END {quote};
"""
_EXPECT = """
DO {quote} DECLARE found text; BEGIN
  {query} INTO found;
  IF found IS DISTINCT FROM {expected} THEN
    RAISE EXCEPTION USING MESSAGE = 'what was put into ' || {name} || ' is not what was saved: ' || found || ' and not ' || {expected};
  END IF;
END {quote};
"""


def wanted(manifest: Manifest, request: LoadRequest) -> tuple[str, ...]:
    """The tables that somebody means, as the manifest names them; raises UsageError naming the nearest."""
    known = tuple(one.name for one in manifest.objects if one.name != LARGE_OBJECTS_NAME) or manifest.tables
    return tuple(dict.fromkeys(table_named(table, known) for table in request.tables)) if known else request.tables


async def plan_tables(connection: HeldConnection | None, manifest: Manifest, plan: LoadPlan) -> LoadPlan:
    """What a restore of some tables would do; `connection` leads to their database, None where there is none."""
    names = wanted(manifest, plan.request)
    obstacles, losses, warnings = [*plan.obstacles], [*plan.losses], [*plan.warnings]
    if not manifest.objects and not manifest.tables:
        obstacles.append("the backup has no proofs that name its tables; restore under another name with --target")
    if connection is None:
        obstacles.append(f"the database {plan.database} is not there: make it first, or leave --tables out")
    there = () if connection is None else await connection.fetch(_THERE, (list(names),))
    for row in there:
        name, kind = str(row["name"]), str(row["kind"])
        if kind != "r":
            obstacles.append(f"{name} is no table now; {_ELSEWHERE}")
        if row["inherits"]:
            warnings.append(
                f"{name} shares foreign keys with the other partitions of its parent: they are checked anew for all of them, which are"
                " locked meanwhile"
            )
        losses.append(f"the rows of the table {name}, {format_bytes(row['bytes'])}")
    if connection is not None:
        obstacles += await rights.table_obstacles(connection, names)
    if there and not plan.request.replace:
        obstacles.append(f"the tables {', '.join(str(row['name']) for row in there)} are there; --drop-existing replaces their rows")
    beside = f"all of the backup, {format_bytes(manifest.plain_bytes)}, into a database beside it that is dropped again"
    return replace(
        plan,
        request=replace(plan.request, tables=names),
        writes=(*(f"the table {name} in the database {plan.database}" for name in names), beside),
        losses=tuple(losses),
        obstacles=tuple(obstacles),
        warnings=tuple(warnings),
    )


@dataclass(frozen=True, slots=True)
class Move:
    """Tables that go from a staging database into another one: those that get other rows, and those that are made anew."""

    refilled: tuple[str, ...]
    made: tuple[str, ...]
    script_ahead: str
    script_behind: str


async def plan_move(staging: HeldConnection, database: HeldConnection, names: Sequence[str]) -> Move:
    """How proven tables get to where they belong; raises BackupError when one has other columns there than it was saved with."""
    there = {str(row["name"]) for row in await database.fetch(_THERE, (list(names),))}
    refilled, made = tuple(name for name in names if name in there), tuple(name for name in names if name not in there)
    columns = await _columns(staging, names)
    now = await _columns(database, refilled)
    for name in refilled:
        _expect_same(name, columns[name]["columns"], now[name]["columns"])
    checks = [await _check(staging, name, columns[name]["names"]) for name in names]
    schemas = [quoted(str(row["schema"])) for row in await staging.fetch(_SCHEMAS, (list(made),))]
    ahead = _BEGIN + "".join(f"CREATE SCHEMA IF NOT EXISTS {schema};\n" for schema in schemas)
    if refilled:
        only = ", ".join(f"ONLY {name}" for name in refilled)
        ahead += f"LOCK TABLE {only} IN ACCESS EXCLUSIVE MODE;\n{_clear(refilled, _FOR_THE_MOMENT, both=True)}TRUNCATE {only};\n"
    back = (_back(_FOR_THE_MOMENT) if refilled else "") + await _validation(staging, made)
    behind = f"SET LOCAL search_path = pg_catalog;\n{''.join(checks)}{back}COMMIT;\n"
    return Move(refilled, made, ahead, behind)


async def _columns(connection: HeldConnection, names: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    return {str(row["name"]): row for row in await connection.fetch(_COLUMNS, (list(names),))}


def _expect_same(name: str, saved: Sequence[str], now: Sequence[str]) -> None:
    gone, new = sorted(set(saved) - set(now)), sorted(set(now) - set(saved))
    if gone or new:
        words = [
            f"{', '.join(found)} {how}" for found, how in ((gone, "is in the backup alone"), (new, "is in the database alone")) if found
        ]
        raise BackupError(f"the table {name} has other columns now: {'; '.join(words)}", f"nothing was changed; {_ELSEWHERE}")


async def _check(staging: HeldConnection, name: str, columns: Sequence[str]) -> str:
    """A statement that fails unless a table holds what it holds in the staging place, in whatever order of columns."""
    row = f"ROW({', '.join(f't.{column}' for column in columns)})::text"
    half = "coalesce(sum(('x' || substr(md5({}), {}, 16))::bit(64)::bigint::numeric), 0)"
    figure = f"count(*) || ' rows ' || {half.format(row, 1)} || ':' || {half.format(row, 17)}"
    query = f"SELECT /* aishell */ {figure} AS figure FROM ONLY {name} AS t"  # noqa: S608 - quoted names
    (found,) = await staging.fetch(query)
    return _EXPECT.format(
        quote=_dollar(), query=query.replace(" AS figure FROM", " FROM"), expected=_literal(str(found["figure"])), name=_literal(name)
    )


@dataclass(frozen=True, slots=True)
class _Kept:
    """Where it is kept what has to be put back: foreign keys and the triggers that were on."""

    create: str
    links: str
    bells: str


_FOR_THE_MOMENT = _Kept("CREATE TEMP TABLE", "pg_temp.aishell_links", "pg_temp.aishell_bells")


def _clear(names: Sequence[str], kept: _Kept, *, both: bool) -> str:
    these = f"ARRAY[{', '.join(f'{_literal(name)}::regclass' for name in names)}]"
    return _CLEAR.format(create=kept.create, links=kept.links, bells=kept.bells, these=these, both=both, quote=_dollar())


def _back(kept: _Kept, unchecked: str = "''") -> str:
    return _BACK.format(links=kept.links, bells=kept.bells, quote=_dollar(), unchecked=unchecked)


UNCHECKED = "foreign keys of the tables are not checked, because what they refer to is not in the backup"
_BESIDE = _Kept("CREATE TABLE", "aishell_kept.links", "aishell_kept.bells")
_NOT_VALID = "CASE WHEN one.definition LIKE '% NOT VALID' THEN '' ELSE ' NOT VALID' END"
_UNVALIDATED = """
SELECT /* aishell */ k.place, quote_ident(k.name) AS name FROM aishell_kept.links k
WHERE k.definition NOT LIKE '% NOT VALID' AND to_regclass(k.place) IN (SELECT to_regclass(t.name) FROM unnest($1::text[]) AS t (name))
ORDER BY 1, 2
"""


def detaching(names: Sequence[str]) -> str:
    """A script for a staging database that has definitions alone: rows of these tables may come without those they refer to."""
    return "SET search_path = pg_catalog;\nCREATE SCHEMA aishell_kept;\n" + _clear(names, _BESIDE, both=False)


FORGETTING = "DROP SCHEMA aishell_kept CASCADE"


def attaching() -> str:
    """Puts back what `detaching` took away; foreign keys hold from now on, and for the rows that are there they are not checked."""
    return _back(_BESIDE, _NOT_VALID)


async def _validation(staging: HeldConnection, made: Sequence[str]) -> str:
    """Has foreign keys checked in their place that could not be in a staging database with some tables alone."""
    (row,) = await staging.fetch("SELECT /* aishell */ to_regclass('aishell_kept.links') IS NOT NULL AS partial")
    found = await staging.fetch(_UNVALIDATED, (list(made),)) if row["partial"] and made else ()
    return "".join(f"ALTER TABLE {one['place']} VALIDATE CONSTRAINT {one['name']};\n" for one in found)


def _dollar() -> str:
    """A quote that stands in nobody's names."""
    return f"$a{secrets.token_hex(8)}$"


def _literal(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "''")
    return f"E'{escaped}'"


def carry(
    move: Move, clients: tuple[Client, Client], around: ClientEnvironment, staging: str, database: str, *, bare: bool, stop: Stop
) -> None:
    """Carry tables over by pg_dump and psql in one transaction, which ends well with its last line alone; raises BackupError.

    What is read to its end by mistake, such as the output of a killed program, is rolled back: psql is told to commit in so many
    words and never by the end of its input.
    """
    dump, psql = clients
    told = ("-X", "-q", "--no-password", "-o", "/dev/null", "-v", "ON_ERROR_STOP=1", "-d", programs.connection_text(database))
    with ProgramSink(programs.program(psql, told, around)).opened(stop) as writer:
        writer.write(move.script_ahead.encode())
        for tables, rows_only in ((move.refilled, True), (move.made, False)):
            arguments = programs.carry_arguments(tables, staging, rows_only=rows_only, bare=bare)
            for piece in _printed(programs.program(dump, arguments, around), stop) if tables else ():
                writer.write(piece)
        writer.write(move.script_behind.encode())


def _printed(program: Program, stop: Stop) -> Iterator[bytes]:
    with ProgramSource("tables", program, trailer=programs.ends_well).opened(stop) as reader:
        while piece := reader.read(_PIECE_BYTES):
            yield piece
