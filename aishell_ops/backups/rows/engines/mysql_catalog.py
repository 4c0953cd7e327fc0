"""What is in a database of MySQL or MariaDB, as far as rows are concerned."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from aishell_core.engines.mysql_errors import MysqlError
from aishell_core.engines.mysql_held import HeldConnection
from aishell_ops.backups.engines.mysql_contents import Contents
from aishell_ops.backups.rows.engines.mysql_types import column_of
from aishell_ops.backups.rows.model import Table

_COLUMNS = """
SELECT /* aishell */ table_name AS `table`, column_name AS name, data_type AS type, column_type AS declared, is_nullable AS nullable,
  character_set_name AS charset, collation_name AS collation, character_maximum_length AS length,
  numeric_precision AS digits, numeric_scale AS scale, column_default AS preset, extra AS extra
FROM information_schema.columns WHERE table_schema = %s ORDER BY table_name, ordinal_position
"""
_KEYS = """
SELECT /* aishell */ table_name AS `table`, column_name AS name, sub_part AS part
FROM information_schema.statistics WHERE table_schema = %s AND index_name = 'PRIMARY' ORDER BY table_name, seq_in_index
"""
_ATTACHED = """
SELECT /* aishell */ table_name AS `table`, LOWER(constraint_type) AS kind, constraint_name AS name
FROM information_schema.table_constraints WHERE table_schema = %s AND constraint_type IN ('FOREIGN KEY', 'UNIQUE', 'CHECK')
UNION ALL
SELECT DISTINCT table_name, 'index', index_name FROM information_schema.statistics WHERE table_schema = %s AND non_unique = 1
UNION ALL
SELECT event_object_table, 'trigger', trigger_name FROM information_schema.triggers WHERE trigger_schema = %s
"""
_CHECKS_OF_MARIADB = """
SELECT /* aishell */ table_name AS `table`, check_clause AS clause FROM information_schema.check_constraints WHERE constraint_schema = %s
"""
_IS_JSON = re.compile(r"json_valid\(`((?:[^`]|``)+)`\)", re.IGNORECASE)
_WHY = "rows alone are saved"


async def tables_of(connection: HeldConnection, contents: Contents) -> tuple[Table, ...]:
    """All tables that have rows and columns of their own; raises MysqlError."""
    database = contents.database
    columns = _by_table(await connection.fetch(_COLUMNS, (database,)))
    keys = _by_table(await connection.fetch(_KEYS, (database,)))
    attached = _by_table(await connection.fetch(_ATTACHED, (database, database, database)))
    documents = await _documents(connection, database)
    computed = {(column.table, column.name) for column in contents.columns if column.generated}
    found = []
    for table in contents.tables:
        if table.holds_rows:
            parts = (columns.get(table.name, ()), keys.get(table.name, ()), attached.get(table.name, ()))
            found.append(_table(table.name, *parts, documents, computed))
    return tuple(table for table in found if table.columns)


def others_of(contents: Contents) -> tuple[tuple[str, str], ...]:
    """What is in the database and has no rows of its own, with the reason why it is not saved."""
    found = [
        (f"table {table.name}", "its rows are not in this server, or in other tables") for table in contents.tables if not table.holds_rows
    ]
    named = [*(("view", name) for name in contents.views), *(("sequence", name) for name in contents.sequences)]
    named += [*((kind.lower(), name) for kind, name in contents.routines), *(("event", name) for name in contents.events)]
    return (*found, *((f"{kind} {name}", _WHY) for kind, name in named))


async def _documents(connection: HeldConnection, database: str) -> set[tuple[str, str]]:
    """Columns of which a check says that they are JSON: MariaDB has no type for it."""
    if not connection.facts.mariadb:
        return set()
    try:
        rows = await connection.fetch(_CHECKS_OF_MARIADB, (database,))
    except MysqlError:
        return set()
    return {
        (str(row["table"]), found[1].replace("``", "`")) for row in rows if (found := _IS_JSON.fullmatch(str(row["clause"]))) is not None
    }


def _by_table(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        found.setdefault(str(row["table"]), []).append(row)
    return found


def _table(
    name: str,
    columns: Sequence[Mapping[str, Any]],
    keys: Sequence[Mapping[str, Any]],
    attached: Sequence[Mapping[str, Any]],
    documents: set[tuple[str, str]],
    computed: set[tuple[str, str]],
) -> Table:
    kept = [row for row in columns if (name, str(row["name"])) not in computed]
    missing = [(f"computed column {row['name']}", "it is computed from others") for row in columns if row not in kept]
    missing += [(f"auto_increment of {row['name']}", _WHY) for row in kept if "auto_increment" in str(row["extra"]).lower()]
    missing += [(f"default of {row['name']}", _WHY) for row in kept if row["preset"] is not None and str(row["preset"]) != "NULL"]
    missing += [(f"{row['kind']} {row['name']}", _WHY) for row in attached if (name, str(row["name"])) not in documents]
    whole = all(row["part"] is None for row in keys)
    missing += [] if whole else [("primary key", "it is of the beginnings of columns alone")]
    return Table(
        name,
        tuple(column_of(row, is_json=(name, str(row["name"])) in documents) for row in kept),
        key=tuple(str(row["name"]) for row in keys) if whole else (),
        missing=tuple(missing),
    )
