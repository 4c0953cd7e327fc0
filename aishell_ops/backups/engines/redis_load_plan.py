"""What a restore into a Redis or Valkey server would do, and what forbids it."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Sequence

import psutil

from aishell_core.engines.redis_errors import acl_grant
from aishell_core.engines.redis_wire import Refused, Wire
from aishell_core.errors import UsageError
from aishell_core.units import format_bytes
from aishell_ops.backups.engines.contract import LoadPlan, LoadRequest, one_job_obstacle
from aishell_ops.backups.engines.redis_rdb import databases_in
from aishell_ops.backups.engines.redis_save_plan import ALL, METHOD
from aishell_ops.backups.engines.redis_server import Server, look_at, reads, release_of
from aishell_ops.backups.engines.redis_staging import Stagings, look_for_stagings, spare_databases
from aishell_ops.backups.engines.redis_tools import ServerProgram, family_of, form_version
from aishell_ops.backups.models import Manifest

_ROOM_RATIO = 2.2
"""The snapshot, and another one that the server for the proof writes."""
_MEMORY_RATIO = 1.2
_HARMLESS = (
    ("select", ("SELECT", "-1")),
    ("restore", ("RESTORE", "aishell:probe", "0", "")),
    ("swapdb", ("SWAPDB", "-1", "-1")),
    ("flushdb", ("FLUSHDB", "NEITHER")),
    ("set", ("SET", "aishell:probe", "", "NEITHER")),
    ("expire", ("EXPIRE", "aishell:probe", "never")),
    ("exists", ("EXISTS", "aishell:probe")),
    ("del", ("DEL", "aishell:probe")),
    ("watch", ("WATCH", "aishell:probe")),
    ("unwatch", ("UNWATCH",)),
    ("multi", ("MULTI",)),
    ("discard", ("DISCARD",)),
    ("exec", ("EXEC",)),
    ("bgsave", ("BGSAVE", "NEITHER")),
)
"""What a restore uses, in a form that changes nothing: a right that is missing is told before anything else is looked at."""
_FUNCTIONS = (("function|restore", ("FUNCTION", "RESTORE", "")), ("function|flush", ("FUNCTION", "FLUSH", "NEITHER")))


def expect_whole(request: LoadRequest) -> None:
    """Raise UsageError for what a snapshot cannot become."""
    if request.tables:
        raise UsageError("a part of a Redis backup cannot be restored: a snapshot holds all keys of all databases", "leave --tables out")
    if request.database not in ("", ALL):
        raise UsageError(
            f"a Redis backup cannot be restored into database {request.database}: it holds all databases with their numbers",
            "restore it into another server, by naming that one's target",
        )


def plan_load(wire: Wire, manifest: Manifest, request: LoadRequest, program: ServerProgram) -> LoadPlan:
    """What a restore would do on this server; raises UsageError and RedisError."""
    expect_whole(request)
    server = look_at(wire)
    denied = _of_rights(wire, server)
    # Without rights nothing more can be known of them, and nothing will be done either.
    stagings = Stagings() if denied else look_for_stagings(wire, server)
    keys = {database: count for database, count in server.keys.items() if database not in stagings.left}
    needed, free = round(manifest.plain_bytes * _ROOM_RATIO), shutil.disk_usage(tempfile.gettempdir()).free
    data_bytes = int(dict(manifest.annotations).get("data_bytes", "0"))
    obstacles = [
        *one_job_obstacle(request),
        *_of_backup(manifest, server),
        *_of_role(server),
        *_of_contents(keys, server, request),
        *_of_databases(manifest, server, keys),
        *_of_memory(server, data_bytes),
        *denied,
    ]
    if stagings.alive:
        obstacles.append(f"another restore into this server is under way, in database {stagings.alive[0]}; where it died, wait two minutes")
    if manifest.encryption is None and free < needed:
        obstacles.append(f"{tempfile.gettempdir()} has {format_bytes(free)} of room, and {format_bytes(needed)} are needed")
    return LoadPlan(
        request,
        ALL,
        f"spare databases of {wire.where.address}",
        writes=_writes(manifest),
        losses=_losses({each: count for each, count in keys.items() if each not in stagings.alive}, server, manifest),
        obstacles=tuple(obstacles),
        warnings=_warnings(server, stagings.left),
        tools=(program.tool,),
        needed_bytes=needed,
        free_bytes=free,
        server_version=server.version,
    )


def databases_of(manifest: Manifest) -> tuple[int, ...]:
    """The databases that a backup holds, as far as it says so."""
    counted = databases_in(manifest.objects)
    told: Sequence[int] = json.loads(dict(manifest.annotations).get("databases", "[]"))
    return counted or tuple(told)


def _of_backup(manifest: Manifest, server: Server) -> list[str]:
    if manifest.method != METHOD:
        return [f"the backup was made by {manifest.method}, and a Redis server does not read that"]
    family, version = family_of(manifest), manifest.source.server_version
    if not reads(server.family, server.release, form_version(manifest), of_family=family, of_release=release_of(version)):
        return [f"the backup is of {family} {version}, and {server.family} {server.version} does not read it"]
    needed: list[str] = json.loads(dict(manifest.annotations).get("modules", "[]"))
    used = {proof.name.partition(" module ")[2] for proof in manifest.objects} - {""}
    missing = [name for name in needed if name not in server.modules]
    return (
        [f"the backup holds values of modules ({', '.join(sorted(used))}), and this server lacks {', '.join(missing)}"]
        if used and missing
        else []
    )


def _of_role(server: Server) -> list[str]:
    if server.in_cluster:
        return ["this server is a node of a cluster: restore it into a server of its own, and bring the keys in by the cluster's tools"]
    if server.is_replica:
        info = server.info
        return [f"this server is a replica of {info.get('master_host')}:{info.get('master_port')}: restore into that one"]
    return []


def _of_contents(keys: dict[int, int], server: Server, request: LoadRequest) -> list[str]:
    if request.replace or not (keys or server.libraries):
        return []
    there = f"{sum(keys.values())} keys in {len(keys)} databases" if keys else f"{server.libraries} libraries of functions"
    return [f"this server holds {there}; --drop-existing replaces all of it"]


def _of_databases(manifest: Manifest, server: Server, keys: dict[int, int]) -> list[str]:
    wanted = databases_of(manifest)
    if wanted and wanted[-1] >= server.databases:
        return [f"the backup has a database {wanted[-1]}, and this server has {server.databases} (databases in its configuration)"]
    if spare_databases(wanted, keys, server.databases) is None:
        return [
            f"{len(wanted)} empty databases are needed to prepare the restore beside what is there,"
            f" and of {server.databases} too few are free: raise databases in its configuration, or empty it first (FLUSHALL)"
        ]
    return []


def _of_memory(server: Server, data_bytes: int) -> list[str]:
    found, needed = [], round(data_bytes * _MEMORY_RATIO)
    used = server.number("used_memory")
    if server.maximum_bytes and used + needed > server.maximum_bytes:
        found.append(
            f"maxmemory of this server is {format_bytes(server.maximum_bytes)}, and {format_bytes(used + needed)} are needed while"
            " the old and the new data lie side by side: raise it, or empty the server first"
        )
    available = int(psutil.virtual_memory().available)
    if needed > available:
        found.append(
            f"this machine has {format_bytes(available)} of memory left, and the server for the proof needs {format_bytes(needed)}"
        )
    return found


def _of_rights(wire: Wire, server: Server) -> list[str]:
    missing, unknown = [], []
    for name, words in (*_HARMLESS, *(_FUNCTIONS if server.release >= (7, 0) else ())):
        answer = wire.try_ask(*words)
        if isinstance(answer, Refused) and "NOPERM" in answer.said:
            missing.append(name)
        elif isinstance(answer, Refused) and "unknown command" in answer.said.lower():
            unknown.append(name)
    found = [f"this user may not restore: {acl_grant(wire.where.name, *missing)} ~*"] if missing else []
    if unknown:
        found.append(f"this server lets nobody run {', '.join(unknown)}, without which nothing is exchanged in one step")
    return found


def _writes(manifest: Manifest) -> tuple[str, ...]:
    return tuple(f"database {number}" for number in databases_of(manifest)) or ("all databases",)


def _losses(keys: dict[int, int], server: Server, manifest: Manifest) -> tuple[str, ...]:
    """What is there now and is gone afterwards."""
    saved: dict[str, int] = json.loads(dict(manifest.annotations).get("keys", "{}"))
    found = [
        f"database {number}, {count} keys ({saved.get(str(number), 0)} were there when it was saved)"
        for number, count in sorted(keys.items())
    ]
    if server.libraries:
        found.append(f"{server.libraries} libraries of functions")
    return tuple(found)


def _warnings(server: Server, left: Sequence[int]) -> tuple[str, ...]:
    found = []
    if left:
        found.append(f"an earlier restore was interrupted: what it has left in database {left[0]} is removed")
    if replicas := server.number("connected_slaves"):
        found.append(f"{replicas} replicas receive all of it as changes")
    if server.info.get("maxmemory_policy", "").startswith("allkeys") and server.maximum_bytes:
        found.append("this server evicts keys when its memory is full; where it does so meanwhile, the restore is given up")
    return tuple(found)
