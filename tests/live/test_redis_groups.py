"""Replication, a cluster and a sentinel of real servers, as each of them tells of it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import psutil
import pytest

from aishell_core.clock import SystemClock
from aishell_core.errors import TargetError
from aishell_core.targets import Target, parse_location
from aishell_core.values import Ability, FailureCode, Part, Reading, ReplicationPeer, TargetId, Tier
from collectors.contract import EVERYTHING, Collector
from collectors.redis.collector import open_redis
from tests.processes import suspend
from tests.servers.redis import VERSIONS, RedisServer, redis_server
from tests.servers.redis_groups import cluster, sentinel, with_replicas

_T = TypeVar("_T")
_WANTED = frozenset({Part.REPLICATION, Part.PROGRESS})


async def until(look: Callable[[], Awaitable[_T]], wanted: Callable[[_T], object], seconds: float = 60.0) -> _T:
    """Look again and again until what is seen is what is wanted."""
    end = time.monotonic() + seconds
    while True:
        found = None
        with contextlib.suppress(TargetError, KeyError):
            found = await look()
            if wanted(found):
                return found
        assert time.monotonic() < end, found
        await asyncio.sleep(0.05)


def peers(reading: Reading, role: str) -> dict[str, ReplicationPeer]:
    return {each.name: each for each in reading.replication or () if each.role == role}


def figures(reading: Reading, name: str) -> dict[Any, float]:
    return {each.labels: each.value for each in reading.samples if each.metric.name == name}


async def hot(collector: Collector) -> Reading:
    return await collector.collect(Tier.HOT, _WANTED)


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_primary_tells_of_its_replicas_and_each_replica_of_its_primary(version: str) -> None:
    with with_replicas(version) as (primary, one, two):
        collector = open_redis(primary.target(), SystemClock())
        names = {f"127.0.0.1:{server.port}" for server in (one, two)}
        primary.execute("SET", "k", "x" * 1000)
        seen = await until(lambda: hot(collector), lambda reading: all(peer.lag_bytes == 0 for peer in peers(reading, "standby").values()))
        assert set(peers(seen, "standby")) == names
        assert all(peer.state == "online" and peer.active for peer in peers(seen, "standby").values())
        assert seen.facts is not None
        assert seen.facts.role == "primary"
        assert figures(seen, "redis.replicas") == {(): 2.0}
        assert set(figures(seen, "replication.lag")) == {(("peer", name),) for name in names}
        await collector.close()

        collector = open_redis(one.target(), SystemClock())
        seen = await hot(collector)
        (upstream,) = peers(seen, "upstream").values()
        assert upstream.name == f"127.0.0.1:{primary.port}"
        assert upstream.state == "connected"
        assert upstream.lag_seconds == 0
        assert seen.facts is not None
        assert seen.facts.role == "replica"
        assert figures(seen, "redis.replication.link.down") == {(): 0.0}
        primary.kill()
        seen = await until(lambda: hot(collector), lambda reading: figures(reading, "redis.replication.link.down").get((), 0) > 0)
        (upstream,) = peers(seen, "upstream").values()
        assert upstream.state == "not connected"
        assert upstream.lag_seconds is not None
        assert upstream.lag_seconds > 0
        await collector.close()


async def test_a_replica_that_stands_still_is_seen_to_lag_in_bytes_and_seconds() -> None:
    with with_replicas(repl_timeout="3600") as (primary, one, two):
        collector = open_redis(primary.target(), SystemClock())
        name = f"127.0.0.1:{two.port}"
        process = psutil.Process(two.pid)
        suspend(process.pid)
        try:
            primary.execute("SET", "k", "x" * 100_000)
            seen = await until(
                lambda: hot(collector),
                lambda reading: (
                    (peers(reading, "standby")[name].lag_bytes or 0) > 50_000 and (peers(reading, "standby")[name].lag_seconds or 0) >= 2
                ),
            )
            other = peers(seen, "standby")[f"127.0.0.1:{one.port}"]
            assert (other.lag_seconds or 0) < (peers(seen, "standby")[name].lag_seconds or 0)
            assert figures(seen, "replication.lag.bytes")[(("peer", name),)] > 50_000
        finally:
            process.resume()
        await until(lambda: hot(collector), lambda reading: peers(reading, "standby")[name].lag_bytes == 0)
        await collector.close()


async def test_a_cluster_tells_of_its_nodes_and_of_one_that_is_down() -> None:
    with cluster() as nodes:
        collector = open_redis(nodes[0].target(), SystemClock())
        seen = await until(lambda: hot(collector), lambda reading: len(peers(reading, "node")) == 2)
        found = peers(seen, "node")
        assert set(found) == {f"127.0.0.1:{node.port}" for node in nodes[1:]}
        assert all(peer.state == "connected" and "slots" in dict(peer.details) for peer in found.values())
        warm = await collector.collect(Tier.WARM, EVERYTHING)
        assert figures(warm, "redis.cluster.down") == {(): 0.0}
        assert figures(warm, "redis.cluster.slots.unserved") == {(): 0.0}
        assert figures(warm, "redis.cluster.nodes.failed") == {(): 0.0}
        nodes[2].kill()

        async def look() -> Reading:
            return await collector.collect(Tier.WARM, EVERYTHING)

        warm = await until(look, lambda reading: figures(reading, "redis.cluster.down") == {(): 1.0})
        assert figures(warm, "redis.cluster.nodes.failed") == {(): 1.0}
        await until(lambda: hot(collector), lambda reading: "down" in peers(reading, "node")[f"127.0.0.1:{nodes[2].port}"].state)
        await collector.close()


async def test_a_sentinel_leads_to_the_primary_and_after_a_failover_to_the_new_one() -> None:
    with with_replicas(count=1) as (primary, replica), sentinel(primary) as watcher, redis_server() as stranger:
        url = f"redis://127.0.0.1:1,127.0.0.1:{watcher.port}/0?sentinel=mymaster"
        collector = open_redis(Target(TargetId("group"), parse_location(url)), SystemClock())
        assert _port(await hot(collector)) == primary.port
        primary.kill()
        assert _port(await until(lambda: hot(collector), lambda reading: _port(reading) == replica.port)) == replica.port
        await collector.close()

        for wrong, reason in ((url.replace("mymaster", "nobody"), FailureCode.MISSING), (_at(stranger), FailureCode.UNSUPPORTED)):
            collector = open_redis(Target(TargetId("wrong"), parse_location(wrong)), SystemClock())
            with pytest.raises(TargetError) as caught:
                await hot(collector)
            assert caught.value.reason is reason
            await collector.close()


def _at(server: RedisServer) -> str:
    return f"redis://127.0.0.1:{server.port}/0?sentinel=mymaster"


def _port(reading: Reading) -> int:
    assert reading.facts is not None
    assert reading.facts.role == "primary"
    return int(dict(reading.facts.details)["port"])


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_sentinel_itself_is_read_and_tells_what_it_watches(version: str) -> None:
    with redis_server(version) as primary, sentinel(primary, version) as watcher:
        collector = open_redis(watcher.target(), SystemClock())
        seen = await until(lambda: hot(collector), lambda reading: peers(reading, "watched"))
        (watched,) = peers(seen, "watched").values()
        assert (watched.name, watched.client, watched.state) == ("mymaster", f"127.0.0.1:{primary.port}", "ok")
        assert seen.facts is not None
        assert seen.facts.role == "sentinel"
        for tier in Tier:
            reading = await collector.collect(tier, EVERYTHING)
            assert reading.failures == (), "what it knows nothing of by its nature is no fault"
        assert Ability.REPLICATION in collector.abilities
        assert not collector.abilities & (Ability.SETTINGS | Ability.STATEMENTS | Ability.RELATIONS)
        primary.kill()
        seen = await until(lambda: hot(collector), lambda reading: figures(reading, "redis.sentinel.primaries.down") == {(): 1.0})
        await collector.close()


async def test_a_server_that_loads_its_data_says_so_with_its_progress() -> None:
    with redis_server(enable_debug_command="yes") as server:
        server.execute("DEBUG", "POPULATE", 200_000, "key", 100)
        server.execute("SAVE")
        server.settings["key-load-delay"] = "200"
        server.settings["loading-process-events-interval-bytes"] = "1024"
        server.stop()
        server.start(wait=False)
        collector = open_redis(server.target(), SystemClock())
        seen = await until(lambda: hot(collector), lambda reading: any(each.operation == "loading" for each in reading.progress or ()))
        (loading,) = [each for each in seen.progress or () if each.operation == "loading"]
        assert loading.total
        assert any(each.code is FailureCode.LOCKED and "loading" in each.message for each in seen.failures)
        server.kill()
        await collector.close()
