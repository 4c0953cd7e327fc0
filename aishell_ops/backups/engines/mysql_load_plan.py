"""What a restore into a MySQL or MariaDB server would do, and what forbids it."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from aishell_core.engines.mysql_errors import quoted, quoted_account
from aishell_core.engines.mysql_held import HeldConnection
from aishell_core.errors import UsageError
from aishell_core.units import format_bytes
from aishell_ops.backups.engines.contract import LoadPlan, LoadRequest, one_job_obstacle
from aishell_ops.backups.engines.mysql_contents import SYSTEM, Contents, contents_of, grants_of, variables_of
from aishell_ops.backups.engines.mysql_grants import ALL, rights_on
from aishell_ops.backups.engines.mysql_publish import token
from aishell_ops.backups.engines.mysql_tools import release_of
from aishell_ops.backups.models import Manifest, Tool

_LONGEST_NAME = 64
_ROOM_RATIO = 1.2
_VARIABLES = ("log_bin", "log_bin_trust_function_creators", "lower_case_table_names", "max_allowed_packet", "super_read_only")
_REFERRERS = """
SELECT /* aishell */ DISTINCT table_schema AS `schema`, table_name AS name, referenced_table_name AS parent
FROM information_schema.key_column_usage WHERE referenced_table_schema = %s
"""
_COLLATION = "SELECT /* aishell */ COUNT(*) AS found FROM information_schema.collations WHERE collation_name = %s"
_DATABASES = "SELECT /* aishell */ schema_name AS name FROM information_schema.schemata ORDER BY 1"
_ACCOUNTS = "SELECT /* aishell */ CONCAT(user, '@', host) AS account FROM mysql.user"
_SEQUENCE = "SELECT /* aishell */ COUNT(*) AS found FROM information_schema.tables WHERE table_schema = %s AND table_name = %s"


@dataclass(frozen=True, slots=True)
class Names:
    """The names of our own that belong to a database: where a restore is made, where the old one goes, the lock of both."""

    staging: str
    aside: str
    lock: str


def names_for(database: str) -> Names:
    """The beginnings of the names; what makes each its own follows."""
    key = hashlib.sha256(database.encode()).hexdigest()[:12]
    return Names(f"aishell_restoring_{key}_", f"aishell_replaced_{key}_", f"aishell_restore_{key}")


async def leftovers(connection: HeldConnection, database: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Databases that interrupted restores have left: staging ones, and those that hold an old database. Raises MysqlError."""
    mine = names_for(database)
    names = [str(row["name"]) for row in await connection.fetch(_DATABASES)]
    return tuple(name for name in names if name.startswith(mine.staging)), tuple(name for name in names if name.startswith(mine.aside))


async def plan_load(connection: HeldConnection, manifest: Manifest, request: LoadRequest, method: str, tool: Tool) -> LoadPlan:
    """What a restore would do on this server; raises UsageError for a table that the backup does not have, MysqlError."""
    name = request.database or manifest.source.database
    known = dict(manifest.annotations)
    expect_tables(request.tables, known)
    now = await contents_of(connection, name)
    _, asides = await leftovers(connection, name)
    variables = await variables_of(connection, *_VARIABLES)
    needed = round(float(known.get("data_bytes") or manifest.plain_bytes) * _ROOM_RATIO)
    free = _free_bytes(connection)
    obstacles = [
        *one_job_obstacle(request),
        *_of_backup(manifest, connection, method),
        *_of_name(name, known, variables, connection),
        *_of_target(now, request),
        *await _of_references(connection, name, request),
        *await _of_server(connection, known),
        *await _of_rights(connection, known, variables, name),
    ]
    if free is not None and free < needed:
        obstacles.append(f"the server's disk has {format_bytes(free)} of room, and {format_bytes(needed)} are needed")
    return LoadPlan(
        request,
        name,
        names_for(name).staging + token(),
        writes=tuple(f"the table {name}.{table}" for table in request.tables) or (f"the database {name}",),
        losses=_losses(now, request, known),
        obstacles=tuple(obstacles),
        warnings=(*_warnings(manifest, name, request, known, variables, asides), *await _missing_accounts(connection, known)),
        tools=(tool,),
        needed_bytes=needed,
        free_bytes=free,
        server_version=connection.facts.version,
    )


def listed(known: Mapping[str, str], name: str) -> list[str]:
    """A list among the manifest's annotations."""
    found: list[str] = json.loads(known.get(name) or "[]")
    return found


def expect_tables(tables: Sequence[str], known: Mapping[str, str]) -> None:
    """Raise UsageError, naming the nearest, for a table that a backup does not have."""
    there = listed(known, "tables")
    for table in tables:
        if table not in there:
            near = get_close_matches(table, there, 1)
            raise UsageError(
                f"the backup has no table {table}", f"did you mean {near[0]}?" if near else f"it has {', '.join(there) or 'none'}"
            )


def _of_backup(manifest: Manifest, connection: HeldConnection, method: str) -> list[str]:
    facts = connection.facts
    if manifest.method != method:
        return [f"the backup was made by {manifest.method}, and is not restored by {facts.product}'s client"]
    saved = manifest.source.server_version
    family = dict(manifest.annotations).get("family", facts.product)
    if family != facts.product:
        return [f"the backup is of {family} {saved}, and this server is {facts.product} {facts.version}"]
    if _release(saved) > release_of(facts):
        return [f"the backup is of {family} {saved}, and this server is older ({facts.version})"]
    return []


def _of_name(name: str, known: Mapping[str, str], variables: Mapping[str, str], connection: HeldConnection) -> list[str]:
    found = []
    if name.lower() in SYSTEM:
        found.append(f"{name} is a database of the server's own")
    if not name or len(name) > _LONGEST_NAME:
        found.append(f"the name {name} is too long for a database" if name else "no database is named")
    if connection.facts.read_only or variables.get("super_read_only") == "1":
        found.append("this server is read-only; restore on the one that it replicates from")
    tables = listed(known, "tables")
    if variables.get("lower_case_table_names", "0") != "0" and len({table.lower() for table in tables}) < len(tables):
        found.append("tables of the backup differ in capitals alone, and this server does not tell them apart")
    return found


def _of_target(now: Contents | None, request: LoadRequest) -> list[str]:
    if now is None or request.replace:
        return []
    there = {*now.names, *(name for _, name in now.routines)}
    if request.tables:
        taken = [table for table in request.tables if table in there]
        return [f"the tables {', '.join(taken)} are there; --drop-existing replaces them"] if taken else []
    return [f"the database {now.database} is there; --drop-existing replaces it"] if there else []


async def _of_references(connection: HeldConnection, name: str, request: LoadRequest) -> list[str]:
    """Foreign keys of what stays would go on meaning the old tables."""
    rows = await connection.fetch(_REFERRERS, (name,))
    leaving = set(request.tables)
    found = []
    for row in rows:
        schema, child, parent = str(row["schema"]), str(row["name"]), str(row["parent"])
        stays = schema != name if not leaving else (parent in leaving and (schema != name or child not in leaving))
        if stays:
            found.append(f"the table {schema}.{child} refers to {parent} by a foreign key and would go on meaning the old one")
    return found


async def _of_server(connection: HeldConnection, known: Mapping[str, str]) -> list[str]:
    found = []
    collation = known.get("collation", "")
    if collation and not int(str(await connection.value(_COLLATION, (collation,)))):
        found.append(f"this server does not know the collation {collation}")
    for schema, sequence in json.loads(known.get("asks_sequences") or "[]"):
        if not int(str(await connection.value(_SEQUENCE, (schema, sequence)))):
            how = f"CREATE SEQUENCE {quoted(schema)}.{quoted(sequence)}"
            found.append(
                f"a column's default asks the sequence {schema}.{sequence} by its full name, and it is not there: {how}, then restore"
            )
    return found


async def _of_rights(connection: HeldConnection, known: Mapping[str, str], variables: Mapping[str, str], name: str) -> list[str]:
    facts, found = connection.facts, []
    rights = rights_on(await grants_of(connection), name)
    # What is asked here is given on the whole server, so that a right on one database is none.
    server = rights_on(await grants_of(connection), "") if rights else rights
    mighty = ALL in server or "SUPER" in server
    definers = [one for one in listed(known, "definers") if one != facts.account]
    setters = {"SET USER", "SET_USER_ID", "SET_ANY_DEFINER"}
    if definers and not mighty and not setters & server:
        right = "SET USER" if facts.mariadb else "SET_USER_ID" if facts.version_num < 80_200 else "SET_ANY_DEFINER"
        who = quoted_account(facts.account)
        found.append(
            f"code of the backup belongs to {', '.join(definers)}, and this account may not make such: GRANT {right} ON *.* TO {who};"
        )
    logs = variables.get("log_bin") == "1" and variables.get("log_bin_trust_function_creators") == "0"
    if logs and not mighty and (listed(known, "triggers") or listed(known, "routines")):
        found.append(
            "functions and triggers are not taken from this account while the server logs: SET GLOBAL log_bin_trust_function_creators = 1;"
        )
    return found


def _losses(now: Contents | None, request: LoadRequest, known: Mapping[str, str]) -> tuple[str, ...]:
    """What is there now and is gone afterwards; what the backup does not have at all is named."""
    if now is None or not now.names:
        return ()
    if request.tables:
        return tuple(f"the table {table.name}, {format_bytes(table.bytes)}" for table in now.tables if table.name in request.tables)
    saved = {*listed(known, "tables"), *listed(known, "views"), *listed(known, "sequences")}
    missing = [name for name in now.names if name not in saved]
    whole = f"the database {now.database}, {len(now.tables)} tables, {format_bytes(now.bytes)}"
    return (whole, *((f"not in the backup: {', '.join(missing)}",) if missing else ()))


def _warnings(
    manifest: Manifest, name: str, request: LoadRequest, known: Mapping[str, str], variables: Mapping[str, str], asides: Sequence[str]
) -> tuple[str, ...]:
    found = []
    if asides:
        found.append(f"a restore of {name} was interrupted while it was put in its place: what was there before is brought back first")
    renamed = name != manifest.source.database
    if renamed and (itself := listed(known, "names_itself")):
        found.append(f"{', '.join(itself)} name the database {manifest.source.database} in their code and go on meaning that one")
    packet, saved = (int(each or 0) for each in (variables.get("max_allowed_packet", ""), known.get("max_allowed_packet", "")))
    if json.loads(known.get("large_columns") or "false") and packet < min(2 * saved, 1 << 30) and manifest.plain_bytes > packet:
        found.append(
            f"max_allowed_packet is {format_bytes(packet)}: a row whose binary values are larger than half of that is refused;"
            " SET GLOBAL max_allowed_packet = 1073741824; lets it in"
        )
    if request.tables:
        found.append("rows of other tables that these refer to are not restored with them")
    return tuple(found)


async def _missing_accounts(connection: HeldConnection, known: Mapping[str, str]) -> tuple[str, ...]:
    definers = listed(known, "definers")
    if not definers or ALL not in rights_on(await grants_of(connection), "mysql", "user") | rights_on(await grants_of(connection), "mysql"):
        return ()
    there = {str(row["account"]) for row in await connection.fetch(_ACCOUNTS)}
    missing = [one for one in definers if one not in there]
    return (f"the accounts {', '.join(missing)} are missing: code that belongs to them cannot be run",) if missing else ()


def _free_bytes(connection: HeldConnection) -> int | None:
    """Room on the disk of the server's data; None where that is not on this machine or cannot be looked at."""
    facts = connection.facts
    if not facts.local or not facts.data_folder:
        return None
    try:
        return shutil.disk_usage(Path(facts.data_folder)).free
    except OSError:
        return None


def _release(version: str) -> tuple[int, int]:
    parts = [int(part) for part in version.split(".")[:2] if part.isdigit()]
    return (parts[0], parts[1]) if len(parts) == 2 else (0, 0)
