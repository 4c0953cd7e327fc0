"""What the restore of a PostgreSQL database would do: what forbids it, what would be lost compared with now, and what room there is."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Container, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from aishell_core.engines.postgres_errors import PostgresError
from aishell_core.engines.postgres_held import HeldConnection, held_connection
from aishell_core.targets import Target
from aishell_core.units import format_bytes, format_counted
from aishell_ops.backups.engines import postgres_databases as databases
from aishell_ops.backups.engines import postgres_rights as rights
from aishell_ops.backups.engines.contract import LoadPlan, LoadRequest
from aishell_ops.backups.engines.postgres_proofs import TABLES, qualified
from aishell_ops.backups.models import Format, Manifest, ProofLevel, Tool

_NOW = """
SELECT /* aishell */ pg_database_size(d.oid)::float8 AS bytes,
  (SELECT count(*) FROM pg_stat_activity a WHERE a.datid = d.oid AND backend_type = 'client backend') AS sessions,
  (SELECT string_agg(slot_name, ', ' ORDER BY 1) FROM pg_replication_slots WHERE database = d.datname AND active) AS followed,
  (SELECT string_agg(slot_name, ', ' ORDER BY 1) FROM pg_replication_slots WHERE database = d.datname AND NOT active) AS slots,
  (SELECT string_agg(s.subname, ', ' ORDER BY 1) FROM pg_subscription s WHERE s.subdbid = d.oid) AS subscriptions,
  (SELECT string_agg(quote_literal(gid), ', ' ORDER BY 1) FROM pg_prepared_xacts WHERE database = d.datname) AS prepared
FROM pg_database d WHERE datname = $1
"""
_FOLDER = """
SELECT /* aishell */ coalesce(
  (SELECT nullif(pg_tablespace_location(oid), '') FROM pg_tablespace WHERE spcname = $1),
  (SELECT setting FROM pg_settings WHERE name = 'data_directory')) AS folder
"""
_MOST_NAMES = 20


async def plan_load(connection: HeldConnection, manifest: Manifest, request: LoadRequest, tool: Tool, methods: Container[str]) -> LoadPlan:
    """What a restore would do on this server; `methods` are those whose backups can be restored. Raises PostgresError."""
    name = request.database or manifest.source.database
    now = next(iter(await connection.fetch(_NOW, (name,))), None)
    whole = now if not request.tables else None
    free = await _free_bytes(connection, manifest)
    obstacles = [*_of_backup(connection, manifest, request, methods), *(_in_the_way(name, whole, request) if whole else ())]
    if len(name.encode()) > databases.LONGEST_NAME:
        obstacles.append(f"the name {name} is too long for a database")
    if free is not None and free < manifest.plain_bytes:
        obstacles.append(f"the server's disk has {format_bytes(free)} of room, and {format_bytes(manifest.plain_bytes)} are needed")
    missing = await databases.missing_roles(connection, manifest)
    obstacles += await rights.obstacles(connection, manifest, name, replaces=whole is not None, bare=bool(missing))
    _, unset = await rights.settable(connection, dict(manifest.annotations))
    return LoadPlan(
        request,
        name,
        databases.short(f"aishell_restoring_{manifest.id}_{secrets.token_hex(3)}"),
        writes=(f"the database {name}",),
        losses=_losses(name, whole) if whole else (),
        obstacles=tuple(obstacles),
        warnings=(*missing, *await databases.missing_space(connection, manifest), *unset),
        tools=(tool,),
        needed_bytes=manifest.plain_bytes,
        free_bytes=free,
        server_version=connection.facts.version,
    )


async def with_losses(plan: LoadPlan, target: Target, environ: Mapping[str, str], manifest: Manifest) -> LoadPlan:
    """The plan of replacing a database that is there, with what is lost of it compared with now."""
    since = datetime.fromtimestamp(manifest.started_at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    lost = [f"what was written to {plan.database} since {since}"]
    saved = {one.name for one in manifest.objects}
    try:
        async with held_connection(target, environ, plan.database) as connection:
            there = [qualified(str(row["schema"]), str(row["name"])) for row in await connection.fetch(TABLES)]
    except PostgresError as error:
        lost.append(f"tables that are not in the backup; which these are cannot be looked up: {error.message}")
    else:
        new = [name for name in there if name not in saved]
        if manifest.proof is ProofLevel.NONE and there:
            lost.append("tables that are not in the backup; which these are nobody knows, because nothing was counted when it was saved")
        elif new:
            more = f" and {len(new) - _MOST_NAMES} more" if len(new) > _MOST_NAMES else ""
            lost.append(f"not in the backup: {', '.join(new[:_MOST_NAMES])}{more}")
    return replace(plan, losses=(*plan.losses, *lost))


def _of_backup(connection: HeldConnection, manifest: Manifest, request: LoadRequest, methods: Container[str]) -> list[str]:
    found = []
    saved_major = databases.major_of(manifest.source.server_version)
    if manifest.method not in methods:
        found.append(f"the backup was made by {manifest.method}, and is not restored by PostgreSQL's own programs")
    if request.jobs > 1 and manifest.format is Format.SQL:
        found.append("a script is restored by one job: leave --jobs out")
    if saved_major > connection.major:
        found.append(f"the backup is of PostgreSQL {saved_major}, and this server is older ({connection.facts.version})")
    if connection.facts.in_recovery:
        found.append("this server is a replica; restore on its primary")
    return found


def _in_the_way(name: str, now: Mapping[str, Any], request: LoadRequest) -> list[str]:
    """What keeps a database from being replaced: the server would refuse to drop it after the new one has its name."""
    if not request.replace:
        return [f"the database {name} is there; --drop-existing replaces it"]
    found = []
    if now["followed"]:
        found.append(
            f"somebody follows {name} by the replication slot {now['followed']}: end that, and drop the slot where it is not wanted"
        )
    if now["subscriptions"]:
        found.append(f"{name} has the subscription {now['subscriptions']}: DROP SUBSCRIPTION {now['subscriptions']}; in it first")
    if now["prepared"]:
        found.append(f"{name} has the prepared transactions {now['prepared']}: COMMIT PREPARED or ROLLBACK PREPARED them first")
    return found


def _losses(name: str, now: Mapping[str, Any]) -> tuple[str, ...]:
    sessions = int(now["sessions"])
    return (
        f"the database {name}, {format_bytes(now['bytes'])}",
        *((f"{format_counted(sessions, 'session')} on {name} {'is' if sessions == 1 else 'are'} ended",) if sessions else ()),
        *((f"the replication slot {now['slots']}, with what its reader has not read yet",) if now["slots"] else ()),
    )


async def _free_bytes(connection: HeldConnection, manifest: Manifest) -> int | None:
    """Room where the database will lie; None where that is not on this machine, or may not be looked at. Raises PostgresError."""
    if not connection.facts.local:
        return None
    (row,) = await connection.fetch(_FOLDER, (dict(manifest.annotations).get("tablespace", ""),))
    try:
        return shutil.disk_usage(str(row["folder"])).free if row["folder"] else None
    except OSError:
        return None
