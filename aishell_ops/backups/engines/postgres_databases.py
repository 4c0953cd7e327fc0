"""Databases of a PostgreSQL server as wholes: what they are made with, and how one takes the place of another."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Mapping
from contextlib import suppress

from aishell_core.engines.postgres_errors import PostgresError, quoted
from aishell_core.engines.postgres_held import HeldConnection, held_connection
from aishell_core.targets import Target
from aishell_core.values import FailureCode
from aishell_ops.backups.engines import postgres_rights as rights
from aishell_ops.backups.engines.contract import LoadPlan
from aishell_ops.backups.engines.postgres_properties import creation, dressing
from aishell_ops.backups.models import Manifest, Source

LONGEST_NAME = 63
"""Bytes; what is longer is cut by the server."""
_TRIES = 30
_PAUSE_SECONDS = 0.2
_IN_USE = "55006"
_MAINTENANCE = ("postgres", "template1")
_KNOWN_ROLES = "SELECT /* aishell */ rolname AS role FROM pg_roles"
_THERE = "SELECT /* aishell */ FROM pg_database WHERE datname = $1"
_END_SESSIONS = (
    "SELECT /* aishell */ count(pg_terminate_backend(pid)) AS count FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid()"
    # The server ends those itself where they are in the way, and lets superusers alone end them otherwise.
    " AND backend_type <> 'autovacuum worker'"
)
_SPACES = "SELECT /* aishell */ spcname AS name FROM pg_tablespace"
_TEMPLATE = "SELECT /* aishell */ datistemplate AS template FROM pg_database WHERE datname = $1"


def source_of(target: Target, connection: HeldConnection, database: str = "") -> Source:
    """What a manifest keeps of where a backup came from; without `database` it is of the whole server."""
    facts = connection.facts
    return Source(target.name, "postgres", database, target.location.redacted(), facts.version, facts.system_identifier, target.environment)


async def maintenance(target: Target, environ: Mapping[str, str]) -> str:
    """A database that is none of those that people keep data in, from which others are made and named; raises PostgresError."""
    fault: PostgresError | None = None
    for name in _MAINTENANCE:
        try:
            async with held_connection(target, environ, name):
                return name
        except PostgresError as error:
            if error.reason is not FailureCode.MISSING:
                raise
            fault = error
    raise fault or PostgresError(FailureCode.MISSING, "the server has no database from which others can be made")


async def is_there(connection: HeldConnection, name: str) -> bool:
    """Whether the server has a database of this name; raises PostgresError."""
    return bool(await connection.fetch(_THERE, (name,)))


async def missing_roles(connection: HeldConnection, manifest: Manifest) -> tuple[str, ...]:
    """Roles of the backup that the server does not have, in words; raises PostgresError."""
    known = {str(row["role"]) for row in await connection.fetch(_KNOWN_ROLES)}
    missing = [role for role in json.loads(dict(manifest.annotations).get("roles", "[]")) if role not in known]
    if not missing:
        return ()
    names = ", ".join(missing[:5]) + (f" and {len(missing) - 5} more" if len(missing) > 5 else "")
    return (f"the roles {names} are missing here: everything will belong to whoever restores; globals.sql of the backup has them",)


async def missing_space(connection: HeldConnection, manifest: Manifest) -> tuple[str, ...]:
    """That the server lacks the tablespace of the database, in words; raises PostgresError."""
    space = dict(manifest.annotations).get("tablespace")
    if space is None or any(row["name"] == space for row in await connection.fetch(_SPACES)):
        return ()
    return (f"the tablespace {space} is missing here: the database will lie in the server's own",)


def short(name: str) -> str:
    """A name that PostgreSQL does not cut."""
    return name[:LONGEST_NAME]


_STAGINGS = """
SELECT /* aishell */ d.datname AS name FROM pg_database d
WHERE (d.datname LIKE 'aishell\\_restoring\\_%' OR d.datname LIKE 'aishell\\_test\\_%')
  AND NOT EXISTS (SELECT FROM pg_stat_activity a WHERE a.datid = d.oid)
"""
_HOLD = "SELECT /* aishell */ pg_try_advisory_lock(hashtextextended($1, 7)) AS mine"
_LET_GO = "SELECT /* aishell */ pg_advisory_unlock(hashtextextended($1, 7))"


async def hold(connection: HeldConnection, name: str) -> None:
    """Say that a database of ours is being worked on, for as long as the connection lasts; raises PostgresError."""
    await connection.fetch(_HOLD, (name,))


async def tidy(connection: HeldConnection) -> None:
    """Drop what restores have left that were killed: nobody holds it, and nobody is in it. Raises PostgresError."""
    for row in await connection.fetch(_STAGINGS):
        (held,) = await connection.fetch(_HOLD, (row["name"],))
        if held["mine"]:
            with suppress(PostgresError):  # another restore may tidy at the same time
                await connection.execute(f"DROP DATABASE IF EXISTS {quoted(str(row['name']))}")
            await connection.fetch(_LET_GO, (row["name"],))


async def create(connection: HeldConnection, name: str, manifest: Manifest) -> None:
    """Make an empty database as the saved one was made; raises PostgresError."""
    spaces = {str(row["name"]) for row in await connection.fetch(_SPACES)}
    await connection.execute(creation(name, dict(manifest.annotations), connection.major, spaces))


async def drop(connection: HeldConnection, name: str) -> None:
    """Drop a database with whoever is in it, when it is there; raises PostgresError."""
    await connection.fetch(_END_SESSIONS, (name,))
    if any(row["template"] for row in await connection.fetch(_TEMPLATE, (name,))):
        await connection.execute(f"ALTER DATABASE {quoted(name)} IS_TEMPLATE false")
    try:
        await connection.execute(f"DROP DATABASE IF EXISTS {quoted(name)} WITH (FORCE)")
    except PostgresError as error:
        if error.reason is not FailureCode.PRIVILEGE:
            raise
        # Somebody is in it whom this account may not end by force: the server waits for autovacuum, and for those who are leaving.
        await connection.execute(f"DROP DATABASE IF EXISTS {quoted(name)}")


async def publish(connection: HeldConnection, plan: LoadPlan, manifest: Manifest) -> None:
    """Give the staging database its name in one transaction with taking it from the old one, which is dropped then.

    Raises PostgresError; the old one has its name still unless the new one has it.
    """
    await _dress(connection, plan.staging, manifest)
    old = short(f"aishell_replaced_{secrets.token_hex(4)}_{plan.database}")
    there = bool(await connection.fetch(_THERE, (plan.database,)))
    away = f"ALTER DATABASE {quoted(plan.database)} RENAME TO {quoted(old)}; " if there else ""
    for number in range(_TRIES):
        for name in (plan.staging, plan.database):
            await connection.fetch(_END_SESSIONS, (name,))
        try:
            await connection.execute(f"BEGIN; {away}ALTER DATABASE {quoted(plan.staging)} RENAME TO {quoted(plan.database)}; COMMIT")
            break
        except PostgresError as error:
            with suppress(PostgresError):
                await connection.execute("ROLLBACK")
            if error.sqlstate != _IN_USE or number == _TRIES - 1:
                raise
            await asyncio.sleep(_PAUSE_SECONDS)
    if there:
        await drop(connection, old)


async def _dress(connection: HeldConnection, name: str, manifest: Manifest) -> None:
    """Give a database what a dump does not hold of the saved one, as far as its roles are here."""
    roles = {str(row["role"]) for row in await connection.fetch(_KNOWN_ROLES)}
    known, _ = await rights.settable(connection, dict(manifest.annotations))
    for statement in dressing(name, known, roles):
        await connection.execute(statement)


def major_of(version: str) -> int:
    """The major version in a server's words, 0 where there is none."""
    number = version.split(".", 1)[0]
    return int(number) if number.isdigit() else 0
