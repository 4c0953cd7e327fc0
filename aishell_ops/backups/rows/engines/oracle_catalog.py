"""What is in a schema of an Oracle database, as far as rows are concerned, by views that every user may read.

Views: Database Reference, "Static Data Dictionary Views". They show what the user may read, so that what they hide of another's
schema is looked for in DBA_TABLES where that may be read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from aishell_core.engines.oracle_errors import is_barred, quoted
from aishell_core.engines.oracle_held import HeldConnection, OracleError
from aishell_core.engines.oracle_wire import Row
from aishell_core.errors import UsageError
from aishell_ops.backups.rows.engines.oracle_types import column_of, unsaved
from aishell_ops.backups.rows.model import Table

RESERVED = "AISHELL$"
"""How names of tables begin that a restore makes for itself."""
JOURNAL = f"{RESERVED}RESTORE"
DONE = 1
"""The row of the journal that says that all is done; those behind it are tables that were made."""

SCHEMAS = "SELECT /* aishell */ username AS name, oracle_maintained AS own FROM all_users ORDER BY username"
TABLES = """SELECT /* aishell */ table_name AS name, temporary AS is_temporary, secondary AS is_secondary, nested AS is_nested,
    iot_type AS organization, external AS is_external, hybrid AS is_hybrid, partitioned AS is_partitioned, dropped AS is_dropped,
    num_rows AS row_count, avg_row_len AS row_bytes
FROM all_tables WHERE owner = :owner ORDER BY table_name"""
COLUMNS = """SELECT /* aishell */ table_name AS tab, column_name AS name, data_type AS type, data_type_owner AS type_owner,
    data_length AS bytes, data_precision AS digits, data_scale AS scale, nullable AS nullable, char_length AS signs, char_used AS counts,
    virtual_column AS is_virtual, hidden_column AS is_hidden, identity_column AS is_identity, default_length AS default_signs
FROM all_tab_cols WHERE owner = :owner AND user_generated = 'YES' ORDER BY table_name, column_id NULLS LAST, internal_column_id"""
CONSTRAINTS = """SELECT /* aishell */ table_name AS tab, constraint_name AS name, constraint_type AS kind, search_condition_vc AS condition,
    r_owner AS other_owner, r_constraint_name AS other, status AS status
FROM all_constraints WHERE owner = :owner AND constraint_type IN ('P', 'U', 'R', 'C') ORDER BY table_name, constraint_name"""
KEYS = """SELECT /* aishell */ c.table_name AS tab, k.column_name AS name
FROM all_constraints c JOIN all_cons_columns k ON k.owner = c.owner AND k.constraint_name = c.constraint_name
WHERE c.owner = :owner AND c.constraint_type = 'P' ORDER BY c.table_name, k.position"""
INDEXES = """SELECT /* aishell */ table_name AS tab, index_name AS name
FROM all_indexes WHERE table_owner = :owner AND index_type <> 'LOB' ORDER BY table_name, index_name"""
TRIGGERS = """SELECT /* aishell */ table_name AS tab, trigger_name AS name, status AS status
FROM all_triggers WHERE table_owner = :owner AND base_object_type = 'TABLE' ORDER BY table_name, trigger_name"""
MADE = """SELECT /* aishell */ container_name AS name FROM all_mviews WHERE owner = :owner
UNION ALL SELECT log_table AS name FROM all_mview_logs WHERE log_owner = :owner"""
OBJECTS = """SELECT /* aishell */ LOWER(object_type) AS kind, object_name AS name, object_id AS id
FROM all_objects WHERE owner = :owner AND generated = 'N' AND subobject_name IS NULL ORDER BY object_type, object_name"""
GRANTS = "SELECT /* aishell */ COUNT(*) AS found FROM all_tab_privs WHERE table_schema = :owner"
POLICIES = """SELECT /* aishell */ DISTINCT object_name AS name
FROM all_policies WHERE object_owner = :owner AND enable = 'YES' AND sel = 'YES' ORDER BY object_name"""
HIDDEN = """SELECT /* aishell */ t.table_name AS name FROM dba_tables t WHERE t.owner = :owner
AND NOT EXISTS (SELECT 1 FROM all_tables a WHERE a.owner = t.owner AND a.table_name = t.table_name) ORDER BY t.table_name"""

_WHY = "rows alone are saved"
_MOST_NAMES = 10
_OF_TABLES = frozenset({"table", "index", "lob", "trigger"})
_KINDS = {"U": "unique constraint", "R": "foreign key", "C": "check"}


@dataclass(frozen=True, slots=True)
class Contents:
    """A schema: its tables, what of it is not saved with the reason, and what has to be said.."""

    schema: str
    tables: tuple[Table, ...]
    skipped: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...]
    data_bytes: int
    unfinished: frozenset[str] = frozenset()


def exact(name: str) -> str:
    """A name as it is written in a statement, whatever its signs; no name of Oracle holds a double quote."""
    if '"' in name or "\0" in name:
        raise UsageError(f"{name!r} cannot be a name in Oracle", "give another one")
    return f'"{name}"'


async def schema_named(connection: HeldConnection, wanted: str) -> str:
    """The schema that somebody means, the user's own without a name; raises UsageError naming the nearest, OracleError."""
    rows = await connection.fetch(SCHEMAS)
    names = {str(row["name"]): row["own"] == "Y" for row in rows}
    given = wanted or connection.facts.user
    found = next((name for name in (given, given.upper()) if name in names), None)
    if found is None:
        near = get_close_matches(given.upper(), names, 1)
        raise UsageError(f"there is no schema {given}", f"did you mean {near[0]}?" if near else "SELECT username FROM all_users lists them")
    if names[found]:
        raise UsageError(f"{found} is a schema of the server's own", "name the schema of an application: oracle://…?schema=NAME")
    return found


async def contents_of(connection: HeldConnection, schema: str) -> Contents:
    """All that is in a schema; raises OracleError."""
    owner = {"owner": schema}
    rows = await connection.fetch(TABLES, owner)
    made = {str(row["name"]) for row in await connection.fetch(MADE, owner)}
    objects = await connection.fetch(OBJECTS, owner)
    details = _Details(
        _by_table(await connection.fetch(COLUMNS, owner)),
        _by_table(await connection.fetch(KEYS, owner)),
        _by_table(await connection.fetch(CONSTRAINTS, owner)),
        _by_table(await connection.fetch(INDEXES, owner)),
        _by_table(await connection.fetch(TRIGGERS, owner)),
    )
    unfinished = await _unfinished(connection, schema, rows, objects)
    rows = tuple(row for row in rows if not str(row["name"]).startswith(RESERVED) and row["name"] not in unfinished)
    why_not = {str(row["name"]): why for row in rows if (why := _why_not(row, made))}
    held = [row for row in rows if str(row["name"]) not in why_not]
    tables = [_table(row, details) for row in held]
    empty = [table.name for table in tables if not table.columns]
    skipped = [(f"table {name}", why) for name, why in why_not.items() if why != _HIDDEN_PART]
    skipped += [(f"table {name}", "none of its columns can be saved") for name in empty]
    skipped += [(f"table {name}", "a restore that did not end has left it; the next one drops it") for name in sorted(unfinished)]
    listed = {str(row["name"]) for row in rows} | unfinished
    skipped += [
        (f"table {row['name']}", "it is a table of objects or of XML")
        for row in objects
        if row["kind"] == "table" and str(row["name"]) not in listed and not str(row["name"]).startswith(RESERVED)
    ]
    skipped += _others(objects, int(str(await connection.value(GRANTS, owner) or 0)))
    unseen, warnings = await _unseen(connection, schema)
    return Contents(
        schema,
        tuple(table for table in tables if table.columns),
        (*skipped, *unseen),
        (*warnings, *await _policies(connection, owner)),
        sum(int(row["row_count"] or 0) * int(row["row_bytes"] or 0) for row in held),
        unfinished,
    )


async def _unfinished(connection: HeldConnection, schema: str, tables: Sequence[Row], objects: Sequence[Row]) -> frozenset[str]:
    """Tables that a restore has made and not ended, by the numbers in its journal."""
    if all(row["name"] != JOURNAL for row in tables):
        return frozenset()
    noted = await connection.fetch(noted_in(schema))
    if any(int(row["place"]) == DONE for row in noted):
        return frozenset()
    numbers = {int(row["id"]) for row in noted}
    return frozenset(str(row["name"]) for row in objects if row["kind"] == "table" and int(row["id"] or 0) in numbers)


def noted_in(schema: str) -> str:
    """The statement that reads what a restore has written down of itself."""
    return f"SELECT /* aishell */ place, name, id FROM {exact(schema)}.{exact(JOURNAL)} WHERE place > 0 ORDER BY place"  # noqa: S608


@dataclass(frozen=True, slots=True)
class _Details:
    """What belongs to tables, by their names."""

    columns: Mapping[str, list[Row]]
    keys: Mapping[str, list[Row]]
    constraints: Mapping[str, list[Row]]
    indexes: Mapping[str, list[Row]]
    triggers: Mapping[str, list[Row]]


def _by_table(rows: Iterable[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(str(row["tab"]), []).append(row)
    return found


_HIDDEN_PART = "a part of another table"


def _why_not(row: Row, made: set[str]) -> str:
    """Why a table's rows are not saved; "" where they are."""
    if row["is_nested"] == "YES" or row["organization"] in ("IOT_OVERFLOW", "IOT_MAPPING") or row["is_secondary"] == "Y":
        return _HIDDEN_PART
    if row["is_dropped"] == "YES":
        return _HIDDEN_PART
    if row["is_temporary"] == "Y":
        return "it is temporary: each session sees rows of its own"
    if row["is_external"] == "YES" or row["is_hybrid"] == "YES":
        return "its rows, or some of them, lie in files outside of the database"
    return "its rows are made from other tables" if str(row["name"]) in made else ""


def _table(row: Row, details: _Details) -> Table:
    name = str(row["name"])
    columns = details.columns.get(name, [])
    kept = [one for one in columns if one["is_virtual"] != "YES" and not unsaved(one)]
    missing = [(f"computed column {one['name']}", "it is computed from others") for one in columns if one["is_virtual"] == "YES"]
    missing += [(f"column {one['name']}", why) for one in columns if one["is_virtual"] != "YES" and (why := unsaved(one))]
    missing += [(f"identity of {one['name']}", _WHY) for one in kept if one["is_identity"] == "YES"]
    missing += [(f"default of {one['name']}", _WHY) for one in kept if one["default_signs"] and one["is_identity"] != "YES"]
    missing += [(f"invisibility of {one['name']}", "it comes back as a usual column") for one in kept if one["is_hidden"] == "YES"]
    missing += [("partitions", "it comes back as one table")] if row["is_partitioned"] == "YES" else []
    missing += [("organization by its index", "it comes back as a usual table")] if row["organization"] == "IOT" else []
    constraints = details.constraints.get(name, [])
    missing += [
        (f"{_KINDS[kind]} {one['name']}", _WHY) for one in constraints if (kind := str(one["kind"])) in _KINDS and not _is_not_null(one)
    ]
    behind = {str(one["name"]) for one in constraints}
    missing += [(f"index {one['name']}", _WHY) for one in details.indexes.get(name, []) if str(one["name"]) not in behind]
    missing += [(f"trigger {one['name']}", _WHY) for one in details.triggers.get(name, [])]
    key = tuple(str(one["name"]) for one in details.keys.get(name, []))
    found = tuple(column_of(one) for one in kept)
    whole = {column.name for column in found}.issuperset(key)
    return Table(name, found, key=key if whole else (), missing=tuple(missing))


def _is_not_null(row: Row) -> bool:
    """Whether a check is the one that forbids NULL, which stands with its column."""
    condition = str(row["condition"] or "")
    return row["kind"] == "C" and condition.startswith('"') and condition.endswith('" IS NOT NULL') and condition.count('"') == 2


def _others(objects: Sequence[Row], grants: int) -> list[tuple[str, str]]:
    """What is in a schema beside its tables, by its kind."""
    kinds: dict[str, list[str]] = {}
    for row in objects:
        if row["kind"] not in _OF_TABLES and " partition" not in str(row["kind"]) and not str(row["name"]).startswith(RESERVED):
            kinds.setdefault(str(row["kind"]), []).append(str(row["name"]))
    found = [(f"{kind} {_listed(names)}", _WHY) for kind, names in kinds.items()]
    found += [(f"{grants} grant{'s' if grants != 1 else ''} on objects", _WHY)] if grants else []
    return [*found, ("users, roles, comments, statistics and storage of tables", f"{_WHY}; expdp saves them")]


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(names[:_MOST_NAMES]) + more


async def _unseen(connection: HeldConnection, schema: str) -> tuple[list[tuple[str, str]], tuple[str, ...]]:
    """Tables of another user's schema that this one may not read, and what is to be said where nobody can tell."""
    user = connection.facts.user
    if schema == user:
        return [], ()
    try:
        rows = await connection.fetch(HIDDEN, {"owner": schema})
    except OracleError as error:
        if not is_barred(error):
            raise
        to = quoted(user)
        grants = f"GRANT SELECT_CATALOG_ROLE TO {to}; shows them, GRANT SELECT ANY TABLE, FLASHBACK ANY TABLE TO {to}; saves them"
        return [], (f"tables of {schema} that {user} may not read are not seen and not saved: {grants}",)
    found = [str(row["name"]) for row in rows if not str(row["name"]).startswith(RESERVED)]
    return [(f"table {name}", f"GRANT SELECT, FLASHBACK ON {exact(schema)}.{exact(name)} TO {quoted(user)};") for name in found], ()


async def _policies(connection: HeldConnection, owner: Mapping[str, object]) -> tuple[str, ...]:
    """What has to be said of rows that policies keep from this user."""
    rows = await connection.fetch(POLICIES, owner)
    if not rows:
        return ()
    names, user = _listed([str(row["name"]) for row in rows]), quoted(connection.facts.user)
    return (f"policies may hide rows of {names}: GRANT EXEMPT ACCESS POLICY TO {user}; saves them all",)
