"""What a backup of a Redis or Valkey server would hold, and what it cannot."""

from __future__ import annotations

import json

from aishell_core.engines.redis_replica import expect_replication
from aishell_core.engines.redis_wire import Refused, Wire
from aishell_core.errors import UsageError
from aishell_core.targets import Target
from aishell_core.units import format_bytes
from aishell_ops.backups.engines.contract import SavePlan, SaveRequest, expect_one_job
from aishell_ops.backups.engines.redis_server import VALKEY, Server, look_at
from aishell_ops.backups.models import Format, Source

METHOD = "rdb_replication"
SNAPSHOT = "dump.rdb"
ALL = "all"
"""What a snapshot holds: every database of the server."""


def expect_whole(request: SaveRequest) -> None:
    """Raise UsageError for what a snapshot cannot be of."""
    expect_one_job(request)
    if request.method not in ("", METHOD):
        raise UsageError(f"there is no method {request.method}", f"Redis is saved by {METHOD} alone")
    if request.format is not Format.NATIVE:
        raise UsageError(f"Redis cannot be saved as {request.format} yet", "take --format native")
    if request.tables:
        raise UsageError("a part of a Redis server cannot be saved: its snapshot holds all keys of all databases", "leave --tables out")
    if request.database not in ("", ALL):
        raise UsageError(
            f"database {request.database} cannot be saved alone: a snapshot of Redis holds all databases", "leave the database out"
        )


def plan_save(wire: Wire, target: Target, request: SaveRequest) -> SavePlan:
    """What would be saved; raises UsageError for what cannot be, RedisError for a server that gives no snapshot to this user."""
    expect_whole(request)
    server = look_at(wire)
    expect_replication(wire)
    identity = server.info.get("run_id", "")
    source = Source(target.name, "redis", ALL, target.location.redacted(), server.version, identity, target.environment)
    return SavePlan(
        request,
        METHOD,
        source,
        expected_bytes=server.data_bytes or None,
        skipped=_skipped(server),
        warnings=_warnings(wire, server),
        steps=(
            "ask the server for a snapshot as a replica does; it forks for that",
            "count and hash what the snapshot holds while it flows, and compare its checksum",
            "store it",
        ),
        recovery=_recovery(server),
        properties=(
            ("family", server.family),
            ("data_bytes", str(server.data_bytes)),
            ("modules", json.dumps(server.modules)),
            ("databases", json.dumps(sorted(server.keys))),
            ("keys", json.dumps({str(database): keys for database, keys in sorted(server.keys.items())})),
        ),
    )


def _skipped(server: Server) -> tuple[tuple[str, str], ...]:
    found = [
        ("users and their rights (ACL)", "they stand in the configuration or the ACL file of the server"),
        ("configuration", "it stands in a file of the server"),
        ("loaded scripts (SCRIPT LOAD)", "no snapshot holds them; programs load them again"),
    ]
    if server.in_cluster:
        found.append(("the other nodes of the cluster", "each primary is a target of its own"))
    return tuple(found)


def _warnings(wire: Wire, server: Server) -> tuple[str, ...]:
    found = []
    checks = wire.try_ask("CONFIG", "GET", "rdbchecksum")
    if not isinstance(checks, Refused) and b"no" in checks:
        found.append("rdbchecksum is off: the snapshot carries no checksum, and is checked by its form alone")
    if server.is_replica:
        found.append(f"this is a replica of {server.info.get('master_host')}: what it has not received yet is not saved")
    limit, used = server.maximum_bytes, server.number("used_memory")
    memory = server.number("total_system_memory")
    if memory and used * 2 > memory:
        found.append(
            f"it uses {format_bytes(used)} of {format_bytes(memory)} of memory: while it forks, pages that are written to are copied"
        )
    if server.in_cluster:
        found.append("this is one node of a cluster: the keys of its slots alone are saved")
    policy = server.info.get("maxmemory_policy", "")
    if limit and policy.startswith("allkeys"):
        found.append(f"it evicts keys ({policy}): what is gone already is not saved")
    return tuple(found)


def _recovery(server: Server) -> tuple[str, ...]:
    name = "valkey" if server.family == VALKEY else "redis"
    return (
        f"{name}-check-rdb {SNAPSHOT}",
        f"mkdir restored && cp {SNAPSHOT} restored/",
        f'{name}-server --port 6380 --bind 127.0.0.1 --dir "$PWD/restored" --appendonly no --daemonize yes'
        "    # with appendonly yes it would begin empty: turn it on afterwards, by CONFIG SET appendonly yes",
    )
