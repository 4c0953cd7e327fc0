"""Backups of Redis and Valkey as their tests take and restore them: what a server holds, all of it told apart."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from aishell_core.clock import SystemClock
from aishell_core.targets import Target
from aishell_ops.backups.engines.contract import LoadPlan, LoadRequest
from aishell_ops.backups.engines.redis import RedisBackups
from aishell_ops.backups.layout import Line, Spot
from aishell_ops.backups.models import Backup, ProofLevel
from aishell_ops.backups.repository import Repository
from aishell_ops.backups.restore import Restored, RestoreOrder, plan_restore, restore
from aishell_ops.backups.storage.folder import FolderStorage
from aishell_ops.backups.streams.contract import Keys, Recipe
from aishell_ops.backups.take import Order, take
from tests.servers.redis import RedisServer

CLOCK = SystemClock()
ENVIRON = {name: value for name, value in os.environ.items() if name != "REDISCLI_AUTH"}
AT_ONCE: dict[str, Any] = {"repl_diskless_sync_delay": "0"}
"""The server forks at once, and does not wait for further replicas."""
LIBRARY = "#!lua name=lib\nredis.register_function('twice', function(keys, args) return 2 * args[1] end)"
ODD = ["", " ", "a\nb", "--option", "'\"`$;\\", "ключ é 😀", b"\x00\xff\r\n$5\r\n", "x" * 300]
BIG = 1 << 40
SPOT_LINE = Line("re", "all")


def filled(server: RedisServer) -> RedisServer:
    with client_of(server) as client:
        client.execute_command("FLUSHALL")
        if release_of(server)[1] >= 7:
            client.execute_command("FUNCTION", "FLUSH")
        for command in everything(server):
            client.execute_command(*command)
    return server


@contextmanager
def client_of(server: RedisServer, **options: Any) -> Iterator[Any]:
    with closing(server.connect(**options)) as client:
        yield client


def release_of(server: RedisServer) -> tuple[str, int]:
    info = server.execute("INFO", "server")
    return (
        ("valkey", int(info["valkey_version"].split(".")[0]))
        if "valkey_version" in info
        else ("redis", int(info["redis_version"].split(".")[0]))
    )


def everything(server: RedisServer) -> list[tuple[Any, ...]]:
    """Commands that make keys of every type, each as the server packs few and many, with edge values."""
    dice = random.Random(1)
    many = [f"member {number} {dice.random()}" for number in range(700)]
    far = int(time.time() * 1000) + 86_400_000
    found: list[tuple[Any, ...]] = [
        *[
            ("SET", f"string {number}", value)
            for number, value in enumerate(("", "0", "-128", "70000", "9223372036854775807", "01", "x" * 5000))
        ],
        ("SET", "binary", bytes(range(256)) * 300),
        ("SET", "noise", dice.randbytes(200_000)),
        ("SETBIT", "bits", 70_001, 1),
        ("PFADD", "loglog", *range(2000)),
        ("SET", "later", "v", "PX", 86_400_000),
        *[("SET", name, name) for name in ODD],
        ("RPUSH", "short list", "", "1", "-5", "long" * 30, b"\xff\x00"),
        ("RPUSH", "long list", *many, dice.randbytes(70_000)),
        ("SADD", "numbers", -BIG, 0, 7, 70_000),
        ("SADD", "short set", "a", "1", ""),
        ("SADD", "long set", *many),
        ("ZADD", "short zset", "-inf", "a", "inf", "b", "-0.0", "c", "1e300", "d", "0.1", "e", "3", "f"),
        ("ZADD", "long zset", *[word for number, member in enumerate(many) for word in (number / 7, member)]),
        ("GEOADD", "places", "13.361389", "38.115556", "Palermo", "15.087269", "37.502669", "Catania"),
        ("HSET", "short hash", "f", "", "", "v", "n", "-5"),
        ("HSET", "long hash", *many),
        ("PEXPIREAT", "long hash", far),
        *[("XADD", "stream", f"{number}-1", "field", number, "é", "") for number in range(1, 300)],
        ("XDEL", "stream", "7-1"),
        ("XGROUP", "CREATE", "stream", "readers", "0"),
        ("XREADGROUP", "GROUP", "readers", "me", "COUNT", "5", "STREAMS", "stream", ">"),
        ("XACK", "stream", "readers", "2-1"),
        ("XADD", "empty stream", "1-1", "a", "b"),
        ("XDEL", "empty stream", "1-1"),
        ("SELECT", 3),
        ("SET", "of three", "3"),
        ("SELECT", 11),
        ("HSET", "of eleven", "a", "b"),
        ("SELECT", 0),
    ]
    family, major = release_of(server)
    if major >= 7:
        found += [("FUNCTION", "LOAD", "REPLACE", LIBRARY)]
    if (family, major) >= ("redis", 8):
        found += [
            ("HSET", "short fields", "stays", "1", "goes", "2"),
            ("HPEXPIREAT", "short fields", far, "FIELDS", 1, "goes"),
            ("HSET", "long fields", *many),
            ("HPEXPIREAT", "long fields", far, "FIELDS", 2, many[0], many[2]),
        ]
    if (family, major) == ("redis", 8):
        found += [("VADD", "vectors", "VALUES", 3, 1, 2, 3, "a"), ("XADD", "stream", "IDMPAUTO", "writer", "*", "once", "1")]
    return found


def contents_of(server: RedisServer) -> dict[str, object]:
    """What a person would look at: all keys of all databases with their values and times, and the functions."""
    found: dict[str, object] = {}
    with client_of(server) as client:
        for name, count in sorted(client.info("keyspace").items()):
            client.execute_command("SELECT", name.removeprefix("db"))
            found[name] = count["keys"]
            for key in sorted(client.keys("*")):
                found[f"{name} {key!r}"] = _value(client, key)
        if release_of(server)[1] >= 7:
            found["functions"] = client.execute_command("FUNCTION", "LIST", "WITHCODE")
    return found


def _value(client: Any, key: bytes) -> object:
    kind = client.type(key).decode()
    match kind:
        case "string":
            value: object = client.get(key)
        case "list":
            value = client.lrange(key, 0, -1)
        case "set":
            value = client.smembers(key)
        case "zset":
            value = client.zrange(key, 0, -1, withscores=True)
        case "hash":
            fields = client.hgetall(key)
            times = client.execute_command("HPEXPIRETIME", key, "FIELDS", len(fields), *fields) if b"fields" in key else ()
            value = (fields, sorted(zip(fields, times, strict=False)))
        case "stream":
            groups = [(group["name"], group["pending"], group["last-delivered-id"]) for group in client.xinfo_groups(key)]
            pending = client.xpending_range(key, "readers", "-", "+", 100) if groups else []
            value = (client.xrange(key), groups, [(one["message_id"], one["consumer"], one["times_delivered"]) for one in pending])
        case _:
            value = client.execute_command("VDIM", key)
    return kind, value, _expires_at(client, key)


def _expires_at(client: Any, key: bytes) -> object:
    left = client.pttl(key)
    # Before 7 only the time that is left can be asked for.
    return left if left < 0 else round((time.time() * 1000 + left) / 60_000)


def damage(server: RedisServer) -> None:
    with client_of(server) as client:
        client.execute_command("DEL", "long hash", "noise")
        client.execute_command("SET", "string 1", "wrong")
        client.execute_command("SET", "new", "new")
        client.execute_command("SELECT", 3)
        client.execute_command("FLUSHDB")
        client.execute_command("SELECT", 5)
        client.execute_command("SET", "of five", "5")
        if release_of(server)[1] >= 7:
            client.execute_command("FUNCTION", "LOAD", LIBRARY.replace("lib", "other").replace("twice", "thrice"))


def repository_in(storage: FolderStorage) -> Repository:
    return Repository(storage, time.time)


def engine_of(server: RedisServer) -> RedisBackups:
    return RedisBackups(ENVIRON, [server.program.parent])


async def save(server: RedisServer, storage: FolderStorage, recipe: Recipe | None = None, proof: ProofLevel = ProofLevel.FULL) -> Backup:
    order = Order(server.target("re"), recipe=recipe or Recipe(), proof=proof)
    return await take(engine_of(server), repository_in(storage), order, CLOCK)


async def plan_for(server: RedisServer, backup: Backup, **request: Any) -> LoadPlan:
    return await plan_restore(engine_of(server), backup, RestoreOrder(server.target("re"), LoadRequest(**request)))


async def put_back(
    server: RedisServer, storage: FolderStorage, backup: Backup, keys: Keys | None = None, target: Target | None = None, **request: Any
) -> Restored:
    engine, order = engine_of(server), RestoreOrder(target or server.target("re"), LoadRequest(**request), keys)
    plan = await plan_restore(engine, backup, order)
    return await restore(engine, repository_in(storage), Spot(SPOT_LINE, backup.id), backup, order, plan, CLOCK)
