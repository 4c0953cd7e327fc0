"""Databases of a PostgreSQL server as wholes: what they are made with, and how one takes the place of another."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Container, Mapping
from contextlib import suppress

from aishell_core.engines.postgres_errors import PostgresError, quoted
from aishell_core.engines.postgres_held import HeldConnection, held_connection
from aishell_core.targets import Target
from aishell_core.values import FailureCode
from aishell_ops.backups.engines.contract import LoadPlan, LoadRequest
from aishell_ops.backups.models import Format, Manifest, Source, Tool

_LONGEST_NAME = 63
_TRIES = 30
_PAUSE_SECONDS = 0.2
_IN_USE = "55006"
_MAINTENANCE = ("postgres", "template1")
_PROPERTIES = """
SELECT /* aishell */ pg_encoding_to_char(encoding) AS encoding, datcollate AS collate, datctype AS ctype, pg_get_userbyid(datdba) AS owner,
  to_jsonb(d)->>'datlocprovider' AS provider, coalesce(to_jsonb(d)->>'datlocale', to_jsonb(d)->>'daticulocale') AS locale,
  (SELECT json_agg(json_build_array(coalesce(r.rolname, ''), s.setconfig) ORDER BY s.setrole)::text
     FROM pg_db_role_setting s LEFT JOIN pg_roles r ON r.oid = s.setrole WHERE s.setdatabase = d.oid) AS settings,
  (SELECT json_agg(json_build_array(coalesce(pg_get_userbyid(nullif(a.grantee, 0)), ''), a.privilege_type, a.is_grantable)
                   ORDER BY a.grantee, a.privilege_type)::text FROM aclexplode(d.datacl) a) AS grants
FROM pg_database d WHERE datname = current_database()
"""
_ROLES = """
SELECT /* aishell */ DISTINCT pg_get_userbyid(o.owner) AS role FROM (
  SELECT relowner FROM pg_class UNION SELECT proowner FROM pg_proc
  UNION SELECT nspowner FROM pg_namespace UNION SELECT typowner FROM pg_type
  UNION SELECT a.grantee FROM pg_class c, aclexplode(c.relacl) a WHERE a.grantee <> 0
  UNION SELECT refobjid FROM pg_shdepend
    WHERE refclassid = 'pg_authid'::regclass AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
) AS o (owner) WHERE pg_get_userbyid(o.owner) NOT LIKE 'pg\\_%' ORDER BY 1
"""
_EXTENSIONS = "SELECT /* aishell */ extname AS name FROM pg_extension ORDER BY 1"
_KNOWN_ROLES = "SELECT /* aishell */ rolname AS role FROM pg_roles"
_THERE = "SELECT /* aishell */ pg_database_size(oid)::float8 AS bytes FROM pg_database WHERE datname = $1"
_SESSIONS = "SELECT /* aishell */ count(*) AS count FROM pg_stat_activity WHERE datname = $1 AND backend_type = 'client backend'"
_END_SESSIONS = (
    "SELECT /* aishell */ count(pg_terminate_backend(pid)) AS count FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid()"
)
_PROVIDERS = {"i": "icu", "b": "builtin", "c": "libc"}


def source_of(target: Target, connection: HeldConnection, database: str = "") -> Source:
    """What a manifest keeps of where a backup came from; without `database` it is of the whole server."""
    facts = connection.facts
    return Source(target.name, "postgres", database, target.location.redacted(), facts.version, facts.system_identifier, target.environment)


async def properties_of(connection: HeldConnection) -> tuple[tuple[str, str], ...]:
    """What a database is made with, and what a dump does not hold of it; for the manifest."""
    (row,) = await connection.fetch(_PROPERTIES)
    roles = [str(one["role"]) for one in await connection.fetch(_ROLES)]
    extensions = [str(one["name"]) for one in await connection.fetch(_EXTENSIONS)]
    known = {name: str(value) for name, value in row.items() if value is not None}
    return (*sorted(known.items()), ("roles", json.dumps(roles)), ("extensions", json.dumps(extensions)))


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


async def plan_load(connection: HeldConnection, manifest: Manifest, request: LoadRequest, tool: Tool, methods: Container[str]) -> LoadPlan:
    """What a restore would do on this server; `methods` are those whose backups can be restored."""
    name = request.database or manifest.source.database
    there = await connection.fetch(_THERE, (name,))
    (sessions,) = await connection.fetch(_SESSIONS, (name,))
    obstacles, losses = [], []
    saved_major = major_of(manifest.source.server_version)
    if manifest.method not in methods:
        obstacles.append(f"the backup was made by {manifest.method}, and is not restored by PostgreSQL's own programs")
    if request.jobs > 1 and manifest.format is Format.SQL:
        obstacles.append("a script is restored by one job: leave --jobs out")
    if saved_major > connection.major:
        obstacles.append(f"the backup is of PostgreSQL {saved_major}, and this server is older ({connection.facts.version})")
    if connection.facts.in_recovery:
        obstacles.append("this server is a replica; restore on its primary")
    if len(name.encode()) > _LONGEST_NAME:
        obstacles.append(f"the name {name} is too long for a database")
    if there and not request.tables:
        if not request.replace:
            obstacles.append(f"the database {name} is there; --drop-existing replaces it")
        losses.append(f"the database {name}, {there[0]['bytes'] / 2**20:.0f} MiB")
        if sessions["count"]:
            losses.append(f"{sessions['count']} sessions on {name} are ended")
    return LoadPlan(
        request,
        name,
        short(f"aishell_restoring_{manifest.id}_{secrets.token_hex(3)}"),
        writes=(f"the database {name}",),
        losses=tuple(losses),
        obstacles=tuple(obstacles),
        warnings=await missing_roles(connection, manifest),
        tools=(tool,),
        needed_bytes=manifest.plain_bytes,
    )


async def missing_roles(connection: HeldConnection, manifest: Manifest) -> tuple[str, ...]:
    """Roles of the backup that the server does not have, in words; raises PostgresError."""
    known = {str(row["role"]) for row in await connection.fetch(_KNOWN_ROLES)}
    missing = [role for role in json.loads(dict(manifest.annotations).get("roles", "[]")) if role not in known]
    if not missing:
        return ()
    names = ", ".join(missing[:5]) + (f" and {len(missing) - 5} more" if len(missing) > 5 else "")
    return (f"the roles {names} are missing here: everything will belong to whoever restores; globals.sql of the backup has them",)


def short(name: str) -> str:
    """A name that PostgreSQL does not cut."""
    return name[:_LONGEST_NAME]


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
    known = dict(manifest.annotations)
    options = [f"ENCODING {_literal(known.get('encoding', 'UTF8'))}"]
    if "collate" in known:
        options += [f"LC_COLLATE {_literal(known['collate'])}", f"LC_CTYPE {_literal(known['ctype'])}"]
    provider = _PROVIDERS.get(known.get("provider", "c"), "libc")
    if provider != "libc" and connection.major >= 15:
        word = "ICU_LOCALE" if provider == "icu" else "BUILTIN_LOCALE"
        options += [f"LOCALE_PROVIDER {provider}", f"{word} {_literal(known.get('locale', ''))}"]
    await connection.execute(f"CREATE DATABASE {quoted(name)} TEMPLATE template0 {' '.join(options)}")


async def drop(connection: HeldConnection, name: str) -> None:
    """Drop a database with whoever is in it, when it is there; raises PostgresError."""
    await connection.fetch(_END_SESSIONS, (name,))
    await connection.execute(f"DROP DATABASE IF EXISTS {quoted(name)} WITH (FORCE)")


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
    """Give a database the owner, the settings and the grants of the saved one, as far as their roles are here."""
    known = dict(manifest.annotations)
    roles = {str(row["role"]) for row in await connection.fetch(_KNOWN_ROLES)}
    place = quoted(name)
    for role, settings in json.loads(known.get("settings") or "[]"):
        for setting in settings if role in roles or not role else ():
            option, _, value = setting.partition("=")
            owner = f"ROLE {quoted(role)} IN DATABASE {place}" if role else f"DATABASE {place}"
            await connection.execute(f"ALTER {owner} SET {quoted(option)} TO {_setting(option, value)}")
    grants = json.loads(known.get("grants") or "[]")
    if grants:
        await connection.execute(f"REVOKE ALL ON DATABASE {place} FROM PUBLIC")
    for role, privilege, grantable in grants:
        if role in roles or not role:
            whom = quoted(role) if role else "PUBLIC"
            await connection.execute(f"GRANT {privilege} ON DATABASE {place} TO {whom}{' WITH GRANT OPTION' if grantable and role else ''}")
    if known.get("owner") in roles:
        await connection.execute(f"ALTER DATABASE {place} OWNER TO {quoted(known['owner'])}")


_LISTS = {"search_path", "temp_tablespaces", "session_preload_libraries", "local_preload_libraries"}


def _setting(option: str, value: str) -> str:
    """A value as SET takes it: of an option that is a list it is kept as it is written, because its parts are quoted already."""
    return value if option in _LISTS and value else _literal(value)


def _literal(text: str) -> str:
    escaped = text.replace("'", "''")
    return f"'{escaped}'" if "\\" not in escaped else "E'" + escaped.replace("\\", "\\\\") + "'"


def major_of(version: str) -> int:
    """The major version in a server's words, 0 where there is none."""
    number = version.split(".", 1)[0]
    return int(number) if number.isdigit() else 0
