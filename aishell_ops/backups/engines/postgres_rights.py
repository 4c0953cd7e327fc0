"""What an account that is no superuser may do of a restore: asked before the work, because the server would refuse it at its end."""

from __future__ import annotations

import json
from collections.abc import Mapping

from aishell_core.engines.postgres_errors import quoted
from aishell_core.engines.postgres_held import HeldConnection
from aishell_ops.backups.models import Manifest

_ACCOUNT = """
SELECT /* aishell */ current_user AS name, rolsuper AS super, rolcreatedb AS makes
FROM pg_roles WHERE rolname = current_user
"""
_OWNER = "SELECT /* aishell */ pg_get_userbyid(datdba) AS role FROM pg_database WHERE datname = $1"
_FOREIGN = """
SELECT /* aishell */ rolname AS role FROM pg_roles
WHERE rolname = ANY ($1) AND NOT (pg_has_role(oid, 'USAGE') AND pg_has_role(oid, {becoming})) ORDER BY 1
"""
_TABLE_OWNERS = """
SELECT /* aishell */ DISTINCT pg_get_userbyid(c.relowner) AS role
FROM unnest($1::text[]) AS t (name) JOIN pg_class c ON c.oid = to_regclass(t.name) ORDER BY 1
"""
_SESSIONS = """
SELECT /* aishell */ r.rolsuper AS super, count(*) AS sessions FROM pg_stat_activity a JOIN pg_roles r ON r.oid = a.usesysid
WHERE a.datname = $1 AND a.pid <> pg_backend_pid()
  AND (r.rolsuper OR NOT (pg_has_role(a.usesysid, 'USAGE') OR pg_has_role('pg_signal_backend', 'USAGE')))
GROUP BY 1 ORDER BY 1
"""
_EXTENSIONS = """
SELECT /* aishell */ v.name FROM pg_available_extensions e
JOIN pg_available_extension_versions v ON v.name = e.name AND v.version = e.default_version
WHERE v.name = ANY ($1) AND v.superuser AND NOT coalesce((to_jsonb(v)->>'trusted')::bool, false)
  AND NOT EXISTS (SELECT FROM pg_extension x WHERE x.extname = v.name) ORDER BY 1
"""
_GUARDED = """
SELECT /* aishell */ name FROM pg_settings WHERE name = ANY ($1) AND context IN ('superuser', 'superuser-backend')
"""
_GUARDED_SINCE_15 = f"{_GUARDED.rstrip()} AND NOT has_parameter_privilege(name, 'SET')"
_ROLES_NOT_KEPT = """
SELECT /* aishell */ rolname AS role FROM pg_roles WHERE rolname = ANY ($1) AND rolname <> current_user
  AND NOT (SELECT m.rolcreaterole FROM pg_roles m WHERE m.rolname = current_user)
"""
_ROLES_NOT_KEPT_SINCE_16 = """
SELECT /* aishell */ rolname AS role FROM pg_roles WHERE rolname = ANY ($1) AND rolname <> current_user
  AND NOT ((SELECT m.rolcreaterole FROM pg_roles m WHERE m.rolname = current_user) AND pg_has_role(oid, 'USAGE WITH ADMIN OPTION'))
"""
_SINCE_PARAMETERS, _SINCE_SET = 15, 16


async def obstacles(connection: HeldConnection, manifest: Manifest, database: str, *, replaces: bool, bare: bool) -> tuple[str, ...]:
    """What the account lacks to restore a database, with the command that gives it; raises PostgresError.

    `replaces` where one of this name has to go for it; `bare` where nothing is given to the owners of the backup.
    """
    (me,) = await connection.fetch(_ACCOUNT)
    if me["super"]:
        return ()
    name, known = str(me["name"]), dict(manifest.annotations)
    found = [] if me["makes"] else [f"{name} may not make databases: ALTER ROLE {quoted(name)} CREATEDB; as a superuser"]
    owners = set() if bare else {*json.loads(known.get("owners", "[]")), *filter(None, [known.get("owner")])}
    if replaces:
        owners |= {str(row["role"]) for row in await connection.fetch(_OWNER, (database,))}
        found += await _of_sessions(connection, name, database)
    found += await _of_owners(connection, name, owners, "owns what is restored or replaced")
    if extensions := [str(row["name"]) for row in await connection.fetch(_EXTENSIONS, (json.loads(known.get("extensions", "[]")),))]:
        found.append(f"the extension {', '.join(extensions)} is made by superusers alone: restore as one")
    return tuple(found)


async def table_obstacles(connection: HeldConnection, tables: tuple[str, ...]) -> tuple[str, ...]:
    """What the account lacks to put other rows into tables that are there; raises PostgresError."""
    (me,) = await connection.fetch(_ACCOUNT)
    if me["super"]:
        return ()
    owners = {str(row["role"]) for row in await connection.fetch(_TABLE_OWNERS, (list(tables),))}
    return tuple(await _of_owners(connection, str(me["name"]), owners, "owns tables that get other rows"))


async def _of_owners(connection: HeldConnection, name: str, owners: set[str], what: str) -> list[str]:
    since = connection.major >= _SINCE_SET
    asked = _FOREIGN.format(becoming="'SET'" if since else "'MEMBER'")
    foreign = [str(row["role"]) for row in await connection.fetch(asked, (sorted(owners),))]
    how = " WITH INHERIT TRUE, SET TRUE" if since else ""
    return [f"{role} {what}, and {name} is no member of it: GRANT {quoted(role)} TO {quoted(name)}{how}" for role in foreign]


async def _of_sessions(connection: HeldConnection, name: str, database: str) -> list[str]:
    found = []
    for row in await connection.fetch(_SESSIONS, (database,)):
        if row["super"]:
            found.append(f"a superuser is in {database}, whose session {name} may not end: let it end, or restore as a superuser")
        else:
            found.append(f"{name} may not end the sessions of others in {database}: GRANT pg_signal_backend TO {quoted(name)}")
    return found


async def settable(connection: HeldConnection, known: Mapping[str, str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """What is known of a database without what this account may not set for it, and that in words; raises PostgresError."""
    settings = json.loads(known.get("settings") or "[]")
    (me,) = await connection.fetch(_ACCOUNT)
    if me["super"] or not settings:
        return dict(known), ()
    options = sorted({one.partition("=")[0] for _, each in settings for one in each})
    guarded = _GUARDED_SINCE_15 if connection.major >= _SINCE_PARAMETERS else _GUARDED
    refused = {str(row["name"]) for row in await connection.fetch(guarded, (options,))}
    kept = _ROLES_NOT_KEPT_SINCE_16 if connection.major >= _SINCE_SET else _ROLES_NOT_KEPT
    roles = {str(row["role"]) for row in await connection.fetch(kept, (sorted({role for role, _ in settings if role}),))}
    left, words = [], []
    for role, each in settings:
        mine = [one for one in each if role not in roles and one.partition("=")[0] not in refused]
        left.append([role, mine])
        whose = f"of {role}" if role else "of the database"
        words += [f"the setting {one.partition('=')[0]} {whose} is not set again: {me['name']} may not" for one in each if one not in mine]
    return {**known, "settings": json.dumps(left)}, tuple(words)
