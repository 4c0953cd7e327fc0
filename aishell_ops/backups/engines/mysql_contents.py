"""What is in a database of MySQL or MariaDB."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aishell_core.engines.mysql_errors import MysqlError
from aishell_core.engines.mysql_held import HeldConnection

SYSTEM = frozenset({"information_schema", "performance_schema", "mysql", "sys"})
"""Databases of the server's own."""
TRANSACTIONAL = frozenset({"innodb", "rocksdb", "ndbcluster", "tokudb"})
"""Engines whose tables show one moment in a transaction."""
GEOMETRIES = frozenset(
    {
        "geometry",
        "point",
        "linestring",
        "polygon",
        "multipoint",
        "multilinestring",
        "multipolygon",
        "geometrycollection",
        "geomcollection",
    }
)
"""Types of columns whose values are shapes, in the words of both families."""
_ELSEWHERE = frozenset({"federated", "connect", "spider", "s3", "mroonga_wrapper"})
_MERGE = frozenset({"mrg_myisam", "merge"})

_TABLES = """
SELECT /* aishell */ table_name AS name, table_type AS kind, engine AS engine, data_length + index_length AS bytes,
  table_comment AS comment
FROM information_schema.tables WHERE table_schema = %s ORDER BY table_name
"""
_ROUTINES = """
SELECT /* aishell */ routine_type AS kind, routine_name AS name, definer AS definer, routine_definition AS body
FROM information_schema.routines WHERE routine_schema = %s ORDER BY 1, 2
"""
_TRIGGERS = """
SELECT /* aishell */ trigger_name AS name, event_object_table AS about, definer AS definer, action_statement AS body
FROM information_schema.triggers WHERE trigger_schema = %s ORDER BY 1
"""
_EVENTS = """
SELECT /* aishell */ event_name AS name, definer AS definer, event_definition AS body
FROM information_schema.events WHERE event_schema = %s ORDER BY 1
"""
_VIEWS = "SELECT /* aishell */ table_name AS name, definer AS definer FROM information_schema.views WHERE table_schema = %s ORDER BY 1"
_COLUMNS = """
SELECT /* aishell */ table_name AS `table`, column_name AS name, data_type AS type, extra AS extra, column_default AS preset
FROM information_schema.columns WHERE table_schema = %s ORDER BY table_name, ordinal_position
"""
_SCHEMA = """
SELECT /* aishell */ default_character_set_name AS charset, default_collation_name AS collation
FROM information_schema.schemata WHERE schema_name = %s
"""
_SEQUENCE_OF = re.compile(r"nextval\(`(?P<schema>(?:[^`]|``)+)`\.`(?P<name>(?:[^`]|``)+)`\)")


@dataclass(frozen=True, slots=True)
class Table:
    """A table; `engine` in small letters, "" where the server cannot open it."""

    name: str
    engine: str
    bytes: float
    versioned: bool = False

    @property
    def transactional(self) -> bool:
        """Whether a transaction shows it as it was at one moment."""
        return self.engine in TRANSACTIONAL

    @property
    def elsewhere(self) -> bool:
        """Whether its rows are not in this server; a dump holds its definition alone."""
        return self.engine in _ELSEWHERE

    @property
    def merged(self) -> bool:
        """Whether it only joins other tables and has no rows of its own."""
        return self.engine in _MERGE

    @property
    def holds_rows(self) -> bool:
        """Whether a dump holds its rows."""
        return not self.elsewhere and not self.merged


@dataclass(frozen=True, slots=True)
class Column:
    """A column, as the rows of a dump depend on it."""

    table: str
    name: str
    type: str
    extra: str
    sequence: tuple[str, str] | None

    @property
    def generated(self) -> bool:
        """Whether the server computes it by itself."""
        return any(word in self.extra for word in ("VIRTUAL", "STORED GENERATED", "PERSISTENT")) or "GENERATED" in self.extra.replace(
            "DEFAULT_GENERATED", ""
        )


@dataclass(frozen=True, slots=True)
class Contents:
    """All that is in a database. `routines` are pairs of PROCEDURE, FUNCTION ... and a name, `triggers` of a name and a table."""

    database: str
    charset: str
    collation: str
    tables: tuple[Table, ...]
    views: tuple[str, ...]
    sequences: tuple[str, ...]
    routines: tuple[tuple[str, str], ...]
    triggers: tuple[tuple[str, str], ...]
    events: tuple[str, ...]
    columns: tuple[Column, ...]
    definers: tuple[str, ...]
    names_itself: tuple[str, ...]

    @property
    def bytes(self) -> float:
        """How much its tables take."""
        return sum(table.bytes for table in self.tables)

    @property
    def names(self) -> tuple[str, ...]:
        """Of tables, sequences and views: what can be dumped by its name."""
        return (*(table.name for table in self.tables), *self.sequences, *self.views)

    def columns_of(self, *types: str) -> tuple[str, ...]:
        """Columns of some types, as `table.column`."""
        return tuple(f"{column.table}.{column.name}" for column in self.columns if column.type in types)


async def contents_of(connection: HeldConnection, database: str) -> Contents | None:
    """What is in a database; None where there is none of that name. Raises MysqlError."""
    schema = await connection.fetch(_SCHEMA, (database,))
    if not schema:
        return None
    tables = await connection.fetch(_TABLES, (database,))
    routines, triggers, events = [await connection.fetch(sql, (database,)) for sql in (_ROUTINES, _TRIGGERS, _EVENTS)]
    views = await connection.fetch(_VIEWS, (database,))
    base = {str(row["name"]) for row in tables if str(row["kind"]) in ("BASE TABLE", "SYSTEM VERSIONED")}
    code = (*routines, *triggers, *events)
    return Contents(
        database,
        str(schema[0]["charset"]),
        str(schema[0]["collation"]),
        tuple(_table(row) for row in tables if str(row["name"]) in base),
        tuple(str(row["name"]) for row in tables if str(row["kind"]) == "VIEW"),
        tuple(str(row["name"]) for row in tables if str(row["kind"]) == "SEQUENCE"),
        tuple((str(row["kind"]), str(row["name"])) for row in routines),
        tuple((str(row["name"]), str(row["about"])) for row in triggers),
        tuple(str(row["name"]) for row in events),
        tuple(_column(row) for row in await connection.fetch(_COLUMNS, (database,)) if str(row["table"]) in base),
        tuple(sorted({str(row["definer"]) for row in (*code, *views) if row["definer"]})),
        tuple(str(row["name"]) for row in code if _names(str(row["body"] or ""), database)),
    )


async def grants_of(connection: HeldConnection) -> tuple[str, ...]:
    """The lines of SHOW GRANTS of our own account, with those of its active roles; raises MysqlError."""
    sql = "SHOW /* aishell */ GRANTS"
    if not connection.facts.mariadb and connection.facts.version_num >= 80_000:
        roles = str(await connection.value("SELECT /* aishell */ CURRENT_ROLE()") or "NONE")
        sql = f"SHOW /* aishell */ GRANTS FOR CURRENT_USER() USING {roles}" if roles != "NONE" else sql
    return tuple(str(next(iter(row.values()))) for row in await connection.fetch(sql))


async def variables_of(connection: HeldConnection, *names: str) -> dict[str, str]:
    """Settings of the server by name, as text; what it does not have is left out."""
    found: dict[str, str] = {}
    for name in names:
        try:
            found[name] = str(await connection.value(f"SELECT /* aishell */ @@GLOBAL.{name}"))
        except MysqlError as error:
            if error.number not in _UNKNOWN:
                raise
    return found


_UNKNOWN = {1193, 1227, 1238}


def properties_of(contents: Contents, variables: Mapping[str, str], tables: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """What a restore has to know, for the manifest."""
    wanted = set(tables or contents.names)
    known = {
        "charset": contents.charset,
        "collation": contents.collation,
        "tables": [table.name for table in contents.tables if table.name in wanted],
        "sequences": [name for name in contents.sequences if name in wanted],
        "views": [name for name in contents.views if name in wanted],
        "triggers": [name for name, table in contents.triggers if table in wanted],
        "routines": [] if tables else [name for _, name in contents.routines],
        "events": [] if tables else contents.events,
        "definers": contents.definers,
        "names_itself": contents.names_itself,
        "asks_sequences": sorted({column.sequence for column in contents.columns if column.sequence and column.table in wanted}),
        "large_columns": bool(contents.columns_of("longblob", "longtext", "mediumblob", "mediumtext", "json")),
        "data_bytes": round(sum(table.bytes for table in contents.tables if table.name in wanted)),
        "max_allowed_packet": variables.get("max_allowed_packet", ""),
    }
    return tuple((name, value if isinstance(value, str) else json.dumps(value)) for name, value in known.items())


def _table(row: Mapping[str, Any]) -> Table:
    engine = str(row["engine"] or "").lower()
    return Table(str(row["name"]), engine, float(row["bytes"] or 0), str(row["kind"]) == "SYSTEM VERSIONED")


def _column(row: Mapping[str, Any]) -> Column:
    found = _SEQUENCE_OF.search(str(row["preset"] or ""))
    asked = (found["schema"].replace("``", "`"), found["name"].replace("``", "`")) if found is not None else None
    return Column(str(row["table"]), str(row["name"]), str(row["type"]).lower(), str(row["extra"] or "").upper(), asked)


def _names(body: str, database: str) -> bool:
    """Whether a body of code names the database that it is in, so that it would go on meaning that one under another name."""
    plain = re.escape(database)
    return re.search(rf"(?<![\w`]){plain}\s*\.|`{re.escape(database.replace('`', '``'))}`\s*\.", body, re.IGNORECASE) is not None
