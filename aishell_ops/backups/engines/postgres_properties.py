"""What a PostgreSQL database is made with and what a dump does not hold of it: read for the manifest, and said as SQL again."""

from __future__ import annotations

import json
from collections.abc import Container, Mapping

from aishell_core.engines.postgres_errors import quoted
from aishell_core.engines.postgres_held import HeldConnection

_PROPERTIES = """
SELECT /* aishell */ pg_encoding_to_char(encoding) AS encoding, datcollate AS collate, datctype AS ctype, pg_get_userbyid(datdba) AS owner,
  to_jsonb(d)->>'datlocprovider' AS provider, coalesce(to_jsonb(d)->>'datlocale', to_jsonb(d)->>'daticulocale') AS locale,
  to_jsonb(d)->>'daticurules' AS icu_rules, CASE WHEN datistemplate THEN 'true' END AS template,
  CASE WHEN datconnlimit <> -1 THEN datconnlimit END AS connection_limit, shobj_description(d.oid, 'pg_database') AS comment,
  (SELECT spcname FROM pg_tablespace t WHERE t.oid = dattablespace AND spcname <> 'pg_default') AS tablespace,
  (SELECT json_agg(json_build_array(provider, label) ORDER BY provider)::text
     FROM pg_shseclabel l WHERE l.objoid = d.oid AND l.classoid = 'pg_database'::regclass) AS labels,
  (SELECT json_agg(json_build_array(coalesce(r.rolname, ''), s.setconfig) ORDER BY s.setrole)::text
     FROM pg_db_role_setting s LEFT JOIN pg_roles r ON r.oid = s.setrole WHERE s.setdatabase = d.oid) AS settings,
  CASE WHEN d.datacl IS NOT NULL THEN coalesce(
    (SELECT json_agg(json_build_array(coalesce(pg_get_userbyid(nullif(a.grantee, 0)), ''), a.privilege_type, a.is_grantable)
                     ORDER BY a.grantee, a.privilege_type)::text FROM aclexplode(d.datacl) a), '[]') END AS grants
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
_OWNERS = """
SELECT /* aishell */ DISTINCT pg_get_userbyid(o.owner) AS role FROM (
  SELECT 'pg_class'::regclass, oid, relowner FROM pg_class UNION ALL SELECT 'pg_proc'::regclass, oid, proowner FROM pg_proc
  UNION ALL SELECT 'pg_namespace'::regclass, oid, nspowner FROM pg_namespace
  UNION ALL SELECT 'pg_type'::regclass, oid, typowner FROM pg_type
) AS o (class, oid, owner)
WHERE o.oid >= 16384 AND NOT EXISTS (
  SELECT FROM pg_depend d WHERE d.classid = o.class AND d.objid = o.oid AND d.deptype IN ('e', 'i'))
  AND NOT EXISTS (SELECT FROM pg_namespace n WHERE n.oid = o.oid AND n.nspname LIKE 'pg\\_%')
ORDER BY 1
"""
"""Who owns what is no part of an empty database (objects from 16384 on) and of no extension."""
_EXTENSIONS = "SELECT /* aishell */ extname AS name FROM pg_extension ORDER BY 1"
_PROVIDERS = {"i": "icu", "b": "builtin", "c": "libc"}
_LISTS = {"search_path", "temp_tablespaces", "session_preload_libraries", "local_preload_libraries"}


async def properties_of(connection: HeldConnection) -> tuple[tuple[str, str], ...]:
    """What a database is made with, and what a dump does not hold of it; for the manifest. Raises PostgresError."""
    (row,) = await connection.fetch(_PROPERTIES)
    roles = [str(one["role"]) for one in await connection.fetch(_ROLES)]
    owners = [str(one["role"]) for one in await connection.fetch(_OWNERS)]
    extensions = [str(one["name"]) for one in await connection.fetch(_EXTENSIONS)]
    known = {name: str(value) for name, value in row.items() if value is not None}
    lists = (("roles", roles), ("owners", owners), ("extensions", extensions))
    return (*sorted(known.items()), *((name, json.dumps(each)) for name, each in lists))


def creation(name: str, known: Mapping[str, str], major: int, spaces: Container[str] | None = None) -> str:
    """The statement that makes an empty database as the saved one was made; `spaces` are the tablespaces there, None for all. Pure."""
    options = [f"ENCODING {literal(known.get('encoding', 'UTF8'))}"]
    if "collate" in known:
        options += [f"LC_COLLATE {literal(known['collate'])}", f"LC_CTYPE {literal(known['ctype'])}"]
    provider = _PROVIDERS.get(known.get("provider", "c"), "libc")
    if provider != "libc" and major >= 15:
        word = "ICU_LOCALE" if provider == "icu" else "BUILTIN_LOCALE"
        options += [f"LOCALE_PROVIDER {provider}", f"{word} {literal(known.get('locale', ''))}"]
    if "icu_rules" in known and major >= 16:
        options.append(f"ICU_RULES {literal(known['icu_rules'])}")
    if (space := known.get("tablespace")) is not None and (spaces is None or space in spaces):
        options.append(f"TABLESPACE {quoted(space)}")
    return f"CREATE DATABASE {quoted(name)} TEMPLATE template0 {' '.join(options)}"


def dressing(name: str, known: Mapping[str, str], roles: Container[str] | None = None) -> tuple[str, ...]:
    """The statements that give a database what a dump does not hold, as far as the roles are there; None for all roles. Pure.

    That it is a template comes last: such a database cannot be dropped.
    """
    place, found = quoted(name), []

    def is_here(role: str) -> bool:
        return not role or roles is None or role in roles

    for role, settings in json.loads(known.get("settings") or "[]"):
        owner = f"ROLE {quoted(role)} IN DATABASE {place}" if role else f"DATABASE {place}"
        for setting in settings if is_here(role) else ():
            option, _, value = setting.partition("=")
            found.append(f"ALTER {owner} SET {quoted(option)} TO {_setting(option, value)}")
    owner = known.get("owner", "")
    if owner and is_here(owner):
        found.append(f"ALTER DATABASE {place} OWNER TO {quoted(owner)}")
    if "grants" in known:
        whom = f"PUBLIC, {quoted(owner)}" if owner and is_here(owner) else "PUBLIC"
        found.append(f"REVOKE ALL ON DATABASE {place} FROM {whom}")
    for role, privilege, grantable in json.loads(known.get("grants") or "[]"):
        if is_here(role):
            whom = quoted(role) if role else "PUBLIC"
            found.append(f"GRANT {privilege} ON DATABASE {place} TO {whom}{' WITH GRANT OPTION' if grantable and role else ''}")
    if "connection_limit" in known:
        found.append(f"ALTER DATABASE {place} CONNECTION LIMIT {int(known['connection_limit'])}")
    if "comment" in known:
        found.append(f"COMMENT ON DATABASE {place} IS {literal(known['comment'])}")
    for provider, label in json.loads(known.get("labels") or "[]"):
        found.append(f"SECURITY LABEL FOR {quoted(provider)} ON DATABASE {place} IS {literal(label)}")
    return (*found, *((f"ALTER DATABASE {place} IS_TEMPLATE true",) if "template" in known else ()))


def _setting(option: str, value: str) -> str:
    """A value as SET takes it: of an option that is a list it is kept as it is written, because its parts are quoted already."""
    return value if option in _LISTS and value else literal(value)


def literal(text: str) -> str:
    """A text in SQL, on one line."""
    escaped = text.replace("'", "''")
    if not set(text) & {"\\", "\n", "\r"}:
        return f"'{escaped}'"
    return "E'" + escaped.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r") + "'"
